"""The server under load, on this machine alone: latencies, users a second.

python -m benchmarks.serve [--seconds 5] [--json FILE]

Catalogues are made up, and so are weights; each request brings a history of its
own. Requests are sent by this process, one after the other on each connection;
the server is another. A rate per core is of the server's processor seconds, so
that others on the machine do not count.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks import machine

EVENTS = 30
START = 1_700_000_000
DAY = 86_400


class Size(NamedTuple):
  """What is served.

  Attributes:
    videos: V.
    hidden: H, and E.
    network: 'dynamic' or 'plus'.
  """

  videos: int
  hidden: int
  network: str


SIZES = (
  Size(1_000, 100, 'dynamic'),
  Size(20_000, 300, 'dynamic'),
  Size(20_000, 32, 'plus'),
)
CONNECTIONS = (1, 32, 128)


def make_service(size: Size):
  """A service of a made-up catalogue, as a study's would be."""
  import jax
  import ml_collections

  from dynrec_jax.data import histories, sessions
  from dynrec_jax.data.query_inputs import InputSettings
  from dynrec_jax.data.records import object_array
  from dynrec_jax.features.catalogue import Features
  from dynrec_jax.predict import Predictor, PredictSettings
  from dynrec_jax.study import keys
  from dynrec_jax.study.behaviours import Behaviours
  from dynrec_jax.study.list_service import ListService

  rng = np.random.default_rng(0)
  config: ml_collections.ConfigDict = keys.default_config()
  config.model.network = size.network
  config.serve.max_events = EVENTS  # no program of longer ones
  count, topics = size.videos, 50
  text = rng.normal(size=(count, 64)).astype(np.float32)
  there = np.ones(count, bool)
  features = Features(text, text, there, there)
  network = _network(size, topics)
  params = network.init(jax.random.key(0))
  inputs = InputSettings('topic_only', 50, 500, 0.1, 30.0 * DAY, 'sum_weights')
  settings = PredictSettings(inputs, config.decode.method)
  predictor = Predictor(network, features, settings)
  prepared = _Study(
    ids=object_array([f'v{n}' for n in range(count)]),
    made_of=Behaviours(
      rng.dirichlet(np.ones(topics), count).astype(np.float32),
      histories.no_events(1),
      None,
    ),
    clock=sessions.make_sessions(START - 360 * DAY, START, 12),
  )
  return ListService(config, prepared, None, (predictor, params), 'made up')


def _network(size: Size, topics: int):
  """At the sizes of the catalogue."""
  from dynrec_jax.models.dynamic import Dynamic
  from dynrec_jax.models.plus import Plus
  from dynrec_jax.models.theta import Theta

  if size.network == 'plus':
    return Plus(size.videos, 12, 105, topics, hidden_size=size.hidden)
  sizes = {'embed_size': size.hidden, 'hidden_size': size.hidden}
  return Dynamic(Theta(size.videos, 64, 64, topics, **sizes), 'sum_weights')


class _Study:
  """What a service reads of a prepared study, of one user without a past."""

  def __init__(self, ids, made_of, clock):
    from dynrec_jax.data import records, span

    nothing = np.zeros(0, np.int32)
    watches = records.Watches(nothing, nothing, nothing.astype(np.int64))
    none = records.object_array([()] * len(ids))
    zeros = np.zeros((len(ids), 0), np.float32)
    videos = records.Videos(
      *(ids, none, none, none, none),
      *(np.zeros(len(ids)), np.zeros(len(ids)), zeros, zeros.any(axis=1)),
    )
    users = records.object_array(['u0'])
    tweets = records.no_tweets()
    self.records = records.Records(users, watches, videos, tweets, users)
    self.outside = span.Outside(watches, tweets)
    self.behaviours = made_of
    self.sessions = clock
    self.fingerprint = 'made up'


def run_server(size: Size, address) -> None:
  """A server, in a process of its own; tells where it is."""
  from dynrec_jax.predict import ROWS
  from dynrec_jax.serving import app, server
  from dynrec_jax.serving.batching import BatchSettings

  settings = app.AppSettings(BatchSettings(ROWS, 0.002, 1024), 30.0, 1 << 20)
  with server.bind('127.0.0.1', 0) as bound:
    server.run(
      app.make_app(make_service(size), settings),
      bound,
      drain_secs=5,
      most_connections=2048,
      started=lambda _: address.send(bound.getsockname()[1]),
    )


def requests_of(size: Size, count: int) -> list[bytes]:
  """Requests as they are sent, each of another history."""
  rng = np.random.default_rng(1)
  found = []
  for _ in range(count):
    videos = rng.choice(size.videos, EVENTS, replace=False)
    times = START - rng.integers(0, 300 * DAY, EVENTS)
    watches = [
      {'video': f'v{video}', 'time': int(at)}
      for video, at in zip(videos, times, strict=True)
    ]
    body = json.dumps({'watches': watches}).encode()
    head = f'POST /recommend HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}'
    found.append(head.encode() + b'\r\n\r\n' + body)
  return found


async def ask(
  port: int, requests: list[bytes], connections: int, seconds: float
) -> list[float]:
  """Seconds of every request that connections sent, one after the other."""
  found: list[float] = []
  end = time.perf_counter() + seconds

  async def connection(first: int) -> None:
    reader, writer = await asyncio.open_connection('127.0.0.1', port)
    place = first
    while time.perf_counter() < end:
      begin = time.perf_counter()
      writer.write(requests[place % len(requests)])
      head = (await reader.readuntil(b'\r\n\r\n')).lower()
      length = int(head.split(b'content-length: ')[1].split(b'\r\n')[0])
      await reader.readexactly(length)
      if not head.startswith(b'http/1.1 200'):
        raise RuntimeError(head.decode())
      found.append(time.perf_counter() - begin)
      place += connections
    writer.close()

  await asyncio.gather(*map(connection, range(connections)))
  return found


def processor_secs(pid: int) -> float:
  """What a process has used so far."""
  fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
  return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def measure(size: Size, seconds: float) -> list[dict]:
  """A row for each number of connections."""
  context = multiprocessing.get_context('spawn')
  ours, theirs = context.Pipe()
  process = context.Process(target=run_server, args=(size, theirs))
  process.start()
  rows = []
  try:
    port = ours.recv()
    requests = requests_of(size, 512)
    asyncio.run(ask(port, requests, 8, 1.0))  # whatever is made at first
    for connections in CONNECTIONS:
      before = processor_secs(process.pid), time.perf_counter()
      secs = asyncio.run(ask(port, requests, connections, seconds))
      used = processor_secs(process.pid) - before[0]
      rows.append(
        {
          **size._asdict(),
          'connections': connections,
          'users_per_sec': len(secs) / (time.perf_counter() - before[1]),
          'users_per_core_sec': len(secs) / used,
          'p50_ms': 1e3 * float(np.quantile(secs, 0.5)),
          'p99_ms': 1e3 * float(np.quantile(secs, 0.99)),
        }
      )
  finally:
    process.terminate()
    process.join()
  return rows


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--seconds', type=float, default=5.0)
  parser.add_argument('--json', type=Path, help='also writes the table here')
  args = parser.parse_args()
  rows = []
  for size in SIZES:
    for row in measure(size, args.seconds):
      rows.append(row)
      print(
        ', '.join(
          f'{name} {of:,.5g}' if isinstance(of, float) else f'{name} {of}'
          for name, of in row.items()
        ),
        flush=True,
      )
  if args.json is not None:
    report = {**machine.describe(), 'rows': rows}
    args.json.write_text(json.dumps(report, indent=2) + '\n')


if __name__ == '__main__':
  main()
