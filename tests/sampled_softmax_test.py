"""The estimated loss against loops, and its mean over all that can be drawn."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from dynrec_jax import softmax
from dynrec_jax.sampled_softmax import NO_WEIGHT, sampled_coherence_loss

pytestmark = pytest.mark.usefixtures('quick_compile')
P, R, H, B = 7, 9, 4, 3


@pytest.fixture(scope='module')
def problem():
  rng = np.random.default_rng(3)
  sequences = np.array([0, 0, 2, 1, 1, 1, 0], np.int32)
  targets = np.array([3, 8, 0, 5, 3, 3, 1], np.int32)
  own = np.zeros((B, R), bool)
  own[sequences[:6], targets[:6]] = True  # the last row does not count
  log_weights = rng.normal(0, 1, R).astype(np.float32)
  log_weights[[2, 8]] = NO_WEIGHT
  return {
    'states': rng.normal(0, 1, (P, H)).astype(np.float32),
    'candidate_kernel': rng.normal(0, 1, (R, H)).astype(np.float32),
    'targets': targets,
    'log_weights': log_weights,
    'sequences': sequences,
    'own': own,
    'where': np.arange(P) < 6,
    'weights': rng.uniform(0.2, 2, P).astype(np.float32),
    'candidate_bias': rng.normal(0, 1, R).astype(np.float32),
  }


def call(problem, **changes):
  return sampled_coherence_loss(**(problem | changes))


def by_loops(problem):
  """The sum in double precision, an exponential at a time."""
  total = 0.0
  for p in range(P):
    if not problem['where'][p]:
      continue
    scores = [
      float(
        np.dot(
          problem['states'][p].astype(float), problem['candidate_kernel'][r]
        )
        + problem['candidate_bias'][r]
      )
      for r in range(R)
    ]
    norm = 0.0
    for r in range(R):
      if problem['own'][problem['sequences'][p], r]:
        norm += math.exp(scores[r])
      elif problem['log_weights'][r] > -1e29:
        norm += math.exp(scores[r]) * math.exp(float(problem['log_weights'][r]))
    cost = math.log(norm) - scores[problem['targets'][p]]
    total += float(problem['weights'][p]) * cost
  return total


def test_value_is_that_of_loops(problem):
  found = call(problem, chunk_size=3)
  np.testing.assert_allclose(found, by_loops(problem), rtol=2e-6)


@pytest.mark.slow
def test_gradients(problem):
  names = ('states', 'candidate_kernel', 'candidate_bias')

  def loss(*arrays):
    changes = dict(zip(names, arrays, strict=True))
    return call(problem, **changes, chunk_size=4)

  check_grads(loss, [problem[n] for n in names], 1, ['rev'], rtol=2e-2)
  grads = jax.grad(loss, (0, 1, 2))(*(problem[n] for n in names))
  np.testing.assert_array_equal(grads[0][6], 0)  # does not count
  assert np.abs(grads[1][2]).max() == 0  # stands for nobody


def test_jit_is_eager_and_nothing_that_counts_is_0(problem):
  arrays = {k: jnp.asarray(v) for k, v in problem.items()}
  found = jax.jit(lambda own: call(own))(arrays)
  np.testing.assert_allclose(found, call(problem), rtol=1e-6)
  none = call(problem, where=np.zeros(P, bool))
  assert float(none) == 0


def test_what_does_not_count_cannot_leak(problem):
  states = problem['states'].copy()
  states[6] = np.nan
  targets, sequences = problem['targets'].copy(), problem['sequences'].copy()
  targets[6], sequences[6] = 10**6, -(10**6)

  def loss(states, kernel):
    return call(
      problem,
      states=states,
      candidate_kernel=kernel,
      targets=targets,
      sequences=sequences,
    )

  found = jax.value_and_grad(loss, (0, 1))(states, problem['candidate_kernel'])
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(found))
  np.testing.assert_allclose(found[0], call(problem), rtol=1e-6)


@pytest.mark.slow
def test_all_videos_once_is_the_full_softmax(problem):
  """Each drawn as often as in the mean, it stands for itself."""
  own = {k: problem[k] for k in ('where', 'weights')}
  names = ('states', 'candidate_kernel', 'candidate_bias')

  def full(states, kernel, bias):
    return softmax.fused_coherence_loss(
      states, kernel, problem['targets'], output_bias=bias, **own
    )

  def sampled(*arrays):
    changes = dict(zip(names, arrays, strict=True))
    return call(problem, **changes, log_weights=np.zeros(R, np.float32))

  arrays = [jnp.asarray(problem[n]) for n in names]
  want = jax.value_and_grad(full, (0, 1, 2))(*arrays)
  found = jax.value_and_grad(sampled, (0, 1, 2))(*arrays)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-6),
    found,
    want,
  )


def test_target_counts_once_however_often_it_was_drawn(problem):
  """Hand-written: two videos of score 0, the target drawn a hundred times."""
  loss = sampled_coherence_loss(
    np.zeros((1, H), np.float32),
    np.zeros((2, H), np.float32),
    np.array([1]),
    np.log(np.array([3.0, 100.0], np.float32)),
    sequences=np.array([0]),
    own=np.array([[False, True]]),
  )
  np.testing.assert_allclose(loss, math.log(1 + 3), rtol=1e-6)


def test_half_precision_operands(problem):
  found = call(problem, product_dtype=jnp.bfloat16)
  np.testing.assert_allclose(found, call(problem), rtol=2e-2)
  assert float(found) != float(call(problem))
  assert found.dtype == jnp.float32


def test_chunk_size_is_checked(problem):
  with pytest.raises(ValueError, match='chunk_size is 0, must be 1 or more'):
    call(problem, chunk_size=0)


# The mean over everything that can be drawn, each as likely as it is: no
# statistical error. Scores of 4 videos, one of them the target, not flat.
SCORES = np.array([0.3, 1.4, -0.8, 0.9])
PROPOSAL = np.array([0.4, 0.15, 0.3, 0.15])
TARGET = 2


def all_draws(count):
  """(probability, how often each video came up) of every outcome."""
  videos = len(SCORES)
  for bars in itertools.combinations(range(count + videos - 1), videos - 1):
    edges = (-1, *bars, count + videos - 1)
    times = np.diff(edges) - 1
    ways = math.factorial(count)
    for n in times:
      ways //= math.factorial(n)
    yield ways * np.prod(PROPOSAL**times), times


def means(count):
  """The mean of Z', and that of the gradient by scores, over all draws.

  The scores are the kernel's only column, read by a state of 1.
  """
  chances, weights = [], []
  for chance, times in all_draws(count):
    chances.append(chance)
    with np.errstate(divide='ignore'):
      log_weights = np.log(times / (count * PROPOSAL))
    weights.append(np.where(times > 0, log_weights, NO_WEIGHT))

  def loss(log_weights):
    return jax.value_and_grad(
      lambda kernel: sampled_coherence_loss(
        np.ones((1, 1), np.float32),
        kernel,
        np.array([TARGET]),
        log_weights,
        sequences=np.array([0]),
        own=np.arange(4)[None] == TARGET,
      )
    )(jnp.asarray(SCORES[:, None], jnp.float32))

  weights = jnp.asarray(np.array(weights), jnp.float32)
  loss, gradient = jax.jit(jax.vmap(loss))(weights)
  chances = np.array(chances)
  np.testing.assert_allclose(chances.sum(), 1, rtol=1e-9)
  norm = np.exp(np.asarray(loss, float) + SCORES[TARGET])
  return chances @ norm, chances @ np.asarray(gradient, float)[:, :, 0]


def test_norm_is_unbiased_and_the_gradients_bias_falls_as_1_by_s():
  norm = np.exp(SCORES).sum()
  full = np.exp(SCORES) / norm - (np.arange(4) == TARGET)
  bias = {}
  for count in (3, 6, 12, 24):
    mean, gradient = means(count)
    np.testing.assert_allclose(mean, norm, rtol=1e-6)
    bias[count] = np.abs(gradient - full).max()
  assert bias[3] > 0.02  # it is there
  for count in (6, 12):
    assert 1.8 < bias[count] / bias[2 * count] < 2.3
  # In front of 1/S: the covariance of Z' and its gradient, over Z Z.
  outside = np.arange(4) != TARGET
  exps = np.exp(SCORES) * outside
  spread = np.sum(exps**2 / PROPOSAL) - exps.sum() ** 2
  first = np.where(outside, exps**2 / PROPOSAL - exps * exps.sum(), 0)
  leading = np.exp(SCORES) / norm * spread / norm**2 - first / norm**2
  _, gradient = means(24)
  np.testing.assert_allclose(
    24 * (gradient - full), leading, rtol=0.15, atol=0.02
  )
