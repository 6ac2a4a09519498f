"""What an epoch draws for its steps, some steps at a time: not all is held."""

from collections.abc import Callable
from typing import Any


class InBlocks:
  """Each step's part of what is made for many steps at once."""

  def __init__(self, make: Callable[[int, int], tuple], count: int, size: int):
    """Makes nothing yet.

    Args:
      make: (which block, how many steps it has) -> arrays with a row for each
        of its steps; a block is the same whenever it is made.
      count: steps in all.
      size: steps in a block; the last has what is left.
    """
    self._make = make
    self._count = count
    self._size = size
    self._block = -1
    self._made: tuple = ()

  def __getitem__(self, step: int) -> tuple[Any, ...]:
    """A step's row of each array; the last block is at hand."""
    block, place = divmod(step, self._size)
    if block != self._block:
      left = self._count - block * self._size
      self._made = self._make(block, min(self._size, left))
      self._block = block
    return tuple(rows[place] for rows in self._made)
