"""Eq. (2) and (3) against a plain loop in float64."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import absltest, parameterized
from jax.test_util import check_grads

from dynrec_jax import interest

B, N, K, M = 3, 4, 5, 6
DECAY = 0.3
RNG = np.random.default_rng(0)
VECTORS = RNG.normal(size=(M, K))
VIDEOS = np.array([[4, 1, 0, 4], [3, 3, 2, 5], [0, 1, 2, 3]])  # 4 twice
AGES = RNG.uniform(0, 9, size=(B, N))
WHERE = np.array([[1, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0]], bool)
COUNT = WHERE.sum(-1)
NORMS = ('sum_weights', 'count', 'l2')


def interest_loop(vectors, ages, decay, where, norm):
  """One vector per behaviour in, one per user out."""
  out = np.zeros((vectors.shape[0], vectors.shape[2]))
  for b in range(len(vectors)):
    total, count = 0.0, 0
    for n in range(vectors.shape[1]):
      if where[b, n]:
        weight = math.exp(-decay * ages[b, n])
        out[b] += weight * vectors[b, n]
        total, count = total + weight, count + 1
    if count:
      length = math.sqrt(sum(float(x) ** 2 for x in out[b]))
      out[b] /= {'sum_weights': total, 'count': count, 'l2': length}[norm]
  return out


def by_video(ages, decay=DECAY, where=WHERE, videos=VIDEOS):
  """[B, M] weights summed per video, as a batch holds them."""
  weights = np.zeros((len(ages), M))
  slots = np.where(where, interest.decay_weights(ages, decay=decay), 0)
  np.add.at(weights, (np.arange(len(ages))[:, None], videos), slots)
  return weights


class DecayWeightsTest(parameterized.TestCase):
  @parameterized.parameters(np.float32, np.float64)
  def test_by_hand(self, dtype):
    for library in (np, jnp):
      with jax.enable_x64(True):
        ages = library.array([0, 1, 10], dtype)
        got = interest.decay_weights(ages, decay=0.1)
      self.assertIsInstance(got, type(ages))
      self.assertEqual(got.dtype, dtype)
      want = [1, math.exp(-0.1), math.exp(-1)]
      np.testing.assert_allclose(got, want, rtol=10 * np.finfo(dtype).eps)

  def test_half_life(self):
    # lambda = 0.1 halves a behaviour's weight in 6.9 units.
    got = interest.decay_weights(np.array([6.931472]), decay=0.1)
    np.testing.assert_allclose(got, 0.5, rtol=1e-6)

  def test_no_decay_weighs_all_alike(self):
    np.testing.assert_array_equal(interest.decay_weights(AGES, decay=0), 1)

  def test_a_very_old_behaviour_weighs_nothing(self):
    for ages in (np.array([1e6]), jnp.array([1e6])):
      np.testing.assert_array_equal(interest.decay_weights(ages, decay=1.0), 0)

  def test_gradients_and_jit(self):
    call = partial(interest.decay_weights, decay=DECAY)
    np.testing.assert_allclose(jax.jit(call)(AGES), call(AGES), rtol=1e-6)
    with jax.enable_x64(True):
      check_grads(call, (jnp.asarray(AGES),), order=1)


class NormalisedTest(parameterized.TestCase):
  @parameterized.product(norm=NORMS, library=[np, jnp])
  def test_equals_loop(self, norm, library):
    with jax.enable_x64(True):
      weights = np.where(WHERE, interest.decay_weights(AGES, decay=DECAY), 0)
      vectors = VECTORS[VIDEOS]
      pooled = np.einsum('bn,bnk->bk', weights, vectors)
      got = interest.normalised(
        library.asarray(pooled),
        library.asarray(weights.sum(-1)),
        library.asarray(COUNT),
        norm=norm,
      )
      self.assertIsInstance(got, type(library.zeros(1)))
      self.assertEqual(got.dtype, np.float64)
      want = interest_loop(vectors, AGES, DECAY, WHERE, norm)
      np.testing.assert_allclose(got, want, rtol=1e-12)

  @parameterized.parameters(np, jnp)
  def test_by_hand(self, library):
    # Weights 1 and 1/2: (1 * (4, 0) + 1/2 * (1, 3)) / N_u.
    call = partial(
      interest.normalised,
      library.array([[4.5, 1.5]]),
      library.array([1.5]),
      library.array([2]),
    )
    np.testing.assert_allclose(call(norm='sum_weights'), [[3, 1]], rtol=1e-6)
    np.testing.assert_allclose(call(norm='count'), [[2.25, 0.75]], rtol=1e-6)
    np.testing.assert_allclose(
      call(norm='l2'), [[3 / math.sqrt(10), 1 / math.sqrt(10)]], rtol=1e-6
    )

  def test_unknown_norm_lists_the_valid_ones(self):
    zeros = np.zeros(B)
    for call in (
      interest.check_norm,
      lambda norm: interest.normalised(
        np.zeros((B, K)), zeros, zeros, norm=norm
      ),
      lambda norm: interest.weighted_interest(
        np.zeros((B, M)), VECTORS, count=zeros, norm=norm
      ),
    ):
      with self.assertRaisesRegex(ValueError, 'mean.*sum_weights, count, l2'):
        call('mean')


class WeightedInterestTest(parameterized.TestCase):
  @parameterized.product(norm=NORMS, jit=[False, True])
  def test_equals_loop(self, norm, jit):
    call = partial(interest.weighted_interest, norm=norm)
    with jax.enable_x64(True):
      got = (jax.jit(call) if jit else call)(
        by_video(AGES), VECTORS, count=COUNT
      )
    want = interest_loop(VECTORS[VIDEOS], AGES, DECAY, WHERE, norm)
    np.testing.assert_allclose(got, want, rtol=1e-9)

  @parameterized.parameters(*NORMS)
  def test_nobody_is_zero_with_finite_gradients(self, norm):
    weights = jnp.zeros((2, M)).at[1, 3].set(0.25)
    count = np.array([0, 1])
    vectors = jnp.asarray(np.random.default_rng(2).normal(size=(M, K)))
    call = partial(interest.weighted_interest, norm=norm, count=count)
    np.testing.assert_array_equal(call(weights, vectors)[0], 0)
    grads = jax.grad(lambda *x: call(*x)[:, 0].sum(), (0, 1))(weights, vectors)
    for grad in grads:
      self.assertTrue(np.isfinite(grad).all())
    # Only the watched video moves.
    moved = np.abs(grads[1]).sum(-1) > 0
    np.testing.assert_array_equal(moved, np.arange(M) == 3)

  @parameterized.parameters(*NORMS)
  def test_vanished_weights_are_safe(self, norm):
    vectors = jnp.array([[1.0, 2.0], [3.0, 4.0]])
    call = partial(interest.weighted_interest, norm=norm, count=np.array([2]))
    # In float32 e^-1000 is 0; e^-60 is not, its square is.
    for ages, want_zero in (([[1e3, 2e3]], True), ([[60.0, 90.0]], False)):
      weights = interest.decay_weights(jnp.array(ages), decay=1.0)
      value, grad = jax.value_and_grad(lambda *x: call(*x).sum(), 1)(
        weights, vectors
      )
      self.assertTrue(np.isfinite(value))
      self.assertTrue(np.isfinite(grad).all())
      self.assertEqual(bool(value == 0), want_zero)
    if norm == 'l2':
      want = [[1 / math.sqrt(5), 2 / math.sqrt(5)]]
      np.testing.assert_allclose(call(weights, vectors), want, rtol=1e-5)

  @parameterized.parameters(*NORMS)
  def test_order_of_behaviours_does_not_matter(self, norm):
    order = np.array([3, 1, 0, 2])
    call = partial(
      interest.weighted_interest, vectors=VECTORS, norm=norm, count=COUNT
    )
    moved = by_video(
      AGES[:, order], where=WHERE[:, order], videos=VIDEOS[:, order]
    )
    np.testing.assert_allclose(call(moved), call(by_video(AGES)), rtol=1e-5)

  def test_a_later_look_changes_only_the_count_norm(self):
    call = partial(interest.weighted_interest, vectors=VECTORS, count=COUNT)
    now, later = by_video(AGES), by_video(AGES + 5)
    for norm in ('sum_weights', 'l2'):
      np.testing.assert_allclose(
        call(later, norm=norm), call(now, norm=norm), rtol=1e-5
      )
    np.testing.assert_allclose(
      call(later, norm='count'),
      call(now, norm='count') * math.exp(-5 * DECAY),
      rtol=1e-5,
    )

  def test_topic_shares_keep_their_sum(self):
    shares = np.abs(VECTORS) / np.abs(VECTORS).sum(-1, keepdims=True)
    got = interest.weighted_interest(
      by_video(AGES), shares, norm='sum_weights', count=COUNT
    )
    np.testing.assert_allclose(got.sum(-1), [1, 1, 0], rtol=1e-6)

  @parameterized.parameters(*NORMS)
  def test_gradients(self, norm):
    rng = np.random.default_rng(3)
    with jax.enable_x64(True):
      check_grads(
        partial(interest.weighted_interest, norm=norm, count=np.array([2, 4])),
        (
          jnp.asarray(rng.uniform(0.1, 1, size=(2, M))),
          jnp.asarray(rng.normal(size=(M, K))),
        ),
        order=1,
      )


if __name__ == '__main__':
  absltest.main()
