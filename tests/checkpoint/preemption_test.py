import os
import pathlib
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from saved_states import run_python

from dynrec_jax.checkpoint import preemption

SIGNALS = (signal.SIGTERM, signal.SIGINT)


def send(number):
  os.kill(os.getpid(), number)
  time.sleep(0.01)  # Python runs the handler between two instructions.


@pytest.fixture(autouse=True)
def _handlers_are_as_before():
  before = [signal.getsignal(number) for number in SIGNALS]
  yield
  assert [signal.getsignal(number) for number in SIGNALS] == before


@pytest.mark.parametrize('number', SIGNALS)
def test_the_first_signal_asks_to_stop_and_says_so_once(number, caplog):
  with preemption.StopRequest() as stop:
    assert not stop.requested(1)
    send(number)
    assert stop.requested(2)
    assert stop.requested(3)
  assert [r.getMessage() for r in caplog.records] == [
    'asked to stop: saving at step 2'
  ]


def test_a_second_interrupt_is_an_interrupt():
  with preemption.StopRequest() as stop:
    send(signal.SIGINT)
    assert stop.requested(1)
    with pytest.raises(KeyboardInterrupt):
      send(signal.SIGINT)


def test_a_second_termination_does_not_cut_the_save_short():
  with preemption.StopRequest() as stop:
    send(signal.SIGTERM)
    send(signal.SIGTERM)
    assert stop.requested(1)


def test_outside_the_main_thread_handlers_stay():
  seen = []

  def run():
    with preemption.StopRequest() as stop:
      seen.append([signal.getsignal(number) for number in SIGNALS])
      seen.append(stop.requested(1))

  thread = threading.Thread(target=run)
  thread.start()
  thread.join()
  assert seen == [[signal.getsignal(number) for number in SIGNALS], False]


def test_where_steps_do_not_count_up_all_are_asked_at_once(monkeypatch):
  """Between methods, each of which may take minutes."""
  asked = []
  stop = preemption.StopRequest()

  def any_of(flag, *, at_once):
    asked.append(at_once)
    return flag

  monkeypatch.setattr(stop._agreed, 'any', any_of)
  for step in (0, 1, 2, 0, 1, 9, 9, 9):
    assert not stop.requested(step)
  assert asked == [False, False, False, True, False, False, True, True]


TRAINING_LOOP = """
import sys, time
from dynrec_jax.parallel import hosts
hosts.start(ADDRESS, PROCESSES, int(sys.argv[1]))
import numpy as np
from jax.experimental import multihost_utils
from dynrec_jax import checkpoint
from dynrec_jax.checkpoint import preemption

like = {'w': np.zeros((40, 50), np.float32)}
with checkpoint.Checkpointer(
    DIRECTORY, config={'model': 1}, must_match=['model']) as c:
  found = c.restore_latest(like)
  step = 0 if found is None else found.step
  if found is not None:
    assert (found.state['w'] == step).all()
    print('resumed at', step, flush=True)
    sys.exit()
  with preemption.StopRequest() as stop:
    print('started', flush=True)
    while step < 2000:
      step += 1
      time.sleep(0.01)
      multihost_utils.process_allgather(np.array(step))  # the training step
      if stop.requested(step):
        c.save(step, {'w': np.full((40, 50), step, np.float32)}, {'s': step})
        c.wait()
        print('saved at', step, flush=True)
        sys.exit(preemption.REQUEUE_EXIT_CODE)
"""


def start_processes(directory, count):
  with socket.socket() as free:
    free.bind(('127.0.0.1', 0))
    address = f'127.0.0.1:{free.getsockname()[1]}'
  root = pathlib.Path(preemption.__file__).parents[2]
  source = textwrap.dedent(
    f"""
    ADDRESS, PROCESSES = {address!r}, {count}
    DIRECTORY = {str(directory)!r}
    """
  )
  return [
    subprocess.Popen(
      [sys.executable, '-c', source + TRAINING_LOOP, str(i)],
      env={**os.environ, 'PYTHONPATH': str(root), 'JAX_PLATFORMS': 'cpu'},
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
    )
    for i in range(count)
  ]


def finish(processes):
  """Gives exit codes and what each process said, Gloo's greetings aside."""
  outputs = [process.communicate(timeout=60) for process in processes]
  said = [
    [x for x in output.splitlines() if not x.startswith('[Gloo]')][-1:]
    for output, _ in outputs
  ]
  return [p.returncode for p in processes], said, outputs


@pytest.mark.slow
def test_a_notice_to_one_stops_all_processes_at_one_step(tmp_path):
  count = 2
  processes = start_processes(tmp_path, count)
  for process in processes:
    while (line := process.stdout.readline()) != 'started\n':
      assert line, process.communicate()[1]
  time.sleep(0.3)
  processes[-1].send_signal(signal.SIGINT)  # One of them is told.
  codes, said, outputs = finish(processes)
  assert codes == [75] * count, outputs
  assert said == [said[0]] * count
  assert said[0][0].startswith('saved at ')

  codes, resumed, outputs = finish(start_processes(tmp_path, count))
  assert codes == [0] * count, outputs
  assert resumed == [[said[0][0].replace('saved', 'resumed')]] * count


def test_importing_loads_neither_tensorflow_nor_torch(tmp_path):
  run_python(
    """
    import sys
    from dynrec_jax import checkpoint
    from dynrec_jax.checkpoint import preemption
    assert not {'tensorflow', 'torch'} & set(sys.modules)
    """,
    tmp_path,
  )
