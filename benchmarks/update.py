"""Thirty daily updates against one training of all: seconds, and the lists.

python -m benchmarks.update [--data FOLDER] [--preset plus] [--days 30]
  [--now DATE] [--keep FOLDER] [--json FILE] [--set KEY=TEXT ...]

Of MovieTweetings in FOLDER; without one, of a simulated year. A run is trained
on all but the last days before `--now` and learns these day by day; another is
trained on all of them, and once more with another seed, which shows how far two
trainings lie apart. All are asked, on that day, what users watch in the next
month: F of lists of 5, and recall of lists of 50, which counts more than a few
hits. Users who train in neither run are told apart.

Trainings stop by the likelihood of the validation users' watches: by F of so
few users they would stop at random, one early and the other late. Of a day's
seconds those of compiling are told: they do not grow with the log.
"""

import argparse
import datetime
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import jax
import ml_collections
import numpy as np

from benchmarks import machine
from configs import single
from dynrec_jax.data import time_cut
from dynrec_jax.data.sessions import DAY_SECS
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

_COMPILING = '/jax/core/compile/backend_compile_duration'
_MEASURES = ('F at 5', 'recall at 50')
_LIST_LEN = 50


class _World(NamedTuple):
  """A log: its name in `configs`, its first day, a session's days, `--now`."""

  variant: str
  start: str
  session_days: float
  now: str


_SIMULATED = _World('simulated', '2013-06-01', 30.4, '2014-05-01')
_REAL = _World('movietweetings', '2013-02-28', 15.4, '2013-08-01')


class Compiling:
  """Seconds that were spent on compiling since it was last asked."""

  def __init__(self) -> None:
    self._secs = 0.0
    jax.monitoring.register_event_duration_secs_listener(self._count)

  def _count(self, event: str, secs: float, **_) -> None:
    if event == _COMPILING:
      self._secs += secs

  def taken(self) -> float:
    """Them, and counts anew."""
    secs, self._secs = self._secs, 0.0
    return secs


def config_of(asked: argparse.Namespace, root: Path, name: str):
  """A run of `name`: of all that comes before now, or of some days less."""
  world = _REAL if asked.data else _SIMULATED
  preset = f',{asked.preset}' if asked.preset else ''
  c = single.get_config(world.variant + preset)
  days = asked.days if name == 'daily' else 0
  start = datetime.date.fromisoformat(world.start)
  end = now_of(asked) - datetime.timedelta(days)
  c.sessions.L = round((end - start).days / world.session_days)
  c.sessions.start, c.sessions.end = world.start, end.isoformat()
  c.train.stop_by = 'likelihood'
  c.workdir = str(root / name)
  c.data.data_dir = str(root / 'data')
  c.data.manual_dir = asked.data
  texts = dict(pair.split('=', 1) for pair in asked.set)
  c.update_from_flattened_dict(texts)
  return c


def now_of(asked: argparse.Namespace) -> datetime.date:
  """The day of the lists."""
  now = asked.now or (_REAL if asked.data else _SIMULATED).now
  return datetime.date.fromisoformat(now)


def train(config: ml_collections.ConfigDict, seed: int = 0) -> dict[str, float]:
  """Seconds of a training, from the log to the last checkpoint."""
  start = time.perf_counter()
  prepared = prepare.prepare(config)
  ready = time.perf_counter()
  this = splits.make_split(config, prepared, 0)
  same_data.hold(config, prepared)
  parts = make_parts(config, prepared)
  this = this._replace(seed=this.seed + seed)
  split_run.train_split(config, parts, this, lambda step: False)
  end = time.perf_counter()
  return {'prepare': ready - start, 'train': end - ready, 'all': end - start}


def update_daily(
  config: ml_collections.ConfigDict,
  days: int,
  now: datetime.date,
  compiling: Compiling,
) -> np.ndarray:
  """[days, 2] seconds of each update, and of them those of compiling."""
  config = config.copy_and_resolve_references()
  config.mode, secs = 'update', []
  for left in reversed(range(days)):
    config.updates.until = (now - datetime.timedelta(left)).isoformat()
    compiling.taken()
    start = time.perf_counter()
    print(update.update(config), flush=True)
    secs.append((time.perf_counter() - start, compiling.taken()))
  return np.array(secs)


def lists_of(
  config: ml_collections.ConfigDict, now: datetime.date
) -> tuple[Mapping, set[str]]:
  """Each user's list on a day, and who does not train.

  The log ends there: lists for today read, and leave out, all that it holds.
  """
  config = config.copy_and_resolve_references()
  config.mode, config.decode.k = 'recommend', _LIST_LEN
  today = span.date_secs(now.isoformat(), 'now')
  source = time_cut.before(filtered.load_source(config), today)
  prepared = prepare.of_source(config, source, kept.of_folder(config))
  path = recommend.recommend(config, prepared)
  rows = [json.loads(line) for line in Path(path).read_text().splitlines()]
  this = splits.make_split(config, prepared, 0)
  out = np.union1d(this.users.valid, this.users.test)
  held = set(prepared.records.user_ids[out])
  return {row['user']: row['videos'] for row in rows}, held


def truth_of(
  config: ml_collections.ConfigDict, now: datetime.date
) -> dict[str, set[str]]:
  """What each user watches for the first time in the month from a day on."""
  source = filtered.load_source(config)
  today = span.date_secs(now.isoformat(), 'now')
  watches, found, seen = source.watches, {}, set()
  for user, video, at in zip(*watches, strict=True):
    pair = user, video
    if at >= today and at < today + 31 * DAY_SECS and pair not in seen:
      name = source.user_ids[user]
      found.setdefault(name, set()).add(source.videos.id[video])
    seen.add(pair)
  return found


def scores(videos: list[str], truth: set[str]) -> tuple[float, float]:
  """`_MEASURES` of a list."""
  few, many = (len(truth.intersection(videos[:k])) for k in (5, _LIST_LEN))
  return 2 * few / (5 + len(truth)), many / len(truth)


def compare(one, other, users: list[str], truth) -> dict[str, object]:
  """Both means, and the paired difference with its 95 % interval."""
  found = np.array(
    [
      [scores(lists[user], truth[user]) for user in users]
      for lists in (one, other)
    ]
  )
  difference = found[0] - found[1]
  half = 1.96 * difference.std(axis=0, ddof=1) / np.sqrt(len(users))
  mean = difference.mean(axis=0)
  report: dict[str, object] = {'users': len(users)}
  for i, name in enumerate(_MEASURES):
    report[name] = {
      'this': found[0, :, i].mean(),
      'full': found[1, :, i].mean(),
      'difference': mean[i],
      'low': mean[i] - half[i],
      'high': mean[i] + half[i],
    }
  return report


def measure(asked: argparse.Namespace, root: Path) -> dict[str, object]:
  """Trains, updates and asks."""
  now, compiling = now_of(asked), Compiling()
  configs = {
    name: config_of(asked, root, name) for name in ('daily', 'full', 'other')
  }
  report: dict[str, object] = {'base_secs': train(configs['daily'])}
  lists = {}
  lists['not updated'], _ = lists_of(configs['daily'], now)
  secs = update_daily(configs['daily'], asked.days, now, compiling)
  report['update_secs'] = {
    'first': secs[0].tolist(),
    'median_of_others': np.median(secs[1:], axis=0).tolist(),
  }
  report['full_secs'] = train(configs['full'])
  train(configs['other'], seed=1000)
  lists['daily'], held = lists_of(configs['daily'], now)
  full, _ = lists_of(configs['full'], now)
  lists['other seed'], _ = lists_of(configs['other'], now)
  truth = truth_of(configs['full'], now)
  asked_of = [user for user in lists['daily'] if user in full and user in truth]
  for side, users in (
    ('held out', [user for user in asked_of if user in held]),
    ('train', [user for user in asked_of if user not in held]),
  ):
    for name, own in lists.items():
      known = [user for user in users if user in own]
      report[f'{side}, {name}'] = compare(own, full, known, truth)
  return report


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--data', default='', help='of MovieTweetings')
  parser.add_argument('--preset', default='')
  parser.add_argument('--days', type=int, default=30)
  parser.add_argument('--now', default='', help='the day of the lists')
  parser.add_argument('--keep', type=Path, help='where its runs stay')
  parser.add_argument('--set', nargs='*', default=[], metavar='KEY=TEXT')
  parser.add_argument('--json', type=Path, help='also writes the table here')
  asked = parser.parse_args()
  host_memory.keep_freed_memory()
  with tempfile.TemporaryDirectory() as scratch:
    found = measure(asked, asked.keep or Path(scratch))
  about = {k: str(v) for k, v in vars(asked).items()}
  report = {**machine.describe(), **about, **found}
  print(json.dumps(report, indent=2))
  if asked.json is not None:
    asked.json.write_text(json.dumps(report, indent=2) + '\n')


if __name__ == '__main__':
  main()
