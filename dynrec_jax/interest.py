"""A user's interest as it fades: the time-decayed means of Eq. (2) and (3).

The decay and the division by N_u are taken in the arrays' own library: the
host weighs ragged histories in NumPy's float64, the device adds up a batch.
"""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Real

from dynrec_jax.losses import unit
from dynrec_jax.typed import typed

NORMS = ('sum_weights', 'count', 'l2')


@typed
def decay_weights(
  ages: Float[np.ndarray | Array, '*shape'], *, decay: float | int
) -> Float[np.ndarray | Array, '*shape']:
  """How much each behaviour still says about its user.

  Paper: Eq. (2) and (3), exp(-decay * age).

  Args:
    ages: t - t_i in units of time, >= 0.
    decay: lambda, per unit of time.

  Returns:
    Weights in [0, 1], in the library and dtype of the ages.
  """
  return ages.__array_namespace__().exp(-decay * ages)


@typed
def normalised(
  pooled: Float[np.ndarray | Array, 'B K'],
  total: Real[np.ndarray | Array, 'B'],
  count: Real[np.ndarray | Array, 'B'],
  *,
  norm: str,
) -> Float[np.ndarray | Array, 'B K']:
  """Weighted sums divided by N.

  Paper: the 1/N_u of Eq. (2) and 1/N_e of Eq. (3). N is not given.

  Args:
    pooled: sums of a user's vectors, each times its `decay_weights`.
    total: the sums of those weights.
    count: behaviours per user; read by norm `count` only.
    norm: N: `sum_weights` (a mean: topic shares keep the sum 1), `count` (of
      behaviours, so old ones fade to 0), `l2` (unit length).

  Returns:
    One vector per user, in the library of `pooled`; 0 for a user without
    behaviour.

  Raises:
    ValueError: `norm` is none of the three.
  """
  check_norm(norm)
  library = pooled.__array_namespace__()
  if norm == 'count':
    total = library.maximum(count, 1).astype(pooled.dtype)
  mean = pooled / library.where(total > 0, total, 1)[:, None]
  if norm != 'l2':
    return mean
  if library is np:  # float64 need not take the mean first: one rounding less
    length = np.linalg.norm(pooled, axis=1, keepdims=True)
    return pooled / np.where(length > 0, length, 1)
  # Of the mean, not of the sum: old behaviours' weights may underflow squared.
  return unit(mean)


def check_norm(norm: str) -> None:
  """Raises ValueError for an unknown norm."""
  if norm not in NORMS:
    raise ValueError(f'norm is {norm!r}, expected one of {", ".join(NORMS)}')


@typed
def weighted_interest(
  weights: Float[ArrayLike, 'B M'],
  vectors: Float[ArrayLike, 'M K'],
  *,
  norm: str,
  count: Real[ArrayLike, 'B'],
) -> Float[Array, 'B K']:
  """The time-decayed means of users whose behaviours share a table of vectors.

  Paper: Eq. (3), u~ = (1/N_e) sum_i x_i exp(-decay * age_i), as one product: a
  training batch embeds each of its M videos once.

  Args:
    weights: `decay_weights`, summed per video; 0 for videos not watched.
    vectors: the videos' vectors; all finite, as each meets each user.
    norm: N_e, see `normalised`.
    count: behaviours per user; read by norm `count` only.

  Returns:
    One vector per user; 0 for a user without behaviour.

  Raises:
    ValueError: `norm` is none of the three.
  """
  weights, count = jnp.asarray(weights), jnp.asarray(count)
  return normalised(weights @ vectors, weights.sum(-1), count, norm=norm)
