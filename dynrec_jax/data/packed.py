"""Sequences of unequal length without gaps: step by step, the longest first.

So the recurrent scan need not touch padding (`packed_gru`). Training and
serving give the network this one form.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

# Videos of a catalogue up to which arrays over all of it are made per batch.
MARKED_VIDEOS = 1 << 18


class Sequences(NamedTuple):
  """What a network reads of S sequences.

  Attributes:
    video_ids: [M] int32, the videos that occur, once each, padded with 0.
    interests: [R, K] float32, u of the sequences.
    inputs: [P] int32, rows of the table [M videos, then R interests]: the
      inputs of step 0, of step 1 and so on; behind them padding.
    step_counts: [T] int32, sequences that have an input at each step.
    last: int32, place of each sequence's last input, in any shape of S.
  """

  video_ids: np.ndarray
  interests: np.ndarray
  inputs: np.ndarray
  step_counts: np.ndarray
  last: np.ndarray


class Packing:
  """Where each step of each sequence lies when the longest come first.

  Attributes:
    step_counts: [T] int64, sequences with an input at each step.
  """

  def __init__(self, lengths: np.ndarray, width: int):
    """Ranks the sequences; equal lengths keep their order.

    Args:
      lengths: [S] inputs of each.
      width: T, at least the longest length.
    """
    self._lengths = lengths
    self._rank = np.empty(len(lengths), np.int64)
    self._rank[np.argsort(-lengths, kind='stable')] = np.arange(len(lengths))
    ended = np.cumsum(np.bincount(lengths, minlength=width + 1))[:width]
    self.step_counts = len(lengths) - ended
    self._starts = np.cumsum(self.step_counts) - self.step_counts

  def place(self, row: np.ndarray, step: np.ndarray) -> np.ndarray:
    """The place of each (sequence, step)."""
    return self._starts[step] + self._rank[row]

  def last(self) -> np.ndarray:
    """[S] the place of each sequence's last input.

    Of an empty one it may lie behind the inputs, by fewer places than there
    are sequences.
    """
    steps = np.maximum(self._lengths - 1, 0)
    return self.place(np.arange(len(steps)), steps)

  def pack(self, parts) -> np.ndarray:
    """Ragged (row, step, token) parts in their places; all are filled."""
    packed = np.zeros(int(self.step_counts.sum()), np.int64)
    for row, step, token in parts:
      inside = step < self._lengths[row]  # the last target is no input
      packed[self.place(row[inside], step[inside])] = token[inside]
    return packed


def pad(values: np.ndarray, size: int) -> np.ndarray:
  """Zeros behind the values, up to `size` rows."""
  # In a tenth of the time of np.pad, which a single list would wait for.
  rest = np.zeros((size - len(values), *values.shape[1:]), values.dtype)
  return np.concatenate([values, rest])


class TableRows:
  """The row of each video of a table; what it costs follows from the table.

  Of small catalogues an array over all of them, which is faster than a search.
  """

  def __init__(self, table: np.ndarray, video_count: int):
    """Holds what is needed.

    Args:
      table: [m] the videos, ascending, each once.
      video_count: V.
    """
    self._table, self._video_count = table, video_count
    self._row_of = None
    if video_count <= MARKED_VIDEOS:
      self._row_of = np.zeros(video_count, np.int32)
      self._row_of[table] = np.arange(len(table), dtype=np.int32)

  def __len__(self) -> int:
    """V."""
    return self._video_count

  def __getitem__(self, videos: np.ndarray) -> np.ndarray:
    """The rows of some of the table's videos; of others, anything."""
    if self._row_of is not None:
      return self._row_of[videos]
    return np.searchsorted(self._table, videos).astype(np.int32)


def videos_among(parts: Sequence[np.ndarray], video_count: int) -> np.ndarray:
  """[m] int32, the videos that occur, ascending, each once.

  Args:
    parts: of any shapes.
    video_count: V.
  """
  if video_count > MARKED_VIDEOS:
    every = np.concatenate([np.ravel(part) for part in parts])
    return np.unique(every).astype(np.int32)
  occurs = np.zeros(video_count, bool)  # marks: a third of a sort's time
  for part in parts:
    occurs[part] = True
  return np.flatnonzero(occurs).astype(np.int32)


def local_tokens(
  tokens: np.ndarray, row_of: TableRows, table_size: int
) -> np.ndarray:
  """Tokens (a video, or V + an interest row) as rows of a table.

  Args:
    tokens: [P].
    row_of: the table's row of each video that occurs.
    table_size: rows of videos in the table; the interests follow.

  Returns:
    [P] int32.
  """
  video_count = len(row_of)
  is_video = tokens < video_count
  local = row_of[np.where(is_video, tokens, 0)]
  return np.where(is_video, local, tokens - video_count + table_size).astype(
    np.int32
  )
