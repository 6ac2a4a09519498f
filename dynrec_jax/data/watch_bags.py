"""Users' known watches as decayed bags of videos, Eq. (3)'s weights.

Of training and of serving: a sample and a query of the same user at the same
moment have the same bag.
"""

from typing import NamedTuple

import numpy as np

from dynrec_jax import interest
from dynrec_jax.data import sequences
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.packed import TableRows
from dynrec_jax.data.sequences import Samples

_LEAST = float(np.finfo(np.float32).tiny)


class WatchBags(NamedTuple):
  """B bags, ragged by row.

  Attributes:
    row: [n] int64, whose each known watch is, ascending.
    video: [n] int32, its video.
    weight: [n] float64, its decay weight over that of the row's newest watch:
      in (0, 1], so a sum of them is 1 or more, however long ago that was.
    newest: [B] float64, the newest watch's decay weight; 0 of no watch.
  """

  row: np.ndarray
  video: np.ndarray
  weight: np.ndarray
  newest: np.ndarray


def watch_bags(
  samples: Samples,
  watches: Histories,
  *,
  decay: float,
  unit_secs: float,
  max_count: int,
) -> WatchBags:
  """The latest watches known of each sample, with exp(-decay * age).

  What all weights of a user share stands apart: most divisions cancel it, and
  of a user who has been away for long it is 0 in float32.

  Args:
    samples: B samples; nothing from `time` on is read.
    watches: the histories in which they stand.
    decay: lambda of Eq (3), per unit of age.
    unit_secs: seconds in a unit of age.
    max_count: watches that a bag holds at most.

  Returns:
    The bags.
  """
  row, index = sequences.history_indices(samples, max_len=max_count)
  count = samples.history_count
  has = count > 0
  last = watches.time[(samples.watch_start + count - 1)[has]]
  since = np.zeros(len(has), np.int64)
  since[has] = last
  away = (samples.time[has] - last) / unit_secs
  newest = np.zeros(len(has))
  newest[has] = interest.decay_weights(away, decay=decay)
  ages = (since[row] - watches.time[index]) / unit_secs
  # No watch weighs 0: that is what was not watched.
  weights = np.maximum(interest.decay_weights(ages, decay=decay), _LEAST)
  return WatchBags(row, watches.item[index], weights, newest)


def as_table(
  bags: WatchBags, row_of: TableRows, shape: tuple[int, int]
) -> np.ndarray:
  """The bags over a table of videos, as Eq (3) reads them.

  Args:
    bags: the bags.
    row_of: the table's row of each video that occurs.
    shape: B, and M, the table's size.

  Returns:
    [B, M] float32 weights beside the newest watch's, summed by video.
  """
  place = bags.row * shape[1] + row_of[bags.video]
  flat = np.bincount(place, bags.weight, minlength=shape[0] * shape[1])
  return flat.reshape(shape).astype(np.float32)


def counts(bags: WatchBags, row_count: int) -> np.ndarray:
  """[B] float32, how many watches are in each bag."""
  return np.bincount(bags.row, minlength=row_count).astype(np.float32)
