"""Who is told when a process of a run ends, and with what."""

import contextlib
import queue
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from dynrec_jax.parallel import lifeline
from dynrec_jax.parallel.lifeline import Ending, Lifeline


class Run:
  """Three processes' lifelines in one, and why each was ended."""

  def __init__(self, monkeypatch):
    monkeypatch.setattr(lifeline, '_GRACE_SECS', 0.0)
    at = lifeline.Listening.anywhere()
    self.raw = {}
    threads = [
      threading.Thread(target=self._connect, args=(i, at.port, at.token))
      for i in (1, 2)
    ]
    for thread in threads:
      thread.start()
    peers = lifeline.accepted(at, 3)
    for thread in threads:
      thread.join()
    self.ended = [queue.Queue() for _ in range(3)]
    self.lines = [
      Lifeline(i, 3, of, self.ended[i].put)
      for i, of in enumerate((peers, self.raw[1], self.raw[2]))
    ]

  def _connect(self, index, port, token):
    self.raw[index] = lifeline.connected('localhost', port, token, index)

  def die(self, index):
    """As the system does for a process that is killed."""
    self.lines[index]._leaving = True  # it hears of nothing any more
    for peer in self.lines[index]._peers.values():
      with contextlib.suppress(OSError):
        peer.shutdown(socket.SHUT_RDWR)

  def why(self, index):
    return self.ended[index].get(timeout=5)

  def nobody_ended(self):
    time.sleep(0.1)
    return all(of.empty() for of in self.ended)


@pytest.fixture
def run(monkeypatch):
  return Run(monkeypatch)


def test_a_process_that_dies_ends_all_others(run):
  run.die(2)
  for index in (0, 1):
    ending = run.why(index)
    assert ending.code == 75
    assert ending.text.startswith(
      'host 2 of 3 has died or cannot be reached, so this one (host 0) ends'
    )
    assert 'the same command goes on' in ending.text


def test_the_first_process_s_death_ends_all_others(run):
  run.die(0)
  for index in (1, 2):
    ending = run.why(index)
    assert ending.code == 75
    assert ending.text.startswith('host 0 of 3 has died ')


def test_an_error_of_one_ends_all_with_its_words(run):
  run.lines[1].fail(Ending(1, 'no such file'))
  assert run.why(0) == run.why(2) == Ending(1, 'host 1 of 3: no such file')


def test_an_error_of_the_first_ends_all_with_its_words(run):
  run.lines[0].fail(Ending(1, 'host 0 of 3: disk full'))
  assert run.why(1) == run.why(2) == Ending(1, 'host 0 of 3: disk full')
  assert run.ended[0].empty()  # it ends by itself


def test_a_stop_of_one_is_a_stop_of_all(run):
  run.lines[2].fail(Ending(75, 'host 2 of 3 was stopped'))
  assert run.why(0) == run.why(1) == Ending(75, 'host 2 of 3 was stopped')


def test_who_ends_in_order_ends_nobody(run):
  run.lines[2].leave()
  assert run.nobody_ended()
  run.die(2)
  run.lines[1].leave()
  assert run.nobody_ended()
  run.lines[0].leave()
  run.die(0)
  assert run.nobody_ended()


def test_who_has_left_is_ended_by_nobody(run):
  run.lines[0].leave()
  run.die(1)
  assert run.nobody_ended()


def test_only_the_run_s_own_processes_are_let_in(monkeypatch):
  monkeypatch.setattr(lifeline, '_JOIN_SECS', 0.5)
  at = lifeline.Listening.anywhere()
  wrong = bytes(len(at.token))
  stranger = lifeline.connected('localhost', at.port, wrong, 1)[0]
  with pytest.raises(OSError, match=r'^hosts \[1\] did not connect .* network'):
    lifeline.accepted(at, 2)
  assert stranger.recv(1) == b''
  with pytest.raises(OSError, match=r'^host 1 cannot connect to the first one'):
    lifeline.connected('localhost', at.port, at.token, 1)


_ENDS = """
import os, sys, socket, time
from dynrec_jax.parallel import lifeline
a, b = socket.socketpair()
lifeline._keep_alive = lambda peer: peer.settimeout(None)
line = lifeline.Lifeline(1, 2, {0: a})
which = sys.argv[1]
lifeline.outlive_abort(lambda: 'nobody came' if which == 'join' else '')
if which == 'peer':
  b.close()
os.abort()
"""


def ends(which):
  return subprocess.run(
    [sys.executable, '-c', _ENDS, which], capture_output=True, text=True
  )


@pytest.mark.slow
def test_an_abort_by_another_s_death_is_told_in_a_line():
  done = ends('peer')
  assert done.returncode == 75
  (line,) = done.stderr.splitlines()
  assert line.startswith('warning: host 0 of 2 has died or cannot be reached')


@pytest.mark.slow
def test_an_abort_while_others_are_waited_for_is_told_in_a_line():
  done = ends('join')
  assert (done.returncode, done.stderr) == (1, 'error: nobody came\n')


@pytest.mark.slow
def test_an_abort_of_its_own_goes_on():
  done = ends('nobody')
  assert done.returncode == -signal.SIGABRT
  assert 'in <module>' in done.stderr
