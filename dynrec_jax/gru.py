"""The paper's recurrent unit, Eq. (5), with its own backward pass.

Not the unit of Flax (or cuDNN, or torch): there the reset gate multiplies
after the candidate's recurrent product, the update gate has the opposite
role, and there are biases.

What is fast here: the input product of all steps is one product outside the
scan; the backward scan makes only the gates' gradients, and the gradients of
both kernels are products over all steps outside it. Each gate is an array of
its own, because slicing a fused [T, B, 3H] array in a scan copies it.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, ArrayLike, Bool, Float, Key

from dynrec_jax.typed import typed

# Added to an update gate, shuts it: sigmoid gives exactly 0 in any float type.
_SHUT = -1e30


class GRUParams(NamedTuple):
  """The weights of Eq. (5), gates in the order z, r, candidate.

  Attributes:
    input_kernel: [D, 3H], U_z, U_r, U_h side by side (transposed).
    recurrent_kernel: [H, 3H], W_z, W_r, W_h side by side (transposed).
    bias: [3H], or None: the paper's unit has none.
  """

  input_kernel: Array
  recurrent_kernel: Array
  bias: Array | None = None


@typed
def init_gru(
  key: Key[Array, ''],
  input_size: int,
  hidden_size: int,
  *,
  use_bias: bool = False,
) -> GRUParams:
  """Weights to start from: Glorot input gates, orthogonal recurrent gates.

  Args:
    key: the randomness; equal keys give equal weights.
    input_size: D, units of an input.
    hidden_size: H, units of the state.
    use_bias: adds a bias of zeros, an ablation; the paper's unit has none.

  Returns:
    float32 weights; every gate is drawn as a matrix of its own.
  """
  keys = jax.random.split(key, 6)
  glorot = jax.nn.initializers.glorot_uniform()
  orthogonal = jax.nn.initializers.orthogonal()
  inputs = [glorot(k, (input_size, hidden_size)) for k in keys[:3]]
  recurrent = [orthogonal(k, (hidden_size, hidden_size)) for k in keys[3:]]
  bias = jnp.zeros(3 * hidden_size) if use_bias else None
  return GRUParams(jnp.hstack(inputs), jnp.hstack(recurrent), bias)


@typed
def gru_step(
  params: GRUParams, state: Float[ArrayLike, 'B H'], x: Float[ArrayLike, 'B D']
) -> Float[Array, 'B H']:
  """The state after one input.

  Paper: Eq. (5), z = sigmoid(U_z x + W_z h), r = sigmoid(U_r x + W_r h),
  c = tanh(U_h x + W_h (h * r)), h' = (1 - z) h + z c.

  Args:
    params: the weights.
    state: h, one row per sequence.
    x: the input of this step.

  Returns:
    h'.
  """
  products = jnp.asarray(x) @ params.input_kernel
  return gru_step_products(params, state, products)


@typed
def gru_step_products(
  params: GRUParams,
  state: Float[ArrayLike, 'B H'],
  products: Float[ArrayLike, 'B 3*H'],
) -> Float[Array, 'B H']:
  """The state after one input whose product is made already.

  Paper: Eq. (5), as `gru_step`.

  Args:
    params: the weights; the input kernel is not read.
    state: h, one row per sequence.
    products: U x of the three gates side by side, without the bias.

  Returns:
    h'.
  """
  state, products = jnp.asarray(state), jnp.asarray(products)
  if params.bias is not None:
    products = products + params.bias
  gates = jnp.split(products, 3, axis=-1)
  return open_gates(
    recurrent_halves(params.recurrent_kernel), state, gates, None
  )[0]


@typed
def gru_scan(
  params: GRUParams,
  xs: Float[ArrayLike, 'B T D'],
  *,
  initial_state: Float[ArrayLike, 'B H'] | None = None,
  where: Bool[ArrayLike, 'B T'] | None = None,
  product_dtype: DTypeLike | None = None,
) -> tuple[Float[Array, 'B H'], Float[Array, 'B T H']]:
  """All states over a batch of sequences.

  Paper: Eq. (5), h_0 = 0.

  Args:
    params: the weights.
    xs: the inputs.
    initial_state: h_0; None is zeros.
    where: steps that count; the others carry the state unchanged, whatever
      their input holds. None counts every step.
    product_dtype: dtype of the operands of every product, whose sums stay in
      the dtype of `xs`; None leaves the operands as they are.

  Returns:
    The last state, and the state after every step.
  """
  dtype = product_dtype and jnp.dtype(product_dtype)
  xs = jnp.asarray(xs)
  if where is not None:
    xs = jnp.where(jnp.asarray(where)[..., None], xs, 0)
  steps = jnp.swapaxes(xs, 0, 1)  # [T, B, D]
  kernels = jnp.split(params.input_kernel, 3, axis=-1)
  gates = tuple(product('tbd,dh->tbh', steps, u, dtype) for u in kernels)
  return _scan(params, gates, initial_state, where, dtype)


@typed
def gru_scan_products(
  params: GRUParams,
  products: Float[ArrayLike, 'B T G'],
  *,
  initial_state: Float[ArrayLike, 'B H'] | None = None,
  where: Bool[ArrayLike, 'B T'] | None = None,
  product_dtype: DTypeLike | None = None,
) -> tuple[Float[Array, 'B H'], Float[Array, 'B T H']]:
  """All states over a batch whose input products are made already.

  Paper: Eq. (5). For inputs that repeat, as rows gathered from one table of
  products per video.

  Args:
    params: the weights; the input kernel is not read.
    products: U x of the three gates side by side (G = 3H), without the bias.
    initial_state: as in `gru_scan`.
    where: as in `gru_scan`.
    product_dtype: as in `gru_scan`.

  Returns:
    As `gru_scan`.

  Raises:
    ValueError: the products do not fit the recurrent kernel.
  """
  if products.shape[-1] != params.recurrent_kernel.shape[-1]:
    raise ValueError(
      f'products have {products.shape[-1]} columns, the recurrent kernel has '
      f'{params.recurrent_kernel.shape[-1]}; must be equal'
    )
  dtype = product_dtype and jnp.dtype(product_dtype)
  products = jnp.asarray(products)
  if where is not None:
    products = jnp.where(jnp.asarray(where)[..., None], products, 0)
  gates = jnp.split(jnp.swapaxes(products, 0, 1), 3, axis=-1)  # 3 of [T, B, H]
  return _scan(params, tuple(gates), initial_state, where, dtype)


def _scan(params, gates, initial_state, where, dtype):
  """States [B, T, H] from the gates' input products, each [T, B, H]."""
  if params.bias is not None:
    biases = jnp.split(params.bias, 3)
    gates = tuple(g + b for g, b in zip(gates, biases, strict=True))
  if where is not None:
    shut = jnp.where(
      jnp.asarray(where).T[..., None], 0, jnp.asarray(_SHUT, gates[0].dtype)
    )
    gates = (gates[0] + shut, *gates[1:])
  if initial_state is None:
    initial_state = jnp.zeros_like(gates[0][0])
  kernel, h0 = map(jnp.asarray, (params.recurrent_kernel, initial_state))
  states = _states(dtype, kernel, h0, gates)
  return states[-1], jnp.swapaxes(states, 0, 1)


def product(axes, left, right, dtype):
  """An einsum with operands of `dtype`, summed and returned in left's."""
  if dtype is None:
    return jnp.einsum(axes, left, right)
  operands = left.astype(dtype), right.astype(dtype)
  return jnp.einsum(axes, *operands, preferred_element_type=left.dtype)


def recurrent_halves(kernel):
  """The recurrent kernel as [W_z W_r], which read h, and W_h."""
  size = kernel.shape[0]
  return kernel[:, : 2 * size], kernel[:, 2 * size :]


def open_gates(kernels, h, gates, dtype):
  """Eq. (5) once: the new state and the opened gates z, r, c."""
  size = h.shape[-1]
  both = product('bh,hk->bk', h, kernels[0], dtype)
  z = jax.nn.sigmoid(gates[0] + both[:, :size])
  r = jax.nn.sigmoid(gates[1] + both[:, size:])
  c = jnp.tanh(gates[2] + product('bh,hk->bk', h * r, kernels[1], dtype))
  return h + z * (c - h), (z, r, c)


def _forward(dtype, kernel, h0, gates):
  """The scan of Eq. (5): all states and gates, each [T, B, H]."""
  kernels = recurrent_halves(kernel)

  def body(h, gates):
    h, opened = open_gates(kernels, h, gates, dtype)
    return h, (h, opened)

  return lax.scan(body, h0, gates)[1]


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _states(dtype, kernel, h0, gates):
  """States [T, B, H] from input products, with the backward pass below."""
  return _forward(dtype, kernel, h0, gates)[0]


def _states_fwd(dtype, kernel, h0, gates):
  states, opened = _forward(dtype, kernel, h0, gates)
  return states, (kernel, h0, states, opened)


def _states_bwd(dtype, residuals, grads):
  kernel, h0, states, (zs, rs, cs) = residuals
  kernels = recurrent_halves(kernel)
  before = jnp.concatenate([h0[None], states[:-1]])  # [T, B, H]

  def body(d, step):
    grad, h, z, r, c = step
    d = d + grad
    d_c = d * z * (1 - c * c)
    d_z = d * (c - h) * z * (1 - z)
    d_hr = product('bk,hk->bh', d_c, kernels[1], dtype)
    d_r = d_hr * h * r * (1 - r)
    both = jnp.concatenate([d_z, d_r], axis=-1)
    d = d * (1 - z) + d_hr * r + product('bk,hk->bh', both, kernels[0], dtype)
    return d, (d_z, d_r, d_c)

  xs = (grads, before, zs, rs, cs)
  d_h0, d_gates = lax.scan(body, jnp.zeros_like(h0), xs, reverse=True)
  lefts = (before, before, before * rs)
  d_kernel = [
    product('tbh,tbk->hk', left, d, dtype)
    for left, d in zip(lefts, d_gates, strict=True)
  ]
  return jnp.hstack(d_kernel), d_h0, d_gates


_states.defvjp(_states_fwd, _states_bwd)
