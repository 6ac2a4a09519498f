"""How events spread over time: what is their bulk, what strays, what is empty.

One row with a wrong time stretches whatever is measured from the first event
to the last.
"""

import itertools
from typing import NamedTuple

import numpy as np

from dynrec_jax.data.sessions import Sessions

_WIDE = 1 / 4  # of a span: a gap that hardly any log has
_THIN = 0.01  # of a session's fair share of the events
_FEW = 3  # strays of a log of less than 300 events


class Event(NamedTuple):
  """A watch or a tweet, told by what its row says.

  Attributes:
    table: 'watches' or 'tweets'.
    user: its user's id.
    video: the video's id; '' of a tweet.
    time: seconds.
  """

  table: str
  user: str
  video: str
  time: int


class Gap(NamedTuple):
  """A stretch without an event.

  Attributes:
    start: its last event before it, or where the span begins; seconds.
    end: the first event after it, or where the span ends.
  """

  start: int
  end: int


class Spread(NamedTuple):
  """How events lie in a span.

  Attributes:
    counts: [L] int64, events of each session.
    thin: [n] sessions (1..L) with less than 1 % of their fair share.
    gaps: stretches without an event of more than a quarter of the span.
  """

  counts: np.ndarray
  thin: np.ndarray
  gaps: list[Gap]


def bulk(times: np.ndarray) -> tuple[int, int]:
  """The first and the last time of the events that belong together.

  A few events, at most 1 % of all (of less than 300, one in ten, and three),
  beyond a gap of more than a quarter of the whole stretch do not.

  Args:
    times: [n] seconds, one or more, in any order.
  """
  times = np.sort(times)
  few = max(len(times) // 100, min(_FEW, len(times) // 10))
  low, high = 0, len(times)
  while high - low > 1:
    own = times[low:high]
    wide = np.flatnonzero(np.diff(own) > _WIDE * (own[-1] - own[0])) + 1
    before = wide[low + wide <= few]
    after = wide[len(times) - low - wide <= few]
    if len(before):
      low += int(before[-1])
    elif len(after):
      high = low + int(after[0])
    else:
      break
  return int(times[low]), int(times[high - 1])


def spread(times: np.ndarray, clock: Sessions) -> Spread:
  """How the events of a span lie in its sessions.

  Args:
    times: [n] seconds, all of them in the span.
    clock: its sessions.
  """
  counts = np.bincount(clock.of(times), minlength=clock.count + 1)[1:]
  fair = len(times) / clock.count
  start, end = clock.end(0), clock.end(clock.count)
  ends = [start, *np.unique(times).tolist(), end]
  gaps = [
    Gap(*both)
    for both in itertools.pairwise(ends)
    if both[1] - both[0] > _WIDE * (end - start)
  ]
  return Spread(counts, 1 + np.flatnonzero(counts < _THIN * fair), gaps)
