"""What a step costs as the catalogue and the users grow, row by row.

python -m benchmarks.scale [--json FILE] [--only PART]

Every row is a process of its own, so that its peak memory is its own: it makes
a log of watches, features and a state of the sizes at hand and takes steps of
`train.make_train_step`, all losses but Eq (6), on batches made from the log as
they are asked for (`train.streamed`). Rows of one table have the same batches'
sizes and hidden units; only the catalogue, or the users, grow.

The last columns are paper work: bytes and operations of the step, counted,
over what the makers print for a v5e-256 and for 64 H100. Nothing was run there.
"""

import argparse
import gc
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

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


def measured(row: Row, steps: int) -> dict[str, float]:
  """The row's numbers, in this process."""
  watches = make_log(row)
  log_bytes = sum(x.nbytes for x in watches)
  gc.collect()
  import jax

  from benchmarks import scale_steps

  data = make_set(row, watches)
  start = time.perf_counter()
  stream, run = scale_steps.prepared(row, data, make_features(row.videos))
  first = time.perf_counter() - start
  secs, host_secs, positions = [], [], []
  for _ in range(steps):
    start = time.perf_counter()
    batch = next(stream)
    host_secs.append(time.perf_counter() - start)
    start = time.perf_counter()
    jax.block_until_ready(run(batch))
    secs.append(time.perf_counter() - start)
    positions.append(int(batch.targets.where.sum()))
  peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
  per_position = np.array(secs) / np.array(positions)
  return row._asdict() | {
    'step_ms': 1e3 * float(np.median(secs)),
    'host_ms': 1e3 * float(np.median(host_secs)),
    'us_per_position': 1e6 * float(np.median(per_position)),
    'positions': float(np.mean(positions)),
    'first_secs': first,
    'peak_bytes': peak,
    'log_bytes': log_bytes,
    'state_bytes': scale_steps.state_bytes(row),
    'samples': data.sample_count,
  }
