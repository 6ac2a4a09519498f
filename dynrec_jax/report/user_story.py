"""Two users whose interests changed, and what two methods made of that.

Paper: Sec 4.4, Fig. 4. There the two users were chosen by hand, with videos as
pictures; here a rule chooses them, and titles stand for the videos.
"""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from dynrec_jax.report import charts
from dynrec_jax.report.stories import Story

LEAST_BEHAVIOURS = 10  # of a chosen user; half as many in either half
_TOPICS, _WORDS = 7, 3  # shown of each user, and of each topic
_LIST = 3  # videos of each method
_LINE = 28  # letters of a title in a line; it has two
_WIDTH, _HEIGHT = 11.0, 4.0  # inches, of a user
# As printed: red is right, green is wrong.
_HIT, _MISS = '#c62828', '#2e7d32'


def choose(stories: Sequence[Story], count: int = 2) -> list[Story]:
  """The users whose topics changed most, by a rule that reads no list.

  Of users with at least `LEAST_BEHAVIOURS` behaviours, half of that before
  and half after the middle session, and behaviours in at least half of the
  sessions: those with the largest `shift`; ties by id.

  Args:
    stories: of one mode.
    count: how many.

  Returns:
    They, the largest shift first; fewer if fewer are eligible.
  """
  eligible = [story for story in stories if _is_eligible(story)]
  return sorted(eligible, key=lambda s: (-shift(s), s.user))[:count]


def shift(story: Story) -> float:
  """How far a user's topics moved, from 0 (nowhere) to 1 (none in common).

  Half the sum over topics of |late - early|, of the mean shares per behaviour
  before and after the middle session; an odd one in the middle is late. What
  a session has beyond its named topics counts as one topic more.
  """
  early, late = (_mean_shares(story, half) for half in _halves(story))
  topics = early.keys() | late.keys()
  return sum(abs(late.get(t, 0) - early.get(t, 0)) for t in topics) / 2


def top_topics(story: Story, count: int) -> list[int]:
  """The topics with most of the user's behaviours; ties by number."""
  mass: dict[int, float] = {}
  for shares, behaviours in zip(story.topics, story.behaviours, strict=True):
    for topic, share in shares.items():
      mass[topic] = mass.get(topic, 0) + share * behaviours
  return sorted(mass, key=lambda topic: (-mass[topic], topic))[:count]


def plot_stories(
  chosen: Sequence[Story],
  lists: Mapping[str, Mapping[str, Sequence[str]]],
  titles: Mapping[str, str],
  topic_words: Sequence[Sequence[str]],
) -> Figure:
  """A row per user: topics by session, and the first videos of each method.

  Paper: Fig. 4; a red box is a hit, a green one a miss.

  Args:
    chosen: see `choose`; at least one.
    lists: method as a reader calls it -> user -> own ids of videos, best
      first; what a method has of a user may be missing.
    titles: by the videos' own ids; without one the id is shown.
    topic_words: [K] each topic's words, or () if nobody knows them.

  Returns:
    The figure.

  Raises:
    ValueError: nobody is chosen.
  """
  if not chosen:
    raise ValueError('chosen is empty; right: at least one user')
  figure = Figure((_WIDTH, _HEIGHT * len(chosen)), layout='constrained')
  widths = [4] + [2.6] * len(lists)
  grid = figure.subplots(
    len(chosen), len(widths), width_ratios=widths, squeeze=False
  )
  for story, (bars, *columns) in zip(chosen, grid, strict=True):
    _draw_topics(bars, story, topic_words)
    for axes, (method, of_users) in zip(columns, lists.items(), strict=True):
      videos = of_users.get(story.user)
      axes.set_title(_plain(method), parse_math=False)
      axes.axis('off')
      _draw_list(axes, story, videos, titles)
  return figure


def _halves(story: Story) -> tuple[slice, slice]:
  """The sessions before and after the middle."""
  middle = len(story.behaviours) // 2
  return slice(0, middle), slice(middle, None)


def _is_eligible(story: Story) -> bool:
  """Whether the user did enough, early, late and over time."""
  count = np.array(story.behaviours)
  return (
    count.sum() >= LEAST_BEHAVIOURS
    and 2 * np.sum(count > 0) >= len(count)
    and all(
      2 * count[half].sum() >= LEAST_BEHAVIOURS for half in _halves(story)
    )
  )


def _mean_shares(story: Story, half: slice) -> dict[int, float]:
  """Each topic's share of the half's behaviours; -1 is all that is unnamed."""
  total = sum(story.behaviours[half])
  mean: dict[int, float] = {}
  for shares, count in zip(
    story.topics[half], story.behaviours[half], strict=True
  ):
    rest = 1 - sum(shares.values())
    for topic, share in (*shares.items(), (-1, rest)):
      mean[topic] = mean.get(topic, 0) + share * count / total
  return mean


def _draw_topics(
  axes: Axes, story: Story, topic_words: Sequence[Sequence[str]]
) -> None:
  """Stacked shares of each session, the topics' words in the legend."""
  place = np.arange(1, len(story.topics) + 1)
  bottom = np.zeros(len(place))
  top = top_topics(story, _TOPICS)
  bands = [
    (charts.topic_name(t, topic_words, _WORDS), _course(story, t), color)
    for t, color in zip(top, charts.PALETTE, strict=False)
  ]
  told = np.array([bool(shares) for shares in story.topics], float)
  named = sum((band for _, band, _ in bands), np.zeros(len(place)))
  rest = np.maximum(told - named, 0)
  for name, band, color in (*bands, ('other topics', rest, charts.REST)):
    look = {'width': 0.9, 'color': color, 'label': name}
    axes.bar(place, band, bottom=bottom, **look)
    bottom += band
  axes.set_title(f'user {_plain(story.user)}', parse_math=False)
  axes.set_xlabel('session')
  axes.set_xticks(place)
  axes.set_ylabel('share of behaviours')
  axes.set_ylim(0, 1)
  legend = axes.legend(
    loc='upper center',
    bbox_to_anchor=(0.5, -0.2),
    ncols=2,
    frameon=False,
    fontsize=8,
  )
  for text in legend.get_texts():
    text.set_parse_math(False)


def _course(story: Story, topic: int) -> np.ndarray:
  """[n_f] the topic's share of each session."""
  return np.array([shares.get(topic, 0.0) for shares in story.topics])


def _draw_list(
  axes: Axes,
  story: Story,
  videos: Sequence[str] | None,
  titles: Mapping[str, str],
) -> None:
  """The first videos in boxes, hits and misses told in words as well."""
  shown = list(videos or ())[:_LIST]
  if not shown:
    axes.text(0.5, 0.5, 'no list', ha='center', va='center', color='0.4')
  for place, video in enumerate(shown):
    hit = video in story.truth
    color = _HIT if hit else _MISS
    lines = textwrap.wrap(
      _plain(titles.get(video) or video),
      _LINE,
      max_lines=2,
      placeholder=' …',
    )
    bottom = 1 - (place + 1) / _LIST
    axes.add_patch(
      FancyBboxPatch(
        (0.05, bottom + 0.04),
        0.9,
        1 / _LIST - 0.08,
        boxstyle='round,pad=0,rounding_size=0.03',
        facecolor='white',
        edgecolor=color,
        linewidth=2.5 if hit else 1.5,
        linestyle='-' if hit else '--',
      )
    )
    axes.text(
      0.5,
      bottom + 0.5 / _LIST,
      '\n'.join([*lines, 'hit' if hit else 'miss']),
      ha='center',
      va='center',
      fontsize=9,
      parse_math=False,
    )


def _plain(text: str) -> str:
  """Printable text in one line."""
  return ''.join(c if c.isprintable() else ' ' for c in text)
