"""Users' known watches as decayed bags of videos, Eq. (3)'s weights.

Of training and of serving: a sample and a query of the same user at the same
moment have the same bag.
"""

from typing import NamedTuple

import numpy as np

from dynrec_jax import interest
from dynrec_jax.data import sequences
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.sequences import Samples


class WatchBags(NamedTuple):
  """B bags, ragged by row.

  Attributes:
    row: [n] int64, whose each known watch is, ascending.
    video: [n] int32, its video.
    weight: [n] float64, its decay weight.
  """

  row: np.ndarray
  video: np.ndarray
  weight: np.ndarray


def watch_bags(
  samples: Samples, watches: Histories, *, decay: float, unit_secs: float
) -> WatchBags:
  """All watches known of each sample, with exp(-decay * age).

  Args:
    samples: B samples; nothing from `time` on is read.
    watches: the histories in which they stand.
    decay: lambda of Eq (3), per unit of age.
    unit_secs: seconds in a unit of age.

  Returns:
    The bags.
  """
  row, index = sequences.history_indices(samples)
  ages = (samples.time[row] - watches.time[index]) / unit_secs
  weights = interest.decay_weights(ages, decay=decay)
  return WatchBags(row, watches.item[index], weights)


def as_table(
  bags: WatchBags, row_of: np.ndarray, shape: tuple[int, int]
) -> np.ndarray:
  """The bags over a table of videos, as Eq (3) reads them.

  Args:
    bags: the bags.
    row_of: [V] the table's row of each video that occurs.
    shape: B, and M, the table's size.

  Returns:
    [B, M] float32 weights, summed by video.
  """
  place = bags.row * shape[1] + row_of[bags.video]
  flat = np.bincount(place, bags.weight, minlength=shape[0] * shape[1])
  return flat.reshape(shape).astype(np.float32)


def counts(bags: WatchBags, row_count: int) -> np.ndarray:
  """[B] float32, how many watches are in each bag."""
  return np.bincount(bags.row, minlength=row_count).astype(np.float32)
