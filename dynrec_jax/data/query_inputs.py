"""What a network reads of queries, in blocks of one shape.

The counterpart of `assemble`: the same interests, prefixes and packing as in
training, without anything to predict.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dynrec_jax.data import inputs, watch_bags
from dynrec_jax.data.batch import History
from dynrec_jax.data.histories import Histories, within
from dynrec_jax.data.inputs import InterestRows
from dynrec_jax.data.packed import Packing, Sequences, local_tokens, pad
from dynrec_jax.data.sequences import Samples
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.data.watch_bags import WatchBags


class InputSettings(NamedTuple):
  """How what is known becomes the network's first inputs, as in training.

  Attributes:
    history_mode: see `inputs`.
    max_len: longest history read as input.
    decay: lambda of Eq (2) and (3).
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


class QueryBlock(NamedTuple):
  """What a network reads of some queries.

  Attributes:
    sequences: their first inputs; `last` is [row_count].
    history: what is known of each, as of a training batch's anchors; None if
      the network does not ask for it.
  """

  sequences: Sequences
  history: History | None


def query_blocks(
  known: QueryRows,
  settings: InputSettings,
  *,
  video_count: int,
  row_count: int,
  bucket_size: Callable[[int, int], int],
  with_history: bool = False,
) -> list[QueryBlock]:
  """What is read of the queries, `row_count` queries a block.

  Args:
    known: of B queries.
    settings: as in training.
    video_count: V.
    row_count: queries in a block; the last one is filled up with empty ones.
    bucket_size: (least size, largest size) -> size, so that few shapes occur.
    with_history: whether the network reads a history; its videos are then in
      the block's table, too.

  Returns:
    Blocks of equal shapes in the queries' order.
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
  everything = known, samples, rows, settings, video_count
  blocks = [
    _read(*everything, chosen, with_history=with_history)
    for chosen in _chosen(len(samples.user), row_count)
  ]
  if not blocks:
    return []
  steps = max(int(block.prefix.counts.max()) for block in blocks)
  packed = [_packed(block.prefix, steps, row_count) for block in blocks]
  tables = [
    _table(tokens, block.bags, video_count)
    for (_, tokens), block in zip(packed, blocks, strict=True)
  ]
  size = max(map(len, tables))
  size = bucket_size(size, video_count) if size else 0
  length = max(len(tokens) for _, tokens in packed) + row_count
  length = bucket_size(length, row_count * (steps + 1))
  sizes = (row_count * interest_count, size, length)
  return [
    QueryBlock(
      _sequences(block.interests, *both, table, sizes),
      _history(block, table[1], (row_count, size)),
    )
    for block, both, table in zip(
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


class _Read(NamedTuple):
  """What is read of a block's queries, ragged; `bags` only if asked for."""

  session: np.ndarray
  interests: InterestRows
  prefix: inputs.Prefixes
  bags: WatchBags | None


def _read(
  known: QueryRows,
  samples: Samples,
  rows: InterestRows,
  settings: InputSettings,
  video_count: int,
  chosen: np.ndarray,
  *,
  with_history: bool,
) -> _Read:
  """A block's interests, first inputs and watches."""
  samples = samples.take(chosen)
  own = inputs.take_rows(rows, chosen)
  prefix = inputs.prefixes(
    samples,
    own,
    known.watches,
    video_count,
    history_mode=settings.history_mode,
    max_history_len=settings.max_len,
  )
  bags = None
  if with_history:
    bags = watch_bags.watch_bags(
      samples,
      known.watches,
      decay=settings.decay,
      unit_secs=settings.unit_secs,
    )
  return _Read(samples.session, own, prefix, bags)


def _table(
  tokens: np.ndarray, bags: WatchBags | None, video_count: int
) -> np.ndarray:
  """The videos that occur in a block, ascending."""
  videos = tokens[tokens < video_count]
  if bags is not None:
    videos = np.concatenate([videos, bags.video])
  return np.unique(videos)


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


def _history(
  block: _Read, row_of: np.ndarray, shape: tuple[int, int]
) -> History | None:
  """What is known of a block's queries, over a table; `shape` is [B, M]."""
  if block.bags is None:
    return None
  return History(
    weights=watch_bags.as_table(block.bags, row_of, shape),
    counts=watch_bags.counts(block.bags, shape[0]),
    session=pad(block.session.astype(np.int32), shape[0]),
  )


def _sequences(own: InterestRows, packing, tokens, table, sizes) -> Sequences:
  """A block's first inputs, in arrays of (interests, videos, inputs)."""
  interest_size, video_size, input_size = sizes
  videos, row_of = table
  return Sequences(
    video_ids=pad(videos.astype(np.int32), video_size),
    interests=pad(own.values, interest_size),
    inputs=pad(local_tokens(tokens, row_of, video_size), input_size),
    step_counts=packing.step_counts.astype(np.int32),
    last=packing.last().astype(np.int32),
  )
