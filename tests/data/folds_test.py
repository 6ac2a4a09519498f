"""Folds for cross-validation: who trains, stops and is scored in each."""

import numpy as np
import pytest

from dynrec_jax.data.folds import make_folds


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
    (range(9), 0.01, r'^train\.val_frac of 6 users is nobody; raise it$'),
    (range(9), 0.99, '^6 users leave none to train on$'),
  ],
)
def test_too_few_or_repeated_users_are_an_error(users, valid_frac, message):
  with pytest.raises(ValueError, match=message):
    folds_of(list(users), valid_frac=valid_frac)
