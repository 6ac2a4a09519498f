"""The paper's recurrent unit, Eq. (5): its weights, one step, all steps.

Not the unit of Flax (or cuDNN, or torch): there the reset gate multiplies
after the candidate's recurrent product, the update gate has the opposite
role, and there are biases.

`gru_scan` is the plain form over rectangles, differentiated by JAX. Training
and serving run `packed_gru`, which does the same sums without padding and has
a backward pass of its own; the two are held against each other in its tests.
Each gate is an array of its own, because slicing a fused [T, B, 3H] array in a
scan copies it.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.typing import DTypeLike
from jaxtyping import Array, ArrayLike, Bool, Float, Key

from dynrec_jax.typed import typed


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

  Paper: silent; both keep the scale of what passes through them (A19).

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
  """All states over a batch of sequences, as one scan over a rectangle.

  Paper: Eq. (5), h_0 = 0. This is the reference: pure, of any first state, and
  differentiated by JAX alone. `packed_gru` has the fast form that is trained
  and served.

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
  if where is None:
    where = jnp.ones(xs.shape[:2], bool)
  where = jnp.asarray(where).T[..., None]  # [T, B, 1]
  steps = jnp.where(where, jnp.swapaxes(xs, 0, 1), 0)  # [T, B, D]
  gates = input_gates(params, steps, dtype)
  if initial_state is None:
    initial_state = jnp.zeros_like(gates[0][0])
  kernels = recurrent_halves(jnp.asarray(params.recurrent_kernel))

  def body(h, step):
    gates, runs = step
    new, _ = open_gates(kernels, h, gates, dtype)
    h = jnp.where(runs, new, h)
    return h, h

  last, states = lax.scan(body, jnp.asarray(initial_state), (gates, where))
  return last, jnp.swapaxes(states, 0, 1)


def input_gates(params, xs, dtype):
  """U x of each gate with its bias, each [..., H]."""
  kernels = jnp.split(params.input_kernel, 3, axis=-1)
  gates = tuple(
    product('...d,dh->...h', xs, kernel, dtype) for kernel in kernels
  )
  if params.bias is None:
    return gates
  biases = jnp.split(params.bias, 3)
  return tuple(g + b for g, b in zip(gates, biases, strict=True))


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
