"""Why users are recommended what they are: a page of history, interest, list.

Nothing is explained by another model: parts of a score add up to it, and an
event counts as much as the score falls when it alone had not been.
"""

import datetime
from collections.abc import Mapping, Sequence

import ml_collections
import numpy as np
from absl import logging

from dynrec_jax.data import interests
from dynrec_jax.data.histories import Histories
from dynrec_jax.parallel import hosts
from dynrec_jax.recommender import Queries
from dynrec_jax.report import charts, explanation
from dynrec_jax.report.explanation import (
  Explanation,
  ListedVideo,
  Reason,
  SessionEvents,
)
from dynrec_jax.study import recommend, settings, workdir
from dynrec_jax.study.parts import make_parts, with_whole_catalogue
from dynrec_jax.study.prepare import Prepared

FILE = 'explanation.html'
_USERS = 10  # explained where nobody is named
_EVENTS = 100  # latest ones that are shown, and tried as reasons
_TOPICS, _WORDS = 6, 4
_REASONS = 3
_LEAST = 0.005  # a reason that is told as 0.00 is none
_LETTERS = 140  # of a tweet

# Queries and lists' videos -> parts of their scores by name, [B, k].
ScoreParts = Mapping[str, np.ndarray]


def explain(config: ml_collections.ConfigDict, prepared: Prepared) -> str:
  """Writes a page about users' lists, those that `mode=recommend` makes.

  Users are those of `recommend.users` or of the file `recommend.history`;
  where neither names any, the first few of the data.

  Returns:
    The path of the page.

  Raises:
    ValueError: see `recommend.ask` and `recommend.load_params`.
  """
  asked = recommend.ask(config, prepared)
  ids, queries = asked.ids, asked.queries
  if not len(config.recommend.users) and len(ids) > _USERS:
    logging.info(
      'the first %d of %d users are explained; recommend.users names others',
      _USERS,
      len(ids),
    )
    ids, queries = ids[:_USERS], queries.take(slice(_USERS))
  config = with_whole_catalogue(config)  # parts compare with all videos
  parts = make_parts(config, prepared)
  params = recommend.load_params(config, parts, asked.split)
  predictor, params = parts.served(config, params)
  lists = predictor.recommender(params)(queries, config.decode.k)

  def score_parts(queries: Queries, ids: np.ndarray) -> ScoreParts:
    return predictor.score_parts(params, queries, ids)

  found = [
    Explanation(
      str(ids[row]),
      _moment(int(queries.time[row])),
      *_history(prepared, queries.take(np.array([row]))),
      _interest(config, prepared, queries.take(np.array([row]))),
      _videos(prepared, score_parts, queries.take(np.array([row])), of_row),
    )
    for row, of_row in enumerate(zip(*lists, strict=True))
  ]
  note = settings.origin_note(config).strip()
  text = explanation.render(
    'Why these videos',
    f'{config.data.name}, {config.scenario}, network {config.model.network}',
    found,
    [note] if note else [],
  )
  if hosts.is_writer():
    workdir.write_text(config, FILE, text)
  return workdir.path_of(config, FILE)


def _moment(time: int) -> str:
  """A time as a reader writes it."""
  return datetime.datetime.fromtimestamp(time, datetime.UTC).strftime('%F %R')


def _history(
  prepared: Prepared, asked: Queries
) -> tuple[list[SessionEvents], int]:
  """One query's latest events by session, and how many came before them."""
  lines = _lines(prepared, asked)
  session = asked.clock.of(asked.behaviours.time)
  first = max(0, len(lines) - _EVENTS)
  shown = [
    SessionEvents(
      _session_name(asked, number),
      [lines[i] for i in range(first, len(lines)) if session[i] == number],
    )
    for number in np.unique(session[first:]).tolist()
  ]
  return shown, first


def _session_name(asked: Queries, number: int) -> str:
  """A session and its dates; what lies outside of the span has names too."""
  clock = asked.clock
  if number == 0:
    return 'before the first session'
  if number > clock.count:
    return 'after the last session'
  begin, end = clock.borders[number - 1], clock.borders[number]
  return f'session {number}: {_day(begin)} to {_day(end - 1)}'


def _day(time: int) -> str:
  """The date of a time."""
  return _moment(int(time)).split()[0]


def _lines(prepared: Prepared, asked: Queries) -> list[str]:
  """A line of each behaviour of one query."""
  if _of_watches(prepared):
    videos = prepared.records.videos
    return [_title(videos, video) for video in asked.watches.item]
  times = asked.behaviours.time
  texts = [''] * len(times) if asked.texts is None else asked.texts
  return [
    _cut(' '.join(str(text).split())) or f'a tweet of {_day(time)}'
    for text, time in zip(texts, times, strict=True)
  ]


def _of_watches(prepared: Prepared) -> bool:
  """Whether interests are made of watches, and not of tweets."""
  return prepared.tweet_texts is None


def _cut(text: str) -> str:
  """At most _LETTERS of a text."""
  return text if len(text) <= _LETTERS else f'{text[: _LETTERS - 1]}…'


def _title(videos, video: int) -> str:
  """A video's title; its id where it has none."""
  return str(videos.title[video]) or str(videos.id[video])


def _interest(
  config: ml_collections.ConfigDict, prepared: Prepared, asked: Queries
) -> list[tuple[str, float]]:
  """The largest topics of one query's u, Eq (2), as shares."""
  interest = interests.user_interests(
    asked.behaviours,
    asked.topics,
    np.zeros(1, np.int64),
    asked.time,
    norm=config.interest.norm,
    **settings.decay(config, prepared),
  )[0]
  total = float(interest.sum())
  if total <= 0:
    return []
  order = np.argsort(-interest, kind='stable')[:_TOPICS]
  return [
    (
      charts.topic_name(int(topic), prepared.topic_words, _WORDS),
      float(interest[topic]) / total,
    )
    for topic in order
    if interest[topic] > 0
  ]


def _videos(
  prepared: Prepared,
  score_parts,
  asked: Queries,
  made: tuple[np.ndarray, np.ndarray],
) -> list[ListedVideo]:
  """One query's list with its parts and reasons."""
  ids, scores = made
  ids = ids[ids >= 0]
  if not len(ids):
    return []
  parts = {
    name: values[0] for name, values in score_parts(asked, ids[None]).items()
  }
  changes, lines = _changes(prepared, score_parts, asked, ids, parts)
  videos = prepared.records.videos
  return [
    ListedVideo(
      str(videos.id[video]),
      str(videos.title[video]),
      ', '.join(map(str, videos.categories[video])),
      float(scores[place]),
      {name: float(values[place]) for name, values in parts.items()},
      _reasons(changes[:, place], lines),
    )
    for place, video in enumerate(ids.tolist())
  ]


def _changes(
  prepared: Prepared,
  score_parts,
  asked: Queries,
  ids: np.ndarray,
  parts: ScoreParts,
) -> tuple[np.ndarray, list[str]]:
  """[n, k] what each of the latest events adds to each video, and the events.

  The list is held as it is: without an event another might have been made.
  """
  lines = _lines(prepared, asked)
  places = np.arange(max(0, len(lines) - _EVENTS), len(lines))
  if not len(places):
    return np.zeros((0, len(ids))), []
  others = without_each(asked, places, of_watches=_of_watches(prepared))
  table = np.broadcast_to(ids, (len(places), len(ids)))
  without = sum(score_parts(others, table).values())
  whole = sum(parts.values())
  return whole - without, [lines[place] for place in places]


def without_each(
  asked: Queries, places: np.ndarray, *, of_watches: bool
) -> Queries:
  """One query as often as places are named, each time less one behaviour.

  Args:
    asked: one query.
    places: of its behaviours.
    of_watches: whether these are its watches, which go with them.
  """
  count = len(asked.behaviours.item)
  kept = np.array(
    [np.delete(np.arange(count), place) for place in places], np.int64
  ).reshape(len(places), count - 1)
  queries = asked.take(np.zeros(len(places), np.int64))
  behaviours = _rows(asked.behaviours, kept)
  texts = asked.texts
  return queries._replace(
    watches=_rows(asked.watches, kept) if of_watches else queries.watches,
    behaviours=behaviours,
    texts=None if texts is None else texts[kept.reshape(-1)],
  )


def _rows(events: Histories, kept: np.ndarray) -> Histories:
  """The kept events, a row each."""
  count, size = kept.shape
  flat = kept.reshape(-1)
  offsets = size * np.arange(count + 1, dtype=np.int64)
  return Histories(offsets, events.item[flat], events.time[flat])


def _reasons(changes: np.ndarray, lines: Sequence[str]) -> list[Reason]:
  """The events that speak most for a video; ties to the later one."""
  order = np.argsort(-changes[::-1], kind='stable')[:_REASONS]
  places = len(changes) - 1 - order
  return [
    Reason(lines[place], float(changes[place]))
    for place in places
    if changes[place] >= _LEAST
  ]
