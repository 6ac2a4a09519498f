"""Delimited text of any size, in pieces: what a log of gigabytes is read by.

A piece is of 4 MB of the file, and only the columns that are asked for are
kept of it. Values are checked in `text_values`.
"""

import csv
import pathlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.csv

from dynrec_jax.sources import table_files

BLOCK_BYTES = 1 << 22
# Stands for a delimiter of several letters, which Arrow cannot read.
_ONE_LETTER = '\x1f'


class Form(NamedTuple):
  """How a file is written.

  Attributes:
    delimiter: between values; of one letter or more.
    names: of the columns, where the file has no heading.
    is_quoted: whether values may stand in double quotes.
    encoding: utf-8 or latin-1.
  """

  delimiter: str = ','
  names: tuple[str, ...] = ()
  is_quoted: bool = True
  encoding: str = 'utf-8'


class Piece(NamedTuple):
  """Some rows of a file, one after the other.

  Attributes:
    path: the file.
    first_row: the number of the first of them; from 1, no heading counted.
    columns: the values by column, as text.
  """

  path: pathlib.Path
  first_row: int
  columns: dict[str, pa.StringArray]

  def error(self, index: int, name: str, right: str) -> ValueError:
    """What to say of a wrong value: file, row, column, found and right."""
    found = table_files.shown(self.columns[name][index].as_py())
    return ValueError(
      f'{self.path}, row {self.first_row + index}, column {name!r}: found '
      f'{found}; right: {right}'
    )


def heading(path: pathlib.Path, form: Form) -> list[str]:
  """The names of a file's columns.

  Raises:
    ValueError: the file is empty, or has a name twice.
  """
  if form.names:
    return list(form.names)
  with path.open('rb') as file:
    line = file.readline(BLOCK_BYTES)
  text = line.decode('utf-8-sig', 'replace').rstrip('\r\n')
  if not text:
    raise ValueError(f'{path}: found no heading; right: a line of column names')
  quoting = csv.QUOTE_MINIMAL if form.is_quoted else csv.QUOTE_NONE
  names = next(csv.reader([text], delimiter=form.delimiter, quoting=quoting))
  table_files.refuse_twins(path, names)
  return names


def require(path: pathlib.Path, found: Sequence[str], *wanted: str) -> None:
  """Raises for a column that a file lacks; lists what it has."""
  for name in wanted:
    if name not in found:
      columns = table_files.in_a_line(', '.join(found))
      raise ValueError(
        f'{path}: found no column {name!r} (columns: {columns}); right: '
        f'{", ".join(wanted)}'
      )


def pieces(
  path: pathlib.Path, form: Form, wanted: Sequence[str]
) -> Iterator[Piece]:
  """The file's rows, a piece at a time; empty lines count for nothing.

  Args:
    path: the file.
    form: how it is written.
    wanted: its columns that are read.

  Raises:
    ValueError: a column is missing, a row has more or fewer values than the
      heading, or the text is not what the form says.
  """
  names = heading(path, form)
  wanted = list(dict.fromkeys(wanted))
  require(path, names, *wanted)
  misfits: list[pa.csv.InvalidRow] = []

  def note(row: pa.csv.InvalidRow) -> str:
    misfits.append(row)
    return 'error'

  first_row = 1
  try:
    with pa.OSFile(str(path)) as file:
      for batch in pa.csv.open_csv(
        _single_letters(file, form.delimiter), *_options(form, wanted, note)
      ):
        columns = {name: batch.column(name) for name in wanted}
        yield Piece(path, first_row, columns)
        first_row += batch.num_rows
  except pa.ArrowInvalid as error:
    raise _error(path, form, misfits, error) from None


def _options(form: Form, wanted: list[str], note: Callable[..., str]):
  """How Arrow shall read it."""
  several = len(form.delimiter) > 1
  return (
    pa.csv.ReadOptions(
      # One thread, else a misfit has no row number.
      use_threads=False,
      block_size=BLOCK_BYTES,
      column_names=form.names or None,
      encoding=form.encoding,
    ),
    pa.csv.ParseOptions(
      delimiter=_ONE_LETTER if several else form.delimiter,
      quote_char='"' if form.is_quoted else False,
      double_quote=form.is_quoted,
      invalid_row_handler=note,
    ),
    pa.csv.ConvertOptions(
      include_columns=wanted,
      column_types=dict.fromkeys(wanted, pa.string()),
      strings_can_be_null=False,
    ),
  )


def _single_letters(file: pa.NativeFile, delimiter: str) -> pa.NativeFile:
  """The file with one letter for each delimiter."""
  if len(delimiter) == 1:
    return file
  old, new = delimiter.encode(), _ONE_LETTER.encode()

  def change(data: bytes) -> bytes:
    data = bytes(data)
    # To where no delimiter goes on beyond the end of a read.
    while data[-1:] and data[-1:] in old:
      more = file.read(1)
      if not more:
        break
      data += more
    return data.replace(old, new)

  return pa.TransformInputStream(file, change)


def _error(path, form: Form, misfits, error: Exception) -> ValueError:
  """What to say of a file that Arrow cannot read."""
  if misfits:
    row = misfits[0]
    number = row.number - (not form.names)
    text = row.text.replace(_ONE_LETTER, form.delimiter)
    right = f'{row.expected_columns}, with {form.delimiter!r} between them'
    return ValueError(
      f'{path}, row {number}: found {row.actual_columns} values in '
      f'{table_files.shown(text)}; right: {right}'
    )
  if 'UTF8' in str(error):
    return _undecodable(path)
  if 'Empty CSV' in str(error):
    return ValueError(f'{path}: found no row; right: one row or more')
  return ValueError(
    f'{path}: found {table_files.in_a_line(error)}; right: text with '
    f'{form.delimiter!r} between values'
  )


def _undecodable(path: pathlib.Path) -> ValueError:
  """Names the line that is not UTF-8."""
  with path.open('rb') as file:
    for number, line in enumerate(file, 1):
      try:
        line.decode()
      except UnicodeDecodeError as error:
        found = line[error.start : error.end]
        where = f'{path}, line {number}: found the bytes {found!r}'
        return ValueError(f'{where}; right: UTF-8 text')
  return ValueError(f'{path}: found no UTF-8; right: UTF-8 text')
