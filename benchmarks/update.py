"""Thirty daily updates against one training of all: seconds, and the lists.

python -m benchmarks.update [--world tiny] [--days 30] [--json FILE]

A simulated year; a run is trained on its first ten months and learns April day
by day, another is trained on all eleven months. Both are asked, on the first of
May, what users watch in May. Users who train in neither are told apart.
"""

import argparse
import datetime
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import ml_collections
import numpy as np

from benchmarks import machine
from configs import single
from dynrec_jax.data import time_cut
from dynrec_jax.parallel import host_memory
from dynrec_jax.study import (
  filtered,
  kept,
  prepare,
  recommend,
  same_data,
  span,
  split_run,
  splits,
  update,
)
from dynrec_jax.study.parts import make_parts

_START, _MAY, _JUNE = '2013-06-01', datetime.date(2014, 5, 1), '2014-06-01'
_MONTHS = 11


def config_of(world: str, root: Path, days: int, name: str):
  """A run of `name`: of all that comes before May, or of `days` less."""
  variant = 'simulated' if world == 'small' else f'simulated_{world}'
  c = single.get_config(variant)
  days = 0 if name == 'full' else days
  end = _MAY - datetime.timedelta(days)
  c.sessions.L = _MONTHS - round(days / 30)
  c.sessions.start, c.sessions.end = _START, end.isoformat()
  c.workdir = str(root / name)
  c.data.data_dir = str(root / 'data')
  return c


def train(config: ml_collections.ConfigDict) -> dict[str, float]:
  """Seconds of a training, from the log to the last checkpoint."""
  start = time.perf_counter()
  prepared = prepare.prepare(config)
  ready = time.perf_counter()
  this = splits.make_split(config, prepared, 0)
  same_data.hold(config, prepared)
  parts = make_parts(config, prepared)
  split_run.train_split(config, parts, this, lambda step: False)
  end = time.perf_counter()
  return {'prepare': ready - start, 'train': end - ready, 'all': end - start}


def update_daily(config: ml_collections.ConfigDict, days: int) -> np.ndarray:
  """[days] seconds of each update."""
  config = config.copy_and_resolve_references()
  config.mode, secs = 'update', []
  for left in reversed(range(days)):
    date = _MAY - datetime.timedelta(left)
    config.updates.until = date.isoformat()
    start = time.perf_counter()
    print(update.update(config), flush=True)
    secs.append(time.perf_counter() - start)
  return np.array(secs)


def lists_of(config: ml_collections.ConfigDict) -> tuple[Mapping, set[str]]:
  """Each user's list on the first of May, and who does not train.

  The log ends there: lists for today read, and leave out, all that it holds.
  """
  config = config.copy_and_resolve_references()
  config.mode = 'recommend'
  may = span.date_secs(_MAY.isoformat(), 'May')
  source = time_cut.before(filtered.load_source(config), may)
  prepared = prepare.of_source(config, source, kept.of_folder(config))
  path = recommend.recommend(config, prepared)
  rows = [json.loads(line) for line in Path(path).read_text().splitlines()]
  this = splits.make_split(config, prepared, 0)
  out = np.union1d(this.users.valid, this.users.test)
  held = set(prepared.records.user_ids[out])
  return {row['user']: row['videos'] for row in rows}, held


def truth_of(config: ml_collections.ConfigDict) -> dict[str, set[str]]:
  """What each user watches in May for the first time."""
  source = filtered.load_source(config)
  may = span.date_secs(_MAY.isoformat(), 'May')
  june = span.date_secs(_JUNE, 'June')
  watches, found, seen = source.watches, {}, set()
  for user, video, at in zip(*watches, strict=True):
    pair = user, video
    if at >= may and at < june and pair not in seen:
      name = source.user_ids[user]
      found.setdefault(name, set()).add(source.videos.id[video])
    seen.add(pair)
  return found


def f_score(videos: list[str], truth: set[str]) -> float:
  """F of a list of five."""
  hits = len(truth.intersection(videos))
  return 2 * hits / (len(videos) + len(truth))


def compare(one, other, users: list[str], truth) -> dict[str, float]:
  """Both means, and the paired difference with its 95 % interval."""
  scores = np.array(
    [
      [f_score(lists[user], truth[user]) for user in users]
      for lists in (one, other)
    ]
  )
  difference = scores[0] - scores[1]
  half = 1.96 * difference.std(ddof=1) / np.sqrt(len(users))
  return {
    'users': len(users),
    'daily': scores[0].mean(),
    'full': scores[1].mean(),
    'difference': difference.mean(),
    'low': difference.mean() - half,
    'high': difference.mean() + half,
  }


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--world', default='tiny')
  parser.add_argument('--days', type=int, default=30)
  parser.add_argument('--json', type=Path, help='also writes the table here')
  asked = parser.parse_args()
  host_memory.keep_freed_memory()
  with tempfile.TemporaryDirectory() as folder:
    root = Path(folder)
    configs = {
      name: config_of(asked.world, root, asked.days, name)
      for name in ('daily', 'full')
    }
    report = {**machine.describe(), 'world': asked.world, 'days': asked.days}
    report['base_secs'] = train(configs['daily'])
    before, _ = lists_of(configs['daily'])
    secs = update_daily(configs['daily'], asked.days)
    report['update_secs'] = {
      'first': float(secs[0]),
      'median_of_others': float(np.median(secs[1:])),
    }
    report['full_secs'] = train(configs['full'])
    daily, held = lists_of(configs['daily'])
    full, _ = lists_of(configs['full'])
    truth = truth_of(configs['full'])
  asked_of = [user for user in daily if user in full and user in truth]
  sides = {
    'held out': [user for user in asked_of if user in held],
    'train': [user for user in asked_of if user not in held],
  }
  for side, users in sides.items():
    report[side] = compare(daily, full, users, truth)
    known = [user for user in users if user in before]
    report[f'{side}, not updated'] = compare(before, full, known, truth)
  print(json.dumps(report, indent=2))
  if asked.json is not None:
    asked.json.write_text(json.dumps(report, indent=2) + '\n')


if __name__ == '__main__':
  main()
