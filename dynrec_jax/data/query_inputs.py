"""What a network reads of queries, in blocks of one shape.

The counterpart of `assemble`: the same interests, prefixes and packing as in
training, without anything to predict.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dynrec_jax.data import inputs, watch_bags
from dynrec_jax.data.batch import History
from dynrec_jax.data.histories import Histories, within
from dynrec_jax.data.inputs import InterestRows
from dynrec_jax.data.packed import (
  Packing,
  Sequences,
  TableRows,
  local_tokens,
  pad,
)
from dynrec_jax.data.sequences import Samples
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.data.watch_bags import WatchBags


class InputSettings(NamedTuple):
  """How what is known becomes the network's first inputs, as in training.

  Attributes:
    history_mode: see `inputs`.
    max_len: longest history read as input.
    max_bag: latest known watches that Eq (3) is made of.
    decay: lambda of Eq (2) and (3).
    unit_secs: seconds in a unit of age.
    norm: N_u of Eq (2).
  """

  history_mode: str
  max_len: int
  max_bag: int
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
  with_history: bool = False,
  with_interest: bool = True,
) -> Iterator[QueryBlock]:
  """What is read of the queries, `row_count` queries a block.

  Every block has the shape of what could be read at most, whoever asks. In
  arrays of another size a sum may run in another order, so a query's numbers
  would depend on who else is asked about.

  Args:
    known: of B queries.
    settings: as in training.
    video_count: V.
    row_count: queries in a block; the last one is filled up with empty ones.
    with_history: whether the network reads a history; a block's table then
      holds all videos.
    with_interest: whether it reads u; all u are 0 if not.

  Yields:
    Blocks of equal shapes in the queries' order.
  """
  samples = _as_samples(known)
  if with_interest:
    rows = _interest_rows(known, samples, settings)
  else:
    rows = _no_interests(known)
  sizes = block_sizes(settings, known.clock.count, video_count, row_count)
  if with_history:
    sizes = sizes._replace(videos=video_count)
  for start in range(0, len(samples.user), row_count):
    chosen = np.arange(start, min(start + row_count, len(samples.user)))
    block = _read(
      known,
      samples,
      rows,
      settings,
      video_count,
      chosen,
      with_history=with_history,
    )
    packing, tokens = _packed(block.prefix, sizes.steps, row_count)
    table, row_of = _table(tokens, video_count, whole=with_history)
    yield QueryBlock(
      _sequences(block.interests, packing, tokens, table, row_of, sizes),
      _history(block, row_of, (row_count, sizes.videos)),
    )


class Sizes(NamedTuple):
  """What a block has room for.

  Attributes:
    interests: rows of interests.
    videos: rows of the table of videos.
    steps: inputs of a query.
    inputs: of all queries, and one step more.
  """

  interests: int
  videos: int
  steps: int
  inputs: int


def block_sizes(
  settings: InputSettings, session_count: int, video_count: int, row_count: int
) -> Sizes:
  """Room for the longest first inputs of `row_count` queries."""
  mode = settings.history_mode
  lengths = {'session_count': session_count, 'max_history_len': 0}
  interests = inputs.longest_prefix(mode, **lengths)
  lengths['max_history_len'] = settings.max_len
  steps = inputs.longest_prefix(mode, **lengths)
  read = settings.max_len if inputs.reads_history(mode) else 0
  return Sizes(
    interests=row_count * interests,
    videos=min(video_count, row_count * read),
    steps=steps,
    # The scan reads whole steps: behind the last input there is room for one.
    inputs=row_count * (steps + 1),
  )


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


def _interest_rows(
  known: QueryRows, samples: Samples, settings: InputSettings
) -> InterestRows:
  """The queries' interests."""
  return inputs.interest_rows(
    samples,
    known.behaviours,
    known.topics,
    known.clock,
    history_mode=settings.history_mode,
    decay=settings.decay,
    unit_secs=settings.unit_secs,
    norm=settings.norm,
  )


def _no_interests(known: QueryRows) -> InterestRows:
  """A row of zeros for each query."""
  shape = (len(known.session), known.topics.shape[1])
  return InterestRows(np.arange(shape[0] + 1), np.zeros(shape, np.float32))


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
      max_count=settings.max_bag,
    )
  return _Read(samples.session, own, prefix, bags)


def _table(
  tokens: np.ndarray, video_count: int, *, whole: bool
) -> tuple[np.ndarray, TableRows]:
  """The videos that occur in a block, or all; and the row of each."""
  if whole:
    table = np.arange(video_count)
    return table, TableRows(table, video_count)
  table = np.unique(tokens[tokens < video_count])
  return table, TableRows(table, video_count)


def _packed(prefix: inputs.Prefixes, steps: int, row_count: int):
  """The packing of a block, and its tokens."""
  packing = Packing(pad(prefix.counts, row_count), steps)
  step = within(prefix.row, prefix.counts)
  return packing, packing.pack([(prefix.row, step, prefix.token)])


def _history(
  block: _Read, row_of: TableRows, shape: tuple[int, int]
) -> History | None:
  """What is known of a block's queries, over a table; `shape` is [B, M]."""
  if block.bags is None:
    return None
  return History(
    newest=pad(block.bags.newest.astype(np.float32), shape[0]),
    weights=watch_bags.as_table(block.bags, row_of, shape),
    counts=watch_bags.counts(block.bags, shape[0]),
    session=pad(block.session.astype(np.int32), shape[0]),
  )


def _sequences(
  own: InterestRows,
  packing: Packing,
  tokens: np.ndarray,
  table: np.ndarray,
  row_of: TableRows,
  sizes: Sizes,
) -> Sequences:
  """A block's first inputs."""
  return Sequences(
    video_ids=pad(table.astype(np.int32), sizes.videos),
    interests=pad(own.values, sizes.interests),
    inputs=pad(local_tokens(tokens, row_of, sizes.videos), sizes.inputs),
    step_counts=packing.step_counts.astype(np.int32),
    last=packing.last().astype(np.int32),
  )
