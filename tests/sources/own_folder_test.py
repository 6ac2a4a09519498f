"""The source `files`: a user's own folder, every value checked."""

import datetime
import json
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from dynrec_jax.data import records
from dynrec_jax.sources import (
  checked_tables,
  folder_files,
  load,
  notes,
  own_folder,
)

UTC = datetime.UTC
WATCHES = {
  'user': ['bea', 'ann', 'bea', 'cem'],
  'video': ['7', 'b,"c', '7', '7'],
  'time': [30, 20, 10, 0],
}
VIDEOS = {
  'id': ['7', 'b,"c', 'z'],
  'title': ['Sëven', '', 'two\nlines'],
  'description': ['d', 'null', '2013-06-01'],
  'tags': [['x', 'y z'], [], ['東京']],
  'categories': [[], ['c'], []],
  'upload_time': [-86400, None, 1370000000],
  'view_count': [None, 0, 2**40],
}
TWEETS = {
  'user': ['dan', 'ann', 'dan'],
  'time': [5, 4, 5],
  'text': ['first', '', 'second, "quoted"'],
}
PROFILES = {'user': ['eve', 'bea'], 'text': ['only a profile', '']}


def write_table(folder, name, columns, suffix):
  """The columns as a file of the given kind."""
  path = folder / f'{name}.{suffix}'
  if suffix == 'parquet':
    pa.parquet.write_table(pa.table(columns), path)
  elif suffix == 'csv':
    flat = {
      key: ['|'.join(v) if isinstance(v, list) else v for v in column]
      for key, column in columns.items()
    }
    pa.csv.write_csv(pa.table(flat), path)
  else:
    rows = zip(*columns.values(), strict=True)
    objects = (dict(zip(columns, row, strict=True)) for row in rows)
    lines = [json.dumps(value, ensure_ascii=False) for value in objects]
    path.write_text('\n'.join(lines) + '\n', encoding='utf-8')
  return path


@pytest.fixture
def folder(tmp_path) -> pathlib.Path:
  """A folder with the two tables that are required, as CSV."""
  path = tmp_path / 'in'
  path.mkdir()
  write_table(path, 'watches', WATCHES, 'csv')
  write_table(path, 'videos', {'id': VIDEOS['id']}, 'csv')
  return path


def loaded(folder) -> records.Records:
  return load.load_source(
    'files', data_dir=folder.parent / 'data', manual_dir=folder
  )


def refusal(folder) -> str:
  """What loading the folder says is wrong, without the folder's own name."""
  with pytest.raises(ValueError, match='; right: ') as error:
    loaded(folder)
  return str(error.value).replace(f'{folder}/', '')


@pytest.mark.parametrize('suffix', ['parquet', 'csv', 'jsonl'])
def test_every_format_gives_the_same_records(tmp_path, suffix):
  tables = {
    'watches': WATCHES,
    'videos': VIDEOS,
    'tweets': TWEETS,
    'profiles': PROFILES,
  }
  for name, columns in tables.items():
    write_table(tmp_path, name, columns, suffix)
  visual = np.arange(6, dtype=np.float32).reshape(3, 2)
  np.save(tmp_path / 'visual.npy', visual)
  paths = folder_files.folder_paths(tmp_path)
  users, unlisted = own_folder.users_from_folder(
    paths, own_folder.video_rows(paths), notes.no_notes()
  )
  assert unlisted['unlisted_count'] == 0
  # Whoever is named in watches, tweets or profiles.
  assert users.user_ids.tolist() == ['ann', 'bea', 'cem', 'dan', 'eve']
  assert users.watches.user.tolist() == [0, 1, 1, 2]
  assert users.watches.video.tolist() == [2, 0, 0, 0]
  assert users.watches.time.tolist() == [20, 10, 30, 0]
  assert users.tweets.user.tolist() == [0, 3, 3]
  assert users.tweets.text.tolist() == ['', 'first', 'second, "quoted"']
  assert users.profiles.tolist() == ['', '', '', '', 'only a profile']
  videos = own_folder.videos_from_folder(paths, notes.no_notes())
  place = [0, 2, 1]  # 'z' is shorter than 'b,"c'
  for name in ('id', 'title', 'description'):
    wanted = [VIDEOS[name][row] for row in place]
    assert getattr(videos, name).tolist() == wanted
  assert videos.tags.tolist() == [('x', 'y z'), ('東京',), ()]
  assert videos.categories.tolist() == [(), (), ('c',)]
  missing = records.MISSING_TIME
  assert videos.upload_time.tolist() == [-86400, 1370000000, missing]
  assert videos.view_count.tolist() == [records.MISSING_COUNT, 2**40, 0]
  np.testing.assert_array_equal(videos.visual, visual[place])
  assert videos.has_visual.all()


def test_optional_columns_and_files_may_be_absent(folder):
  found = loaded(folder)
  assert found.videos.title.tolist() == ['', '', '']
  assert found.videos.tags.tolist() == [(), (), ()]
  assert set(found.videos.upload_time.tolist()) == {records.MISSING_TIME}
  assert found.videos.visual.shape == (3, 0)
  assert len(found.tweets.user) == 0
  assert found.profiles.tolist() == ['', '', '']


@pytest.mark.parametrize('suffix', ['parquet', 'jsonl', 'csv'])
def test_integer_ids_are_kept_as_text(folder, suffix):
  (folder / 'watches.csv').unlink()
  (folder / 'videos.csv').unlink()
  watches = {'user': [10, 9], 'video': [2**40, 5], 'time': [1, 2]}
  write_table(folder, 'watches', watches, suffix)
  write_table(folder, 'videos', {'id': [5, 2**40]}, suffix)
  feature = np.ones((1, 2), np.float16)
  np.savez(folder / 'visual.npz', id=np.array([2**40]), feature=feature)
  found = loaded(folder)
  assert found.user_ids.tolist() == ['9', '10']
  assert found.watches.video.tolist() == [0, 1]
  assert found.videos.has_visual.tolist() == [False, True]


def test_leading_zeros_of_csv_ids_count(folder):
  (folder / 'videos.csv').write_text('id\n07\n7\n')
  (folder / 'watches.csv').write_text('user,video,time\na,7,1\na,07,2\n')
  assert loaded(folder).watches.video.tolist() == [0, 1]


def test_a_byte_order_mark_is_no_part_of_a_name(folder):
  (folder / 'videos.csv').write_bytes(b'\xef\xbb\xbfid\r\n7\r\n"b,""c"\r\n')
  assert loaded(folder).videos.id.tolist() == ['7', 'b,"c']


def test_a_byte_order_mark_is_no_part_of_json(folder):
  (folder / 'watches.csv').unlink()
  line = '{"user": "a", "video": "7", "time": 1}\r\n'
  (folder / 'watches.jsonl').write_bytes(b'\xef\xbb\xbf' + line.encode())
  assert loaded(folder).watches.time.tolist() == [1]


def test_an_empty_line_is_a_row_without_an_id(folder):
  (folder / 'videos.csv').write_text('id\n7\n\nz\n')
  assert "videos.csv, row 2, column 'id': found ''" in refusal(folder)


def test_lines_within_values_may_lie_anywhere_in_a_large_file(folder):
  # Longer than the blocks in which Arrow reads.
  text = [f'{row}\n"{row}",\n' * 9 for row in range(40_000)]
  time = range(len(text))
  tweets = {'user': ['a'] * len(text), 'time': time, 'text': text}
  path = write_table(folder, 'tweets', tweets, 'csv')
  assert path.stat().st_size > 4e6
  assert loaded(folder).tweets.text.tolist() == text


def test_no_time_is_the_one_that_means_unknown():
  assert records.MISSING_TIME < checked_tables.EARLIEST_SECOND
  year_1 = datetime.datetime(1, 1, 1, tzinfo=UTC).timestamp()
  year_3000 = datetime.datetime(3000, 1, 1, tzinfo=UTC).timestamp()
  assert (year_1, year_3000) == (
    checked_tables.EARLIEST_SECOND,
    checked_tables.LATEST_SECOND,
  )


@pytest.mark.parametrize(
  'kind', [pa.timestamp('ns'), pa.timestamp('s', 'Asia/Tokyo'), pa.date32()]
)
def test_parquet_timestamps_become_seconds(folder, kind):
  days = [datetime.datetime(1969, 12, 31), datetime.datetime(2013, 6, 1)]
  if getattr(kind, 'unit', '') == 'ns':  # half a second is rounded down
    days = [day + datetime.timedelta(seconds=0.5) for day in days]
  if getattr(kind, 'tz', None):
    days = [day.replace(tzinfo=UTC) for day in days]
  (folder / 'videos.csv').unlink()
  columns = {'id': ['7', 'b,"c'], 'upload_time': pa.array(days, kind)}
  write_table(folder, 'videos', columns, 'parquet')
  assert loaded(folder).videos.upload_time.tolist() == [-86400, 1370044800]


def write_topics(folder, topics, **columns):
  write_table(folder, 'tweets', columns, 'csv')
  np.save(folder / 'tweet_topics.npy', topics)


def test_tweets_may_bring_topics_instead_of_texts(folder):
  topics = np.array([[0.5, 0.5], [1, 0], [0, 0]], np.float16)
  write_topics(folder, topics, user=['ann', 'zoe', 'ann'], time=[30, 5, 10])
  tweets = loaded(folder).tweets
  assert tweets.time.tolist() == [10, 30, 5]
  assert tweets.text.tolist() == ['', '', '']
  np.testing.assert_array_equal(tweets.topics, topics[[2, 0, 1]])
  assert tweets.topics.dtype == np.float16


def warned(caplog) -> list[str]:
  """What was warned of."""
  return [r.getMessage() for r in caplog.records if r.levelname == 'WARNING']


def test_the_hour_of_autumn_that_is_twice(folder):
  """Half past one of 27 October 2013 in London, in summer time and after."""
  (folder / 'watches.csv').unlink()
  twice = [1382833800, 1382837400]
  kind = pa.timestamp('ns', 'Europe/London')
  time = pa.array([x * 10**9 + 999_999_999 for x in twice], pa.int64())
  columns = {'user': ['a', 'b'], 'video': ['7', '7'], 'time': time.cast(kind)}
  write_table(folder, 'watches', columns, 'parquet')
  assert loaded(folder).watches.time.tolist() == twice


@pytest.mark.parametrize(
  'values',
  [
    pa.array([2**52] * 4, pa.timestamp('ms')),  # no year that is one
    pa.array([2**52] * 4, pa.timestamp('ms', 'Mars/Olympus')),
    pa.array([1] * 4, pa.duration('s')),
    pa.array([1] * 4, pa.time64('ns')),
    pa.array([b'1'] * 4, pa.binary()),
  ],
)
def test_times_of_other_types_are_refused_in_a_line(folder, values):
  (folder / 'watches.csv').unlink()
  write_table(folder, 'watches', {**WATCHES, 'time': values}, 'parquet')
  found = refusal(folder)
  assert 'watches.parquet' in found
  assert "column 'time': found" in found
  assert '\n' not in found


@pytest.mark.parametrize(
  'values', [pa.array([1] * 4, pa.timestamp('ns', 'Mars/Olympus')), [1.5] * 4]
)
def test_ids_of_other_types_are_refused_in_a_line(folder, values):
  (folder / 'watches.csv').unlink()
  write_table(folder, 'watches', {**WATCHES, 'user': values}, 'parquet')
  assert "column 'user': found" in refusal(folder)


def test_a_category_column_is_read_as_its_values(folder):
  (folder / 'watches.csv').unlink()
  columns = {
    'user': pa.array(WATCHES['user']).dictionary_encode(),
    'video': pa.array(WATCHES['video']).dictionary_encode(),
    'time': pa.array(WATCHES['time']).dictionary_encode(),
  }
  write_table(folder, 'watches', columns, 'parquet')
  assert loaded(folder).watches.time.tolist() == [20, 10, 30, 0]


def test_a_field_that_swallows_rows_is_warned_of(folder, caplog):
  rows = ['id,title', '7,"Sunday', '8,Monday', '9,"Tuesday"" by night', 'z,""']
  (folder / 'videos.csv').write_text('\n'.join(rows) + '\n')
  for _ in range(2):  # once freshly prepared, once reused
    caplog.clear()
    assert loaded(folder).videos.id.tolist() == ['7', 'z']
    (line,) = [x for x in warned(caplog) if 'line' in x]
    assert "videos.csv, row 1, column 'title': found 3 lines in one" in line
    assert 'a quote within a field doubled' in line


@pytest.mark.parametrize('end', ['\n\n', '\r\n\r\n\r\n', ''])
def test_blank_lines_at_the_end_are_no_rows(folder, end):
  (folder / 'watches.csv').write_text('user,video,time\na,7,1\na,7,2' + end)
  (folder / 'videos.csv').write_text('id\n7' + end)
  found = loaded(folder)
  assert found.watches.time.tolist() == [1, 2]
  assert found.videos.id.tolist() == ['7']


def test_ids_that_do_not_meet_are_shown(folder):
  rows = [f'u,{video}.0,{time}\n' for video, time in ((11, 1), (12, 2))]
  (folder / 'watches.csv').write_text('user,video,time\n' + ''.join(rows))
  (folder / 'videos.csv').write_text('id\n11\n12\n13\n')
  assert refusal(folder) == (
    "watches.csv, column 'video': found no id of a video of videos.csv: "
    "watches.csv has '11.0' and '12.0', videos.csv '11' and '12'; right: the "
    'same ids, spelled alike'
  )


@pytest.mark.parametrize('name', ['tweets', 'profiles'])
def test_users_that_hardly_meet_are_shown_every_time(folder, caplog, name):
  columns = {'user': ['1', '2', '3'], 'time': [1, 2, 3], 'text': ['a'] * 3}
  if name == 'profiles':
    columns.pop('time')
  write_table(folder, name, columns, 'csv')
  for _ in range(2):
    caplog.clear()
    loaded(folder)
    (line,) = warned(caplog)
    assert f'{name}.csv and watches.csv: 0 users in both, 3 only in' in line
    assert f"{name}.csv has '1' and '2', watches.csv 'bea' and 'ann'" in line


@pytest.mark.parametrize(
  ('name', 'instead'),
  [('watches.csv', 'watches.csv.gz'), ('videos.csv', 'Videos.CSV')],
)
def test_a_file_that_is_meant_is_named_where_one_lacks(folder, name, instead):
  (folder / name).rename(folder / instead)
  found = refusal(folder)
  assert f'no {name[:-4]} file, but {instead}, which nobody reads' in found


def test_what_nobody_reads_is_named(folder, caplog):
  for name in ('visual.npy.gz', 'notes.txt', '.hidden', 'thumbs.db'):
    (folder / name).touch()
  (folder / 'posters').mkdir()
  caplog.set_level('INFO')
  loaded(folder)
  (line,) = warned(caplog)
  assert line.startswith(f'{folder}: not read as tables or features: visual.n')
  (line,) = [
    r.getMessage() for r in caplog.records if 'notes' in r.getMessage()
  ]
  assert line.endswith('features: notes.txt, posters, thumbs.db')


def test_topics_belong_to_tweets(folder):
  np.save(folder / 'tweet_topics.npy', np.ones((3, 2), np.float32))
  assert 'found tweet_topics.npy and no tweets file' in refusal(folder)


@pytest.mark.parametrize(
  ('topics', 'message'),
  [
    (np.ones((1, 2), np.float32), 'found 1 rows; right: 2, one per tweet'),
    (np.ones((2, 2)) * -0.5, 'row 1, column 1: found -0.5; right: a share'),
    (np.full((2, 2), np.nan, np.float32), 'row 1, column 1: found nan; right'),
    (np.ones(2, np.float32), 'found float32 [2]; right: float16 or float32'),
  ],
)
def test_wrong_topics_are_named(folder, topics, message):
  write_topics(folder, topics, user=['ann', 'bea'], time=[1, 2])
  assert message in refusal(folder)
  assert 'tweet_topics.npy' in refusal(folder)


WRONG_CELLS = [
  ('watches', 'time', '1.5', "found '1.5'; right: a whole number of seconds"),
  ('watches', 'time', '-1', 'found -1; right: a whole number of seconds'),
  ('watches', 'time', '', 'found nothing (null); right: a whole number of'),
  ('watches', 'time', 'nan', "found 'nan'; right: a whole number of seconds"),
  ('watches', 'time', '1370000000000', 'found 1370000000000; right: a whole'),
  ('watches', 'user', '', "found ''; right: a string that is not empty"),
  ('watches', 'video', '', "found ''; right: a string that is not empty"),
  ('videos', 'id', '', "found ''; right: a string that is not empty"),
  ('videos', 'id', '7', "found '7' again (first in row 1); right: every val"),
  ('videos', 'tags', 'a||b', "found ['a', '', 'b']; right: a list of strings"),
  ('videos', 'upload_time', 'x', "found 'x'; right: a whole number of secon"),
  ('videos', 'view_count', '-3', 'found -3; right: a whole number, 0 or mor'),
  ('videos', 'view_count', '1e3', "found '1e3'; right: a whole number, 0 or"),
  ('tweets', 'time', '-5', 'found -5; right: a whole number of seconds'),
  ('profiles', 'user', 'eve', "found 'eve' again (first in row 1); right: e"),
]


@pytest.mark.parametrize(('name', 'column', 'cell', 'message'), WRONG_CELLS)
def test_a_wrong_csv_cell_is_named(folder, name, column, cell, message):
  tables = {
    'watches': WATCHES,
    'videos': VIDEOS,
    'tweets': TWEETS,
    'profiles': PROFILES,
  }
  columns = {key: list(values) for key, values in tables[name].items()}
  for values in columns.values():  # as a spreadsheet would write them
    values[:] = ['|'.join(v) if isinstance(v, list) else v for v in values]
    values[:] = ['' if v is None else str(v) for v in values]
  columns[column][1] = cell
  write_table(folder, name, columns, 'csv')
  assert refusal(folder).startswith(
    f'{name}.csv, row 2, column {column!r}: {message}'
  )


WRONG_VALUES = [
  ('watches', 'time', 1.0, 'found 1.0; right: a whole number of seconds'),
  ('watches', 'time', True, 'found True; right: a whole number of seconds'),
  ('watches', 'time', '20', "found '20'; right: a whole number of seconds"),
  ('watches', 'time', None, 'found nothing (null); right: a whole number'),
  ('watches', 'user', None, 'found nothing (null); right: a string that is'),
  ('watches', 'user', 1.5, 'found 1.5; right: a string that is not empty'),
  ('watches', 'video', ['7'], "found ['7']; right: a string that is not em"),
  ('videos', 'id', '\ud800', r"found '\ud800'; right: text without half su"),
  ('videos', 'title', 3, 'found 3; right: a string'),
  ('videos', 'tags', 'a', "found 'a'; right: a list of strings"),
  ('videos', 'tags', [3], 'found [3]; right: a string'),
  ('videos', 'view_count', 2**63, f'found {2**63}; right: a whole number'),
  ('tweets', 'text', None, 'found nothing (null); right: a string'),
]


@pytest.mark.parametrize(('name', 'column', 'value', 'message'), WRONG_VALUES)
def test_a_wrong_json_value_is_named(folder, name, column, value, message):
  (folder / f'{name}.csv').unlink(missing_ok=True)
  tables = {'watches': WATCHES, 'videos': VIDEOS, 'tweets': TWEETS}
  columns = {key: list(values) for key, values in tables[name].items()}
  columns[column][2] = value
  rows = zip(*columns.values(), strict=True)
  objects = [dict(zip(columns, row, strict=True)) for row in rows]
  lines = ''.join(json.dumps(value) + '\n' for value in objects)
  (folder / f'{name}.jsonl').write_text(lines)
  assert refusal(folder).startswith(
    f'{name}.jsonl, row 3, column {column!r}: {message}'
  )


@pytest.mark.parametrize(
  ('time', 'found'),
  [
    (pa.array([1.0, 2.0, 3.0, 4.0]), '1.0'),
    (pa.array([float('nan')] * 4), 'nan'),
    (pa.array(['1', '2', '3', '4']), "'1'"),
    (pa.array([None] * 4, pa.int64()), 'nothing (null)'),
    (pa.array([-1] * 4, pa.timestamp('ms')), '-1'),
  ],
)
def test_a_wrong_parquet_value_is_named(folder, time, found):
  (folder / 'watches.csv').unlink()
  write_table(folder, 'watches', {**WATCHES, 'time': time}, 'parquet')
  message = f"watches.parquet, row 1, column 'time': found {found}; right: a"
  assert refusal(folder).startswith(message)


@pytest.mark.parametrize(
  ('name', 'text', 'message'),
  [
    ('watches.csv', 'user,video\na,7\n', "found no column 'time' (columns: us"),
    (
      'watches.csv',
      'user,video,time,x\na,7,1,2\n',
      "found the unknown column '",
    ),
    (
      'watches.csv',
      'user,video,time,time\na,7,1,2\n',
      "found 2 columns 'time'",
    ),
    ('watches.csv', 'user,video,time\n', 'found no row; right: one row per wa'),
    ('videos.csv', 'id\n', 'found no row; right: one row per video'),
    ('watches.csv', '', 'found Empty CSV file; right: CSV with a header line'),
  ],
)
def test_a_wrong_table_is_named(folder, name, text, message):
  (folder / name).write_text(text)
  assert refusal(folder).startswith(f'{name}: {message}')


@pytest.mark.parametrize(
  ('name', 'data', 'message'),
  [
    (
      'watches.csv',
      b'user,video,time\na,7,1\na,7\n',
      "watches.csv, row 2: found 2 values in 'a,7'; right: 3, as in the heade",
    ),
    (
      'watches.csv',
      b'user,video,time\na,7,1\n\xe9,7,2\n',
      r"watches.csv, line 3: found the bytes b'\xe9'; right: UTF-8 text",
    ),
    (
      'tweets.jsonl',
      b'{"user": "a", "time": 1, "text": "t"}\n{"user": \n',
      """tweets.jsonl, row 2: found '{"user": ' (Expecting value at char""",
    ),
    (
      'tweets.jsonl',
      b'{"user": "a", "time": 1, "text": "t"}\n\n{}\n',
      "tweets.jsonl, row 2: found '' (Expecting value",
    ),
    ('tweets.jsonl', b'[1]\n', 'tweets.jsonl, row 1: found [1]; right: a JSON'),
    (
      'tweets.jsonl',
      b'{"user": "a", "time": 1, "text": "t", "lang": "en"}\n',
      "tweets.jsonl, row 1: found the unknown column 'lang'; right: user, ti",
    ),
    (
      'tweets.jsonl',
      b'{"user": "a", "time": 1}\n',
      "tweets.jsonl, row 1, column 'text': found nothing (null); right: a st",
    ),
    ('tweets.parquet', b'PAR1', 'tweets.parquet: found '),
  ],
)
def test_a_broken_file_is_named(folder, name, data, message):
  (folder / name).write_bytes(data)
  assert refusal(folder).startswith(message)


@pytest.mark.parametrize(
  ('name', 'message'),
  [
    ('watches.jsonl', 'found watches.csv and watches.jsonl; right: one'),
    ('tweet.csv', 'found a data file of unknown name; right: watches.{parqu'),
    ('videos.npy', 'found a data file of unknown name; right: watches.{parqu'),
    ('profiles.parquet/', 'found a folder; right: one file'),
  ],
)
def test_a_file_that_would_be_overlooked_is_refused(folder, name, message):
  path = folder / name
  path.mkdir() if name.endswith('/') else path.touch()
  assert message in refusal(folder)


def test_files_of_other_kinds_are_left_alone(folder):
  (folder / 'notes.txt').write_text('mine')
  (folder / '.watches.csv').write_text('an editor')
  assert len(loaded(folder).watches.user) == 4


@pytest.mark.parametrize('name', ['watches', 'videos'])
def test_a_required_file_must_exist(folder, name):
  (folder / f'{name}.csv').unlink()
  assert f'found no {name} file; right: {name}.csv' in refusal(folder)


@pytest.mark.parametrize('folder_name', [None, 'absent'])
def test_a_folder_must_be_named(tmp_path, folder_name):
  path = folder_name and tmp_path / folder_name
  with pytest.raises(ValueError, match=r'^manual_dir: found .*; right: the'):
    load.load_source('files', data_dir=tmp_path, manual_dir=path)


def test_features_lie_in_the_order_of_the_videos(folder):
  feature = np.arange(6, dtype=np.float16).reshape(3, 2)
  np.save(folder / 'visual.npy', feature)
  videos = loaded(folder).videos
  assert videos.id.tolist() == ['7', 'z', 'b,"c']  # by length, then letters
  np.testing.assert_array_equal(videos.visual, feature[[0, 2, 1]])
  assert videos.visual.dtype == np.float16
  np.save(folder / 'visual.npy', feature[:2])
  assert refusal(folder) == 'visual.npy: found 2 rows; right: 3, one per video'
