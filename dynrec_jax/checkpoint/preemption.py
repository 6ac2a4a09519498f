"""Stopping on request: signals and preemption notices.

A run that is told to stop saves its state and exits with `REQUEUE_EXIT_CODE`,
which tells a scheduler to start the same command again.
"""

import logging
import signal
import threading
from typing import Any

import jax
from jax.experimental import multihost_utils

REQUEUE_EXIT_CODE = 75  # EX_TEMPFAIL of sysexits.h: try again.
_LOG = logging.getLogger(__name__)


class StopRequest:
  """Turns a stop signal into a question that the training loop can ask.

  Within `with StopRequest() as stop`, the first SIGTERM or SIGINT makes
  `stop.requested(step)` true, and a SIGINT after that raises
  KeyboardInterrupt. The earlier handlers come back at the end. Signals can
  only be caught in the main thread; elsewhere they keep their handlers.

  Where `jax.distributed` is initialised no handler is set: JAX turns SIGTERM
  on any process into a step that all processes agree on, and a process that
  stopped on its own would leave the others waiting.
  """

  def __init__(self) -> None:
    self._requested = False
    self._announced = False
    self._previous: dict[int, Any] = {}

  def __enter__(self) -> 'StopRequest':
    in_main = threading.current_thread() is threading.main_thread()
    if in_main and not jax.distributed.is_initialized():
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
      step: updates done. With several processes, ask at every step: JAX
        picks the step at which all of them stop.
    """
    if _notified(step):
      self._requested = True
    if self._requested and not self._announced:
      self._announced = True
      _LOG.warning('asked to stop: saving at step %d', step)
    return self._requested

  def _handle(self, number: int, frame: Any) -> None:
    del frame
    if number == signal.SIGINT and self._requested:
      raise KeyboardInterrupt
    self._requested = True


def _notified(step: int) -> bool:
  """Says whether JAX's preemption service wants a save at `step`."""
  try:
    return multihost_utils.reached_preemption_sync_point(step)
  except RuntimeError:  # The service is switched off in JAX's settings.
    return False
