"""Eq. (5): values, gradients, masks."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from absl.testing import absltest, parameterized
from flax import nnx
from jax import lax
from jax.test_util import check_grads

from dynrec_jax import gru

pytestmark = pytest.mark.usefixtures('quick_compile')

B, T, D, H = 3, 5, 4, 6


def sigmoid(x):
  return 1 / (1 + np.exp(-x))


def numpy_gru(params, xs, h0, where):
  """Eq. (5) by loops over rows and steps, in float64."""
  u, w = (np.asarray(x, np.float64) for x in params[:2])
  size = w.shape[0]
  bias = np.zeros(3 * size) if params.bias is None else np.asarray(params.bias)
  (u_z, u_r, u_h), (w_z, w_r, w_h) = np.split(u, 3, 1), np.split(w, 3, 1)
  b_z, b_r, b_h = np.split(bias, 3)
  states = np.zeros((*xs.shape[:2], size))
  for row in range(xs.shape[0]):
    h = np.array(h0[row], np.float64)
    for step in range(xs.shape[1]):
      if where[row, step]:
        x = np.asarray(xs[row, step], np.float64)
        z = sigmoid(x @ u_z + h @ w_z + b_z)
        r = sigmoid(x @ u_r + h @ w_r + b_r)
        c = np.tanh(x @ u_h + (h * r) @ w_h + b_h)
        h = (1 - z) * h + z * c
      states[row, step] = h
  return states


def plain_scan(params, xs, h0, where):
  """Eq. (5) as one obvious scan, for automatic differentiation."""
  w_z, w_r, w_h = jnp.split(params.recurrent_kernel, 3, axis=-1)

  def body(h, step):
    x, here = step
    x = x @ params.input_kernel
    if params.bias is not None:
      x = x + params.bias
    x_z, x_r, x_h = jnp.split(x, 3, axis=-1)
    z = jax.nn.sigmoid(x_z + h @ w_z)
    r = jax.nn.sigmoid(x_r + h @ w_r)
    c = jnp.tanh(x_h + (h * r) @ w_h)
    h = jnp.where(here[:, None], (1 - z) * h + z * c, h)
    return h, h

  last, states = lax.scan(body, h0, (xs.swapaxes(0, 1), where.T))
  return last, states.swapaxes(0, 1)


def problem(*, use_bias=False, shape=(B, T, D, H), dtype=np.float32):
  """Asymmetric weights, inputs, first states and a mask with holes."""
  b, t, d, h = shape
  rng = np.random.default_rng(b + 10 * t + 100 * d + 1000 * h)

  def normal(*sizes):
    return jnp.asarray(rng.normal(size=sizes), dtype)

  bias = normal(3 * h) if use_bias else None
  params = gru.GRUParams(normal(d, 3 * h), normal(h, 3 * h), bias)
  where = rng.random((b, t)) < 0.7
  where[0] = True
  return params, normal(b, t, d), normal(b, h), jnp.asarray(where)


def weighted_sum(scan, weights):
  """A scalar that reads every output with a weight of its own."""

  def value(params, xs, h0, where):
    last, states = scan(params, xs, h0, where)
    return jnp.sum(last * weights[0]) + jnp.sum(states * weights[1])

  return value


def own_scan(params, xs, h0, where):
  return gru.gru_scan(params, xs, initial_state=h0, where=where)


def assert_close(one, other, *, rtol, atol):
  """Two trees are equal but for rounding."""
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=rtol, atol=atol),
    one,
    other,
  )


class InitTest(parameterized.TestCase):
  def test_recurrent_gates_are_orthogonal(self):
    params = gru.init_gru(jax.random.key(0), D, H)
    for gate in np.split(np.asarray(params.recurrent_kernel), 3, axis=1):
      np.testing.assert_allclose(gate @ gate.T, np.eye(H), atol=1e-5)

  def test_input_gates_are_glorot_each_with_its_own_fan(self):
    params = gru.init_gru(jax.random.key(0), 40, 60)
    bound = np.sqrt(6 / (40 + 60))
    size = np.abs(np.asarray(params.input_kernel))
    self.assertLess(size.max(), bound)
    self.assertGreater(size.max(), 0.99 * bound)

  def test_no_gate_repeats_another(self):
    params = gru.init_gru(jax.random.key(0), D, H)
    for kernel in params[:2]:
      z, r, c = np.split(np.asarray(kernel), 3, axis=1)
      self.assertGreater(
        min(abs(z - r).max(), abs(z - c).max(), abs(r - c).max()), 0.1
      )

  @parameterized.parameters(False, True)
  def test_bias_only_on_request(self, use_bias):
    bias = gru.init_gru(jax.random.key(0), D, H, use_bias=use_bias).bias
    if use_bias:
      np.testing.assert_array_equal(bias, np.zeros(3 * H))
    else:
      self.assertIsNone(bias)


class ValueTest(parameterized.TestCase):
  @parameterized.product(
    use_bias=(False, True),
    shape=((B, T, D, H), (1, 4, 2, 3), (4, 1, 5, 2)),
  )
  def test_equals_numpy_loop(self, use_bias, shape):
    with jax.enable_x64(True):
      args = problem(use_bias=use_bias, shape=shape, dtype=np.float64)
      last, states = jax.jit(own_scan)(*args)
    expected = numpy_gru(*args)
    np.testing.assert_allclose(states, expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(last, states[:, -1])

  def test_one_unit_by_hand(self):
    # U = (0, 0, 1), W = (1, 0, 2), h = 0.5, x = 0.25.
    params = gru.GRUParams(jnp.array([[0.0, 0, 1]]), jnp.array([[1.0, 0, 2]]))
    state = gru.gru_step(params, jnp.array([[0.5]]), jnp.array([[0.25]]))
    z = sigmoid(0.5)
    c = np.tanh(0.25 + 2 * (0.5 * sigmoid(0.0)))  # r = 1/2, before W_h
    np.testing.assert_allclose(state, [[(1 - z) * 0.5 + z * c]], rtol=1e-6)

  @parameterized.parameters(False, True)
  def test_steps_equal_scan(self, use_bias):
    params, xs, h, _ = problem(use_bias=use_bias)
    last, states = gru.gru_scan(params, xs, initial_state=h)
    for t in range(T):
      h = gru.gru_step(params, h, xs[:, t])
      np.testing.assert_allclose(h, states[:, t], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(h, last, rtol=1e-5, atol=1e-6)

  def test_first_state_is_zero_unless_given(self):
    params, xs, h0, _ = problem()
    last, states = gru.gru_scan(params, xs)
    again = gru.gru_scan(params, xs, initial_state=jnp.zeros_like(h0))
    np.testing.assert_array_equal(last, again[0])
    np.testing.assert_array_equal(states, again[1])

  def test_is_not_the_gru_of_flax(self):
    params, xs, h0, _ = problem(shape=(B, T, H, H))
    cell = nnx.GRUCell(H, H, rngs=nnx.Rngs(0))
    # Flax's gates are r, z, n.
    order = np.r_[H : 2 * H, 0:H, 2 * H : 3 * H]
    cell.dense_i.kernel[...] = params.input_kernel[:, order]
    cell.dense_h.kernel[...] = params.recurrent_kernel[:, order]
    other, _ = cell(h0, xs[:, 0])
    own = gru.gru_step(params, h0, xs[:, 0])
    self.assertGreater(np.abs(np.asarray(own - other)).max(), 0.1)

  def test_jit_equals_eager(self):
    args = problem(use_bias=True)
    for a, b in zip(own_scan(*args), jax.jit(own_scan)(*args), strict=True):
      np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)

  def test_rows_do_not_mix(self):
    params, xs, h0, where = problem()
    order = np.array([2, 0, 1])
    states = own_scan(params, xs, h0, where)[1]
    moved = own_scan(params, xs[order], h0[order], where[order])[1]
    np.testing.assert_allclose(states[order], moved, rtol=1e-5, atol=1e-6)

  def test_later_inputs_leave_earlier_states(self):
    params, xs, h0, where = problem()
    states = own_scan(params, xs, h0, where)[1]
    other = own_scan(params, xs.at[:, 3].add(1), h0, where)[1]
    np.testing.assert_array_equal(states[:, :3], other[:, :3])
    self.assertGreater(np.abs(np.asarray(states - other))[0, 3].max(), 1e-3)


class MaskTest(parameterized.TestCase):
  @parameterized.product(
    case=(
      ((0,), 1e6),
      ((2,), np.inf),
      ((3, 4), np.nan),
      ((0, 2, 4), 1e6),
      (range(T), np.nan),
    ),
  )
  def test_masked_content_cannot_leak(self, case):
    hole, content = case
    params, xs, h0, _ = problem(use_bias=True)
    where = jnp.ones((B, T), bool).at[1, jnp.array(hole)].set(False)
    junk = jnp.where(where[..., None], xs, content)
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(B, H)), rng.normal(size=(B, T, H))
    value = weighted_sum(own_scan, weights)
    run = jax.jit(jax.value_and_grad(value, (0, 1, 2)))
    clean = run(params, xs, h0, where)
    dirty = run(params, junk, h0, where)
    jax.tree.map(np.testing.assert_array_equal, clean, dirty)
    np.testing.assert_array_equal(clean[1][1][1, list(hole)], 0)
    scan = jax.jit(own_scan)
    clean, dirty = (scan(params, x, h0, where)[1] for x in (xs, junk))
    np.testing.assert_array_equal(clean, dirty)

  @parameterized.parameters(((0, 1),), ((1, 3),), ((3, 4),))
  def test_masked_steps_equal_a_shorter_sequence(self, hole):
    params, xs, h0, _ = problem()
    where = jnp.ones((B, T), bool).at[:, jnp.array(hole)].set(False)
    last = own_scan(params, xs, h0, where)[0]
    kept = jnp.delete(xs, jnp.array(hole), axis=1)
    short = gru.gru_scan(params, kept, initial_state=h0)[0]
    np.testing.assert_allclose(last, short, rtol=1e-6, atol=1e-6)

  def test_all_masked_carries_the_first_state(self):
    params, xs, h0, _ = problem(use_bias=True)
    last, states = own_scan(params, xs, h0, jnp.zeros((B, T), bool))
    np.testing.assert_array_equal(last, h0)
    np.testing.assert_array_equal(states, jnp.stack([h0] * T, axis=1))


class GradientTest(parameterized.TestCase):
  @parameterized.product(
    use_bias=(False, True),
    shape=((B, T, D, H), (1, 3, 2, 4), (4, 1, 5, 2)),
  )
  def test_equals_the_obvious_scan(self, use_bias, shape):
    with jax.enable_x64(True):
      args = problem(use_bias=use_bias, shape=shape, dtype=np.float64)
      b, t, _, h = shape
      rng = np.random.default_rng(0)
      weights = rng.normal(size=(b, h)), rng.normal(size=(b, t, h))
      own, auto = (
        jax.jit(jax.grad(weighted_sum(f, weights), (0, 1, 2)))(*args)
        for f in (own_scan, plain_scan)
      )
      assert_close(own, auto, rtol=1e-10, atol=1e-12)
      self.assertGreater(np.abs(np.asarray(own[2])).min(), 0)

  def test_equals_finite_differences(self):
    with jax.enable_x64(True):
      params, xs, h0, where = problem(use_bias=True, dtype=np.float64)

      @jax.jit
      def scan(*args):
        return own_scan(*args, where)

      check_grads(scan, (params, xs, h0), order=1)

  def test_jit_equals_eager(self):
    args = problem(use_bias=True)
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(B, H)), rng.normal(size=(B, T, H))
    grad = jax.grad(weighted_sum(own_scan, weights), (0, 1, 2))
    assert_close(grad(*args), jax.jit(grad)(*args), rtol=1e-4, atol=1e-5)


class ProductDtypeTest(parameterized.TestCase):
  def test_bfloat16_is_near_and_accumulates_in_float32(self):
    params, xs, h0, where = problem(shape=(4, 6, 64, 64))
    params = params._replace(
      input_kernel=params.input_kernel / 8,
      recurrent_kernel=params.recurrent_kernel / 8,
    )

    def run(dtype):
      @jax.jit
      @functools.partial(jax.value_and_grad, argnums=(0, 1, 2))
      def value(params, xs, h0):
        states = gru.gru_scan(
          params, xs, initial_state=h0, where=where, product_dtype=dtype
        )[1]
        return jnp.sum(states**2)

      return value(params, xs, h0)

    full, half = run(None), run(jnp.bfloat16)
    for a, b in zip(jax.tree.leaves(full), jax.tree.leaves(half), strict=True):
      self.assertEqual(b.dtype, jnp.float32)
      scale = np.abs(np.asarray(a)).max()
      np.testing.assert_allclose(a, b, rtol=0, atol=0.05 * scale)
    self.assertGreater(abs(float(full[0] - half[0])), 0)  # it was used


class NumpyTest(parameterized.TestCase):
  """Host arrays are taken as they are, float64 ones too."""

  @parameterized.parameters(np.float32, np.float64)
  def test_equals_device_arrays(self, dtype):
    params, xs, h0, where = problem(use_bias=True)
    host = gru.GRUParams(*(np.asarray(x, dtype) for x in params))
    plain = [np.asarray(x, dtype) for x in (xs, h0)]
    mask = np.asarray(where)
    last, states = gru.gru_scan(params, xs, initial_state=h0, where=where)
    got = gru.gru_scan(host, plain[0], initial_state=plain[1], where=mask)
    assert_close(got, (last, states), rtol=1e-5, atol=1e-6)
    products = plain[0][:, 0] @ host.input_kernel
    for step in (
      gru.gru_step(host, plain[1], plain[0][:, 0]),
      gru.gru_step_products(host, plain[1], products),
    ):  # row 0 has no hole
      np.testing.assert_allclose(step[0], states[0, 0], rtol=1e-5, atol=1e-6)


if __name__ == '__main__':
  absltest.main()
