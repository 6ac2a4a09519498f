"""Real processes as the hosts of one run: the same as one, and how it ends.

All are slow: each process imports everything and compiles.
"""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
import worlds
from saved_states import run_python

ROOT = pathlib.Path(__file__).parents[2]
CONFIG = ROOT / 'configs' / 'single.py:files'
LOCAL = ROOT / 'launch' / 'local.sh'
STEPS = 20
pytestmark = pytest.mark.slow


def free_address():
  with socket.socket() as free:
    free.bind(('127.0.0.1', 0))
    return f'127.0.0.1:{free.getsockname()[1]}'


def train(root, folder, name):
  """20 steps with either sort of partners; what this host has come to."""
  import jax

  from dynrec_jax import train as train_lib
  from dynrec_jax.data import batch_spec, batches
  from dynrec_jax.parallel import devices, hosts
  from dynrec_jax.parallel.exchange import Exchange
  from dynrec_jax.study import settings as settings_lib
  from dynrec_jax.study import split_run

  prepared = None
  for partners in batch_spec.PARTNERS:
    config = worlds.tiny_config(
      worlds.tiny_settings(root / 'folder', root), rel__partners=partners
    )
    study = worlds.Study(config, prepared)
    prepared = study.prepared
    step = train_lib.balanced(
      split_run.make_step(config, study.parts), study.balance, 3
    )
    state = train_lib.init_state(
      study.network, settings_lib.make_optimizer(config), 3
    )
    state, losses = devices.replicate(hosts.of_first(state)), []
    with Exchange() as exchange:
      made = batches.batches(study.data, study.spec, 0, exchange.most)
      for _, batch in zip(range(STEPS), made, strict=False):
        state, metrics = step(state, study.features, batch)
        losses.append({k: float(v) for k, v in metrics.items()})
    leaves = jax.tree_util.tree_leaves_with_path(state.params)
    np.savez(
      folder / f'{partners}_{name}.npz',
      **{jax.tree_util.keystr(path): leaf for path, leaf in leaves},
      **{key: [of[key] for of in losses] for key in losses[0]},
    )


_TRAIN = """
import pathlib, sys
sys.path[:0] = [{tests!r}, {tests!r} + '/whole']
from dynrec_jax.parallel import devices, hosts
import jax
jax.config.update('jax_disable_most_optimizations', True)
hosts.start({address!r}, {count}, INDEX)
assert (devices.device_count(), jax.local_device_count()) == (4, 4 // {count})
import several_hosts_test
several_hosts_test.train(
  pathlib.Path({root!r}), pathlib.Path(DIRECTORY), '{count}_INDEX')
hosts.wait_for_all('end')
"""


def test_2_hosts_of_2_devices_train_as_one_of_4(tmp_path, tiny_root):
  """Losses, gradients' norms and parameters, over 20 steps."""
  processes = []
  for count in (1, 2):
    program = _TRAIN.format(
      tests=str(ROOT / 'tests'),
      address=free_address(),
      count=count,
      root=str(tiny_root),
    )
    processes += [
      run_python(
        program.replace('INDEX', str(index)),
        tmp_path,
        devices=4 // count,
        wait=False,
      )
      for index in range(count)
    ]
    for process in processes:  # the first one prepares for all
      output, _ = process.communicate(timeout=200)
      assert process.returncode == 0, output
    processes.clear()
  for partners in ('drawn', 'in_batch'):
    one, two, other = (
      np.load(tmp_path / f'{partners}_{name}.npz')
      for name in ('1_0', '2_0', '2_1')
    )
    assert len(one['loss']) == STEPS
    assert one['loss_relevance'].any()
    assert np.ptp(one['loss']) > 0.5  # batches differ, and it learns
    for key in one:
      np.testing.assert_array_equal(two[key], other[key])
      np.testing.assert_allclose(two[key], one[key], rtol=1e-5, atol=1e-5)


class Job:
  """A run by `launch/local.sh`, on a tiny study, and what it told."""

  def __init__(
    self, place, folder, count=2, *, devices=2, program=None, **changes
  ):
    settings = worlds.tiny_settings(place / 'folder', place)
    settings |= {'workdir': str(place / folder), 'split.seeds': 1}
    settings |= {key.replace('__', '.'): of for key, of in changes.items()}
    flags = [f'--config.{key}={value}' for key, value in settings.items()]
    self.workdir = place / folder
    program = program or [sys.executable, '-m', 'dynrec_jax.main']
    self.process = subprocess.Popen(
      [LOCAL, str(count), *program, f'--config={CONFIG}', *flags],
      cwd=place,
      env={
        **os.environ,
        'PYTHONPATH': str(ROOT),
        'JAX_PLATFORMS': 'cpu',
        'JAX_DISABLE_MOST_OPTIMIZATIONS': '1',
        'NPROC': '8',
        'XLA_FLAGS': f'--xla_force_host_platform_device_count={devices}',
      },
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )

  def host(self, index):
    """The process of a host."""
    for path in pathlib.Path('/proc').iterdir():
      with contextlib.suppress(OSError):
        words = (path / 'cmdline').read_bytes().split(b'\0')
        told = (path / 'environ').read_bytes().split(b'\0')
        if (
          f'--config.workdir={self.workdir}'.encode() in words
          and words[0] == sys.executable.encode()
          and f'DYNREC_HOST_INDEX={index}'.encode() in told
        ):
          return int(path.name)
    raise AssertionError(f'host {index} is not there')

  def wait_for_step(self, step):
    path = self.workdir / 'split_0' / 'metrics.jsonl'
    until = time.monotonic() + 120
    while not (path.exists() and f'"step": {step},' in path.read_text()):
      assert self.process.poll() is None, self.process.communicate()
      assert time.monotonic() < until
      time.sleep(0.1)

  def end(self, code):
    out, errors = self.process.communicate(timeout=200)
    assert self.process.returncode == code, errors
    return out, errors


def lists(workdir):
  """All lists of a run, but for their scores; and the scores."""
  found = {}
  for path in sorted(workdir.glob('split_0/lists/*/*.jsonl')):
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    scores = [row.pop('scores', None) for row in rows]
    found[path.parent.name, path.stem] = rows, scores
  return found


def results(workdir):
  found = json.loads((workdir / 'results.json').read_text())
  assert found['config'].pop('workdir') == str(workdir)
  return found


@pytest.fixture(scope='module')
def place(tmp_path_factory):
  root = tmp_path_factory.mktemp('hosts')
  worlds.write_folder(root / 'folder')
  return root


def test_a_job_of_2_hosts_killed_and_resumed_ends_as_one_of_1(place):
  changes = {
    'eval__methods': ('random', 'ease', 'model'),
    'train__save_every_steps': 10,
  }
  Job(place, 'one', 1, devices=4, **changes).end(0)

  job = Job(place, 'two', **changes)
  job.wait_for_step(33)
  os.kill(job.host(1), signal.SIGKILL)
  told = time.monotonic()
  _, errors = job.end(75)
  assert time.monotonic() - told < 60
  lines = [line for line in errors.splitlines() if 'warning:' in line]
  assert lines == [
    '[0] warning: host 1 of 2 has died or cannot be reached, so this one '
    '(host 0) ends; the same command goes on'
  ]
  assert 'Traceback' not in errors

  job = Job(place, 'two', **changes)
  job.wait_for_step(70)
  os.kill(job.host(1), signal.SIGTERM)
  _, errors = job.end(75)
  assert '[0] resuming from step 30' in errors
  assert '[0] warning: stopped on request; the same command goes on' in errors

  out, errors = Job(place, 'two', **changes).end(0)
  assert '[0] resuming from step' in errors
  assert '[1]' not in errors  # one host tells
  assert '[0] | long | dynrec (practical) |' in out
  one, two = (lists(place / name) for name in ('one', 'two'))
  assert len(one) == 6
  assert one.keys() == two.keys()
  for key in one:
    assert two[key][0] == one[key][0]
    if 'random' not in key:
      np.testing.assert_allclose(two[key][1], one[key][1], atol=1e-4)
  assert results(place / 'two') == results(place / 'one')


# Each host in a folder of its own, which is told at once from another's.
_IN_OWN_FOLDER = """
import os, sys
sys.path.insert(0, '')
os.chdir('host_' + os.environ['DYNREC_HOST_INDEX'])
from dynrec_jax import main
from dynrec_jax.study import workdir
workdir._SEEN_SECS = 1.0
main.app.run(main.main, flags_parser=main._parse)
"""


@pytest.fixture
def in_own_folder(place):
  """Host 1's table of watches is damaged."""
  for index in range(2):
    worlds.write_folder(place / f'host_{index}' / 'data')
  watches = place / 'host_1' / 'data' / 'watches.csv'
  watches.write_text('user,video,time\nu0,v0,never\n')
  return [sys.executable, '-c', _IN_OWN_FOLDER]


def errors_of(job):
  """What each host ended with."""
  told = time.monotonic()
  _, errors = job.end(1)
  assert time.monotonic() - told < 60
  assert 'Traceback' not in errors
  return sorted(line for line in errors.splitlines() if 'error:' in line)


def test_an_error_of_one_host_ends_all_with_its_line(place, in_own_folder):
  first, second = errors_of(
    Job(place, 'failed', program=in_own_folder, data__manual_dir='data')
  )
  assert second.startswith('[1] error: '), second
  assert 'watches.csv' in second
  assert 'never' in second
  told = second.removeprefix('[1] error: ')
  assert first == f'[0] error: host 1 of 2: {told}'


def test_a_workdir_of_its_own_on_every_host_is_refused(place, in_own_folder):
  for line in errors_of(Job(place, '', program=in_own_folder, workdir='own')):
    assert (
      "workdir is 'own', where host 1 of 2 does not see what host 0" in line
    )
