"""Dropout that any number of devices draws alike.

Every row of the minibatch draws from a key of its own, made of the step's key
and the row's number in the whole minibatch.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from dynrec_jax.parallel import devices
from dynrec_jax.typed import typed


@typed
def keep_mask(
  key: jax.Array, shape: tuple[int, ...], *, rate: float
) -> Bool[Array, '*shape']:
  """Which numbers of a device's rows stay; only in a training step.

  Args:
    key: of the step, the same on all devices. Two masks of a step need two
      keys, by `jax.random.split`.
    shape: the device's rows (anchors), and what each has.
    rate: share that is dropped, in [0, 1).

  Returns:
    True with probability 1 - rate, each on its own.

  Raises:
    ValueError: rate is not in [0, 1).
  """
  if not 0 <= rate < 1:
    raise ValueError(f'rate is {rate}, must be in [0, 1)')
  rows = devices.row_numbers(shape[0])
  keys = jax.vmap(jax.random.fold_in, (None, 0))(key, rows)
  draw = lambda own: jax.random.bernoulli(own, 1 - rate, shape[1:])  # noqa: E731
  return jax.vmap(draw)(keys)


@typed
def dropout(
  key: jax.Array | None, x: Float[Array, 'B *rest'], *, rate: float
) -> Float[Array, 'B *rest']:
  """A device's rows with some numbers at 0, the others scaled by 1/(1-rate).

  Args:
    key: see `keep_mask`; None, as outside of training, drops nothing.
    x: a row per anchor.
    rate: share that is dropped, in [0, 1).

  Returns:
    The rows; their expectation is `x`.
  """
  if key is None or rate == 0:
    return x
  keep = keep_mask(key, x.shape, rate=rate)
  return jnp.where(keep, x / (1 - rate), 0)
