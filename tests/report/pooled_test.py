"""The pooled sample, by hand."""

import fake_runs
import numpy as np
import pytest

from dynrec_jax.report import pooled
from dynrec_jax.report.user_lists import UserLists

ONE = fake_runs.splits_of(((1, 2, 0), (0, 3, 1)))
TWO = fake_runs.splits_of(((5, 0, 3), (1, 0, 2)))


def test_users_with_a_truth_split_after_split():
  sample = pooled.pool([ONE, TWO], 5)
  assert sample.users.tolist() == ['a', 'b', 'b', 'c', 'd']
  assert sample.split.tolist() == [0, 0, 1, 1, 1]
  assert sample.truth.tolist() == [5, 2, 1, 4, 2]
  np.testing.assert_allclose(
    sample.precision, [[0.2, 0.4, 0, 0.6, 0.2], [1, 0, 0.2, 0, 0.4]]
  )
  np.testing.assert_allclose(
    sample.recall, [[0.2, 1, 0, 0.75, 0.5], [1, 0, 1, 0, 1]]
  )


def test_means_of_the_splits():
  precision, recall = pooled.means_by_split(pooled.pool([ONE, TWO], 5))
  np.testing.assert_allclose(precision, [[0.3, 0.8 / 3], [0.5, 0.2]])
  np.testing.assert_allclose(recall, [[0.6, 1.25 / 3], [0.5, 2 / 3]])


def test_a_split_of_nobody_with_a_truth_adds_nothing():
  empty = UserLists(['a'], [['v']], np.array([0]), np.array([0]))
  sample = pooled.pool([[empty, *ONE]], 5)
  assert sample.split.tolist() == [1, 1, 2, 2, 2]
  precision, _ = pooled.means_by_split(sample)
  np.testing.assert_allclose(precision, [[0.3, 0.8 / 3]])


def test_nobody_with_a_truth_is_refused():
  empty = UserLists(['a'], [['v']], np.array([0]), np.array([0]))
  with pytest.raises(ValueError, match=r'^no user has a ground truth; right: '):
    pooled.pool([[empty]], 5)


@pytest.mark.parametrize(
  ('other', 'message'),
  [
    (ONE[:1], '^1 splits beside 2; right: as many$'),
    (
      [ONE[0], ONE[1]._replace(users=['c', 'b', 'd'])],
      '^split 1 is of other users; right: the same$',
    ),
    (
      [ONE[0]._replace(truth=np.array([5, 2, 1])), ONE[1]],
      '^split 0 was scored on another truth; right: the same$',
    ),
  ],
)
def test_methods_that_were_not_tested_on_the_same(other, message):
  with pytest.raises(ValueError, match=message):
    pooled.pool([ONE, other], 5)
