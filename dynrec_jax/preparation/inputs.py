"""The folder that a pipeline reads: the source `files`, its tables in parts.

The names are those of `sources/own_folder`. Here a table may also be several
Parquet files, `watches-00000-of-00100.parquet` and so on, one after the other
in the order of their names, and the folder may lie on any file system of Beam
(there in Parquet, .npy and .npz alone).
"""

import bisect
import contextlib
import pathlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet

from dynrec_jax.preparation import columns, files
from dynrec_jax.sources import checked_tables, own_folder, table_files
from dynrec_jax.sources.folder_files import REQUIRED
from dynrec_jax.sources.table_files import Column

TABLES = ('videos', 'watches', 'tweets', 'profiles')
_VECTORS = {'visual': ('npy', 'npz'), 'tweet_topics': ('npy',)}
_NAME = re.compile(r'([a-z_]+?)(-[^/]*)?\.([a-z]+)')
# Rows that are read at once: short ones, and ones with texts.
_WATCHES_AT_ONCE, _TEXTS_AT_ONCE = 1 << 20, 1 << 17


class Inputs(NamedTuple):
  """A folder's files.

  Attributes:
    tables: the files of each table that there is, in order.
    vectors: the file of each array that there is.
  """

  tables: dict[str, tuple[str, ...]]
  vectors: dict[str, str]

  def paths(self) -> list[str]:
    """All of them."""
    of_tables = [path for paths in self.tables.values() for path in paths]
    return [*of_tables, *self.vectors.values()]


class Fragment(NamedTuple):
  """What one worker reads of a table at a time.

  Attributes:
    table: one of `TABLES`.
    number: its place among the table's fragments.
    path: of the file.
    group: of its row groups; -1 is the whole of a file of text.
    row: of the table, of the first row; from 0.
    file_row: the same of the file.
    count: of rows; -1 where only reading tells.
    has_topics: of tweets, whether vectors say what they are about.
  """

  table: str
  number: int
  path: str
  group: int
  row: int
  file_row: int
  count: int
  has_topics: bool

  @property
  def spec(self) -> Mapping[str, Column]:
    """The table's columns."""
    return _spec(self.table, self.has_topics)


class Piece(NamedTuple):
  """Consecutive rows of a fragment, checked.

  Attributes:
    row: of the table, of the first row; from 0.
    file_row: the same of the file.
    rows: with the columns of the spec.
    odd: of the file: what is no error and probably a mistake, a line each.
  """

  row: int
  file_row: int
  rows: pa.Table
  odd: tuple[str, ...] = ()


def find(folder: str) -> Inputs:
  """The folder's files by what they are.

  Raises:
    ValueError: no such folder, a table that must be there and is not, two
      forms of one thing, or a data file of unknown name.
  """
  tables: dict[str, list[str]] = {}
  vectors: dict[str, str] = {}
  data = {*checked_tables.SUFFIXES, 'npy', 'npz'}
  for path in files.listed(folder):
    name = path.rpartition('/')[2]
    if name.startswith('.') or name.rpartition('.')[2] not in data:
      continue
    match = _NAME.fullmatch(name)
    stem, part, suffix = match.groups() if match else ('', None, '')
    if stem in TABLES and suffix in checked_tables.SUFFIXES:
      tables.setdefault(stem, []).append(path)
    elif suffix in _VECTORS.get(stem, ()) and not part:
      if stem in vectors:
        raise ValueError(
          f'{folder}: found {vectors[stem]} and {name}; right: one'
        )
      vectors[stem] = path
    else:
      raise ValueError(
        f'{path}: found a data file of unknown name; right: '
        f'{", ".join(TABLES)} in {", ".join(checked_tables.SUFFIXES)}, '
        'visual.npy or .npz, tweet_topics.npy'
      )
  _check(folder, tables, vectors)
  return Inputs({name: tuple(of) for name, of in tables.items()}, vectors)


def _check(folder: str, tables, vectors) -> None:
  """Raises for files that do not go together, or that lack."""
  for name in REQUIRED:
    if name not in tables:
      raise ValueError(
        f'{folder}: found no {name} file; right: {name}.parquet, or '
        f'{name}-00000-of-00010.parquet and so on'
      )
  if 'tweet_topics' in vectors and 'tweets' not in tables:
    raise ValueError(
      f'{folder}: found {vectors["tweet_topics"]} and no tweets file; right: '
      'tweets.parquet with the user and time of each row'
    )
  for paths in tables.values():
    if len(paths) == 1 and paths[0].endswith('.parquet'):
      continue
    names = [path.rpartition('/')[2] for path in paths]
    whole = [name for name in names if '-' not in name]
    if len(paths) > 1 and (whole or _suffixes(names) != {'parquet'}):
      raise ValueError(
        f'{folder}: found {names[0]} and {names[1]}; right: one file, or parts '
        'in Parquet alone'
      )
    if not names[0].endswith('.parquet') and '://' in paths[0]:
      raise ValueError(f'{paths[0]}: right there: a table in Parquet')


def _suffixes(names: list[str]) -> set[str]:
  return {name.rpartition('.')[2] for name in names}


def fragments(inputs: Inputs, table: str) -> list[Fragment]:
  """What a table is read in, in order; [] if there is no such table.

  Raises:
    ValueError: a file is no table, or has a missing or an unknown column.
  """
  found: list[Fragment] = []
  has_topics = 'tweet_topics' in inputs.vectors
  row = 0
  for path in inputs.tables.get(table, ()):
    file_row = 0
    for group, count in enumerate(_groups(path, _spec(table, has_topics))):
      if not count:
        continue
      of = (path, group if count > 0 else -1, row, file_row, count)
      found.append(Fragment(table, len(found), *of, has_topics))
      row, file_row = row + count, file_row + count
  return found


def _spec(table: str, has_topics: bool) -> Mapping[str, Column]:
  if table == 'tweets' and has_topics:
    return own_folder.TWEETS_WITH_TOPICS
  return own_folder.SPECS[table]


def _groups(path: str, spec: Mapping[str, Column]) -> list[int]:
  """How many rows each row group has; [-1] of a file of text."""
  if not path.endswith('.parquet'):
    return [-1]
  with files.reading(path) as file, _naming(path):
    schema = pa.parquet.ParquetFile(file)
    names = schema.schema_arrow.names
    meta = schema.metadata
    counts = [
      meta.row_group(group).num_rows for group in range(meta.num_row_groups)
    ]
  table_files.refuse_twins(path, names)
  checked_tables.check_columns(path, names, spec)
  return counts


def pieces(fragment: Fragment, *wanted: str) -> Iterator[Piece]:
  """The fragment's rows in order, so many that they fit.

  Args:
    fragment: of `fragments`.
    *wanted: columns; none are all.

  Raises:
    WrongRow: a value is wrong.
    ValueError: the file cannot be read.
  """
  spec = fragment.spec
  if wanted:
    spec = {name: of for name, of in spec.items() if name in wanted}
  path, row, file_row = fragment.path, fragment.row, fragment.file_row
  if fragment.group < 0:
    table = checked_tables.read_table(pathlib.Path(path), fragment.spec)
    rows = columns.checked_text(table, spec)
    yield Piece(row, file_row, rows, table.odd)
    return
  for rows in _read(fragment, list(spec)):
    yield Piece(row, file_row, columns.checked(path, file_row + 1, rows, spec))
    row, file_row = row + len(rows), file_row + len(rows)


def again(
  fragments: Sequence[Fragment], column: str, row: int, first: int, name: str
) -> str:
  """The error of a value that a column must not repeat.

  Args:
    fragments: of the table.
    column: of it.
    row: of the table that repeats it, from 0.
    first: the row that has it first.
    name: the value.
  """
  at, before = (_fragment_of(fragments, place) for place in (row, first))
  where = '' if at.path == before.path else f' of {before.path}'
  return (
    f'{at.path}, row {row - at.row + at.file_row + 1}, column {column!r}: '
    f'found {table_files.shown(name)} again (first in row '
    f'{first - before.row + before.file_row + 1}{where}); right: every value '
    'once'
  )


def _fragment_of(fragments: Sequence[Fragment], row: int) -> Fragment:
  """The one that holds a row."""
  starts = [fragment.row for fragment in fragments]
  return fragments[bisect.bisect_right(starts, row) - 1]


def _read(fragment: Fragment, wanted: list[str]) -> Iterator[pa.Table]:
  """The fragment's rows as the file holds them."""
  short = fragment.table == 'watches' or len(wanted) == 1
  at_once = _WATCHES_AT_ONCE if short else _TEXTS_AT_ONCE
  with files.reading(fragment.path) as file, _naming(fragment.path):
    source = pa.parquet.ParquetFile(file)
    there = [name for name in source.schema_arrow.names if name in wanted]
    for batch in source.iter_batches(at_once, [fragment.group], there):
      batch.validate(full=True)
      yield pa.Table.from_batches([batch])


@contextlib.contextmanager
def _naming(path: str) -> Iterator[None]:
  """Errors of Arrow as one that names the file."""
  try:
    yield
  except (pa.ArrowException, OSError) as error:
    raise ValueError(
      f'{path}: found {table_files.in_a_line(error)}; right: a Parquet file '
      'with UTF-8 strings'
    ) from error
