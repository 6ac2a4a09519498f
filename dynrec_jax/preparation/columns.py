"""A piece of a table as Arrow columns, every value checked.

What is right by its type is checked at once, by Arrow; all else goes value by
value through the checks of `checked_tables`, which name the first wrong one.
"""

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dynrec_jax.sources import checked_tables, table_files
from dynrec_jax.sources.table_files import Column, Table

# Large: texts of a range may be more than 2 GB.
TYPES = {
  'id': pa.large_string(),
  'text': pa.large_string(),
  'texts': pa.list_(pa.large_string()),
  'time': pa.int64(),
  'any_time': pa.int64(),
  'count': pa.int64(),
}
_LEAST = {
  'time': 0,
  'any_time': checked_tables.EARLIEST_SECOND,
  'count': 0,
}
_MOST = {
  'time': checked_tables.LATEST_SECOND - 1,
  'any_time': checked_tables.LATEST_SECOND - 1,
  'count': np.iinfo(np.int64).max,
}


class WrongRow(ValueError):
  """A value that its column may not hold.

  Attributes:
    column: its place in the table's spec.
  """

  def __init__(self, text: str, column: int):
    super().__init__(text)
    self.column = column


def checked(
  path: str,
  first_row: int,
  piece: pa.Table,
  spec: Mapping[str, Column],
) -> pa.Table:
  """Consecutive rows of a Parquet file, of the types of `TYPES`.

  Args:
    path: of the file.
    first_row: the file's number of the first of them, from 1.
    piece: the rows as they were read.
    spec: the columns; those that the file lacks are all missing.

  Raises:
    WrongRow: the first wrong value of the first column that has any.
  """
  out = {}
  for place, (name, column) in enumerate(spec.items()):
    found = None
    if name in piece.column_names:
      found = _at_once(piece.column(name), column)
    if found is None:
      values = {
        of: table_files.parquet_values(path, of, piece.column(of), column)
        for of in piece.column_names
        if of == name
      }
      table = Table(path, values, piece.num_rows, first_row=first_row)
      found = _one_by_one(table, name, column, place)
    out[name] = found
  return pa.table(out)


def checked_text(table: Table, spec: Mapping[str, Column]) -> pa.Table:
  """The same of a whole file of CSV or JSON lines."""
  return pa.table(
    {
      name: _one_by_one(table, name, column, place)
      for place, (name, column) in enumerate(spec.items())
    }
  )


def _one_by_one(table: Table, name: str, column: Column, place: int):
  """A column by `checked_tables.checked`."""
  try:
    values = checked_tables.checked(table, name, column)
  except ValueError as error:
    raise WrongRow(str(error), place) from None
  return pa.array(values, TYPES[column.kind])


def _at_once(values: pa.ChunkedArray, column: Column):
  """The column, if its type alone tells that all is right; else None."""
  if pa.types.is_dictionary(values.type):
    values = values.cast(values.type.value_type)
  if values.null_count and column.required:
    return None
  if column.kind == 'id':
    return _ids(values)
  if column.kind == 'text' and _is_text(values.type):
    return pc.fill_null(values.cast(TYPES['text']), column.missing or '')
  if column.kind in _LEAST:
    return _numbers(values, column)
  return None


def _ids(values: pa.ChunkedArray):
  """Texts that are not empty, or integers."""
  if pa.types.is_integer(values.type):
    return values.cast(pa.string()).cast(TYPES['id'])
  if not _is_text(values.type):
    return None
  shortest = pc.min(pc.binary_length(values)).as_py()
  return None if shortest == 0 else values.cast(TYPES['id'])


def _numbers(values: pa.ChunkedArray, column: Column):
  """Integers in their range; of times timestamps and dates too."""
  if column.kind != 'count':
    try:
      values = table_files.seconds(values)
    except (pa.ArrowException, ArithmeticError):
      return None
  if not pa.types.is_integer(values.type):
    return None
  ends = pc.min_max(values).as_py()
  least, most = ends['min'], ends['max']
  if least is not None and (
    least < _LEAST[column.kind] or most > _MOST[column.kind]
  ):
    return None
  values = values.cast(pa.int64())
  return pc.fill_null(values, column.missing) if values.null_count else values


def _is_text(kind: pa.DataType) -> bool:
  return pa.types.is_string(kind) or pa.types.is_large_string(kind)
