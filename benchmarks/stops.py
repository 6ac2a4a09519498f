"""Runs that are stopped at random moments, and whether they end the same.

  python -m benchmarks.stops [--stops 30] [--seed 0] [--skip 0] [--json FILE]

A small simulated study (world `tiny`, two splits) runs once undisturbed. Then
it is begun anew for every stop: SIGKILL, SIGTERM and SIGINT in turn, each
after a time drawn uniformly between the start of the process and the end of
the undisturbed run, every third time with an empty cache too; then it runs
again, and must end. SIGTERM and SIGINT must give one line and code 75, and
nothing may print a traceback. All tables, all lists with their scores and the
digests of the parameters that made them must be the undisturbed run's, byte for
byte. At last a run is given a folder in which another is at work: it ends with
one line.
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np

_STOPS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
_REQUEUE = 75
_COMPARED = ('results.json', 'results.md', 'split_*/made/**/*.json')
_LISTS = 'split_*/lists/**/*.jsonl'


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--stops', type=int, default=30)
  parser.add_argument('--seed', type=int, default=0)
  parser.add_argument(
    '--skip', type=int, default=0, help='stops of an earlier measurement'
  )
  parser.add_argument('--json', type=pathlib.Path)
  args = parser.parse_args()
  rng = np.random.default_rng(args.seed)
  with tempfile.TemporaryDirectory() as scratch:
    root = pathlib.Path(scratch)
    begun = time.monotonic()
    _end(_start(root / 'whole', root / 'cache'), 0)
    first = time.monotonic() - begun  # with an empty cache
    begun = time.monotonic()
    _end(_start(root / 'again', root / 'cache'), 0)
    secs = time.monotonic() - begun
    wanted = _content(root / 'whole')
    _check_same(wanted, root / 'again')
    rows = []
    for number in range(args.stops):
      cache, most = root / 'cache', secs
      if number % 3 == 2:  # each signal meets an empty cache in turn
        cache, most = root / f'cache_{number}', first
      stop = _STOPS[(number + number // 3) % len(_STOPS)]
      after = float(rng.uniform(0, most))
      if number < args.skip:
        continue
      folder = root / f'run_{number}'
      row = _stopped(folder, cache, stop, after)
      _check_same(wanted, folder)
      rows.append(row)
      print(f'{number + 1} of {args.stops}: {row}', flush=True)
    second = _second_run(root / 'two', root / 'cache')
    _check_same(wanted, root / 'two')
  report = {'whole_secs': secs, 'stops': rows, 'second_run': second}
  codes = [row['code'] for row in rows]
  print(f'{len(rows)} stops, codes {codes}; all ended the same')
  if args.json:
    args.json.write_text(json.dumps(report, indent=2))


def _stopped(
  folder: pathlib.Path, cache: pathlib.Path, stop: signal.Signals, after: float
) -> dict[str, object]:
  """One run that is stopped, and given again until it ends."""
  run = _start(folder, cache)
  try:
    run.wait(after)
  except subprocess.TimeoutExpired:
    run.send_signal(stop)
  told = run.communicate()[1]
  allowed = {0, -stop} if stop == signal.SIGKILL else {0, _REQUEUE}
  early = after < 0.1  # before the interpreter reads its first line
  if run.returncode not in allowed and not (early and run.returncode == -stop):
    raise SystemExit(
      f'{stop.name} after {after:.2f} s: {run.returncode}\n{told}'
    )
  if 'Traceback' in told:
    raise SystemExit(f'{stop.name} after {after:.2f} s:\n{told}')
  if run.returncode == _REQUEUE and told.count('stopped on request') != 1:
    raise SystemExit(f'{stop.name} after {after:.2f} s, no one line:\n{told}')
  _end(_start(folder, cache), 0)
  return {'signal': stop.name, 'after': round(after, 2), 'code': run.returncode}


def _second_run(folder: pathlib.Path, cache: pathlib.Path) -> str:
  """What a run says in a folder where another one is at work."""
  run = _start(folder, cache)
  while not (folder / '.lock').exists() and run.poll() is None:
    time.sleep(0.05)
  time.sleep(1)  # the lock is made before it is held
  told = _end(_start(folder, cache), 1)
  _end(run, 0)
  return told.strip().splitlines()[-1]


def _start(folder: pathlib.Path, cache: pathlib.Path) -> subprocess.Popen:
  """The study, in a process of its own."""
  flags = {
    'data.world': 'tiny',
    'split.seeds': 2,
    'train.max_epochs': 3,
    'train.save_every_steps': 10,
    'workdir': folder,
  }
  return subprocess.Popen(
    [
      *(sys.executable, '-m', 'dynrec_jax.main', '--config=configs/single.py'),
      *(f'--config.{key}={value}' for key, value in flags.items()),
    ],
    env=os.environ | {'XDG_CACHE_HOME': str(cache)},
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
  )


def _end(run: subprocess.Popen, code: int) -> str:
  """Standard error of a process that ends with the code."""
  told = run.communicate()[1]
  if run.returncode != code or 'Traceback' in told:
    raise SystemExit(f'code {run.returncode} instead of {code}\n{told}')
  return told


def _content(folder: pathlib.Path) -> dict[str, bytes]:
  """The files of a run that must be the same, but for the folder's name."""
  name = str(folder).encode()
  found = {
    str(path.relative_to(folder)): path.read_bytes().replace(name, b'')
    for pattern in (*_COMPARED, _LISTS)
    for path in sorted(folder.glob(pattern))
  }
  if not any('lists' in name for name in found):
    raise SystemExit(f'{folder} holds no lists')
  return found


def _check_same(wanted: dict[str, bytes], folder: pathlib.Path) -> None:
  """Ends the measurement where a file differs."""
  found = _content(folder)
  if differ := [x for x in wanted | found if wanted.get(x) != found.get(x)]:
    raise SystemExit(f'{folder}: {", ".join(differ)} differ')


if __name__ == '__main__':
  main()
