"""Biased factors: a step, the drawn pairs and the fold-in by plain loops."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_world
from scipy import sparse

from dynrec_jax.baselines import biased_factors
from dynrec_jax.baselines.biased_factors import Factors, Pairs, Settings

RATE, REG, ZEROS = 0.3, 0.2, 3
SETTINGS = Settings(REG, RATE, epochs=2, zeros=ZEROS)
# Users' videos; 5 is nobody's.
VIDEOS = [[0, 1], [0, 1, 2], [2, 3], [3, 4], [0, 4, 2], [1], []]


def matrix(videos=VIDEOS, count=6):
  x = np.zeros((len(videos), count))
  for user, row in enumerate(videos):
    x[user, row] = 1
  return x


def seen(videos=VIDEOS, count=6, **changes):
  rows = small_world.table([list(enumerate(row)) for row in videos])
  return small_world.seen_of(rows, video_count=count, **changes)


def random_factors(rng, user_count=4, video_count=5, factor_count=3):
  users = rng.normal(size=(user_count, factor_count + 2))
  videos = rng.normal(size=(video_count, factor_count + 2))
  users[:, -1] = videos[:, -2] = 1
  return Factors(users, videos)


def test_a_step_against_a_loop():
  """User 1 and video 2 are in several pairs, one pair stands there twice."""
  factors = random_factors(np.random.default_rng(3))
  pairs = [
    (1, 2, 1.0, True),
    (1, 0, 0.0, True),
    (2, 3, 0.0, False),
    (3, 2, 0.0, True),
    (1, 2, 1.0, True),
    (0, 4, 1.0, True),
  ]
  p, bu = factors.users[:, :3].copy(), factors.users[:, 3].copy()
  q, bi = factors.videos[:, :3].copy(), factors.videos[:, 4].copy()
  new = [x.copy() for x in (p, bu, q, bi)]
  for u, i, r, where in pairs:
    if not where:
      continue
    error = r - 1 / (1 + ZEROS) - bu[u] - bi[i] - sum(p[u] * q[i])
    new[0][u] += RATE * (error * q[i] - REG * p[u])
    new[1][u] += RATE * (error - REG * bu[u])
    new[2][i] += RATE * (error * p[u] - REG * q[i])
    new[3][i] += RATE * (error - REG * bi[i])
  factors = biased_factors.descend(
    jax.tree.map(jnp.asarray, factors),
    Pairs(*(np.array(x) for x in zip(*pairs, strict=True))),
    SETTINGS,
  )
  np.testing.assert_allclose(
    factors.users, np.column_stack([new[0], new[1], np.ones(4)]), atol=2e-6
  )
  np.testing.assert_allclose(
    factors.videos, np.column_stack([new[2], np.ones(5), new[3]]), atol=2e-6
  )


def test_pairs_are_all_watches_and_zeros_that_are_none():
  x = matrix()
  rng = np.random.default_rng(0)
  drawn = np.zeros_like(x)
  for _ in range(400):
    pairs = biased_factors.draw_pairs(sparse.csr_matrix(x), ZEROS, rng)
    is_watch = x[pairs.user, pairs.video]
    np.testing.assert_array_equal(
      is_watch[pairs.where], pairs.target[pairs.where]
    )
    assert is_watch[~pairs.where].all()
    assert pairs.target.sum() == pairs.target[pairs.where].sum() == x.sum()
    zero = (pairs.target == 0) & pairs.where
    np.add.at(drawn, (pairs.user, pairs.video), zero)
  # A zero of a user is drawn ZEROS |h| / V times an epoch.
  often = np.where(x > 0, 0, ZEROS * x.sum(axis=1, keepdims=True) / 6)
  np.testing.assert_allclose(drawn / 400, often, atol=0.25)
  again = biased_factors.draw_pairs(sparse.csr_matrix(x), ZEROS, rng)
  assert not np.array_equal(pairs.video[:8], again.video[:8])


def test_fold_in_is_the_least_of_the_mean_cost():
  """As one sum of squares: a row per video, and one per number of the user."""
  videos = random_factors(np.random.default_rng(5)).videos
  known = [[1, 4], [], [0, 1, 2, 3, 4], [3]]
  found = biased_factors.fold_in(
    sparse.csr_matrix(matrix(known, 5)), videos, SETTINGS
  )
  for own, user in zip(known, found, strict=True):
    rows, targets, count = [], [], 0
    for i in range(5):
      weight = 1.0 if i in own else ZEROS * len(own) / 5
      rest = (i in own) - 1 / (1 + ZEROS) - videos[i, 4]
      rows.append(np.sqrt(weight) * np.array([*videos[i, :3], 1]))
      targets.append(np.sqrt(weight) * rest)
      count += weight
    rows += list(np.sqrt(REG * count) * np.eye(4))
    want = np.linalg.lstsq(np.array(rows), [*targets, *[0] * 4], rcond=None)[0]
    np.testing.assert_allclose(user, [*want, 1], atol=1e-10)


def test_learning_lowers_the_cost_and_finds_two_tastes():
  """Users watch four of six videos of their own half."""
  rng = np.random.default_rng(1)
  videos = [
    (rng.permutation(6)[:4] + 6 * (user % 2)).tolist() for user in range(40)
  ]
  settings = Settings(0.05, 0.1, epochs=60, zeros=3)
  recommend = biased_factors.fit(seen(videos, 12), 2, settings)
  lists = recommend(small_world.queries_knowing(videos[:10]), 2)
  for user, row in enumerate(lists.ids.tolist()):
    assert {video // 6 for video in row} == {user % 2}
  x = sparse.csr_matrix(matrix(videos, 12))
  pairs = biased_factors.draw_pairs(x, 3, rng)
  costs = []
  for epochs in (0, 5, 60):
    of = biased_factors.learned(x, 2, settings._replace(epochs=epochs), 0)
    guess = (of.users[pairs.user] * of.videos[pairs.video]).sum(axis=1)
    costs.append(np.mean((pairs.target - 0.25 - guess)[pairs.where] ** 2))
  assert costs[0] > 1.1 * costs[1] > 1.2 * costs[2]


def test_without_history_the_bias_ranks():
  """Video 0 is everyone's, 1 of most, 2 of some; 3 of nobody."""
  videos = [[0], [0, 1], [0, 1, 2], [1, 0], [0, 1], [0, 2, 1]]
  recommend = biased_factors.fit(
    seen(videos, 4), 2, Settings(0.01, 0.1, epochs=80, zeros=2)
  )
  lists = recommend(small_world.queries_knowing([[], [0]]), 4)
  assert lists.ids[0].tolist() == [0, 1, 2, 3]
  alone = recommend(small_world.queries_knowing([[]]), 4)
  np.testing.assert_array_equal(lists.scores[0], alone.scores[0])


def test_of_nothing_nothing_is_learned():
  recommend = biased_factors.fit(seen([[]] * 7), 2, SETTINGS)
  lists = recommend(small_world.queries_knowing([[], [2, 0]]), 6)
  assert lists.ids.tolist() == [[0, 1, 2, 3, 4, 5], [1, 3, 4, 5, -1, -1]]
  assert recommend(small_world.queries_knowing([]), 2).ids.shape == (0, 2)


@pytest.mark.parametrize('other', [4, 5])
def test_the_seed_is_the_data_s(other):
  queries = small_world.queries_knowing([[0], [3, 2]])
  one, two = (
    biased_factors.fit(seen(seed=seed), 2, SETTINGS)(queries, 4).scores
    for seed in (4, other)
  )
  assert np.array_equal(one, two) == (other == 4)
