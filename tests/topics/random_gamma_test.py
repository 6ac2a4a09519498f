"""Bulk Gamma draws against the Gamma law, and their bits against JAX's."""

from math import lgamma

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import parameterized
from jax.extend.random import threefry_2x32
from scipy import stats

from dynrec_jax.topics.random_gamma import log_gamma_draws
from dynrec_jax.topics.random_gamma import threefry_2x32 as own_threefry


def key(seed):
  return jax.random.key(seed, impl='threefry2x32')


draw = jax.jit(log_gamma_draws)


class GammaTest(parameterized.TestCase):
  def test_threefry_is_the_library_function(self):
    counter = np.arange(3, 40, dtype=np.uint32)
    ours = own_threefry(key(5), jnp.asarray(counter), 7)
    both = np.concatenate([counter, np.full_like(counter, 7)])
    theirs = threefry_2x32(jax.random.key_data(key(5)), jnp.asarray(both))
    np.testing.assert_array_equal(np.concatenate(ours), theirs)

  @parameterized.parameters(0.01, 0.5, 1.0, 1.01, 30.0, 1e6)
  def test_draws_follow_the_gamma_law(self, shape):
    # One size for all shapes, above the size where rejects are compacted.
    n = 40_000
    logs = draw(key(1), jnp.full(n, shape, jnp.float32))
    logs = np.asarray(logs, np.float64)
    # P(G < g) ~ g^a / Gamma(1 + a) for g -> 0, where exp(logs) underflows.
    tail = np.exp(shape * np.minimum(logs, 0) - lgamma(1 + shape))
    law = stats.gamma(np.float64(np.float32(shape)))
    p = np.where(logs < -20, tail, law.cdf(np.exp(np.maximum(logs, -20))))
    self.assertGreater(stats.kstest(p, 'uniform').pvalue, 1e-3)

  def test_neighbours_are_uncorrelated(self):
    shape = jnp.tile(jnp.array([0.5, 2.0], jnp.float32), 20_000)
    g = np.exp(np.asarray(draw(key(2), shape))).reshape(-1, 2)
    self.assertLess(abs(np.corrcoef(g.T)[0, 1]), 0.03)  # 4 sd are 0.028

  def test_zero_concentration_gives_zero(self):
    shape = jnp.ones(40_000, jnp.float32).at[::3].set(0)
    logs = draw(key(3), shape)
    np.testing.assert_array_equal(np.isneginf(logs), shape == 0)
