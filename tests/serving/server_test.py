"""Where the server listens; how it ends is tested in `study/serve_test`."""

import signal
import socket

import pytest
import uvicorn

from dynrec_jax.serving import server


def test_any_free_port():
  """Nobody waits in vain before the server begins."""
  with server.bind('127.0.0.1', 0) as one:
    host, port = one.getsockname()
    assert host == '127.0.0.1'
    with pytest.raises(ConnectionRefusedError):
      socket.create_connection((host, port))
    one.listen()
    with socket.create_connection((host, port)):
      pass
    with pytest.raises(
      ValueError, match=rf"'127.0.0.1' and port is {port}: .*"
    ):
      server.bind('127.0.0.1', port)


def test_a_name_that_nobody_has():
  with pytest.raises(ValueError, match="host is 'no host' and port is 1: "):
    server.bind('no host', 1)


def test_signals_are_given_back():
  """And not raised again: a stop that was asked for is a good end."""
  before = [signal.getsignal(number) for number in server._STOPS]
  of = server._Server(uvicorn.Config(None), lambda: None)
  with of.capture_signals():
    signal.raise_signal(signal.SIGTERM)
    assert of.should_exit
  assert [signal.getsignal(number) for number in server._STOPS] == before
