"""The Random baseline: what it leaves out, and what it scores by chance."""

import math

import numpy as np
import small_world

from dynrec_jax import metrics
from dynrec_jax.baselines import random

NOBODY = small_world.table([])


def lists_of(video_count, seed, known, k, *, mask_known=True):
  seen = small_world.seen_of(NOBODY, video_count=video_count, seed=seed)
  queries = small_world.queries_knowing(known, mask_known=mask_known)
  return random.fit(seen)(queries, k)


def ids_of(video_count, seed, known, k):
  return lists_of(video_count, seed, known, k).ids


def nothing(count):
  return [[]] * count


def test_lists_are_distinct_and_in_the_catalogue():
  ids, scores = lists_of(9, 0, nothing(200), 5)
  assert ids.shape == (200, 5)
  assert ids.dtype == np.int32
  assert scores is None
  assert ids.min() == 0
  assert ids.max() == 8
  assert all(len(set(row)) == 5 for row in ids.tolist())


def test_draws_of_one_generator_per_user_and_session():
  known = [[4, 0, 11, 4], [], [7], list(range(11)), [2, 3]]
  ids = ids_of(13, 21, known, 4)
  for place, forbidden in enumerate(known):
    allowed = np.setdiff1d(np.arange(13), forbidden)
    want = np.random.default_rng((21, 10 + place, 1)).choice(
      allowed, size=min(4, len(allowed)), replace=False
    )
    np.testing.assert_array_equal(ids[place, : len(want)], want)
    np.testing.assert_array_equal(ids[place, len(want) :], -1)


def test_known_videos_never_come():
  known = [[0, 2], [4], []] * 50
  ids = ids_of(6, 0, known, 4)
  for row, forbidden in zip(ids.tolist(), known, strict=True):
    assert not set(row) & set(forbidden)
  assert set(ids[0::3].ravel()) == {1, 3, 4, 5}


def test_known_videos_may_be_allowed():
  ids = lists_of(3, 0, [[0, 1, 2]], 3, mask_known=False).ids
  assert sorted(ids[0].tolist()) == [0, 1, 2]


def test_too_few_videos_end_in_none():
  ids = ids_of(5, 0, [[0, 1, 2, 3], [0, 1, 2, 3, 4], [1]], 3)
  assert ids[0].tolist() == [4, -1, -1]
  assert ids[1].tolist() == [-1, -1, -1]
  assert -1 not in ids[2]


def test_seed_user_and_session_decide():
  ids = ids_of(100, 1, nothing(20), 5)
  np.testing.assert_array_equal(ids_of(100, 1, nothing(20), 5), ids)
  np.testing.assert_array_equal(ids_of(100, 1, nothing(7), 5), ids[:7])
  assert len({tuple(row) for row in ids.tolist()}) == 20
  other = ids_of(100, 2, nothing(20), 5)
  assert not (other == ids).all(axis=1).any()
  recommend = random.fit(small_world.seen_of(NOBODY, video_count=100, seed=1))
  later = small_world.queries_knowing(nothing(20))
  later = later._replace(session=later.session + 1)
  assert not (recommend(later, 5).ids == ids).all(axis=1).any()


def test_asked_twice_it_answers_the_same():
  recommend = random.fit(small_world.seen_of(NOBODY, video_count=50, seed=3))
  queries = small_world.queries_knowing([[1], [], [7, 8]])
  first = recommend(queries, 6).ids
  np.testing.assert_array_equal(recommend(queries, 6).ids, first)


def test_every_video_is_as_likely_in_every_place():
  ids = ids_of(6, 3, nothing(3000), 3)
  for place in range(3):
    counts = np.bincount(ids[:, place], minlength=6)
    assert abs(counts - 500).max() < 4 * math.sqrt(500 * 5 / 6)


def test_recall_at_5_is_5_over_v():
  user_count, video_count = 4_000, 80
  rng = np.random.default_rng(0)
  truth = rng.integers(0, video_count, size=(user_count, 3))
  ids = ids_of(video_count, 4, nothing(user_count), 5)
  recall = np.asarray(
    metrics.recall_at_k(
      metrics.hit_count(ids, truth), metrics.relevant_count(truth)
    )
  )
  error = recall.std() / math.sqrt(user_count)
  assert error < 0.05 * 5 / video_count
  assert abs(recall.mean() - 5 / video_count) < 3 * error
