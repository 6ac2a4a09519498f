"""A folder of videos, texts and tweets goes to a trained model by one command.

Nothing is replaced here: video files are decoded and go through EfficientNet's
public weights, word vectors and the text CNN are trained, topics fitted.
"""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import worlds
from pictures import write_video

ROOT = pathlib.Path(__file__).parents[2]
BROKEN, MISSING = 11, 30  # of the videos that have a file
COLOURS = [(220, 30, 30), (30, 200, 40), (40, 40, 220), (230, 230, 60)]
LONG = {'train.max_epochs': 30, 'train.patience': 30}
QUICK = {
  'JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS': '0',
  'PYTHONPATH': str(ROOT),
}

pytestmark = pytest.mark.slow


def picture(video, number):
  """A square that moves over the colour of the video's taste."""
  out = np.full((64, 64, 3), COLOURS[video // 10], np.uint8)
  out[20:44, number : number + 20] = 128 + 5 * (video % 10)
  return out


@pytest.fixture(scope='module')
def place(tmp_path_factory):
  """The tiny study without `visual.npz`, with files of videos and tweets."""
  root = tmp_path_factory.mktemp('raw')
  folder = worlds.write_tweets(worlds.write_folder(root / 'folder'))
  (folder / 'visual.npz').unlink()
  videos = root / 'videos'
  videos.mkdir()
  for video in sorted(set(range(worlds.VIDEOS)) - {MISSING}):
    pictures = [picture(video, number) for number in range(12)]
    write_video(videos / f'v{video}.mkv', pictures, rate=6)
  (videos / f'v{BROKEN}.mkv').write_bytes(b'no film' * 99)
  return root


def run(place, scenario, mode, **changes):
  settings = worlds.tiny_settings(place / 'folder', place) | {
    'workdir': str(place / scenario),
    'mode': mode,
    'text.encoder': 'kim_cnn',
    'topics.yt': 'mm_lda',
    'visual.encoder': 'efficientnet_lite0',
    'visual.folder': str(place / 'videos'),
  }
  flags = [f'--config.{key}={value}' for key, value in settings.items()]
  flags += [f'--config.{key}={value}' for key, value in changes.items()]
  done = subprocess.run(
    [
      sys.executable,
      '-m',
      'dynrec_jax.main',
      f'--config={ROOT}/configs/{scenario}.py:files',
      '--v=1',  # what is read again, too
      *flags,
    ],
    env=os.environ | QUICK,
    capture_output=True,
    text=True,
    timeout=600,
  )
  assert done.returncode == 0, done.stderr
  return done.stdout, done.stderr


def features_of(place):
  """Files with what the network says of each video."""
  return sorted((place / 'cache').glob('visual-*.npz'))


def gain_in_own_taste(place, scenario, changes) -> float:
  """Share of the own taste in all lists, over that among unwatched videos.

  Watched ones are in no list, and most of the own taste has been watched.
  """
  run(place, scenario, 'recommend', **changes)
  path = place / scenario / 'recommendations.jsonl'
  rows = [json.loads(line) for line in path.read_text().splitlines()]
  # One user has no tweets.
  assert len(rows) == worlds.USERS - (scenario == 'cross')
  watched = {(user, video) for user, video, _ in worlds.watches()}
  listed, free = [], []
  for row in rows:
    user = int(row['user'][1:])
    taste = user % worlds.TASTES
    videos = [int(video[1:]) for video in row['videos']]
    listed += [video // 10 == taste for video in videos]
    left = [v for v in range(worlds.VIDEOS) if (user, v) not in watched]
    free += [np.mean([v // 10 == taste for v in left])] * len(videos)
  return np.mean(listed) / np.mean(free)


def test_raw_content_of_one_network(place):
  out, log = run(place, 'single', 'prepare')
  assert out.startswith('60 users, 40 videos, ')
  assert '38 videos with a visual feature of 1,280 numbers, 38 with a ' in out
  assert 'efficientnet_lite0: features of 38 of 40 videos' in log
  assert f'v{BROKEN}.mkv' in log
  assert ' apple' in out  # a word of a topic
  stored = {path: path.stat().st_mtime_ns for path in features_of(place)}
  assert len(stored) == 38
  out, log = run(place, 'single', 'train_and_evaluate', **LONG)
  # All content is what the first command stored.
  assert {p: p.stat().st_mtime_ns for p in features_of(place)} == stored
  for name in ('kim_cnn', 'mm_lda'):
    assert f'{name}: read from ' in log, name
  assert '| dynrec (practical) |' in out
  assert gain_in_own_taste(place, 'single', LONG) > 2


def test_raw_content_of_two_networks(place):
  """Tweets alone tell the taste of held-out users."""
  changes = LONG | {'filter.min_tweets_per_user': 1}
  changes |= {k: v for k, v in worlds.CROSS.items() if k != 'scenario'}
  out, log = run(place, 'cross', 'train_and_evaluate', **changes)
  assert '| dynrec (practical) |' in out
  assert 'efficientnet_lite0: features of 38 of 40 videos' in log
  assert gain_in_own_taste(place, 'cross', changes) > 2
