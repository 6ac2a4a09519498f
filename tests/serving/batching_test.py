"""Requests that come together, in an event loop of their own."""

import asyncio
import threading

import pytest

from dynrec_jax.serving.batching import Batcher, BatchSettings, Full


def run(answer, ask, *, size=4, wait_secs=0.02, most_waiting=100):
  """What a coroutine of a batcher gives, and the batches' sizes."""
  sizes = []

  async def main():
    batcher = Batcher(
      answer, BatchSettings(size, wait_secs, most_waiting), sizes.append
    )
    task = asyncio.create_task(batcher.run())
    try:
      return await ask(batcher)
    finally:
      task.cancel()
      assert batcher.waiting == 0

  return asyncio.run(main()), sizes


def doubled(items):
  return [2 * item for item in items]


def all_of(*items):
  async def ask(batcher):
    return await asyncio.gather(
      *map(batcher.ask, items), return_exceptions=True
    )

  return ask


def test_everyone_gets_the_own_answer():
  found, sizes = run(doubled, all_of(*range(11)))
  assert found == [2 * item for item in range(11)]
  assert sizes == [4, 4, 3]


def test_no_wait_no_company_is_waited_for():
  found, sizes = run(doubled, all_of(1, 2, 3), wait_secs=0.0)
  assert found == [2, 4, 6]
  assert sum(sizes) == 3


def test_who_comes_while_a_batch_is_made_is_in_the_next():
  begun, go_on = threading.Event(), threading.Event()

  def answer(items):
    begun.set()
    assert go_on.wait(10)
    return doubled(items)

  async def ask(batcher):
    first = asyncio.create_task(batcher.ask(1))
    await asyncio.to_thread(begun.wait, 10)
    others = [asyncio.create_task(batcher.ask(n)) for n in (2, 3, 4)]
    await asyncio.sleep(0)
    go_on.set()
    return await asyncio.gather(first, *others)

  assert run(answer, ask, wait_secs=0.001) == ([2, 4, 6, 8], [1, 3])


def test_one_that_fails_fails_alone():
  def answer(items):
    if 3 in items:
      raise ValueError('three')
    return doubled(items)

  found, sizes = run(answer, all_of(1, 2, 3, 4))
  assert sizes == [4]
  assert [found[0], found[1], found[3]] == [2, 4, 8]
  assert isinstance(found[2], ValueError)


def test_too_many_are_sent_away():
  found, _ = run(doubled, all_of(1, 2, 3), most_waiting=2)
  assert found[:2] == [2, 4]
  assert isinstance(found[2], Full)


def test_who_has_gone_is_not_answered():
  asked = []

  def answer(items):
    asked.extend(items)
    return doubled(items)

  async def ask(batcher):
    gone = asyncio.create_task(batcher.ask(1))
    await asyncio.sleep(0)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
      await gone
    return await batcher.ask(2)

  assert run(answer, ask)[0] == 4
  assert asked == [2]
