"""Current interests u of many (user, time) pairs, Eq (2), made once."""

import numpy as np

from dynrec_jax import interest
from dynrec_jax.data.histories import Histories, ragged_indices
from dynrec_jax.data.sequences import padded

_BLOCK_FLOATS = 2**24  # topic floats gathered at a time


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

  Paper: Eq (2).

  Args:
    behaviours: events whose items are rows of `topics`.
    topics: [R, K] topic vectors; an event about a row of zeros (a video
      without words) says nothing of interests and is left out.
    users: [S].
    times: [S] seconds; an event at the same second belongs to the next session
      and is not read.
    decay: lambda per unit of age.
    unit_secs: seconds in a unit of age.
    norm: see `interest.decayed_interest`.

  Returns:
    [S, K] float32; zeros where there is no behaviour yet.
  """
  counts = behaviours.count_before(users, times)
  out = np.zeros((len(users), topics.shape[1]), np.float32)
  has_topics = topics.any(axis=1)
  order = np.argsort(counts, kind='stable')
  order = order[counts[order] > 0]
  start = 0
  while start < len(order):
    rows = _block(order[start:], counts, topics.shape[1])
    start += len(rows)
    row, index = ragged_indices(behaviours.offsets[users[rows]], counts[rows])
    width = _power_of_two(int(counts[rows].max()))
    items, where = padded(row, behaviours.item[index], len(rows), width)
    where &= has_topics[items]
    gap_secs = times[rows][row] - behaviours.time[index]
    ages, _ = padded(row, (gap_secs / unit_secs), len(rows), width)
    out[rows] = interest.decayed_interest(
      topics[items],
      ages.astype(np.float32),
      decay=decay,
      where=where,
      norm=norm,
    )
  return out


def _block(
  order: np.ndarray, counts: np.ndarray, topic_count: int
) -> np.ndarray:
  """The first rows of `order` (ascending counts) that fit one padded block."""
  width = np.array([_power_of_two(int(c)) for c in np.unique(counts[order])])
  size = width[np.searchsorted(np.unique(counts[order]), counts[order])]
  fits = size * topic_count * np.arange(1, len(order) + 1) <= _BLOCK_FLOATS
  return order[: max(1, int(fits.sum()))]


def _power_of_two(count: int) -> int:
  """The least power of two that is not less."""
  return 1 << max(0, count - 1).bit_length()
