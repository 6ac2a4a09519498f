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
TOPICS = RNG.normal(size=(B, N, K))
AGES = RNG.uniform(0, 9, size=(B, N))
WHERE = np.array([[1, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 0]], bool)
NORMS = ('sum_weights', 'count', 'l2')


def interest_loop(topics, ages, decay, where, norm):
  out = np.zeros((topics.shape[0], topics.shape[2]))
  for b in range(len(topics)):
    total, count = 0.0, 0
    for n in range(topics.shape[1]):
      if where[b, n]:
        weight = math.exp(-decay * ages[b, n])
        out[b] += weight * topics[b, n]
        total, count = total + weight, count + 1
    if count:
      length = math.sqrt(sum(float(x) ** 2 for x in out[b]))
      out[b] /= {'sum_weights': total, 'count': count, 'l2': length}[norm]
  return out


class DecayWeightsTest(parameterized.TestCase):
  def test_by_hand(self):
    got = interest.decay_weights(
      np.array([[0.0, 1.0, 10.0]]), decay=0.1, where=np.array([[1, 1, 1]]) > 0
    )
    np.testing.assert_allclose(
      got, [[1, math.exp(-0.1), math.exp(-1)]], rtol=1e-6
    )

  def test_half_life(self):
    # lambda = 0.1 halves a behaviour's weight in 6.9 units.
    got = interest.decay_weights(
      np.array([[6.931472]]), decay=0.1, where=np.array([[True]])
    )
    np.testing.assert_allclose(got, 0.5, rtol=1e-6)

  @parameterized.parameters(-1e30, -np.inf, np.nan, np.inf)
  def test_masked_age_cannot_leak(self, junk):
    ages = jnp.array([[2.0, junk]])
    where = np.array([[True, False]])
    weights, grad = jax.value_and_grad(
      lambda a: interest.decay_weights(a, decay=0.5, where=where).sum()
    )(ages)
    np.testing.assert_allclose(weights, math.exp(-1), rtol=1e-6)
    np.testing.assert_allclose(grad, [[-0.5 * math.exp(-1), 0]], rtol=1e-6)

  def test_no_decay_weighs_all_alike(self):
    got = interest.decay_weights(AGES, decay=0, where=WHERE)
    np.testing.assert_array_equal(got, WHERE)

  def test_a_very_old_behaviour_weighs_nothing(self):
    got = interest.decay_weights(
      np.array([[1e6]]), decay=1.0, where=np.array([[True]])
    )
    np.testing.assert_array_equal(got, 0)

  def test_gradients_and_jit(self):
    call = partial(interest.decay_weights, decay=DECAY, where=WHERE)
    np.testing.assert_allclose(jax.jit(call)(AGES), call(AGES), rtol=1e-6)
    with jax.enable_x64(True):
      check_grads(call, (jnp.asarray(AGES),), order=1)


class DecayedInterestTest(parameterized.TestCase):
  @parameterized.parameters(*NORMS)
  def test_equals_loop(self, norm):
    with jax.enable_x64(True):
      got = interest.decayed_interest(
        TOPICS, AGES, decay=DECAY, where=WHERE, norm=norm
      )
      want = interest_loop(TOPICS, AGES, DECAY, WHERE, norm)
      np.testing.assert_allclose(got, want, rtol=1e-6)

  def test_sum_weights_is_the_default(self):
    call = partial(
      interest.decayed_interest, TOPICS, AGES, decay=DECAY, where=WHERE
    )
    np.testing.assert_array_equal(call(), call(norm='sum_weights'))

  def test_by_hand(self):
    # Weights 1 and 1/2: (1 * (4, 0) + 1/2 * (1, 3)) / N_u.
    call = partial(
      interest.decayed_interest,
      np.array([[[4.0, 0.0], [1.0, 3.0]]]),
      np.array([[0.0, 1.0]]),
      decay=math.log(2),
      where=np.array([[True, True]]),
    )
    np.testing.assert_allclose(call(), [[3, 1]], rtol=1e-6)
    np.testing.assert_allclose(call(norm='count'), [[2.25, 0.75]], rtol=1e-6)
    np.testing.assert_allclose(
      call(norm='l2'), [[3 / math.sqrt(10), 1 / math.sqrt(10)]], rtol=1e-6
    )

  @parameterized.parameters(*NORMS)
  def test_nobody_is_zero_with_finite_gradients(self, norm):
    call = partial(interest.decayed_interest, decay=DECAY, norm=norm)
    value = call(TOPICS, AGES, where=WHERE)
    np.testing.assert_array_equal(value[2], 0)
    grads = jax.grad(
      lambda topics, ages: call(topics, ages, where=WHERE)[:, 0].sum(), (0, 1)
    )(jnp.asarray(TOPICS, jnp.float32), jnp.asarray(AGES, jnp.float32))
    for grad in grads:
      self.assertTrue(np.isfinite(grad).all())
      np.testing.assert_array_equal(grad[~WHERE], 0)
    self.assertGreater(np.abs(grads[0][WHERE]).max(), 0)

  @parameterized.parameters(*NORMS)
  def test_vanished_weights_are_safe(self, norm):
    call = partial(
      interest.decayed_interest,
      decay=1.0,
      where=np.array([[True, True]]),
      norm=norm,
    )
    topics = jnp.array([[[1.0, 2.0], [3.0, 4.0]]])
    # e^-1000 is 0; e^-60 is not, its square is.
    for ages, want_zero in (([[1e3, 2e3]], True), ([[60.0, 90.0]], False)):
      value, grad = jax.value_and_grad(lambda x, ages: call(x, ages).sum())(
        topics, jnp.array(ages)
      )
      self.assertTrue(np.isfinite(value))
      self.assertTrue(np.isfinite(grad).all())
      self.assertEqual(bool(value == 0), want_zero)
    if norm == 'l2':
      got = call(topics, jnp.array([[60.0, 90.0]]))
      np.testing.assert_allclose(
        got, [[1 / math.sqrt(5), 2 / math.sqrt(5)]], rtol=1e-5
      )

  @parameterized.product(
    norm=NORMS, junk=[1e9, float('inf'), float('nan'), -1e30]
  )
  def test_padding_content_cannot_leak(self, norm, junk):
    call = partial(
      interest.decayed_interest, decay=DECAY, where=WHERE, norm=norm
    )
    topics, ages = TOPICS.copy(), AGES.copy()
    topics[~WHERE] = ages[~WHERE] = junk
    np.testing.assert_array_equal(call(topics, ages), call(TOPICS, AGES))

  @parameterized.parameters(*NORMS)
  def test_order_of_behaviours_does_not_matter(self, norm):
    order = np.array([3, 1, 0, 2])
    call = partial(interest.decayed_interest, decay=DECAY, norm=norm)
    np.testing.assert_allclose(
      call(TOPICS[:, order], AGES[:, order], where=WHERE[:, order]),
      call(TOPICS, AGES, where=WHERE),
      rtol=1e-5,
    )

  def test_a_later_look_changes_only_the_count_norm(self):
    call = partial(interest.decayed_interest, TOPICS, decay=DECAY, where=WHERE)
    for norm in ('sum_weights', 'l2'):
      np.testing.assert_allclose(
        call(AGES + 5, norm=norm), call(AGES, norm=norm), rtol=1e-5
      )
    np.testing.assert_allclose(
      call(AGES + 5, norm='count'),
      call(AGES, norm='count') * math.exp(-5 * DECAY),
      rtol=1e-5,
    )

  def test_topic_shares_keep_their_sum(self):
    shares = np.abs(TOPICS) / np.abs(TOPICS).sum(-1, keepdims=True)
    got = interest.decayed_interest(shares, AGES, decay=DECAY, where=WHERE)
    np.testing.assert_allclose(got.sum(-1), [1, 1, 0], rtol=1e-6)

  @parameterized.parameters(*NORMS)
  def test_gradients(self, norm):
    with jax.enable_x64(True):
      check_grads(
        partial(interest.decayed_interest, decay=DECAY, where=WHERE, norm=norm),
        (jnp.asarray(TOPICS), jnp.asarray(AGES)),
        order=1,
      )

  @parameterized.parameters(*NORMS)
  def test_jit_equals_eager(self, norm):
    call = partial(interest.decayed_interest, decay=DECAY, norm=norm)
    np.testing.assert_allclose(
      jax.jit(call)(TOPICS, AGES, where=WHERE),
      call(TOPICS, AGES, where=WHERE),
      rtol=1e-6,
    )

  def test_unknown_norm_lists_the_valid_ones(self):
    for call in (
      partial(
        interest.decayed_interest, TOPICS, AGES, decay=DECAY, where=WHERE
      ),
      partial(
        interest.weighted_interest,
        np.zeros((B, M)),
        np.zeros((M, K)),
        count=np.zeros(B, int),
      ),
    ):
      with self.assertRaisesRegex(ValueError, 'mean.*sum_weights, count, l2'):
        call(norm='mean')


class WeightedInterestTest(parameterized.TestCase):
  @parameterized.product(norm=NORMS, jit=[False, True])
  def test_agrees_with_decayed_interest(self, norm, jit):
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(M, K))
    videos = np.array([[4, 1, 0, 4], [3, 3, 2, 5], [0, 1, 2, 3]])  # 4 twice
    call = partial(interest.weighted_interest, norm=norm)
    with jax.enable_x64(True):
      want = interest.decayed_interest(
        vectors[videos], AGES, decay=DECAY, where=WHERE, norm=norm
      )
      slots = np.asarray(interest.decay_weights(AGES, decay=DECAY, where=WHERE))
      weights = np.zeros((B, M))
      np.add.at(weights, (np.arange(B)[:, None], videos), slots)
      got = (jax.jit(call) if jit else call)(
        weights, vectors, count=WHERE.sum(-1)
      )
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
