"""Preparation at scale: made-up watches through Beam, in how much memory.

python -m benchmarks.preparation --folder FOLDER --rows 1000000 100000000

Makes a log of so many watches in Parquet files below FOLDER, prepares a study
of it on this machine as `mode=prepare_at_scale` does, prints rows a second and
the most that all processes of the job held at once, and takes it away again.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet

_START, _YEAR_SECS = 1_370_044_800, 365 * 86_400
_ROWS_PER_FILE = 5_000_000
_PAGE = os.sysconf('SC_PAGE_SIZE')
_SETTINGS = {
  'mode': 'prepare_at_scale',
  'sessions.start': '2013-06-01',
  'sessions.end': '2014-06-01',
}


def main() -> None:
  """Prints a line for each number of rows."""
  asked = _asked()
  found = []
  for rows in asked.rows:
    folder = asked.folder / f'rows-{rows}'
    try:
      made = _make(folder / 'in', rows, rows // asked.per_user, asked.videos)
      found.append(_measured(folder, rows, asked) | {'made_secs': made})
      print(json.dumps(found[-1]), flush=True)
    finally:
      if not asked.keep:
        shutil.rmtree(folder, ignore_errors=True)
  if asked.json:
    asked.json.write_text(json.dumps(found, indent=2) + '\n')


def _asked() -> argparse.Namespace:
  """The command line."""
  parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
  parser.add_argument('--folder', type=pathlib.Path, required=True)
  parser.add_argument('--rows', type=int, nargs='+', required=True)
  parser.add_argument('--per_user', type=int, default=100, help='watches')
  parser.add_argument('--videos', type=int, default=1_000_000)
  parser.add_argument('--range_rows', type=int, default=1_000_000)
  parser.add_argument('--options', default='', help="Beam's")
  parser.add_argument('--keep', action='store_true')
  parser.add_argument('--json', type=pathlib.Path)
  return parser.parse_args()


def _make(folder: pathlib.Path, rows: int, users: int, videos: int) -> float:
  """Writes the log; gives the seconds that took.

  Rows are in no order, users about equally active, videos by Zipf's law: the
  share of the one of rank r is 1 / (r + 10). A hundredth of the watches is of
  videos that are not listed.
  """
  began = time.perf_counter()
  folder.mkdir(parents=True)
  share = np.cumsum(1 / (np.arange(videos) + 10.0))
  share /= share[-1]
  place = np.random.default_rng(0).permutation(videos)
  for number, start in enumerate(range(0, rows, _ROWS_PER_FILE)):
    rng = np.random.default_rng((1, number))
    count = min(_ROWS_PER_FILE, rows - start)
    video = place[np.searchsorted(share, rng.random(count))]
    video[rng.random(count) < 0.01] += videos
    table = pa.table(
      {
        'user': _names('u', rng.integers(0, users, count)),
        'video': _names('v', video),
        'time': _START + rng.integers(0, _YEAR_SECS, count),
      }
    )
    pa.parquet.write_table(table, folder / f'watches-{number:05d}.parquet')
  every = np.arange(videos)
  table = pa.table({'id': _names('v', every), 'title': _names('title ', every)})
  pa.parquet.write_table(table, folder / 'videos.parquet')
  return time.perf_counter() - began


def _names(start: str, numbers: np.ndarray) -> pa.Array:
  """Ids of a letter and a number."""
  text = pa.array(numbers).cast(pa.string())
  return pa.compute.binary_join_element_wise(start, text, '')


def _measured(
  folder: pathlib.Path, rows: int, asked: argparse.Namespace
) -> dict[str, object]:
  """Runs the job as its user does, and watches it."""
  settings = _SETTINGS | {
    'data.manual_dir': folder / 'in',
    'data.prepared_dir': folder / 'set',
    'data.beam_options': asked.options,
    'data.range_rows': asked.range_rows,
    'workdir': folder / 'run',
  }
  command = [sys.executable, '-m', 'dynrec_jax.main']
  command += ['--config=configs/single.py:files']
  command += [f'--config.{name}={value}' for name, value in settings.items()]
  began = time.perf_counter()
  peak = 0
  with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
    while process.poll() is None:
      peak = max(peak, _held(process.pid))
      time.sleep(0.05)
    told = process.stdout.read().strip().splitlines()
  if process.returncode:
    sys.exit(f'{" ".join(command)} ended with {process.returncode}')
  secs = time.perf_counter() - began
  return {
    'rows': rows,
    'secs': round(secs, 1),
    'rows_per_sec': round(rows / secs),
    'peak_mib': round(peak / 2**20),
    'left': told[-1],
  }


def _held(pid: int) -> int:
  """Bytes that a process and all below it hold; shared ones count each time."""
  try:
    pages = pathlib.Path(f'/proc/{pid}/statm').read_text().split()[1]
    held = int(pages) * _PAGE
    for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
      children = (task / 'children').read_text().split()
      held += sum(_held(int(child)) for child in children)
    return held
  except (OSError, IndexError):  # it has just ended
    return 0


if __name__ == '__main__':
  main()
