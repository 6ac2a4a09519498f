"""Requests that come together are answered together."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent import futures
from typing import Any, NamedTuple

from absl import logging


class Full(Exception):
  """As many requests wait as may."""


class BatchSettings(NamedTuple):
  """How requests are brought together.

  Attributes:
    size: requests answered at once at most.
    wait_secs: how long one waits for others.
    most_waiting: requests that are taken, and not answered yet.
  """

  size: int
  wait_secs: float
  most_waiting: int


class Batcher:
  """Answers requests in batches, in one thread beside the event loop.

  While a batch is answered the next one gathers, so that under load batches
  are full and nobody waits for company.

  Attributes:
    waiting: requests that are taken, and not answered yet.
  """

  def __init__(
    self,
    answer: Callable[[Sequence[Any]], Sequence[Any]],
    settings: BatchSettings,
    told: Callable[[int], None],
  ):
    """Keeps what answers; `run` begins.

    Args:
      answer: items -> an answer each, in their order.
      settings: see `BatchSettings`.
      told: gets the size of each batch.
    """
    self.waiting = 0
    self._answer = answer
    self._settings = settings
    self._told = told
    self._queue: asyncio.Queue[tuple[Any, asyncio.Future]] = asyncio.Queue()
    self._thread = futures.ThreadPoolExecutor(1, 'lists')

  async def ask(self, item: Any) -> Any:
    """The answer to one item.

    Raises:
      Full: too many wait.
      Exception: what `answer` raises for this item alone.
    """
    if self.waiting >= self._settings.most_waiting:
      raise Full
    future = asyncio.get_running_loop().create_future()
    self.waiting += 1
    try:
      self._queue.put_nowait((item, future))
      return await future
    finally:
      self.waiting -= 1

  async def run(self) -> None:
    """Answers until it is cancelled."""
    try:
      while True:
        batch = [pair for pair in await self._gather() if not pair[1].done()]
        if batch:
          self._told(len(batch))
          await self._answer_all(batch)
    finally:
      self._thread.shutdown(wait=False, cancel_futures=True)

  async def _gather(self) -> list[tuple[Any, asyncio.Future]]:
    """The first request, and those that come within the wait."""
    batch = [await self._queue.get()]
    try:
      async with asyncio.timeout(self._settings.wait_secs):
        while len(batch) < self._settings.size:
          batch.append(await self._queue.get())
    except TimeoutError:
      pass
    while len(batch) < self._settings.size and not self._queue.empty():
      batch.append(self._queue.get_nowait())
    return batch

  async def _answer_all(self, batch: list[tuple[Any, asyncio.Future]]) -> None:
    """Answers a batch; one after the other, where together they fail."""
    items = [item for item, _ in batch]
    try:
      answers = await self._in_thread(items)
    except Exception as error:
      if len(batch) > 1:
        for pair in batch:
          await self._answer_all([pair])
        return
      logging.exception('a request failed')
      _settle(batch[0][1], error=error)
      return
    for (_, future), answer in zip(batch, answers, strict=True):
      _settle(future, answer)

  async def _in_thread(self, items: list[Any]) -> Sequence[Any]:
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(self._thread, self._answer, items)


def _settle(
  future: asyncio.Future, answer: Any = None, error: Exception | None = None
) -> None:
  """Gives an answer, unless nobody waits for it any more."""
  if future.done():
    return
  if error is None:
    future.set_result(answer)
  else:
    future.set_exception(error)
