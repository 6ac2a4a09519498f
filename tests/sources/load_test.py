"""The door to the data sources, and the record files behind it."""

import subprocess
import sys

import numpy as np
import pytest
from loaded_folder import assert_same, loaded, write_folder
from simulated_years import simulate_year

from dynrec_jax.data import records
from dynrec_jax.sources import load, record_files, simulation

WORDS = (
  '',
  'a',
  'naïve',
  '東京',
  '🙂\n',
  ' ',
  '"',
  '|',
  '::',
  '\x00',
  'x' * 999,
)


def random_videos(rng, count, size, dtype):
  """A catalogue with every kind of gap."""

  def texts():
    return records.object_array(rng.choice(WORDS, count).tolist())

  def lists():
    rows = (rng.choice(WORDS, rng.integers(0, 4)) for _ in range(count))
    return records.object_array([tuple(row.tolist()) for row in rows])

  time = rng.integers(-(10**11), 10**11, count)
  time[rng.random(count) < 0.3] = records.MISSING_TIME
  views = rng.integers(0, 2**62, count)
  views[rng.random(count) < 0.3] = records.MISSING_COUNT
  has_visual = (rng.random(count) < 0.6) & (size > 0)
  has_visual[-1] = size > 0  # so that the width is known
  visual = rng.standard_normal((count, size)).astype(dtype)
  visual[~has_visual] = 0
  ids = records.object_array(f'v{i}é' for i in range(count))
  return records.Videos(
    ids, texts(), texts(), lists(), lists(), time, views, visual, has_visual
  )


def random_users(rng, count, video_count, watches, tweets):
  """Users some of whom have no watch, no tweet, neither, or a profile."""

  def events(n):
    user = np.sort(rng.integers(0, count, n)).astype(np.int32)
    return user, rng.integers(0, 50, n)  # many equal times

  user, time = events(watches)
  video = rng.integers(0, video_count, watches).astype(np.int32)
  tweeter, tweet_time = events(tweets)
  text = records.object_array(rng.choice(WORDS, tweets).tolist())
  return record_files.Users(
    records.object_array(f'u{i}' for i in range(count)),
    records.in_order(records.Watches(user, video, time)),
    records.in_order(records.text_tweets(tweeter, tweet_time, text)),
    records.object_array(rng.choice(WORDS, count).tolist()),
  )


class FromMemory(record_files.PartBuilder):
  """Record files of records that the test holds."""

  name = 'from_memory'

  def _split_generators(self, dl_manager):
    return {record_files.SPLIT: self._generate_examples()}

  def _generate_examples(self):
    if self.builder_config.name == 'users':
      yield from record_files.user_blocks(self.paths['users'])
    else:
      yield from record_files.video_blocks(self.paths['videos'])


@pytest.mark.parametrize(
  ('seed', 'user_count', 'video_count', 'size', 'dtype', 'tweet_count'),
  [
    (0, 700, 150, 7, np.float16, 900),  # several blocks, gaps at their edges
    (1, 256, 64, 3, np.float32, 300),  # blocks exactly full
    (2, 1, 1, 2, np.float32, 0),
    (3, 300, 65, 0, np.float32, 40),  # no feature at all
  ],
)
def test_records_survive_the_round_trip(
  tmp_path, seed, user_count, video_count, size, dtype, tweet_count
):
  rng = np.random.default_rng(seed)
  videos = random_videos(rng, video_count, size, dtype)
  users = random_users(rng, user_count, video_count, user_count, tweet_count)
  parts = {'users': users, 'videos': videos}
  blocks = {}
  for part in record_files.PARTS:
    builder = FromMemory(data_dir=tmp_path, config=part, paths=parts)
    builder.download_and_prepare()
    blocks[part] = builder.as_data_source(record_files.SPLIT)
  assert_same(record_files.users_from_blocks(blocks['users']), users)
  assert_same(record_files.videos_from_blocks(blocks['videos']), videos)
  assert len(blocks['users']) == -(-user_count // record_files.USERS_PER_BLOCK)


def test_users_come_by_id_and_their_watches_by_time(tmp_path):
  found = loaded(write_folder(tmp_path / 'in'), tmp_path)
  assert found.user_ids.tolist() == ['ann', 'bea']
  assert found.watches.user.tolist() == [0, 1, 1, 1]
  assert found.watches.time.tolist() == [20, 10, 30, 30]
  assert found.watches.video[:2].tolist() == [0, 1]
  assert sorted(found.watches.video[2:]) == [0, 1]


def test_topic_vectors_of_tweets_survive_the_round_trip(tmp_path):
  rng = np.random.default_rng(4)
  users = random_users(rng, 600, 20, 90, 40)  # blocks without a tweet, too
  topics = rng.random((40, 3)).astype(np.float16)
  users = users._replace(tweets=users.tweets._replace(topics=topics))
  builder = FromMemory(
    data_dir=tmp_path, config='users', paths={'users': users}
  )
  builder.download_and_prepare()
  blocks = builder.as_data_source(record_files.SPLIT)
  assert_same(record_files.users_from_blocks(blocks), users)


def test_a_simulated_year_is_what_its_generator_makes(tmp_path):
  found = load.load_source(
    'simulated_year',
    data_dir=tmp_path,
    manual_dir=None,
    world='tiny:no_drift',
    world_seed=3,
  )
  world = simulation.world_from_name('tiny:no_drift')
  assert_same(found, simulate_year(world, 3).records)


def test_two_streams_need_a_folder(tmp_path):
  message = r'^manual_dir: found nothing; right: .* visual\.npz'
  with pytest.raises(ValueError, match=message):
    load.load_source(
      'movietweetings_streams', data_dir=tmp_path, manual_dir=None
    )
  assert not list(tmp_path.iterdir())


def test_an_unknown_source_is_named(tmp_path):
  with pytest.raises(
    ValueError, match="'netflix'; right: simulated_year, movi"
  ):
    load.load_source('netflix', data_dir=tmp_path, manual_dir=None)


@pytest.mark.parametrize('cache', ['set', 'unset'])
def test_copies_go_to_the_users_cache_by_default(tmp_path, monkeypatch, cache):
  monkeypatch.setenv('HOME', str(tmp_path / 'home'))
  monkeypatch.delenv('XDG_CACHE_HOME', raising=False)
  wanted = tmp_path / 'home' / '.cache' / 'dynrec_jax'
  if cache == 'set':
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path / 'xdg'))
    wanted = tmp_path / 'xdg' / 'dynrec_jax'
  folder = write_folder(tmp_path / 'in')
  load.load_source('files', data_dir=None, manual_dir=folder)
  assert list(wanted.rglob('*.array_record*'))


def test_nothing_imports_tensorflow(tmp_path):
  folder = write_folder(tmp_path / 'in')
  script = f"""
import sys
from dynrec_jax.sources import load
for _ in range(2):
  load.load_source('files', data_dir={str(tmp_path / 'data')!r},
                      manual_dir={str(folder)!r})
assert 'tensorflow' not in sys.modules
assert 'torch' not in sys.modules
"""
  subprocess.run([sys.executable, '-c', script], check=True)


def rewritten(folder, to, rng):
  """A folder of the same rows in another order; arrays by row go along."""
  to.mkdir()
  for path in folder.glob('*.csv'):
    head, *rows = path.read_text().splitlines()
    order = rng.permutation(len(rows))
    lines = [head, *(rows[i] for i in order)]
    (to / path.name).write_text('\n'.join(lines) + '\n')
    for name, table in (('visual', 'videos'), ('tweet_topics', 'tweets')):
      array = folder / f'{name}.npy'
      if path.stem == table and array.exists():
        np.save(to / array.name, np.load(array)[order])
  return to


def test_rows_in_another_order_are_the_same_source(tmp_path):
  """Of every table; many watches and tweets have one time."""
  rng = np.random.default_rng(5)
  folder = tmp_path / 'in'
  folder.mkdir()
  tables = {
    'watches': [
      'user,video,time',
      *(f'u{u},v{v},{t}' for u, v, t in rng.integers(0, (20, 30, 4), (300, 3))),
    ],
    'videos': ['id,title,view_count', *(f'v{v},t{v},{v}' for v in range(30))],
    'tweets': [
      'user,time,text',
      *(f'u{u},{t},w{w}' for u, t, w in rng.integers(0, (25, 3, 2), (200, 3))),
    ],
    'profiles': ['user,text', *(f'u{u},of {u}' for u in range(5, 30))],
  }
  for name, lines in tables.items():
    (folder / f'{name}.csv').write_text('\n'.join(lines) + '\n')
  np.save(folder / 'visual.npy', rng.random((30, 3), np.float32))
  topics = rng.integers(0, 2, (200, 2)).astype(np.float32)
  np.save(folder / 'tweet_topics.npy', topics)
  found = loaded(folder, tmp_path)
  assert len(found.watches.user) == 300
  for number in range(2):
    other = rewritten(folder, tmp_path / f'other {number}', rng)
    assert_same(loaded(other, tmp_path), found)


def test_films_and_ratings_in_another_order_are_the_same_source(tmp_path):
  rng = np.random.default_rng(6)
  films = [f'{n:07d}::Film {n} (2000)::Drama' for n in range(1, 21)]
  ratings = [
    f'{u}::{f + 1}::5::{t}' for u, f, t in rng.integers(0, (9, 20, 3), (99, 3))
  ]
  found = []
  for number in range(3):
    folder = tmp_path / str(number)
    folder.mkdir()
    for name, lines in (('movies.dat', films), ('ratings.dat', ratings)):
      order = rng.permutation(len(lines)) if number else range(len(lines))
      text = ''.join(f'{lines[i]}\n' for i in order)
      (folder / name).write_text(text)
    found.append(
      load.load_source(
        'movietweetings', data_dir=tmp_path / 'data', manual_dir=folder
      )
    )
  assert_same(found[1], found[0])
  assert_same(found[2], found[0])
