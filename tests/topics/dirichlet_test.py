"""Expectations under Dirichlet laws, against scipy and sampling."""

import jax
import jax.numpy as jnp
import numpy as np
from absl.testing import parameterized
from scipy import special, stats

from dynrec_jax.topics.dirichlet import (
  digamma,
  expected_log,
  expected_log_words,
  minus_divergence,
)

CONCENTRATION = np.array([[0.02, 3.5, 0.7], [40.0, 1.25, 9.0]])


class DirichletTest(parameterized.TestCase):
  def test_digamma(self):
    x = np.concatenate([np.geomspace(1e-4, 1e6, 400), [1.0, 1.4616321]])
    with jax.enable_x64(True):
      error = digamma(jnp.asarray(x)) - special.psi(x)
      # The next term of the series, at 6: 1 / (240 * 6^8).
      self.assertLess(np.abs(error).max(), 3e-9)
    single = digamma(jnp.asarray(x, jnp.float32))
    np.testing.assert_allclose(single, special.psi(x), rtol=3e-6, atol=1e-6)

  def test_expected_log(self):
    row = expected_log(jnp.asarray(CONCENTRATION, jnp.float32))
    for i, j in np.ndindex(*CONCENTRATION.shape):
      value = special.psi(CONCENTRATION[i, j])
      value -= special.psi(CONCENTRATION[i].sum())
      self.assertAlmostEqual(float(row[i, j]), value, delta=2e-5 * abs(value))

  def test_columns_are_the_laws_of_words(self):
    x = jnp.asarray(CONCENTRATION, jnp.float32)
    np.testing.assert_array_equal(expected_log_words(x), expected_log(x.T).T)

  def test_divergence_by_sampling(self):
    prior = 0.8
    q = np.array([2.0, 0.9, 5.0])
    draws = np.random.default_rng(0).dirichlet(q, 40_000)
    p = stats.dirichlet.logpdf(draws.T, np.full(3, prior))
    gap = p - stats.dirichlet.logpdf(draws.T, q)
    error = 5 * gap.std() / np.sqrt(len(gap))
    self.assertAlmostEqual(
      minus_divergence(q[None], prior), gap.mean(), delta=error
    )

  def test_divergence_adds_rows_and_vanishes_at_the_prior(self):
    rows = [minus_divergence(row[None], 0.3) for row in CONCENTRATION]
    self.assertAlmostEqual(minus_divergence(CONCENTRATION, 0.3), sum(rows))
    self.assertAlmostEqual(minus_divergence(np.full((4, 7), 0.3), 0.3), 0)
    self.assertEqual(minus_divergence(np.zeros((5, 0)), 0.3), 0)
    self.assertLess(sum(rows), 0)
