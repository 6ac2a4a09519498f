"""The matrix of watches, by hand."""

import numpy as np
import small_world

from dynrec_jax.baselines import watched


def matrix_of(videos, **changes):
  table = small_world.table([list(enumerate(row)) for row in videos])
  seen = small_world.seen_of(table, video_count=4, **changes)
  return watched.train_watches(seen)


def test_a_row_per_train_user_and_a_one_per_video():
  found = matrix_of([[3, 1], [], [2, 0, 2, 2]])
  np.testing.assert_array_equal(
    found.toarray(), [[0, 1, 0, 1], [0, 0, 0, 0], [1, 0, 1, 0]]
  )
  assert found.nnz == 4
  assert found.dtype == np.float32


def test_train_users_alone_in_their_order():
  found = matrix_of([[3, 1], [0], [2]], train_users=[2, 0])
  np.testing.assert_array_equal(found.toarray(), [[0, 0, 1, 0], [0, 1, 0, 1]])


def test_without_a_train_user_there_is_no_row():
  assert matrix_of([[3, 1]], train_users=[]).shape == (0, 4)
