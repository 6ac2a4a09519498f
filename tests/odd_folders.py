"""Folders of the source `files` that are odd or wrong, made from seeds.

A case changes a sound folder; it says what must come of it: one line, or the
records that the sound one has. Kinds: A other states of the same data, B rows
that lie, C what a file may look like, E small things; D, damaged copies, are
`sources/prepared_test`'s.
"""

import os
import pathlib
import shutil
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from sound_folders import Tables, write


class Case(NamedTuple):
  """An odd folder.

  Attributes:
    kind: letter and name.
    change: of (folder, tables, generator); the folder holds the tables as CSV.
    refused: regular expression of the one line; '' if the folder is read.
    warned: of a warning; '' if none must come.
    same: whether the sound folder's watches and videos must come of it.
  """

  kind: str
  change: Callable[[pathlib.Path, Tables, np.random.Generator], None]
  refused: str = ''
  warned: str = ''
  same: bool = True


def _put(table: str, suffix: str = 'csv', **columns: Callable[[list], object]):
  """Columns made of the sound ones."""

  def change(folder, tables, rng):
    del rng
    found = dict(getattr(tables, table))
    for name, new in columns.items():
      found[name] = new(found.get(name, found[next(iter(found))]))
    write(folder, table, found, suffix)

  return change


def _cell(table: str, column: str, value, suffix: str = 'csv'):
  """One cell, of a random row, is another."""

  def change(folder, tables, rng):
    found = {k: list(v) for k, v in getattr(tables, table).items()}
    if suffix == 'csv':
      found = {k: list(map(str, v)) for k, v in found.items()}
    found[column][rng.integers(1, len(found[column]))] = value
    write(folder, table, found, suffix)

  return change


def _text(name: str, edit: Callable[[str], str], encoding: str = 'utf-8'):
  """A file's text is another."""

  def change(folder, tables, rng):
    del tables, rng
    path = folder / name
    path.write_bytes(edit(path.read_text('utf-8')).encode(encoding))

  return change


def _bytes(name: str, content: bytes):
  """A file of these bytes, alone of its name."""

  def change(folder, tables, rng):
    del tables, rng
    for old in folder.glob(f'{name.split(".")[0]}.*'):
      old.unlink()
    (folder / name).write_bytes(content)

  return change


def _array(name: str, make: Callable[[list], object]):
  """Features or topics, made of the videos' ids."""

  def change(folder, tables, rng):
    del rng
    for old in folder.glob('visual.*'):
      old.unlink()
    made = make(tables.videos['id'])
    if isinstance(made, dict):
      np.savez(folder / name, **made)
    else:
      np.save(folder / name, made, allow_pickle=True)

  return change


def _shuffled(table: str):
  def change(folder, tables, rng):
    columns = getattr(tables, table)
    order = rng.permutation(len(next(iter(columns.values()))))
    write(folder, table, {k: [v[i] for i in order] for k, v in columns.items()})

  return change


def _in_format(suffix: str):
  def change(folder, tables, rng):
    del rng
    for name, columns in tables._asdict().items():
      write(folder, name, columns, suffix)

  return change


def _do(act: Callable[[pathlib.Path], object]):
  """Something with the folder."""

  def change(folder, tables, rng):
    del tables, rng
    act(folder)

  return change


def _moments(kind) -> Callable[[list], pa.Array]:
  """Seconds as timestamps; the last digit of finer units is not 0."""
  scale = {'s': 1, 'ms': 10**3, 'us': 10**6, 'ns': 10**9}[kind.unit]
  return lambda times: pa.array(
    [t * scale + (scale > 1) for t in times], pa.int64()
  ).cast(kind)


def _only(folder: pathlib.Path) -> None:
  shutil.move(folder / 'watches.csv', folder / 'watches.csv.gz')


def _no_link(folder: pathlib.Path) -> None:
  (folder / 'profiles.csv').symlink_to(folder / 'gone')


def _swallowing(folder: pathlib.Path) -> None:
  (folder / 'tweets.csv').write_text(
    'user,time,text\nu1,1,"half a quote\nu2,2,no end\nu3,3,yet"\n'
  )


_WHOLE = 'right: a whole number of seconds since 1970 UTC'
_ID = 'right: a string that is not empty'
_FLOATS = 'right: float16 or float32'
_LONDON = pa.timestamp('us', 'Europe/London')

CASES = (
  # A: other states of the same data
  Case('A watches in another order', _shuffled('watches')),
  Case('A videos in another order', _shuffled('videos')),
  Case('A all as Parquet', _in_format('parquet')),
  Case('A all as JSON lines', _in_format('jsonl')),
  Case('A no tweets any more', _do(lambda f: (f / 'tweets.csv').unlink())),
  Case(
    'A a video fewer than features',
    _text(
      'videos.csv', lambda t: '\n'.join(t.splitlines()[:1] + t.splitlines()[2:])
    ),
    r"visual\.npz, array 'id', row 1: found .*; right: the id of a listed vid",
  ),
  Case(
    'A a video more than rows of features',
    _array('visual.npy', lambda ids: np.ones((len(ids) - 1, 2), np.float32)),
    r'visual\.npy: found 8 rows; right: 9, one per video',
  ),
  # B: rows that lie
  Case(
    'B time in milliseconds', _cell('watches', 'time', '1672531200000'), _WHOLE
  ),
  Case('B time before 1970', _cell('watches', 'time', '-1'), _WHOLE),
  Case(
    'B time with a fraction', _cell('watches', 'time', '1672531200.5'), _WHOLE
  ),
  Case('B time as a date', _cell('watches', 'time', '2023-01-01'), _WHOLE),
  Case(
    'B time missing',
    _cell('watches', 'time', ''),
    r'nothing \(null\); ' + _WHOLE,
  ),
  Case('B time not a number', _cell('watches', 'time', 'nan'), _WHOLE),
  Case(
    'B time after the year 3000', _cell('watches', 'time', str(10**12)), _WHOLE
  ),
  Case('B time of 30 digits', _cell('watches', 'time', '9' * 30), _WHOLE),
  Case('B time as text', _cell('watches', 'time', '12', 'jsonl'), _WHOLE),
  Case('B time as yes', _cell('watches', 'time', True, 'jsonl'), _WHOLE),
  Case('B tweet before 1970', _cell('tweets', 'time', '-9'), _WHOLE),
  Case(
    'B views below 0', _cell('videos', 'view_count', '-1'), 'right: a whole n'
  ),
  Case(
    'B views as words', _cell('videos', 'view_count', 'many'), 'right: a whole'
  ),
  Case(
    'B feature not a number',
    _array('visual.npy', lambda ids: np.full((len(ids), 2), np.nan)),
    r'row 1, column 1: found nan; right: a finite float32 number',
  ),
  Case(
    'B feature without end',
    _array('visual.npy', lambda ids: np.full((len(ids), 2), 1e300)),
    'found 1e.300; right: a finite float32 number',
  ),
  Case('B a user without a name', _cell('watches', 'user', ''), _ID),
  Case('B a video without a name', _cell('videos', 'id', ''), _ID),
  Case('B no user at all', _cell('watches', 'user', None, 'jsonl'), _ID),
  Case(
    'B half a character',
    _cell('tweets', 'text', '\ud83d', 'jsonl'),
    'right: text without half surrogate pairs',
  ),
  # C: what a file may look like
  Case(
    'C moments of a zone', _put('watches', 'parquet', time=_moments(_LONDON))
  ),
  Case(
    'C moments without a zone',
    _put('watches', 'parquet', time=_moments(pa.timestamp('ns'))),
  ),
  Case(
    'C ids as categories',
    _put('watches', 'parquet', video=lambda x: pa.array(x).dictionary_encode()),
  ),
  Case(
    'C long strings',
    _put('watches', 'parquet', user=lambda x: pa.array(x, pa.large_string())),
  ),
  Case(
    'C ids as bytes',
    _put('watches', 'parquet', user=lambda x: [u.encode() for u in x]),
    r"watches\.parquet, row 1, column 'user': found b'u.*; " + _ID,
  ),
  Case(
    'C ids as moments',
    _put(
      'watches',
      'parquet',
      user=lambda x: pa.array([1] * len(x), pa.timestamp('ns', 'No/Where')),
    ),
    r"watches\.parquet, .*column 'user': found",
  ),
  Case(
    'C ids with a fraction',
    _put('watches', video=lambda x: [f'{v}.0' for v in x]),
    r"watches\.csv, column 'video': found no id of a video of videos\.csv: "
    r"watches\.csv has '.*\.0' and '.*\.0', videos\.csv '.*; right: the same",
  ),
  Case(
    'C ids with blanks',
    _put('watches', video=lambda x: [f' {v}' for v in x]),
    "watches.csv has ' .* and ' .*; right: the same ids",
  ),
  Case(
    'C tweets of other users',
    _put('tweets', user=lambda x: [f'{n}.0' for n in range(len(x))]),
    warned=r"tweets\.csv and watches\.csv: 0 users in .*has '0\.0' and '1\.0'",
  ),
  Case(
    'C features of other videos',
    _array(
      'visual.npz',
      lambda ids: (
        {'id': np.arange(2), 'feature': np.ones((2, 2), np.float32)}
        if '0' not in ids and '1' not in ids
        else {'id': np.array(['x']), 'feature': np.ones((1, 2), np.float32)}
      ),
    ),
    r"array 'id', row 1: found .*; right: the id of a listed video, such as '",
  ),
  Case(
    'C a quote that swallows rows',
    _do(_swallowing),
    warned=r"tweets\.csv, row 1, column 'text': found 3 lines in one field",
  ),
  Case(
    'C a quote without an end',
    _text('tweets.csv', lambda t: t + 'u1,5,"no end\nu2,6,none\n'),
    warned="column 'text': found 2 lines",
  ),
  Case('C a byte order mark', _text('videos.csv', lambda t: '\ufeff' + t)),
  Case(
    'C lines of Windows',
    _text('watches.csv', lambda t: t.replace('\n', '\r\n')),
  ),
  Case(
    'C semicolons',
    _bytes('watches.csv', b'user;video;time\na;b;1\n'),
    r"watches\.csv: found the unknown column 'user;video;time'; right: user, v",
  ),
  Case(
    'C UTF-16', _text('watches.csv', str, 'utf-16'), r'line 1: found .*UTF-8'
  ),
  Case(
    'C Latin-1',
    _bytes('profiles.csv', 'user,text\na,caf\xe9\n'.encode('latin-1')),
    r'profiles\.csv, line 2: found .*; right: UTF-8 text',
  ),
  Case(
    'C no header',
    _text('watches.csv', lambda t: t.partition('\n')[2]),
    r'watches\.csv: found the unknown column .*; right: user, video, time',
  ),
  Case(
    'C a column more',
    _put('watches', rating=list),
    "found the unknown column 'rating'; right: user, video, time",
  ),
  Case(
    'C a column fewer',
    _text('watches.csv', lambda t: t.replace('time', 'title', 1)),
    "found the unknown column 'title'",
  ),
  Case(
    'C a value fewer',
    _text('watches.csv', lambda t: t + 'u1,v1\n'),
    r"row \d+: found 2 values in 'u1,v1'; right: 3, as in the header",
  ),
  Case(
    'C a header alone',
    _text('watches.csv', lambda t: t.splitlines()[0]),
    'found no row; right: one row per watch',
  ),
  Case(
    'C an empty file',
    _bytes('videos.csv', b''),
    r'videos\.csv: found .*; right: CSV',
  ),
  Case(
    'C a table of no kind',
    _bytes('watches.parquet', b'PAR1PAR1'),
    r'watches\.parquet: found .*; right: a Parq',
  ),
  Case(
    'C a list in JSON',
    _bytes('watches.jsonl', b'[{"user": "a"}]\n'),
    'row 1: found .*; right: a JSON object',
  ),
  Case(
    'C half a line of JSON',
    _bytes('watches.jsonl', b'{"user": "a", '),
    'row 1: found .*; right: one JSON object per line',
  ),
  Case(
    'C numbers without end in JSON',
    _bytes('watches.jsonl', b'{"user": "a", "video": "b", "time": Infinity}'),
    'found inf; ' + _WHOLE,
  ),
  Case(
    'C nothing but brackets',
    _bytes('watches.jsonl', b'[' * 99_999),
    'row 1: found .*; right: one JSON object',
  ),
  Case(
    'C a number of many digits',
    _bytes('watches.jsonl', b'{"user": ' + b'1' * 9999 + b'}'),
    'row 1: found .*; right: one JSON object',
  ),
  Case('C a video twice', _cell('videos', 'id', 'twice'), 'listed video'),
  Case(
    'C features as numbers of no kind',
    _array('visual.npy', lambda ids: np.ones((len(ids), 2), int)),
    _FLOATS,
  ),
  Case(
    'C features in a row',
    _array('visual.npy', lambda ids: np.ones(len(ids))),
    _FLOATS,
  ),
  Case(
    'C features as objects',
    _array('visual.npy', lambda ids: np.array([{}] * len(ids))),
    r'visual\.npy: found .*; right: arrays',
  ),
  Case(
    'C features of no name',
    _array('visual.npz', lambda ids: {'ids': np.array(ids)}),
    'found ids; right: id and feature',
  ),
  Case(
    'C features twice',
    _array(
      'visual.npz',
      lambda ids: {'id': np.array(ids[:1] * 2), 'feature': np.ones((2, 2))},
    ),
    r'found .* again \(first in row 1\)',
  ),
  Case(
    'C half a file of features',
    _bytes('visual.npz', b'PK\x03\x04half'),
    r'visual\.npz: found .*; right: arrays',
  ),
  Case(
    'C topics without tweets',
    _do(
      lambda f: (
        np.save(f / 'tweet_topics.npy', np.ones((2, 2))),
        (f / 'tweets.csv').unlink(),
      )
    ),
    'no tweets file',
  ),
  Case(
    'C a packed table',
    _do(_only),
    r'found no watches file, but watches\.csv\.gz, which nobody reads',
  ),
  Case(
    'C packed features',
    _do(lambda f: (f / 'visual.npy.gz').touch()),
    warned=r'not read as tables or features: visual\.npy\.gz',
  ),
  Case(
    'C two tables of a name',
    _do(lambda f: (f / 'watches.jsonl').touch()),
    r'found watches\.csv and watches\.jsonl; right: one',
  ),
  Case(
    'C a table of another name',
    _do(lambda f: (f / 'views.csv').touch()),
    r'views\.csv: found a data file of unknown name',
  ),
  # E: small things
  Case(
    'E blank lines at the end', _text('watches.csv', lambda t: t + '\n\r\n\n')
  ),
  Case('E no line end at the end', _text('watches.csv', lambda t: t.rstrip())),
  Case(
    'E a blank line within',
    _text('watches.csv', lambda t: t.replace('\n', '\n\n', 1)),
    r'watches\.csv, row 1',
  ),
  Case(
    'E a folder for a table',
    _do(lambda f: (f / 'profiles.csv').mkdir()),
    r'profiles\.csv: found a folder; right: one file',
  ),
  Case(
    'E a link to nothing',
    _do(_no_link),
    r'profiles\.csv: found no file that can be read; right: one file',
  ),
  Case('E hidden files', _do(lambda f: (f / '.videos.csv').write_text('x'))),
  Case(
    'E a name of no text',
    _do(
      lambda f: pathlib.Path(os.fsdecode(os.fsencode(f) + b'/\xff.txt')).touch()
    ),
  ),
)
