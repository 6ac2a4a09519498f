"""Data sets as they lie go to a trained model by one command."""

import csv
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import worlds

from dynrec_jax.study import prepare

ROOT = pathlib.Path(__file__).parents[2]
QUICK = {'JAX_DISABLE_MOST_OPTIMIZATIONS': '1', 'PYTHONPATH': str(ROOT)}

pytestmark = pytest.mark.slow


def run(place, variant, folder, **changes):
  """Standard error of the command line; settings that make a study small."""
  page = variant.partition('.')[0]
  settings = worlds.tiny_settings(folder, place) | {
    'workdir': str(place / page),
    'data.name': variant.partition(':')[2],
    'train.max_epochs': 1,
  }
  settings |= {name.replace('__', '.'): v for name, v in changes.items()}
  flags = [f'--config.{name}={value}' for name, value in settings.items()]
  done = subprocess.run(
    [
      *(sys.executable, '-m', 'dynrec_jax.main'),
      f'--config={ROOT}/configs/{variant}',
      *flags,
    ],
    env=os.environ | QUICK,
    capture_output=True,
    text=True,
    timeout=600,
  )
  assert done.returncode == 0, done.stderr
  return done.stderr


def results_of(place, page):
  return json.loads((place / page / 'results.json').read_text())


def write_movielens(folder):
  """The tiny study as a MovieLens of today."""
  worlds.write_folder(folder / 'own')
  to = folder / 'movielens'
  to.mkdir()
  with open(to / 'ratings.csv', 'w', newline='') as file:
    table = csv.writer(file)
    table.writerow(['userId', 'movieId', 'rating', 'timestamp'])
    for user, video, time in worlds.watches():
      table.writerow([f'u{user}', f'v{video}', 0.5 + user % 9 / 2, time])
  rows = list(csv.DictReader((folder / 'own' / 'videos.csv').open()))
  with open(to / 'movies.csv', 'w', newline='') as file:
    table = csv.writer(file)
    table.writerow(['movieId', 'title', 'genres'])
    for row in rows:
      table.writerow([row['id'], row['title'], row['categories']])
  return to


def test_movielens_trains_and_its_span_is_asked_for(tmp_path):
  folder = write_movielens(tmp_path)
  settings = worlds.tiny_settings(folder, tmp_path)
  dates = {'sessions.start': '', 'sessions.end': ''}
  config = worlds.tiny_config(settings | dates | {'data.name': 'movielens'})
  with pytest.raises(
    ValueError, match=r'add --config\.sessions\.start=2023-01-'
  ):
    prepare.prepare(config)
  told = run(tmp_path, 'single.py:movielens', folder)
  assert 'the log and the catalogue: ' in told
  found = results_of(tmp_path, 'single')
  assert found['config']['data']['name'] == 'movielens'


def test_crossosn_trains_on_topics_alone(tmp_path):
  """No tweet is read; a user's distribution is its interest."""
  folder = worlds.write_folder(tmp_path / 'folder')
  lines = []
  for user in range(worlds.USERS):
    shares = np.full(worlds.TASTES, 0.1)
    shares[user % worlds.TASTES] = 1.1 - worlds.TASTES * 0.1
    lines.append(f'u{user} ' + ' '.join(f'{share:g}' for share in shares))
  (folder / 'user_topics.txt').write_text('\n'.join(lines) + '\n')
  told = run(
    *(tmp_path, 'cross.py:crossosn', folder),
    topics__tweet_count=worlds.TASTES,
  )
  assert 'without a time stand at the first watch of all' in told
  found = results_of(tmp_path, 'cross')
  assert found['config']['data']['name'] == 'crossosn'
