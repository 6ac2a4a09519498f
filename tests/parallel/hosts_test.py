"""One process is the first of one; two know each other and wait."""

import socket
import time

import numpy as np
import pytest
from saved_states import run_python

from dynrec_jax.parallel import hosts


def test_a_process_on_its_own():
  assert (hosts.index(), hosts.count()) == (0, 1)
  assert hosts.is_writer()
  hosts.wait_for_all('nobody')
  gathered = hosts.gather(np.array([3, 5], np.uint32))
  assert gathered.dtype == np.uint32
  assert gathered.tolist() == [[3, 5]]


def test_others_do_not_write(monkeypatch):
  monkeypatch.setattr(hosts.jax, 'process_index', lambda: 1)
  assert not hosts.is_writer()


@pytest.mark.slow
def test_two_processes(tmp_path):
  with socket.socket() as free:
    free.bind(('127.0.0.1', 0))
    port = free.getsockname()[1]
  program = f"""
    import pathlib, time
    import jax, numpy as np
    jax.distributed.initialize('127.0.0.1:{port}', 2, INDEX)
    from dynrec_jax.parallel import hosts
    assert (hosts.index(), hosts.count()) == (INDEX, 2)
    assert hosts.is_writer() == (INDEX == 0)
    mark = pathlib.Path(DIRECTORY) / 'mark'
    if hosts.is_writer():
      time.sleep(1)
      mark.touch()
    hosts.wait_for_all('mark')
    assert mark.exists()
    got = hosts.gather(np.array([INDEX, 4_000_000_000], np.uint32))
    assert got.dtype == np.uint32
    assert got.tolist() == [[0, 4_000_000_000], [1, 4_000_000_000]], got
    hosts.wait_for_all('end')
    """
  started = time.monotonic()
  processes = [
    run_python(program.replace('INDEX', str(i)), tmp_path, wait=False)
    for i in range(2)
  ]
  for process in processes:
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
  assert time.monotonic() - started > 1
