"""The processes of a run: who this one is, and waiting for the others.

A run has one process per host, and a process on its own is the first of one.
All compute the same; only the first writes what people read: logs and results.
What is waited for, gathered or agreed on must be asked for by all of them.
"""

import contextlib
import itertools
import json
import logging
import os
import socket
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from dynrec_jax.parallel import launchers, lifeline
from dynrec_jax.parallel.lifeline import Ending, Lifeline

_JOIN_SECS = 300  # for all processes to come
_ALL_DAY_MS = 24 * 3600 * 1000  # the others may work that long
_GO_ON_CODE = 75  # `checkpoint.REQUEUE_EXIT_CODE`
_PLACES = itertools.count()  # where all have waited, the same on all of them
_LOG = logging.getLogger(__name__)
_LIFELINE: Lifeline | None = None


def start(coordinator: str = '', count: int = 0, index: int = -1) -> None:
  """Joins the other processes of the run, before JAX makes any array.

  A process that no launcher tells of others is a run of its own at once.

  Args:
    coordinator: HOST:PORT of the first process; '' is what the launcher says.
    count: processes; 0 is what the launcher says, 1 is this one alone.
    index: which one this is, from 0; -1 is what the launcher says.

  Raises:
    ValueError: the arguments make no sense together, or the launcher tells of
      others and not where they are.
    OSError: not all came.
  """
  if count == 1:
    return
  if coordinator or count or index >= 0:
    how = launchers.by_hand(coordinator, count, index)
  else:
    how = launchers.told(os.environ)
  if how is not None:
    _join(how)


def _join(how: dict[str, Any]) -> None:
  """Joins them, and holds a line to them."""
  global _LIFELINE
  jax.config.update('jax_cpu_collectives_implementation', 'gloo')
  # Stops are agreed on by `exchange`: JAX's own count the steps of one loop,
  # and would keep a signal from whoever has begun no loop yet.
  jax.config.update('jax_enable_preemption_service', False)
  joined = False
  lifeline.outlive_abort(
    lambda: '' if joined else _why_alone(how, f'none came in {_JOIN_SECS} s')
  )
  try:
    jax.distributed.initialize(initialization_timeout=_JOIN_SECS, **how)
  except Exception as error:
    kind = OSError if 'process_id' in how else ValueError
    why = str(error).strip() or repr(error)
    raise kind(_why_alone(how, why.splitlines()[0])) from error
  joined = True
  if count() == 1:
    return
  if jax.device_count() != count() * jax.local_device_count():
    raise ValueError(
      f'{in_words()} has {jax.local_device_count()} of {jax.device_count()} '
      'devices; right: as many on each host'
    )
  address = _state().coordinator_address.rpartition(':')[0].strip('[]')
  if is_writer():
    at = lifeline.Listening.anywhere()
    told = f'{at.port} {at.token.hex()}'
    client().key_value_set('dynrec/lifeline', told)
    peers = lifeline.accepted(at, count())
  else:
    told = client().blocking_key_value_get('dynrec/lifeline', _JOIN_SECS * 1000)
    port, token = told.split()
    peers = lifeline.connected(
      address, int(port), bytes.fromhex(token), index()
    )
  _LIFELINE = Lifeline(index(), count(), peers)


def _why_alone(how: dict[str, Any], why: str) -> str:
  """Why the others were not joined, in a line."""
  if 'process_id' in how:
    return (
      f'host {how["process_id"]} of {how["num_processes"]} did not meet all '
      f'others at {how["coordinator_address"]} ({why}); right: all of them '
      'started, and that address reached from each'
    )
  return (
    'the launcher tells of several hosts, and JAX cannot join them '
    f'({why}); right: coordinator, count and index of each host, or count=1 '
    'for a run of this one alone (Kubernetes also needs the package '
    'kubernetes and the right to read pods and jobs)'
  )


@contextlib.contextmanager
def together() -> Iterator[None]:
  """A block that all hosts end together.

  An error, or a stop, of one of them ends the others with its line; a host that
  dies ends them with the code that says that the same command goes on. On a
  host on its own nothing is different.
  """
  try:
    yield
    wait_for_all('end')
  except SystemExit:  # agreed on
    _leave()
    raise
  except BaseException as error:
    if _LIFELINE is None:
      raise
    _end_all(error)
  _leave()


def _leave() -> None:
  """Ends in order."""
  if _LIFELINE is not None:
    _LIFELINE.leave()


def _end_all(error: BaseException) -> None:
  """Ends the process with the error, and the others with it.

  Without what Python and JAX do at an exit: they would wait for the others.
  """
  text = str(error).strip() or repr(error)
  ending = Ending(1, text)
  if isinstance(error, KeyboardInterrupt):
    text = 'stopped on request; the same command goes on'
    ending = Ending(_GO_ON_CODE, f'host {index()} of {count()} was {text}')
  elif index() == 0:
    ending = Ending(1, f'host 0 of {count()}: {text}')
  _LIFELINE.fail(ending)
  expected = (KeyboardInterrupt, ValueError, OSError, ImportError)
  if not isinstance(error, expected) or _LOG.isEnabledFor(logging.DEBUG):
    sys.excepthook(type(error), error, error.__traceback__)
  lifeline.end_process(Ending(ending.code, text))


def index() -> int:
  """Which process this is, from 0."""
  return jax.process_index()


def count() -> int:
  """Processes of the run."""
  return jax.process_count()


def in_words() -> str:
  """This process, for messages."""
  return f'host {index()} of {count()} ({socket.gethostname()})'


def is_writer() -> bool:
  """Whether this process writes logs and results: the first one does."""
  return index() == 0


def client() -> Any:
  """What speaks to JAX's coordination service, of a run of several processes.

  No public function of JAX gives it; Orbax takes it from the same place.
  """
  return _state().client


def _state() -> Any:
  """What JAX knows of the processes."""
  from jax._src import distributed

  return distributed.global_state


def wait_for_all(name: str) -> None:
  """Returns when every process has come here, however long that takes.

  No device waits meanwhile: collectives of devices know how long is too long.

  Args:
    name: of the place, the same on all of them.
  """
  if count() > 1:
    place = f'dynrec/{next(_PLACES)}/{name}'
    client().wait_at_barrier(place, _ALL_DAY_MS)


@contextlib.contextmanager
def first_alone(name: str) -> Iterator[None]:
  """A block that the first process goes through before the others.

  So what it stores is there for them.

  Args:
    name: of the place, the same on all of them.
  """
  if not is_writer():
    wait_for_all(name)
  yield
  if is_writer():
    wait_for_all(name)


def gather(values: np.ndarray) -> np.ndarray:
  """Every process's values, to all of them.

  Args:
    values: of one shape and a dtype of JAX (no 64 bits) on all processes.

  Returns:
    The same with a first axis of processes.
  """
  values = np.asarray(values)
  if count() == 1:
    return values[None]
  wait_for_all('gather')
  return np.asarray(multihost_utils.process_allgather(values))


def gather_rows(rows: np.ndarray) -> np.ndarray:
  """Every process's rows, one after the other, to all of them.

  Args:
    rows: as many as each process has, of one width and a dtype of JAX.
  """
  rows = np.asarray(rows)
  if count() == 1:
    return rows
  lengths = gather(np.array(len(rows), np.int32))
  room = [(0, int(lengths.max()) - len(rows))] + [(0, 0)] * (rows.ndim - 1)
  each = gather(np.pad(rows, room))
  return np.concatenate(
    [of[:length] for of, length in zip(each, lengths, strict=True)]
  )


def gather_text(text: str) -> list[str]:
  """Every process's text, to all of them."""
  own = np.frombuffer(f'{text}\0'.encode(), np.uint8)
  return bytes(gather_rows(own)).decode().split('\0')[:-1]


def any_of_all(flag: bool) -> bool:
  """Whether any process says so."""
  return bool(gather(np.array(flag, np.int32)).any())


def most_of_all(values: np.ndarray) -> np.ndarray:
  """The largest of each value over all processes.

  Args:
    values: int32, of one shape on all of them.
  """
  return gather(np.asarray(values, np.int32)).max(axis=0)


def of_first(tree: Any) -> Any:
  """The first process's arrays, to all of them.

  Args:
    tree: of arrays of the same shapes and dtypes on all processes; no 64 bits.
  """
  if count() == 1:
    return tree
  wait_for_all('of_first')
  return multihost_utils.broadcast_one_to_all(tree)


def numbers_of_first(values: Mapping[str, float]) -> dict[str, float]:
  """The first process's numbers: what all decide by must be equal to the bit.

  Args:
    values: of the same names on all processes.
  """
  words = np.array(list(values.values()), np.float64).view(np.uint32)
  found = np.ascontiguousarray(of_first(words)).view(np.float64)
  return dict(zip(values, found.tolist(), strict=True))


def arrays_of_first(arrays: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
  """The first process's arrays, of any names, shapes and dtypes.

  Args:
    arrays: the first process's; of the others nothing is read.
  """
  arrays = {key: np.asarray(value) for key, value in arrays.items()}
  if count() == 1:
    return arrays
  own = [[key, of.dtype.str, of.shape] for key, of in arrays.items()]
  out = {}
  for key, dtype, shape in json.loads(gather_text(json.dumps(own))[0]):
    value = arrays[key] if is_writer() else np.zeros(shape, dtype)
    words = np.frombuffer(value.tobytes(), np.uint8)
    found = np.asarray(of_first(words), np.uint8) if words.size else words
    out[key] = found.view(np.dtype(dtype)).reshape(shape)
  return out


@contextlib.contextmanager
def all_or_none(kind: type[Exception]) -> Iterator[None]:
  """A block that raises on all hosts what it raised on any.

  Args:
    kind: of the error; made of a text. Any other ends the run, see `together`.
  """
  told = ''
  try:
    yield
  except kind as error:
    if count() == 1:
      raise
    told = str(error) or repr(error)
  found = next(filter(None, gather_text(told)), '') if count() > 1 else ''
  if found:
    raise kind(found)
