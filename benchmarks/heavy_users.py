"""What a step costs beside three users of very many watches.

python -m benchmarks.heavy_users [--watches 84 2000 10000 50000] [--json FILE]

A log of 600 users of 84 watches each, all of different videos, and of three who
watched as many of these 50,400 as the row says. Every row is a process of its
own, which reads the log as `files` and takes steps of the preset `practical`,
batches made as they are asked for. What a sample reads ends at
`seq.max_target_len` targets and the latest `seq.max_bag` known watches, so that
seconds and memory follow these.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

_USERS, _USUAL, _HEAVY = 600, 84, 3
_VIDEOS = _USERS * _USUAL
_START, _DAYS, _DAY = 1_370_044_800, 365, 86_400  # 2013-06-01
_STEPS = 8


def write_log(folder: Path, heavy: int) -> None:
  """Watches and images' features, drawn at random."""
  rng = np.random.default_rng(0)
  with open(folder / 'watches.csv', 'w') as file:
    file.write('user,video,time\n')
    for user in range(_USERS + _HEAVY):
      videos = np.arange(_USUAL) * _USERS + user
      if user >= _USERS:
        videos = rng.choice(_VIDEOS, heavy, replace=False)
      count = len(videos)
      times = _START + rng.choice(_DAYS * _DAY, count, replace=False)
      file.writelines(
        f'u{user},v{video},{at}\n'
        for video, at in zip(videos, times, strict=True)
      )
  ids = [f'v{video}' for video in range(_VIDEOS)]
  (folder / 'videos.csv').write_text('\n'.join(['id', *ids]) + '\n')
  features = rng.normal(size=(_VIDEOS, 16)).astype(np.float32)
  np.savez(folder / 'visual.npz', id=ids, feature=features)


def measure(folder: Path) -> dict[str, float]:
  """Seconds of a step, made and taken, and the process's peak memory."""
  import jax

  from configs import single
  from dynrec_jax import train
  from dynrec_jax.data import batches
  from dynrec_jax.study import (
    prepare,
    settings,
    split_run,
    splits,
    training_data,
  )
  from dynrec_jax.study.parts import make_parts

  config = single.get_config('files')
  config.data.manual_dir = str(folder)
  config.data.data_dir, config.data.cache_dir = (
    str(folder / name) for name in ('prepared', 'cache')
  )
  config.workdir = str(folder / 'run')
  config.sessions.start, config.sessions.end = '2013-06-01', '2014-06-01'
  config.filter.min_users_per_video = 1
  prepared = prepare.prepare(config)
  this = splits.make_split(config, prepared, 0)
  parts = make_parts(config, prepared)
  data = training_data.make_training_set(config, prepared, this)
  spec = settings.batch_spec(config, this.seed)
  state = parts.place(
    train.init_state(parts.network, settings.make_optimizer(config), this.seed)
  )
  balance = train.Balance(
    settings.loss_weights(config), train.populations_of(data)
  )
  step = train.balanced(split_run.make_step(config, parts), balance, this.seed)
  stream = batches.batches(data, spec)
  secs = []
  for _ in range(_STEPS + 2):
    begun = time.perf_counter()
    state, metrics = step(state, parts.features, next(stream))
    jax.block_until_ready(metrics)
    secs.append(time.perf_counter() - begun)
  return {
    'videos': len(prepared.records.videos.id),
    'samples': data.sample_count,
    'step_secs': float(np.median(secs[2:])),
    'eight_steps_secs': float(np.sum(secs[2:])),
    'peak_gb': resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
  }


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument(
    '--watches', type=int, nargs='*', default=[84, 2_000, 10_000, 50_000]
  )
  parser.add_argument('--json', type=Path)
  parser.add_argument('--row', type=int, help=argparse.SUPPRESS)
  asked = parser.parse_args()
  if asked.row is not None:
    with tempfile.TemporaryDirectory() as scratch:
      write_log(Path(scratch), asked.row)
      print(json.dumps(measure(Path(scratch))))
    return
  report = {}
  for heavy in asked.watches:
    command = [sys.executable, '-m', 'benchmarks.heavy_users', '--row']
    told = subprocess.run(
      [*command, str(heavy)], check=True, capture_output=True, text=True
    ).stdout
    report[heavy] = json.loads(told.splitlines()[-1])
    print(f'{heavy:>7,} watches: {report[heavy]}', flush=True)
  if asked.json is not None:
    asked.json.write_text(json.dumps(report, indent=2) + '\n')


if __name__ == '__main__':
  main()
