"""Any folder at all: what is read is all there, and nothing but a line refuses.

Hypothesis makes tables of texts, numbers and nothing, in all three formats, and
takes bytes out of the files. Whatever comes of it is the documented ValueError,
or records with every row of the files.
"""

import collections
import csv
import io
import json
import pathlib
import shutil
import tempfile

import pyarrow as pa
import pyarrow.parquet
import pytest

from dynrec_jax.sources import (
  folder_files,
  notes,
  own_folder,
)

hypothesis = pytest.importorskip('hypothesis')
st = hypothesis.strategies

_FORMATS = ('csv', 'jsonl', 'parquet')
_TEXTS = st.text(max_size=6) | st.sampled_from(
  ['', 'a', 'a,b', '"', '"a', 'a\nb', '\r', '\ufeff', 'null', 'NaN', '1.0', '|']
)
_IDS = st.sampled_from(['a', 'b', 'c', '1', '01', 'é', 'a b', '"', 'a,b'])
_TIMES = st.integers(0, 2_000_000_000)
_ANY = st.none() | st.booleans() | st.floats() | st.integers() | _TEXTS
_COLUMNS = {
  'watches': {'user': _IDS, 'video': _IDS, 'time': _TIMES},
  'videos': {'id': _IDS, 'title': _TEXTS},
  'tweets': {'user': _IDS, 'time': _TIMES, 'text': _TEXTS},
  'profiles': {'user': _IDS, 'text': _TEXTS},
}
_WITHOUT = ('tweets', 'profiles')  # of these a folder may have no file


@st.composite
def tables(draw):
  """Columns by table; in every other folder a table has what is not sound."""
  found = {}
  wrong = draw(st.sampled_from(['', *_COLUMNS]) | st.just(''))
  for name, columns in _COLUMNS.items():
    if name in _WITHOUT and draw(st.booleans()):
      continue
    count = draw(st.integers(0 if name == wrong else 1, 5))
    of = {
      key: draw(st.lists(values, min_size=count, max_size=count))
      for key, values in columns.items()
    }
    unique = {'videos': 'id', 'profiles': 'user'}.get(name)
    if unique and name != wrong:
      places = [of[unique].index(value) for value in dict.fromkeys(of[unique])]
      of = {key: [column[i] for i in places] for key, column in of.items()}
    if count and name == wrong:
      draw(st.sampled_from((_with_any_cell, _without_a_column)))(draw, of)
    found[name] = of
  videos = found['videos'].get('id')
  if videos and found['watches'].get('video') and wrong != 'watches':
    found['watches']['video'][0] = videos[0]  # one at least meets
  return found


def _with_any_cell(draw, of):
  key = draw(st.sampled_from(list(of)))
  of[key][-1] = draw(_ANY)


def _without_a_column(draw, of):
  of.pop(draw(st.sampled_from(list(of))))


@st.composite
def folders(draw):
  """File contents by name, and which table each is of, untouched or not."""
  files, sound = {}, {}
  for name, columns in draw(tables()).items():
    suffix = draw(st.sampled_from(_FORMATS))
    try:
      data = _WRITERS[suffix](columns)
    except (pa.ArrowException, UnicodeEncodeError, OverflowError):
      suffix, data = 'jsonl', _as_jsonl(columns)
    whole = draw(st.integers(0, 9)) != 0
    if not whole:
      data = draw(damaged(data))
    files[f'{name}.{suffix}'] = data
    if suffix == 'csv':
      columns = {key: _said(key, column) for key, column in columns.items()}
    sound[name] = columns if whole else None
  return files, sound


@st.composite
def damaged(draw, data: bytes) -> bytes:
  """Bytes that are cut, or of which one is another or that are in between."""
  at = draw(st.integers(0, len(data)))
  extra = draw(
    st.binary(max_size=3) | st.sampled_from([b'\n', b'"', b',', b'\0'])
  )
  return data[:at] + draw(
    st.sampled_from([b'', extra + data[at:], extra + data[at + 1 :]])
  )


def _said(key: str, column: list) -> list:
  """What a CSV file says of a column: texts, and times where it has digits."""
  texts = ['' if value is None else str(value) for value in column]
  if key != 'time':
    return texts
  digits = (text.removeprefix('-').removeprefix('+') for text in texts)
  return [
    int(text) if of.isdecimal() and of.isascii() else text
    for text, of in zip(texts, digits, strict=True)
  ]


def _as_csv(columns) -> bytes:
  """As Python's writer has it: None is empty, quotes where they must be."""
  text = io.StringIO(newline='')
  table = csv.writer(text, lineterminator='\r\n')
  table.writerow(columns)
  table.writerows(zip(*columns.values(), strict=True))
  return text.getvalue().encode()


def _as_jsonl(columns) -> bytes:
  rows = zip(*columns.values(), strict=True)
  return b''.join(
    json.dumps(dict(zip(columns, row, strict=True))).encode() + b'\n'
    for row in rows
  )


def _as_parquet(columns) -> bytes:
  out = io.BytesIO()
  pa.parquet.write_table(pa.table(columns), out)
  return out.getvalue()


_WRITERS = {'csv': _as_csv, 'jsonl': _as_jsonl, 'parquet': _as_parquet}


def read(folder: pathlib.Path):
  """What a preparation makes of the folder, without its files on disk."""
  paths = folder_files.folder_paths(folder)
  odd = notes.no_notes()
  videos = own_folder.videos_from_folder(paths, odd)
  rows = own_folder.video_rows(paths)
  users, unlisted = own_folder.users_from_folder(paths, rows, odd)
  for line in (*odd.told, *odd.warned):
    assert '\n' not in line
  return users, videos, unlisted['unlisted_count']


def check(files, sound, read=read) -> bool:
  """Whether the folder was read; all of it, then."""
  folder = pathlib.Path(tempfile.mkdtemp(prefix='any-folder-'))
  try:
    for name, data in files.items():
      (folder / name).write_bytes(data)
    try:
      users, videos, unlisted = read(folder)
    except ValueError as error:
      text = str(error)
      assert text.startswith(str(folder)), text
      assert '; right: ' in text
      assert '\n' not in text
      return False
  finally:
    shutil.rmtree(folder)
  check_rows(users, videos, unlisted, sound)
  return True


def check_rows(users, videos, unlisted, sound):
  """Every row of the sound tables is in the records, with its values."""
  if sound.get('videos'):
    assert sorted(videos.id) == sorted(map(str, sound['videos']['id']))
  if sound.get('watches'):
    asked = sound['watches']
    listed = set(videos.id)
    rows = zip(asked['user'], asked['video'], asked['time'], strict=True)
    wanted = [(str(u), str(v), t) for u, v, t in rows]
    kept = collections.Counter(row for row in wanted if row[1] in listed)
    w = users.watches
    found = zip(
      users.user_ids[w.user], videos.id[w.video], w.time.tolist(), strict=True
    )
    assert collections.Counter(found) == kept
    assert unlisted == len(wanted) - kept.total()
    assert {u for u, _, _ in wanted} <= set(users.user_ids)
  if sound.get('tweets'):
    asked = sound['tweets']
    rows = zip(asked['user'], asked['time'], asked['text'], strict=True)
    t = users.tweets
    found = zip(users.user_ids[t.user], t.time.tolist(), t.text, strict=True)
    wanted = ((str(u), at, text) for u, at, text in rows)
    assert collections.Counter(found) == collections.Counter(wanted)
  if sound.get('profiles'):
    asked = sound['profiles']
    of = dict(zip(users.user_ids, users.profiles, strict=True))
    for user, text in zip(asked['user'], asked['text'], strict=True):
      assert of[str(user)] == text


def settings(count: int):
  return hypothesis.settings(
    max_examples=count,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(hypothesis.HealthCheck),
  )


@settings(60)
@hypothesis.given(folders())
def test_a_few_folders(folder):
  check(*folder)


@pytest.mark.slow
def test_ten_thousand_folders():
  read_count = 0

  @settings(10_000)
  @hypothesis.given(folders())
  def every(folder):
    nonlocal read_count
    read_count += check(*folder)

  every()
  assert read_count > 2000  # not all are refused
