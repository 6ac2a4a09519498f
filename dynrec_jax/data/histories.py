"""Events by user in compressed rows: offsets into flat arrays, nothing copied.

Everything downstream (samples, triplets, batches) is an index into these
arrays, so 900 k watches of 4 k users stay at 900 k rows whatever is made of
them.
"""

from typing import NamedTuple

import numpy as np

from dynrec_jax.data.records import Tweets, Watches

_FAR = np.iinfo(np.int64).max


class Histories(NamedTuple):
  """Each user's events in time order.

  Attributes:
    offsets: [U + 1] int64; user u's events are offsets[u]:offsets[u + 1].
    item: [n] int32, what the event is about: a row of a topic table (watches:
      the video).
    time: [n] int64 seconds, ascending within a user.
  """

  offsets: np.ndarray
  item: np.ndarray
  time: np.ndarray

  @property
  def user_count(self) -> int:
    """U."""
    return len(self.offsets) - 1

  def items_of(self, user: int) -> np.ndarray:
    """The user's items in time order."""
    return self.item[self.offsets[user] : self.offsets[user + 1]]

  def last_times(self, default: int) -> np.ndarray:
    """[U] int64, when each user's last event was; `default` of none."""
    out = np.full(self.user_count, default, np.int64)
    has = self.offsets[1:] > self.offsets[:-1]
    out[has] = self.time[self.offsets[1:][has] - 1]
    return out

  def count_before(self, users: np.ndarray, times: np.ndarray) -> np.ndarray:
    """How many events each user has strictly before each time."""
    # One search for all: (user, time) pairs as single ascending numbers.
    low = min(self.time.min(initial=_FAR), times.min(initial=_FAR))
    high = max(self.time.max(initial=low), times.max(initial=low))
    owner = np.repeat(np.arange(self.user_count), np.diff(self.offsets))
    keys = owner * (high - low + 1) + (self.time - low)
    wanted = users.astype(np.int64) * (high - low + 1) + (times - low)
    return np.searchsorted(keys, wanted) - self.offsets[users]


def watch_histories(watches: Watches, user_count: int) -> Histories:
  """The watches by user; rows must be in order of (user, time)."""
  return _histories(watches.user, watches.video, watches.time, user_count)


def tweet_histories(
  tweets: Tweets, topic_rows: np.ndarray, user_count: int
) -> Histories:
  """The tweets by user; `topic_rows[i]` is tweet i's row of a topic table."""
  return _histories(tweets.user, topic_rows, tweets.time, user_count)


def rows_before(
  histories: Histories, users: np.ndarray, times: np.ndarray
) -> tuple[Histories, np.ndarray]:
  """Each named user's events before a time of its own, a row per name.

  Args:
    histories: of all users.
    users: [B] positions, any number of times each.
    times: [B] seconds; an event at the same second is not before it.

  Returns:
    The rows, and the place in `histories` of each of their events.
  """
  counts = histories.count_before(users, times)
  return _slices(histories, histories.offsets[users], counts)


def rows_from(
  histories: Histories, users: np.ndarray, times: np.ndarray
) -> tuple[Histories, np.ndarray]:
  """The events that `rows_before` leaves out, a row per name."""
  before = histories.count_before(users, times)
  counts = np.diff(histories.offsets)[users] - before
  return _slices(histories, histories.offsets[users] + before, counts)


def take_rows(
  histories: Histories, rows: np.ndarray
) -> tuple[Histories, np.ndarray]:
  """The named rows, and the place in `histories` of each of their events."""
  counts = np.diff(histories.offsets)[rows]
  return _slices(histories, histories.offsets[rows], counts)


def no_events(row_count: int) -> Histories:
  """Rows without any event."""
  nothing = np.zeros(0, np.int32)
  return Histories(
    np.zeros(row_count + 1, np.int64), nothing, nothing.astype(np.int64)
  )


def joined(first: Histories, second: Histories) -> Histories:
  """The rows of both, one after the other."""
  return Histories(
    np.concatenate([first.offsets, first.offsets[-1] + second.offsets[1:]]),
    np.concatenate([first.item, second.item]),
    np.concatenate([first.time, second.time]),
  )


def ragged_indices(
  starts: np.ndarray, counts: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """Row and flat index of every element of the slices [start, start + count).

  Returns:
    row: [sum(counts)], the slice an element belongs to.
    index: [sum(counts)], its place in the flat array.
  """
  row = np.repeat(np.arange(len(counts)), counts)
  return row, starts[row] + within(row, counts)


def within(row: np.ndarray, counts: np.ndarray) -> np.ndarray:
  """The place of each element of ragged rows in its own row."""
  return np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)


def _slices(
  histories: Histories, starts: np.ndarray, counts: np.ndarray
) -> tuple[Histories, np.ndarray]:
  """Slices as rows of their own, and the places of their events."""
  _, index = ragged_indices(starts, counts)
  offsets = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
  rows = Histories(offsets, histories.item[index], histories.time[index])
  return rows, index


def _histories(user, item, time, user_count) -> Histories:
  """Checks the order and makes the offsets."""
  same = user[1:] == user[:-1]
  if np.any(user[1:] < user[:-1]) or np.any(same & (time[1:] < time[:-1])):
    raise ValueError('events must be in order of (user, time)')
  offsets = np.zeros(user_count + 1, np.int64)
  np.cumsum(np.bincount(user, minlength=user_count), out=offsets[1:])
  return Histories(offsets, item.astype(np.int32), time)
