"""Eq. (8) by a sample of the videos: what a step costs is flat in V.

A softmax over millions of videos is most of a step. Here the scores of a few
candidates stand for all: the videos that the sequence at hand watches, each
for itself, and others that were drawn and stand for those that were not.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, ArrayLike, Bool, Float, Int

from dynrec_jax.typed import typed

# A log weight of no weight; finite, so that 0 of it is 0.
NO_WEIGHT = -1e30


@typed
def sampled_coherence_loss(
  states: Float[ArrayLike, 'P H'],
  candidate_kernel: Float[ArrayLike, 'R H'],
  targets: Int[ArrayLike, 'P'],
  log_weights: Float[ArrayLike, 'R'],
  *,
  sequences: Int[ArrayLike, 'P'],
  own: Bool[ArrayLike, 'B R'],
  where: Bool[ArrayLike, 'P'] | None = None,
  weights: Float[ArrayLike, 'P'] | None = None,
  candidate_bias: Float[ArrayLike, 'R'] | None = None,
  chunk_size: int = 512,
  product_dtype: DTypeLike | None = None,
) -> Float[Array, '']:
  """Minus the log-probability of the videos watched, by a sample, summed.

  Paper: Eq. (7) with (8).
  Differs: the sum over all videos, Z = sum_v exp(s_v) of the scores s = T_p h,
  is estimated. With O the videos of the position's own sequence, n_v how often
  another video came up and m_v how often it does in the mean (`log_weights` is
  log n_v / m_v, the logQ correction), per position

    log Z' - s_target,  Z' = sum_(v in O) exp(s_v)
                             + sum_(v not in O) (n_v / m_v) exp(s_v)

  What is exact: the mean of Z', and of its gradient, is Z and its gradient,
  however the draws hang together, as long as m_v > 0 is their true mean. The
  target is in O, so it counts once and for itself, drawn or not.
  What is not: the gradient of log Z' is that of Z' over Z', a ratio, whose mean
  is off by O(1/S) of S draws: by the covariance of the two, relative to Z Z.
  Nothing flat in V does without: the mean of whatever reads the scores of fewer
  than V videos is a sum of functions of fewer than V scores each, whose mixed
  derivative by all V is 0; that of log Z is not.

  Args:
    states: h, one row per position; in rows that do not count, anything.
    candidate_kernel: T_p's rows of the candidates, each video once.
    targets: the candidate that was watched, in [0, R) where the row counts.
    log_weights: log of n_v / m_v; NO_WEIGHT where a candidate stands for
      itself alone, or fills up.
    sequences: the row of `own` that is a position's, in [0, B).
    own: O as candidates, the targets among them.
    where: rows that count; None counts every row.
    weights: how much each row counts, a constant, 0 or more; None is 1 each.
    candidate_bias: added to the scores, an ablation; the paper has none.
    chunk_size: most rows handled at once; changes time and memory, not the
      value. A chunk holds about 3 x chunk_size x R numbers.
    product_dtype: dtype of the operands of every product, whose sums stay in
      the dtype of `states`; None leaves the operands as they are.

  Returns:
    The sum over the rows that count; 0 if none does.

  Raises:
    ValueError: chunk_size is not positive.
  """
  if chunk_size < 1:
    raise ValueError(f'chunk_size is {chunk_size}, must be 1 or more')
  states, targets = jnp.asarray(states), jnp.asarray(targets)
  mass = jnp.ones(targets.shape, states.dtype)
  if weights is not None:
    mass = jnp.asarray(weights, states.dtype)
  if where is not None:
    mass = jnp.where(where, mass, 0)
  count = len(targets)
  chunk_count = max(1, -(-count // chunk_size))
  size = max(1, -(-count // chunk_count))  # even chunks: few rows are padding
  plan = _Plan(size, product_dtype and jnp.dtype(product_dtype))
  counts, extra = mass != 0, (0, chunk_count * size - count)
  rows = _Rows(
    jnp.pad(mass, extra),
    jnp.pad(jnp.where(counts, targets, 0), extra),
    jnp.pad(jnp.where(counts, jnp.asarray(sequences), 0), extra),
  )
  states = jnp.where(counts[:, None], states, 0)
  states = jnp.pad(states, (extra, (0, 0)))
  shared = _Shared(jnp.asarray(log_weights, states.dtype), jnp.asarray(own))
  kernel = jnp.asarray(candidate_kernel)
  return _loss(plan, states, kernel, candidate_bias, rows, shared)


class _Plan(NamedTuple):
  """What is static: rows of a chunk, dtype of the products' operands."""

  size: int
  dtype: jnp.dtype | None


class _Rows(NamedTuple):
  """What has no gradient, by position."""

  mass: Array
  targets: Array
  sequences: Array


class _Shared(NamedTuple):
  """What has no gradient, by candidate."""

  log_weights: Array
  own: Array


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


def _chunk(plan, start, states, rows):
  """The states and rows of a chunk."""
  return jax.tree.map(
    lambda x: lax.dynamic_slice_in_dim(x, start, plan.size), (states, rows)
  )


def _estimated(plan, states, kernel, bias, rows, shared):
  """A chunk's loss, and the terms of Z' [C, R] as shares of it."""
  scores = _product(plan, 'ph,rh->pr', states, kernel)
  if bias is not None:
    scores += bias
  hit = jnp.take_along_axis(scores, rows.targets[:, None], axis=1)[:, 0]
  stands_for = jnp.where(shared.own[rows.sequences], 0, shared.log_weights)
  terms = scores + stands_for
  peak = jnp.max(terms, axis=-1)
  terms = jnp.exp(terms - peak[:, None])
  total = jnp.sum(terms, axis=-1)
  cost = peak + jnp.log(total) - hit
  loss = jnp.sum(jnp.where(rows.mass != 0, rows.mass * cost, 0))
  return loss, terms, total


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _loss(plan, states, kernel, bias, rows, shared):
  """The loss alone: nobody asked for a gradient."""

  def body(i, loss):
    here, own = _chunk(plan, i * plan.size, states, rows)
    return loss + _estimated(plan, here, kernel, bias, own, shared)[0]

  zero = jnp.zeros((), states.dtype)
  return lax.fori_loop(0, _chunk_count(plan, rows.mass), body, zero)


def _loss_fwd(plan, states, kernel, bias, rows, shared):
  """The loss, and its gradients as what the backward pass needs."""

  def body(i, carry):
    loss, d_states, d_kernel, d_bias = carry
    start = i * plan.size
    here, own = _chunk(plan, start, states, rows)
    cost, terms, total = _estimated(plan, here, kernel, bias, own, shared)
    d_scores = (own.mass / total)[:, None] * terms
    d_scores = d_scores.at[jnp.arange(plan.size), own.targets].add(-own.mass)
    d_here = _product(plan, 'pr,rh->ph', d_scores, kernel)
    d_states = lax.dynamic_update_slice_in_dim(d_states, d_here, start, 0)
    d_kernel += _product(plan, 'pr,ph->rh', d_scores, here)
    if bias is not None:
      d_bias += jnp.sum(d_scores, axis=0)
    return loss + cost, d_states, d_kernel, d_bias

  zeros = jax.tree.map(jnp.zeros_like, (states, kernel, bias))
  carry = (jnp.zeros((), states.dtype), *zeros)
  loss, *grads = lax.fori_loop(0, _chunk_count(plan, rows.mass), body, carry)
  return loss, tuple(grads)


def _loss_bwd(plan, grads, scale):
  """The gradients, made in the forward pass, times the loss's own."""
  del plan
  return (*jax.tree.map(lambda x: scale * x, grads), None, None)


_loss.defvjp(_loss_fwd, _loss_bwd)
