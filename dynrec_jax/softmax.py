"""The full softmax and its cost, Eq. (7) and (8), in little memory.

The logits of all rows are never held: rows go through in chunks, and a chunk's
gradient is made while its logits are there, so that every logit is made once.
A row has one target, or, where one state stands for all, a bag of them.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, ArrayLike, Bool, Float, Int

from dynrec_jax.typed import typed

# A logit whose exponential is 0 beside any other; finite, so that 0 of it is 0.
_NEVER = -1e30


@typed
def fused_coherence_loss(
  states: Float[ArrayLike, 'P H'],
  output_kernel: Float[ArrayLike, 'V H'],
  targets: Int[ArrayLike, 'P'],
  *,
  where: Bool[ArrayLike, 'P'] | None = None,
  weights: Float[ArrayLike, 'P'] | None = None,
  output_bias: Float[ArrayLike, 'V'] | None = None,
  chunk_size: int = 512,
  product_dtype: DTypeLike | None = None,
) -> Float[Array, '']:
  """Minus the log-probability of the videos that were watched, summed.

  Paper: Eq. (7) with (8), per row -log softmax(T_p h)[target].

  Chunks behind the last row that counts cost nothing: callers put the rows
  that count first. A chunk holds about 2 x chunk_size x V numbers.

  Args:
    states: h, one row per position; in rows that do not count, anything.
    output_kernel: T_p, one row per video.
    targets: the video watched, in [0, V) where the row counts.
    where: rows that count; None counts every row.
    weights: how much each row counts, a constant, 0 or more; None is 1 each.
    output_bias: added to the logits, an ablation; the paper has none.
    chunk_size: most rows handled at once; changes time and memory, not the
      value.
    product_dtype: dtype of the operands of every product, whose sums stay in
      the dtype of `states`; None leaves the operands as they are.

  Returns:
    The sum over the rows that count; 0 if none does.

  Raises:
    ValueError: chunk_size is not positive.
  """
  states, output_kernel, targets = map(
    jnp.asarray, (states, output_kernel, targets)
  )
  plan, extra = _planned(states, chunk_size, product_dtype)
  mass = _weights(targets, where, weights, states.dtype)
  states = jnp.where(mass[:, None] != 0, states, 0)
  rows = _Rows(
    jnp.pad(jnp.where(mass != 0, targets, 0), (0, extra)),
    jnp.pad(mass, (0, extra)),
  )
  states = jnp.pad(states, ((0, extra), (0, 0)))
  return _loss(plan, states, output_kernel, output_bias, rows)


@typed
def bag_coherence_loss(
  states: Float[ArrayLike, 'B H'],
  output_kernel: Float[ArrayLike, 'V H'],
  rows: Int[ArrayLike, 'Q'],
  targets: Int[ArrayLike, 'Q'],
  *,
  where: Bool[ArrayLike, 'Q'] | None = None,
  weights: Float[ArrayLike, 'Q'] | None = None,
  output_bias: Float[ArrayLike, 'V'] | None = None,
  excluded: Bool[ArrayLike, 'B V'] | None = None,
  chunk_size: int = 512,
  product_dtype: DTypeLike | None = None,
) -> Float[Array, '']:
  """The same loss where one state predicts many videos.

  Paper: Eq. (7) with (8) on states that no video changes. Per state with its
  targets t: (sum_t w_t) log sum_v exp(T_p h)_v - sum_t w_t (T_p h)_t. Equal to
  `fused_coherence_loss` on the states repeated, for a softmax each instead of
  one per target.

  Chunks behind the last state with a target cost nothing.

  Args:
    states: h; of those without a target, anything.
    output_kernel: T_p, one row per video.
    rows: the state that predicts each target, in [0, B) where it counts.
    targets: the video watched, in [0, V) where it counts.
    where: targets that count; None counts every one.
    weights: how much each target counts, a constant, 0 or more; None is 1
      each.
    output_bias: added to the logits, an ablation; the paper has none.
    excluded: videos that cannot follow a state, of probability 0; none of them
      is its target. None excludes none.
    chunk_size: most states handled at once; changes time and memory, not the
      value. A chunk holds about 3 x chunk_size x V numbers.
    product_dtype: dtype of the operands of every product, as in
      `fused_coherence_loss`.

  Returns:
    The sum over the targets that count; 0 if none does.

  Raises:
    ValueError: chunk_size is not positive.
  """
  states, output_kernel, rows, targets = map(
    jnp.asarray, (states, output_kernel, rows, targets)
  )
  plan, extra = _planned(states, chunk_size, product_dtype)
  weights = _weights(targets, where, weights, states.dtype)
  counts = weights != 0
  if excluded is not None:
    excluded = jnp.pad(jnp.asarray(excluded), ((0, extra), (0, 0)))
  bag = _Bag(
    jnp.where(counts, rows, 0), jnp.where(counts, targets, 0), weights, excluded
  )
  mass = jnp.zeros(states.shape[0], states.dtype).at[bag.rows].add(weights)
  states = jnp.where(mass[:, None] != 0, states, 0)
  states = jnp.pad(states, ((0, extra), (0, 0)))
  mass = jnp.pad(mass, (0, extra))
  return _bag_loss(plan, states, output_kernel, output_bias, mass, bag)


class _Plan(NamedTuple):
  """What is static: rows of a chunk, dtype of the products' operands."""

  size: int
  dtype: jnp.dtype | None


class _Rows(NamedTuple):
  """What has no gradient: each row's target, and how much it counts."""

  targets: Array
  mass: Array


class _Bag(NamedTuple):
  """What has no gradient: targets with their rows, and how much they count.

  `excluded` is [B, V] bool, videos that no softmax holds, or None.
  """

  rows: Array
  targets: Array
  weights: Array
  excluded: Array | None


def _planned(states, chunk_size, product_dtype):
  """The plan, and how many rows of padding fill the last chunk."""
  if chunk_size < 1:
    raise ValueError(f'chunk_size is {chunk_size}, must be 1 or more')
  count = states.shape[0]
  shape = _chunk_shape(count, chunk_size)
  plan = _Plan(shape[1], product_dtype and jnp.dtype(product_dtype))
  return plan, shape[0] * shape[1] - count


def _chunk_shape(row_count, chunk_size):
  """(chunks, rows of each), as even as can be: few rows are padding."""
  chunk_count = max(1, -(-row_count // chunk_size))
  return chunk_count, max(1, -(-row_count // chunk_count))


def _weights(targets, where, weights, dtype):
  """How much each target counts: 0 where it does not."""
  if weights is None:
    weights = jnp.ones(targets.shape, dtype)
  weights = jnp.asarray(weights, dtype)
  return weights if where is None else jnp.where(where, weights, 0)


def _product(plan, axes, left, right):
  """An einsum with operands of the plan's dtype, summed in left's."""
  if plan.dtype is None:
    return jnp.einsum(axes, left, right)
  operands = left.astype(plan.dtype), right.astype(plan.dtype)
  return jnp.einsum(axes, *operands, preferred_element_type=left.dtype)


def _chunk_count(plan, mass):
  """How many chunks to run: up to the last row that counts."""
  chunk = 1 + jnp.arange(mass.shape[0]) // plan.size
  return jnp.max(jnp.where(mass != 0, chunk, 0))


def _chunk(plan, start, *columns):
  """The rows of a chunk."""
  return (lax.dynamic_slice_in_dim(x, start, plan.size) for x in columns)


def _logits(plan, states, kernel, bias):
  """[C, V], Eq (7)'s."""
  logits = _product(plan, 'ph,vh->pv', states, kernel)
  return logits if bias is None else logits + bias


def _exponentials(logits):
  """exp(logits - peak) [C, V], their sums [C] and the log-sum [C]."""
  peak = jnp.max(logits, axis=-1)
  exps = jnp.exp(logits - peak[:, None])
  norm = jnp.sum(exps, axis=-1)
  return exps, norm, peak + jnp.log(norm)


def _label_sum(plan, states, kernel, bias, rows):
  """The sum of the targets' logits, as much as they count."""
  labels = kernel[rows.targets]  # [P, H]
  if plan.dtype is not None:  # rounded as in the logits
    labels, states = (
      x.astype(plan.dtype).astype(states.dtype) for x in (labels, states)
    )
  logits = jnp.sum(states * labels, axis=-1)
  if bias is not None:
    logits = logits + bias[rows.targets]
  return _weighted_sum(rows.mass, logits)


def _weighted_sum(mass, values):
  """The sum of the values that count, times their weights."""
  return jnp.sum(jnp.where(mass != 0, mass * values, 0))


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _loss(plan, states, kernel, bias, rows):
  """The loss alone: nobody asked for a gradient."""

  def body(i, total):
    here, mass = _chunk(plan, i * plan.size, states, rows.mass)
    log_sum = _exponentials(_logits(plan, here, kernel, bias))[2]
    return total + _weighted_sum(mass, log_sum)

  count = _chunk_count(plan, rows.mass)
  total = lax.fori_loop(0, count, body, jnp.zeros((), states.dtype))
  return total - _label_sum(plan, states, kernel, bias, rows)


def _loss_fwd(plan, states, kernel, bias, rows):
  """The loss, and its gradients as what the backward pass needs."""

  def body(i, carry):
    total, d_states, d_kernel, d_bias = carry
    start = i * plan.size
    here, mass = _chunk(plan, start, states, rows.mass)
    exps, norm, log_sum = _exponentials(_logits(plan, here, kernel, bias))
    # Scaling the [C, H] sides, not exps, saves a pass over [C, V].
    scale = jnp.where(mass != 0, mass / norm, 0)[:, None]
    d_here = scale * _product(plan, 'pv,vh->ph', exps, kernel)
    d_states = lax.dynamic_update_slice_in_dim(d_states, d_here, start, 0)
    d_kernel += _product(plan, 'pv,ph->vh', exps, here * scale)
    if bias is not None:
      d_bias += scale[:, 0] @ exps
    total += _weighted_sum(mass, log_sum)
    return total, d_states, d_kernel, d_bias

  zeros = jax.tree.map(jnp.zeros_like, (states, kernel, bias))
  carry = (jnp.zeros((), states.dtype), *zeros)
  count = _chunk_count(plan, rows.mass)
  total, *grads = lax.fori_loop(0, count, body, carry)
  loss = total - _label_sum(plan, states, kernel, bias, rows)
  return loss, _minus_labels(states, kernel, grads, rows)


def _minus_labels(states, kernel, grads, rows):
  """Takes the targets' part, -1 times its weight, off the gradients."""
  d_states, d_kernel, d_bias = grads
  mass = rows.mass
  d_states -= mass[:, None] * kernel[rows.targets]
  d_kernel = d_kernel.at[rows.targets].add(-mass[:, None] * states)
  if d_bias is not None:
    d_bias = d_bias.at[rows.targets].add(-mass)
  return d_states, d_kernel, d_bias


def _loss_bwd(plan, grads, scale):
  """The gradients, made in the forward pass, times the loss's own."""
  del plan
  return (*jax.tree.map(lambda x: scale * x, grads), None)


_loss.defvjp(_loss_fwd, _loss_bwd)


def _wanted(plan, start, video_count, bag):
  """[C, V] the summed weights of the targets of a chunk's states."""
  rows = bag.rows - start
  rows = jnp.where(rows < 0, plan.size, rows)  # an index below 0 would wrap
  wanted = jnp.zeros((plan.size, video_count), bag.weights.dtype)
  return wanted.at[rows, bag.targets].add(bag.weights, mode='drop')


def _bag_logits(plan, start, states, kernel, bias, bag):
  """[C, V], Eq (7)'s, of no probability where a video is excluded."""
  logits = _logits(plan, states, kernel, bias)
  if bag.excluded is None:
    return logits
  (out,) = _chunk(plan, start, bag.excluded)
  return jnp.where(out, _NEVER, logits)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _bag_loss(plan, states, kernel, bias, mass, bag):
  """The loss alone: nobody asked for a gradient."""

  def body(i, total):
    start = i * plan.size
    here, own = _chunk(plan, start, states, mass)
    logits = _bag_logits(plan, start, here, kernel, bias, bag)
    wanted = _wanted(plan, start, kernel.shape[0], bag)
    total += _weighted_sum(own, _exponentials(logits)[2])
    return total - _weighted_sum(wanted, logits)

  count = _chunk_count(plan, mass)
  return lax.fori_loop(0, count, body, jnp.zeros((), states.dtype))


def _bag_loss_fwd(plan, states, kernel, bias, mass, bag):
  """The loss, and its gradients as what the backward pass needs."""

  def body(i, carry):
    total, d_states, d_kernel, d_bias = carry
    start = i * plan.size
    here, own = _chunk(plan, start, states, mass)
    logits = _bag_logits(plan, start, here, kernel, bias, bag)
    wanted = _wanted(plan, start, kernel.shape[0], bag)
    exps, norm, log_sum = _exponentials(logits)
    # Few rows, each of many targets: their part is taken off here, in place
    # of reading and adding up a row of the kernel for each.
    d_logits = (own / norm)[:, None] * exps - wanted
    d_here = _product(plan, 'pv,vh->ph', d_logits, kernel)
    d_states = lax.dynamic_update_slice_in_dim(d_states, d_here, start, 0)
    d_kernel += _product(plan, 'pv,ph->vh', d_logits, here)
    if bias is not None:
      d_bias += jnp.sum(d_logits, axis=0)
    total += _weighted_sum(own, log_sum) - _weighted_sum(wanted, logits)
    return total, d_states, d_kernel, d_bias

  zeros = jax.tree.map(jnp.zeros_like, (states, kernel, bias))
  carry = (jnp.zeros((), states.dtype), *zeros)
  total, *grads = lax.fori_loop(0, _chunk_count(plan, mass), body, carry)
  return total, tuple(grads)


def _bag_loss_bwd(plan, grads, scale):
  """The gradients, made in the forward pass, times the loss's own."""
  return (*_loss_bwd(plan, grads, scale), None)


_bag_loss.defvjp(_bag_loss_fwd, _bag_loss_bwd)
