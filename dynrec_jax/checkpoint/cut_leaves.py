"""Arrays cut over devices: a checksum that any cut of them adds up to.

Such an array is saved and restored shard by shard, and may come back cut in
another way or whole. So its checksum is a sum over its elements, each weighted
by its place: every host sums what it holds, however that was cut.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np

from dynrec_jax.parallel import hosts

_BLOCK = 1 << 20  # elements that are summed at once


def is_cut(leaf: Any) -> bool:
  """Whether an array is to be saved and restored shard by shard.

  Args:
    leaf: an array, or a `jax.ShapeDtypeStruct` with a sharding. One whose
      parts all lie on this of several hosts is not: to the others it is
      nothing, so this host treats it as a whole.
  """
  sharding = getattr(leaf, 'sharding', None)
  if sharding is None or sharding.is_fully_replicated or not leaf.size:
    return False
  return hosts.count() == 1 or not sharding.is_fully_addressable


def cut_as(whole: np.ndarray, like: Any) -> jax.Array:
  """An array that every host holds, each part of it on its device.

  Args:
    whole: an array.
    like: with the shape, and how it is cut; rows that it has more are zeros.
  """

  def part(index: tuple[slice, ...]) -> np.ndarray:
    held = whole[index]
    extra = len(range(*index[0].indices(like.shape[0]))) - len(held)
    return np.pad(held, [(0, extra)] + [(0, 0)] * (held.ndim - 1))

  return jax.make_array_from_callback(like.shape, like.sharding, part)


def checksums(leaves: Mapping[str, np.ndarray | jax.Array]) -> dict[str, str]:
  """Sums over places of bits times weight, modulo 2^64, as hexadecimals.

  A change of one element is found for certain, as weights are odd, and any
  other with odds of 1 to 2^64 or so. Rows of zeros at the end add nothing.

  Args:
    leaves: numpy arrays whole, and jax arrays cut over all hosts, of which
      each host sums its own shards. All hosts give the same names.
  """
  sums = {name: _sum_of(leaf) for name, leaf in sorted(leaves.items())}
  cut = [name for name in sums if isinstance(leaves[name], jax.Array)]
  if cut:
    own = np.array([sums[name] for name in cut], np.uint64)
    of_hosts = hosts.gather(own.view(np.uint32)).view(np.uint64)
    sums |= zip(cut, of_hosts.sum(0), strict=True)
  return {name: f'{int(value):016x}' for name, value in sums.items()}


def _sum_of(leaf: np.ndarray | jax.Array) -> int:
  """The sum over a whole array, or over this host's part of one."""
  if isinstance(leaf, np.ndarray):
    return _sum_of_part(leaf, [0] * leaf.ndim)
  parts = [
    _sum_of_part(np.asarray(s.data), [i.start or 0 for i in s.index])
    for s in leaf.addressable_shards
    if s.replica_id == 0
  ]
  return sum(parts) % 2**64


def _sum_of_part(part: np.ndarray, start: Sequence[int]) -> int:
  """The sum over a part whose first element lies at `start`."""
  words = np.ascontiguousarray(part).view(f'u{part.dtype.itemsize}')
  count = max(1, _BLOCK // max(1, words[0].size))
  total = 0
  for row in range(0, len(words), count):
    block = words[row : row + count].astype(np.uint64)
    for axis in reversed(range(block.ndim)):
      first = start[axis] + (row if axis == 0 else 0)
      block = block @ _weights(axis, first, block.shape[axis])
    total += int(block)
  return total % 2**64


def _weights(axis: int, first: int, count: int) -> np.ndarray:
  """[count] odd numbers without a pattern, of the places from `first` on.

  By the finalizer of SplitMix64, as in Steele et al., OOPSLA 2014.
  """
  x = np.arange(first, first + count, dtype=np.uint64)
  x = (x * np.uint64(8) + np.uint64(axis + 1)) * np.uint64(0x9E3779B97F4A7C15)
  x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
  x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
  return x ^ (x >> np.uint64(31)) | np.uint64(1)
