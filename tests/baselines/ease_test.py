"""EASE against what it is the closed form of."""

import numpy as np
import pytest
import small_world

from dynrec_jax.baselines import ease
from dynrec_jax.baselines.ease import Settings


def watched(world):
  x = np.zeros((25, 41))
  for user, row in enumerate(world.events):
    for _, video in row:
      x[user, video] = 1
  return x


@pytest.mark.parametrize('regularization', [0.5, 30.0])
def test_a_column_is_the_ridge_regression_on_all_other_columns(regularization):
  world = small_world.make_world()
  x = watched(world)
  weights = np.zeros((41, 41))
  for j in range(41):
    others = np.delete(np.arange(41), j)
    long = np.concatenate([x[:, others], np.sqrt(regularization) * np.eye(40)])
    target = np.concatenate([x[:, j], np.zeros(40)])
    weights[others, j] = np.linalg.lstsq(long, target, rcond=None)[0]
  # All rows of `watches` are learned from, also those of held-out users.
  seen = small_world.seen_of(world.watches, video_count=41, train_users=[1, 4])
  queries = small_world.queries_at(
    world.watches, range(25), 12, world.sessions, mask_known=False
  )
  lists = ease.fit(seen, Settings(regularization))(queries, 41)
  found = np.zeros((25, 41))
  np.put_along_axis(found, lists.ids.astype(int), lists.scores, axis=1)
  np.testing.assert_allclose(found, x @ weights, atol=1e-6)


def test_two_videos_by_hand():
  """P = ((a, b), (b, d))^-1: B_01 = b / a, B_10 = b / d; a = 2 + 1, d = 1 + 1.

  Both were watched by one user, 0 by another one.
  """
  seen = small_world.seen_of(
    small_world.table([[(5, 0), (6, 1)], [(7, 0)]]), video_count=3
  )
  lists = ease.fit(seen, Settings(1.0))(
    small_world.queries_knowing([[0], [1], []], mask_known=False), 3
  )
  assert lists.ids.tolist() == [[1, 0, 2], [0, 1, 2], [0, 1, 2]]
  np.testing.assert_allclose(
    lists.scores, [[1 / 3, 0, 0], [1 / 2, 0, 0], [0, 0, 0]], rtol=1e-6
  )


@pytest.mark.parametrize('wrong', [0.0, -1.0, np.nan])
def test_regularization_must_be_positive(wrong):
  seen = small_world.seen_of(small_world.table([[(5, 0)]]), video_count=2)
  with pytest.raises(ValueError, match='it must be above 0'):
    ease.fit(seen, Settings(wrong))
