"""Ids in their order, cut into ranges that hold about as many rows each.

The order is `canonical.id_order`: shorter ids first, else by letters. Whoever
holds the rows of one range knows all about its users, and ranges one after the
other are the whole in order, so nobody needs a table of all users.
"""

import bisect
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_SAMPLES = 64  # of rows, that a range is told by


def order(ids: pa.Array) -> np.ndarray:
  """[n] int64, which id stands at each place, as `canonical.id_order`.

  UTF-8 sorts by bytes as its letters do by number.

  Args:
    ids: large strings; equal ones stay as they came.
  """
  table = pa.table({'length': pc.utf8_length(ids), 'id': ids})
  keys = [('length', 'ascending'), ('id', 'ascending')]
  return pc.sort_indices(table, sort_keys=keys).to_numpy().astype(np.int64)


def sample(ids: pa.Array, first_row: int, rows_per_range: int) -> pa.Array:
  """Every so manieth of a table's rows, whatever pieces it is read in.

  Args:
    ids: of consecutive rows.
    first_row: the table's number of the first.
    rows_per_range: see `borders`.
  """
  stride = max(1, rows_per_range // _SAMPLES)
  return ids.take(pa.array(np.arange(-first_row % stride, len(ids), stride)))


def borders(samples: pa.Array, rows_per_range: int) -> list[str]:
  """The first id of every range but the first.

  Args:
    samples: what `sample` gave of all tables, in any order.
    rows_per_range: about as many rows a range has; one id's rows are never
      divided.
  """
  stride = max(1, rows_per_range // _SAMPLES)
  ordered = samples.take(pa.array(order(samples)))
  each = max(1, rows_per_range // stride)
  found = ordered.take(pa.array(np.arange(each, len(ordered), each)))
  return list(dict.fromkeys(found.to_pylist()))


def of(ids: pa.Array, starts: Sequence[str]) -> np.ndarray:
  """[n] int32, the range of each id.

  Args:
    ids: large strings.
    starts: what `borders` gave.
  """
  coded = pc.dictionary_encode(ids)
  names = coded.dictionary
  placed = order(names)
  low, found = 0, np.zeros(len(names), np.int32)
  for start in starts:
    low = bisect.bisect_left(_Ids(names, placed), (len(start), start), lo=low)
    found[placed[low:]] += 1
  return found[coded.indices.to_numpy()]


class _Ids(Sequence):
  """Ids in order, as `bisect` compares them."""

  def __init__(self, names: pa.Array, placed: np.ndarray):
    self._names, self._placed = names, placed

  def __len__(self) -> int:
    return len(self._placed)

  def __getitem__(self, place: int) -> tuple[int, str]:
    name = self._names[int(self._placed[place])].as_py()
    return len(name), name


def coded(*columns: pa.Array) -> tuple[pa.Array, list[np.ndarray]]:
  """The distinct ids of several columns in order, and each column by them.

  Returns:
    The ids, and of each column [n] int32, positions in them.
  """
  chunked = pa.chunked_array(columns, pa.large_string())
  together = chunked.combine_chunks()
  if isinstance(together, pa.ChunkedArray):
    together = pa.concat_arrays(together.chunks)
  found = pc.dictionary_encode(together)
  placed = order(found.dictionary)
  rank = np.empty(len(placed), np.int32)
  rank[placed] = np.arange(len(placed), dtype=np.int32)
  codes = rank[found.indices.to_numpy()]
  ends = np.cumsum([len(column) for column in columns])
  return found.dictionary.take(pa.array(placed)), np.split(codes, ends[:-1])
