"""What one device computes in one step, as fixed-shape index arrays.

B anchors with their positive and negative partners are 3B sequences; where the
partners are anchors themselves, B.
"""

from typing import NamedTuple

import numpy as np

from dynrec_jax.data.packed import Sequences


class Targets(NamedTuple):
  """The predictions of Eq (8), of anchors alone.

  Attributes:
    positions: [Q] int32, place of each prediction's state, real ones first.
    rows: [Q] int32, the anchor of each prediction.
    videos: [Q] int32, the video that was watched (of the catalogue).
    where: [Q] bool.
    weights: [Q] float32, how much each prediction counts; None is 1 each.
    negatives: [Q, N] int32, videos that the user never watched, -1 where there
      is none; None if no loss asks for them.
  """

  positions: np.ndarray
  rows: np.ndarray
  videos: np.ndarray
  where: np.ndarray
  weights: np.ndarray | None
  negatives: np.ndarray | None


class History(NamedTuple):
  """What is known of each anchor or query: Eq (3) reads its watches.

  Attributes:
    weights: [B, M] float32, decay weights over that of the newest watch,
      summed by video of the table; 0 of what is not among them alone.
    newest: [B] float32, the newest watch's decay weight; 0 of no watch.
    counts: [B] float32, how many watches they are summed from.
    session: [B] int32, sessions that have ended; 0 in rows of padding.
  """

  weights: np.ndarray
  newest: np.ndarray
  counts: np.ndarray
  session: np.ndarray


class Semantic(NamedTuple):
  """The rows of Eq (1); videos are rows of the table.

  Attributes:
    anchors: [S] int32.
    negative_visual: [S, N] int32.
    negative_text: [S, N] int32.
    where: [S] bool, anchors that count here.
    pool_where: [S] bool, anchors that exist on any device: those are each
      other's negatives if they are taken in the batch.
  """

  anchors: np.ndarray
  negative_visual: np.ndarray
  negative_text: np.ndarray
  where: np.ndarray
  pool_where: np.ndarray


class Candidates(NamedTuple):
  """The videos that a sampled softmax is over, the same on all devices.

  Attributes:
    videos: [R] int32 of the catalogue, ascending, each once; numbers from V on
      fill up.
    log_weights: [R] float32, see `sampled_softmax`.
    targets: [Q] int32, the candidate that each of the device's predictions is
      of.
  """

  videos: np.ndarray
  log_weights: np.ndarray
  targets: np.ndarray


class Batch(NamedTuple):
  """One device's share of a step (leading axis: devices, once stacked).

  Attributes:
    sequences: of anchors, positives and negatives; `last` is [3, B]. Of anchors
      alone it is [1, B].
    sample_where: [B] bool, anchors that exist.
    interest_rows: [B] int32, row of the interests with the anchor's own u.
    targets: of Eq (8).
    history: of the anchors, for Eq (3).
    relevance_where: [B] bool, anchors with both partners.
    semantic: of Eq (1); None if that term has no weight.
    partners: [2, B] int32, rows of the whole minibatch's anchors, over all
      devices, that are the positives and the negatives; None if these have
      sequences of their own, or if there are none.
    candidates: of the predictions; None if these are over all videos.
  """

  sequences: Sequences
  sample_where: np.ndarray
  interest_rows: np.ndarray
  targets: Targets
  history: History
  relevance_where: np.ndarray
  semantic: Semantic | None
  partners: np.ndarray | None = None
  candidates: Candidates | None = None
