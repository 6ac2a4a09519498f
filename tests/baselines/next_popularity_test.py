"""Popularity after n_f on counts made by hand."""

import numpy as np
import pytest
import small_world

from dynrec_jax.baselines import next_popularity
from dynrec_jax.recommender import CannotFit

EARLIER = [[0, 1], [0, 5], [0], [0, 1]]
LATER = [[3, 2, 3], [2], [], [4, 2]]


def fit(**changes):
  watches = small_world.halves(EARLIER, LATER)
  return next_popularity.fit(
    small_world.seen_of(watches, video_count=6, **changes)
  )


def test_users_after_the_border_are_counted_once_each():
  lists = fit()(small_world.queries_knowing([[], [2, 0]]), 6)
  assert lists.ids.tolist() == [[2, 3, 4, 0, 1, 5], [3, 4, 1, 5, -1, -1]]
  assert lists.scores[0].tolist() == [3, 1, 1, 0, 0, 0]


def test_only_train_users_count():
  lists = fit(train_users=[3, 2])(small_world.queries_knowing([[]]), 3)
  assert lists.ids.tolist() == [[2, 4, 0]]
  assert lists.scores.tolist() == [[1, 1, 0]]


def test_an_earlier_border_counts_more():
  lists = fit(session=3)(small_world.queries_knowing([[]]), 2)
  assert lists.ids.tolist() == [[0, 2]]
  np.testing.assert_array_equal(lists.scores, [[4, 3]])


def test_nothing_to_count_is_told():
  with pytest.raises(CannotFit, match='no watch of a train user after'):
    fit(train_users=[2])
