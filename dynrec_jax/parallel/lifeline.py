"""A line between the processes of a run, which tells when one is no more.

Every process holds a connection to the first one. Nothing is said on it until
somebody leaves: in order, or with an error, which all others then end with. A
connection that ends without a word is a process that died; the system says so
at once, or within 40 s if its machine is gone. A process that is busy, or
stopped, is not dead.
"""

import contextlib
import ctypes
import faulthandler
import json
import os
import secrets
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

_TOKEN_BYTES = 16
_JOIN_SECS = 120.0
# A peer that another one's end has struck down tells its own error first.
_GRACE_SECS = 3.0
# How long the system waits for a machine that does not answer.
_KEEPALIVE = (('TCP_KEEPIDLE', 10), ('TCP_KEEPINTVL', 5), ('TCP_KEEPCNT', 6))
_GO_ON_CODE = 75  # `checkpoint.REQUEUE_EXIT_CODE`
_BYE = {'bye': True}


class Ending(NamedTuple):
  """Why a process ends.

  Attributes:
    code: what it exits with.
    text: a line.
  """

  code: int
  text: str


class Listening(NamedTuple):
  """Where the first process waits for the others.

  Attributes:
    server: the socket.
    port: of it.
    token: what the others must know.
  """

  server: socket.socket
  port: int
  token: bytes

  @classmethod
  def anywhere(cls) -> 'Listening':
    """On a free port of all of the machine's addresses."""
    dual = socket.has_dualstack_ipv6()
    server = socket.create_server(
      ('', 0),
      family=socket.AF_INET6 if dual else socket.AF_INET,
      dualstack_ipv6=dual,
    )
    token = secrets.token_bytes(_TOKEN_BYTES)
    return cls(server, server.getsockname()[1], token)


def accepted(at: Listening, count: int) -> dict[int, socket.socket]:
  """The other processes' connections, by number.

  Args:
    at: where they come to.
    count: processes of the run.

  Raises:
    OSError: some did not come.
  """
  peers: dict[int, socket.socket] = {}
  until = time.monotonic() + _JOIN_SECS
  with at.server:
    while len(peers) < count - 1:
      at.server.settimeout(max(0.1, until - time.monotonic()))
      try:
        peer, _ = at.server.accept()
      except TimeoutError as error:
        absent = sorted(set(range(1, count)) - set(peers))
        raise OSError(
          f'hosts {absent} did not connect to the first one, port {at.port}, '
          f'within {_JOIN_SECS:.0f} s; right: a network that lets all hosts '
          'connect to each other'
        ) from error
      with contextlib.suppress(OSError):  # not one of ours
        peer.settimeout(5.0)
        said = _read_exactly(peer, _TOKEN_BYTES + 4)
        if secrets.compare_digest(said[:_TOKEN_BYTES], at.token):
          peers[int.from_bytes(said[_TOKEN_BYTES:])] = peer
          continue
      peer.close()
  return peers


def connected(
  host: str, port: int, token: bytes, index: int
) -> dict[int, socket.socket]:
  """The connection to the first process.

  Args:
    host: of the first process.
    port: see `Listening`.
    token: see `Listening`.
    index: of this process.

  Raises:
    OSError: nobody is there.
  """
  try:
    peer = socket.create_connection((host, port), timeout=_JOIN_SECS)
    peer.sendall(token + index.to_bytes(4))
  except OSError as error:
    raise OSError(
      f'host {index} cannot connect to the first one at {host}:{port} '
      f'({error}); right: a network that lets all hosts connect to each other'
    ) from error
  return {0: peer}


class Lifeline:
  """Ends this process when another one of the run is gone."""

  def __init__(
    self,
    index: int,
    count: int,
    peers: Mapping[int, socket.socket],
    end: Callable[[Ending], None] | None = None,
  ):
    """Watches from now on, in a thread of its own.

    Args:
      index: of this process.
      count: processes of the run.
      peers: connections; of the first process to all others, of the others to
        the first.
      end: called once with why the run ends; None ends the process.
    """
    self._index, self._count = index, count
    self._peers = dict(peers)
    self._heard = {number: b'' for number in peers}
    self._end = end or end_process
    self._lock = threading.Lock()
    self._leaving = False
    for peer in peers.values():
      _keep_alive(peer)
    threading.Thread(target=self._watch, daemon=True, name='lifeline').start()

  def leave(self) -> None:
    """Says that this process ends in order; nobody's end ends it any more."""
    with self._lock:
      self._leaving = True
    self._tell(_BYE)

  def fail(self, ending: Ending) -> None:
    """Tells all others to end too.

    If another process is gone already, that ends this one, not the error that
    it may have brought about here.

    Args:
      ending: theirs.
    """
    time.sleep(_GRACE_SECS)
    with self._lock:
      self._leaving = True
    self._tell(ending._asdict())

  def _watch(self) -> None:
    """Listens to all peers."""
    with selectors.DefaultSelector() as ready:
      for number, peer in self._peers.items():
        ready.register(peer, selectors.EVENT_READ, number)
      while ready.get_map():
        for key, _ in ready.select():
          if not self._hear(key.data):
            ready.unregister(key.fileobj)
            self._ended(key.data)

  def _hear(self, number: int) -> bool:
    """Whether the peer may say more."""
    try:
      said = self._peers[number].recv(1 << 16)
    except OSError:  # the machine does not answer, or the process died
      said = b''
    self._heard[number] += said
    return bool(said)

  def _ended(self, number: int) -> None:
    """A peer has gone; why, it has told or not."""
    of = f'host {number} of {self._count}'
    try:
      told = json.loads(self._heard[number])
    except ValueError:
      told = Ending(
        _GO_ON_CODE,
        f'{of} has died or cannot be reached, so this one (host {self._index})'
        ' ends; the same command goes on',
      )._asdict()
    if told == _BYE:
      return
    if self._index == 0 and told['code'] != _GO_ON_CODE:
      told['text'] = f'{of}: {told["text"]}'
    with self._lock:
      if self._leaving:
        return
      self._leaving = True
    if self._index == 0:
      self._tell(told)
    self._end(Ending(**told))

  def _tell(self, what: Mapping[str, Any]) -> None:
    """Says a last word to every peer that is there."""
    for peer in self._peers.values():
      with contextlib.suppress(OSError):
        peer.sendall(json.dumps(what).encode())
        peer.shutdown(socket.SHUT_WR)


def outlive_abort(why: Callable[[], str]) -> None:
  """Gives the time to say why before JAX aborts the process.

  JAX aborts whoever was connected to a first process that died, within
  milliseconds and with the exit code of a crash, and whoever waits for others
  that do not come. An abort that neither a lifeline nor `why` knows goes on
  afterwards, with Python's stack.

  Args:
    why: a line that the process then ends with; '' if it is not known.
  """

  def wait(number: int) -> None:
    del number
    if text := why():
      end_process(Ending(1, text))
    time.sleep(_GRACE_SECS)  # a lifeline ends the process meanwhile
    faulthandler.dump_traceback(all_threads=True)

  handler = ctypes.CFUNCTYPE(None, ctypes.c_int)(wait)
  outlive_abort.handler = handler  # as long as the process
  install = ctypes.CDLL(None).signal
  install.argtypes = [ctypes.c_int, ctypes.c_void_p]
  install(signal.SIGABRT, ctypes.cast(handler, ctypes.c_void_p))


def end_process(ending: Ending) -> None:
  """Ends the process, whatever its other threads do."""
  grave = 'warning' if ending.code == _GO_ON_CODE else 'error'
  with contextlib.suppress(OSError, ValueError):
    sys.stdout.flush()
  os.write(2, f'{grave}: {ending.text}\n'.encode(errors='backslashreplace'))
  os._exit(ending.code)


def _keep_alive(peer: socket.socket) -> None:
  """Has the system ask the other machine whether it is there."""
  peer.settimeout(None)
  peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
  for name, value in _KEEPALIVE:
    if hasattr(socket, name):
      peer.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _read_exactly(peer: socket.socket, count: int) -> bytes:
  """That many bytes.

  Raises:
    OSError: there are no more.
  """
  said = b''
  while len(said) < count:
    more = peer.recv(count - len(said))
    if not more:
      raise OSError('it ended')
    said += more
  return said
