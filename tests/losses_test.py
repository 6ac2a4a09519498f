"""Eq. (1), (4), (6) to (9) against plain loops in float64."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized
from jax.test_util import check_grads

from dynrec_jax import losses


def normal(seed, *shape):
  return np.random.default_rng(seed).normal(size=shape)


def unit_loop(x):
  length = math.sqrt(sum(float(a) ** 2 for a in x))
  return [float(a) / length for a in x] if length else [0.0 for _ in x]


def cosine(x, y):
  pairs = zip(unit_loop(x), unit_loop(y), strict=True)
  return sum(a * b for a, b in pairs)


def semantic_loop(v, t, vn, tn, margin, where, negative_where):
  total = 0.0
  for i in range(len(v)):
    for j in range(vn.shape[1]):
      if where[i] and negative_where[i, j]:
        near = cosine(v[i], t[i])
        total += max(0.0, margin - near + cosine(v[i], tn[i, j]))
        total += max(0.0, margin - near + cosine(vn[i, j], t[i]))
  return total


def coherence_loop(logits, targets, where):
  total = 0.0
  for b, t in np.ndindex(targets.shape):
    if where[b, t]:
      row = logits[b, t] - logits[b, t].max()
      total -= row[targets[b, t]] - math.log(np.exp(row).sum())
  return total


def sampled_loop(positive, negative, where, negative_where, *, pairs):
  """-log sigmoid of what is right, one score (or pair) at a time."""

  def cost(score):
    return math.log(1 + math.exp(-score))

  total = 0.0
  for p in range(len(positive)):
    if not where[p]:
      continue
    if not pairs:
      total += cost(float(positive[p]))
    for n in range(negative.shape[1]):
      if negative_where[p, n]:
        right = float(positive[p]) if pairs else 0.0
        total += cost(right - float(negative[p, n]))
  return total


# One case per loss: the function of its float arrays, those arrays, and the
# mask over their leading axes. `kept` names what the mask leaves in.
B, N, D, T, V = 4, 3, 5, 3, 7
ROWS = np.array([True, False, True, True])
STEPS = np.array([[1, 1, 1], [1, 0, 0], [0, 0, 0], [1, 1, 0]], bool)
TARGETS = np.array([[6, 0, 3], [2, 2, 5], [1, 4, 0], [0, 6, 5]], np.int32)


def coherence(logits, where=None):
  return losses.coherence_loss(logits, jnp.asarray(TARGETS), where=where)


CASES = {
  'semantic': (
    partial(losses.contrastive_semantic_loss, margin=0.3),
    [normal(0, B, D), normal(1, B, D), normal(2, B, N, D), normal(3, B, N, D)],
    ROWS,
  ),
  'in_batch': (
    partial(losses.in_batch_semantic_loss, margin=0.3),
    [normal(4, B, D), normal(5, B, D)],
    ROWS,
  ),
  'interest': (
    losses.interest_distance_loss,
    [normal(6, B, D), normal(7, B, D)],
    ROWS,
  ),
  'relevance': (
    partial(losses.triplet_relevance_loss, margin=0.5),
    [normal(8, B, D), normal(9, B, D), normal(10, B, D)],
    ROWS,
  ),
  'coherence': (coherence, [3 * normal(11, B, T, V)], STEPS),
  'logistic': (
    losses.sampled_logistic_loss,
    [2 * normal(12, B), 2 * normal(13, B, N)],
    ROWS,
  ),
  'bpr': (
    losses.pairwise_ranking_loss,
    [2 * normal(14, B), 2 * normal(15, B, N)],
    ROWS,
  ),
}
NAMED = [(name, *case) for name, case in CASES.items()]


class EveryLossTest(parameterized.TestCase):
  """What all have in common."""

  @parameterized.named_parameters(NAMED)
  def test_gradients(self, loss, arrays, where):
    with jax.enable_x64(True):
      arrays = [jnp.asarray(x, jnp.float64) for x in arrays]
      masked = jax.jit(partial(loss, where=where))
      check_grads(masked, arrays, order=1, modes=('rev',))

  @parameterized.named_parameters(NAMED)
  def test_jit_equals_eager(self, loss, arrays, where):
    eager = loss(*arrays, where=where)
    self.assertGreater(eager, 0.1)
    np.testing.assert_allclose(
      jax.jit(loss)(*arrays, where=where), eager, rtol=1e-6
    )

  @parameterized.named_parameters(
    case
    for case in NAMED
    if case[1] is not coherence  # its targets are fixed
  )
  def test_row_order_does_not_matter(self, loss, arrays, where):
    order = np.array([2, 0, 3, 1])
    np.testing.assert_allclose(
      loss(*(x[order] for x in arrays), where=where[order]),
      loss(*arrays, where=where),
      rtol=1e-6,
    )

  @parameterized.named_parameters(NAMED)
  def test_no_mask_counts_all(self, loss, arrays, where):
    np.testing.assert_array_equal(
      loss(*arrays), loss(*arrays, where=np.ones_like(where))
    )
    self.assertGreater(loss(*arrays), loss(*arrays, where=where))

  @parameterized.product(
    name=list(CASES), junk=[1e6, 0.0, float('inf'), float('nan')]
  )
  def test_masked_content_cannot_leak(self, name, junk):
    loss, arrays, where = CASES[name]
    positions = tuple(range(len(arrays)))
    value_and_grad = jax.jit(
      jax.value_and_grad(partial(loss, where=where), positions)
    )
    arrays = [jnp.asarray(x, jnp.float32) for x in arrays]
    value, grads = value_and_grad(*arrays)
    soiled, soiled_grads = value_and_grad(
      *(x.at[jnp.asarray(~where)].set(junk) for x in arrays)
    )
    np.testing.assert_array_equal(value, soiled)
    for grad, soiled_grad in zip(grads, soiled_grads, strict=True):
      np.testing.assert_array_equal(grad, soiled_grad)
      np.testing.assert_array_equal(grad[~where], 0)
      self.assertGreater(np.abs(grad[where]).max(), 0)

  @parameterized.named_parameters(NAMED)
  def test_all_masked_is_zero(self, loss, arrays, where):
    none = np.zeros_like(where)
    value, grad = jax.value_and_grad(
      lambda x: loss(x, *arrays[1:], where=none)
    )(jnp.asarray(arrays[0], jnp.float32))
    self.assertEqual(value, 0)
    np.testing.assert_array_equal(grad, 0)

  @parameterized.named_parameters(NAMED)
  def test_zero_vectors_are_safe(self, loss, arrays, where):
    del where
    zeros = [jnp.zeros(x.shape, jnp.float32) for x in arrays]
    grads = jax.jit(jax.grad(loss, tuple(range(len(arrays)))))(*zeros)
    for grad in grads:
      self.assertTrue(np.isfinite(grad).all())

  def test_wrong_rank_is_refused(self):
    v, t, vn, tn = CASES['semantic'][1]
    with self.assertRaises(Exception):  # noqa: B017 (jaxtyping's own class)
      losses.contrastive_semantic_loss(v, t, vn[:, 0], tn[:, 0], margin=0.3)
    with self.assertRaises(Exception):  # noqa: B017
      losses.interest_distance_loss(v, t[:, :-1])


class UnitTest(parameterized.TestCase):
  @parameterized.parameters(((2, 3),), ((4,),), ((2, 1, 5),))
  def test_equals_loop(self, shape):
    x = normal(12, *shape) * 7
    want = np.array([unit_loop(row) for row in x.reshape(-1, shape[-1])])
    np.testing.assert_allclose(
      losses.unit(x), want.reshape(shape), rtol=1e-6, atol=1e-7
    )

  def test_zero_stays_zero_with_zero_gradient(self):
    x = jnp.array([[0.0, 0.0], [3.0, 4.0]])
    np.testing.assert_allclose(losses.unit(x), [[0, 0], [0.6, 0.8]], rtol=1e-6)
    grad = jax.grad(lambda x: losses.unit(x)[:, 0].sum())(x)
    # d(x/|x|)/dx at (3, 4): (1 - 9/25) / 5 and -(3*4/25) / 5.
    np.testing.assert_allclose(grad, [[0, 0], [0.128, -0.096]], rtol=1e-5)

  def test_gradients(self):
    with jax.enable_x64(True):
      check_grads(losses.unit, (jnp.asarray(normal(13, 3, 4)),), order=1)

  def test_scale_does_not_matter(self):
    x = normal(14, 3, 4).astype(np.float32)
    np.testing.assert_allclose(losses.unit(x * 1000), losses.unit(x), rtol=1e-5)


class MaskedSumTest(parameterized.TestCase):
  def test_by_hand(self):
    x = np.array([[1.0, 2.0], [np.nan, 8.0]], np.float32)
    where = np.array([[True, False], [False, True]])
    self.assertEqual(losses.masked_sum(x, where), 9)
    self.assertEqual(losses.masked_sum(x[0]), 3)


class SemanticTest(parameterized.TestCase):
  @parameterized.product(margin=[0.3, 1], masked=[False, True])
  def test_equals_loop(self, margin, masked):
    arrays = CASES['semantic'][1]
    rows = ROWS if masked else np.ones(B, bool)
    pairs = np.ones((B, N), bool)
    if masked:
      pairs[0, 1] = pairs[1, 0] = pairs[3, :] = False
    masks = {'where': rows, 'negative_where': pairs} if masked else {}
    want = semantic_loop(*arrays, margin, rows, pairs)
    with jax.enable_x64(True):
      got = losses.contrastive_semantic_loss(*arrays, margin=margin, **masks)
      np.testing.assert_allclose(got, want, rtol=1e-6)

  def test_by_hand(self):
    # cos(v, t) = 0.8, cos(v, t_n) = 0.6, cos(v_n, t) = 0: the first hinge is
    # 0.3 - 0.8 + 0.6 = 0.1, the second is closed.
    got = losses.contrastive_semantic_loss(
      np.array([[2.0, 0.0]]),
      np.array([[4.0, 3.0]]),
      np.array([[[-3.0, 4.0]]]),
      np.array([[[0.6, 0.8]]]),
      margin=0.3,
    )
    np.testing.assert_allclose(got, 0.1, rtol=1e-5)

  def test_masked_negatives_cannot_leak(self):
    v, t, vn, tn = (jnp.asarray(x, jnp.float32) for x in CASES['semantic'][1])
    pairs = np.ones((B, N), bool)
    pairs[2, 1] = False
    loss = partial(
      losses.contrastive_semantic_loss, margin=0.3, negative_where=pairs
    )
    clean = jax.value_and_grad(loss, (0, 1, 2, 3))(v, t, vn, tn)
    junk = jax.value_and_grad(loss, (0, 1, 2, 3))(
      v, t, vn.at[2, 1].set(np.nan), tn.at[2, 1].set(np.inf)
    )
    jax.tree.map(np.testing.assert_array_equal, clean, junk)

  def test_a_missing_modality_gets_no_gradient(self):
    v, t, vn, tn = (jnp.asarray(x, jnp.float32) for x in CASES['semantic'][1])
    grad = jax.grad(losses.contrastive_semantic_loss)(
      v.at[1].set(0), t, vn, tn, margin=0.3, where=ROWS
    )
    np.testing.assert_array_equal(grad[1], 0)

  @parameterized.parameters(False, True)
  def test_in_batch_equals_the_others_as_negatives(self, masked):
    v, t = CASES['in_batch'][1]
    where = ROWS if masked else np.ones(B, bool)
    others = np.array([[j for j in range(B) if j != i] for i in range(B)])
    with jax.enable_x64(True):
      want = losses.contrastive_semantic_loss(
        v,
        t,
        v[others],
        t[others],
        margin=0.3,
        where=where,
        negative_where=where[others],
      )
      got = losses.in_batch_semantic_loss(v, t, margin=0.3, where=where)
      np.testing.assert_allclose(got, want, rtol=1e-9)
      loop = semantic_loop(
        v, t, v[others], t[others], 0.3, where, where[others]
      )
      np.testing.assert_allclose(got, loop, rtol=1e-6)

  def test_in_batch_of_one_is_zero(self):
    self.assertEqual(
      losses.in_batch_semantic_loss(
        np.ones((1, 2)), -np.ones((1, 2)), margin=2
      ),
      0,
    )


class InterestDistanceTest(parameterized.TestCase):
  def test_equals_loop(self):
    u, x = CASES['interest'][1]
    want = sum(
      (u[b, d] - x[b, d]) ** 2 for b in range(B) if ROWS[b] for d in range(D)
    )
    with jax.enable_x64(True):
      got = losses.interest_distance_loss(u, x, where=ROWS)
      np.testing.assert_allclose(got, want, rtol=1e-9)

  def test_by_hand(self):
    got = losses.interest_distance_loss(
      np.array([[1.0, 2.0], [0.0, 5.0]]), np.array([[4.0, 6.0], [0.0, 5.0]])
    )
    self.assertEqual(got, 25)


class RelevanceTest(parameterized.TestCase):
  def test_equals_loop(self):
    a, p, n = CASES['relevance'][1]
    want = sum(
      max(0.0, 0.5 - cosine(a[b], p[b]) + cosine(a[b], n[b]))
      for b in range(B)
      if ROWS[b]
    )
    with jax.enable_x64(True):
      got = losses.triplet_relevance_loss(a, p, n, margin=0.5, where=ROWS)
      np.testing.assert_allclose(got, want, rtol=1e-6)

  def test_by_hand(self):
    # Cosines 0.6 and 0.8: 0.5 - 0.6 + 0.8; then 1 and -1: closed.
    a = np.array([[1.0, 0.0], [1.0, 1.0]])
    p = np.array([[3.0, 4.0], [2.0, 2.0]])
    n = np.array([[8.0, 6.0], [-1.0, -1.0]])
    got = losses.triplet_relevance_loss(a, p, n, margin=0.5)
    np.testing.assert_allclose(got, 0.7, rtol=1e-6)

  def test_coinciding_states_cost_the_margin(self):
    a = normal(15, 3, 4)
    got = losses.triplet_relevance_loss(a, a, a, margin=0.5)
    np.testing.assert_allclose(got, 1.5, rtol=1e-6)


class CoherenceTest(parameterized.TestCase):
  @parameterized.parameters(False, True)
  def test_equals_loop(self, masked):
    logits = CASES['coherence'][1][0]
    where = STEPS if masked else np.ones_like(STEPS)
    with jax.enable_x64(True):
      got = losses.coherence_loss(
        logits, TARGETS, where=where if masked else None
      )
      want = coherence_loop(logits, TARGETS, where)
      np.testing.assert_allclose(got, want, rtol=1e-6)

  def test_by_hand(self):
    logits = np.log(np.array([[[1.0, 2.0, 5.0], [1.0, 1.0, 2.0]]]))
    got = losses.coherence_loss(logits, np.array([[2, 0]]))
    np.testing.assert_allclose(got, -math.log(5 / 8 * 1 / 4), rtol=1e-6)

  def test_row_order_does_not_matter(self):
    logits, order = CASES['coherence'][1][0], np.array([2, 0, 3, 1])
    np.testing.assert_allclose(
      losses.coherence_loss(logits[order], TARGETS[order], where=STEPS[order]),
      losses.coherence_loss(logits, TARGETS, where=STEPS),
      rtol=1e-6,
    )

  def test_a_constant_added_to_all_scores_changes_nothing(self):
    logits = CASES['coherence'][1][0].astype(np.float32)
    np.testing.assert_allclose(
      losses.coherence_loss(logits + 1000, TARGETS),
      losses.coherence_loss(logits, TARGETS),
      rtol=1e-4,
    )

  def test_masked_target_cannot_leak(self):
    logits = CASES['coherence'][1][0].astype(np.float32)
    np.testing.assert_array_equal(
      losses.coherence_loss(logits, np.where(STEPS, TARGETS, 999), where=STEPS),
      losses.coherence_loss(logits, TARGETS, where=STEPS),
    )

  def test_equal_scores_cost_log_v(self):
    got = losses.coherence_loss(np.full((1, 2, 7), 3.0), np.zeros((1, 2), int))
    np.testing.assert_allclose(got, 2 * math.log(7), rtol=1e-6)


class SampledTest(parameterized.TestCase):
  """The two losses of sampled negatives."""

  @parameterized.parameters('logistic', 'bpr')
  def test_equals_loop(self, name):
    loss, (positive, negative), where = CASES[name]
    counts = normal(16, B, N) > -0.3
    self.assertLess(counts.sum(), B * N)
    want = sampled_loop(positive, negative, where, counts, pairs=name == 'bpr')
    with jax.enable_x64(True):
      got = loss(positive, negative, where=where, negative_where=counts)
      np.testing.assert_allclose(got, want, rtol=1e-9)

  def test_by_hand(self):
    """sigmoid(log 3) = 3/4, and the odds of log 3 against log 2 are 3:2."""
    positive, negative = np.log([3.0]), np.log([[2.0, 1.0]])
    got = losses.sampled_logistic_loss(positive, negative)
    want = -math.log(3 / 4) - math.log(1 / 3) - math.log(1 / 2)
    np.testing.assert_allclose(got, want, rtol=1e-6)
    got = losses.pairwise_ranking_loss(positive, negative)
    want = -math.log(3 / 5) - math.log(3 / 4)
    np.testing.assert_allclose(got, want, rtol=1e-6)

  @parameterized.parameters(
    losses.sampled_logistic_loss, losses.pairwise_ranking_loss
  )
  def test_masked_negatives_cannot_leak(self, loss):
    positive, negative = jnp.array([0.5, -1.0]), jnp.array([[1.0, 2], [3, 4]])
    counts = jnp.array([[True, False], [False, True]])
    run = jax.value_and_grad(partial(loss, negative_where=counts), (0, 1))
    want = run(positive, negative)
    found = run(positive, jnp.where(counts, negative, jnp.nan))
    jax.tree.map(np.testing.assert_array_equal, found, want)

  def test_without_negatives(self):
    positive, none = jnp.array([0.0, 0.0]), jnp.zeros((2, 0))
    got = losses.sampled_logistic_loss(positive, none)
    np.testing.assert_allclose(got, 2 * math.log(2), rtol=1e-6)
    self.assertEqual(losses.pairwise_ranking_loss(positive, none), 0)

  def test_extreme_scores_are_finite(self):
    """Where a sigmoid is 0 or 1 in float32, the cost is the score itself."""
    got = losses.pairwise_ranking_loss(
      jnp.array([-200.0]), jnp.array([[100.0]])
    )
    np.testing.assert_allclose(got, 300)
    got = losses.sampled_logistic_loss(
      jnp.array([200.0]), jnp.array([[-200.0]])
    )
    self.assertEqual(got, 0)


class UnifiedTest(parameterized.TestCase):
  TERMS = losses.LossTerms(
    coherence=jnp.float32(1),
    semantic=jnp.float32(10),
    interest=jnp.float32(100),
    relevance=jnp.float32(1000),
  )
  WEIGHTS = losses.LossWeights(semantic=0.2, interest=0.4, relevance=0.6)

  def test_by_hand(self):
    got = losses.unified_loss(self.TERMS, self.WEIGHTS)
    np.testing.assert_allclose(got, 1 + 2 + 40 + 600, rtol=1e-6)
    jitted = jax.jit(losses.unified_loss)(self.TERMS, self.WEIGHTS)
    np.testing.assert_allclose(jitted, got, rtol=1e-6)

  def test_gradient_is_the_weights(self):
    grad = jax.grad(losses.unified_loss)(self.TERMS, self.WEIGHTS)
    np.testing.assert_allclose(grad, [1, 0.2, 0.4, 0.6], rtol=1e-6)

  def test_python_numbers_do(self):
    terms = losses.LossTerms(1.0, 1.0, 1.0, 1.0)
    got = losses.unified_loss(terms, losses.LossWeights(0.0, 0.0, 0.0))
    self.assertEqual(got, 1)


if __name__ == '__main__':
  absltest.main()
