"""Rows on their way from the fragments that hold them to their ranges.

A piece of a fragment becomes one file, its rows sorted by range, a record
batch for each range that has any; a range then reads its batch of every file.
So memory is that of a piece and of a range, whatever the length of the log, on
every runner: Beam's own shuffle would hold all rows in the memory of the
runner that runs in one process.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from dynrec_jax.preparation import files


class Spilled(NamedTuple):
  """A file of rows by range.

  Attributes:
    table: what the rows are of.
    order: where its rows stand in that table, to compare alone.
    path: of the file.
    ranges: that it has rows of, ascending: its batches.
  """

  table: str
  order: tuple[int, int]
  path: str
  ranges: tuple[int, ...]


def write(
  table: str,
  order: tuple[int, int],
  folder: str,
  rows: pa.Table,
  range_of: np.ndarray,
) -> Spilled | None:
  """The rows in a file; None if there are none.

  Args:
    table: what they are of.
    order: see `Spilled`; no two files of a table have the same.
    folder: where the file goes.
    rows: in any order, which stays that within a range.
    range_of: [n] of each.
  """
  if not len(rows):
    return None
  placed = np.argsort(range_of, kind='stable')
  rows = rows.take(pa.array(placed)).combine_chunks()
  ranges, starts = np.unique(range_of[placed], return_index=True)
  ends = np.append(starts[1:], len(placed))
  path = files.join(folder, f'{table}-{order[0]:06d}-{order[1]:06d}.arrow')
  files.write_table(
    path,
    [
      rows.slice(start, end - start).to_batches()[0]
      for start, end in zip(starts.tolist(), ends.tolist(), strict=True)
    ],
  )
  return Spilled(table, order, path, tuple(ranges.tolist()))


def read(
  spilled: Iterable[Spilled], table: str, wanted: int
) -> pa.Table | None:
  """A range's rows of a table, in the table's order; None if there are none."""
  found = []
  for of in sorted(spilled, key=lambda one: one.order):
    if of.table != table or wanted not in of.ranges:
      continue
    with files.reading(of.path) as file:
      source = pa.ipc.open_file(pa.PythonFile(file))
      found.append(source.get_batch(of.ranges.index(wanted)))
  return pa.Table.from_batches(found) if found else None
