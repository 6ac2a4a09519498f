"""Tables from Parquet, CSV or JSON lines, every value checked.

An error names file, row (from 1, a CSV's header not counted), column, what was
found and what is right.
"""

import pathlib
from collections.abc import Collection, Mapping

from dynrec_jax.sources import table_files
from dynrec_jax.sources.table_files import Column, Table

SUFFIXES = ('parquet', 'csv', 'jsonl')
# The ends of the years 1 and 2999: outside, the unit is not seconds.
EARLIEST_SECOND = -62_135_596_800
LATEST_SECOND = 32_503_680_000


def read_table(path: pathlib.Path, spec: Mapping[str, Column]) -> Table:
  """The table in a file whose suffix is one of `SUFFIXES`.

  Args:
    path: the file.
    spec: the columns that it may have.

  Returns:
    Its columns, unchecked: see `checked`.

  Raises:
    ValueError: the file can't be read as a table or has a missing or an
      unknown column.
  """
  readers = {
    'parquet': table_files.read_parquet,
    'csv': table_files.read_csv,
    'jsonl': table_files.read_jsonl,
  }
  table = readers[path.suffix[1:]](path, spec)
  check_columns(path, table.columns, spec)
  return table


def check_columns(
  path: pathlib.Path | str,
  columns: Collection[str],
  spec: Mapping[str, Column],
) -> None:
  """Raises ValueError for a missing or an unknown column of a file."""
  names = ', '.join(spec)
  for name in columns:
    if name not in spec:
      raise ValueError(
        f'{path}: found the unknown column {name!r}; right: {names}'
      )
  for name, column in spec.items():
    if column.required and name not in columns:
      found = ', '.join(columns)
      raise ValueError(
        f'{path}: found no column {name!r} (columns: {found}); right: {names}'
      )


def checked(table: Table, name: str, column: Column) -> list:
  """The values of one column, each checked and in its Python form.

  Args:
    table: what `read_table` gave.
    name: the column; if the table lacks it, every value is missing.
    column: what it may hold.

  Returns:
    A value per row: str, tuple of str or int, or `column.missing` where the
    file holds null.

  Raises:
    ValueError: a value that the column may not hold.
  """
  if name not in table.columns:
    return [column.missing] * table.row_count
  check = _CHECKS[column.kind]
  values = []
  for row, value in enumerate(table.columns[name](), table.first_row):
    if value is None and not column.required:
      values.append(column.missing)
      continue
    try:
      values.append(check(value))
    except _WrongValue as right:
      found = 'nothing (null)' if value is None else table_files.shown(value)
      raise ValueError(
        f'{table.path}, row {row}, column {name!r}: found {found}; '
        f'right: {right}'
      ) from None
  return values


class _WrongValue(Exception):
  """A value that its column may not hold; the text says what is right."""


def _id(value: object) -> str:
  if isinstance(value, int) and not isinstance(value, bool):
    return str(value)
  if isinstance(value, str) and value:
    return _text(value)
  raise _WrongValue('a string that is not empty, or an integer')


def _text(value: object) -> str:
  if isinstance(value, str):
    if value.isascii() or _is_encodable(value):
      return value
    raise _WrongValue('text without half surrogate pairs')
  raise _WrongValue('a string')


def _texts(value: object) -> tuple[str, ...]:
  if isinstance(value, list) and all(value):
    return tuple(map(_text, value))
  raise _WrongValue("a list of strings that are not empty (CSV: 'a|b')")


def _integer(value: object, low: int, high: int, right: str) -> int:
  if type(value) is int and low <= value < high:
    return value
  raise _WrongValue(right)


def _time(value: object) -> int:
  right = 'a whole number of seconds since 1970 UTC, in years 1970 to 2999'
  return _integer(value, 0, LATEST_SECOND, right)


def _any_time(value: object) -> int:
  right = 'a whole number of seconds since 1970 UTC, in years 1 to 2999'
  return _integer(value, EARLIEST_SECOND, LATEST_SECOND, right)


def _count(value: object) -> int:
  return _integer(value, 0, 2**63, 'a whole number, 0 or more')


_CHECKS = {
  'id': _id,
  'text': _text,
  'texts': _texts,
  'time': _time,
  'any_time': _any_time,
  'count': _count,
}


def _is_encodable(value: str) -> bool:
  """Whether the text is valid Unicode: JSON can spell a lone surrogate."""
  try:
    value.encode()
  except UnicodeEncodeError:
    return False
  return True
