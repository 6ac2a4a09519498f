"""The packed scan against the rectangular one, and against junk.

`gru.gru_scan` has no backward pass of its own, so its gradients are JAX's.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from absl.testing import absltest, parameterized

from dynrec_jax import gru, packed_gru

D, H = 3, 5
CASES = {
  'general': ([7, 7, 6, 4, 4, 3, 1, 1, 1, 1, 1], 7, False),
  'one_row': ([4], 4, False),
  'one_step': ([1, 1, 1], 1, False),
  'empty_rows': ([3, 1, 0, 0, 0], 5, True),  # and steps that nobody reaches
}


@pytest.fixture(scope='module', autouse=True)
def _without_optimizations():
  """A scan has a branch for each of its sizes: compiling takes the time."""
  jax.config.update('jax_disable_most_optimizations', True)
  yield
  jax.config.update('jax_disable_most_optimizations', False)


def named(*cases):
  return parameterized.named_parameters((c, *CASES[c]) for c in cases)


def make(lengths, steps, bias, dtype=np.float64):
  """Weights, a rectangle of inputs, its mask and cotangents of the states."""
  rng = np.random.default_rng(sum(lengths) + steps)
  params = gru.GRUParams(
    rng.normal(size=(D, 3 * H)).astype(dtype),
    rng.normal(size=(H, 3 * H)).astype(dtype),
    rng.normal(size=3 * H).astype(dtype) if bias else None,
  )
  shape = (len(lengths), steps)
  xs = rng.normal(size=(*shape, D)).astype(dtype)
  cotangent = rng.normal(size=(*shape, H)).astype(dtype)
  where = np.arange(steps) < np.array(lengths)[:, None]
  return params, xs, where, cotangent


def pack(rectangle, where, room, fill):
  """[B, T, D] -> [P, D], step by step; `room` rows of `fill` behind."""
  rows = rectangle.swapaxes(0, 1)[where.T]
  junk = np.full((room, rectangle.shape[-1]), fill, rectangle.dtype)
  return np.concatenate([rows, junk])


@functools.partial(jax.jit, static_argnames='dtype')
def packed_run(params, packed, where, weights, dtype=None):
  """States, and gradients of their weighted sum."""

  def total(params, packed):
    states = packed_gru.gru_scan_packed(
      params,
      packed,
      where.sum(0),
      row_count=len(where),
      product_dtype=dtype,
    )
    return jnp.sum(states * weights), states

  grad_of = jax.grad(total, argnums=(0, 1), has_aux=True)
  grads, states = grad_of(params, packed)
  return states, grads


@jax.jit
def plain_run(params, xs, where, weights):
  """The same on rectangles."""

  def total(params, xs):
    _, states = gru.gru_scan(params, xs, where=where)
    return jnp.sum(jnp.where(where[..., None], states * weights, 0)), states

  grad_of = jax.grad(total, argnums=(0, 1), has_aux=True)
  grads, states = grad_of(params, xs)
  return states, grads


class PackedGruTest(parameterized.TestCase):
  @named(*CASES)
  def test_equals_the_scan_over_rectangles(self, lengths, steps, bias):
    params, xs, where, weights = make(lengths, steps, bias)
    count = where.sum()
    room = len(lengths)
    with jax.enable_x64(True):
      states, (d_params, d_xs) = packed_run(
        params,
        pack(xs, where, room, np.nan),
        where,
        pack(weights, where, room, 1.0),
      )
      want, (want_d_params, want_d_xs) = plain_run(params, xs, where, weights)
    self.assertEqual(states.dtype, np.float64)
    want, want_d_xs = (
      pack(np.asarray(x), where, 0, 0) for x in (want, want_d_xs)
    )
    np.testing.assert_allclose(states[:count], want, atol=1e-12)
    np.testing.assert_allclose(d_xs[:count], want_d_xs, atol=1e-12)
    np.testing.assert_array_equal(d_xs[count:], 0)
    self.assertEqual(d_params.bias is None, not bias)
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, atol=1e-11),
      d_params,
      want_d_params,
    )

  def test_what_stands_behind_the_last_input_is_harmless(self):
    params, xs, where, weights = make(*CASES['general'], np.float32)
    count, room = where.sum(), len(where)
    runs = [
      packed_run(
        params,
        pack(xs, where, room, fill),
        where,
        pack(weights, where, room, weight),
      )
      for fill, weight in ((0.0, 0.0), (np.inf, 1e6))
    ]
    (states, grads), (junk_states, junk_grads) = runs
    np.testing.assert_array_equal(states[:count], junk_states[:count])
    jax.tree.map(np.testing.assert_array_equal, grads, junk_grads)
    # And more of it moves nothing.
    wide = packed_run(
      params,
      pack(xs, where, room + 9, 0.0),
      where,
      pack(weights, where, room + 9, 0.0),
    )
    np.testing.assert_array_equal(states[:count], wide[0][:count])

  def test_rows_do_not_meet(self):
    params, xs, where, weights = make(*CASES['general'], np.float32)
    room, row = len(where), 3
    other = xs.copy()
    other[row] += 1
    states = [
      packed_run(
        params,
        pack(x, where, room, 0.0),
        where,
        pack(weights, where, room, 0.0),
      )[0]
      for x in (xs, other)
    ]
    owner = np.broadcast_to(np.arange(room)[:, None], where.shape).T[where.T]
    same = np.all(states[0] == states[1], axis=-1)[: where.sum()]
    np.testing.assert_array_equal(same, owner != row)

  def test_half_precision_products_are_close(self):
    params, xs, where, weights = make(*CASES['general'], np.float32)
    packed, weights = (pack(x, where, len(where), 0.0) for x in (xs, weights))
    full = packed_run(params, packed, where, weights)
    half = packed_run(params, packed, where, weights, jnp.bfloat16)
    for a, b in zip(jax.tree.leaves(full), jax.tree.leaves(half), strict=True):
      self.assertEqual(b.dtype, np.float32)
      error = np.linalg.norm(a - b) / np.linalg.norm(a)
      self.assertLess(error, 0.03)
      self.assertGreater(error, 1e-5)  # the operands were rounded

  def test_too_little_room_is_an_error(self):
    params, xs, where, _ = make(*CASES['one_step'], np.float32)
    packed = pack(xs, where, 0, 0.0)[:2]
    with self.assertRaisesRegex(ValueError, '2 packed inputs .* for 3 rows'):
      packed_gru.gru_scan_packed(
        params, jnp.array(packed), jnp.array(where.sum(0)), row_count=3
      )


if __name__ == '__main__':
  absltest.main()
