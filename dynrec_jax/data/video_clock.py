"""Videos at a moment: how often they were watched before it, and how old.

What a forecast of watches reads (`models.clock`). Times are told in sessions
since the span began, so that a border is a whole number.
"""

from typing import NamedTuple

import numpy as np

from dynrec_jax.data import histories
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.sessions import Sessions

# Windows before a moment, in sessions, whose watches are counted apart.
_WINDOWS = ((0, 0.25), (0.25, 0.5), (0.5, 1), (1, 2), (2, 4), (4, np.inf))
# Of each: the windows, all of them, whether there was none, time since a first.
STATE_SIZE = len(_WINDOWS) + 3


class VideoStates(NamedTuple):
  """V videos at N moments.

  Attributes:
    moment: [N] float32, sessions since the span began.
    state: [N, V, STATE_SIZE] float32, log(1 + watches) in each window before
      the moment and in all, 1 where there was none yet, and log(1 + 8 age) of
      the first one.
    upload: [V] float32, when each video came out; 0 where that is unknown.
    has_upload: [V] bool.
    categories: [V, C] float32, 1 where a video is of a category.
  """

  moment: np.ndarray
  state: np.ndarray
  upload: np.ndarray
  has_upload: np.ndarray
  categories: np.ndarray


class Windows(NamedTuple):
  """W stretches of time, each seen from a moment before it.

  Attributes:
    moment: [W] int32, row of `VideoStates`.
    middle: [W] float32, sessions since the span began.
    counts: [W, V] float32, watches of users who were known at the moment.
  """

  moment: np.ndarray
  middle: np.ndarray
  counts: np.ndarray


class Log(NamedTuple):
  """The watches that may be read, in any order.

  Attributes:
    user: [n] int64.
    video: [n] int32.
    time: [n] float64, sessions since the span began.
    user_count: U.
    video_count: V.
  """

  user: np.ndarray
  video: np.ndarray
  time: np.ndarray
  user_count: int
  video_count: int

  def counts(self, start: float, end: float, users: np.ndarray) -> np.ndarray:
    """[V] float32 watches in [start, end) of some users, [U] bool."""
    inside = (self.time >= start) & (self.time < end) & users[self.user]
    found = np.bincount(self.video[inside], minlength=self.video_count)
    return found.astype(np.float32)

  def known_users(self, moment: float) -> np.ndarray:
    """[U] bool, who watched anything before a moment."""
    known = np.zeros(self.user_count, bool)
    known[self.user[self.time < moment]] = True
    return known


def in_sessions(times: np.ndarray, clock: Sessions) -> np.ndarray:
  """[n] float64, sessions since the span began; borders are whole numbers.

  Outside of the span a session is as long as the mean one.
  """
  borders = clock.borders.astype(np.float64)
  mean = (borders[-1] - borders[0]) / clock.count
  inside = np.interp(times, borders, np.arange(clock.count + 1.0))
  before = np.minimum(times - borders[0], 0) / mean
  after = np.maximum(times - borders[-1], 0) / mean
  return inside + before + after


def log_of(
  watches: Histories, users: np.ndarray, clock: Sessions, video_count: int
) -> Log:
  """The watches of the users who train.

  Args:
    watches: of all users, up to what may be read.
    users: [n] positions; nobody else's watches are read.
    clock: the sessions.
    video_count: V.
  """
  own, _ = histories.take_rows(watches, users)
  user = np.repeat(np.arange(own.user_count), np.diff(own.offsets))
  time = in_sessions(own.time, clock)
  return Log(user, own.item, time, own.user_count, video_count)


def states_at(
  log: Log,
  moments: np.ndarray,
  upload: np.ndarray,
  categories: np.ndarray,
) -> VideoStates:
  """The videos at each moment.

  Leaks: the row of a moment reads no watch from the moment on.

  Args:
    log: the watches.
    moments: [N] sessions since the span began.
    upload: [V] the same of when each came out; NaN where it is unknown.
    categories: [V, C].
  """
  known = ~np.isnan(upload)
  return VideoStates(
    moment=np.asarray(moments, np.float32),
    state=np.stack([_state(log, float(moment)) for moment in moments]),
    upload=np.where(known, upload, 0).astype(np.float32),
    has_upload=known,
    categories=categories,
  )


def windows_between(
  log: Log, moments: np.ndarray, end: float, *, width: float
) -> Windows:
  """From every moment to the end, cut into windows; those without a watch out.

  Args:
    log: the watches.
    moments: [N] sessions since the span began.
    end: where the last window ends.
    width: of a window, sessions; the last of a moment may be narrower.
  """
  rows, middles, counts = [], [], []
  for row, moment in enumerate(moments):
    users = log.known_users(moment)
    for start in np.arange(moment, end - 1e-6, width):
      stop = min(start + width, end)
      found = log.counts(start, stop, users)
      if found.any():
        rows.append(row)
        middles.append((start + stop) / 2)
        counts.append(found)
  return Windows(
    np.array(rows, np.int32),
    np.array(middles, np.float32),
    np.array(counts, np.float32).reshape(len(rows), log.video_count),
  )


def _state(log: Log, moment: float) -> np.ndarray:
  """[V, STATE_SIZE] at one moment."""
  everyone = np.ones(log.user_count, bool)
  counts = [
    log.counts(moment - far, moment - near, everyone) for near, far in _WINDOWS
  ]
  first = np.full(log.video_count, np.inf)
  past = log.time < moment
  np.minimum.at(first, log.video[past], log.time[past])
  never = np.isinf(first)
  age = moment - np.where(never, moment, first)
  columns = [np.log1p(x) for x in (*counts, np.sum(counts, axis=0))]
  columns += [never, np.log1p(8 * age)]
  return np.stack(columns, axis=1).astype(np.float32)
