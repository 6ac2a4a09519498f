"""The largest of all hosts' numbers, turn by turn, and answers to all alike."""

import threading
import time

import numpy as np
import pytest
from fake_hosts import FakeHosts

from dynrec_jax.parallel import exchange
from dynrec_jax.parallel.exchange import Abandoned, Exchange, NowAndThen

# [host, turn, value]
SAID = np.array([[[3, 9], [1, 1]], [[4, 2], [0, 5]], [[1, 1], [7, 2**40]]])


class FakeExchange(Exchange):
  """One that all hosts, here threads, give the same number."""

  def __init__(self):
    super().__init__()
    self._number = 5


def test_all_get_the_largest_of_each(monkeypatch):
  fake = FakeHosts(monkeypatch, 3)

  def host(index):
    with FakeExchange() as ours:
      return [ours.most(SAID[index, turn]).tolist() for turn in range(2)]

  assert fake.run(host) == [[[4, 9], [7, 2**40]]] * 3
  # Earlier turns leave nothing behind.
  assert sorted(fake.client.stored) == [
    f'dynrec/exchange/5/1/{index}' for index in range(3)
  ]


def test_a_host_on_its_own_asks_nobody():
  with Exchange() as ours:
    assert ours.most(SAID[0, 0]).tolist() == [3, 9]
  assert NowAndThen().any(True)
  assert not NowAndThen().any(False)


def test_leaving_ends_a_turn_that_nobody_else_takes(monkeypatch):
  """As training ends on all hosts while batches are made ahead on some."""
  fake = FakeHosts(monkeypatch, 2)

  def host(index):
    ours = FakeExchange()
    if index:
      return None
    caught = []

    def wait():
      try:
        fake.become(0)
        ours.most(SAID[0, 0])
      except Abandoned as error:
        caught.append(error)

    thread = threading.Thread(target=wait)
    with ours:
      thread.start()
      time.sleep(0.05)
      assert thread.is_alive()
    thread.join(5)
    return len(caught)

  assert fake.run(host) == [1, None]


@pytest.mark.parametrize('told', [0, 1])
def test_all_stop_at_the_same_place(monkeypatch, told):
  """Whoever is told, and when: also between two questions."""
  clock = iter(np.arange(0, 1000, 0.01).tolist())
  lock = threading.Lock()

  def tick():
    with lock:
      return next(clock)

  monkeypatch.setattr(exchange.time, 'monotonic', tick)

  def host(index):
    ours = NowAndThen(every_secs=0.5)
    for place in range(1000):
      if ours.any(index == told and place >= 9):
        return place
    return None

  first, second = FakeHosts(monkeypatch, 2).run(host)
  assert first == second
  assert 9 <= first < 100


def test_most_places_ask_nobody(monkeypatch):
  fake = FakeHosts(monkeypatch, 2)
  asked = []
  gather = fake._gather
  monkeypatch.setattr(
    exchange.hosts, 'gather', lambda x: (asked.append(1), gather(x))[1]
  )

  def host(index):
    ours = NowAndThen(every_secs=60.0)
    return [ours.any(False) for _ in range(1000)].count(True)

  assert fake.run(host) == [0, 0]
  assert len(asked) <= 2 * 11  # after 1, 2, 4, 8 ... places
  asked.clear()

  def slow(index):
    ours = NowAndThen(every_secs=60.0)
    return [ours.any(place == 7, at_once=True) for place in range(9)]

  assert fake.run(slow) == [[False] * 7 + [True] * 2] * 2
