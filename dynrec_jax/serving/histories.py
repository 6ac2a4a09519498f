"""Histories as the inputs of an exported network, in NumPy alone.

An exported folder holds a copy of this file, which imports nothing of the
package: it reads a history as `data.query_inputs` does, number for number.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

_WORD = (1 << 64) - 1  # 64 bits
_LEAST = float(np.finfo(np.float32).tiny)
# What was watched, written or is felt, and when: seconds since 1970.
Event = tuple[Any, int]


class Reader:
  """Reads users' histories as one folder's network does.

  Attributes:
    unlisted: watches left out so far, as their videos are none of the folder.
  """

  def __init__(
    self,
    manifest: Mapping[str, Any],
    videos: Sequence[str],
    tables: Mapping[str, np.ndarray],
    topics_of: Callable[[Sequence[str]], np.ndarray] | None = None,
  ):
    """Keeps what histories are read with.

    Args:
      manifest: of the folder.
      videos: [V] ids.
      tables: of the folder: 'topics' of what histories are about, and of
        videos 'ties', by which watches of one moment are told apart.
      topics_of: texts of tweets -> rows of `topics`, -1 of none; only where
        histories are of tweets.
    """
    self.unlisted = 0
    self._inputs = manifest['inputs']
    self._reading = manifest['reading']
    self._place = {video: row for row, video in enumerate(videos)}
    self._tables = tables
    self._topics_of = topics_of

  def inputs(
    self, histories: Sequence[Sequence[Event]]
  ) -> dict[str, np.ndarray]:
    """What the network reads of some users, a row each.

    Args:
      histories: of each user (what, seconds), in any order. What is a video's
        id, a tweet's text or a vector, as `reading.of` of the manifest says.
    """
    rows = [self._row(history) for history in histories]
    width = max([1, *(len(row['known']) for row in rows)])
    known = [_padded(row.pop('known'), width, -1) for row in rows]
    found = {'known': np.stack(known).astype(np.int32)} | {
      name: np.stack([row[name] for row in rows]) for name in rows[0]
    }
    return {
      name: found[name].astype(dtype)
      for name, (_, dtype) in self._inputs.items()
    }

  def _row(self, history: Sequence[Event]) -> dict[str, np.ndarray]:
    """All that may be read of one user."""
    of = self._reading
    watches, events, topics = self._events(history)
    now = max([of['end'], *(1 + time for _, time in events[-1:])])
    item = np.array([item for item, _ in events], np.int64)
    times = np.array([time for _, time in events], np.int64)
    moments = [*of['borders'], now]
    row = {
      'interests': np.stack(
        [interest(item, times, topics, at, of) for at in moments]
      )
    }
    video = np.array([video for video, _ in watches], np.int64)
    latest = video[max(0, len(video) - of['max_len']) :]
    row['watches'] = _padded(latest, of['max_len'], 0)
    row['watch_count'] = np.array(len(latest))
    row['known'] = video if of['mask_known'] else video[:0]
    when = np.array([time for _, time in watches], np.int64)
    return row | bag(video, when, now, of)

  def _events(
    self, history: Sequence[Event]
  ) -> tuple[list[Event], list[Event], np.ndarray]:
    """Watches, and events about rows of a table of topics, oldest first."""
    topics = self._tables.get('topics')
    if self._reading['of'] == 'watches':
      watches = self._watches(history)
      return watches, watches, topics
    if self._reading['of'] == 'vectors':
      own = [(np.asarray(of, np.float32), time) for of, time in history]
      own.sort(key=lambda event: (event[1], event[0].tobytes()))
      size = self._reading['interest_size']
      topics = np.array([of for of, _ in own], np.float32).reshape(-1, size)
      return [], [(row, time) for row, (_, time) in enumerate(own)], topics
    tweets = sorted(history, key=lambda event: (event[1], event[0]))
    rows = self._topics_of([text for text, _ in tweets])
    events = [
      (row % len(topics), time)  # -1 is the last, of no topic
      for row, (_, time) in zip(rows.tolist(), tweets, strict=True)
    ]
    return [], events, topics

  def _watches(self, history: Sequence[Event]) -> list[Event]:
    """The first watch of each listed video, oldest first."""
    listed = [(self._place.get(video, -1), time) for video, time in history]
    listed = [event for event in listed if event[0] >= 0]
    self.unlisted += len(history) - len(listed)
    ties = self._tables['ties']
    listed.sort(
      key=lambda event: (event[1], _mixed(int(ties[event[0]]), event[1]))
    )
    first: dict[int, int] = {}
    for video, time in listed:
      first.setdefault(video, time)
    return list(first.items())


def interest(
  item: np.ndarray,
  times: np.ndarray,
  topics: np.ndarray,
  now: int,
  reading: Mapping[str, Any],
) -> np.ndarray:
  """[K] float32, the interest of one user at a moment.

  Paper: Eq (2), u = (1/N_u) sum_i m_i exp(-decay * age_i).

  Args:
    item: [n] rows of `topics`.
    times: [n] seconds, ascending.
    topics: [R, K]; a row of zeros says nothing.
    now: what is at this second or later is not read.
    reading: of the manifest: `decay`, `unit_secs`, `norm`.
  """
  before = np.searchsorted(times, now)
  about, times = topics[item[:before]], times[:before]
  tells = about.any(axis=1)
  norm, since = reading['norm'], now
  if not tells.any():
    return np.zeros(topics.shape[1], np.float32)
  if norm != 'count':  # which cancels what all weights share
    since = times[tells][-1]
  ages = np.maximum(since - times, 0) / reading['unit_secs']
  weights = np.exp(-reading['decay'] * ages) * tells
  # One after the other, as a sparse product adds them up.
  pooled = np.cumsum(weights[:, None] * about, axis=0)[-1]
  total = float(np.count_nonzero(tells))
  if norm == 'sum_weights':
    total = np.cumsum(weights)[-1]
  elif norm == 'l2':
    total = np.linalg.norm(pooled[None], axis=1)[0]
  return (pooled / (total if total > 0 else 1)).astype(np.float32)


def bag(
  video: np.ndarray, times: np.ndarray, now: int, reading: Mapping[str, Any]
) -> dict[str, np.ndarray]:
  """The latest watches, each weighing exp(-decay age) beside the newest.

  Args:
    video: [n] rows, each once, oldest first.
    times: [n] seconds.
    now: after all of them.
    reading: of the manifest: `decay`, `unit_secs`, `max_bag`.
  """
  size = reading['max_bag']
  video, times = video[max(0, len(video) - size) :], times[-size:]
  last = times[-1] if len(times) else now
  ages = (last - times) / reading['unit_secs']
  weights = np.maximum(np.exp(-reading['decay'] * ages), _LEAST)
  away = np.array([now - last]) / reading['unit_secs']
  newest = np.exp(-reading['decay'] * away)[0] if len(times) else 0.0
  return {
    'bag': _padded(video, size, 0),
    'bag_weights': _padded(weights, size, 0),
    'bag_newest': np.array(newest),
  }


def _padded(values: np.ndarray, size: int, value: int) -> np.ndarray:
  """The values and others behind them."""
  return np.pad(values, (0, size - len(values)), constant_values=value)


def _mixed(*columns: int) -> int:
  """A number for some numbers, see `storage.digests.mixed`."""
  found = 0
  for column in columns:
    found = (found + 0x9E3779B97F4A7C15 + column) & _WORD
    found = ((found ^ (found >> 30)) * 0xBF58476D1CE4E5B9) & _WORD
    found = ((found ^ (found >> 27)) * 0x94D049BB133111EB) & _WORD
    found ^= found >> 31
  return found
