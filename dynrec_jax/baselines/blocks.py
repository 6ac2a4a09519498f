"""A fixed number of rows at a time: one compiled shape, lists of one's own."""

from collections.abc import Callable

import jax
import numpy as np

# A row's sums may run in another order in a product of another shape, so a
# query's scores would depend on how many others are asked about.
ROWS = 128


def by_blocks(
  run: Callable[..., jax.Array], *columns: np.ndarray
) -> np.ndarray:
  """A function's rows, made a whole block at a time.

  Args:
    run: arrays of ROWS rows each -> an array of ROWS rows, row by row: no row
      reads another.
    columns: what `run` takes, of B rows each.

  Returns:
    The B rows of its results.
  """
  count = len(columns[0])
  found = []
  # Nobody asked for is one block too, which tells the width.
  for start in range(0, max(1, count), ROWS):
    block = [column[start : start + ROWS] for column in columns]
    found.append(np.asarray(run(*(_filled(column) for column in block))))
  return np.concatenate(found)[:count]


def _filled(column: np.ndarray) -> np.ndarray:
  """Zero rows up to a whole block."""
  rest = [(0, 0)] * (column.ndim - 1)
  return np.pad(column, [(0, ROWS - len(column)), *rest])
