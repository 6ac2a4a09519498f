"""Tables from Parquet, CSV or JSON lines, every value checked.

An error names file, row (from 1, a CSV's header not counted), column, what was
found and what is right.
"""

import json
import pathlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

SUFFIXES = ('parquet', 'csv', 'jsonl')
# The ends of the years 1 and 2999: outside, the unit is not seconds.
EARLIEST_SECOND = -62_135_596_800
LATEST_SECOND = 32_503_680_000

_INTEGER = re.compile(r'[+-]?\d{1,19}')


class Column(NamedTuple):
  """What a column may hold.

  Attributes:
    kind: a key of `_CHECKS`.
    required: whether the table must have it, without nulls.
    missing: what a null or an absent column stands for; None if required.
  """

  kind: str
  required: bool = True
  missing: object = None


class Table(NamedTuple):
  """A table's columns as read, before their values are checked.

  Attributes:
    path: the file, for messages.
    columns: Python values by column name; None is a null.
    row_count: length of every column.
  """

  path: pathlib.Path
  columns: dict[str, Callable[[], Iterable[object]]]
  row_count: int


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
  readers = {'parquet': _parquet, 'csv': _csv, 'jsonl': _jsonl}
  table = readers[path.suffix[1:]](path, spec)
  names = ', '.join(spec)
  for name in table.columns:
    if name not in spec:
      raise ValueError(
        f'{path}: found the unknown column {name!r}; right: {names}'
      )
  for name, column in spec.items():
    if column.required and name not in table.columns:
      found = ', '.join(table.columns)
      raise ValueError(
        f'{path}: found no column {name!r} (columns: {found}); right: {names}'
      )
  return table


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
  for row, value in enumerate(table.columns[name](), 1):
    if value is None and not column.required:
      values.append(column.missing)
      continue
    try:
      values.append(check(value))
    except _WrongValue as right:
      found = 'nothing (null)' if value is None else shown(value)
      raise ValueError(
        f'{table.path}, row {row}, column {name!r}: found {found}; '
        f'right: {right}'
      ) from None
  return values


def shown(value: object) -> str:
  """The value as a message shows it, cut to a line."""
  text = repr(value)
  return text if len(text) <= 80 else f'{text[:77]}...'


def decoded_text(path: pathlib.Path) -> str:
  """A file's text.

  Raises:
    ValueError: it is not UTF-8; names the line.
  """
  data = path.read_bytes()
  try:
    return data.decode('utf-8-sig')
  except UnicodeDecodeError as error:
    line = data.count(b'\n', 0, error.start) + 1
    found = data[error.start : error.end]
    raise ValueError(
      f'{path}, line {line}: found the bytes {found!r}; right: UTF-8 text'
    ) from None


def lines_of(path: pathlib.Path) -> list[str]:
  """A text file's lines without their ends; an empty file has none."""
  lines = decoded_text(path).split('\n')
  if not lines[-1]:
    lines.pop()
  return [line.removesuffix('\r') for line in lines]


def json_object(path: pathlib.Path, row: int, line: str) -> dict:
  """The JSON object on one line.

  Raises:
    ValueError: anything else is on it; names file and row.
  """
  try:
    value = json.loads(line)
  except json.JSONDecodeError as error:
    raise ValueError(
      f'{path}, row {row}: found {shown(line)} ({error.msg} at character '
      f'{error.pos}); right: one JSON object per line'
    ) from None
  if not isinstance(value, dict):
    raise ValueError(
      f'{path}, row {row}: found {shown(value)}; right: a JSON object'
    )
  return value


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
_TIMES = ('time', 'any_time')


def _is_encodable(value: str) -> bool:
  """Whether the text is valid Unicode: JSON can spell a lone surrogate."""
  try:
    value.encode()
  except UnicodeEncodeError:
    return False
  return True


def _parquet(path: pathlib.Path, spec: Mapping[str, Column]) -> Table:
  """The columns of a Parquet file; timestamps and dates become seconds."""
  try:
    # The file alone: a folder's name must not become a partition column.
    table = pa.parquet.ParquetFile(path).read()
    table.validate(full=True)
  except (pa.ArrowException, OSError) as error:
    raise ValueError(
      f'{path}: found {error}; right: a Parquet file with UTF-8 strings'
    ) from error
  _refuse_twins(path, table.column_names)
  columns = {}
  for name in table.column_names:
    column = table.column(name)
    if name in spec and spec[name].kind in _TIMES:
      column = _seconds(column)
    columns[name] = column.to_pylist
  return Table(path, columns, table.num_rows)


def _seconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
  """Timestamps and dates as whole seconds, rounded down; others unchanged."""
  if pa.types.is_timestamp(column.type):
    column = pc.floor_temporal(column, unit='second')
  elif not pa.types.is_date(column.type):
    return column
  return column.cast(pa.timestamp('s')).cast(pa.int64())


def _csv(path: pathlib.Path, spec: Mapping[str, Column]) -> Table:
  """The columns of a CSV file with a header line."""
  decoded_text(path)  # names the line that is not UTF-8; Arrow does not
  misfits = []

  def note(row):
    misfits.append(row)
    return 'error'

  try:
    table = pa.csv.read_csv(
      path,
      # One thread, else a misfit has no row number.
      read_options=pa.csv.ReadOptions(use_threads=False),
      parse_options=pa.csv.ParseOptions(
        newlines_in_values=True,
        ignore_empty_lines=False,
        invalid_row_handler=note,
      ),
      convert_options=pa.csv.ConvertOptions(
        column_types=dict.fromkeys(spec, pa.string()),
        strings_can_be_null=False,
      ),
    )
  except pa.ArrowInvalid as error:
    raise _csv_error(path, misfits, error) from None
  _refuse_twins(path, table.column_names)
  columns = {
    name: _csv_values(table.column(name), spec.get(name))
    for name in table.column_names
  }
  return Table(path, columns, table.num_rows)


def _csv_error(path, misfits, error) -> ValueError:
  """What to say of a file that is not CSV."""
  if not misfits:
    return ValueError(f'{path}: found {error}; right: CSV with a header line')
  row = misfits[0]
  return ValueError(
    f'{path}, row {row.number - 1}: found {row.actual_columns} values in '
    f'{shown(row.text)}; right: {row.expected_columns}, as in the header'
  )


def _csv_values(column: pa.ChunkedArray, spec: Column | None):
  """A function that gives a CSV column's values in their Python form."""
  parse = _CSV_FORMS.get(spec.kind) if spec else None
  if parse is None:
    return column.to_pylist
  return lambda: map(parse, column.to_pylist())


def _csv_integer(text: str) -> int | str | None:
  """The integer; what is none stays as it is, for the error to show."""
  if _INTEGER.fullmatch(text):
    return int(text)
  return text or None


def _csv_texts(text: str) -> list[str]:
  """The values between the bars."""
  return text.split('|') if text else []


_CSV_FORMS = {
  'texts': _csv_texts,
  'time': _csv_integer,
  'any_time': _csv_integer,
  'count': _csv_integer,
}


def _jsonl(path: pathlib.Path, spec: Mapping[str, Column]) -> Table:
  """The columns of JSON lines.

  Python's parser, not Arrow's: that one guesses a type per block, turns
  strings that look like dates into timestamps, and names no row.
  """
  columns: dict[str, list] = {name: [] for name in spec}
  lines = lines_of(path)
  for row, line in enumerate(lines, 1):
    value = json_object(path, row, line)
    for name in value.keys() - spec.keys():
      raise ValueError(
        f'{path}, row {row}: found the unknown column {name!r}; '
        f'right: {", ".join(spec)}'
      )
    for name, column in columns.items():
      column.append(value.get(name))
  return Table(
    path,
    {name: column.__iter__ for name, column in columns.items()},
    len(lines),
  )


def _refuse_twins(path: pathlib.Path, names: list[str]) -> None:
  """One column name must not occur twice."""
  for name in names:
    if names.count(name) > 1:
      raise ValueError(
        f'{path}: found {names.count(name)} columns {name!r}; right: one'
      )
