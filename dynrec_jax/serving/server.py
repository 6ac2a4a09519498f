"""A process that answers HTTP requests until it is told to stop."""

import contextlib
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn
from starlette.applications import Starlette

_STOPS = (signal.SIGTERM, signal.SIGINT)


def bind(host: str, port: int) -> socket.socket:
  """A socket that is about to wait for connections; until then it refuses.

  Args:
    host: an address of this machine, or a name of it.
    port: 0 is any free one.

  Raises:
    ValueError: they cannot be had; names both.
  """
  try:
    family, kind, _, _, address = socket.getaddrinfo(
      host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    found = socket.socket(family, kind)
    try:
      found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
      found.bind(address)
    except OSError:
      found.close()
      raise
  except OSError as error:
    reason = error.strerror or str(error)
    raise ValueError(
      f'host is {host!r} and port is {port}: {reason}; right: an address of '
      'this machine, and a port that nobody listens at'
    ) from error
  return found


def run(
  app: Starlette,
  bound: socket.socket,
  *,
  drain_secs: int,
  most_connections: int,
  started: Callable[[str], None],
) -> None:
  """Answers until SIGTERM or SIGINT, then finishes what it has begun.

  New connections are refused from the signal on; a second SIGINT does not wait.

  Args:
    app: answers.
    bound: see `bind`.
    drain_secs: longest that requests are waited for.
    most_connections: beyond which 503 is answered at once.
    started: gets the address, once requests are taken.
  """
  config = uvicorn.Config(
    app,
    lifespan='on',
    ws='none',
    log_config=None,
    access_log=False,
    server_header=False,
    limit_concurrency=most_connections,
    timeout_graceful_shutdown=drain_secs,
  )
  host, port = bound.getsockname()[:2]
  shown = f'[{host}]' if ':' in host else host
  _Server(config, lambda: started(f'http://{shown}:{port}')).run([bound])


class _Server(uvicorn.Server):
  """Takes signals as its own: a stop that was drained is a good end."""

  def __init__(self, config: uvicorn.Config, started: Callable[[], None]):
    super().__init__(config)
    self._tell = started

  async def startup(self, sockets: list[socket.socket] | None = None) -> None:
    """Tells that it listens."""
    await super().startup(sockets)
    if self.started:
      self._tell()

  @contextlib.contextmanager
  def capture_signals(self) -> Iterator[None]:
    """Handlers for the block; no signal is raised again behind it."""
    before = {x: signal.signal(x, self.handle_exit) for x in _STOPS}
    try:
      yield
    finally:
      for number, handler in before.items():
        signal.signal(number, handler)
