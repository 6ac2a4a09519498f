"""Stopping on request: signals and preemption notices.

A run that is told to stop saves its state and exits with `REQUEUE_EXIT_CODE`,
which tells a scheduler to start the same command again.
"""

import logging
import signal
import threading
from typing import Any

from dynrec_jax.parallel.exchange import NowAndThen

REQUEUE_EXIT_CODE = 75  # EX_TEMPFAIL of sysexits.h: try again.
_LOG = logging.getLogger(__name__)


class StopRequest:
  """Turns a stop signal into a question that the training loop can ask.

  Within `with StopRequest() as stop`, the first SIGTERM or SIGINT makes
  `stop.requested(step)` true, and a SIGINT after that raises
  KeyboardInterrupt. The earlier handlers come back at the end. Signals can
  only be caught in the main thread; elsewhere they keep their handlers.

  Of several processes any one may be told, and all are asked to stop at the
  same step: one that stopped on its own would leave the others waiting.
  """

  def __init__(self) -> None:
    self._told = False
    self._requested = False
    self._step = -1
    self._agreed = NowAndThen()
    self._previous: dict[int, Any] = {}

  def __enter__(self) -> 'StopRequest':
    in_main = threading.current_thread() is threading.main_thread()
    if in_main:
      for number in (signal.SIGTERM, signal.SIGINT):
        self._previous[number] = signal.signal(number, self._handle)
    return self

  def __exit__(self, *exception: object) -> None:
    for number, handler in self._previous.items():
      signal.signal(number, signal.SIG_DFL if handler is None else handler)
    self._previous.clear()

  def requested(self, step: int) -> bool:
    """Says whether to save and stop now.

    Args:
      step: updates done. Several processes ask at the same steps, and answer
        alike. Where steps do not count up, each is slow, and agreed on.
    """
    if not self._requested:
      at_once = step <= self._step
      self._step = step
      self._requested = self._agreed.any(self._told, at_once=at_once)
      if self._requested:
        _LOG.warning('asked to stop: saving at step %d', step)
    return self._requested

  def _handle(self, number: int, frame: Any) -> None:
    del frame
    if number == signal.SIGINT and self._told:
      raise KeyboardInterrupt
    self._told = True
