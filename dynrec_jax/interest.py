"""A user's interest as it fades: the time-decayed means of Eq. (2) and (3)."""

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Float, Real

from dynrec_jax.losses import unit
from dynrec_jax.typed import typed

NORMS = ('sum_weights', 'count', 'l2')


@typed
def decay_weights(
  ages: Float[ArrayLike, 'B N'],
  *,
  decay: float | int,
  where: Bool[ArrayLike, 'B N'],
) -> Float[Array, 'B N']:
  """How much each behaviour still says about its user.

  Paper: Eq. (2) and (3), exp(-decay * age).

  Args:
    ages: t - t_i in units of time, >= 0 where they count.
    decay: lambda, per unit of time.
    where: behaviours that count, those with t_i <= t.

  Returns:
    Weights in [0, 1], 0 where masked (whatever the age says there) and where
    decay * age exceeds 87, below float32's range.
  """
  # Masked before exp: padding may hold an age whose exp is infinite.
  ages = jnp.where(where, ages, 0)
  return jnp.where(where, jnp.exp(-decay * ages), 0)


def _normalise(pooled, total, count, norm):
  """Divides weighted sums [B, K] by the N_u that `norm` names."""
  if norm == 'count':
    return pooled / jnp.maximum(count, 1).astype(pooled.dtype)[:, None]
  mean = pooled / jnp.where(total > 0, total, 1)[:, None]
  # Of the mean, not of the sum: old behaviours' weights may underflow squared.
  return unit(mean) if norm == 'l2' else mean


def _check_norm(norm):
  if norm not in NORMS:
    raise ValueError(f'norm is {norm!r}, expected one of {", ".join(NORMS)}')


@typed
def decayed_interest(
  topics: Float[ArrayLike, 'B N K'],
  ages: Float[ArrayLike, 'B N'],
  *,
  decay: float | int,
  where: Bool[ArrayLike, 'B N'],
  norm: str = 'sum_weights',
) -> Float[Array, 'B K']:
  """The time-decayed mean of the vectors of a user's behaviours.

  Paper: Eq. (2), u = (1/N_u) sum_i m_i exp(-decay * age_i), and Eq. (3), the
  same with the watched videos' embeddings for m_i. N_u is not given.

  Args:
    topics: m_i, one vector per behaviour, at most N behaviours per user.
    ages: t - t_i in units of time, >= 0 where they count.
    decay: lambda, per unit of time.
    where: behaviours that count, those with t_i <= t.
    norm: N_u: `sum_weights` (a mean: topic shares keep the sum 1), `count`
      (of behaviours, so old ones fade to 0), `l2` (unit length).

  Returns:
    One vector per user; 0 for a user without behaviour.

  Raises:
    ValueError: `norm` is none of the three.
  """
  _check_norm(norm)
  where = jnp.asarray(where)
  weights = decay_weights(ages, decay=decay, where=where)
  pooled = jnp.einsum(
    'bn,bnk->bk', weights, jnp.where(where[..., None], topics, 0)
  )
  return _normalise(pooled, weights.sum(-1), where.sum(-1), norm)


@typed
def weighted_interest(
  weights: Float[ArrayLike, 'B M'],
  vectors: Float[ArrayLike, 'M K'],
  *,
  norm: str,
  count: Real[ArrayLike, 'B'],
) -> Float[Array, 'B K']:
  """`decayed_interest` of users whose behaviours share one table of vectors.

  Paper: Eq. (3), as one product: a training batch embeds each of its M videos
  once.

  Args:
    weights: `decay_weights`, summed per video; 0 for videos not watched.
    vectors: the videos' vectors; all finite, as each meets each user.
    norm: N_e, as in `decayed_interest`.
    count: behaviours per user; read by norm `count` only.

  Returns:
    One vector per user; 0 for a user without behaviour.

  Raises:
    ValueError: `norm` is none of the three.
  """
  _check_norm(norm)
  weights, count = jnp.asarray(weights), jnp.asarray(count)
  return _normalise(weights @ vectors, weights.sum(-1), count, norm)
