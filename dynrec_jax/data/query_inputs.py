"""What a network reads of queries, in blocks of one shape.

The counterpart of `assemble`: the same interests, prefixes and packing as in
training, without anything to predict.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dynrec_jax.data import inputs
from dynrec_jax.data.histories import Histories, within
from dynrec_jax.data.inputs import InterestRows
from dynrec_jax.data.packed import Packing, Sequences, local_tokens, pad
from dynrec_jax.data.sequences import Samples
from dynrec_jax.data.sessions import Sessions


class InputSettings(NamedTuple):
  """How what is known becomes the network's first inputs, as in training.

  Attributes:
    history_mode: see `inputs`.
    max_len: longest history read as input.
    decay: lambda of Eq (2).
    unit_secs: seconds in a unit of age.
    norm: N_u of Eq (2).
  """

  history_mode: str
  max_len: int
  decay: float
  unit_secs: float
  norm: str


class QueryRows(NamedTuple):
  """What is known of B queries, a row each.

  Attributes:
    session: [B] int32, sessions that have ended.
    time: [B] int64 seconds, after everything that is known.
    watches: their rows.
    behaviours: their rows.
    topics: [R, K] what behaviours are about.
    clock: the sessions.
  """

  session: np.ndarray
  time: np.ndarray
  watches: Histories
  behaviours: Histories
  topics: np.ndarray
  clock: Sessions


def query_sequences(
  known: QueryRows,
  settings: InputSettings,
  *,
  video_count: int,
  row_count: int,
  bucket_size: Callable[[int, int], int],
) -> list[Sequences]:
  """The queries' first inputs, `row_count` queries a block.

  Args:
    known: of B queries.
    settings: as in training.
    video_count: V.
    row_count: queries in a block; the last one is filled up with empty ones.
    bucket_size: (least size, largest size) -> size, so that few shapes occur.

  Returns:
    Blocks of equal shapes in the queries' order; `last` is [row_count].
  """
  samples = _as_samples(known)
  rows = inputs.interest_rows(
    samples,
    known.behaviours,
    known.topics,
    known.clock,
    history_mode=settings.history_mode,
    decay=settings.decay,
    unit_secs=settings.unit_secs,
    norm=settings.norm,
  )
  interest_count = int(np.diff(rows.offsets).max(initial=1))
  blocks = [
    _prefixes(known, samples, rows, settings, video_count, chosen)
    for chosen in _chosen(len(samples.user), row_count)
  ]
  if not blocks:
    return []
  steps = max(int(prefix.counts.max()) for _, prefix in blocks)
  packed = [_packed(prefix, steps, row_count) for _, prefix in blocks]
  tables = [np.unique(t[t < video_count]) for _, t in packed]
  size = max(map(len, tables))
  size = bucket_size(size, video_count) if size else 0
  length = max(len(tokens) for _, tokens in packed) + row_count
  length = bucket_size(length, row_count * (steps + 1))
  return [
    _block(own, *both, table, (row_count * interest_count, size, length))
    for (own, _), both, table in zip(
      blocks, packed, _with_rows(tables, video_count), strict=True
    )
  ]


def _as_samples(known: QueryRows) -> Samples:
  """The queries as samples without a target; user i is row i."""
  count = len(known.session)
  return Samples(
    user=np.arange(count, dtype=np.int32),
    session=known.session,
    time=known.time,
    watch_start=known.watches.offsets[:-1],
    history_count=np.diff(known.watches.offsets).astype(np.int32),
    target_count=np.zeros(count, np.int32),
  )


def _chosen(count: int, row_count: int) -> list[np.ndarray]:
  """The queries of each block."""
  everyone = np.arange(count)
  return [everyone[i : i + row_count] for i in range(0, count, row_count)]


def _prefixes(
  known: QueryRows,
  samples: Samples,
  rows: InterestRows,
  settings: InputSettings,
  video_count: int,
  chosen: np.ndarray,
) -> tuple[InterestRows, inputs.Prefixes]:
  """A block's interests and first inputs."""
  own = inputs.take_rows(rows, chosen)
  return own, inputs.prefixes(
    samples.take(chosen),
    own,
    known.watches,
    video_count,
    history_mode=settings.history_mode,
    max_history_len=settings.max_len,
  )


def _packed(prefix: inputs.Prefixes, steps: int, row_count: int):
  """The packing of a block, and its tokens."""
  packing = Packing(pad(prefix.counts, row_count), steps)
  step = within(prefix.row, prefix.counts)
  return packing, packing.pack([(prefix.row, step, prefix.token)])


def _with_rows(tables, video_count: int):
  """Each table beside the row of every video that it holds."""
  for table in tables:
    row_of = np.zeros(video_count, np.int32)
    row_of[table] = np.arange(len(table), dtype=np.int32)
    yield table, row_of


def _block(own: InterestRows, packing, tokens, table, sizes) -> Sequences:
  """One block in arrays of the sizes (interests, videos, inputs)."""
  interest_size, video_size, input_size = sizes
  videos, row_of = table
  return Sequences(
    video_ids=pad(videos.astype(np.int32), video_size),
    interests=pad(own.values, interest_size),
    inputs=pad(local_tokens(tokens, row_of, video_size), input_size),
    step_counts=packing.step_counts.astype(np.int32),
    last=packing.last().astype(np.int32),
  )
