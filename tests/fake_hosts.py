"""The hosts of a run as threads of one process: without JAX, in milliseconds.

What goes over the network between real ones is handed over here; tests of real
processes are marked slow.
"""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from dynrec_jax.parallel import hosts


class _Client:
  """The part of JAX's coordination service that is used."""

  def __init__(self):
    self.stored: dict[str, bytes] = {}

  def key_value_set_bytes(self, key, value):
    assert key not in self.stored
    self.stored[key] = value

  def key_value_dir_get_bytes(self, folder):
    return [x for x in self.stored.items() if x[0].startswith(f'{folder}/')]

  def key_value_delete(self, key):
    del self.stored[key]


class FakeHosts:
  """Several hosts for the functions of `hosts`, in threads that `run` makes."""

  def __init__(self, monkeypatch, count: int):
    self.count, self.client = count, _Client()
    self._own = threading.local()
    self._barrier = threading.Barrier(count, timeout=20)
    self._given: dict[int, np.ndarray] = {}
    monkeypatch.setattr(hosts, 'count', lambda: count)
    monkeypatch.setattr(hosts, 'index', lambda: self._own.index)
    monkeypatch.setattr(hosts, 'client', lambda: self.client)
    monkeypatch.setattr(hosts, 'gather', self._gather)
    monkeypatch.setattr(hosts, 'of_first', lambda x: self._gather(x)[0])
    monkeypatch.setattr(
      hosts, 'wait_for_all', lambda name: self._barrier.wait()
    )

  def run(self, act: Callable[[int], Any]) -> list[Any]:
    """What `act` gives on each host, or raises."""
    found: list[Any] = [None] * self.count

    def host(index):
      self.become(index)
      try:
        found[index] = act(index)
      except Exception as error:
        found[index] = error

    threads = [
      threading.Thread(target=host, args=(i,)) for i in range(self.count)
    ]
    for thread in threads:
      thread.start()
    for thread in threads:
      thread.join()
    return found

  def become(self, index: int) -> None:
    """Makes the thread at hand that of a host."""
    self._own.index = index

  def _gather(self, values):
    values = np.asarray(values)
    assert values.dtype.itemsize <= 4  # JAX would cut the others
    self._given[hosts.index()] = values
    self._barrier.wait()
    found = np.stack([self._given[i] for i in range(self.count)])
    self._barrier.wait()
    return found
