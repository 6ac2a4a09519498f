"""Batches of chosen samples as they stand: to measure on, not to learn from.

Nothing is drawn: no partners, no rows of Eq (1), no negatives. All have one
shape, so that one compiled program reads them.
"""

from collections.abc import Callable, Sequence

import jax
import numpy as np

from dynrec_jax.data import assemble
from dynrec_jax.data.batch import Batch
from dynrec_jax.data.batches import bucket_size
from dynrec_jax.data.training_set import TrainingSet


def ordered_batches(
  data: TrainingSet,
  groups: Sequence[np.ndarray],
  *,
  batch_size: int,
  device_count: int,
  own_devices: Sequence[int] | None = None,
  most: Callable[[np.ndarray], np.ndarray] | None = None,
) -> list[list[Batch]]:
  """Every group's samples once, in its order, in batches of its own.

  Args:
    data: what the samples refer to.
    groups: each some of its samples, one at least.
    batch_size: samples in a batch, over all devices; a group's last batch is
      filled up with some that do not exist.
    device_count: devices that share a batch; a divisor of batch_size.
    own_devices: the host's own of them, whose shares it makes; None is all.
    most: see `batches.batches`.

  Returns:
    Per group its batches, stacked over devices as in training.
  """
  made_here = range(device_count) if own_devices is None else own_devices
  shares, ends = [], []
  for group in groups:
    count = -(-len(group) // batch_size) * batch_size
    where = np.arange(count) < len(group)
    rows = np.zeros(count, np.int64)
    rows[: len(group)] = group
    each = np.split(np.arange(count), count * device_count // batch_size)
    for number, own in enumerate(each):
      if number % device_count in made_here:
        shares.append(_share(data, rows[own], where[own]))
    ends.append(len(shares) // len(made_here))
  room = assemble.sizes(
    shares, data.video_count, data.sequence_len, bucket_size
  )
  if most is not None:
    room = assemble.Sizes(*most(np.array(room)).tolist())
  whole = assemble.stacked(shares, data.video_count, room)
  batches = [
    jax.tree.map(lambda x, at=at: x[at : at + len(made_here)], whole)
    for at in range(0, len(shares), len(made_here))
  ]
  starts = [0, *ends[:-1]]
  return [batches[a:b] for a, b in zip(starts, ends, strict=True)]


def _share(
  data: TrainingSet, rows: np.ndarray, where: np.ndarray
) -> assemble.Share:
  """One device's share, its anchors without partners."""
  return assemble.make_share(data, rows[None], where[None], None, None)
