"""The paper's losses, Eq. (1), (4) and (6) to (9): sums over what counts."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Float, Int

from dynrec_jax.typed import typed


class LossTerms(NamedTuple):
  """The four sums that Eq. (9) combines, or anything of that shape."""

  coherence: Any
  semantic: Any
  interest: Any
  relevance: Any


class LossWeights(NamedTuple):
  """lambda_1 to lambda_3 of Eq. (9); the coherence term has weight 1."""

  semantic: float
  interest: float
  relevance: float


@typed
def unit(x: Float[ArrayLike, '*rows D']) -> Float[Array, '*rows D']:
  """The vectors on the last axis at length 1; a zero vector stays zero.

  Paper: the x / |x| that Eq. (1) and (6) ask for. The gradient at x = 0, where
  none exists, is 0.

  Args:
    x: vectors; shorter than about 1e-19 counts as zero in float32.

  Returns:
    The scaled vectors, dtype unchanged.
  """
  x = jnp.asarray(x)
  squared = jnp.sum(x * x, axis=-1, keepdims=True)
  nonzero = squared > 0
  scale = jax.lax.rsqrt(jnp.where(nonzero, squared, 1))
  return x * jnp.where(nonzero, scale, 0)


@typed
def masked_sum(
  values: Float[ArrayLike, '*shape'],
  where: Bool[ArrayLike, '*shape'] | None = None,
) -> Float[Array, '']:
  """The sum of the values that count; None counts every value."""
  return jnp.sum(values if where is None else jnp.where(where, values, 0))


def _blank(x, where):
  """`x` with the rows that do not count set to 0: no junk reaches a gradient.

  `where` covers the leading axes of `x`.
  """
  if where is None:
    return jnp.asarray(x)
  where = jnp.asarray(where)
  return jnp.where(
    where.reshape(where.shape + (1,) * (x.ndim - where.ndim)), x, 0
  )


@typed
def contrastive_semantic_loss(
  visual: Float[ArrayLike, 'B D'],
  text: Float[ArrayLike, 'B D'],
  negative_visual: Float[ArrayLike, 'B N D'],
  negative_text: Float[ArrayLike, 'B N D'],
  *,
  margin: float | int,
  where: Bool[ArrayLike, 'B'] | None = None,
  negative_where: Bool[ArrayLike, 'B N'] | None = None,
) -> Float[Array, '']:
  """Hinge cost of a video's image and text lying no closer than random ones.

  Paper: Eq. (1), per video the sum over its negatives n of
  max(0, margin - v.t + v.t_n) + max(0, margin - v.t + v_n.t), unit vectors.

  Args:
    visual: embedded visual features T_v v, any length.
    text: embedded text features T_t t of the same videos.
    negative_visual: those of N random other videos per row.
    negative_text: those of N random other videos per row, not necessarily
      the same ones.
    margin: tau_1, a cosine, in [0, 2].
    where: rows that count (both modalities known); None counts every row.
    negative_where: negatives that count, in both directions; None counts all.

  Returns:
    The sum over the rows, negatives and directions that count.
  """
  counts = jnp.ones(negative_visual.shape[:2], bool)
  if where is not None:
    counts &= jnp.asarray(where)[:, None]
  if negative_where is not None:
    counts &= jnp.asarray(negative_where)
  v, t = unit(_blank(visual, where)), unit(_blank(text, where))
  v_n = unit(_blank(negative_visual, counts))
  t_n = unit(_blank(negative_text, counts))
  near = jnp.sum(v * t, axis=-1, keepdims=True)  # [B, 1]
  far_text = jnp.einsum('bd,bnd->bn', v, t_n)
  far_visual = jnp.einsum('bd,bnd->bn', t, v_n)
  cost = jax.nn.relu(margin - near + far_text)
  cost += jax.nn.relu(margin - near + far_visual)
  return masked_sum(cost, counts)


@typed
def in_batch_semantic_loss(
  visual: Float[ArrayLike, 'B D'],
  text: Float[ArrayLike, 'B D'],
  *,
  margin: float | int,
  where: Bool[ArrayLike, 'B'] | None = None,
  anchor_where: Bool[ArrayLike, 'B'] | None = None,
) -> Float[Array, '']:
  """Eq. (1) with all other videos of the minibatch as the negatives.

  Paper: Eq. (1), see `contrastive_semantic_loss`.
  Differs: the paper draws negatives at random; a shuffled minibatch does so
    too, and gives B - 1 of them at the cost of one product.

  Args:
    visual: embedded visual features of distinct videos.
    text: embedded text features of the same videos.
    margin: tau_1, a cosine, in [0, 2].
    where: rows that count, as anchors and as negatives; None counts all.
    anchor_where: rows that count as anchors, if only some do: a device's own
      share of a minibatch that it holds whole. None counts all.

  Returns:
    The sum over the ordered pairs (anchor, negative) and both directions.
  """
  v, t = unit(_blank(visual, where)), unit(_blank(text, where))
  counts = ~jnp.eye(v.shape[0], dtype=bool)
  if where is not None:
    where = jnp.asarray(where)
    counts &= where[:, None] & where[None, :]
  if anchor_where is not None:
    counts &= jnp.asarray(anchor_where)[:, None]
  near = jnp.sum(v * t, axis=-1, keepdims=True)  # [B, 1]
  cosine = v @ t.T  # [B, B]; [i, j] = v_i . t_j
  cost = jax.nn.relu(margin - near + cosine)
  cost += jax.nn.relu(margin - near + cosine.T)
  return masked_sum(cost, counts)


@typed
def interest_distance_loss(
  user_interest: Float[ArrayLike, 'B D'],
  video_interest: Float[ArrayLike, 'B D'],
  *,
  where: Bool[ArrayLike, 'B'] | None = None,
) -> Float[Array, '']:
  """Squared distance of a user's two interest vectors.

  Paper: Eq. (4), per row |T_u u - T_x u~|^2. A row is a sample, not a user as
  printed: u exists once per session (A39).

  Args:
    user_interest: T_u u, mapped from the user's topics.
    video_interest: T_x u~, mapped from the content of the watched videos.
    where: rows that count (users with watches); None counts every row.

  Returns:
    The sum over the rows that count; 0 if none does.
  """
  gap = _blank(user_interest, where) - _blank(video_interest, where)
  return jnp.sum(gap * gap)


@typed
def triplet_relevance_loss(
  anchor: Float[ArrayLike, 'B H'],
  positive: Float[ArrayLike, 'B H'],
  negative: Float[ArrayLike, 'B H'],
  *,
  margin: float | int,
  where: Bool[ArrayLike, 'B'] | None = None,
) -> Float[Array, '']:
  """Hinge cost of a relevant user's state lying farther than a random one's.

  Paper: Eq. (6), per row max(0, margin - a.p + a.n) on unit vectors. One shared
  network makes all three states, and its gradient stops at none (A14).

  Args:
    anchor: last GRU state of the user at hand.
    positive: last GRU state of a user with overlapping watches.
    negative: last GRU state of a user drawn at random, redrawn every epoch.
    margin: tau_2, a cosine, in [0, 2].
    where: rows that count; None counts every row.

  Returns:
    The sum over the rows that count; 0 if none does.
  """
  a, p, n = (unit(_blank(x, where)) for x in (anchor, positive, negative))
  near = jnp.sum(a * p, axis=-1)  # [B]
  far = jnp.sum(a * n, axis=-1)  # [B]
  return masked_sum(jax.nn.relu(margin - near + far), where)


@typed
def coherence_loss(
  logits: Float[ArrayLike, 'B T V'],
  targets: Int[ArrayLike, 'B T'],
  *,
  where: Bool[ArrayLike, 'B T'] | None = None,
) -> Float[Array, '']:
  """Negative log likelihood of the videos that were watched.

  Paper: Eq. (7) and (8), per step -log softmax(T_p h)[v], summed over time.
  It holds all logits: `softmax` has the same loss without them.

  Args:
    logits: T_p h, one score per video.
    targets: id of the video watched at each step, in [0, V).
    where: steps that count; None counts every step.

  Returns:
    The sum over the steps that count, in nats; 0 if none does.
  """
  logits = _blank(logits, where)
  targets = jnp.asarray(targets)
  hit = jnp.take_along_axis(logits, targets[..., None], axis=-1)[..., 0]
  return masked_sum(jax.nn.logsumexp(logits, axis=-1) - hit, where)


@typed
def sampled_logistic_loss(
  positive: Float[ArrayLike, 'P'],
  negative: Float[ArrayLike, 'P N'],
  *,
  where: Bool[ArrayLike, 'P'] | None = None,
  negative_where: Bool[ArrayLike, 'P N'] | None = None,
) -> Float[Array, '']:
  """Cost of telling the videos that were watched from random ones, each alone.

  Paper: none printed; a reading of Static-DNN's "ranking loss" (A28). Per row
  -log sigmoid(s) - sum over its negatives n of log(1 - sigmoid(s_n)), every
  example of weight 1.

  Args:
    positive: s, scores of the videos that were watched.
    negative: scores of N other videos per row.
    where: rows that count; None counts every row.
    negative_where: negatives that count; None counts all of a row that counts.

  Returns:
    The sum over the rows and negatives that count, in nats.
  """
  counts = _pairs_that_count(negative, where, negative_where)
  cost = jax.nn.softplus(-_blank(positive, where))
  return masked_sum(cost, where) + masked_sum(
    jax.nn.softplus(_blank(negative, counts)), counts
  )


@typed
def pairwise_ranking_loss(
  positive: Float[ArrayLike, 'P'],
  negative: Float[ArrayLike, 'P N'],
  *,
  where: Bool[ArrayLike, 'P'] | None = None,
  negative_where: Bool[ArrayLike, 'P N'] | None = None,
) -> Float[Array, '']:
  """Cost of a random video scoring near or above one that was watched (BPR).

  Paper: none printed; a reading of Static-DNN's "ranking loss" (A28). Per row
  the sum over its negatives n of -log sigmoid(s - s_n).

  Args:
    positive: s, scores of the videos that were watched.
    negative: scores of N other videos per row.
    where: rows that count; None counts every row.
    negative_where: negatives that count; None counts all of a row that counts.

  Returns:
    The sum over the pairs that count, in nats.
  """
  counts = _pairs_that_count(negative, where, negative_where)
  gap = jnp.asarray(positive)[:, None] - jnp.asarray(negative)
  return masked_sum(jax.nn.softplus(-_blank(gap, counts)), counts)


def _pairs_that_count(negative, where, negative_where):
  """[P, N], where both the row and the negative count."""
  counts = jnp.ones(negative.shape, bool)
  if where is not None:
    counts &= jnp.asarray(where)[:, None]
  if negative_where is not None:
    counts &= jnp.asarray(negative_where)
  return counts


@typed
def unified_loss(terms: LossTerms, weights: LossWeights) -> Float[Array, '']:
  """The training objective but for its weight decay.

  Paper: Eq. (9), L_rec + lambda_1 L_sem + lambda_2 L_int + lambda_3 L_rel.
  Differs: lambda_4 |theta|^2 is left to the optimiser, whose decay adds the
    same gradient, 2 lambda_4 theta.

  Args:
    terms: the four sums (or means), scalars.
    weights: lambda_1 to lambda_3.

  Returns:
    The weighted sum.
  """
  return jnp.asarray(
    terms.coherence
    + weights.semantic * terms.semantic
    + weights.interest * terms.interest
    + weights.relevance * terms.relevance
  )
