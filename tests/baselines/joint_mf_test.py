"""The factorisation against float64 loops and solvers of its own."""

import numpy as np
import pytest
import scipy.sparse

from dynrec_jax.baselines import joint_mf

SETTINGS = {
  'factors': 3,
  'negatives': 2.0,
  'regularization': 0.3,
  'seed': 0,
  'sweeps': 400,
}


def world(seed=0, users=14, topics=4, videos=9):
  """Asymmetric; user 1 watched nothing, user 2 all, user 3 says nothing."""
  rng = np.random.default_rng(seed)
  about = rng.dirichlet(np.ones(topics), size=users)
  about[3] = 0
  watches = (rng.random((users, videos)) < 0.35).astype(np.float32)
  watches[1], watches[2] = 0, 1
  return about, watches


def learned(about, watches, **changes):
  found = joint_mf.joint_mf(
    about, scipy.sparse.csr_matrix(watches), **(SETTINGS | changes)
  )
  return tuple(np.asarray(x, np.float64) for x in found)


def pair_weights(watches, negatives):
  """c_uv, by loops."""
  out = np.zeros(watches.shape)
  for user, row in enumerate(watches):
    count = int(sum(row))
    for video, watched in enumerate(row):
      if watched:
        out[user, video] = 1
      elif count:
        out[user, video] = negatives * count / (len(row) - count)
  return out


def objective(w, q, about, watches, negatives, regularization):
  """The printed sum, pair by pair."""
  total = regularization * (np.sum(w * w) + np.sum(q * q))
  weights = pair_weights(watches, negatives)
  for user in range(len(watches)):
    for video in range(watches.shape[1]):
      score = about[user] @ w @ q[video]
      total += weights[user, video] * (watches[user, video] - score) ** 2
  return total


def gradients(w, q, about, watches, negatives, regularization):
  """Of the printed sum, by float64 products of all pairs."""
  pull = -2 * pair_weights(watches, negatives) * (watches - about @ w @ q.T)
  return (
    about.T @ pull @ q + 2 * regularization * w,
    pull.T @ about @ w + 2 * regularization * q,
  )


def solved_exactly(about, watches, factors, negatives, regularization):
  """W and Q in turn by dense normal equations, from another start."""
  rng = np.random.default_rng(99)
  topics, videos = about.shape[1], watches.shape[1]
  w = rng.normal(0, 1, (topics, factors))
  q = rng.normal(0, 1, (videos, factors))
  weights = pair_weights(watches, negatives)
  for _ in range(400):
    rows = np.stack(
      [
        np.outer(about[u], q[v]).ravel() * np.sqrt(weights[u, v])
        for u in range(len(watches))
        for v in range(videos)
      ]
    )
    right = (np.sqrt(weights) * watches).ravel()
    square = rows.T @ rows + regularization * np.eye(rows.shape[1])
    w = np.linalg.solve(square, rows.T @ right).reshape(w.shape)
    x = about @ w
    for v in range(videos):
      square = (x.T * weights[:, v]) @ x + regularization * np.eye(factors)
      q[v] = np.linalg.solve(square, x.T @ (weights[:, v] * watches[:, v]))
  return w, q


@pytest.mark.parametrize('negatives', [0.0, 0.5, 7.0])
def test_the_end_is_where_the_sum_has_no_slope(negatives):
  about, watches = world()
  w, q = learned(about, watches, negatives=negatives, regularization=0.05)
  at = (about, watches, negatives, 0.05)
  start = [0.3 + 0 * w, 0.3 + 0 * q]
  steep = max(np.abs(g).max() for g in gradients(*start, *at))
  flat = max(np.abs(g).max() for g in gradients(w, q, *at))
  assert flat < 0.01 * steep
  assert np.abs(w @ q.T).max() > 0.1  # not the saddle at 0
  rng = np.random.default_rng(1)
  best = objective(w, q, *at)
  for _ in range(20):
    moved = (x + rng.normal(0, 0.05, x.shape) for x in (w, q))
    assert objective(*moved, *at) > best


def test_the_scores_are_those_of_an_exact_solver():
  """With all factors there is one best table W Q', whatever the start."""
  about, watches = world(seed=4)
  w, q = learned(about, watches, factors=4)
  exact = solved_exactly(about, watches, 4, 2.0, 0.3)
  np.testing.assert_allclose(
    w @ q.T, exact[0] @ exact[1].T, atol=2e-3, rtol=1e-2
  )
  assert objective(w, q, about, watches, 2.0, 0.3) == pytest.approx(
    objective(*exact, about, watches, 2.0, 0.3), rel=1e-4
  )


def test_few_sweeps_come_near():
  about, watches = world()
  at = (about, watches, 2.0, 0.05)
  end = learned(about, watches, regularization=0.05)
  usual = joint_mf.joint_mf(
    about,
    scipy.sparse.csr_matrix(watches),
    factors=3,
    negatives=2.0,
    regularization=0.05,
    seed=0,
  )
  usual = (np.asarray(x, np.float64) for x in usual)
  assert objective(*usual, *at) < 1.01 * objective(*end, *at)


def test_zeros_weigh_what_drawn_ones_do_on_average():
  """A user of 3 watches and 6 others: 2 zeros a watch are 6 of weight 1."""
  watches = np.zeros((1, 9))
  watches[0, :3] = 1
  np.testing.assert_array_equal(pair_weights(watches, 2.0), np.ones((1, 9)))
  rng = np.random.default_rng(0)
  drawn = np.zeros(9)
  for _ in range(3000):
    for _ in range(3 * 4):  # 4 for each watch
      drawn[rng.integers(3, 9)] += 1 / 3000
  np.testing.assert_allclose(drawn[3:], pair_weights(watches, 4.0)[0, 3:], 0.05)


def test_more_penalty_means_less_weight():
  about, watches = world()
  sizes = [
    sum(np.sum(x * x) for x in learned(about, watches, regularization=r))
    for r in (0.01, 0.1, 1.0, 100.0)
  ]
  assert sizes == sorted(sizes, reverse=True)
  assert sizes[-1] < 1e-6


def test_the_order_of_users_does_not_matter():
  about, watches = world()
  one = learned(about, watches)
  two = learned(about[::-1], watches[::-1])
  np.testing.assert_allclose(one[0] @ one[1].T, two[0] @ two[1].T, atol=1e-4)


def test_users_that_say_or_watch_nothing_teach_nothing():
  about, watches = world()
  rest = [u for u in range(len(about)) if u not in (1, 3)]
  one, two = learned(about, watches), learned(about[rest], watches[rest])
  np.testing.assert_allclose(one[0] @ one[1].T, two[0] @ two[1].T, atol=1e-4)


def test_the_seed_fixes_it():
  about, watches = world()
  one, two = learned(about, watches), learned(about, watches)
  np.testing.assert_array_equal(one[0], two[0])
  other = learned(about, watches, seed=5)
  assert not np.array_equal(one[0], other[0])


def test_without_a_watch_all_is_zero():
  about, watches = world()
  for rows in (slice(None), slice(0, 0)):
    w, q = learned(about[rows], 0 * watches[rows])
    np.testing.assert_array_equal(w, np.zeros((4, 3)))
    np.testing.assert_array_equal(q, np.zeros((9, 3)))


def test_one_program_for_all_strengths():
  about, watches = world()
  learned(about, watches)
  before = joint_mf._solved._cache_size()
  learned(about, watches, negatives=9.0, regularization=0.7, seed=8)
  assert joint_mf._solved._cache_size() == before
