"""A random order that is computed and not held, however long it is."""

import numpy as np

_ROUNDS = 6
# What mixes the bits of a 64-bit number, of SplitMix64.
_MIX = ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB))
_LAST_SHIFT = np.uint64(31)


class Shuffled:
  """0 to count - 1, each once, in a random order.

  A Feistel network over the least even number of bits that holds them all: of
  two halves of a number, one at a time is changed by a hash of the other and
  of a random key, which can be undone, so different numbers stay different.
  What lands outside goes through again, until it is inside. Any share of the
  order is made from the keys alone.
  """

  def __init__(self, count: int, rng: np.random.Generator):
    """Draws the keys.

    Args:
      count: of the numbers.
      rng: of this order.
    """
    self._count = count
    half = max(1, -(-max(count - 1, 1).bit_length() // 2))
    self._shift = np.uint64(half)
    self._mask = np.uint64((1 << half) - 1)
    self._keys = rng.integers(2**64, size=_ROUNDS, dtype=np.uint64)

  def __len__(self) -> int:
    """How many there are."""
    return self._count

  def __getitem__(self, places: slice) -> np.ndarray:
    """[n] int64, the numbers at some places of the order."""
    found = np.arange(*places.indices(self._count)).astype(np.uint64)
    outside = np.arange(len(found))
    while len(outside):
      found[outside] = self._changed(found[outside])
      outside = outside[found[outside] >= self._count]
    return found.astype(np.int64)

  def _changed(self, numbers: np.ndarray) -> np.ndarray:
    """Each number's other number."""
    left, right = numbers >> self._shift, numbers & self._mask
    for key in self._keys:
      left, right = right, left ^ (_hashed(right ^ key) & self._mask)
    return (left << self._shift) | right


def _hashed(numbers: np.ndarray) -> np.ndarray:
  """[n] uint64, as if at random."""
  for shift, factor in _MIX:
    numbers = (numbers ^ (numbers >> np.uint64(shift))) * np.uint64(factor)
  return numbers ^ (numbers >> _LAST_SHIFT)
