"""Tables as files hold them: Parquet, CSV or JSON lines, values unchecked.

An error names file, row (from 1, a CSV's header not counted), what was found
and what is right.
"""

import json
import pathlib
import re
import types
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

_INTEGER = re.compile(r'[+-]?\d{1,19}')
_TIMES = ('time', 'any_time')


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
    odd: what is no error and probably a mistake, a line each.
    named: what the file calls a column, where that is another name.
    kinds: what a column holds, where that is not what a reader expects.
    passed_by: the file's other columns, where it may have any.
    first_row: the file's number of the first row, for messages.
  """

  path: pathlib.Path | str
  columns: dict[str, Callable[[], Iterable[object]]]
  row_count: int
  odd: tuple[str, ...] = ()
  named: Mapping[str, str] = types.MappingProxyType({})
  kinds: Mapping[str, str] = types.MappingProxyType({})
  passed_by: tuple[str, ...] = ()
  first_row: int = 1

  def called(self, name: str) -> str:
    """A column as the file calls it, for messages."""
    return self.named.get(name, name)


def read_parquet(path: pathlib.Path, spec: Mapping[str, Column]) -> Table:
  """The columns of a Parquet file; timestamps and dates become seconds."""
  try:
    # The file alone: a folder's name must not become a partition column.
    table = pa.parquet.ParquetFile(path).read()
    table.validate(full=True)
  except (pa.ArrowException, OSError) as error:
    raise ValueError(
      f'{path}: found {in_a_line(error)}; right: a Parquet file with UTF-8 '
      'strings'
    ) from error
  refuse_twins(path, table.column_names)
  columns = {
    name: parquet_values(path, name, table.column(name), spec.get(name))
    for name in table.column_names
  }
  return Table(path, columns, table.num_rows)


# Of values that Arrow cannot give; a zone that is none is a LookupError of the
# library that it asks.
_UNREADABLE = (
  pa.ArrowException,
  ArithmeticError,
  ImportError,
  LookupError,
  ValueError,
)


def parquet_values(
  path: pathlib.Path | str,
  name: str,
  column: pa.ChunkedArray,
  spec: Column | None,
) -> Callable[[], list]:
  """A function that gives a Parquet column's values in their Python form."""

  def values():
    try:
      if spec is not None and spec.kind in _TIMES:
        return seconds(column).to_pylist()
      return column.to_pylist()
    except _UNREADABLE as why:
      raise ValueError(
        f'{path}, column {name!r}: found values of the type {column.type} '
        f'({in_a_line(why)}); right: strings or whole numbers, of times '
        'timestamps too'
      ) from why

  return values


def seconds(column: pa.ChunkedArray) -> pa.ChunkedArray:
  """Timestamps and dates as whole seconds, rounded down; others unchanged."""
  if pa.types.is_dictionary(column.type):
    column = column.cast(column.type.value_type)
  if pa.types.is_timestamp(column.type):
    # Without the zone, which Arrow would go by: an hour of autumn is twice.
    moments = column.cast(pa.timestamp(column.type.unit))
    column = pc.floor_temporal(moments, unit='second')
  elif not pa.types.is_date(column.type):
    return column
  return column.cast(pa.timestamp('s')).cast(pa.int64())


def read_csv(path: pathlib.Path, spec: Mapping[str, Column]) -> Table:
  """The columns of a CSV file with a header line."""
  # Names the line that is not UTF-8; Arrow does not.
  text = decoded_text(path).rstrip('\r\n')
  text += '\n' if text else ''
  misfits = []

  def note(row):
    misfits.append(row)
    return 'error'

  try:
    table = pa.csv.read_csv(
      pa.BufferReader(text.encode()),
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
  refuse_twins(path, table.column_names)
  columns = {
    name: _csv_values(table.column(name), spec.get(name))
    for name in table.column_names
  }
  return Table(path, columns, table.num_rows, _line_breaks(path, table))


def _line_breaks(path: pathlib.Path, table: pa.Table) -> tuple[str, ...]:
  """A line for each column with line breaks inside of its fields.

  A field that begins with a quote ends at the next lone one, rows later.
  """
  found = []
  for name in table.column_names:
    column = table.column(name)
    if not pa.types.is_string(column.type):
      continue
    broken = pc.match_substring_regex(column, '[\r\n]').to_numpy()
    if not broken.any():
      continue
    rows = np.flatnonzero(broken)
    first = column[int(rows[0])].as_py()
    found.append(
      f'{path}, row {rows[0] + 1}, column {name!r}: found '
      f'{len(first.splitlines()):,} lines in one field, {shown(first)}, and '
      f'line breaks in {len(rows):,} rows in all; right, if these are rows of '
      'their own: a quote within a field doubled, and the field in quotes'
    )
  return tuple(found)


def _csv_error(path, misfits, error) -> ValueError:
  """What to say of a file that is not CSV."""
  if not misfits:
    return ValueError(
      f'{path}: found {in_a_line(error)}; right: CSV with a header line'
    )
  row = misfits[0]
  return ValueError(
    f'{path}, row {row.number - 1}: found {row.actual_columns} values in '
    f'{shown(row.text)}; right: {row.expected_columns}, as in the header'
  )


def _csv_values(column: pa.ChunkedArray, spec: Column | None):
  """A function that gives a CSV column's values in their Python form."""
  parse = _CSV_FORMS.get(spec.kind) if spec else None
  if spec and ':' in spec.kind:  # a time in a unit of its own
    parse = _csv_time
  if parse is None:
    return column.to_pylist
  return lambda: map(parse, column.to_pylist())


def _csv_integer(text: str) -> int | str | None:
  """The integer; what is none stays as it is, for the error to show."""
  if _INTEGER.fullmatch(text):
    return int(text)
  return text or None


def _csv_time(text: str) -> str | None:
  """What stands there; None for nothing."""
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


def read_jsonl(
  path: pathlib.Path, spec: Mapping[str, Column], *, strict: bool = True
) -> Table:
  """The columns of JSON lines.

  Unless strict, those that no line has are none, and others are passed by.

  Python's parser, not Arrow's: that one guesses a type per block, turns
  strings that look like dates into timestamps, and names no row.
  """
  columns: dict[str, list] = {name: [] for name in spec}
  seen: dict[str, None] = {}
  lines = lines_of(path)
  for row, line in enumerate(lines, 1):
    value = json_object(path, row, line)
    seen |= dict.fromkeys(value)
    for name in (n for n in value if strict and n not in spec):
      raise ValueError(
        f'{path}, row {row}: found the unknown column {name!r}; '
        f'right: {", ".join(spec)}'
      )
    for name, column in columns.items():
      column.append(value.get(name))
  if not strict:  # of what is passed by the name alone is kept
    columns = {name: columns.get(name, []) for name in seen}
  return Table(
    path,
    {name: column.__iter__ for name, column in columns.items()},
    len(lines),
  )


def refuse_twins(path: pathlib.Path | str, names: list[str]) -> None:
  """One column name must not occur twice."""
  for name in names:
    if names.count(name) > 1:
      raise ValueError(
        f'{path}: found {names.count(name)} columns {name!r}; right: one'
      )


def shown(value: object) -> str:
  """The value as a message shows it, cut to a line."""
  text = repr(value)
  return text if len(text) <= 80 else f'{text[:77]}...'


def in_a_line(error: object) -> str:
  """What a library says, which may be of several lines, in one."""
  text = ' '.join(str(error).split())
  return text if len(text) <= 500 else f'{text[:497]}...'


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
  """A text file's lines without their ends, and without empty last ones."""
  lines = decoded_text(path).rstrip('\r\n').split('\n')
  if lines == ['']:
    return []
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
  except (RecursionError, ValueError) as error:  # too deep, or too many digits
    raise ValueError(
      f'{path}, row {row}: found {shown(line)} ({in_a_line(error)}); right: '
      'one JSON object per line'
    ) from None
  if not isinstance(value, dict):
    raise ValueError(
      f'{path}, row {row}: found {shown(value)}; right: a JSON object'
    )
  return value
