"""The full softmax over a cut catalogue: each device has V / n rows of T_p.

A chunk holds as many rows of every device. Their states, [C, H], are sent to
all; each device makes the logits of its own videos, [C, V / n]; the greatest of
a row and the sum of its exponentials are found over devices, two numbers a row;
and what the rows' gradients have from each device's videos is added up and sent
back, [C, H]. No device ever holds [V, H] or a row of [V] logits.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, ArrayLike, Bool, Float, Int

from dynrec_jax.parallel import devices
from dynrec_jax.typed import typed

_AXIS = devices._AXIS
# A logit whose exponential is 0 beside any other; finite, so that 0 of it is 0.
_NEVER = -1e30


@typed
def cut_coherence_loss(
  states: Float[ArrayLike, 'P H'],
  output_kernel: Float[ArrayLike, 'S H'],
  targets: Int[ArrayLike, 'P'],
  *,
  video_count: int,
  where: Bool[ArrayLike, 'P'] | None = None,
  weights: Float[ArrayLike, 'P'] | None = None,
  output_bias: Float[ArrayLike, 'S'] | None = None,
  chunk_size: int = 512,
  product_dtype: DTypeLike | None = None,
) -> Float[Array, '']:
  """`softmax.fused_coherence_loss` of a device's own rows.

  Paper: Eq. (7) with (8), per row -log softmax(T_p h)[target], where the sum
  below the line is one over devices.

  Only inside of `catalogue.data_parallel`. Its gradients are those of the sum
  over devices: of `states`, and of the device's rows of the weights from all
  devices' states. So it must enter every device's total with one and the same
  factor; gradients of the weights are not summed again.

  Args:
    states: h of the device's own positions; in rows that do not count,
      anything.
    output_kernel: the device's rows of T_p, video_count / n rounded up.
    targets: the video watched, in [0, video_count) where the row counts.
    video_count: V; rows from there on are no video's.
    where: rows that count; None counts every row.
    weights: how much each row counts, as in `softmax`.
    output_bias: the device's part of what is added to the logits.
    chunk_size: most rows handled at once, of all devices together.
    product_dtype: dtype of the products' operands, as in `softmax`.

  Returns:
    The sum over the device's own rows that count.

  Raises:
    ValueError: chunk_size is not positive.
  """
  if chunk_size < 1:
    raise ValueError(f'chunk_size is {chunk_size}, must be 1 or more')
  states, kernel, targets = map(jnp.asarray, (states, output_kernel, targets))
  mass = jnp.ones(targets.shape) if weights is None else jnp.asarray(weights)
  mass = mass.astype(states.dtype)
  if where is not None:
    mass = jnp.where(where, mass, 0)
  count = states.shape[0]
  size = max(1, chunk_size // lax.axis_size(_AXIS))
  size = max(1, -(-count // max(1, -(-count // size))))  # as even as can be
  extra = -count % size
  states = jnp.where(mass[:, None] != 0, states, 0)
  rows = _Rows(
    jnp.pad(jnp.where(mass != 0, targets, 0), (0, extra)),
    jnp.pad(mass, (0, extra)),
  )
  plan = _Plan(size, video_count, product_dtype and jnp.dtype(product_dtype))
  states = jnp.pad(states, ((0, extra), (0, 0)))
  return _loss(plan, states, kernel, output_bias, rows)


class _Plan(NamedTuple):
  """What is static: rows of a chunk of each device, V, the products' dtype."""

  size: int
  video_count: int
  dtype: Any


class _Rows(NamedTuple):
  """What has no gradient: each row's target, and how much it counts."""

  targets: Array
  mass: Array


class _Chunk(NamedTuple):
  """A chunk's C rows of all devices, before this device's S videos.

  Attributes:
    states: [C, H].
    mass: [C].
    place: [C], row of the target here; S where another device has it.
    exps: [C, S], exp(logit - this device's greatest).
    share: [C], what makes them probabilities.
    cost: [C], each row's, the same on all devices.
  """

  states: Array
  mass: Array
  place: Array
  exps: Array
  share: Array
  cost: Array


def _product(plan: _Plan, axes: str, left: Array, right: Array) -> Array:
  """An einsum with operands of the plan's dtype, summed in left's."""
  if plan.dtype is None:
    return jnp.einsum(axes, left, right)
  operands = left.astype(plan.dtype), right.astype(plan.dtype)
  return jnp.einsum(axes, *operands, preferred_element_type=left.dtype)


def _chunk_count(plan: _Plan, mass: Array) -> Array:
  """How many chunks to run: up to the last row of any device that counts."""
  chunk = 1 + jnp.arange(mass.shape[0]) // plan.size
  return lax.pmax(jnp.max(jnp.where(mass != 0, chunk, 0), initial=0), _AXIS)


def _chunk(plan: _Plan, start, states, kernel, bias, rows: _Rows) -> _Chunk:
  """The rows of every device from `start` on, and their softmax."""
  states, targets, mass = (
    devices.all_rows(lax.dynamic_slice_in_dim(x, start, plan.size))
    for x in (states, *rows)
  )
  count = kernel.shape[0]
  first = lax.axis_index(_AXIS).astype(jnp.int32) * count
  logits = _product(plan, 'ph,vh->pv', states, kernel)
  if bias is not None:
    logits += bias
  logits = jnp.where(
    first + jnp.arange(count) < plan.video_count, logits, _NEVER
  )
  place = targets - first
  own = (place >= 0) & (place < count)
  place = jnp.where(own, place, count)
  peak = jnp.max(logits, axis=-1)
  exps = jnp.exp(logits - peak[:, None])
  highest = lax.pmax(peak, _AXIS)
  share = jnp.exp(peak - highest)
  label = logits.at[jnp.arange(len(place)), place].get(
    mode='fill', fill_value=0
  )
  norm, label = lax.psum((share * jnp.sum(exps, axis=-1), label), _AXIS)
  cost = jnp.where(mass != 0, mass * (highest + jnp.log(norm) - label), 0)
  return _Chunk(states, mass, place, exps, share / norm, cost)


def _own_cost(plan: _Plan, cost: Array) -> Array:
  """The sum over a chunk's rows of this device."""
  first = lax.axis_index(_AXIS) * plan.size
  return jnp.sum(lax.dynamic_slice_in_dim(cost, first, plan.size))


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _loss(plan, states, kernel, bias, rows):
  """The loss alone: nobody asked for a gradient."""

  def body(i, total):
    chunk = _chunk(plan, i * plan.size, states, kernel, bias, rows)
    return total + _own_cost(plan, chunk.cost)

  count = _chunk_count(plan, rows.mass)
  return lax.fori_loop(0, count, body, jnp.zeros((), states.dtype))


def _loss_fwd(plan, states, kernel, bias, rows):
  """The loss, and its gradients as what the backward pass needs."""

  def body(i, carry):
    total, d_states, d_kernel, d_bias = carry
    chunk = _chunk(plan, i * plan.size, states, kernel, bias, rows)
    mass, place = chunk.mass, chunk.place
    # Scaling the [C, H] sides, not exps, saves a pass over [C, S].
    scale = jnp.where(mass != 0, mass * chunk.share, 0)[:, None]
    d_here = scale * _product(plan, 'pv,vh->ph', chunk.exps, kernel)
    label = kernel.at[place].get(mode='fill', fill_value=0)
    d_here = lax.psum_scatter(d_here - mass[:, None] * label, _AXIS, tiled=True)
    d_states = lax.dynamic_update_slice_in_dim(
      d_states, d_here, i * plan.size, 0
    )
    d_kernel += _product(plan, 'pv,ph->vh', chunk.exps, chunk.states * scale)
    d_kernel = d_kernel.at[place].add(
      -mass[:, None] * chunk.states, mode='drop'
    )
    if bias is not None:
      d_bias += scale[:, 0] @ chunk.exps
      d_bias = d_bias.at[place].add(-mass, mode='drop')
    total += _own_cost(plan, chunk.cost)
    return total, d_states, d_kernel, d_bias

  zeros = jax.tree.map(jnp.zeros_like, (states, kernel, bias))
  carry = (jnp.zeros((), states.dtype), *zeros)
  count = _chunk_count(plan, rows.mass)
  total, *grads = lax.fori_loop(0, count, body, carry)
  return total, tuple(grads)


def _loss_bwd(plan, grads, scale):
  """The gradients, made in the forward pass, times the loss's own."""
  del plan
  return (*jax.tree.map(lambda x: scale * x, grads), None)


_loss.defvjp(_loss_fwd, _loss_bwd)
