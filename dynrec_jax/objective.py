"""Eq (9) on one batch: from index arrays and frozen features to loss terms."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from dynrec_jax import interest, losses, packed_gru, softmax
from dynrec_jax.data.batches import Batch
from dynrec_jax.losses import LossTerms, LossWeights
from dynrec_jax.models.theta import ContentEmbedding, DynamicRecommender

REDUCTIONS = ('sum', 'mean', 'full_sum')


class Features(NamedTuple):
  """The catalogue's frozen features on the device.

  Attributes:
    visual: [V, Dv] float16 or float32.
    text: [V, Dt] float16 or float32.
    has_visual: [V] bool.
    has_text: [V] bool.
  """

  visual: Array
  text: Array
  has_visual: Array
  has_text: Array

  def take(self, video_ids: Array) -> 'Features':
    """The rows of the named videos."""
    return Features(*(column[video_ids] for column in self))


def padded(features: Features) -> Features:
  """Visual features with zero columns where their row stride is a bad one.

  Rows a multiple of 4 KiB apart fall into the same cache sets: a product over
  gathered rows of 8,192 float32 then takes a third longer.
  """
  visual = features.visual
  if visual.shape[1] * visual.dtype.itemsize % 4096:
    return features
  return features._replace(visual=np.pad(visual, ((0, 0), (0, 16))))


class ObjectiveSettings(NamedTuple):
  """What Eq (9) leaves to choose; static.

  Attributes:
    weights: lambda_1 to lambda_3. A term of weight 0 is not computed.
    semantic_margin: tau_1.
    relevance_margin: tau_2.
    in_batch_negatives: Eq (1) against all others of the minibatch.
    interest_norm: N_e of Eq (3).
    product_dtype: of products' operands; None is float32.
  """

  weights: LossWeights
  semantic_margin: float
  relevance_margin: float
  in_batch_negatives: bool
  interest_norm: str
  product_dtype: Any


def loss_terms(
  model: DynamicRecommender,
  params: Any,
  features: Features,
  batch: Batch,
  settings: ObjectiveSettings,
) -> tuple[LossTerms, Array]:
  """The four sums of Eq (9) over one device's share of a batch.

  Paper: Eq. (1), (4), (6), (8); see `losses` for each.

  Args:
    model: the shell.
    params: theta.
    features: of the whole catalogue.
    batch: one device's share.
    settings: static choices.

  Returns:
    The sums, and the sum over anchors of |T_u u|, which shows a collapse of
    Eq (4)'s trivial minimum.
  """
  theta = model.bind({'params': params})
  embedding = theta.embed(*features.take(batch.video_ids))
  mapped = theta.map_interests(batch.interests)
  table = jnp.concatenate([theta.map_videos(embedding.content), mapped])
  states = packed_gru.gru_scan_packed_table(
    theta.gru,
    table,
    batch.inputs,
    batch.step_counts,
    row_count=batch.last.size,
    product_dtype=settings.product_dtype,
  )
  own = mapped[batch.interest_rows]
  terms = LossTerms(
    coherence=softmax.fused_coherence_loss(
      states[batch.positions],
      theta.output_kernel,
      batch.targets,
      where=batch.target_where,
      output_bias=theta.output_bias,
      product_dtype=settings.product_dtype,
    ),
    semantic=_semantic(embedding, batch, settings),
    interest=_interest(theta, own, embedding, batch, settings),
    relevance=_relevance(states, batch, settings),
  )
  length = jnp.sqrt(jnp.sum(own * own, axis=-1))
  return terms, losses.masked_sum(length, batch.sample_where)


def term_counts(batch: Batch) -> LossTerms:
  """How many anchors each term sums over, on one device."""
  return LossTerms(
    coherence=_count(batch.sample_where),
    semantic=_count(batch.semantic_where),
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


def _semantic(
  embedding: ContentEmbedding, batch: Batch, settings: ObjectiveSettings
) -> Array:
  """Eq (1) on its own rows."""
  if settings.weights.semantic == 0:
    return jnp.zeros(())
  visual = embedding.visual[batch.semantic_anchors]
  text = embedding.text[batch.semantic_anchors]
  if settings.in_batch_negatives:
    return losses.in_batch_semantic_loss(
      visual,
      text,
      margin=settings.semantic_margin,
      where=batch.semantic_pool_where,
      anchor_where=batch.semantic_where,
    )
  return losses.contrastive_semantic_loss(
    visual,
    text,
    embedding.visual[batch.semantic_negative_visual],
    embedding.text[batch.semantic_negative_text],
    margin=settings.semantic_margin,
    where=batch.semantic_where,
  )


def _interest(
  theta: DynamicRecommender,
  mapped: Array,
  embedding: ContentEmbedding,
  batch: Batch,
  settings: ObjectiveSettings,
) -> Array:
  """Eq (3) and (4) on the anchors."""
  if settings.weights.interest == 0:
    return jnp.zeros(())
  content = interest.weighted_interest(
    batch.history_weights,
    embedding.content,
    norm=settings.interest_norm,
    count=batch.history_counts,
  )
  return losses.interest_distance_loss(
    mapped, theta.map_videos(content), where=_has_history(batch)
  )


def _relevance(
  states: Array, batch: Batch, settings: ObjectiveSettings
) -> Array:
  """Eq (6) on the last states."""
  if settings.weights.relevance == 0:
    return jnp.zeros(())
  anchor, positive, negative = states[batch.last]
  return losses.triplet_relevance_loss(
    anchor,
    positive,
    negative,
    margin=settings.relevance_margin,
    where=batch.relevance_where,
  )


def _has_history(batch: Batch) -> Array:
  """[B], anchors whose Eq (3) is defined: some watch is known."""
  return batch.sample_where & (batch.history_counts > 0)


def _count(where: Array) -> Array:
  """How many count, as float32."""
  return jnp.sum(where, dtype=jnp.float32)
