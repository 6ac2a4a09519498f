"""What every epoch draws, and the batches of its steps.

A batch holds B anchors with their positive and negative partners (3B
sequences), the videos that occur in it once each, and the semantic loss's own
rows. Samples are drawn at random, whatever their lengths, and only two sizes
differ between batches, each one of a few: M, the videos, and P, the inputs.
Nearly all batches of a training have the same two.
Where partners are anchors of the same batch, or nobody has any, it holds B
sequences.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from dynrec_jax.data import (
  assemble,
  in_batch,
  negatives,
  relevance,
  semantic_rows,
  sequences,
  shared_samples,
)
from dynrec_jax.data.assemble import Share, Sizes
from dynrec_jax.data.batch import Batch, Semantic
from dynrec_jax.data.batch_spec import PARTNERS, BatchSpec
from dynrec_jax.data.in_blocks import InBlocks
from dynrec_jax.data.negatives import Negatives
from dynrec_jax.data.relevance import Triplets
from dynrec_jax.data.shared_samples import Sample
from dynrec_jax.data.shuffled import Shuffled
from dynrec_jax.data.streamed_set import AnySet

# Purposes of an epoch's randomness.
_SHUFFLE, _TRIPLETS, _SEMANTIC, _NEGATIVES, _SHARED = range(5)
_SMALLEST = 256
_LOOKED_AT = 64  # steps that tell the usual sizes
_AGREED_ON = 16  # steps whose sizes hosts agree on at once
_STEPS_AT_ONCE = 4096  # whose rows of Eq (1) are drawn and held
_NO_SIZES = Sizes(0, 0)


class Epoch(NamedTuple):
  """What one epoch draws; a function of (seed, epoch) alone.

  Attributes:
    order: [S] int64, the samples in the order of this epoch.
    triplets: their partners; None if nobody has any.
    semantic: by step, what `semantic_rows` draws.
    unseen: of every sample's targets; None if no loss asks for them.
    number: which epoch, from 0.
  """

  order: np.ndarray | Shuffled
  triplets: Triplets | None
  semantic: InBlocks
  unseen: Negatives | None
  number: int


def steps_per_epoch(data: AnySet, spec: BatchSpec) -> int:
  """How many steps see every sample once.

  Raises:
    ValueError: if there is no sample.
  """
  if not data.sample_count:
    raise ValueError(
      'no train user has a behaviour before and a watch after any session '
      'border: there is nothing to train on; right: more watches, or another '
      'span'
    )
  return -(-data.sample_count // spec.batch_size)


def batches(
  data: AnySet,
  spec: BatchSpec,
  first_step: int = 0,
  most: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Iterator[Batch]:
  """Batches from a step on, without end; step s is the same however reached.

  Args:
    data: what the samples refer to.
    spec: sizes and rules.
    first_step: of the training.
    most: numbers of this host -> the largest of each over all hosts, which all
      ask the same; None where one host makes all shares.

  Yields:
    The batches, stacked over the host's own devices, each as large as that of
    any host.
  """
  per_epoch = steps_per_epoch(data, spec)
  usual = usual_sizes(data, spec, most)
  at_once = 1 if most is None else _AGREED_ON
  epoch_count, start = divmod(first_step, per_epoch)
  while True:
    epoch = draw_epoch(data, spec, epoch_count)
    for first in range(start, per_epoch, at_once):
      steps = range(first, min(first + at_once, per_epoch))
      each = [_step(data, spec, epoch, step) for step in steps]
      for of, room in zip(each, _rooms(data, each, most), strict=True):
        yield _stacked(data, of, room, usual)
    epoch_count, start = epoch_count + 1, 0


class _Step(NamedTuple):
  """What a step's batch is made of.

  Attributes:
    shares: of each of the host's devices.
    candidates: of the whole batch; None if no loss asks for any.
  """

  shares: list[Share]
  candidates: Sample | None


def usual_sizes(
  data: AnySet,
  spec: BatchSpec,
  most: Callable[[np.ndarray], np.ndarray] | None = None,
) -> Sizes:
  """Sizes that nearly all batches fit in, so that one program serves them.

  Those of the first epoch's first steps, wherever training goes on from. Each
  other size is another program, seconds to compile; more padding costs less.
  `most` is as in `batches`.
  """
  epoch = draw_epoch(data, spec, 0)
  steps = min(_LOOKED_AT, steps_per_epoch(data, spec))
  each = [_sizes(data, _step(data, spec, epoch, s)) for s in range(steps)]
  room = np.max(each, axis=0)
  return Sizes(*(room if most is None else most(room)).tolist())


def _rooms(
  data: AnySet,
  each: list[_Step],
  most: Callable[[np.ndarray], np.ndarray] | None,
) -> list[Sizes]:
  """What each of some steps needs, on any host."""
  rooms = np.array([_sizes(data, of) for of in each])
  if most is not None:
    rooms = most(rooms)
  return [Sizes(*room) for room in rooms.tolist()]


def _step(data: AnySet, spec: BatchSpec, epoch: Epoch, step: int) -> _Step:
  """What step `step` of an epoch is made of."""
  return _Step(
    _shares(data, spec, epoch, step), _candidates(data, spec, epoch, step)
  )


def _stacked(data: AnySet, of: _Step, room: Sizes, usual: Sizes) -> Batch:
  """A step's batch, of the usual sizes at least."""
  room = Sizes(*map(max, zip(room, usual, strict=True)))
  batch = assemble.stacked(of.shares, data.video_count, room)
  if of.candidates is None:
    return batch
  return batch._replace(
    candidates=shared_samples.placed(
      of.candidates, batch.targets, room.candidates, data.video_count
    )
  )


def draw_epoch(data: AnySet, spec: BatchSpec, epoch: int) -> Epoch:
  """Everything random of one epoch.

  Raises:
    ValueError: for an unknown rule.
  """
  order, triplets = _order(data, spec, epoch)

  def semantic(block: int, steps: int):
    rng = _rng(spec, epoch, _SEMANTIC, *([block] if block else []))
    shape, count = (steps, spec.semantic_batch_size), spec.negative_count
    *videos, where = semantic_rows.draw_semantic(
      data.paired_videos, shape, count, rng
    )
    return (*videos, np.tile(where, (steps, 1)))

  unseen = None
  if spec.unseen_count:
    unseen = negatives.draw_negatives(
      data.samples,
      data.watches,
      video_count=data.video_count,
      count=spec.unseen_count,
      rng=_rng(spec, epoch, _NEGATIVES),
    )
  steps = steps_per_epoch(data, spec)
  drawn = InBlocks(semantic, steps, _STEPS_AT_ONCE)
  return Epoch(order, triplets, drawn, unseen, epoch)


def _order(
  data: AnySet, spec: BatchSpec, epoch: int
) -> tuple[np.ndarray | Shuffled, Triplets | None]:
  """The samples in the order of the epoch, and their partners."""
  if spec.partners not in PARTNERS:
    raise ValueError(
      f'partners is {spec.partners!r}; valid are {", ".join(PARTNERS)}'
    )
  rng = _rng(spec, epoch, _TRIPLETS)
  if _among_anchors(data, spec):
    return in_batch.compose(
      data.relevance,
      data.samples,
      rng,
      batch_size=spec.batch_size,
      negative=spec.negative,
    )
  order = data.shuffled(_rng(spec, epoch, _SHUFFLE))
  if data.relevance is None:
    return order, None
  return order, relevance.draw_triplets(
    data.relevance, data.samples, rng, negative=spec.negative
  )


def _among_anchors(data: AnySet, spec: BatchSpec) -> bool:
  """Whether partners are anchors of the same batch."""
  return data.relevance is not None and spec.partners == 'in_batch'


def make_batch(
  data: AnySet,
  spec: BatchSpec,
  epoch: Epoch,
  step: int,
  usual: Sizes = _NO_SIZES,
) -> Batch:
  """Step `step` of an epoch, stacked over devices: axis 0 is the device.

  Of one host, or of one host's devices as if there were no others.

  Args:
    data: what the samples refer to.
    spec: sizes and rules.
    epoch: what it draws.
    step: of the epoch.
    usual: sizes that it is given at least.

  Returns:
    The batch.
  """
  of = _step(data, spec, epoch, step)
  return _stacked(data, of, _sizes(data, of), usual)


def _sizes(data: AnySet, of: _Step) -> Sizes:
  """What a step needs, as a size that others have too."""
  room = assemble.sizes(
    of.shares, data.video_count, data.sequence_len, bucket_size
  )
  if of.candidates is None:
    return room
  count = bucket_size(len(of.candidates.videos), data.video_count)
  return room._replace(candidates=count)


def _candidates(
  data: AnySet, spec: BatchSpec, epoch: Epoch, step: int
) -> Sample | None:
  """A step's candidates, of the whole batch; None if no loss asks for any."""
  if not spec.shared_count:
    return None
  rows = epoch.order[step * spec.batch_size : (step + 1) * spec.batch_size]
  _, targets = sequences.targets_of(data.take(rows), data.watches)
  rng = _rng(spec, epoch.number, _SHARED, step)
  return shared_samples.sample(
    data.proposal,
    shared_samples.draw(data.proposal, spec.shared_count, rng),
    targets,
    sequence_count=len(rows),
    in_batch=spec.in_batch_candidates,
  )


def _shares(
  data: AnySet, spec: BatchSpec, epoch: Epoch, step: int
) -> list[Share]:
  """The share of a step of each of the host's devices."""
  rows = epoch.order[step * spec.batch_size : (step + 1) * spec.batch_size]
  where = np.arange(spec.batch_size) < len(rows)
  rows = np.concatenate([rows, np.zeros(spec.batch_size - len(rows), int)])
  in_minibatch = None
  if _among_anchors(data, spec):
    in_minibatch = _rows_of(epoch.triplets, rows, where)
  shares = []
  for device in spec.made_here:
    own = _share(spec.batch_size, spec.device_count, device)
    chosen, exists = rows[None, own], where[None, own]
    if data.relevance is not None and in_minibatch is None:
      partners = epoch.triplets
      has = exists & partners.where[chosen]
      chosen = np.concatenate(
        [chosen, partners.positive[chosen], partners.negative[chosen]]
      )
      exists = np.concatenate([exists, has, has])
    shares.append(
      assemble.make_share(
        data,
        chosen,
        exists,
        _semantic(spec, epoch, step, device),
        epoch.unseen,
        None if in_minibatch is None else in_minibatch[:, own],
      )
    )
  return shares


def _rows_of(
  triplets: Triplets, rows: np.ndarray, where: np.ndarray
) -> np.ndarray:
  """[2, B] int32, where a batch's partners stand in it; -1 of none."""
  place = np.full(len(triplets.where), -1, np.int32)
  place[rows[where]] = np.flatnonzero(where)
  found = place[np.stack([triplets.positive[rows], triplets.negative[rows]])]
  return np.where(where & triplets.where[rows], found, -1)


def bucket_size(count: int, limit: int) -> int:
  """The least of 256 times 1, 1.25, 1.5, 1.75, 2, 2.5 ... that holds count.

  Few sizes, so that few shapes are compiled; at most a quarter is padding, an
  eighth on average. `limit`, the most there can be, is a size too.
  """
  scale = _SMALLEST
  while 2 * scale < count:
    scale *= 2
  fits = [s for s in range(scale, 2 * scale + 1, scale // 4) if s >= count]
  return max(1, min(fits[0], limit))


def _semantic(
  spec: BatchSpec, epoch: Epoch, step: int, device: int
) -> Semantic | None:
  """Eq (1)'s rows of one device, videos by catalogue id.

  With in-batch negatives every device holds the whole minibatch, since all of
  it are negatives, and counts its own share of the anchors.
  """
  rows = spec.semantic_batch_size
  if not rows:
    return None
  own = _share(rows, spec.device_count, device)
  anchors, negative_visual, negative_text, exists = epoch.semantic[step]
  where = np.zeros(rows, bool)
  where[own] = exists[own]
  held = slice(None) if spec.negative_count == 0 else own
  return Semantic(
    anchors=anchors[held],
    negative_visual=negative_visual[held],
    negative_text=negative_text[held],
    where=where[held],
    pool_where=exists[held],
  )


def _share(row_count: int, device_count: int, device: int) -> slice:
  """The rows of one device."""
  size = row_count // device_count
  return slice(device * size, (device + 1) * size)


def _rng(
  spec: BatchSpec, epoch: int, purpose: int, *part: int
) -> np.random.Generator:
  """Randomness of (seed, epoch, purpose), or of a part of it."""
  return np.random.default_rng((spec.seed, epoch, purpose, *part))
