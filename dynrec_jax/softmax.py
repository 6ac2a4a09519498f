"""The full softmax and its cost, Eq. (7) and (8), in little memory.

The logits of all rows are never held: rows go through in chunks, and a chunk's
gradient is made while its logits are there, so that every logit is made once.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, ArrayLike, Bool, Float, Int

from dynrec_jax.typed import typed


@typed
def fused_coherence_loss(
  states: Float[ArrayLike, 'P H'],
  output_kernel: Float[ArrayLike, 'V H'],
  targets: Int[ArrayLike, 'P'],
  *,
  where: Bool[ArrayLike, 'P'] | None = None,
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
  if chunk_size < 1:
    raise ValueError(f'chunk_size is {chunk_size}, must be 1 or more')
  states, output_kernel, targets = map(
    jnp.asarray, (states, output_kernel, targets)
  )
  if where is None:
    where = jnp.ones(targets.shape, bool)
  shape = _chunk_shape(targets.shape[0], chunk_size)
  extra = shape[0] * shape[1] - targets.shape[0]
  states = jnp.where(where[:, None], states, 0)
  rows = _Rows(
    jnp.pad(jnp.where(where, targets, 0), (0, extra)),
    jnp.pad(where, (0, extra)),
  )
  plan = _Plan(shape[1], product_dtype and jnp.dtype(product_dtype))
  states = jnp.pad(states, ((0, extra), (0, 0)))
  return _loss(plan, states, output_kernel, output_bias, rows)


class _Plan(NamedTuple):
  """What is static: rows of a chunk, dtype of the products' operands."""

  size: int
  dtype: jnp.dtype | None


class _Rows(NamedTuple):
  """What has no gradient: each row's target, and whether it counts."""

  targets: Array
  where: Array


def _chunk_shape(row_count, chunk_size):
  """(chunks, rows of each), as even as can be: few rows are padding."""
  chunk_count = max(1, -(-row_count // chunk_size))
  return chunk_count, max(1, -(-row_count // chunk_count))


def _product(plan, axes, left, right):
  """An einsum with operands of the plan's dtype, summed in left's."""
  if plan.dtype is None:
    return jnp.einsum(axes, left, right)
  operands = left.astype(plan.dtype), right.astype(plan.dtype)
  return jnp.einsum(axes, *operands, preferred_element_type=left.dtype)


def _chunk_count(plan, where):
  """How many chunks to run: up to the last row that counts."""
  chunk = 1 + jnp.arange(where.shape[0]) // plan.size
  return jnp.max(jnp.where(where, chunk, 0))


def _exponentials(plan, states, kernel, bias):
  """exp(logits - peak) [C, V], their sums [C] and the log-sum [C]."""
  logits = _product(plan, 'ph,vh->pv', states, kernel)
  if bias is not None:
    logits = logits + bias
  peak = jnp.max(logits, axis=-1)
  exps = jnp.exp(logits - peak[:, None])
  norm = jnp.sum(exps, axis=-1)
  return exps, norm, peak + jnp.log(norm)


def _label_sum(plan, states, kernel, bias, rows):
  """The sum of the targets' logits over the rows that count."""
  labels = kernel[rows.targets]  # [P, H]
  if plan.dtype is not None:  # rounded as in the logits
    labels, states = (
      x.astype(plan.dtype).astype(states.dtype) for x in (labels, states)
    )
  logits = jnp.sum(states * labels, axis=-1)
  if bias is not None:
    logits = logits + bias[rows.targets]
  return jnp.sum(jnp.where(rows.where, logits, 0))


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _loss(plan, states, kernel, bias, rows):
  """The loss alone: nobody asked for a gradient."""

  def body(i, total):
    here, where = (
      lax.dynamic_slice_in_dim(x, i * plan.size, plan.size)
      for x in (states, rows.where)
    )
    log_sum = _exponentials(plan, here, kernel, bias)[2]
    return total + jnp.sum(jnp.where(where, log_sum, 0))

  count = _chunk_count(plan, rows.where)
  total = lax.fori_loop(0, count, body, jnp.zeros((), states.dtype))
  return total - _label_sum(plan, states, kernel, bias, rows)


def _loss_fwd(plan, states, kernel, bias, rows):
  """The loss, and its gradients as what the backward pass needs."""

  def body(i, carry):
    total, d_states, d_kernel, d_bias = carry
    start = i * plan.size
    here, where = (
      lax.dynamic_slice_in_dim(x, start, plan.size)
      for x in (states, rows.where)
    )
    exps, norm, log_sum = _exponentials(plan, here, kernel, bias)
    # Scaling the [C, H] sides, not exps, saves a pass over [C, V].
    scale = jnp.where(where, 1 / norm, 0)[:, None]
    d_here = scale * _product(plan, 'pv,vh->ph', exps, kernel)
    d_states = lax.dynamic_update_slice_in_dim(d_states, d_here, start, 0)
    d_kernel += _product(plan, 'pv,ph->vh', exps, here * scale)
    if bias is not None:
      d_bias += scale[:, 0] @ exps
    total += jnp.sum(jnp.where(where, log_sum, 0))
    return total, d_states, d_kernel, d_bias

  zeros = jax.tree.map(jnp.zeros_like, (states, kernel, bias))
  carry = (jnp.zeros((), states.dtype), *zeros)
  count = _chunk_count(plan, rows.where)
  total, *grads = lax.fori_loop(0, count, body, carry)
  loss = total - _label_sum(plan, states, kernel, bias, rows)
  return loss, _minus_labels(states, kernel, grads, rows)


def _minus_labels(states, kernel, grads, rows):
  """Takes the targets' part, -1 per row that counts, off the gradients."""
  d_states, d_kernel, d_bias = grads
  counts = rows.where.astype(states.dtype)
  d_states -= counts[:, None] * kernel[rows.targets]
  d_kernel = d_kernel.at[rows.targets].add(-counts[:, None] * states)
  if d_bias is not None:
    d_bias = d_bias.at[rows.targets].add(-counts)
  return d_states, d_kernel, d_bias


def _loss_bwd(plan, grads, scale):
  """The gradients, made in the forward pass, times the loss's own."""
  del plan
  return (*jax.tree.map(lambda x: scale * x, grads), None)


_loss.defvjp(_loss_fwd, _loss_bwd)
