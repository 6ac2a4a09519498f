"""Items made in a thread of their own while the caller is busy with others."""

import collections
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

_Item = TypeVar('_Item')


class Ahead(Iterator[_Item]):
  """An iterator's items in its order, made before they are asked for.

  One thread makes them, so what they are is what the iterator alone would
  give. An exception in it is raised where its item would have come, as itself.
  """

  def __init__(self, items: Iterator[_Item], depth: int = 2):
    """Begins at once.

    Args:
      items: read by nobody else from now on.
      depth: how many items wait at most.
    """
    self._items = items
    self._worker = ThreadPoolExecutor(1, thread_name_prefix='ahead')
    self._waiting = collections.deque(
      self._worker.submit(next, items) for _ in range(depth)
    )

  def __next__(self) -> _Item:
    """The next item, as soon as it is made."""
    if not self._waiting:
      raise StopIteration
    item = self._waiting.popleft().result()
    self._waiting.append(self._worker.submit(next, self._items))
    return item

  def __enter__(self) -> 'Ahead[_Item]':
    """Itself."""
    return self

  def __exit__(self, *unused) -> None:
    """Ends the thread, after the item that it is at."""
    self._waiting.clear()
    self._worker.shutdown(cancel_futures=True)
