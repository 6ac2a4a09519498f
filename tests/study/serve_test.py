"""The server as a process: asked by many at once, badly, and told to stop."""

import concurrent.futures
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest
import saved_runs
import worlds

import dynrec_jax.serving
from dynrec_jax.study import serve


def test_what_is_missing_is_named(monkeypatch):
  monkeypatch.setitem(sys.modules, 'dynrec_jax.serving.server', None)
  monkeypatch.delattr(dynrec_jax.serving, 'server', raising=False)
  config = worlds.tiny_config({}, mode='serve')
  with pytest.raises(ImportError, match=r'pip install dynrec_jax\[serve\]$'):
    serve.serve(config)


def test_each_server_is_of_one_host(monkeypatch):
  monkeypatch.setattr(serve.hosts, 'count', lambda: 2)
  with pytest.raises(ValueError, match='mode is serve in a run of 2 hosts'):
    serve.serve(worlds.tiny_config({}, mode='serve'))


class Process:
  """`mode=serve` of a saved run, at a port of its own."""

  def __init__(self, run, **changes):
    changes = {'mode': 'serve', 'serve.port': 0, **changes}
    flags = [
      f'--config.{name}={"True" if of is True else of}'
      for name, of in (run.settings | changes).items()
    ]
    self._process = subprocess.Popen(
      [
        *[sys.executable, '-m', 'dynrec_jax.main'],
        *['--config=configs/default.py', *flags],
      ],
      stdout=subprocess.PIPE,
      stderr=subprocess.PIPE,
      text=True,
      env=os.environ,
    )
    self.told = []
    self._stopped = False
    for line in self._process.stderr:
      self.told.append(line)
      if found := re.search(r'serving at (http://\S+)', line):
        self.url = found[1]
        return
    raise AssertionError(''.join(self.told))

  def stop(self):
    """Once: a second signal does not wait for the end."""
    if not self._stopped:
      self._process.send_signal(signal.SIGTERM)
    self._stopped = True

  def end(self):
    """The exit code and what was printed."""
    out, errors = self._process.communicate(timeout=60)
    return self._process.returncode, out, ''.join(self.told) + errors


@pytest.mark.slow
def test_a_server_from_start_to_stop(tiny_settings, tmp_path):
  run = saved_runs.SavedRun(tiny_settings, tmp_path)
  histories = saved_runs.watchers()
  expected = [*run.lists_of(histories), *run.lists()]
  bodies = [
    {
      'watches': [
        {'video': video, 'time': at} for video, at in histories[row['user']]
      ]
    }
    if row['user'] in histories
    else {'user': row['user']}
    for row in expected
  ]
  # So long a wait that requests meet, and are in flight when the stop comes.
  server = Process(run, **{'serve.wait_ms': 400.0, 'serve.max_events': 500})
  try:
    with httpx.Client(base_url=server.url, timeout=60) as client:
      check_lists(client, bodies, expected)
      check_bad_requests(client, server.url)
      assert client.get('/health/ready').status_code == 200
      check_stop(client, server, bodies[0], expected[0])
  finally:
    server.stop()
  code, out, errors = server.end()
  assert code == 0, errors
  assert 'every request that was taken is answered' in out
  assert 'Traceback' not in errors


def check_lists(client, bodies, expected):
  """Many at once get what `mode=recommend` wrote."""
  with concurrent.futures.ThreadPoolExecutor(24) as pool:
    found = list(
      pool.map(lambda body: client.post('/recommend', json=body), bodies)
    )
  for answer, row in zip(found, expected, strict=True):
    told = answer.json()
    assert (told['videos'], told['scores']) == (row['videos'], row['scores'])
  metrics = client.get('/metrics').text
  batches = re.search(r'^dynrec_batch_requests_count (\d+)', metrics, re.M)
  assert int(batches[1]) < len(bodies) / 4


def check_bad_requests(client, url):
  """Each gets its reason; the server goes on."""
  watch = {'video': 'v1', 'time': 1}
  for content, status in (
    (b'{', 400),
    (b'[' * 500_000, 400),
    (b'{"watches":[{"video":"v1","time":NaN}]}', 400),
    (json.dumps({'user': 'nobody'}).encode(), 404),
    (json.dumps({'watches': [watch] * 501}).encode(), 413),
    (b' ' * ((1 << 20) + 1), 413),
    (json.dumps({'videos': []}).encode(), 400),
  ):
    answer = client.post('/recommend', content=content)
    assert (answer.status_code, list(answer.json())) == (status, ['error'])
  assert client.put('/recommend', json={'user': 'u1'}).status_code == 405
  added = client.post('/videos', json={'videos': [{'id': 'new'}]})
  assert added.status_code == 409
  assert 'model.network is dynamic' in added.json()['error']
  host, port = url.removeprefix('http://').split(':')
  with socket.create_connection((host, int(port))) as raw:
    raw.sendall(b'\x16\x03\x01 no HTTP at all\r\n\r\n')
    assert raw.recv(99).startswith(b'HTTP/1.1 400')


def check_stop(client, server, body, row):
  """What was begun is finished; who comes later is refused."""
  with concurrent.futures.ThreadPoolExecutor(1) as pool:
    begun = pool.submit(client.post, '/recommend', json=body)
    time.sleep(0.15)
    assert not begun.done()
    server.stop()
    time.sleep(0.15)
    answer = begun.result()
  assert answer.json()['videos'] == row['videos']
  with pytest.raises(httpx.ConnectError):
    httpx.get(f'{server.url}/health/live')


@pytest.mark.slow
def test_a_port_that_is_taken(tiny_settings, tmp_path):
  with socket.create_server(('127.0.0.1', 0)) as taken:
    config = worlds.tiny_config(
      tiny_settings, mode='serve', serve__port=taken.getsockname()[1]
    )
    with pytest.raises(ValueError, match=r'serve\.host is .* serve\.port is'):
      serve.serve(config)
