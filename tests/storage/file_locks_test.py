"""Locks on files: one holder, or several that share, and those who wait."""

import os
import subprocess
import sys
import threading

import pytest

from dynrec_jax.storage import file_locks


def test_one_holds_it_and_says_who_and_since_when(tmp_path):
  path = tmp_path / 'a.lock'
  with file_locks.held(path, doing='mode=x') as mine:
    assert mine
    told = file_locks.holder(path)
    assert told.startswith(f'process {os.getpid()} of ')
    assert ' (mode=x), since 20' in told
    assert told.endswith(f' UTC ({path})')
    with file_locks.held(path) as also, file_locks.held(path, shared=True) as s:
      assert not also
      assert not s
  assert not path.exists()
  assert file_locks.holder(path) == f'another process ({path})'


def test_several_share_it_and_the_last_takes_the_file_away(tmp_path):
  path = tmp_path / 'a.lock'
  first = file_locks.held(path, shared=True)
  second = file_locks.held(path, shared=True)
  assert first.__enter__()
  assert second.__enter__()
  with file_locks.held(path) as alone:
    assert not alone
  first.__exit__(None, None, None)
  assert path.exists()
  with file_locks.held(path) as alone:
    assert not alone
  second.__exit__(None, None, None)
  assert not path.exists()


def test_a_holder_that_is_killed_holds_nothing(tmp_path):
  path = tmp_path / 'a.lock'
  code = (
    'import os, signal, sys\n'
    'from dynrec_jax.storage import file_locks\n'
    'lock = file_locks.held(sys.argv[1])\n'
    'assert lock.__enter__()\n'
    'os.kill(os.getpid(), signal.SIGKILL)\n'
  )
  subprocess.run([sys.executable, '-c', code, str(path)], check=False)
  assert path.exists()
  with file_locks.held(path) as mine:
    assert mine


def test_who_comes_later_waits_with_one_line(tmp_path, caplog):
  path = tmp_path / 'new' / 'a.lock'
  caplog.set_level('INFO')
  order = []

  def later():
    with file_locks.turn(path, 'the thing'):
      order.append('later')

  thread = threading.Thread(target=later)
  with file_locks.turn(path, 'the thing'):
    thread.start()
    thread.join(0.7)  # several polls
    order.append('first')
  thread.join(10)
  assert order == ['first', 'later']
  (line,) = [r.getMessage() for r in caplog.records if 'waiting' in r.message]
  assert line.startswith(f'waiting for the thing: process {os.getpid()} of ')


def test_nobody_waits_where_no_lock_can_be_made(tmp_path):
  (tmp_path / 'file').touch()
  with file_locks.turn(tmp_path / 'file' / 'a.lock', 'the thing'):
    pass


def test_an_error_of_the_block_is_its_own(tmp_path):
  path = tmp_path / 'a.lock'
  with pytest.raises(OSError, match='mine'), file_locks.turn(path, 'it'):
    raise OSError('mine')
  assert not path.exists()
