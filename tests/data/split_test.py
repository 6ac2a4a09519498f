"""The split by user, and the folds of those who train."""

import numpy as np
import pytest

from dynrec_jax.data.split import make_folds, split_users


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
    ({'valid_frac': 1.5}, 'valid_frac is 1.5'),
  ],
)
def test_fractions_out_of_range(fracs, message):
  with pytest.raises(ValueError, match=message):
    split_users(100, seed=0, **fracs)


@pytest.mark.parametrize(('count', 'fracs'), [(0, {}), (2, {'test_frac': 0.9})])
def test_nobody_left_to_train_on(count, fracs):
  with pytest.raises(ValueError, match=f'{count} users leave none to train on'):
    split_users(count, seed=0, **fracs)


def folds_of(users, seed=0, fold_count=3, valid_frac=0.1):
  return make_folds(
    np.asarray(users), seed=seed, fold_count=fold_count, valid_frac=valid_frac
  )


@pytest.mark.parametrize('fold_count', [2, 3, 5])
@pytest.mark.parametrize('count', [30, 31, 32, 3195])
def test_every_user_is_scored_once_and_each_fold_has_all_users(
  count, fold_count
):
  users = np.random.default_rng(5).permutation(3 * count)[:count]
  folds = folds_of(users, fold_count=fold_count)
  assert len(folds) == fold_count
  scored = np.concatenate([fold.test for fold in folds])
  np.testing.assert_array_equal(np.sort(scored), np.sort(users))
  sizes = [len(fold.test) for fold in folds]
  assert max(sizes) - min(sizes) <= 1
  for fold in folds:
    np.testing.assert_array_equal(np.sort(np.concatenate(fold)), np.sort(users))
    others = count - len(fold.test)
    assert len(fold.valid) == round(others * 0.1)
    for part in fold:
      assert part.dtype == np.int32
      assert (np.diff(part) > 0).all()


def test_a_seed_and_the_users_make_the_folds():
  users = np.arange(7, 307)
  one, same, other = (folds_of(users, seed=s) for s in (3, 3, 4))
  shuffled = folds_of(users[::-1], seed=3)
  for a, b, c, d in zip(one, same, shuffled, other, strict=True):
    for part in range(3):
      np.testing.assert_array_equal(a[part], b[part])
      np.testing.assert_array_equal(a[part], c[part])
    # A third of a third are there by chance: 33 of 100.
    assert len(np.intersect1d(a.test, d.test)) < 60
    assert len(np.intersect1d(a.valid, d.valid)) < 10


def test_folds_hold_out_users_from_both_other_parts():
  """Not always the same ones, nor those of one part."""
  folds = folds_of(np.arange(600), valid_frac=0.25)
  for number, fold in enumerate(folds):
    for other in (number - 1, number - 2):
      assert len(np.intersect1d(fold.valid, folds[other].test)) > 25  # of 50
  assert len(np.intersect1d(folds[1].valid, folds[2].valid)) < 50


def test_scored_users_do_not_depend_on_the_validation_share():
  for few, many in zip(
    folds_of(np.arange(90), valid_frac=0.05),
    folds_of(np.arange(90), valid_frac=0.5),
    strict=True,
  ):
    np.testing.assert_array_equal(few.test, many.test)


@pytest.mark.parametrize(
  ('users', 'valid_frac', 'message'),
  [
    ([4, 9], 0.1, '^2 train users cannot make 3 folds$'),
    ([1, 2, 2, 3], 0.1, 'are named twice'),
    (range(9), 0.01, r'^valid_frac of 6 users is nobody; raise it$'),
    (range(9), 0.99, '^6 users leave none to train on$'),
  ],
)
def test_too_few_or_repeated_users_are_an_error(users, valid_frac, message):
  with pytest.raises(ValueError, match=message):
    folds_of(list(users), valid_frac=valid_frac)
