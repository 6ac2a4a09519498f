"""One device's fields of a batch, from ragged rows to packed arrays."""

from collections.abc import Callable

import numpy as np

from dynrec_jax import interest
from dynrec_jax.data import sequences
from dynrec_jax.data.training_set import TrainingSet

Fields = dict[str, np.ndarray]

# Fields that name videos, and so move from catalogue ids to table rows.
_SEMANTIC = (
  'semantic_anchors',
  'semantic_negative_visual',
  'semantic_negative_text',
)


def sequence_fields(
  data: TrainingSet, chosen: np.ndarray, exists: np.ndarray
) -> Fields:
  """Inputs, predictions, histories and interests of 3B sequences.

  Args:
    data: what the samples refer to.
    chosen: [3, B] samples: anchors, positives, negatives.
    exists: [3, B] bool.

  Returns:
    `Batch`'s fields, with videos by catalogue id and interest row i as V + i;
    'history' holds (anchor, video, decay weight) of every known watch.
  """
  anchor_count = chosen.shape[1]
  chosen, exists = chosen.ravel(), exists.ravel()
  samples = data.samples.take(chosen)
  interests, prefix = data.prefixes(chosen)
  target_row, target = sequences.targets_of(samples, data.watches)
  step = _within(target_row, samples.target_count)
  lengths = np.where(exists, prefix.counts + samples.target_count - 1, 0)
  packing = _Packing(lengths, data.sequence_len)
  inputs = packing.pack(
    [
      (prefix.row, _within(prefix.row, prefix.counts), prefix.token),
      (target_row, prefix.counts[target_row] + step, target),
    ]
  )
  counted = (target_row < anchor_count) & exists[target_row]
  row, step = target_row[counted], step[counted]
  positions = packing.place(row, prefix.counts[row] - 1 + step)
  last = packing.place(np.arange(len(chosen)), np.maximum(lengths - 1, 0))
  size = anchor_count * data.max_len
  return {
    'interests': _pad(interests.values, len(chosen) * data.max_interest_count),
    'inputs': inputs,
    'step_counts': packing.step_counts.astype(np.int32),
    'last': np.where(exists, last, 0).reshape(3, -1).astype(np.int32),
    'sample_where': exists[:anchor_count],
    'positions': _pad(positions.astype(np.int32), size),
    'targets': _pad(target[counted].astype(np.int32), size),
    'target_where': np.arange(size) < len(positions),
    'interest_rows': interests.offsets[1 : anchor_count + 1].astype(np.int32)
    - 1,
    'relevance_where': exists[anchor_count : 2 * anchor_count],
    'history': _history(data, chosen[:anchor_count], exists[:anchor_count]),
  }


def with_tables(
  shares: list[Fields],
  data: TrainingSet,
  bucket_size: Callable[[int, int], int],
) -> Fields:
  """Every share's videos as rows of its own table, stacked over devices."""
  tables = [_videos_of(share, data.video_count) for share in shares]
  size = bucket_size(max(map(len, tables)), data.video_count)
  # The scan reads whole steps: behind the last input there is room for one.
  row_count = shares[0]['last'].size
  room = [len(share['inputs']) + row_count for share in shares]
  length = bucket_size(max(room), row_count * (data.sequence_len + 1))
  local = [
    _localise(share, table, size, length, data.video_count)
    for share, table in zip(shares, tables, strict=True)
  ]
  return {name: np.stack([share[name] for share in local]) for name in local[0]}


def _videos_of(share: Fields, video_count: int) -> np.ndarray:
  """The videos that occur, ascending."""
  inputs = share['inputs']
  _, history_video, _ = share['history']
  occurs = np.zeros(video_count, bool)  # marks: a third of a sort's time
  occurs[inputs[inputs < video_count]] = True
  occurs[history_video] = True
  for name in _SEMANTIC:
    occurs[share[name]] = True
  return np.flatnonzero(occurs).astype(np.int32)


def _localise(
  share: Fields, table: np.ndarray, size: int, length: int, video_count: int
) -> Fields:
  """The share with table rows for catalogue ids."""
  row_of = np.zeros(video_count, np.int32)
  row_of[table] = np.arange(len(table), dtype=np.int32)
  anchor, video, weights = share.pop('history')
  shape = (len(share['sample_where']), size)
  history = np.bincount(
    anchor * size + row_of[video], weights, minlength=shape[0] * size
  )
  inputs = share['inputs']
  is_video = inputs < video_count
  local = row_of[np.where(is_video, inputs, 0)]
  local = np.where(is_video, local, inputs - video_count + size)
  return share | {
    'video_ids': _pad(table, size),
    'inputs': _pad(local.astype(np.int32), length),
    'history_weights': history.reshape(shape).astype(np.float32),
    'history_counts': np.bincount(anchor, minlength=shape[0]).astype(
      np.float32
    ),
    **{name: row_of[share[name]] for name in _SEMANTIC},
  }


def _history(data: TrainingSet, chosen: np.ndarray, exists: np.ndarray):
  """Anchor, video and decay weight of every known watch (Eq 3)."""
  samples = data.samples.take(chosen)
  samples = samples._replace(
    history_count=np.where(exists, samples.history_count, 0)
  )
  row, index = sequences.history_indices(samples)
  ages = (samples.time[row] - data.watches.time[index]) / data.unit_secs
  weights = interest.decay_weights(ages, decay=data.decay)
  return row, data.watches.item[index], weights


class _Packing:
  """Where each step of each sequence lies when the longest come first.

  Attributes:
    step_counts: [T] int64, sequences with an input at each step.
  """

  def __init__(self, lengths: np.ndarray, width: int):
    """Ranks the sequences; equal lengths keep their order."""
    self._lengths = lengths
    self._rank = np.empty(len(lengths), np.int64)
    self._rank[np.argsort(-lengths, kind='stable')] = np.arange(len(lengths))
    ended = np.cumsum(np.bincount(lengths, minlength=width + 1))[:width]
    self.step_counts = len(lengths) - ended
    self._starts = np.cumsum(self.step_counts) - self.step_counts

  def place(self, row: np.ndarray, step: np.ndarray) -> np.ndarray:
    """The place of each (sequence, step)."""
    return self._starts[step] + self._rank[row]

  def pack(self, parts) -> np.ndarray:
    """Ragged (row, step, token) parts in their places; all are filled."""
    packed = np.zeros(int(self.step_counts.sum()), np.int64)
    for row, step, token in parts:
      inside = step < self._lengths[row]  # the last target is no input
      packed[self.place(row[inside], step[inside])] = token[inside]
    return packed


def _within(row: np.ndarray, counts: np.ndarray) -> np.ndarray:
  """The place of each element of ragged rows in its own row."""
  return np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)


def _pad(values: np.ndarray, size: int) -> np.ndarray:
  """Zeros up to `size` rows."""
  width = [(0, size - len(values))] + [(0, 0)] * (values.ndim - 1)
  return np.pad(values, width)
