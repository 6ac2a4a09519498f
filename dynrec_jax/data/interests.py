"""Current interests u of many (user, time) pairs, Eq (2), made once."""

import itertools

import numpy as np
import scipy.sparse

from dynrec_jax import interest
from dynrec_jax.data.histories import Histories, ragged_indices

_BLOCK_EVENTS = 2**20  # behaviours weighed at a time


def user_interests(
  behaviours: Histories,
  topics: np.ndarray,
  users: np.ndarray,
  times: np.ndarray,
  *,
  decay: float,
  unit_secs: float,
  norm: str,
) -> np.ndarray:
  """The interest of each user at each time, from behaviours before it alone.

  Paper: Eq (2), u = (1/N_u) sum_i m_i exp(-decay * age_i), of ragged rows as
  one sparse product: padding them would cost more than the sum itself.

  Where N_u cancels what all weights share, ages are told from the user's own
  newest behaviour, whose weight is then 1: however long ago that was, no sum
  of weights is 0.

  Args:
    behaviours: events whose items are rows of `topics`.
    topics: [R, K] topic vectors; an event about a row of zeros (a video
      without words) says nothing of interests and is left out.
    users: [S].
    times: [S] seconds; an event at the same second belongs to the next session
      and is not read.
    decay: lambda per unit of age.
    unit_secs: seconds in a unit of age.
    norm: N_u, see `interest.normalised`.

  Returns:
    [S, K] float32; zeros where there is no behaviour yet.

  Raises:
    ValueError: for an unknown norm.
  """
  interest.check_norm(norm)
  counts = behaviours.count_before(users, times)
  has_topics = topics.any(axis=1)
  out = np.zeros((len(users), topics.shape[1]), np.float32)
  for rows in _blocks(counts):
    row, index = ragged_indices(behaviours.offsets[users[rows]], counts[rows])
    item = behaviours.item[index]
    # The product copies its right side: only what is read, of many tweets.
    used = np.bincount(item, minlength=len(topics)) > 0
    tells, when = has_topics[item], behaviours.time[index]
    since = times[rows]
    if norm != 'count':
      since = _newest(row, when, tells, len(since))
    # What is newer than the newest that counts weighs nothing.
    ages = np.maximum(since[row] - when, 0) / unit_secs
    weights = interest.decay_weights(ages, decay=decay) * tells
    ends = np.concatenate([[0], np.cumsum(counts[rows])])
    shape = (len(ends) - 1, np.count_nonzero(used))
    told = np.bincount(row, tells, minlength=shape[0])
    total = np.bincount(row, weights, minlength=shape[0])
    place = (np.cumsum(used) - 1)[item]
    by_item = scipy.sparse.csr_matrix((weights, place, ends), shape=shape)
    pooled = by_item @ topics[used]
    out[rows] = interest.normalised(pooled, total, told, norm=norm)
  return out


def _newest(
  row: np.ndarray, when: np.ndarray, where: np.ndarray, row_count: int
) -> np.ndarray:
  """[B] int64, the time of each row's last event that counts; 0 of none."""
  newest = np.zeros(row_count, np.int64)
  newest[row[where]] = when[where]  # the last of each row stays
  return newest


def _blocks(counts: np.ndarray) -> list[slice]:
  """Consecutive rows with about _BLOCK_EVENTS events in each block."""
  group = np.cumsum(counts) // _BLOCK_EVENTS
  starts = np.flatnonzero(np.diff(group, prepend=-1)).tolist()
  return [slice(*ends) for ends in itertools.pairwise([*starts, len(counts)])]
