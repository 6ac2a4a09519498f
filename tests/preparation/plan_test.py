"""The whole pipeline on Beam's runner in Python: the study of the memory."""

import json
import shutil

import beam_there
import numpy as np
import odd_worlds
import pyarrow as pa
import pyarrow.parquet
import pytest
import worlds
from loaded_folder import assert_same

from dynrec_jax.preparation import study_set
from dynrec_jax.study import at_scale, filtered, prepare

pytestmark = beam_there.needs_beam

SETTINGS = {
  'data.name': 'files',
  'sessions.start': '2023-01-01',
  'sessions.end': '2024-01-01',
  'filter.min_videos_per_user': 7,
  'filter.min_users_per_video': 6,
  'text.fields': ('title', 'tags'),
}
TIME = {
  'split.by': 'time',
  'split.cut': 6,
  'split.new_videos': ('title', 'visual'),
}
# (what the folder is like, what the study asks for)
STUDIES = {
  'single_pass': ({}, {}),
  'fixpoint': ({'visual': 'npy'}, {'filter.mode': 'fixpoint'}),
  'cross': (
    {'topics': True, 'seed': 1},
    {'scenario': 'cross', 'filter.min_tweets_per_user': 3},
  ),
  'visual': (
    {'seed': 2},
    {'data.require_visual': True, 'filter.min_users_per_video': 4},
  ),
  'time': ({'seed': 3}, {**TIME, 'filter.min_videos_per_user': 4}),
  'time_visual_fixpoint': (
    {'topics': True, 'seed': 4},
    {
      **TIME,
      'filter.mode': 'fixpoint',
      'filter.min_videos_per_user': 2,
      'filter.min_users_per_video': 2,
      'filter.min_tweets_per_user': 1,
      'data.require_visual': True,
    },
  ),
}


def config_of(root, folder, changes):
  """A study of a folder."""
  places = {
    'data.manual_dir': str(folder),
    'data.data_dir': str(root / 'cache'),
    'data.range_rows': 128,
    'workdir': str(root / 'run'),
  }
  return worlds.tiny_config(SETTINGS | places | changes)


def lines_of(monkeypatch, config):
  """The study's records and what is told of them."""
  lines = []
  for level in ('info', 'debug'):
    monkeypatch.setattr(
      filtered.logging, level, lambda text, *of: lines.append(text % of)
    )
  studied = filtered.study_records(config)
  rules = [x for x in lines if ' users, ' in x and not x.startswith('first')]
  return studied, rules


def notes_of(root):
  """What the copy in memory's way tells of joins, but that of unlisted ids."""
  found = []
  for part in ('videos', 'users'):
    (path,) = (root / 'cache').rglob(f'files/{part}/*/metadata.json')
    found += json.loads(path.read_text())['told']
  return [line for line in found if 'watches.parquet and videos' not in line]


@pytest.mark.slow
@pytest.mark.parametrize('name', STUDIES)
def test_it_is_the_study_of_the_memory(name, tmp_path, monkeypatch):
  of_folder, changes = STUDIES[name]
  folder = odd_worlds.write(tmp_path / 'in', **of_folder)
  config = config_of(tmp_path, folder, changes)
  wanted, told = lines_of(monkeypatch, config)
  config.data.prepared_dir = str(tmp_path / 'set')
  at_scale.prepare_at_scale(config)
  assert not (tmp_path / 'set' / 'scratch').exists()
  found, lines = lines_of(monkeypatch, config)
  assert_same(found.records, wanted.records)
  assert_same(found.outside, wanted.outside)
  assert_same(found.sessions, wanted.sessions)
  np.testing.assert_array_equal(found.known_videos, wanted.known_videos)
  assert lines == told
  # The world is odd enough: something is left, and something is not.
  counts = [len(x.records.user_ids) for x in (found, wanted)]
  assert 3 < counts[0] < odd_worlds.USERS
  assert 3 < len(found.records.videos.id) < odd_worlds.VIDEOS
  assert len(found.outside.watches.user)
  facts = json.loads((tmp_path / 'set' / 'set.json').read_text())
  assert facts['notes']['told'] == notes_of(tmp_path)
  shards = list((tmp_path / 'set' / 'prepared_study' / 'users').rglob('*-of-*'))
  assert len(shards) > 2  # users of several ranges
  assert facts['notes']['unlisted_count'] > 0


@pytest.mark.slow
def test_files_of_text_and_rows_in_another_order(tmp_path):
  """The copy in memory is made of the same tables, so all else follows."""
  folder = worlds.write_tweets(worlds.write_folder(tmp_path / 'in'))
  config = worlds.tiny_config(worlds.tiny_settings(folder, tmp_path))
  wanted = prepare.prepare(config)
  for name in ('watches', 'tweets'):
    head, *rows = (folder / f'{name}.csv').read_text().splitlines()
    (folder / f'{name}.csv').write_text('\n'.join([head, *rows[::-1]]))
  (folder / 'watches.csv.gz').touch()
  config.data.prepared_dir = str(tmp_path / 'set')
  at_scale.prepare_at_scale(config)
  facts = json.loads((tmp_path / 'set' / 'set.json').read_text())
  (line,) = facts['notes']['warned']
  assert 'not read as tables or features: watches.csv.gz (right' in line
  shutil.rmtree(folder)  # nobody asks for it again
  found = prepare.prepare(config)
  assert_same(found.records, wanted.records)
  assert_same(found.summary, wanted.summary)
  assert found.fingerprint == wanted.fingerprint


@pytest.mark.slow
def test_parts_are_one_table(tmp_path):
  """In every part a row group may end anywhere; sessions are stored, too."""
  whole = odd_worlds.write(tmp_path / 'in', topics=True)
  parts = odd_worlds.write(tmp_path / 'parts', topics=True, parts=3)
  config = config_of(tmp_path, whole, {})
  wanted = filtered.study_records(config)
  config.data.prepared_dir = str(tmp_path / 'set')
  config.data.manual_dir = str(parts)
  config.data.beam_options = (
    '--runner=DirectRunner --direct_num_workers=2 '
    '--direct_running_mode=multi_threading'
  )
  at_scale.prepare_at_scale(config)
  found = filtered.study_records(config)
  assert_same(found.records, wanted.records)
  session = np.concatenate(
    [
      block['session']
      for block in study_set.blocks(config.data.prepared_dir, 'users')
    ]
  )
  of = wanted.sessions.of(wanted.records.watches.time)
  np.testing.assert_array_equal(session, of)


def null_user(folder):
  change(folder, 'watches', 'user', 501, None)


def empty_video(folder):
  change(folder, 'watches', 'video', 300, '')


def early_time(folder):
  change(folder, 'watches', 'time', 8, -5)


def late_tweet(folder):
  change(folder, 'tweets', 'time', 120, 10**12)


def video_twice(folder):
  change(folder, 'videos', 'id', 21, odd_worlds.tables()['videos']['id'][4])


def profile_twice(folder):
  change(folder, 'profiles', 'user', 20, odd_worlds.user_names()[4])


def unknown_feature(folder):
  arrays = dict(np.load(folder / 'visual.npz'))
  arrays['id'][7] = 'nobody'
  np.savez(folder / 'visual.npz', **arrays)


def infinite_feature(folder):
  arrays = dict(np.load(folder / 'visual.npz'))
  arrays['feature'][7, 2] = np.inf
  np.savez(folder / 'visual.npz', **arrays)


def negative_topic(folder):
  shares = np.load(folder / 'tweet_topics.npy')
  shares[130, 1] = -0.5
  np.save(folder / 'tweet_topics.npy', shares)


def topic_missing(folder):
  shares = np.load(folder / 'tweet_topics.npy')
  np.save(folder / 'tweet_topics.npy', shares[:-1])


def no_row(folder):
  path = folder / 'watches.parquet'
  pa.parquet.write_table(pa.parquet.read_table(path).slice(0, 0), path)


def change(folder, table, column, row, value):
  """Writes another value in a table."""
  path = folder / f'{table}.parquet'
  found = pa.parquet.read_table(path)
  values = found[column].to_pylist()
  values[row] = value.as_py() if isinstance(value, pa.Scalar) else value
  place = found.column_names.index(column)
  kind = found.schema.field(column).type
  found = found.set_column(place, column, pa.array(values, kind))
  pa.parquet.write_table(found, path, row_group_size=97)


@pytest.mark.slow
@pytest.mark.parametrize(
  'spoil',
  [
    null_user,
    empty_video,
    early_time,
    late_tweet,
    video_twice,
    profile_twice,
    unknown_feature,
    infinite_feature,
    negative_topic,
    topic_missing,
    no_row,
  ],
  ids=lambda spoil: spoil.__name__,
)
def test_a_wrong_row_is_named_as_in_memory(spoil, tmp_path):
  folder = odd_worlds.write(tmp_path / 'in', topics=True)
  spoil(folder)
  config = config_of(tmp_path, folder, {})
  with pytest.raises(ValueError, match='right') as wanted:
    filtered.study_records(config)
  config.data.prepared_dir = str(tmp_path / 'set')
  with pytest.raises(ValueError, match='right') as found:
    at_scale.prepare_at_scale(config)
  text, other = str(wanted.value), str(found.value)
  assert other.startswith(text.partition(', such as')[0])
  assert not (tmp_path / 'set' / 'set.json').exists()


@pytest.mark.slow
@pytest.mark.parametrize(
  ('changes', 'told'),
  [
    ({'filter.min_videos_per_user': 40}, 'Lower filter.min_videos_per_user or'),
    (
      {'filter.min_tweets_per_user': 90},
      r'lower filter.min_tweets_per_user: the most that a user has is \d',
    ),
    (
      {'sessions.start': '1999-01-01', 'sessions.end': '2000-01-01'},
      r'no watch lies in the span \(sessions.start, sessions.end\)',
    ),
    ({'data.strict': True}, "'gone', and .* more such rows"),
  ],
)
def test_nothing_left_is_one_error_that_names_the_key(changes, told, tmp_path):
  folder = odd_worlds.write(tmp_path / 'in')
  config = config_of(tmp_path, folder, changes)
  with pytest.raises(ValueError, match=r'filter|sessions|listed'):
    filtered.study_records(config)
  config.data.prepared_dir = str(tmp_path / 'set')
  with pytest.raises(ValueError, match=told):
    at_scale.prepare_at_scale(config)


@pytest.mark.slow
def test_a_set_is_read_by_its_own_study_alone(tmp_path):
  """Nor is it made twice, or read when something of it is gone."""
  folder = odd_worlds.write(tmp_path / 'in')
  place = tmp_path / 'set'
  (place / 'scratch' / 'old').mkdir(parents=True)  # a job was killed here
  (place / 'prepared_study' / 'users' / '1.0.0').mkdir(parents=True)
  config = config_of(tmp_path, folder, {'data.prepared_dir': str(place)})
  with pytest.raises(ValueError, match=r'data.prepared_dir is .* no set.json'):
    filtered.study_records(config)
  at_scale.prepare_at_scale(config)
  assert {path.name for path in place.iterdir()} == {
    'prepared_study',
    'set.json',
  }
  with pytest.raises(ValueError, match=r'data.prepared_dir is .* which holds'):
    at_scale.prepare_at_scale(config)
  filtered.study_records(config)
  for key, value, told in (
    ('filter.mode', 'fixpoint', 'mode was single_pass, is fixpoint'),
    ('sessions.L', 6, r'borders was \(1672531200, .*, is \(1672531200, '),
    ('split.by', 'time', 'cut was None, is '),
  ):
    other = config.copy_and_resolve_references()
    other.update_from_flattened_dict({key: value})
    with pytest.raises(ValueError, match=told):
      filtered.study_records(other)
  config.data.strict = True
  with pytest.raises(ValueError, match=r"'gone', and .* more such"):
    filtered.study_records(config)
  config.data.strict = False
  path = next((place / 'prepared_study' / 'outside').rglob('*-of-*'))
  path.write_bytes(path.read_bytes()[:100])
  with pytest.raises(ValueError, match='prepare it again'):
    filtered.study_records(config)


@pytest.mark.slow
def test_stages_reach_all_files_by_beam_alone(tmp_path):
  """Tables and what stages hand to each other may lie anywhere else."""
  import shelf

  from dynrec_jax.preparation import plan, stages

  shelf.ROOT = tmp_path
  folder = odd_worlds.write(tmp_path / 'in', topics=True)
  config = config_of(tmp_path, folder, {})
  wanted = filtered.study_records(config)
  plan.prepare(
    'shelf://in',
    str(tmp_path / 'set'),
    at_scale.rules_of(config),
    stages.Runner(()),
    rows_per_range=200,
    scratch='shelf://scratch',
  )
  config.data.prepared_dir = str(tmp_path / 'set')
  assert_same(filtered.study_records(config).records, wanted.records)
  assert not list((tmp_path / 'scratch').rglob('*.*'))
  assert {path.name for path in (tmp_path / 'set').iterdir()} == {
    'prepared_study',
    'set.json',
  }
