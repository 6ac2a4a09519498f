"""Numbers that hosts agree on beside the devices' work, in any thread.

Devices' collectives must come in one order on all hosts, so only the main
thread may ask for them. These go by JAX's coordination service.
"""

import itertools
import threading
import time

import numpy as np

from dynrec_jax.parallel import hosts

_NUMBERS = itertools.count()  # the same on all hosts, as all open the same
_POLLS = (0.002, 0.1)  # seconds between two looks, shortest and longest


class Abandoned(Exception):
  """Nobody waits for what was to be agreed on any more."""


class Exchange:
  """The largest of all hosts' numbers, agreed on in turns.

  All hosts open one together, and take the same turns up to where one leaves.
  Leaving it ends the turn that another thread may wait in, with `Abandoned`.
  """

  def __init__(self) -> None:
    self._number = next(_NUMBERS)
    self._turn = 0
    self._left = threading.Event()

  def most(self, values: np.ndarray) -> np.ndarray:
    """The largest of each value over all hosts; a turn.

    Args:
      values: int64, of one shape on all hosts.

    Raises:
      Abandoned: this host has left.
    """
    if hosts.count() == 1:
      return values
    client, turn = hosts.client(), self._turn
    self._turn += 1
    values = np.ascontiguousarray(values, np.int64)
    client.key_value_set_bytes(self._key(turn, hosts.index()), values.tobytes())
    found = self._all_of(turn)
    if turn:  # whoever takes this turn has read the one before
      client.key_value_delete(self._key(turn - 1, hosts.index()))
    each = [np.frombuffer(of, np.int64).reshape(values.shape) for of in found]
    return np.max(each, axis=0)

  def __enter__(self) -> 'Exchange':
    return self

  def __exit__(self, *exception: object) -> None:
    self._left.set()

  def _all_of(self, turn: int) -> list[bytes]:
    """What all hosts said in a turn, once they all have."""
    pause, longest = _POLLS
    while True:
      found = hosts.client().key_value_dir_get_bytes(self._key(turn))
      if len(found) == hosts.count():
        return [of for _, of in found]
      if self._left.wait(pause):
        raise Abandoned
      pause = min(1.5 * pause, longest)

  def _key(self, turn: int, index: int | None = None) -> str:
    """Where a turn's numbers lie, or one host's of them."""
    folder = f'dynrec/exchange/{self._number}/{turn}'
    return folder if index is None else f'{folder}/{index}'


class NowAndThen:
  """Whether any host says so, asked for about once a second.

  Every host asks at the same places, and all get the same answer at the same
  one. Where places come fast, most of them answer what was last agreed.
  """

  def __init__(self, every_secs: float = 1.0):
    self._every_secs = every_secs
    self._asked = self._next = self._last = 0
    self._then = time.monotonic()
    self._found = False

  def any(self, flag: bool, *, at_once: bool = False) -> bool:
    """What all agree on; once True it stays so.

    Args:
      flag: what this host says.
      at_once: agree here, however fast places come; the same on all hosts.
    """
    if hosts.count() == 1:
      return flag
    self._asked += 1
    if not self._found and (at_once or self._asked >= self._next):
      self._agree(flag)
    return self._found

  def _agree(self, flag: bool) -> None:
    """Asks all, and plans by the slowest when to ask again."""
    now, places = time.monotonic(), self._asked - self._last
    said = hosts.gather(np.array([flag, now - self._then], np.float32))
    self._found = bool(said[:, 0].any())
    room = int(places * self._every_secs / max(float(said[:, 1].max()), 1e-3))
    # No more than twice as many: the first steps are slow, or fast, by chance.
    self._next = self._asked + min(max(1, room), 2 * places)
    self._last, self._then = self._asked, time.monotonic()
