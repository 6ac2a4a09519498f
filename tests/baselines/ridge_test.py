"""Ridge regression over time against least squares of a longer system."""

import numpy as np
import pytest
import small_world
from scipy import sparse

from dynrec_jax.baselines import ridge
from dynrec_jax.baselines.ridge import Settings
from dynrec_jax.recommender import CannotFit

TRAIN = [0, 1, 2, 4, 5, 7, 9, 11, 13, 17, 20]


def by_least_squares(x, y, regularization):
  """|y - xw|^2 + lambda |w|^2 as one sum of squares, column by column."""
  count = x.shape[1]
  x = np.concatenate([x, np.sqrt(regularization) * np.eye(count)])
  y = np.concatenate([y, np.zeros((count, y.shape[1]))])
  return np.linalg.lstsq(x, y, rcond=None)[0]


@pytest.mark.parametrize(
  ('rows', 'columns'), [(4, 9), (9, 4), (6, 6), (0, 3), (1, 3)]
)
@pytest.mark.parametrize('regularization', [0.3, 20.0])
def test_weights(rows, columns, regularization):
  rng = np.random.default_rng(rows)
  x = (rng.random((rows, columns)) < 0.4).astype(float)
  y = rng.normal(size=(rows, 5))
  found = ridge.ridge_weights(sparse.csr_matrix(x), y, regularization)
  np.testing.assert_allclose(
    found, by_least_squares(x, y, regularization), atol=1e-12
  )


@pytest.mark.parametrize('session', [3, 9])
def test_against_least_squares(session):
  world = small_world.make_world()
  seen = small_world.seen_of(
    world.watches, video_count=41, train_users=TRAIN, session=session
  )
  queries = small_world.queries_at(
    world.watches, range(25), session, world.sessions, mask_known=False
  )
  lists = ridge.fit(seen, Settings(0.7))(queries, 41)
  border = world.sessions.end(session)
  x, y = np.zeros((2, 25, 41))
  for user, row in enumerate(world.events):
    for time, video in row:
      (x if time < border else y)[user, video] = 1
  mean = y[TRAIN].mean(axis=0)
  weights = by_least_squares(x[TRAIN], y[TRAIN] - mean, 0.7)
  found = np.zeros((25, 41))
  np.put_along_axis(found, lists.ids.astype(int), lists.scores, axis=1)
  np.testing.assert_allclose(found, mean + x @ weights, atol=1e-6)


def test_without_history_the_mean_ranks():
  watches = small_world.halves([[0], [1], []], [[3], [3, 2], [4]])
  seen = small_world.seen_of(watches, video_count=5)
  lists = ridge.fit(seen, Settings(1.0))(small_world.queries_knowing([[]]), 4)
  assert lists.ids.tolist() == [[3, 2, 4, 0]]
  np.testing.assert_allclose(lists.scores, [[2 / 3, 1 / 3, 1 / 3, 0]])


def test_nothing_later_is_told():
  watches = small_world.halves([[0], [1]], [[], [2]])
  seen = small_world.seen_of(watches, video_count=3, train_users=[0])
  with pytest.raises(CannotFit, match='no watch of a train user after'):
    ridge.fit(seen, Settings())


@pytest.mark.parametrize('wrong', [0.0, -1.0, np.nan])
def test_regularization_must_be_positive(wrong):
  seen = small_world.seen_of(small_world.halves([[0]], [[1]]), video_count=2)
  with pytest.raises(ValueError, match='it must be above 0'):
    ridge.fit(seen, Settings(wrong))
