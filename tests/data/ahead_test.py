"""Items ahead of time: the same ones, in order, and an end to the thread."""

import threading

import pytest

from dynrec_jax.data.ahead import Ahead


def threads():
  return [t for t in threading.enumerate() if t.name.startswith('ahead')]


@pytest.mark.parametrize('depth', [1, 2, 7])
def test_same_items_in_order(depth):
  with Ahead(iter(range(5)), depth) as items:
    assert list(items) == [0, 1, 2, 3, 4]
    assert list(items) == []  # and it stays at its end


def test_made_before_they_are_asked_for():
  made, second = [], threading.Event()

  def source():
    for i in range(9):
      made.append((i, threading.current_thread()))
      if i == 1:
        second.set()
      yield i

  with Ahead(source(), 2) as items:
    assert second.wait(timeout=30)  # nobody has asked for one
    assert next(items) == 0
  assert threading.current_thread() not in [thread for _, thread in made]
  # Two that wait, and the one begun when an item was taken: never further.
  assert len(made) <= 3


def test_an_exception_comes_as_itself_in_its_place():
  def source():
    yield 1
    yield 2
    raise KeyError('the third')

  with Ahead(source(), 2) as items:
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(KeyError, match='the third') as caught:
      next(items)
    # Where it was raised is told, too.
    assert any(entry.name == 'source' for entry in caught.traceback)
    assert list(items) == []


def test_leaving_ends_the_thread_though_items_are_left():
  def source():
    while True:
      yield 0

  def leave():
    with Ahead(source(), 3) as items:
      next(items)
      assert len(threads()) == 1
      raise KeyboardInterrupt

  with pytest.raises(KeyboardInterrupt):
    leave()
  assert threads() == []
