"""The split by user."""

import numpy as np
import pytest

from dynrec_jax.data.split import split_users


@pytest.mark.parametrize('count', [5, 10, 99, 3994])
def test_disjoint_sorted_and_complete(count):
  parts = split_users(count, seed=3)
  everyone = np.concatenate(parts)
  np.testing.assert_array_equal(np.sort(everyone), np.arange(count))
  for part in parts:
    assert part.dtype == np.int32
    assert (np.diff(part) > 0).all()


@pytest.mark.parametrize(
  ('fracs', 'sizes'),
  [
    ({}, (2875, 320, 799)),  # the paper's 3,994 users: 799 tested
    ({'test_frac': 0.5, 'valid_frac': 0.25}, (1498, 499, 1997)),
    ({'test_frac': 0.0, 'valid_frac': 0.0}, (3994, 0, 0)),
    ({'valid_frac': 0.0}, (3195, 0, 799)),
  ],
)
def test_fractions(fracs, sizes):
  parts = split_users(3994, seed=0, **fracs)
  assert tuple(map(len, parts)) == sizes


def test_a_seed_is_a_split():
  one, same, other = (split_users(200, seed=s) for s in (7, 7, 8))
  for a, b in zip(one, same, strict=True):
    np.testing.assert_array_equal(a, b)
  assert len(np.intersect1d(one.test, other.test)) < 25  # 8 expected


def test_test_users_do_not_depend_on_the_validation_share():
  np.testing.assert_array_equal(
    split_users(300, seed=1, valid_frac=0.0).test,
    split_users(300, seed=1, valid_frac=0.5).test,
  )


def test_every_user_is_tested_about_equally_often():
  counts = np.zeros(20)
  for seed in range(400):
    counts[split_users(20, seed=seed).test] += 1
  # Binomial(400, 0.2): mean 80, sd 8.
  assert counts.min() > 45
  assert counts.max() < 115


@pytest.mark.parametrize(
  ('fracs', 'message'),
  [
    ({'test_frac': 1.0}, r'test_frac is 1.0; it must lie in \[0, 1\)'),
    ({'test_frac': -0.1}, 'test_frac is -0.1'),
    ({'test_frac': float('nan')}, 'test_frac is nan'),
    ({'valid_frac': 1.5}, 'val_frac is 1.5'),
  ],
)
def test_fractions_out_of_range(fracs, message):
  with pytest.raises(ValueError, match=message):
    split_users(100, seed=0, **fracs)


@pytest.mark.parametrize(('count', 'fracs'), [(0, {}), (2, {'test_frac': 0.9})])
def test_nobody_left_to_train_on(count, fracs):
  with pytest.raises(ValueError, match=f'{count} users leave none to train on'):
    split_users(count, seed=0, **fracs)
