"""Fixed-shape batches as index arrays: what one device computes in one step.

A batch holds B anchors with their positive and negative partners (3B
sequences), the videos that occur in it once each, and the semantic loss's own
rows. Rows stand in descending order of length, so that the recurrent scan need
not touch padding; loss positions are packed to the front, so that the softmax
need not either. That is why one shape serves every batch of random samples:
only M, the padded count of videos, takes one of a few sizes.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from dynrec_jax.data import assemble, relevance
from dynrec_jax.data.relevance import Triplets
from dynrec_jax.data.training_set import TrainingSet

_SHUFFLE, _TRIPLETS, _SEMANTIC = range(3)  # purposes of an epoch's randomness
_SMALLEST_TABLE = 256


class Batch(NamedTuple):
  """One device's share of a step (leading axis: devices, once stacked).

  Attributes:
    video_ids: [M] int32, the videos that occur, ascending, padded with 0.
    interests: [R, K] float32, u of the sequences.
    inputs: [3B, T] int32, rows of the table [M videos, then R interests].
    where: [3B, T] bool, inputs that exist.
    rows: [3, B] int32, the row of each anchor, positive and negative.
    sample_where: [B] bool, anchors that exist.
    positions: [P] int32, row * T + step of each prediction, real ones first.
    targets: [P] int32, the video that was watched (of the catalogue).
    target_where: [P] bool.
    interest_rows: [B] int32, row of `interests` with the anchor's own u.
    history_weights: [B, M] float32, Eq (3)'s weights, summed by video.
    history_counts: [B] float32, how many watches they are summed from.
    relevance_where: [B] bool, anchors with both partners.
    semantic_anchors: [S] int32, rows of the table.
    semantic_negative_visual: [S, N] int32, rows of the table.
    semantic_negative_text: [S, N] int32, rows of the table.
    semantic_where: [S] bool, anchors that count here.
    semantic_pool_where: [S] bool, anchors that exist on any device: those are
      each other's negatives if they are taken in the batch.
  """

  video_ids: np.ndarray
  interests: np.ndarray
  inputs: np.ndarray
  where: np.ndarray
  rows: np.ndarray
  sample_where: np.ndarray
  positions: np.ndarray
  targets: np.ndarray
  target_where: np.ndarray
  interest_rows: np.ndarray
  history_weights: np.ndarray
  history_counts: np.ndarray
  relevance_where: np.ndarray
  semantic_anchors: np.ndarray
  semantic_negative_visual: np.ndarray
  semantic_negative_text: np.ndarray
  semantic_where: np.ndarray
  semantic_pool_where: np.ndarray


class BatchSpec(NamedTuple):
  """Sizes and rules of batches.

  Attributes:
    batch_size: B anchors per step, over all devices.
    device_count: devices that share a step.
    semantic_batch_size: rows of Eq (1) per step, over all devices.
    negative_count: N negatives per row and direction; 0 for 'in_batch'.
    negative: rule of the triplets' negatives, see `relevance`.
    seed: of everything drawn.
  """

  batch_size: int
  device_count: int
  semantic_batch_size: int
  negative_count: int
  negative: str
  seed: int


class Epoch(NamedTuple):
  """What one epoch draws; a function of (seed, epoch) alone.

  Attributes:
    order: [S] int64, the samples in the order of this epoch.
    triplets: their partners.
    anchors: [steps, rows] int32 videos of Eq (1).
    negative_visual: [steps, rows, N] int32 videos.
    negative_text: [steps, rows, N] int32 videos.
    anchor_where: [rows] bool.
  """

  order: np.ndarray
  triplets: Triplets
  anchors: np.ndarray
  negative_visual: np.ndarray
  negative_text: np.ndarray
  anchor_where: np.ndarray


def steps_per_epoch(data: TrainingSet, spec: BatchSpec) -> int:
  """How many steps see every sample once."""
  return -(-len(data.samples.user) // spec.batch_size)


def batches(
  data: TrainingSet, spec: BatchSpec, first_step: int = 0
) -> Iterator[Batch]:
  """Batches from a step on, without end; step s is the same however reached."""
  per_epoch = steps_per_epoch(data, spec)
  epoch_count, start = divmod(first_step, per_epoch)
  while True:
    epoch = draw_epoch(data, spec, epoch_count)
    for step in range(start, per_epoch):
      yield make_batch(data, spec, epoch, step)
    epoch_count, start = epoch_count + 1, 0


def draw_epoch(data: TrainingSet, spec: BatchSpec, epoch: int) -> Epoch:
  """Everything random of one epoch."""
  order = _rng(spec, epoch, _SHUFFLE).permutation(len(data.samples.user))
  nothing = np.zeros(len(order), np.int32)
  triplets = Triplets(nothing, nothing, nothing.astype(bool))
  if data.relevance is not None:
    triplets = relevance.draw_triplets(
      data.relevance,
      data.samples,
      _rng(spec, epoch, _TRIPLETS),
      negative=spec.negative,
    )
  semantic = draw_semantic(
    data.paired_videos,
    (steps_per_epoch(data, spec), spec.semantic_batch_size),
    spec.negative_count,
    _rng(spec, epoch, _SEMANTIC),
  )
  return Epoch(order, triplets, *semantic)


def draw_semantic(
  videos: np.ndarray,
  shape: tuple[int, int],
  negative_count: int,
  rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
  """Anchors of Eq (1) for every step, and their negatives.

  Anchors run through random orders of all videos, one order after the other;
  a step's anchors are distinct, so the few that do not fill a last step of an
  order are left to the next one. Negatives are uniform over the other videos.

  Args:
    videos: [n] those with both modalities; fewer than 2 give no anchor.
    shape: steps, rows per step.
    negative_count: N.
    rng: of this epoch.

  Returns:
    anchors [steps, rows] and negative visual and text [steps, rows, N], which
    are videos, and the anchors that exist, [rows] bool, the same every step.
  """
  steps, rows = shape
  count = len(videos) if len(videos) > 1 else 0
  used = min(rows, count)
  per_order = max(1, count // rows)  # steps that one random order serves
  orders = -(-steps // per_order)
  place = np.zeros((steps, rows), np.int64)
  place[:, :used] = np.stack(
    [rng.permutation(count)[: per_order * used] for _ in range(orders)]
  ).reshape(-1, used)[:steps]
  drawn = rng.integers(max(1, count - 1), size=(2, steps, rows, negative_count))
  drawn += drawn >= place[..., None]  # uniform over all but the anchor itself
  table = videos if count else np.zeros(2, np.int32)
  where = np.arange(rows) < used
  return (table[place], *table[drawn], where)


def make_batch(
  data: TrainingSet, spec: BatchSpec, epoch: Epoch, step: int
) -> Batch:
  """Step `step` of an epoch, stacked over devices: axis 0 is the device."""
  rows = epoch.order[step * spec.batch_size : (step + 1) * spec.batch_size]
  where = np.arange(spec.batch_size) < len(rows)
  rows = np.concatenate([rows, np.zeros(spec.batch_size - len(rows), int)])
  shares = []
  for device in range(spec.device_count):
    own = _share(spec.batch_size, spec.device_count, device)
    partners = epoch.triplets
    chosen = [
      rows[own],
      partners.positive[rows[own]],
      partners.negative[rows[own]],
    ]
    has_partners = where[own] & partners.where[rows[own]]
    exists = [where[own], has_partners, has_partners]
    shares.append(
      assemble.sequence_fields(data, np.stack(chosen), np.stack(exists))
      | _semantic_fields(spec, epoch, step, device)
    )
  return Batch(**assemble.with_tables(shares, data.video_count, table_size))


def table_size(count: int, video_count: int) -> int:
  """M: 256 times 1, 1.5, 2, 3, 4, 6 ..., at most V."""
  size = _SMALLEST_TABLE
  while size < count:
    size = size * 3 // 2 if size & (size - 1) == 0 else size * 4 // 3
  return max(1, min(size, video_count))


def _semantic_fields(
  spec: BatchSpec, epoch: Epoch, step: int, device: int
) -> dict[str, np.ndarray]:
  """Eq (1)'s rows of one device, videos by catalogue id.

  With in-batch negatives every device holds the whole minibatch, since all of
  it are negatives, and counts its own share of the anchors.
  """
  rows = spec.semantic_batch_size
  own = _share(rows, spec.device_count, device)
  where = np.zeros(rows, bool)
  where[own] = epoch.anchor_where[own]
  held = slice(None) if spec.negative_count == 0 else own
  return {
    'semantic_anchors': epoch.anchors[step][held],
    'semantic_negative_visual': epoch.negative_visual[step][held],
    'semantic_negative_text': epoch.negative_text[step][held],
    'semantic_where': where[held],
    'semantic_pool_where': epoch.anchor_where[held],
  }


def _share(row_count: int, device_count: int, device: int) -> slice:
  """The rows of one device."""
  size = row_count // device_count
  return slice(device * size, (device + 1) * size)


def _rng(spec: BatchSpec, epoch: int, purpose: int) -> np.random.Generator:
  """Randomness of (seed, epoch, purpose)."""
  return np.random.default_rng((spec.seed, epoch, purpose))
