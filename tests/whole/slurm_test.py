"""The Slurm script on a real Slurm: two processes, preempted once, the same."""

import os
import pathlib
import sys
import time

import pytest
import slurm
import worlds

ROOT = pathlib.Path(__file__).parents[2]
pytestmark = [
  pytest.mark.slow,
  pytest.mark.skipif(bool(slurm.lacks()), reason=slurm.lacks()),
]


def submit(cluster, place, name):
  """The job's number, and the file of what it tells."""
  settings = worlds.tiny_settings(place / 'folder', place) | {
    'split.seeds': 1,
    'train.max_epochs': 3,
    'train.save_every_steps': 10,
    'workdir': str(place / name),
  }
  log = place / f'{name}.log'
  cluster.env |= {
    'PATH': f'{pathlib.Path(sys.executable).parent}:{cluster.env["PATH"]}',
    'PYTHONPATH': str(ROOT),
    'JAX_DISABLE_MOST_OPTIMIZATIONS': '1',
    'JAX_PLATFORMS': 'cpu',
  }
  job = cluster.run(
    *('sbatch', '--parsable', '--ntasks-per-node=2', f'--output={log}'),
    *(f'--chdir={place}', ROOT / 'launch' / 'slurm.sbatch'),
    f'--config={ROOT}/configs/single.py:files',
    *(f'--config.{key}={value}' for key, value in settings.items()),
  )
  return job.strip(), log


def content(folder):
  """The files that tell what was found, less where."""
  name = str(folder).encode()
  return {
    path.relative_to(folder): path.read_bytes().replace(name, b'')
    for pattern in ('results.json', 'split_*/lists/**/*', 'split_*/made/**/*')
    for path in folder.glob(pattern)
    if path.is_file()
  }


def test_a_preempted_job_goes_on_and_ends_the_same(tmp_path):
  worlds.write_folder(tmp_path / 'folder')
  (tmp_path / 'slurm').mkdir()
  os.chmod(tmp_path, 0o755)
  with slurm.started(tmp_path / 'slurm') as cluster:
    whole, told = submit(cluster, tmp_path, 'whole')
    cluster.wait(whole, 'COMPLETED 0', 240)
    stopped, log = submit(cluster, tmp_path, 'stopped')
    end = time.monotonic() + 120
    while 'epoch 2' not in (log.read_text() if log.exists() else ''):
      assert time.monotonic() < end, log.read_text()
      time.sleep(0.2)
    cluster.run('scancel', '--signal=TERM', stopped)
    cluster.wait(stopped, 'PENDING 1')
    # By itself it would wait for two minutes; of the second in which its node
    # was told to end it, the node would take the next start for the same one.
    time.sleep(2)
    cluster.run('scontrol', 'update', f'JobId={stopped}', 'StartTime=now')
    cluster.wait(stopped, 'COMPLETED 1', 240)
  assert 'exit code 75: queued again' in log.read_text()
  assert 'resuming from step' in log.read_text()
  assert 'Traceback' not in told.read_text() + log.read_text()
  found = content(tmp_path / 'whole')
  assert any('lists' in str(path) for path in found)
  assert content(tmp_path / 'stopped') == found
