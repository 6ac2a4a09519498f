"""The Random baseline: what it excludes, and what it scores by chance."""

import math

import numpy as np
import pytest

from dynrec_jax import metrics
from dynrec_jax.baselines.random import RandomRecommender


def users(count):
  return [np.zeros(0, np.int32)] * count


def test_lists_are_distinct_and_in_the_catalogue():
  lists = RandomRecommender(9, seed=0).recommend(users(200), 5)
  assert lists.shape == (200, 5)
  assert lists.dtype == np.int32
  assert lists.min() == 0
  assert lists.max() == 8
  assert all(len(set(row)) == 5 for row in lists.tolist())


def test_excluded_videos_never_come():
  exclude = [np.array([0, 2]), np.array([4]), np.array([], int)] * 50
  lists = RandomRecommender(6, seed=0).recommend(users(150), 4, exclude)
  for row, excluded in zip(lists.tolist(), exclude, strict=True):
    assert not set(row) & set(excluded.tolist())
  assert set(lists[0::3].ravel()) == {1, 3, 4, 5}


def test_history_alone_excludes_nothing():
  lists = RandomRecommender(3, seed=0).recommend([np.array([0, 1, 2])], 3)
  assert sorted(lists[0].tolist()) == [0, 1, 2]


def test_too_few_videos_end_in_none():
  exclude = [np.arange(4), np.arange(5), np.array([1])]
  lists = RandomRecommender(5, seed=0).recommend(users(3), 3, exclude)
  assert lists[0].tolist() == [4, -1, -1]
  assert lists[1].tolist() == [-1, -1, -1]
  assert -1 not in lists[2]


def test_seed_and_position_decide():
  random = RandomRecommender(100, seed=1)
  lists = random.recommend(users(20), 5)
  np.testing.assert_array_equal(random.recommend(users(20), 5), lists)
  np.testing.assert_array_equal(random.recommend(users(7), 5), lists[:7])
  assert len({tuple(row) for row in lists.tolist()}) == 20
  other = RandomRecommender(100, seed=2).recommend(users(20), 5)
  assert not (other == lists).all(axis=1).any()


def test_every_video_is_as_likely_in_every_place():
  lists = RandomRecommender(6, seed=3).recommend(users(3000), 3)
  for place in range(3):
    counts = np.bincount(lists[:, place], minlength=6)
    assert abs(counts - 500).max() < 4 * math.sqrt(500 * 5 / 6)


def test_recall_at_5_is_5_over_v():
  user_count, video_count = 4_000, 80
  rng = np.random.default_rng(0)
  truth = rng.integers(0, video_count, size=(user_count, 3))
  lists = RandomRecommender(video_count, seed=4).recommend(users(user_count), 5)
  recall = np.asarray(metrics.recall_at_k(lists, truth))
  error = recall.std() / math.sqrt(user_count)
  assert error < 0.05 * 5 / video_count
  assert abs(recall.mean() - 5 / video_count) < 3 * error


def test_another_number_of_users_is_refused():
  with pytest.raises(ValueError, match='shorter'):
    RandomRecommender(5, seed=0).recommend(users(2), 1, [np.array([1])])
