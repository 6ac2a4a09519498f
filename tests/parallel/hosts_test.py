"""One process is the first of one; two know each other and wait."""

import socket
import time

import numpy as np
import pytest
from saved_states import run_python

from dynrec_jax.parallel import hosts


def free_port():
  with socket.socket() as free:
    free.bind(('127.0.0.1', 0))
    return free.getsockname()[1]


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
  port = free_port()
  program = f"""
    import pathlib, time
    import jax, numpy as np
    from dynrec_jax.parallel import hosts
    hosts.start('127.0.0.1:{port}', 2, INDEX)
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
    rows = np.full((1 + 2 * INDEX, 2), INDEX, np.float32)
    assert hosts.gather_rows(rows).tolist() == [[0, 0], *[[1, 1]] * 3]
    assert hosts.gather_rows(rows[:INDEX]).tolist() == [[1, 1]]
    assert hosts.gather_text('\u00e4' * INDEX) == ['', '\u00e4']
    assert hosts.any_of_all(INDEX == 1) and not hosts.any_of_all(False)
    assert hosts.most_of_all([3 - INDEX, INDEX]).tolist() == [3, 1]
    tree = hosts.of_first({{'a': np.float32([INDEX, 7]), 'b': np.int32(INDEX)}})
    assert tree['a'].tolist() == [0, 7] and tree['b'] == 0
    arrays = {{'a': np.arange(3.0) / 3, 'b': np.array(['x', 'yz']),
              'c': np.zeros((0, 2), np.float32)}}
    found = hosts.arrays_of_first({{}} if INDEX else arrays)
    for key, of in arrays.items():
      assert found[key].dtype == of.dtype
      np.testing.assert_array_equal(found[key], of)
    numbers = hosts.numbers_of_first({{'f': 1 / 3 + INDEX, 'g': -1e300}})
    assert numbers == {{'f': 1 / 3, 'g': -1e300}}, numbers
    with hosts.first_alone('alone'):
      assert mark.exists() == (INDEX == 0)
      mark.unlink(missing_ok=True)
    for raises in ((), (1,), (0, 1)):
      try:
        with hosts.all_or_none(KeyError):
          if INDEX in raises:
            raise KeyError(f'of {{INDEX}}')
        assert not raises
      except KeyError as error:
        assert error.args[0].strip("'") == f'of {{min(raises)}}', error
    try:
      with hosts.together():
        pass
      hosts.client().wait_at_barrier('left', 60_000)
    finally:
      print('ended in order')
    """
  started = time.monotonic()
  processes = [
    run_python(program.replace('INDEX', str(i)), tmp_path, wait=False)
    for i in range(2)
  ]
  for process in processes:
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 0, output
    assert 'ended in order' in output
  assert time.monotonic() - started > 1


@pytest.mark.slow
def test_others_that_do_not_come_are_missed_in_a_line(tmp_path):
  """By the first host, and by one who finds no first host."""
  processes = [
    run_python(
      f"""
      from dynrec_jax.parallel import hosts
      hosts._JOIN_SECS = 2
      hosts.start('127.0.0.1:{free_port()}', 2, {index})
      """,
      tmp_path,
      wait=False,
    )
    for index in range(2)
  ]
  for index, process in enumerate(processes):
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 1, output
    assert f'host {index} of 2 did not meet all others at 127.0.0.1' in output
