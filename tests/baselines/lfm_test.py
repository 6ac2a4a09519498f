"""Latent factors against closed forms and plain alternating solves."""

import warnings

import numpy as np
import pytest
import small_world

from dynrec_jax.baselines import biased_factors, lfm
from dynrec_jax.baselines.lfm import Settings

# Users' videos; 5 is nobody's.
VIDEOS = [[0, 1], [0, 1, 2], [2, 3], [3, 4], [0, 4, 2], [1], []]


def seen(videos=VIDEOS, **changes):
  rows = small_world.table([list(enumerate(row)) for row in videos])
  return small_world.seen_of(rows, video_count=6, **changes)


def scores(settings, known, *, of=None, users=None):
  queries = small_world.queries_knowing(known, mask_known=False)
  if users is not None:
    queries = queries._replace(users=np.array(users, np.int32))
  lists = lfm.fit(of or seen(), settings)(queries, 6)
  found = np.zeros((len(known), 6))
  np.put_along_axis(found, lists.ids.astype(int), lists.scores, axis=1)
  return found


def matrix(videos=VIDEOS):
  x = np.zeros((len(videos), 6))
  for user, row in enumerate(videos):
    x[user, row] = 1
  return x


def test_with_equal_confidence_it_is_a_soft_threshold_of_singular_values():
  """|X - PQ'|^2 + lambda (|P|^2 + |Q|^2) = |X - Z|^2 + 2 lambda |Z|_*."""
  settings = Settings(factors=6, regularization=0.4, confidence=1.0, rounds=300)
  left, values, right = np.linalg.svd(matrix(), full_matrices=False)
  want = left @ np.diag(np.maximum(values - 0.4, 0)) @ right
  assert (values > 0.4).sum() > 2
  np.testing.assert_allclose(scores(settings, VIDEOS), want, atol=2e-3)


def test_confidence_weighs_watches():
  """One factor: alternating weighted means in float64."""
  x, c, reg = matrix(), 7.0, 0.9
  weight = np.where(x > 0, c, 1.0)
  p, q = np.ones(len(x)), np.ones(6)
  for _ in range(500):
    p = (weight * x) @ q / (weight @ q**2 + reg)
    q = (weight * x).T @ p / (weight.T @ p**2 + reg)
  settings = Settings(factors=1, regularization=reg, confidence=c, rounds=500)
  np.testing.assert_allclose(
    scores(settings, VIDEOS), np.outer(p, q), atol=1e-4
  )


def test_a_query_is_what_is_known_of_it_and_not_who_asks():
  settings = Settings(factors=3, regularization=0.3)
  one = scores(settings, [[0, 1], [3]], users=[0, 1])
  two = scores(settings, [[3], [1, 0], []], users=[6, 99, 4])
  np.testing.assert_array_equal(one, two[[1, 0]])
  np.testing.assert_array_equal(two[2], np.zeros(6))
  assert not np.allclose(one[0], one[1])


def test_a_video_of_nobody_scores_nothing():
  assert not scores(Settings(factors=3, regularization=0.3), VIDEOS)[:, 5].any()


def test_the_seed_is_the_data_s():
  settings = Settings(factors=3, regularization=0.3, rounds=1)
  one, two, other = (
    scores(settings, VIDEOS, of=seen(seed=seed)) for seed in (4, 4, 5)
  )
  np.testing.assert_array_equal(one, two)
  assert np.abs(one - other).max() > 1e-6


def test_nothing_watched_and_nobody_asking():
  nothing = seen([[]] * 7)
  with warnings.catch_warnings():
    warnings.simplefilter('error')
    found = scores(Settings(factors=2), [[0], []], of=nothing)
    none = lfm.fit(seen(), Settings())(small_world.queries_knowing([]), 5)
  np.testing.assert_array_equal(found, np.zeros((2, 6)))
  assert none.ids.shape == (0, 5)


def test_the_other_variant():
  sgd = biased_factors.Settings(epochs=3, zeros=2)
  settings = Settings('biased_sgd', factors=4, sgd=sgd)
  queries = small_world.queries_knowing([[0], []])
  found = lfm.fit(seen(), settings)(queries, 6)
  want = biased_factors.fit(seen(), 4, sgd)(queries, 6)
  np.testing.assert_array_equal(found.scores, want.scores)


def test_an_unknown_variant_is_refused():
  with pytest.raises(
    ValueError, match=r"^variant is 'svd'; valid are als, biased_sgd$"
  ):
    lfm.fit(seen(), Settings('svd'))
