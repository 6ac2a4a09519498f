"""The disk cache: hits, misses, damage and disks that cannot be written."""

import os
import threading
import time
from unittest import mock

import numpy as np
import pytest

from dynrec_jax.storage import cache

WORDS = np.array(['a', 'ä', ''], dtype=object)
ARRAYS = {
  'topics': np.array([[0.25, 0.75], [1.5, -2.0]], np.float32),
  'words': np.array([['one', 'twö']]),
  'flag': np.array(True),
}


class Compute:
  """Counts its calls."""

  def __init__(self, arrays=None):
    self.arrays = ARRAYS if arrays is None else arrays
    self.calls = 0

  def __call__(self):
    self.calls += 1
    return self.arrays


def ask(directory, compute, *, inputs=(WORDS,), version='1', **settings):
  return cache.cached(
    directory, 'lda', list(inputs), settings, compute, version=version
  )


def assert_same(got, want):
  assert got.keys() == want.keys()
  for key, value in want.items():
    np.testing.assert_array_equal(got[key], value)
    assert got[key].dtype == value.dtype


def test_computes_once(tmp_path):
  compute, again = Compute(), Compute()
  assert_same(ask(tmp_path / 'new' / 'folder', compute, seed=1), ARRAYS)
  assert_same(ask(tmp_path / 'new' / 'folder', again, seed=1), ARRAYS)
  assert (compute.calls, again.calls) == (1, 0)
  [path] = (tmp_path / 'new' / 'folder').iterdir()  # no part is left
  assert path.name.startswith('lda-')
  assert path.suffix == '.npz'


def test_whatever_changes_is_another_file(tmp_path):
  calls = [
    {'seed': 1},
    {'seed': 2},
    {'seed': 1, 'size': 3},
    {'seed': 1, 'version': '2'},
    {'seed': 1, 'inputs': (WORDS[::-1],)},
  ]
  for number, settings in enumerate(calls):
    compute = Compute({'x': np.array(number)})
    assert ask(tmp_path, compute, **settings)['x'] == number
    assert compute.calls == 1
  assert len(list(tmp_path.iterdir())) == len(calls)
  for number, settings in enumerate(calls):
    assert ask(tmp_path, Compute(), **settings)['x'] == number


def test_order_of_settings_does_not_matter(tmp_path):
  ask(tmp_path, Compute(), seed=1, size=2)
  again = Compute()
  ask(tmp_path, again, size=2, seed=1)
  assert again.calls == 0


def test_no_directory_stores_nothing():
  compute = Compute()
  assert_same(ask(None, compute), ARRAYS)
  assert_same(ask(None, compute), ARRAYS)
  assert compute.calls == 2


def test_every_damaged_byte_is_harmless(tmp_path, caplog):
  caplog.set_level('ERROR')  # hundreds of warnings
  ask(tmp_path, Compute())
  [path] = tmp_path.iterdir()
  whole = path.read_bytes()
  recomputed = 0
  for position in range(0, len(whole), 5):
    damaged = bytearray(whole)
    damaged[position] ^= 0xFF
    path.write_bytes(damaged)
    compute = Compute()
    with mock.patch.object(os, 'fsync'):  # slow, and not what is tested
      assert_same(ask(tmp_path, compute), ARRAYS)
    recomputed += compute.calls
  assert recomputed > len(whole) / 10


@pytest.mark.parametrize('length', [0, 1, 40, -1])
def test_truncated_file_is_replaced(tmp_path, caplog, length):
  ask(tmp_path, Compute())
  [path] = tmp_path.iterdir()
  whole = path.read_bytes()
  path.write_bytes(whole[:length])
  compute, again = Compute(), Compute()
  assert_same(ask(tmp_path, compute), ARRAYS)
  assert f'{path} cannot be read' in caplog.text
  assert_same(ask(tmp_path, again), ARRAYS)
  assert (compute.calls, again.calls) == (1, 0)


def test_directory_that_is_a_file_costs_only_the_storing(tmp_path, caplog):
  (tmp_path / 'file').write_text('')
  compute = Compute()
  assert_same(ask(tmp_path / 'file', compute), ARRAYS)
  assert compute.calls == 1
  assert 'could not store' in caplog.text


@pytest.mark.parametrize('step', ['numpy.savez', 'os.fsync', 'os.replace'])
def test_full_disk_costs_only_the_storing(tmp_path, caplog, step):
  full = OSError(28, 'No space left on device')
  with mock.patch(step, side_effect=full):
    assert_same(ask(tmp_path, Compute()), ARRAYS)
  assert 'No space left on device' in caplog.text
  assert list(tmp_path.iterdir()) == []


def test_interrupted_write_leaves_nothing(tmp_path):
  with (
    mock.patch('os.replace', side_effect=KeyboardInterrupt),
    pytest.raises(KeyboardInterrupt),
  ):
    ask(tmp_path, Compute())
  assert list(tmp_path.iterdir()) == []


def test_errors_of_compute_pass_through(tmp_path):
  def compute():
    raise OSError('no such input')

  with pytest.raises(OSError, match='no such input'):
    ask(tmp_path, compute)


@pytest.mark.parametrize('directory', [None, 'here'])
def test_result_of_objects_is_refused(tmp_path, directory):
  directory = directory and tmp_path / directory
  with pytest.raises(ValueError, match="lda: result 'words' holds Python"):
    ask(directory, Compute({'words': WORDS}))


def test_bad_settings_and_inputs_are_refused(tmp_path):
  with pytest.raises(ValueError, match='lda: settings'):
    ask(tmp_path, Compute(), seed=np.zeros(2))
  with pytest.raises(ValueError, match='cannot hash a set'):
    ask(tmp_path, Compute(), inputs=({1, 2},))


def test_of_two_that_miss_one_computes_and_one_waits(tmp_path, caplog):
  caplog.set_level('INFO')
  started, compute, other = threading.Event(), Compute(), Compute()

  def slow():
    started.set()
    time.sleep(0.7)
    return compute()

  thread = threading.Thread(target=lambda: ask(tmp_path, slow, seed=1))
  thread.start()
  started.wait(10)
  assert_same(ask(tmp_path, other, seed=1), ARRAYS)
  thread.join(10)
  assert (compute.calls, other.calls) == (1, 0)
  assert caplog.text.count('waiting for lda, which is being made: process') == 1
  assert [path.suffix for path in tmp_path.iterdir()] == ['.npz']


def test_a_computation_that_fails_leaves_its_turn(tmp_path):
  def fail():
    raise ValueError('no')

  for _ in range(2):
    with pytest.raises(ValueError, match='no'):
      ask(tmp_path, fail, seed=1)
  assert not list(tmp_path.iterdir())
