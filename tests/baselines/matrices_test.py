"""Matrices of watches by hand."""

import numpy as np
import pytest
import small_world

from dynrec_jax.baselines import matrices
from dynrec_jax.recommender import CannotFit

EARLIER = [[2, 0], [], [3, 3, 1], [4]]
LATER = [[4], [1, 0], [], [2, 2, 3]]


def seen(earlier=EARLIER, later=LATER, session=9, **changes):
  watches = small_world.halves(earlier, later, session)
  return small_world.seen_of(watches, video_count=5, session=session, **changes)


@pytest.mark.parametrize('session', [3, 9])
def test_both_sides_of_the_border(session):
  earlier, later = matrices.halves(seen(session=session))
  np.testing.assert_array_equal(
    earlier.toarray(),
    [[1, 0, 1, 0, 0], [0, 0, 0, 0, 0], [0, 1, 0, 1, 0], [0, 0, 0, 0, 1]],
  )
  np.testing.assert_array_equal(
    later.toarray(),
    [[0, 0, 0, 0, 1], [1, 1, 0, 0, 0], [0, 0, 0, 0, 0], [0, 0, 1, 1, 0]],
  )


def test_train_users_alone_in_their_order():
  earlier, later = matrices.halves(seen(train_users=[3, 0]))
  np.testing.assert_array_equal(
    earlier.toarray(), [[0, 0, 0, 0, 1], [1, 0, 1, 0, 0]]
  )
  np.testing.assert_array_equal(
    later.toarray(), [[0, 0, 1, 1, 0], [0, 0, 0, 0, 1]]
  )


@pytest.mark.parametrize('train_users', [[], [2]])
def test_nothing_after_the_border_is_told(train_users):
  """Others' later watches are not to be learned from."""
  message = (
    '^no watch of a train user after the border: what is watched after 9 of 12 '
    'sessions cannot be learned$'
  )
  with pytest.raises(CannotFit, match=message):
    matrices.halves(seen(train_users=train_users))


def test_everyone_has_a_row():
  found = matrices.of_everyone(seen(train_users=[1]))
  np.testing.assert_array_equal(
    found.toarray(),
    [[1, 0, 1, 0, 1], [1, 1, 0, 0, 0], [0, 1, 0, 1, 0], [0, 0, 1, 1, 1]],
  )
  assert found.has_sorted_indices


def test_the_watches_are_not_written_to():
  given = seen()
  before = [x.copy() for x in given.watches]
  matrices.of_everyone(given)
  for x, y in zip(given.watches, before, strict=True):
    np.testing.assert_array_equal(x, y)


def test_queries():
  known = matrices.of_queries(
    small_world.queries_knowing([[2, 0, 2], [], [1]]), 4
  )
  np.testing.assert_array_equal(
    known.toarray(), [[1, 0, 1, 0], [0, 0, 0, 0], [0, 1, 0, 0]]
  )
  assert matrices.of_queries(small_world.queries_knowing([]), 4).shape == (0, 4)


def watched_by_train_users(videos, **changes):
  table = small_world.table([list(enumerate(row)) for row in videos])
  seen = small_world.seen_of(table, video_count=4, **changes)
  return matrices.of_train_users(seen)


def test_a_row_per_train_user_and_a_one_per_video():
  found = watched_by_train_users([[3, 1], [], [2, 0, 2, 2]])
  np.testing.assert_array_equal(
    found.toarray(), [[0, 1, 0, 1], [0, 0, 0, 0], [1, 0, 1, 0]]
  )
  assert found.nnz == 4


def test_rows_are_of_train_users_alone_in_their_order():
  found = watched_by_train_users([[3, 1], [0], [2]], train_users=[2, 0])
  np.testing.assert_array_equal(found.toarray(), [[0, 0, 1, 0], [0, 1, 0, 1]])


def test_without_a_train_user_there_is_no_row():
  assert watched_by_train_users([[3, 1]], train_users=[]).shape == (0, 4)
