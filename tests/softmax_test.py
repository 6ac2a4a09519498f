"""The cost of Eq. (7) and (8) by chunks: values, gradients, masks, memory."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from absl.testing import absltest, parameterized
from jax.test_util import check_grads

from dynrec_jax import softmax

pytestmark = pytest.mark.usefixtures('quick_compile')

P, H, V = 7, 4, 11


def numpy_loss(states, kernel, targets, where, bias):
  """Eq. (7) and (8) by a loop over rows, in float64."""
  total = 0.0
  for row in np.flatnonzero(where):
    logits = np.asarray(kernel, np.float64) @ np.asarray(states[row])
    if bias is not None:
      logits = logits + np.asarray(bias, np.float64)
    odds = np.exp(logits - logits.max())
    total -= np.log(odds[targets[row]] / odds.sum())
  return total


def plain_loss(states, kernel, bias, targets, where):
  """The same by log_softmax of all logits."""
  logits = states @ kernel.T + (0 if bias is None else bias)
  log_p = jax.nn.log_softmax(logits)
  picked = jnp.take_along_axis(log_p, targets[:, None], axis=1)[:, 0]
  return -jnp.sum(jnp.where(where, picked, 0))


def fused_loss(states, kernel, bias, targets, where, **options):
  return softmax.fused_coherence_loss(
    states, kernel, targets, where=where, output_bias=bias, **options
  )


def problem(*, use_bias=False, dtype=np.float32, sizes=(P, H, V)):
  """Asymmetric states, weights, targets and a mask with holes."""
  rows, units, videos = sizes
  rng = np.random.default_rng(rows + 10 * units + 100 * videos)
  states = jnp.asarray(2 * rng.normal(size=(rows, units)), dtype)
  kernel = jnp.asarray(rng.normal(size=(videos, units)), dtype)
  bias = jnp.asarray(rng.normal(size=videos), dtype) if use_bias else None
  targets = jnp.asarray(rng.integers(videos, size=rows), jnp.int32)
  where = jnp.asarray(rng.random(rows) < 0.6).at[0].set(True)
  return states, kernel, bias, targets, where


def gradients(loss, arrays, rows, **options):
  """Value and gradients of every float argument, jitted."""
  value = jax.value_and_grad(
    lambda *args: loss(*args, *rows, **options), (0, 1, 2)
  )
  return jax.jit(value)(*arrays)


class ValueTest(parameterized.TestCase):
  @parameterized.product(use_bias=(False, True), chunk_size=(1, 3, 7, 100))
  def test_equals_numpy_loop(self, use_bias, chunk_size):
    with jax.enable_x64(True):
      states, kernel, bias, targets, where = problem(
        use_bias=use_bias, dtype=np.float64
      )
      loss = fused_loss(
        states, kernel, bias, targets, where, chunk_size=chunk_size
      )
    expected = numpy_loss(states, kernel, targets, where, bias)
    np.testing.assert_allclose(loss, expected, rtol=1e-13)

  def test_two_rows_by_hand(self):
    # Logits (0, log 3): probabilities 1/4 and 3/4.
    loss = softmax.fused_coherence_loss(
      jnp.ones((2, 1)), jnp.log(jnp.array([[1.0], [3.0]])), jnp.array([0, 1])
    )
    np.testing.assert_allclose(loss, np.log(4) + np.log(4 / 3), rtol=1e-6)

  def test_no_mask_counts_every_row(self):
    states, kernel, bias, targets, _ = problem()
    loss = softmax.fused_coherence_loss(states, kernel, targets)
    full = fused_loss(states, kernel, bias, targets, jnp.ones(P, bool))
    np.testing.assert_array_equal(loss, full)

  def test_large_logits_stay_finite(self):
    arrays, rows = split(problem())
    value, grads = gradients(fused_loss, (1e4 * arrays[0], *arrays[1:]), rows)
    for x in jax.tree.leaves((value, grads)):
      self.assertTrue(np.isfinite(x).all())

  @parameterized.parameters(0, -3)
  def test_chunk_size_must_be_positive(self, chunk_size):
    states, kernel, _, targets, _ = problem()
    with self.assertRaisesRegex(ValueError, f'chunk_size is {chunk_size}'):
      softmax.fused_coherence_loss(
        states, kernel, targets, chunk_size=chunk_size
      )


def split(args):
  """(states, kernel, bias) and (targets, where)."""
  return args[:3], args[3:]


class GradientTest(parameterized.TestCase):
  @parameterized.product(use_bias=(False, True), chunk_size=(2, 100))
  def test_equals_automatic_differentiation(self, use_bias, chunk_size):
    with jax.enable_x64(True):
      arrays, rows = split(problem(use_bias=use_bias, dtype=np.float64))
      own = gradients(fused_loss, arrays, rows, chunk_size=chunk_size)
      auto = gradients(plain_loss, arrays, rows)
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13),
      own,
      auto,
    )

  def test_repeated_targets_add_up(self):
    with jax.enable_x64(True):
      arrays, (targets, where) = split(problem(use_bias=True, dtype=np.float64))
      rows = (jnp.full_like(targets, 5), where)
      own = gradients(fused_loss, arrays, rows, chunk_size=2)
      auto = gradients(plain_loss, arrays, rows)
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13),
      own,
      auto,
    )

  def test_equals_finite_differences(self):
    with jax.enable_x64(True):
      arrays, rows = split(problem(use_bias=True, dtype=np.float64))
      loss = jax.jit(lambda *args: fused_loss(*args, *rows, chunk_size=3))
      check_grads(loss, arrays, order=1, modes=['rev'])

  def test_scale_of_the_loss_reaches_the_gradients(self):
    arrays, rows = split(problem())
    once = gradients(fused_loss, arrays, rows)[1]
    thrice = gradients(lambda *args: 3 * fused_loss(*args), arrays, rows)[1]
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(3 * a, b, rtol=1e-6), once, thrice
    )

  def test_jit_equals_eager(self):
    arrays, rows = split(problem(use_bias=True))
    value, grads = gradients(fused_loss, arrays, rows)
    eager = fused_loss(*arrays, *rows)
    np.testing.assert_allclose(value, eager, rtol=1e-6)
    eager = jax.grad(lambda *a: fused_loss(*a, *rows), (0, 1, 2))(*arrays)
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
      grads,
      eager,
    )

  def test_row_order_does_not_matter(self):
    states, kernel, bias, targets, where = problem()
    order = np.array([6, 2, 4, 0, 1, 3, 5])
    value, grads = gradients(
      fused_loss, (states, kernel, bias), (targets, where), chunk_size=3
    )
    moved, moved_grads = gradients(
      fused_loss,
      (states[order], kernel, bias),
      (targets[order], where[order]),
      chunk_size=3,
    )
    np.testing.assert_allclose(value, moved, rtol=1e-6)
    np.testing.assert_allclose(
      grads[0][order], moved_grads[0], rtol=1e-4, atol=1e-6
    )
    np.testing.assert_allclose(grads[1], moved_grads[1], rtol=1e-4, atol=1e-5)


def bag_problem(*, use_bias=True, dtype=np.float64):
  """Four states, the third without a target, and targets in no order."""
  states, kernel, bias, _, _ = problem(
    use_bias=use_bias, dtype=dtype, sizes=(4, H, V)
  )
  rows = jnp.array([3, 0, 3, 1, 0, 3, 2])
  targets = jnp.array([1, 5, 1, 0, 10, 7, 2])
  where = jnp.array([True, True, True, True, True, True, False])
  weights = jnp.array([0.5, 2.0, 1.0, 0.0, 0.25, 1.5, 3.0], dtype)
  return (states, kernel, bias), (rows, targets, where, weights)


def bag_loss(states, kernel, bias, rows, targets, where, weights, **options):
  return softmax.bag_coherence_loss(
    states,
    kernel,
    rows,
    targets,
    where=where,
    weights=weights,
    output_bias=bias,
    **options,
  )


def repeated_loss(states, kernel, bias, rows, targets, where, weights, **own):
  """By a row per target."""
  return softmax.fused_coherence_loss(
    states[rows],
    kernel,
    targets,
    where=where,
    weights=weights,
    output_bias=bias,
    **own,
  )


class BagTest(parameterized.TestCase):
  @parameterized.product(use_bias=(False, True), chunk_size=(1, 2, 3, 100))
  def test_equals_numpy_loop(self, use_bias, chunk_size):
    with jax.enable_x64(True):
      arrays, (rows, targets, where, weights) = bag_problem(use_bias=use_bias)
      losses = [
        loss(*arrays, rows, targets, where, weights, chunk_size=chunk_size)
        for loss in (bag_loss, repeated_loss)
      ]
    states, rows, where = (np.asarray(x) for x in (arrays[0], rows, where))
    one_each = [
      numpy_loss(states[rows], arrays[1], targets, np.arange(7) == q, arrays[2])
      for q in range(7)
    ]
    expected = np.sum(np.where(where, np.asarray(weights), 0) * one_each)
    np.testing.assert_allclose(losses, [expected] * 2, rtol=1e-13)

  def test_two_targets_by_hand(self):
    # Logits (0, log 3): probabilities 1/4 and 3/4.
    loss = softmax.bag_coherence_loss(
      jnp.ones((1, 1)),
      jnp.log(jnp.array([[1.0], [3.0]])),
      jnp.array([0, 0]),
      jnp.array([0, 1]),
      weights=jnp.array([2.0, 0.5]),
    )
    np.testing.assert_allclose(
      loss, 2 * np.log(4) + 0.5 * np.log(4 / 3), rtol=1e-6
    )

  @parameterized.product(
    use_bias=(False, True), chunk_size=(1, 2, 3, 100), weighted=(False, True)
  )
  def test_gradients_equal_those_of_repeated_rows(
    self, use_bias, chunk_size, weighted
  ):
    with jax.enable_x64(True):
      arrays, rows = bag_problem(use_bias=use_bias)
      rows = rows if weighted else (*rows[:3], None)
      own = gradients(bag_loss, arrays, rows, chunk_size=chunk_size)
      repeated = gradients(repeated_loss, arrays, rows, chunk_size=chunk_size)
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13),
      own,
      repeated,
    )

  def test_gradients_equal_automatic_differentiation(self):
    """Of weighted rows and of bags, by log_softmax of all logits."""
    with jax.enable_x64(True):
      arrays, rows = bag_problem()

      def plain(states, kernel, bias, rows, targets, where, weights):
        log_p = jax.nn.log_softmax(states @ kernel.T + bias)
        return -jnp.sum(jnp.where(where, weights * log_p[rows, targets], 0))

      auto = gradients(plain, arrays, rows)
      for loss in (bag_loss, repeated_loss):
        jax.tree.map(
          lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-13),
          gradients(loss, arrays, rows, chunk_size=2),
          auto,
        )
      check_grads(
        jax.jit(lambda *a: bag_loss(*a, *rows, chunk_size=3)),
        arrays,
        order=1,
        modes=['rev'],
      )

  def test_weights_of_1_are_no_weights(self):
    """Bit for bit."""
    arrays, (targets, where) = split(problem(use_bias=True))
    ones = jnp.ones(P)
    jax.tree.map(
      np.testing.assert_array_equal,
      gradients(fused_loss, arrays, (targets, where)),
      gradients(fused_loss, arrays, (targets, where), weights=ones),
    )

  @parameterized.parameters(1e6, np.inf, np.nan)
  def test_what_does_not_count_cannot_leak(self, content):
    arrays, (rows, targets, where, weights) = bag_problem(dtype=np.float32)
    clean = gradients(bag_loss, arrays, (rows, targets, where, weights))
    # State 2 has no target that counts, and state 1's weighs 0.
    junk = arrays[0].at[jnp.array([1, 2])].set(content)
    dirty = gradients(
      bag_loss,
      (junk, *arrays[1:]),
      (
        jnp.where(where, rows, -7),
        jnp.where(where, targets, 2**31 - 1),
        where,
        jnp.where(where, weights, content),
      ),
    )
    jax.tree.map(np.testing.assert_array_equal, clean, dirty)
    np.testing.assert_array_equal(clean[1][0][1:3], 0)

  def test_nothing_counts(self):
    arrays, (rows, targets, where, weights) = bag_problem(dtype=np.float32)
    found = gradients(bag_loss, arrays, (rows, targets, where & False, weights))
    for x in jax.tree.leaves(found):
      np.testing.assert_array_equal(x, np.zeros_like(x))

  def test_jit_equals_eager(self):
    arrays, rows = bag_problem(dtype=np.float32)
    value, _ = gradients(bag_loss, arrays, rows)
    np.testing.assert_allclose(value, bag_loss(*arrays, *rows), rtol=1e-6)

  def test_large_logits_stay_finite(self):
    arrays, rows = bag_problem(dtype=np.float32)
    found = gradients(bag_loss, (1e4 * arrays[0], *arrays[1:]), rows)
    for x in jax.tree.leaves(found):
      self.assertTrue(np.isfinite(x).all())

  def test_bfloat16_is_near_and_returns_float32(self):
    arrays, rows = bag_problem(dtype=np.float32)
    full = gradients(bag_loss, arrays, rows)
    half = gradients(bag_loss, arrays, rows, product_dtype=jnp.bfloat16)
    for a, b in zip(jax.tree.leaves(full), jax.tree.leaves(half), strict=True):
      self.assertEqual(b.dtype, jnp.float32)
      scale = np.abs(np.asarray(a)).max()
      np.testing.assert_allclose(a, b, rtol=0, atol=0.03 * scale)
    self.assertGreater(abs(float(full[0] - half[0])), 0)  # it was used

  def test_chunk_size_must_be_positive(self):
    arrays, rows = bag_problem(dtype=np.float32)
    with self.assertRaisesRegex(ValueError, 'chunk_size is 0'):
      bag_loss(*arrays, *rows, chunk_size=0)


def excluded_videos():
  """[4, V] about half, but for a state's own targets that count.

  Target 0 of state 1 weighs nothing, target 2 of state 2 does not count: those
  may be out. State 2 has every video out, and no target.
  """
  out = np.random.default_rng(3).random((4, V)) < 0.5
  out[3, [1, 7]] = out[0, [5, 10]] = False
  out[1, 0] = out[0, 1] = out[3, 5] = True  # targets of others
  out[2] = True
  return out


def numpy_gradients(arrays, bag, out):
  """Value and gradients of the loss by a loop over targets, in float64.

  Of -log softmax_t over the videos that are not out: h (p_v - [v = t]).
  """
  states, kernel, bias = (np.asarray(x, np.float64) for x in arrays)
  value, grads = 0.0, [np.zeros_like(x) for x in (states, kernel, bias)]
  for row, target, counts, weight in zip(*map(np.asarray, bag), strict=True):
    if not counts or not weight:
      continue
    odds = {
      v: np.exp(kernel[v] @ states[row] + bias[v])
      for v in range(V)
      if not out[row, v]
    }
    total = sum(odds.values())
    value -= float(weight) * np.log(odds[int(target)] / total)
    for v, odd in odds.items():
      pull = float(weight) * (odd / total - (v == target))
      grads[0][row] += pull * kernel[v]
      grads[1][v] += pull * states[row]
      grads[2][v] += pull
  return value, grads


def even_problem(**options):
  """`bag_problem` without a video that is all but certain."""
  (states, *kernel), bag = bag_problem(**options)
  return (states / 4, *kernel), bag


class ExcludedTest(parameterized.TestCase):
  @parameterized.parameters(1, 2, 3, 100)
  def test_equals_numpy_loop(self, chunk_size):
    out = excluded_videos()
    with jax.enable_x64(True):
      arrays, bag = even_problem()
      options = {'excluded': jnp.asarray(out), 'chunk_size': chunk_size}
      alone = bag_loss(*arrays, *bag, **options)
      value, grads = gradients(bag_loss, arrays, bag, **options)
      whole, _ = gradients(bag_loss, arrays, bag, chunk_size=chunk_size)
    want, want_grads = numpy_gradients(arrays, bag, out)
    np.testing.assert_allclose([value, alone], want, rtol=1e-12)
    for found, right in zip(grads, want_grads, strict=True):
      np.testing.assert_allclose(found, right, rtol=1e-11, atol=1e-13)
    self.assertGreater(float(whole) - float(value), 0.1)  # others had a part

  def test_what_is_excluded_has_no_gradient(self):
    arrays, bag = even_problem(dtype=np.float32)
    out = excluded_videos()
    out[:, 9] = True
    value, grads = gradients(bag_loss, arrays, bag, excluded=jnp.asarray(out))
    np.testing.assert_array_equal(grads[1][9], 0)
    np.testing.assert_array_equal(grads[2][9], 0)
    far = arrays[1].at[9].set(1e3), arrays[2].at[9].set(1e3)
    other = gradients(
      bag_loss, (arrays[0], *far), bag, excluded=jnp.asarray(out)
    )
    np.testing.assert_array_equal(other[0], value)
    np.testing.assert_array_equal(other[1][0], grads[0])

  @parameterized.parameters(2, 100)
  def test_excluding_none_changes_no_bit(self, chunk_size):
    arrays, bag = even_problem(dtype=np.float32)
    none = jnp.zeros((4, V), bool)
    jax.tree.map(
      np.testing.assert_array_equal,
      gradients(bag_loss, arrays, bag, chunk_size=chunk_size),
      gradients(bag_loss, arrays, bag, chunk_size=chunk_size, excluded=none),
    )

  def test_one_video_left_is_certain(self):
    arrays, _ = even_problem(dtype=np.float32)
    targets = jnp.array([4, 1, 0, 9])
    out = jnp.ones((4, V), bool).at[jnp.arange(4), targets].set(False)
    bag = jnp.arange(4), targets, None, None
    value, grads = gradients(bag_loss, arrays, bag, excluded=out)
    np.testing.assert_array_equal(value, 0)
    for x in grads:
      np.testing.assert_array_equal(x, np.zeros_like(x))

  def test_bfloat16_excludes_too(self):
    arrays, bag = even_problem(dtype=np.float32)
    out = jnp.asarray(excluded_videos())
    full = gradients(bag_loss, arrays, bag, excluded=out)
    half = gradients(
      bag_loss, arrays, bag, excluded=out, product_dtype=jnp.bfloat16
    )
    for a, b in zip(jax.tree.leaves(full), jax.tree.leaves(half), strict=True):
      scale = np.abs(np.asarray(a)).max()
      np.testing.assert_allclose(a, b, rtol=0, atol=0.03 * scale)


class MaskTest(parameterized.TestCase):
  @parameterized.product(
    content=(1e6, np.inf, np.nan), target=(-7, V, 2**31 - 1)
  )
  def test_masked_content_cannot_leak(self, content, target):
    states, kernel, bias, targets, where = problem(use_bias=True)
    clean = gradients(
      fused_loss, (states, kernel, bias), (targets, where), chunk_size=3
    )
    junk = jnp.where(where[:, None], states, content)
    targets = jnp.where(where, targets, target)
    dirty = gradients(
      fused_loss, (junk, kernel, bias), (targets, where), chunk_size=3
    )
    jax.tree.map(np.testing.assert_array_equal, clean, dirty)
    np.testing.assert_array_equal(clean[1][0][~where], 0)

  def test_nothing_counts(self):
    arrays, (targets, _) = split(problem(use_bias=True))
    rows = (targets, jnp.zeros(P, bool))
    for x in jax.tree.leaves(gradients(fused_loss, arrays, rows)):
      np.testing.assert_array_equal(x, np.zeros_like(x))

  def test_padding_behind_changes_nothing(self):
    states, kernel, bias, targets, where = problem()
    value, grads = gradients(
      fused_loss, (states, kernel, bias), (targets, where), chunk_size=2
    )
    longer = (
      jnp.pad(states, ((0, 5), (0, 0))),
      jnp.pad(targets, (0, 5)),
      jnp.pad(where, (0, 5)),
    )
    padded, padded_grads = gradients(
      fused_loss, (longer[0], kernel, bias), longer[1:], chunk_size=2
    )
    np.testing.assert_allclose(value, padded, rtol=1e-6)
    np.testing.assert_allclose(
      grads[0], padded_grads[0][:P], rtol=1e-5, atol=1e-6
    )
    np.testing.assert_allclose(grads[1], padded_grads[1], rtol=1e-5, atol=1e-6)


class CostTest(parameterized.TestCase):
  SIZES = (2_000, 8, 3_000)
  CHUNK = 50

  def compiled(self, run):
    arrays, rows = split(problem(sizes=self.SIZES))
    return jax.jit(run).lower(*arrays, *rows).compile()

  def test_never_holds_all_logits(self):
    rows, _, videos = self.SIZES
    run = jax.value_and_grad(
      lambda *args: fused_loss(*args, chunk_size=self.CHUNK), (0, 1)
    )
    held = self.compiled(run).memory_analysis().temp_size_in_bytes
    self.assertLess(held, 4 * 4 * self.CHUNK * videos)
    plain = jax.value_and_grad(plain_loss, (0, 1))
    held = self.compiled(plain).memory_analysis().temp_size_in_bytes
    self.assertGreater(held, 4 * rows * videos)

  def test_value_alone_makes_no_gradient(self):
    # Products: 1 without, 3 with gradients.
    count = [
      self.compiled(run).as_text().count(' dot(')
      for run in (fused_loss, jax.grad(fused_loss, (0, 1)))
    ]
    self.assertEqual(count, [1, 3])

  def test_chunks_behind_the_last_row_are_not_run(self):
    where = jnp.arange(100) < 21
    for size, chunks in ((10, 3), (7, 3), (21, 1), (1, 21), (100, 1)):
      plan = softmax._Plan(size, None)
      self.assertEqual(softmax._chunk_count(plan, 0.5 * where), chunks)
    plan = softmax._Plan(10, None)
    self.assertEqual(softmax._chunk_count(plan, 0.0 * where), 0)


class ProductDtypeTest(parameterized.TestCase):
  def test_bfloat16_is_near_and_returns_float32(self):
    arrays, rows = split(problem(use_bias=True, sizes=(40, 64, 50)))
    arrays = (arrays[0] / 8, arrays[1], arrays[2])
    full = gradients(fused_loss, arrays, rows)
    half = gradients(fused_loss, arrays, rows, product_dtype=jnp.bfloat16)
    for a, b in zip(jax.tree.leaves(full), jax.tree.leaves(half), strict=True):
      self.assertEqual(b.dtype, jnp.float32)
      scale = np.abs(np.asarray(a)).max()
      np.testing.assert_allclose(a, b, rtol=0, atol=0.03 * scale)
    self.assertGreater(abs(float(full[0] - half[0])), 0)  # it was used


class NumpyTest(parameterized.TestCase):
  """Host arrays are taken as they are, float64 ones too."""

  @parameterized.parameters(np.float32, np.float64)
  def test_equals_device_arrays(self, dtype):
    rng = np.random.default_rng(0)
    states, kernel = rng.normal(size=(5, 3)), rng.normal(size=(7, 3))
    bias, targets = rng.normal(size=7), rng.integers(7, size=5)
    where = np.array([True, True, False, True, False])
    host = [x.astype(dtype) for x in (states, kernel, bias)]
    device = [jnp.asarray(x, jnp.float32) for x in (states, kernel, bias)]

    def loss(states, kernel, bias, targets, where):
      return softmax.fused_coherence_loss(
        states, kernel, targets, where=where, output_bias=bias
      )

    np.testing.assert_allclose(
      loss(*host, targets, where),
      loss(*device, jnp.asarray(targets), jnp.asarray(where)),
      rtol=1e-6,
    )


if __name__ == '__main__':
  absltest.main()
