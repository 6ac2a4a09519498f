"""Virtual sequences: one training sample per user and session border.

Paper: Sec 4.1. For each train user and each session l < L with a behaviour up
to l and a watch after it: the input is the interest at the end of l, the
target the watches after l in time order.
"""

from typing import NamedTuple

import numpy as np

from dynrec_jax.data.histories import Histories, ragged_indices
from dynrec_jax.data.sessions import Sessions

HORIZONS = ('all_after', 'next_session', 'next_k')
TARGET_WEIGHTS = ('watch', 'measure')


class Samples(NamedTuple):
  """S pairs of a known past and the watches that follow.

  Attributes:
    user: [S] int32.
    session: [S] int32, l: everything before the end of session l is known.
    time: [S] int64 seconds, the end of session l, or a moment after it.
    watch_start: [S] int64, the user's first watch in `Histories.item`.
    history_count: [S] int32, watches before `time`, from watch_start on.
    target_count: [S] int32, target watches, which follow the history.
  """

  user: np.ndarray
  session: np.ndarray
  time: np.ndarray
  watch_start: np.ndarray
  history_count: np.ndarray
  target_count: np.ndarray

  def take(self, rows) -> 'Samples':
    """The named samples."""
    return Samples(*(column[rows] for column in self))


class Moments(NamedTuple):
  """When what is known ends, for samples.

  Attributes:
    session: [M] int32, the last session that has ended by then.
    time: [M] int64 seconds, ascending: the end of that session, or later.
  """

  session: np.ndarray
  time: np.ndarray


def virtual_sequences(
  watches: Histories,
  behaviours: Histories,
  sessions: Sessions,
  users: np.ndarray,
  *,
  horizon: str = 'all_after',
  max_target_len: int = 50,
  next_count: int = 5,
) -> Samples:
  """All training samples of the given users, in order of (user, session).

  Args:
    watches: what is predicted.
    behaviours: what the interest is made of: the watches themselves (single
      network) or the tweets (cross network).
    sessions: the borders.
    users: [n] train users, in any order; nothing of any other user is read.
    horizon: 'all_after' l, 'next_session' only, or the 'next_k' watches.
    max_target_len: longest target; later watches are cut.
    next_count: k of 'next_k'.

  Returns:
    The samples.

  Raises:
    ValueError: for an unknown horizon.
  """
  session = np.arange(1, sessions.count, dtype=np.int32)
  return sequences_at(
    watches,
    behaviours,
    sessions,
    users,
    Moments(session, sessions.borders[session]),
    horizon=horizon,
    max_target_len=max_target_len,
    next_count=next_count,
  )


def moments_until(sessions: Sessions, time: int) -> Moments:
  """Every border from the first session's end on that comes before a moment."""
  session = 1 + np.flatnonzero(sessions.borders[1:] < time).astype(np.int32)
  return Moments(session, sessions.borders[session])


def moments_from(sessions: Sessions, time: int) -> Moments:
  """A moment itself, and every border after it: what is watched then is later.

  Args:
    sessions: the borders.
    time: the end of the first session or later.
  """
  first = int(np.searchsorted(sessions.borders, time, side='right')) - 1
  session = np.arange(first, sessions.count + 1, dtype=np.int32)
  return Moments(session, np.append(time, sessions.borders[first + 1 :]))


def sequences_at(
  watches: Histories,
  behaviours: Histories,
  sessions: Sessions,
  users: np.ndarray,
  moments: Moments,
  *,
  horizon: str = 'all_after',
  max_target_len: int = 50,
  next_count: int = 5,
) -> Samples:
  """All training samples of the given users at some moments.

  Args:
    watches: see `virtual_sequences`, as all that stands there alone.
    behaviours: see there.
    sessions: see there; a session after the last has no end.
    users: see there.
    moments: where what is known ends.
    horizon: see there.
    max_target_len: see there.
    next_count: see there.

  Returns:
    The samples, in order of (user, moment).

  Raises:
    ValueError: for an unknown horizon.
  """
  if horizon not in HORIZONS:
    raise ValueError(f'horizon is {horizon!r}; valid are {", ".join(HORIZONS)}')
  users = np.unique(users)
  session, time = (np.tile(column, len(users)) for column in moments)
  user = np.repeat(users.astype(np.int32), len(moments.time))
  samples = _samples(watches, user, session, time)
  limit = next_count if horizon == 'next_k' else max_target_len
  after = samples.target_count
  if horizon == 'next_session':
    ends = np.append(sessions.borders, watches.time.max(initial=0) + 1)
    before = watches.count_before(user, ends[session + 1])
    after = before - samples.history_count
  samples = samples._replace(
    target_count=np.minimum(after, min(limit, max_target_len)).astype(np.int32)
  )
  known = behaviours.count_before(user, samples.time)
  return samples.take((known > 0) & (samples.target_count > 0))


def target_share(samples: Samples, wanted: np.ndarray) -> np.ndarray:
  """[S] which share of each sample's targets is among the wanted watches.

  Args:
    samples: any, each with a target.
    wanted: [n] bool, a row for each watch of the histories that they are of.
  """
  before = np.concatenate([[0], np.cumsum(wanted)])
  first = samples.watch_start + samples.history_count
  count = before[first + samples.target_count] - before[first]
  return count / samples.target_count


def with_some(
  samples: Samples, others: Samples, share: float, rng: np.random.Generator
) -> Samples:
  """Samples and some of others, drawn at random, in order of (user, moment).

  Args:
    samples: all of which are there.
    others: each of which is there once at most.
    share: others for each of `samples`, as far as there are so many.
    rng: of the draw.
  """
  wanted = min(len(others.user), round(share * len(samples.user)))
  rows = rng.choice(len(others.user), wanted, replace=False)
  return joined(samples, others.take(rows))


def joined(one: Samples, other: Samples) -> Samples:
  """The samples of both, in order of (user, moment)."""
  both = zip(one, other, strict=True)
  found = Samples(*(np.concatenate(pair) for pair in both))
  return found.take(np.lexsort((found.time, found.user)))


def samples_at(
  watches: Histories,
  users: np.ndarray,
  session: np.ndarray | int,
  sessions: Sessions,
) -> Samples:
  """One sample per user at the end of a session, all later watches as target.

  Users without a history or a target are kept, with a count of 0.
  """
  session = np.broadcast_to(np.asarray(session, np.int32), users.shape)
  return _samples(watches, users, session, sessions.borders[session])


def _samples(
  watches: Histories, users: np.ndarray, session: np.ndarray, time: np.ndarray
) -> Samples:
  """The same at any moments."""
  history = watches.count_before(users, time).astype(np.int32)
  start = watches.offsets[users]
  total = (watches.offsets[users + 1] - start).astype(np.int32)
  return Samples(
    users.astype(np.int32), session, time, start, history, total - history
  )


def target_weights(
  samples: Samples, weight: str, *, list_len: int
) -> np.ndarray | None:
  """How much every target of each sample counts in Eq (8).

  Differs: in the paper each watch counts 1. A hit in a list of k videos is
  worth 1/k in precision and 1/n in recall, of a user with n later watches, so
  'measure' weighs a sample's targets with c (1/k + 1/n) / 2, where
  c = sum_s n_s / sum_s (n_s/k + 1)/2: their mean over all targets is 1.

  Args:
    samples: all that is trained on, each with a target.
    weight: 'watch' is 1 each, 'measure' what a hit is worth.
    list_len: k.

  Returns:
    [S] float32; None of 'watch'.

  Raises:
    ValueError: for an unknown weight.
  """
  if weight not in TARGET_WEIGHTS:
    raise ValueError(
      f'weight is {weight!r}; valid are {", ".join(TARGET_WEIGHTS)}'
    )
  if weight == 'watch':
    return None
  count = samples.target_count.astype(np.float64)
  worth = (1 / list_len + 1 / count) / 2
  scale = count.sum() / max((count * worth).sum(), 1e-300)  # no sample: none
  return (scale * worth).astype(np.float32)


def history_indices(
  samples: Samples, *, max_len: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
  """Row and flat index of every known watch, the latest max_len of each row."""
  count = samples.history_count
  kept = count if max_len is None else np.minimum(count, max_len)
  return ragged_indices(samples.watch_start + count - kept, kept)


def targets_of(
  samples: Samples, watches: Histories
) -> tuple[np.ndarray, np.ndarray]:
  """Row and video of every target watch, in time order within a row."""
  first = samples.watch_start + samples.history_count
  row, index = ragged_indices(first, samples.target_count)
  return row, watches.item[index]


def padded(
  row: np.ndarray, values: np.ndarray, row_count: int, width: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
  """Ragged rows as a rectangle padded with 0, and the mask of real entries.

  Args:
    row: [n], ascending.
    values: [n].
    row_count: B.
    width: of the rectangle; the longest row, at least 1, if None.

  Returns:
    values: [B, width], where: [B, width] bool.
  """
  counts = np.bincount(row, minlength=row_count)
  if width is None:
    width = max(1, int(counts.max(initial=0)))
  where = np.arange(width) < counts[:, None]
  out = np.zeros((row_count, width), values.dtype)
  out[where] = values
  return out, where
