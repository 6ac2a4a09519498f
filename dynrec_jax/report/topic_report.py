"""Topics for a reader: which number was chosen, their words, their shares.

Arrays and rows in, markdown and PNG files out.
"""

from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dynrec_jax.storage import whole_files

_SIZE = (7.0, 4.0)  # inches
_DPI = 120


def session_shares(
  topics: np.ndarray, session: np.ndarray, *, session_count: int
) -> np.ndarray:
  """How behaviours divide among topics in each session.

  Args:
    topics: [n, K] topic vectors of behaviours: dense of a watch, one-hot of a
      tweet, zeros of one without a topic, which does not count.
    session: [n] int, session of each behaviour, in [0, session_count).
    session_count: L.

  Returns:
    [L, K] float64; a row sums to 1, or is 0 where no behaviour counts.

  Raises:
    ValueError: a session out of range.
  """
  wrong = np.flatnonzero((session < 0) | (session >= session_count))
  if wrong.size:
    raise ValueError(
      f'behaviour {wrong[0]} is of session {session[wrong[0]]}, not in [0, '
      f'{session_count})'
    )
  total = np.zeros((session_count, topics.shape[1]))
  np.add.at(total, session, topics)
  mass = total.sum(1, keepdims=True)
  return total / np.where(mass > 0, mass, 1)


# Of one number of topics: it, perplexity, sweeps, seconds.
Trial = tuple[int, float, int, float]


def count_table(trials: Sequence[Trial], chosen: Trial) -> str:
  """The fits as a markdown table, the chosen number of topics in bold."""
  lines = ['| K | perplexity | sweeps | seconds |', '|---|---|---|---|']
  for trial in trials:
    count, perplexity, sweeps, seconds = trial
    name = f'**{count}**' if trial == chosen else str(count)
    lines.append(f'| {name} | {perplexity:.1f} | {sweeps} | {seconds:.1f} |')
  return '\n'.join(lines)


def plot_counts(path: str, trials: Sequence[Trial], chosen: Trial) -> None:
  """Perplexity against the number of topics, the chosen one marked: a PNG."""
  figure = Figure(_SIZE, layout='constrained')
  axes = figure.add_subplot()
  counts, perplexities, *_ = zip(*sorted(trials), strict=True)
  axes.plot(counts, perplexities, 'o-')
  count, perplexity, *_ = chosen
  axes.plot([count], [perplexity], 's', markersize=10)
  axes.annotate(
    f'K = {count}',
    (count, perplexity),
    textcoords='offset points',
    xytext=(8, 8),
  )
  axes.set_xlabel('topics K')
  axes.set_ylabel('perplexity of held-out words')
  _save(figure, path)


def topic_table(top_words: Sequence[Sequence[str]], shares: np.ndarray) -> str:
  """Every topic's share, course and words as a markdown table.

  Args:
    top_words: K lists of words, best first; '' is no word.
    shares: [L, K] share per session, see `session_shares`.

  Returns:
    A table, the topic with the largest mean share over the sessions that have
    behaviours first; ties by number. The peak is the session of the topic's
    largest share, counted from 1.
  """
  mean = _mean_share(shares)
  lines = [
    '| topic | mean share | peak | first -> last | words |',
    '|---|---|---|---|---|',
  ]
  active = np.flatnonzero(shares.sum(1) > 0)
  for topic in np.argsort(-mean, kind='stable'):
    course = shares[active, topic]
    ends, peak = '', ''
    if len(active):
      ends = f'{course[0]:.1%} -> {course[-1]:.1%}'
      place = int(course.argmax())
      peak = f'{course[place]:.1%} in {active[place] + 1}'
    words = _cell(' '.join(word for word in top_words[topic] if word))
    lines.append(f'| {topic} | {mean[topic]:.1%} | {peak} | {ends} | {words} |')
  return '\n'.join(lines)


def plot_shares(
  path: str,
  shares: np.ndarray,
  top_words: Sequence[Sequence[str]],
  *,
  topic_count: int = 6,
  word_count: int = 4,
  title: str = '',
) -> None:
  """The course of the largest topics over the sessions: a PNG.

  Paper: Fig. 4 shows a user's topics over time; here as stacked shares, with
    the topics' words in the legend.

  Args:
    path: file to write.
    shares: [L, K], of all users or of one.
    top_words: K lists of words.
    topic_count: topics shown by themselves; the others are one band.
    word_count: words of each in the legend.
    title: above the plot.
  """
  mean = _mean_share(shares)
  shown = np.argsort(-mean, kind='stable')[:topic_count]
  rest = shares.sum(1) - shares[:, shown].sum(1)
  names = [
    f'{t}: ' + ' '.join([w for w in top_words[t] if w][:word_count])
    for t in shown
  ]
  figure = Figure((_SIZE[0] + 3, _SIZE[1]), layout='constrained')
  axes = figure.add_subplot()
  place = np.arange(1, len(shares) + 1)
  bottom = np.zeros(len(shares))
  for name, band in zip(
    [*names, 'other topics'], [*shares[:, shown].T, rest], strict=True
  ):
    color = {'color': '0.85'} if name == 'other topics' else {}
    axes.bar(place, band, bottom=bottom, width=0.9, label=name, **color)
    bottom += band
  axes.set_xlabel('session')
  axes.set_ylabel('share of behaviours')
  axes.set_ylim(0, 1)
  axes.set_title(title)
  figure.legend(loc='outside right upper', frameon=False)
  _save(figure, path)


def _mean_share(shares):
  """[K] mean over the sessions that have behaviours."""
  active = shares.sum(1) > 0
  return shares[active].sum(0) / max(int(active.sum()), 1)


def _cell(text):
  """Text that cannot end a cell of a table."""
  return text.replace('|', r'\|').replace('\n', ' ')


def _save(figure, path):
  """Writes the file; no display, no global state, no date."""
  FigureCanvasAgg(figure)
  with whole_files.whole_file(path, binary=True) as file:
    figure.savefig(file, format='png', dpi=_DPI, metadata={'Software': None})
