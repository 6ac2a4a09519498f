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
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.tree_util import DictKey

from dynrec_jax.models.network import Network
from dynrec_jax.parallel.catalogue import Cut, CutRows


def tables(network: Network, coherence: str, average: float) -> frozenset[str]:
  """Parameters of which a step reads and writes some rows alone.

  Args:
    network: any.
    coherence: see `ObjectiveSettings`; of others than 'sampled_softmax' there
      are none.
    average: share of an average of all parameters; 0 where nobody keeps one.

  Raises:
    ValueError: 'sampled_softmax' of a network without such parameters, or
      beside an average.
  """
  if coherence != 'sampled_softmax':
    return frozenset()
  if not network.video_rows:
    raise ValueError(
      f'coherence is sampled_softmax; {type(network).__name__} has no output '
      'rows of videos apart from what all of them share; right there: softmax'
    )
  if average:
    raise ValueError(
      f'average is {average}, of all parameters at every step; '
      'coherence=sampled_softmax steps on a few rows; right there: 0'
    )
  return network.video_rows


class Rows(NamedTuple):
  """Which rows of which tables a step is on.

  Attributes:
    tables: names of the parameters.
    videos: [R] int32, ascending, each once; rows behind a table's end fill up,
      and read anything.
    cut: of a catalogue over devices: a table is a device's part of it. None
      where each has all.
  """

  tables: Set[str]
  videos: jax.Array
  cut: Cut | None = None

  def take(self, tree: Any) -> Any:
    """The tree with these rows of the tables alone, the same on all devices.

    Args:
      tree: parameters or an optimiser's state; parameters stand in dicts by
        name, in a state as well.
    """

    def taken(path, leaf):
      if not self._is_table(path):
        return leaf
      if self.cut is not None:
        return CutRows(leaf, alike=True)[self.videos]
      return leaf.at[self.videos].get(
        mode='clip', indices_are_sorted=True, unique_indices=True
      )

    return jax.tree_util.tree_map_with_path(taken, tree)

  def put(self, whole: Any, changed: Any) -> Any:
    """`take` undone: the tables with the changed rows in them.

    Args:
      whole: what the rows were taken of.
      changed: the same tree with the rows alone; what is behind a table's end
        is dropped.

    Returns:
      The tree; what is no table is that of `changed`.
    """

    def placed(path, before, after):
      if not self._is_table(path):
        return after
      if self.cut is None:
        return before.at[self.videos].set(
          after, mode='drop', indices_are_sorted=True, unique_indices=True
        )
      place = self.videos - self.cut.first_row()
      place = jnp.where(place < 0, len(before), place)  # of another device
      return before.at[place].set(after, mode='drop')

    return jax.tree_util.tree_map_with_path(placed, whole, changed)

  def _is_table(self, path: tuple) -> bool:
    """Whether a leaf's own name is a table's."""
    last = path[-1] if path else None
    return isinstance(last, DictKey) and last.key in self.tables
