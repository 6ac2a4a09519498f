"""Tables from Parquet, CSV or JSON lines, every value checked.

An error names file, row (from 1, a CSV's header not counted), column, what was
found and what is right.
"""

import functools
import math
import pathlib
import re
from collections.abc import Collection, Mapping

from dynrec_jax.sources import columns as columns_lib
from dynrec_jax.sources import table_files
from dynrec_jax.sources.columns import Named
from dynrec_jax.sources.table_files import Column, Table

SUFFIXES = ('parquet', 'csv', 'jsonl')
# The ends of the years 1 and 2999: outside, the unit is not seconds.
EARLIEST_SECOND = -62_135_596_800
LATEST_SECOND = 32_503_680_000
_NUMBER = re.compile(r'[+-]?\d{1,19}(?:\.\d{0,19})?(?:[eE][+-]?\d{1,2})?')


def read_table(
  path: pathlib.Path,
  spec: Mapping[str, Column],
  named: Mapping[str, Named] | None = None,
) -> Table:
  """The table in a file whose suffix is one of `SUFFIXES`.

  Args:
    path: the file.
    spec: the columns that it may have.
    named: what the file calls some of them. Where it calls any otherwise,
      columns that are not meant are passed by, else they are refused.

  Returns:
    Its columns, unchecked: see `checked`.

  Raises:
    ValueError: the file can't be read as a table or has a missing or an
      unknown column.
  """
  if named:
    return _read_named(path, spec, named)
  table = _readers(strict=True)[path.suffix[1:]](path, spec)
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


def _readers(*, strict: bool):
  """What reads a file, by its suffix."""
  return {
    'parquet': table_files.read_parquet,
    'csv': table_files.read_csv,
    'jsonl': functools.partial(table_files.read_jsonl, strict=strict),
  }


def _read_named(
  path: pathlib.Path, spec: Mapping[str, Column], named: Mapping[str, Named]
) -> Table:
  """A table whose columns have names of its own.

  Raises:
    ValueError: a column that is named or needed is missing; lists what the
      file has.
  """
  taken = {column for column, _ in named.values()}
  names = {
    own: named.get(own, Named(own)).column
    for own in spec
    if own in named or own not in taken
  }
  in_file = {
    name: _in_unit(spec[own], named.get(own)) for own, name in names.items()
  }
  table = _readers(strict=False)[path.suffix[1:]](path, in_file)
  for own, column in spec.items():
    name = names.get(own, own)
    is_there = own in names and name in table.columns
    if is_there or not (own in named or column.required):
      continue
    found = table_files.in_a_line(', '.join(table.columns))
    of = '' if path.stem == 'watches' else f'{path.stem}.'
    raise ValueError(
      f'{path}: found no column {name!r} (columns: {found}); right: '
      f'{of}{own}=NAME in column_names, NAME one of these'
    )
  columns = {
    own: table.columns[name]
    for own, name in names.items()
    if name in table.columns
  }
  rest = tuple(n for n in table.columns if n not in names.values())
  kinds = {own: in_file[name].kind for own, name in names.items()}
  return table._replace(
    columns=columns, named=names, kinds=kinds, passed_by=rest
  )


def _in_unit(column: Column, named: Named | None) -> Column:
  """A column whose times have a unit of their own."""
  if named is None or not named.unit:
    return column
  return column._replace(kind=f'{column.kind}:{named.unit}')


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
  check = _CHECKS[table.kinds.get(name, column.kind)]
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
        f'{table.path}, row {row}, column {table.called(name)!r}: found '
        f'{found}; right: {right}'
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


def _time_in(unit: str, earliest: int, value: object) -> int:
  """A time in another unit than whole seconds, rounded down to one."""
  years = '1970' if earliest == 0 else '1'
  if unit == 'iso':
    right = f'a time as in 2013-06-01T12:30:00+00:00, of years {years} to 2999'
    try:
      secs = columns_lib.iso_seconds(value if isinstance(value, str) else '')
    except ValueError:
      raise _WrongValue(right) from None
    return _integer(secs, earliest, LATEST_SECOND, right)
  name = {'s': 'seconds', 'ms': 'milliseconds', 'us': 'microseconds'}[unit]
  right = f'a number of {name} since 1970 UTC, in years {years} to 2999'
  if isinstance(value, str) and _NUMBER.fullmatch(value):
    value = float(value) if set(value) & set('.eE') else int(value)
  if type(value) is float and math.isfinite(value):
    value = math.floor(value / columns_lib.PER_SECOND[unit])
  elif type(value) is int:
    value //= columns_lib.PER_SECOND[unit]
  return _integer(value, earliest, LATEST_SECOND, right)


_CHECKS = {
  **{
    f'{kind}:{unit}': functools.partial(_time_in, unit, earliest)
    for kind, earliest in (('time', 0), ('any_time', EARLIEST_SECOND))
    for unit in columns_lib.UNITS
  },
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
