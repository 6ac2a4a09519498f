"""What a step costs as the catalogue and the users grow, row by row.

python -m benchmarks.scale [--json FILE] [--steps N]

Every row is a process of its own, so that its peak memory is its own: it makes
a log of watches, features and a state of the sizes at hand and takes steps of
`train.make_train_step`, all losses but Eq (6), on batches made from the log as
they are asked for (`train.streamed`). Rows of one table have the same batches'
sizes and hidden units; only the catalogue, or the users, grow.

The last columns are paper work: bytes and operations of the step, counted,
over what the makers print for a v5e-256 and for 64 H100. Nothing was run there.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.cluster_estimate import CLUSTERS, us_per_position

BATCH, TARGETS, EMBED, FEATURES, TOPICS = 16, 8, 64, 16, 16
HISTORY = 8  # watches before a border, in the mean
SHARED = 8192
SESSIONS = 4
_DAY = 86_400
# Hidden units: the paper's, and few enough for ten million videos on one
# machine.
PAPER, SMALL = 300, 32


class Row(NamedTuple):
  """What one process measures.

  Attributes:
    kind: 'full', 'sharded' over two forced devices, or 'sampled'.
    videos: V.
    users: U.
    hidden: H.
  """

  kind: str
  videos: int
  users: int
  hidden: int


def rows() -> list[Row]:
  """All of them, in the order of the tables."""
  kinds = ('full', 'sharded', 'sampled')
  by_videos = [
    Row(kind, videos, 4_000, SMALL)
    for kind in kinds
    for videos in (10_000, 100_000, 1_000_000, 10_000_000)
  ]
  paper = [
    Row(kind, videos, 4_000, PAPER)
    for kind in kinds
    for videos in (10_000, 100_000, 1_000_000)
  ]
  by_users = [
    Row(kind, 10_000, users, SMALL)
    for kind in ('full', 'sampled')
    for users in (4_000, 100_000, 1_000_000)
  ]
  return by_videos + paper + by_users


def make_log(row: Row):
  """Watches of everyone: as many in a row as HISTORY + TARGETS in the mean.

  Popularity is Zipf's, cut at V.
  """
  from dynrec_jax.data.histories import Histories

  rng = np.random.default_rng(0)
  counts = rng.integers(2, 2 * (HISTORY + TARGETS) - 1, row.users)
  offsets = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
  count = int(offsets[-1])
  uniform = rng.random(count, dtype=np.float32)
  item = np.expm1(uniform * np.log(row.videos)).astype(np.int32)
  time_ = np.empty(count, np.int64)
  for start in range(0, row.users, 65_536):  # ascending within each user
    part = slice(offsets[start], offsets[min(start + 65_536, row.users)])
    own = np.repeat(
      np.arange(len(counts[start : start + 65_536])),
      counts[start : start + 65_536],
    )
    when = rng.integers(0, SESSIONS * 30 * _DAY, len(own))
    time_[part] = when[np.lexsort((when, own))]
  return Histories(offsets, np.minimum(item, row.videos - 1), time_)


def make_set(row: Row, watches):
  """The log as batches are made of it."""
  from dynrec_jax.data import streamed_set
  from dynrec_jax.data.sessions import Sessions

  rng = np.random.default_rng(1)
  topics = rng.random((row.videos, TOPICS), dtype=np.float32)
  log = streamed_set.Log(
    watches=watches,
    behaviours=watches,
    topics=topics,
    clock=Sessions(np.arange(SESSIONS + 1, dtype=np.int64) * 30 * _DAY),
    users=np.arange(row.users),
    horizon='all_after',
    max_target_len=TARGETS,
    next_count=5,
    history_mode='topic_only',
    norm='sum_weights',
    decay=0.1,
    unit_secs=30.0 * _DAY,
  )
  return streamed_set.make_streamed_set(
    log,
    video_count=row.videos,
    paired_videos=np.arange(row.videos, dtype=np.int32),
    max_bag=100,
    proposal_rule='unigram' if row.kind == 'sampled' else None,
  )


def make_features(videos: int):
  """Random, in half precision."""
  from dynrec_jax.features.catalogue import Features

  rng = np.random.default_rng(2)
  sides = [
    rng.random((videos, FEATURES), dtype=np.float32).astype(np.float16)
    for _ in range(2)
  ]
  there = np.ones(videos, bool)
  return Features(*sides, there, there)


def make_step(row: Row):
  """The step of `train`, where its state lies, and the features' place."""
  import jax

  from dynrec_jax import train
  from dynrec_jax.losses import LossTerms, LossWeights
  from dynrec_jax.models.dynamic import Dynamic
  from dynrec_jax.models.network import OF_VIDEOS
  from dynrec_jax.models.theta import Theta
  from dynrec_jax.objective import ObjectiveSettings
  from dynrec_jax.parallel import catalogue, devices

  sizes = FEATURES, FEATURES, TOPICS, EMBED, row.hidden
  network = Dynamic(Theta(row.videos, *sizes), 'sum_weights')
  cut, place = None, devices.replicate
  if row.kind == 'sharded':
    cut = catalogue.over_all_devices(row.videos, OF_VIDEOS)
    place = cut.place
  optimizer = train.make_optimizer('sgd', learning_rate=1e-3, weight_decay=1e-4)
  settings = ObjectiveSettings(
    wanted=LossWeights(True, True, False),
    semantic_margin=0.3,
    relevance_margin=0.5,
    in_batch_negatives=False,
    product_dtype=None,
    coherence='sampled_softmax' if row.kind == 'sampled' else 'softmax',
    cut=cut,
  )
  step = train.make_train_step(network, optimizer, settings, reduction='sum')
  step = train.balanced(
    step, train.Balance(LossWeights(0.2, 0.4, 0.0), LossTerms(1, 1, 1, 1)), 0
  )

  def first():
    return train.init_state(network, optimizer, 0)

  # Made where it is to lie, as production does of a cut catalogue.
  state = place(jax.jit(first)()) if cut is None else cut.build(first)
  return step, state, place


def measured(row: Row, steps: int) -> dict[str, float]:
  """The row's numbers, in this process."""
  import jax

  from dynrec_jax.data import batches
  from dynrec_jax.data.batch_spec import BatchSpec
  from dynrec_jax.parallel import devices

  watches = make_log(row)
  forget_peak()
  data = make_set(row, watches)
  spec = BatchSpec(
    batch_size=BATCH,
    device_count=devices.device_count(),
    semantic_batch_size=64,
    negative_count=1,
    negative='zero_overlap',
    seed=0,
    shared_count=SHARED if row.kind == 'sampled' else 0,
  )
  step, state, place = make_step(row)
  features = place(make_features(row.videos))
  stream = batches.batches(data, spec)
  peak_before = peak_bytes()
  forget_peak()
  taken = []
  for _ in range(steps + 1):  # the first one compiles
    before = _clocks()
    batch = next(stream)
    made = _clocks()
    state, metrics = jax.block_until_ready(step(state, features, batch))
    count = int(batch.targets.where.sum())
    taken.append([*(made - before), *(_clocks() - made), count])
  if not np.isfinite(float(metrics['loss'])):
    raise ValueError(f'the loss is {metrics["loss"]}')
  host_secs, host_work, secs, work, positions = np.array(taken[1:]).T
  return row._asdict() | {
    'step_secs': float(np.median(secs)),
    'step_work': float(np.median(work)),
    'host_secs': float(np.median(host_secs)),
    'host_work': float(np.median(host_work)),
    'work_per_position': float(np.median(work / positions)),
    'positions': float(np.mean(positions)),
    'step_peak_bytes': peak_bytes(),
    'peak_bytes': max(peak_before, peak_bytes()),
    'log_bytes': sum(x.nbytes for x in watches),
    'samples': data.sample_count,
  }


def forget_peak() -> None:
  """From now on `peak_bytes` is of what follows. Linux alone."""
  Path('/proc/self/clear_refs').write_text('5')


def peak_bytes() -> int:
  """Most memory that this process had at once since `forget_peak`."""
  lines = Path('/proc/self/status').read_text().splitlines()
  (line,) = [line for line in lines if line.startswith('VmHWM')]
  return 1024 * int(line.split()[1])


def _clocks() -> np.ndarray:
  """Wall seconds, and seconds that processors worked for this process."""
  return np.array([time.perf_counter(), time.process_time()])


def run(row: Row, steps: int) -> dict[str, float]:
  """`measured` in a process of its own."""
  devices = 2 if row.kind == 'sharded' else 1
  flags = os.environ.get('XLA_FLAGS', '')
  flags += f' --xla_force_host_platform_device_count={devices}'
  asked = json.dumps([*row, steps])
  done = subprocess.run(
    [sys.executable, '-m', 'benchmarks.scale', '--row', asked],
    env=os.environ | {'XLA_FLAGS': flags, 'JAX_PLATFORMS': 'cpu'},
    capture_output=True,
    text=True,
    check=False,
  )
  if done.returncode:
    raise RuntimeError(f'{row}: {done.stderr[-2000:]}')
  return json.loads(done.stdout.splitlines()[-1])


def table(found: list[dict]) -> str:
  """The rows for BUILD.md, catalogues first, then users."""
  names = [f'{cluster.name}, us (paper)' for cluster in CLUSTERS]
  head = ('videos', 'users', 'H', 'softmax', 'step, ms', 'batch, ms')
  head += ('us a position', 'peak, GB', 'log, GB', 'beyond it, GB', *names)
  lines = [head, ('---',) * len(head)]
  for row in found:
    size = row['kind'], row['videos'], row['hidden']
    papers = [us_per_position(*size, cluster) for cluster in CLUSTERS]
    lines.append(
      (
        f'{row["videos"]:,}',
        f'{row["users"]:,}',
        row['hidden'],
        row['kind'],
        f'{1e3 * row["step_work"]:,.1f}',
        f'{1e3 * row["host_work"]:,.1f}',
        f'{1e6 * row["work_per_position"]:,.0f}',
        f'{row["step_peak_bytes"] / 1e9:.2f}',
        f'{row["log_bytes"] / 1e9:.3f}',
        f'{(row["peak_bytes"] - row["log_bytes"]) / 1e9:.2f}',
        *('no room' if us is None else f'{us:.3g}' for us in papers),
      )
    )
  return '\n'.join('| ' + ' | '.join(map(str, line)) + ' |' for line in lines)


def main() -> None:
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--json', type=Path, help='also writes the numbers here')
  parser.add_argument('--steps', type=int, default=5)
  parser.add_argument('--row', help=argparse.SUPPRESS)
  arguments = parser.parse_args()
  if arguments.row:
    *row, steps = json.loads(arguments.row)
    print(json.dumps(measured(Row(*row), steps)))
    return
  found = []
  for row in rows():
    found.append(run(row, arguments.steps))
    print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    if arguments.json is not None:
      arguments.json.write_text(json.dumps(found, indent=2) + '\n')
  print(table(found))


if __name__ == '__main__':
  main()
