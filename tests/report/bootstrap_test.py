"""The bootstrap against one in plain Python, and where its width is known."""

import math

import numpy as np
import pytest

from dynrec_jax.report import bootstrap

# Users of two splits: b and d are in both, e has three rows.
USERS = np.array(['d', 'b', 'a', 'e', 'c', 'b', 'e', 'd', 'f', 'e'])
RNG = np.random.default_rng(5)
PRECISION = RNG.integers(5, size=(3, 10)) / 5
RECALL = RNG.integers(7, size=(3, 10)) / 7


def f_of(precision, recall):
  total = precision + recall
  return 2 * precision * recall / total if total else 0.0


def expected_f(users, precision, recall, resamples, seed):
  """Draw by draw: how often each user comes, then means over all rows."""
  rng = np.random.default_rng(seed)
  names = sorted(set(users.tolist()))
  out = []
  for _ in range(resamples):
    drawn = [
      names[place] for place in rng.integers(len(names), size=len(names))
    ]
    times = {name: drawn.count(name) for name in names}
    rows = [
      row for row, user in enumerate(users.tolist()) for _ in range(times[user])
    ]
    assert sum(times.values()) == len(names)
    out.append(
      [
        f_of(
          sum(float(p[row]) for row in rows) / len(rows),
          sum(float(r[row]) for row in rows) / len(rows),
        )
        for p, r in zip(precision, recall, strict=True)
      ]
    )
  return np.array(out).T


def resampled(users=USERS, precision=PRECISION, recall=RECALL, **settings):
  return bootstrap.resampled_f(users, precision, recall, **settings)


@pytest.mark.parametrize('seed', [0, 3])
def test_against_plain_python(seed):
  found = resampled(resamples=70, seed=seed)
  want = expected_f(USERS, PRECISION, RECALL, 70, seed)
  assert found.shape == (3, 70)
  assert found.dtype == np.float64
  np.testing.assert_allclose(found, want, rtol=1e-12)
  assert len(np.unique(found[0])) > 30


def test_means_of_some_rows_against_plain_python():
  """Two measures that have other rows, of the same users in every draw."""
  where = np.array(
    [[1, 1, 0, 0, 1, 1, 0, 1, 0, 1], [0, 1, 1, 1, 0, 0, 1, 0, 1, 1]]
  )
  values = RNG.normal(size=(2, 10))
  found = bootstrap.resampled_means(
    USERS, values, where.astype(bool), resamples=40, seed=2
  )
  rng = np.random.default_rng(2)
  names = sorted(set(USERS.tolist()))
  for draw in range(40):
    drawn = [
      names[place] for place in rng.integers(len(names), size=len(names))
    ]
    for measure in range(2):
      kept = [
        float(values[measure, row])
        for name in drawn
        for row in range(10)
        if USERS[row] == name and where[measure, row]
      ]
      want = sum(kept) / len(kept) if kept else 0.0
      assert math.isclose(found[measure, draw], want, abs_tol=1e-12)


def test_where_all_rows_count_nothing_changes():
  values = RNG.normal(size=(3, 10))
  np.testing.assert_allclose(
    bootstrap.resampled_means(USERS, values, resamples=20),
    bootstrap.resampled_means(
      USERS, values, np.ones((3, 10), bool), resamples=20
    ),
    rtol=1e-12,
  )


def test_a_draw_without_a_row_is_zero():
  """Of x and y only x has a row: a quarter of the draws are of y alone."""
  found = bootstrap.resampled_means(
    np.array(['x', 'y']),
    np.array([[3.0, 5.0]]),
    np.array([[True, False]]),
    resamples=2000,
  )
  seen, counts = np.unique(found, return_counts=True)
  np.testing.assert_array_equal(seen, [0, 3])
  assert math.isclose(counts[0] / 2000, 0.25, abs_tol=0.04)


def test_f_is_of_the_means_of_the_same_draws():
  means = bootstrap.resampled_means(
    USERS, np.concatenate([PRECISION, RECALL]), resamples=30, seed=4
  )
  p, r = means[:3], means[3:]
  np.testing.assert_allclose(
    resampled(resamples=30, seed=4), 2 * p * r / (p + r), rtol=1e-12
  )


def test_users_may_be_numbers():
  numbers = np.array([40, 20, 10, 50, 30, 20, 50, 40, 60, 50])
  np.testing.assert_array_equal(
    resampled(numbers, resamples=20), resampled(resamples=20)
  )


def test_order_of_rows_does_not_matter():
  order = np.random.default_rng(1).permutation(10)
  np.testing.assert_allclose(
    resampled(
      USERS[order], PRECISION[:, order], RECALL[:, order], resamples=20
    ),
    resampled(resamples=20),
    rtol=1e-12,
  )


def test_a_method_s_draws_do_not_depend_on_the_others():
  alone = resampled(precision=PRECISION[2:], recall=RECALL[2:], resamples=20)
  np.testing.assert_allclose(alone[0], resampled(resamples=20)[2], rtol=1e-12)


@pytest.mark.parametrize('at_once', [1, 7, 25])
def test_draws_come_in_one_sequence(monkeypatch, at_once):
  want = resampled(resamples=25)
  monkeypatch.setattr(bootstrap, '_AT_ONCE', at_once)
  np.testing.assert_allclose(resampled(resamples=25), want, rtol=1e-12)


def test_by_default_there_are_ten_thousand_draws_of_seed_0():
  found = resampled()
  assert found.shape == (3, 10_000)
  np.testing.assert_allclose(
    found[:, :50], resampled(resamples=50, seed=0), rtol=1e-12
  )
  assert not np.allclose(found[:, :50], resampled(resamples=50, seed=1))


def test_a_user_s_rows_are_drawn_together():
  """Two users of opposite rows: three different draws, not five.

  User x has rows of 1 in both splits, y of 0: x comes 0, 1 or 2 times of 2, so
  the mean is 0, 1/2 or 1; rows drawn apart would also give 1/4 and 3/4.
  """
  users = np.array(['x', 'y', 'y', 'x'])
  values = np.array([[1.0, 0, 0, 1]])
  found = resampled(users, values, values, resamples=2000)
  seen, counts = np.unique(found, return_counts=True)
  np.testing.assert_allclose(seen, [0, 0.5, 1])
  # Binomial: a quarter, a half, a quarter, four standard deviations each.
  np.testing.assert_allclose(counts / 2000, [0.25, 0.5, 0.25], atol=0.045)


def test_a_user_with_more_rows_weighs_more():
  """x comes c of 2 times with 3 rows of 1, y 2 - c times with one of 0."""
  users = np.array(['x', 'x', 'y', 'x'])
  values = np.array([[1.0, 1, 0, 1]])
  found = resampled(users, values, values, resamples=200)
  np.testing.assert_allclose(np.unique(found), [0, 0.75, 1])


def test_one_user_has_no_spread():
  found = resampled(
    np.array(['x', 'x']),
    np.array([[0.2, 0.4]]),
    np.array([[1.0, 0.5]]),
    resamples=9,
  )
  np.testing.assert_allclose(found, [[2 * 0.3 * 0.75 / 1.05] * 9])


def test_a_constant_difference_has_no_width():
  """P = R, so F is their mean, and every draw differs by a tenth."""
  one = RNG.integers(8, size=(1, 10)) / 10
  both = np.concatenate([one, one + 0.1])
  found = resampled(precision=both, recall=both, resamples=300)
  low, high = bootstrap.interval(found[0])
  assert high - low > 0.05
  low, high = bootstrap.interval(found[1] - found[0])
  assert math.isclose(low, 0.1, rel_tol=1e-9)
  assert math.isclose(high, 0.1, rel_tol=1e-9)


def test_a_method_does_not_differ_from_itself():
  same = PRECISION[[0, 0]]
  found = resampled(precision=same, recall=RECALL[[0, 0]], resamples=50)
  assert bootstrap.interval(found[1] - found[0]) == (0.0, 0.0)


def test_no_hit_is_zero():
  zeros = np.zeros((1, 10))
  found = resampled(precision=zeros, recall=zeros, resamples=30)
  np.testing.assert_array_equal(found, np.zeros((1, 30)))
  # One user with hits, who is in some draws and not in others.
  some = zeros.copy()
  some[0, 2] = 1
  found = resampled(precision=some, recall=some, resamples=60)
  assert np.isfinite(found).all()
  assert (found == 0).any()
  assert (found > 0).any()


def test_interval_by_hand():
  """Of 0 to 200, percentile q is the number 2 q."""
  values = np.random.default_rng(0).permutation(np.arange(201.0))
  assert bootstrap.interval(values) == (5.0, 195.0)
  # Of 0 to 4 it lies at q / 25: between the ends and their neighbours.
  low, high = bootstrap.interval(np.array([4.0, 0, 3, 1, 2]))
  assert math.isclose(low, 0.1)
  assert math.isclose(high, 3.9)


def test_interval_is_that_of_a_mean():
  """P = R of 400 users with a row each: mean +- 1.96 s / sqrt(n)."""
  values = np.random.default_rng(2).beta(2, 5, size=(1, 400))
  found = resampled(np.arange(400), values, values, resamples=4000)
  low, high = bootstrap.interval(found[0])
  mean = values.mean()
  half = 1.96 * values.std() / math.sqrt(400)
  assert low < mean < high
  assert math.isclose(mean - low, half, rel_tol=0.1)
  assert math.isclose(high - mean, half, rel_tol=0.1)
