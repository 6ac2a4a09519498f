"""A batch from ragged rows: each device's share, then all of them stacked."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from dynrec_jax.data import sequences, watch_bags
from dynrec_jax.data.batch import Batch, History, Semantic, Targets
from dynrec_jax.data.histories import within
from dynrec_jax.data.negatives import Negatives
from dynrec_jax.data.packed import (
  Packing,
  Sequences,
  TableRows,
  local_tokens,
  pad,
  videos_among,
)
from dynrec_jax.data.streamed_set import AnySet
from dynrec_jax.data.watch_bags import WatchBags


class Share(NamedTuple):
  """One device's share, videos by catalogue id and interest row i as V + i.

  Attributes:
    batch: without a table and the history's weights.
    bags: what is known of the anchors (Eq 3).
  """

  batch: Batch
  bags: WatchBags


class Sizes(NamedTuple):
  """What differs between batches.

  Attributes:
    videos: M, rows of the table of videos.
    inputs: P, places for inputs.
    candidates: R, of a sampled softmax; 0 of none.
  """

  videos: int
  inputs: int
  candidates: int = 0


def make_share(
  data: AnySet,
  chosen: np.ndarray,
  exists: np.ndarray,
  semantic: Semantic | None,
  negatives: Negatives | None,
  partners: np.ndarray | None = None,
) -> Share:
  """Inputs, predictions, histories and interests of 3B sequences, or B.

  The last target of a sequence is no input: its last state is the one that
  predicts it (A15), which exists without another step. Partners add nothing to
  the recommendation loss (A14): they are anchors of other steps.

  Args:
    data: what the samples refer to.
    chosen: [3, B] samples: anchors, positives, negatives; [1, B] of anchors
      alone.
    exists: bool, of the same shape.
    semantic: the device's rows of Eq (1), videos by catalogue id.
    negatives: of all samples' targets; None if no loss asks for them.
    partners: [2, B] rows of the minibatch that are the anchors' partners, -1
      where there is none; None if these are among the samples, or if there are
      none.

  Returns:
    The share.
  """
  roles, anchor_count = chosen.shape
  history, bags = _history(data, chosen[0], exists[0])
  chosen, exists = chosen.ravel(), exists.ravel()
  samples = data.take(chosen)
  interests, prefix = data.prefixes(chosen)
  target_row, target = sequences.targets_of(samples, data.watches)
  step = within(target_row, samples.target_count)
  lengths = np.where(exists, prefix.counts + samples.target_count - 1, 0)
  packing = Packing(lengths, data.sequence_len)
  inputs = packing.pack(
    [
      (prefix.row, within(prefix.row, prefix.counts), prefix.token),
      (target_row, prefix.counts[target_row] + step, target),
    ]
  )
  counted = (target_row < anchor_count) & exists[target_row]
  row, step = target_row[counted], step[counted]
  weights = data.target_weights
  targets = _targets(
    packing.place(row, prefix.counts[row] - 1 + step),
    row,
    target[counted],
    None if weights is None else weights[chosen[row]],
    None if negatives is None else negatives.of(chosen[row], step),
    anchor_count * data.max_len,
  )
  last = np.where(exists, packing.last(), 0).reshape(roles, -1)
  batch = Batch(
    sequences=Sequences(
      video_ids=np.zeros(0, np.int32),
      interests=pad(interests.values, len(chosen) * data.max_interest_count),
      inputs=inputs,
      step_counts=packing.step_counts.astype(np.int32),
      last=last.astype(np.int32),
    ),
    sample_where=exists[:anchor_count],
    interest_rows=interests.offsets[1 : anchor_count + 1].astype(np.int32) - 1,
    targets=targets,
    history=history,
    relevance_where=_have_partners(exists.reshape(roles, -1), partners),
    semantic=semantic,
    partners=None if partners is None else np.maximum(partners, 0),
  )
  return Share(batch, bags)


def _have_partners(
  exists: np.ndarray, partners: np.ndarray | None
) -> np.ndarray:
  """[B] bool, anchors with a positive and a negative."""
  if partners is not None:
    return exists[0] & (partners >= 0).all(axis=0)
  return exists[1] if len(exists) > 1 else np.zeros_like(exists[0])


def _targets(
  positions: np.ndarray,
  rows: np.ndarray,
  videos: np.ndarray,
  weights: np.ndarray | None,
  negatives: np.ndarray | None,
  size: int,
) -> Targets:
  """The predictions, real ones first, in `size` places."""
  return Targets(
    positions=pad(positions.astype(np.int32), size),
    rows=pad(rows.astype(np.int32), size),
    videos=pad(videos.astype(np.int32), size),
    where=np.arange(size) < len(positions),
    weights=None if weights is None else pad(weights, size),
    negatives=None if negatives is None else pad(negatives, size),
  )


def sizes(
  shares: Sequence[Share],
  video_count: int,
  sequence_len: int,
  bucket_size: Callable[[int, int], int],
) -> Sizes:
  """What the shares of a step need, all the same.

  Args:
    shares: those of a step.
    video_count: V.
    sequence_len: longest sequence.
    bucket_size: (least size, largest size) -> size, so that few sizes occur.
  """
  videos = max(len(_videos_of(share, video_count)) for share in shares)
  # The scan reads whole steps: behind the last input there is room for one.
  row_count = shares[0].batch.sequences.last.size
  room = max(len(share.batch.sequences.inputs) + row_count for share in shares)
  return Sizes(
    bucket_size(videos, video_count),
    bucket_size(room, row_count * (sequence_len + 1)),
  )


def stacked(shares: Sequence[Share], video_count: int, room: Sizes) -> Batch:
  """Every share's videos as rows of its own table, stacked over devices.

  Args:
    shares: those of a step.
    video_count: V.
    room: what they fit in, see `sizes`.
  """
  local = [
    _localise(share, _videos_of(share, video_count), *room[:2], video_count)
    for share in shares
  ]
  return _stack(local)


def _videos_of(share: Share, video_count: int) -> np.ndarray:
  """The videos that occur, ascending."""
  inputs = share.batch.sequences.inputs
  parts = [inputs[inputs < video_count], share.bags.video]
  if share.batch.semantic is not None:
    parts += share.batch.semantic[:3]
  return videos_among(parts, video_count)


def _localise(
  share: Share, table: np.ndarray, size: int, length: int, video_count: int
) -> Batch:
  """The share with table rows for catalogue ids."""
  row_of = TableRows(table, video_count)
  batch = share.batch
  shape = (len(batch.sample_where), size)
  inputs = local_tokens(batch.sequences.inputs, row_of, size)
  semantic = batch.semantic
  if semantic is not None:
    semantic = Semantic(*(row_of[x] for x in semantic[:3]), *semantic[3:])
  return batch._replace(
    sequences=batch.sequences._replace(
      video_ids=pad(table, size), inputs=pad(inputs, length)
    ),
    history=batch.history._replace(
      weights=watch_bags.as_table(share.bags, row_of, shape)
    ),
    semantic=semantic,
  )


def _stack(parts):
  """Nested tuples of arrays as one, with a leading axis."""
  if parts[0] is None:
    return None
  if isinstance(parts[0], np.ndarray):
    return np.stack(parts)
  return type(parts[0])(*map(_stack, zip(*parts, strict=True)))


def _history(
  data: AnySet, chosen: np.ndarray, exists: np.ndarray
) -> tuple[History, WatchBags]:
  """What is known of the anchors, but for the weights by table row."""
  samples = data.take(chosen)
  samples = samples._replace(
    history_count=np.where(exists, samples.history_count, 0)
  )
  bags = watch_bags.watch_bags(
    samples,
    data.watches,
    decay=data.decay,
    unit_secs=data.unit_secs,
    max_count=data.max_bag,
  )
  return History(
    weights=np.zeros(0, np.float32),
    newest=bags.newest.astype(np.float32),
    counts=watch_bags.counts(bags, len(chosen)),
    session=np.where(exists, samples.session, 0).astype(np.int32),
  ), bags
