"""Eq (9) on one batch: from index arrays and frozen features to loss terms."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from dynrec_jax import losses, sampled_softmax, softmax
from dynrec_jax.data.batch import Batch, Targets
from dynrec_jax.features.catalogue import Features
from dynrec_jax.losses import LossTerms, LossWeights
from dynrec_jax.models.network import Forward, Network
from dynrec_jax.parallel import devices
from dynrec_jax.parallel.catalogue import Cut
from dynrec_jax.parallel.cut_softmax import cut_coherence_loss

REDUCTIONS = ('sum', 'mean', 'full_sum')
# What tells the videos that were watched from others: Eq (7) and (8) over all
# videos or over a sample of them (A47), or a loss of sampled negatives, each
# alone or each beside the video watched (A28).
SOFTMAXES = ('softmax', 'sampled_softmax')
LOSSES = ('softmax', 'logistic', 'bpr')
# Of a full softmax: rows handled at once, and logits, 512 MiB of them.
_MOST_ROWS = 512
_LOGITS_AT_ONCE = 1 << 27


class ObjectiveSettings(NamedTuple):
  """What Eq (9) leaves to choose; static.

  Attributes:
    wanted: whether each of the terms that lambda_1 to lambda_3 weigh is
      computed; one that is not is 0.
    semantic_margin: tau_1.
    relevance_margin: tau_2.
    in_batch_negatives: Eq (1) against all others of the minibatch.
    product_dtype: of products' operands; None is float32.
    coherence: of SOFTMAXES or LOSSES; 'sampled_softmax' reads the batch's
      candidates and parameters with their rows alone, 'logistic' and 'bpr' its
      negatives.
    mask_known: no softmax holds the videos that a user is known to have
      watched, as no list does; of networks that read the history, of one state.
    cut: of a catalogue over devices: parameters and features are a device's
      part of them. None where each has all.
  """

  wanted: LossWeights
  semantic_margin: float
  relevance_margin: float
  in_batch_negatives: bool
  product_dtype: Any
  coherence: str = 'softmax'
  mask_known: bool = False
  cut: Cut | None = None


def loss_terms(
  network: Network,
  params: Any,
  features: Features,
  batch: Batch,
  settings: ObjectiveSettings,
  key: jax.Array | None = None,
) -> tuple[LossTerms, Array]:
  """The four sums of Eq (9) over one device's share of a batch.

  Paper: Eq. (1), (4), (6), (8); see `losses` for each. What a network or a
  batch has not is a term of 0.

  Args:
    network: any.
    params: its parameters; of 'sampled_softmax', and of a network to match, the
      candidates' rows in the place of all videos'.
    features: of the whole catalogue; a device's part of a cut one.
    batch: one device's share.
    settings: static choices.
    key: of a training step, the same on all devices; None leaves nothing to
      chance.

  Returns:
    The sums, and the sum over anchors of |T_u u|, which shows a collapse of
    Eq (4)'s trivial minimum.

  Raises:
    ValueError: a catalogue is cut, of a network or loss that reads it whole.
  """
  if settings.cut is not None:
    _check_cut(network, settings)
    features = settings.cut.readable(features, alike=False)
  reads_history = settings.wanted.interest or network.reads_history
  forward = network.forward(
    params,
    features,
    batch.sequences,
    batch.history if reads_history else None,
    product_dtype=settings.product_dtype,
    key=key,
  )
  own = None
  if forward.interests is not None:
    own = forward.interests[batch.interest_rows]
  terms = LossTerms(
    coherence=_coherence(network, forward, batch, settings),
    semantic=_semantic(forward, batch, settings),
    interest=_interest(forward, own, batch, settings),
    relevance=_relevance(network, forward, batch, settings),
  )
  if own is None:
    return terms, jnp.zeros(())
  length = jnp.sqrt(jnp.sum(own * own, axis=-1))
  return terms, losses.masked_sum(length, batch.sample_where)


def _check_cut(network: Network, settings: ObjectiveSettings) -> None:
  """Raises ValueError for what reads a catalogue whole that is cut."""
  if settings.coherence not in SOFTMAXES:
    raise ValueError(
      f'coherence is {settings.coherence}, which reads single rows of weights; '
      'of a catalogue that is cut over devices it must be softmax or '
      'sampled_softmax'
    )
  if network.frozen:
    raise ValueError(
      f'a catalogue is cut over devices, of which {", ".join(network.frozen)} '
      'are not; right: one that is whole on each'
    )


def term_counts(batch: Batch) -> LossTerms:
  """How many anchors each term sums over, on one device."""
  semantic = batch.semantic
  return LossTerms(
    coherence=_count(batch.sample_where),
    semantic=jnp.zeros(()) if semantic is None else _count(semantic.where),
    interest=_count(_has_history(batch)),
    relevance=_count(batch.relevance_where),
  )


def term_scales(
  counts: LossTerms, populations: LossTerms, reduction: str
) -> LossTerms:
  """What each sum is multiplied with before Eq (9) weighs it (A18).

  Args:
    counts: anchors of each term in the minibatch, over all devices.
    populations: anchors of each term in one epoch over everything.
    reduction: 'sum' takes the minibatch's sum as it is, 'mean' divides by the
      count, 'full_sum' estimates the sum over the population.

  Returns:
    One factor per term; 0 for a term without an anchor.

  Raises:
    ValueError: for an unknown reduction.
  """
  if reduction not in REDUCTIONS:
    raise ValueError(
      f'reduction is {reduction!r}; valid are {", ".join(REDUCTIONS)}'
    )
  if reduction == 'sum':
    return LossTerms(*(jnp.ones_like(c) for c in counts))
  whole = populations if reduction == 'full_sum' else LossTerms(1, 1, 1, 1)
  return LossTerms(
    *(
      jnp.where(c > 0, p / jnp.maximum(c, 1), 0)
      for c, p in zip(counts, whole, strict=True)
    )
  )


def _coherence(
  network: Network, forward: Forward, batch: Batch, settings: ObjectiveSettings
) -> Array:
  """Eq (8) on the anchors' states, or what stands in its place."""
  targets = batch.targets
  if settings.coherence != 'softmax':
    places = targets.rows if network.one_state else targets.positions
    states = forward.states[places]  # [Q, H]
    if settings.coherence == 'sampled_softmax':
      return _by_candidates(forward, states, batch, settings)
    return _sampled_coherence(forward, states, targets, settings.coherence)
  counted = {
    'where': targets.where,
    'weights': targets.weights,
    'output_bias': forward.output_bias,
    'product_dtype': settings.product_dtype,
    'chunk_size': _chunk_size(forward.output_kernel.shape[-2]),
  }
  if settings.cut is not None:
    return _cut_coherence(network, forward, targets, counted, settings.cut)
  if network.one_state:
    if network.reads_history and settings.mask_known:
      counted['excluded'] = _known(network, batch)
    return _bag_coherence(forward, batch, counted)
  return softmax.fused_coherence_loss(
    forward.states[targets.positions],
    forward.output_kernel,
    targets.videos,
    **counted,
  )


def _chunk_size(video_count: int) -> int:
  """Rows whose logits are held at once: fewer of a large catalogue."""
  return max(1, min(_MOST_ROWS, _LOGITS_AT_ONCE // video_count))


def _cut_coherence(
  network: Network, forward: Forward, targets: Targets, counted: dict, cut: Cut
) -> Array:
  """Eq (8) on states before a catalogue that is cut over devices."""
  # Of one state, which stands for all its targets, a row for each of them.
  places = targets.rows if network.one_state else targets.positions
  return cut_coherence_loss(
    forward.states[places],
    forward.output_kernel,
    targets.videos,
    video_count=cut.video_count,
    **counted,
  )


def _bag_coherence(forward: Forward, batch: Batch, counted: dict) -> Array:
  """Eq (8) of one state for all targets; the mean over members' losses."""
  states, kernels = forward.states, forward.output_kernel
  if states.ndim == 2:
    states, kernels = states[None], kernels[None]
  targets = batch.targets
  losses_of = [
    softmax.bag_coherence_loss(
      own[: len(batch.sample_where)],  # the anchors'
      kernel,
      targets.rows,
      targets.videos,
      **counted,
    )
    for own, kernel in zip(states, kernels, strict=True)
  ]
  return jnp.mean(jnp.stack(losses_of))


def _by_candidates(
  forward: Forward, states: Array, batch: Batch, settings: ObjectiveSettings
) -> Array:
  """Eq (8) over the batch's candidates, whose rows are the kernel."""
  targets, candidates = batch.targets, batch.candidates
  shape = (len(batch.sample_where), len(candidates.videos))
  own = jnp.zeros(shape, bool)
  own = own.at[targets.rows, candidates.targets].max(targets.where)
  return sampled_softmax.sampled_coherence_loss(
    states,
    forward.output_kernel,
    candidates.targets,
    candidates.log_weights,
    sequences=targets.rows,
    own=own,
    where=targets.where,
    weights=targets.weights,
    candidate_bias=forward.output_bias,
    product_dtype=settings.product_dtype,
  )


def _known(network: Network, batch: Batch) -> Array:
  """[B, V] bool, the videos that each anchor is known to have watched."""
  weights = batch.history.weights
  known = jnp.zeros((len(weights), network.video_count), bool)
  return known.at[:, batch.sequences.video_ids].max(weights > 0)


def _sampled_coherence(
  forward: Forward, states: Array, targets: Targets, coherence: str
) -> Array:
  """The same of the videos watched and a few others, not of all."""
  if targets.weights is not None:
    raise ValueError(f'coherence is {coherence}, which knows no target weights')
  loss = {
    'logistic': losses.sampled_logistic_loss,
    'bpr': losses.pairwise_ranking_loss,
  }[coherence]
  ids = jnp.concatenate([targets.videos[:, None], targets.negatives], axis=1)
  known = jnp.maximum(ids, 0)  # -1 is none
  scores = jnp.einsum('qh,qnh->qn', states, forward.output_kernel[known])
  if forward.output_bias is not None:
    scores += forward.output_bias[known]
  return loss(
    scores[:, 0],
    scores[:, 1:],
    where=targets.where,
    negative_where=targets.negatives >= 0,
  )


def _semantic(
  forward: Forward, batch: Batch, settings: ObjectiveSettings
) -> Array:
  """Eq (1) on its own rows."""
  embedding, rows = forward.embedding, batch.semantic
  if not settings.wanted.semantic or embedding is None or rows is None:
    return jnp.zeros(())
  visual = embedding.visual[rows.anchors]
  text = embedding.text[rows.anchors]
  if settings.in_batch_negatives:
    return losses.in_batch_semantic_loss(
      visual,
      text,
      margin=settings.semantic_margin,
      where=rows.pool_where,
      anchor_where=rows.where,
    )
  return losses.contrastive_semantic_loss(
    visual,
    text,
    embedding.visual[rows.negative_visual],
    embedding.text[rows.negative_text],
    margin=settings.semantic_margin,
    where=rows.where,
  )


def _interest(
  forward: Forward,
  own: Array | None,
  batch: Batch,
  settings: ObjectiveSettings,
) -> Array:
  """Eq (4) on the anchors."""
  content = forward.content_interests
  if not settings.wanted.interest or own is None or content is None:
    return jnp.zeros(())
  return losses.interest_distance_loss(own, content, where=_has_history(batch))


def _relevance(
  network: Network, forward: Forward, batch: Batch, settings: ObjectiveSettings
) -> Array:
  """Eq (6) on the last states."""
  if not settings.wanted.relevance:
    return jnp.zeros(())
  trio = _last_states(network, forward, batch)
  if trio is None:
    return jnp.zeros(())
  anchor, positive, negative = trio
  return losses.triplet_relevance_loss(
    anchor,
    positive,
    negative,
    margin=settings.relevance_margin,
    where=batch.relevance_where,
  )


def _last_states(
  network: Network, forward: Forward, batch: Batch
) -> Array | None:
  """[3, B, H] of anchors and their partners; None if nobody has partners."""
  states, last = forward.states, batch.sequences.last
  # States of members, [N, B, H], are the anchors' too.
  if network.one_state and (states.ndim == 3 or len(states) < last.size):
    return None
  if network.one_state:
    states = states.reshape(*last.shape, -1)
  else:
    states = states[last]
  if batch.partners is not None:
    others = devices.all_rows(states[0])[batch.partners]  # [2, B, H]
    return jnp.concatenate([states, others])
  return states if len(states) == 3 else None


def _has_history(batch: Batch) -> Array:
  """[B], anchors whose Eq (3) is defined: some watch is known."""
  return batch.sample_where & (batch.history.counts > 0)


def _count(where: Array) -> Array:
  """How many count, as float32."""
  return jnp.sum(where, dtype=jnp.float32)
