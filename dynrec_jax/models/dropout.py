"""Dropout that any number of devices draws alike.

Every row of the minibatch draws from a key of its own, made of the step's key
and the row's number in the whole minibatch.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

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


@typed
def keep_videos(
  key: jax.Array, row_count: int, ids: Int[Array, 'M'], *, rate: float
) -> Bool[Array, 'B M']:
  """The same of what a device's rows have of some videos.

  A video is dropped or kept by its id, whatever other videos a device's table
  holds: each row's number mixes with it, by the last steps of MurmurHash3.

  Args:
    key: as of `keep_mask`.
    row_count: the device's rows (anchors), B.
    ids: the videos, of the catalogue.
    rate: share that is dropped, in [0, 1).

  Returns:
    True with probability 1 - rate.

  Raises:
    ValueError: rate is not in [0, 1).
  """
  if not 0 <= rate < 1:
    raise ValueError(f'rate is {rate}, must be in [0, 1)')
  rows = devices.row_numbers(row_count)
  keys = jax.vmap(jax.random.fold_in, (None, 0))(key, rows)
  own = jax.vmap(jax.random.bits)(keys)  # uint32
  mixed = own[:, None] ^ (ids.astype(jnp.uint32) * jnp.uint32(0x9E3779B1))
  mixed = (mixed ^ (mixed >> 16)) * jnp.uint32(0x85EBCA6B)
  mixed = (mixed ^ (mixed >> 13)) * jnp.uint32(0xC2B2AE35)
  mixed ^= mixed >> 16
  return mixed >= jnp.uint32(round(rate * 2**32))


@typed
def drop_videos(
  key: jax.Array,
  bags: Float[Array, 'B M'],
  ids: Int[Array, 'M'],
  *,
  rate: float,
) -> Float[Array, 'B M']:
  """A device's bags without some of their videos, the others scaled.

  Args:
    key: see `keep_videos`.
    bags: a row per anchor.
    ids: the videos, of the catalogue.
    rate: share that is dropped, in [0, 1).

  Returns:
    The bags; their expectation is `bags`.
  """
  if rate == 0:
    return bags
  keep = keep_videos(key, len(bags), ids, rate=rate)
  return jnp.where(keep, bags / (1 - rate), 0)
