"""Steps on the rows of large tables that they read, and on no other row.

T_p has a row per video. A sampled softmax reads a few thousand of them, so a
step takes these rows out, of the parameters and of the optimiser's state,
steps on them as if there were no others, and puts them back in place: what it
costs does not grow with the catalogue.
Differs: a row that a step does not read is not decayed by it, and its moments
of Adam stand still, as the zero gradient that it would have is not read (A47).
Where all rows are read, the step is that of the whole table.
"""

from collections.abc import Set
from typing import Any

import jax
from jax.tree_util import DictKey


def take(tree: Any, names: Set[str], rows: jax.Array) -> Any:
  """The tree with some rows of the tables alone.

  Args:
    tree: parameters or an optimiser's state; parameters stand in dicts by
      name, in a state as well.
    names: of the tables.
    rows: [R] int32, ascending, each once; rows behind a table's end fill up,
      and read anything.
  """

  def taken(path, leaf):
    if not _is_table(path, names):
      return leaf
    return leaf.at[rows].get(
      mode='clip', indices_are_sorted=True, unique_indices=True
    )

  return jax.tree_util.tree_map_with_path(taken, tree)


def put(whole: Any, changed: Any, names: Set[str], rows: jax.Array) -> Any:
  """`take` undone: the whole tables with the changed rows in them.

  Args:
    whole: what the rows were taken of.
    changed: the same tree with the rows alone.
    names: of the tables.
    rows: as they were taken; what is behind a table's end is dropped.

  Returns:
    The tree; what is no table is that of `changed`.
  """

  def placed(path, before, after):
    if not _is_table(path, names):
      return after
    return before.at[rows].set(
      after, mode='drop', indices_are_sorted=True, unique_indices=True
    )

  return jax.tree_util.tree_map_with_path(placed, whole, changed)


def _is_table(path: tuple, names: Set[str]) -> bool:
  """Whether a leaf's own name is a table's."""
  last = path[-1] if path else None
  return isinstance(last, DictKey) and last.key in names
