"""Eq (5) over sequences of unequal length, without touching padding.

Rows stand in descending order of length, so the rows still running at step t
are the first `step_counts[t]`. Inputs and states of all steps lie one after
the other, without gaps: products over all inputs (the input product, the
kernels' gradients) then have as many rows as there are inputs, and the
recurrent product of a step takes the smallest of a few static sizes that holds
the rows still running. The backward scan makes the gates' gradients alone; the
kernels' are products over all steps outside it.
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, ArrayLike, Float, Int

from dynrec_jax.gru import (
  GRUParams,
  input_gates,
  open_gates,
  product,
  recurrent_halves,
)
from dynrec_jax.typed import typed

_TIERS = 8  # static sizes of a recurrent product


@typed
def gru_scan_packed(
  params: GRUParams,
  xs: Float[ArrayLike, 'P D'],
  step_counts: Int[ArrayLike, 'T'],
  *,
  row_count: int,
  product_dtype: DTypeLike | None = None,
  whole_steps: bool = False,
) -> Float[Array, 'P H']:
  """The state after every input of packed sequences.

  Paper: Eq. (5), h_0 = 0; `gru.gru_scan` is its reference, on rectangles.

  Args:
    params: the weights.
    xs: the inputs of step 0, of step 1 and so on: step t has the inputs of
      rows 0 to step_counts[t] - 1. What stands behind them counts nothing;
      P is at least their number plus row_count.
    step_counts: rows still running at each step, descending.
    row_count: B, rows at the first step at most.
    product_dtype: dtype of the operands of every product, whose sums stay in
      the dtype of `xs`; None leaves the operands as they are.
    whole_steps: every step's product has row_count rows, so that a row's states
      are the same to the last bit however many rows are still running.

  Returns:
    The states in the places of their inputs; anything behind the last input.

  Raises:
    ValueError: P is less than row_count.
  """
  dtype = product_dtype and jnp.dtype(product_dtype)
  xs, step_counts = jnp.asarray(xs), jnp.asarray(step_counts)
  real = jnp.arange(xs.shape[0]) < jnp.sum(step_counts)
  gates = input_gates(params, jnp.where(real[:, None], xs, 0), dtype)
  kernel = jnp.asarray(params.recurrent_kernel)
  tiers = _tiers(row_count, 1 if whole_steps else _TIERS)
  return _states((dtype, tiers), kernel, gates, step_counts)


@typed
def gru_scan_packed_table(
  params: GRUParams,
  table: Float[ArrayLike, 'M D'],
  inputs: Int[ArrayLike, 'P'],
  step_counts: Int[ArrayLike, 'T'],
  *,
  row_count: int,
  product_dtype: DTypeLike | None = None,
  whole_steps: bool = False,
) -> Float[Array, 'P H']:
  """`gru_scan_packed` of inputs that are rows of one table.

  Paper: Eq. (5), h_0 = 0. If the table has fewer rows than there are inputs,
  a row's input product is made once and gathered.

  Args:
    params: the weights.
    table: what sequences may read, finite.
    inputs: packed rows of the table, as `gru_scan_packed`'s `xs`.
    step_counts: as there.
    row_count: as there.
    product_dtype: as there.
    whole_steps: as there.

  Returns:
    As `gru_scan_packed`.

  Raises:
    ValueError: P is less than row_count.
  """
  table, step_counts = jnp.asarray(table), jnp.asarray(step_counts)
  if table.shape[0] >= inputs.shape[0]:
    return gru_scan_packed(
      params,
      table[inputs],
      step_counts,
      row_count=row_count,
      product_dtype=product_dtype,
      whole_steps=whole_steps,
    )
  dtype = product_dtype and jnp.dtype(product_dtype)
  gates = tuple(gate[inputs] for gate in input_gates(params, table, dtype))
  kernel = jnp.asarray(params.recurrent_kernel)
  tiers = _tiers(row_count, 1 if whole_steps else _TIERS)
  return _states((dtype, tiers), kernel, gates, step_counts)


def _tiers(row_count: int, count: int) -> tuple[int, ...]:
  """The static sizes, ascending, the first 0 and the last row_count."""
  return tuple(sorted({-(-row_count * i // count) for i in range(count + 1)}))


def _at_tier(sizes, count, branch, operand):
  """`branch(size, operand)` at the smallest static size that holds `count`."""
  index = jnp.searchsorted(jnp.array(sizes), count)
  branches = [functools.partial(branch, size) for size in sizes]
  return lax.switch(index, branches, operand)


def _rows_at(packed, start, row_count):
  """The row_count rows of a packed array from `start` on."""
  return lax.dynamic_slice_in_dim(packed, start, row_count)


def _put(packed, rows, start):
  """The packed array with the rows from `start` on replaced."""
  return lax.dynamic_update_slice_in_dim(packed, rows, start, 0)


def _pad(rows, row_count):
  """Zero rows up to row_count."""
  return jnp.pad(rows, ((0, row_count - rows.shape[0]), (0, 0)))


def _starts(step_counts):
  """Where each step's inputs begin."""
  return jnp.cumsum(step_counts) - step_counts


def _forward(static, kernel, gates, step_counts):
  """Packed states, states before, and opened gates z, r, c."""
  dtype, sizes = static
  row_count = sizes[-1]
  if len(gates[0]) < row_count:
    raise ValueError(
      f'{len(gates[0])} packed inputs leave no room for {row_count} rows'
    )
  kernels = recurrent_halves(kernel)

  def branch(size, operand):
    h, gates, count = operand
    if size == 0:
      return h, tuple(jnp.zeros_like(g) for g in gates)
    head = h[:size]
    new, opened = open_gates(kernels, head, [g[:size] for g in gates], dtype)
    running = (jnp.arange(size) < count)[:, None]
    h = h.at[:size].set(jnp.where(running, new, head))
    return h, tuple(_pad(gate, row_count) for gate in opened)

  def body(carry, step):
    h, outputs = carry
    start, count = step
    here = tuple(_rows_at(gate, start, row_count) for gate in gates)
    new, opened = _at_tier(sizes, count, branch, (h, here, count))
    # Rows that have ended write into the places of the next step, which
    # writes over them.
    outputs = tuple(
      _put(all_steps, rows, start)
      for all_steps, rows in zip(outputs, (new, h, *opened), strict=True)
    )
    return (new, outputs), None

  h0 = jnp.zeros((row_count, kernel.shape[0]), gates[0].dtype)
  outputs = (jnp.zeros_like(gates[0]),) * 5
  steps = (_starts(step_counts), step_counts)
  (_, outputs), _ = lax.scan(body, (h0, outputs), steps)
  return outputs


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _states(static, kernel, gates, step_counts):
  """Packed states from packed input products, with the pass below."""
  return _forward(static, kernel, gates, step_counts)[0]


def _states_fwd(static, kernel, gates, step_counts):
  states, *rest = _forward(static, kernel, gates, step_counts)
  return states, (kernel, step_counts, rest)


def _states_bwd(static, residuals, grads):
  dtype, sizes = static
  row_count = sizes[-1]
  kernel, step_counts, (before, *opened) = residuals
  kernels = recurrent_halves(kernel)

  def branch(size, operand):
    d, (grad, h, z, r, c), count = operand
    if size == 0:
      return d, (jnp.zeros_like(d),) * 3
    grad, h, z, r, c = (x[:size] for x in (grad, h, z, r, c))
    # A row that has ended has a shut gate: it passes its gradient on.
    running = (jnp.arange(size) < count)[:, None]
    z = jnp.where(running, z, 0)
    own = d[:size] + jnp.where(running, grad, 0)
    d_c = own * z * (1 - c * c)
    d_z = own * (c - h) * z * (1 - z)
    d_hr = product('bk,hk->bh', d_c, kernels[1], dtype)
    d_r = d_hr * h * r * (1 - r)
    both = jnp.concatenate([d_z, d_r], axis=-1)
    own = own * (1 - z) + d_hr * r
    own += product('bk,hk->bh', both, kernels[0], dtype)
    gates = tuple(_pad(x, row_count) for x in (d_z, d_r, d_c))
    return d.at[:size].set(own), gates

  def body(carry, step):
    d, d_gates = carry
    start, count = step
    here = tuple(
      _rows_at(x, start, row_count) for x in (grads, before, *opened)
    )
    d, new = _at_tier(sizes, count, branch, (d, here, count))
    running = (jnp.arange(row_count) < count)[:, None]
    d_gates = tuple(
      _put(
        all_steps,
        jnp.where(running, rows, _rows_at(all_steps, start, row_count)),
        start,
      )
      for all_steps, rows in zip(d_gates, new, strict=True)
    )
    return (d, d_gates), None

  d = jnp.zeros((row_count, kernel.shape[0]), grads.dtype)
  d_gates = (jnp.zeros_like(grads),) * 3
  steps = (_starts(step_counts), step_counts)
  (_, d_gates), _ = lax.scan(body, (d, d_gates), steps, reverse=True)
  real = (jnp.arange(grads.shape[0]) < jnp.sum(step_counts))[:, None]
  before = jnp.where(real, before, 0)
  reset = jnp.where(real, before * opened[1], 0)
  d_kernel = [
    product('ph,pk->hk', left, d_gate, dtype)
    for left, d_gate in zip((before, before, reset), d_gates, strict=True)
  ]
  return jnp.hstack(d_kernel), d_gates, None


_states.defvjp(_states_fwd, _states_bwd)
