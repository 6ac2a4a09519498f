"""Greedy generation: against a NumPy loop, masks, ties, chunks, memory."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from absl.testing import absltest, parameterized

from dynrec_jax import decode, gru
from dynrec_jax.models import recurrence
from dynrec_jax.models.network import DecodeTables

pytestmark = pytest.mark.usefixtures('quick_compile')

B, V, D, H, K = 3, 23, 4, 5, 6
greedy = functools.partial(
  decode.greedy_decode, read_video=recurrence.read_video
)


def numpy_greedy(tables, state, known, k, mask_generated=True):
  """Step by step, user by user, in float64. `known` is a list of sets."""
  w_in, w, bias = (
    None if x is None else np.asarray(x, np.float64)
    for x in tables.recurrence.params
  )
  inputs, out = (
    np.asarray(x, np.float64)
    for x in (tables.recurrence.inputs, tables.output_kernel)
  )
  out_bias = 0 if tables.output_bias is None else np.asarray(tables.output_bias)
  size = w.shape[0]
  ids, scores = [], []
  for h, banned in zip(np.asarray(state, np.float64), known, strict=True):
    banned = set(banned)
    row, row_scores = [], []
    for _ in range(k):
      logits = out @ h + out_bias
      log_p = logits - np.log(np.sum(np.exp(logits)))
      left = [v for v in range(len(out)) if v not in banned]
      if not left:
        row, row_scores = [*row, -1], [*row_scores, -np.inf]
        continue
      best = max(left, key=lambda v: (logits[v], -v))
      row, row_scores = [*row, best], [*row_scores, log_p[best]]
      if mask_generated:
        banned.add(best)
      x = inputs[best] @ w_in + (0 if bias is None else bias)
      gates = x[: 2 * size] + h @ w[:, : 2 * size]
      z, r = np.split(1 / (1 + np.exp(-gates)), 2)
      c = np.tanh(x[2 * size :] + (h * r) @ w[:, 2 * size :])
      h = (1 - z) * h + z * c
    ids.append(row)
    scores.append(row_scores)
  return np.array(ids), np.array(scores)


def problem(*, bias=False):
  """Tables, first states and known videos, all asymmetric."""
  rng = np.random.default_rng(0)

  def normal(*sizes):
    return jnp.asarray(rng.normal(size=sizes), jnp.float32)

  params = gru.GRUParams(
    normal(D, 3 * H), normal(H, 3 * H), normal(3 * H) if bias else None
  )
  tables = DecodeTables(
    recurrence.Recurrence(params, normal(V, D), None),
    normal(V, H),
    normal(V) if bias else None,
  )
  known = jnp.asarray([[4, 1, 9, 2], [0, 22, 7, 7], [5, 6, 8, 3]], jnp.int32)
  where = jnp.asarray([[1, 1, 1, 1], [1, 1, 0, 0], [0, 0, 0, 0]], bool)
  return tables, normal(B, H), known, where


def as_sets(known, where):
  return [
    {int(v) for v, here in zip(*row, strict=True) if here}
    for row in zip(np.asarray(known), np.asarray(where), strict=True)
  ]


class GreedyTest(parameterized.TestCase):
  @parameterized.product(
    bias=(False, True),
    fold=(False, True),
    chunk_size=(None, 1, 5, 22, 100),
  )
  def test_equals_numpy_loop(self, bias, fold, chunk_size):
    tables, state, known, where = problem(bias=bias)
    expected = numpy_greedy(tables, state, as_sets(known, where), K)
    if fold:
      tables = recurrence.fold_inputs(tables)
    ids, log_p = greedy(
      tables, state, known, known_where=where, k=K, chunk_size=chunk_size
    )
    np.testing.assert_array_equal(ids, expected[0])
    np.testing.assert_allclose(log_p, expected[1], rtol=1e-4, atol=1e-5)

  @parameterized.parameters(True, False)
  def test_repeats_only_if_allowed(self, mask_generated):
    tables, state, known, where = problem()
    # One video is far more likely than all others at every step.
    bias = jnp.zeros(V).at[11].set(100.0)
    tables = tables._replace(output_bias=bias)
    ids, _ = greedy(
      tables,
      state,
      known,
      known_where=where,
      k=3,
      mask_generated=mask_generated,
    )
    expected = numpy_greedy(
      tables, state, as_sets(known, where), 3, mask_generated
    )[0]
    np.testing.assert_array_equal(ids, expected)
    for row in np.asarray(ids):
      self.assertEqual(list(row).count(11), 1 if mask_generated else 3)

  def test_distinct_and_never_known(self):
    tables, state, known, where = problem()
    ids, _ = greedy(tables, state, known, known_where=where, k=9)
    for row, banned in zip(np.asarray(ids), as_sets(known, where), strict=True):
      self.assertLen(set(row.tolist()), 9)
      self.assertEmpty(set(row.tolist()) & banned)

  @parameterized.parameters(None, 2, 7)
  def test_ties_go_to_the_lower_id(self, chunk_size):
    tables, state, known, where = problem()
    tables = tables._replace(output_kernel=jnp.zeros((V, H)))
    ids, log_p = greedy(
      tables, state, known, known_where=where, k=5, chunk_size=chunk_size
    )
    np.testing.assert_array_equal(
      ids, [[0, 3, 5, 6, 7], [1, 2, 3, 4, 5], [0, 1, 2, 3, 4]]
    )
    np.testing.assert_allclose(log_p, np.full((B, 5), -np.log(V)), rtol=1e-5)

  @parameterized.parameters(None, 4)
  def test_too_few_videos_left(self, chunk_size):
    tables, state, _, _ = problem()
    known = jnp.tile(jnp.arange(V, dtype=jnp.int32), (B, 1))
    where = jnp.ones((B, V), bool).at[0, jnp.array([2, 8])].set(False)
    ids, log_p = greedy(
      tables, state, known, known_where=where, k=4, chunk_size=chunk_size
    )
    self.assertEqual(set(np.asarray(ids[0, :2]).tolist()), {2, 8})
    np.testing.assert_array_equal(ids[0, 2:], [-1, -1])
    np.testing.assert_array_equal(ids[1:], np.full((B - 1, 4), -1))
    self.assertTrue(np.isfinite(log_p[0, :2]).all())
    np.testing.assert_array_equal(log_p[0, 2:], [-np.inf, -np.inf])
    np.testing.assert_array_equal(log_p[1:], np.full((B - 1, 4), -np.inf))

  def test_ids_outside_the_catalogue_ban_nothing(self):
    tables, state, _, _ = problem()
    outside = jnp.asarray([[-1, V], [-V, 2**31 - 1], [V + 1, -7]], jnp.int32)
    ids, _ = greedy(tables, state, outside, k=K)
    free, _ = greedy(tables, state, outside[:, :0], k=K)
    np.testing.assert_array_equal(ids, free)

  def test_no_where_counts_every_known_video(self):
    tables, state, known, where = problem()
    ids = greedy(tables, state, known, k=K)[0]
    full = greedy(tables, state, known, known_where=where | True, k=K)[0]
    part = greedy(tables, state, known, known_where=where, k=K)[0]
    np.testing.assert_array_equal(ids, full)
    self.assertTrue((np.asarray(ids) != np.asarray(part)).any())

  def test_scores_that_are_no_numbers_give_no_video(self):
    tables, state, known, where = problem()
    state = state.at[1].set(jnp.nan)
    ids, log_p = greedy(tables, state, known, known_where=where, k=2)
    np.testing.assert_array_equal(ids[1], [-1, -1])
    np.testing.assert_array_equal(log_p[1], [-np.inf, -np.inf])
    self.assertTrue((np.asarray(ids)[[0, 2]] >= 0).all())

  def test_rows_do_not_mix(self):
    tables, state, known, where = problem()
    ids = greedy(tables, state, known, known_where=where, k=K)[0]
    for row in range(B):
      one = slice(row, row + 1)
      alone = greedy(
        tables, state[one], known[one], known_where=where[one], k=K
      )[0]
      np.testing.assert_array_equal(alone, ids[one])

  @parameterized.parameters(dict(k=0), dict(k=2, chunk_size=0))
  def test_sizes_must_be_positive(self, **sizes):
    tables, state, known, _ = problem()
    for run in (greedy, decode.topk_first):
      with self.assertRaisesRegex(ValueError, 'is 0, must be 1 or more'):
        run(tables, state, known, **sizes)


class TopkFirstTest(parameterized.TestCase):
  @parameterized.product(bias=(False, True), chunk_size=(None, 1, 4, 22))
  def test_equals_sorting(self, bias, chunk_size):
    tables, state, known, where = problem(bias=bias)
    ids, log_p = decode.topk_first(
      tables, state, known, known_where=where, k=K, chunk_size=chunk_size
    )
    for row, banned in enumerate(as_sets(known, where)):
      logits = np.asarray(tables.output_kernel) @ np.asarray(state[row])
      logits = logits + (np.asarray(tables.output_bias) if bias else 0)
      expected = logits - np.log(np.sum(np.exp(logits)))
      left = [v for v in range(V) if v not in banned]
      order = sorted(left, key=lambda v: -expected[v])[:K]
      np.testing.assert_array_equal(ids[row], order)
      np.testing.assert_allclose(log_p[row], expected[order], rtol=1e-4)

  @parameterized.parameters(None, 3)
  def test_ties_and_too_few(self, chunk_size):
    tables, state, known, where = problem()
    tables = tables._replace(output_kernel=jnp.zeros((V, H)))
    ids, log_p = decode.topk_first(
      tables, state, known, known_where=where, k=V + 2, chunk_size=chunk_size
    )
    for row, banned in enumerate(as_sets(known, where)):
      left = [v for v in range(V) if v not in banned]
      missing = V + 2 - len(left)
      np.testing.assert_array_equal(ids[row], left + [-1] * missing)
      np.testing.assert_array_equal(log_p[row, len(left) :], -np.inf)

  def test_first_equals_the_first_of_greedy(self):
    args, where = problem()[:3], problem()[3]
    ids = decode.topk_first(*args, known_where=where, k=K)[0]
    steps = greedy(*args, known_where=where, k=K)[0]
    np.testing.assert_array_equal(ids[:, 0], steps[:, 0])
    self.assertTrue((np.asarray(ids) != np.asarray(steps)).any())


class MemoryTest(absltest.TestCase):
  def test_large_catalogue_is_never_scored_at_once(self):
    rows, videos = 64, 1_000_000
    kernel = jax.ShapeDtypeStruct((8, 24), jnp.float32)
    table = jax.ShapeDtypeStruct((videos, 8), jnp.float32)
    params = gru.GRUParams(kernel, kernel)
    tables = DecodeTables(recurrence.Recurrence(params, table, None), table)
    compiled = decode.greedy_decode.lower(
      tables,
      jax.ShapeDtypeStruct((rows, 8), jnp.float32),
      jax.ShapeDtypeStruct((rows, 50), jnp.int32),
      read_video=recurrence.read_video,
      k=5,
    ).compile()
    held = compiled.memory_analysis().temp_size_in_bytes
    self.assertLess(held, 4 * rows * videos / 2)


if __name__ == '__main__':
  absltest.main()
