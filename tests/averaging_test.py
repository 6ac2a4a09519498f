"""The average of parameters against the sum of its weights written out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynrec_jax import averaging

PATH = np.random.default_rng(3).normal(size=(60, 2, 3)).astype(np.float32)


def run(decay, path=PATH, start=7.0):
  """The average after every step, from initial ones far away."""
  average = {'a': jnp.full(path.shape[1:], start), 'b': jnp.full((), start)}
  step = jax.jit(averaging.updated, static_argnames='decay')
  found = []
  for t, theta in enumerate(path, start=1):
    params = {'a': jnp.asarray(theta), 'b': jnp.asarray(theta[0, 0])}
    average = step(average, params, jnp.int32(t), decay=decay)
    found.append(jax.tree.map(np.asarray, average))
  return found


@pytest.mark.parametrize('decay', [0.3, 0.9, 0.9999])
def test_weights_fall_off_and_add_up_to_one(decay):
  found = run(decay)
  for t in (1, 2, 5, 60):
    total, weights = np.zeros((2, 3)), 0.0
    for i in range(1, t + 1):
      weight = decay ** (t - i)
      total += weight * PATH[i - 1].astype(np.float64)
      weights += weight
    np.testing.assert_allclose(
      found[t - 1]['a'], total / weights, rtol=2e-5, atol=2e-6
    )
    assert found[t - 1]['b'] == found[t - 1]['a'][0, 0]


def test_initial_parameters_weigh_nothing():
  """To the bit, whatever they were."""
  near, far = run(0.99), run(0.99, start=-1e6)
  np.testing.assert_array_equal(near[0]['a'], PATH[0])
  for one, two in zip(near, far, strict=True):
    np.testing.assert_array_equal(one['a'], two['a'])


def test_without_a_past_it_is_the_parameters():
  for t, average in enumerate(run(0.0)):
    np.testing.assert_array_equal(average['a'], PATH[t])


def test_a_constant_stays_after_many_steps():
  """Where 1 - decay^t is 1 to the last bit, and t is large."""
  average = {'a': jnp.float32(2.5)}
  step = jnp.int32(10_000_000)
  found = averaging.updated(average, {'a': jnp.float32(2.5)}, step, decay=0.9)
  assert float(found['a']) == 2.5
  found = averaging.updated(average, {'a': jnp.float32(3.5)}, step, decay=0.9)
  np.testing.assert_allclose(found['a'], 2.6, rtol=1e-6)


def test_nobody_keeps_one():
  params = {'a': jnp.ones(2)}
  assert averaging.updated(None, params, jnp.int32(1), decay=0.9) is None
