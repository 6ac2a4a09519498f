"""The documents' steps against loops over single words in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import psi

from dynrec_jax.topics.count_blocks import Tokens
from dynrec_jax.topics.dirichlet import minus_divergence
from dynrec_jax.topics.document_steps import (
  Stopping,
  regions_alone,
  step_by_region,
  step_by_word,
)

pytestmark = pytest.mark.usefixtures('quick_compile')

K, ALPHA, STEPS = 3, 0.4, 6
TEXT, VISUAL = 5, 4  # words of each kind; visual ids begin at TEXT
# (word, count) of each document.
DOCUMENTS = [
  ([(0, 2), (3, 1), (4, 1)], [(5, 2), (8, 1)]),
  ([(1, 1)], [(6, 1), (7, 3), (5, 1)]),
  ([], [(8, 2)]),
]


def log_table(seed=0):
  rng = np.random.default_rng(seed)
  parts = [rng.gamma(0.7, 1.0, (n, K)) + 0.05 for n in (TEXT, VISUAL)]
  return np.concatenate([psi(part) - psi(part.sum(0)) for part in parts])


def gamma_start():
  return np.random.default_rng(5).gamma(3.0, 1.0, (len(DOCUMENTS), K))


def tokens(side, width, block_size, junk=0):
  """Blocks of the documents' words of one side, padded at the end."""
  size = -(-len(DOCUMENTS) // block_size) * block_size
  ids = np.full((size, width), junk, np.int32)
  counts = np.zeros((size, width))
  for d, document in enumerate(DOCUMENTS):
    for i, (word, count) in enumerate(document[side]):
      ids[d, i], counts[d, i] = word, count
  shape = (-1, block_size, width)
  return Tokens(ids.reshape(shape), counts.reshape(shape))


def padded_start(block_size):
  size = -(-len(DOCUMENTS) // block_size) * block_size
  out = np.ones((size, K))
  out[: len(DOCUMENTS)] = gamma_start()
  return jnp.asarray(out.reshape(-1, block_size, K))


def expand(words):
  return [word for word, count in words for _ in range(count)]


def softmax(x):
  p = np.exp(x - x.max())
  return p / p.sum()


def elog(gamma):
  return psi(gamma) - psi(gamma.sum())


def loop_by_word(words, gamma, table):
  """LDA of one document: every token has a phi of its own."""
  for _ in range(STEPS):
    phi = [softmax(elog(gamma) + table[w]) for w in words]
    gamma = ALPHA + np.sum(phi, axis=0) if words else np.full(K, ALPHA)
  counts, bound = np.zeros_like(table), 0.0
  for w in words:
    p = softmax(elog(gamma) + table[w])
    counts[w] += p
    bound += (p * (elog(gamma) + table[w] - np.log(p))).sum()
  return gamma, counts, bound


def loop_by_region(text, visual, gamma, table):
  """Corr-LDA of one document: every token has a phi or a rho of its own."""
  phi = [softmax(elog(gamma) + table[r]) for r in visual]
  gamma = ALPHA + np.sum(phi, axis=0)

  def links(phi):
    return [
      softmax(np.array([(p * table[w]).sum() for p in phi])) for w in text
    ]

  for _ in range(STEPS):
    rho = links(phi)
    phi = [
      softmax(
        elog(gamma)
        + table[r]
        + sum((rho[m][n] * table[w] for m, w in enumerate(text)), np.zeros(K))
      )
      for n, r in enumerate(visual)
    ]
    gamma = ALPHA + np.sum(phi, axis=0)
  rho = links(phi)
  counts, bound = np.zeros_like(table), 0.0
  for n, r in enumerate(visual):
    counts[r] += phi[n]
    bound += (phi[n] * (elog(gamma) + table[r] - np.log(phi[n]))).sum()
  for m, w in enumerate(text):
    for n in range(len(visual)):
      counts[w] += rho[m][n] * phi[n]
      bound -= rho[m][n] * np.log(rho[m][n] * len(visual))
      bound += rho[m][n] * (phi[n] * table[w]).sum()
  return gamma, counts, bound


def fixed(steps=STEPS):
  return Stopping(tolerance=0.0, max_steps=steps)


@pytest.mark.parametrize('block_size', [2, 3])
def test_by_word_is_the_loop(block_size):
  table = log_table()
  with jax.enable_x64(True):
    found = step_by_word(
      jnp.asarray(table),
      padded_start(block_size),
      tokens(0, 4, block_size),
      ALPHA,
      stopping=fixed(),
    )
  loops = [
    loop_by_word(expand(text), gamma, table)
    for (text, _), gamma in zip(DOCUMENTS, gamma_start(), strict=True)
  ]
  check(found, loops, rtol=1e-7)


@pytest.mark.parametrize(('block_size', 'weight'), [(2, 1), (3, 2)])
def test_by_region_is_the_loop(block_size, weight):
  """A weight of 2 is every visual word standing twice."""
  table = log_table()
  visual = tokens(1, 4, block_size)
  with jax.enable_x64(True):
    logs = jnp.asarray(table)
    start = regions_alone(logs, padded_start(block_size), visual)
    found, phi = step_by_region(
      logs,
      start,
      tokens(0, 5, block_size),
      visual,
      float(weight),
      ALPHA,
      stopping=fixed(),
    )
  loops = [
    loop_by_region(expand(text), expand(words) * weight, gamma, table)
    for (text, words), gamma in zip(DOCUMENTS, gamma_start(), strict=True)
  ]
  check(found, loops, rtol=1e-7)
  np.testing.assert_allclose(np.asarray(phi).sum(-1), 1, rtol=1e-12)


def check(found, loops, rtol):
  gamma = np.asarray(found.gamma).reshape(-1, K)
  assert len(gamma) >= len(loops) == 3
  for row, (expected, _, _) in zip(gamma, loops, strict=False):
    np.testing.assert_allclose(row, expected, rtol=rtol)
  counts = sum(loop[1] for loop in loops)
  np.testing.assert_allclose(found.word_counts, counts, rtol=rtol, atol=1e-12)
  bound = sum(loop[2] for loop in loops)
  total = np.asarray(found.log_words).sum()
  np.testing.assert_allclose(total, bound, rtol=rtol)


def test_a_settled_document_waits_unchanged():
  """The second block's partner goes on; the loop of one block stops."""
  table = jnp.asarray(log_table(), jnp.float32)
  alone, together = (
    step_by_word(
      table,
      padded_start(size).astype(jnp.float32),
      tokens(0, 4, size),
      ALPHA,
      stopping=Stopping(1e-2, 100),
    )
    for size in (1, 3)
  )
  np.testing.assert_allclose(
    np.asarray(alone.gamma).reshape(-1, K)[:3],
    np.asarray(together.gamma).reshape(-1, K)[:3],
    rtol=1e-5,
  )


def test_what_padding_points_at_does_not_count():
  table = jnp.asarray(log_table(), jnp.float32)

  def run(junk):
    visual = tokens(1, 4, 2, TEXT + junk)
    start = regions_alone(table, padded_start(2).astype(jnp.float32), visual)
    return step_by_region(
      table,
      start,
      tokens(0, 5, 2, junk),
      visual,
      1.5,
      ALPHA,
      stopping=fixed(),
    )[0]

  for found, other in zip(run(0), run(3), strict=True):
    np.testing.assert_array_equal(found, other)
    assert np.isfinite(found).all()


def test_more_iterations_never_lower_the_bound():
  table = log_table()
  visual = tokens(1, 4, 3)
  bounds = []
  with jax.enable_x64(True):
    logs = jnp.asarray(table)
    start = regions_alone(logs, padded_start(3), visual)
    for steps in range(1, 8):
      found, _ = step_by_region(
        logs,
        start,
        tokens(0, 5, 3),
        visual,
        1.5,
        ALPHA,
        stopping=fixed(steps),
      )
      gamma = np.asarray(found.gamma).reshape(-1, K)
      bounds.append(
        np.asarray(found.log_words).sum() + minus_divergence(gamma, ALPHA)
      )
  assert (np.diff(bounds) > -1e-9).all()
  assert bounds[-1] > bounds[0] + 1e-3
