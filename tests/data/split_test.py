"""The split by user, and the folds of those who train."""

import numpy as np
import pytest

from dynrec_jax.data.split import make_folds, split_users


def ids(count):
  return [f'user {i}' for i in range(count)]


def within(found, count, share):
  """Whether a count is what `count` draws of a chance give, to 4 sd."""
  spread = np.sqrt(count * share * (1 - share))
  return abs(found - count * share) <= 4 * spread


@pytest.mark.parametrize('count', [5, 10, 99, 3994])
def test_disjoint_sorted_and_complete(count):
  parts = split_users(ids(count), seed=3)
  everyone = np.concatenate(parts)
  np.testing.assert_array_equal(np.sort(everyone), np.arange(count))
  for part in parts:
    assert part.dtype == np.int32
    assert (np.diff(part) > 0).all()


@pytest.mark.parametrize(
  ('fracs', 'test', 'valid'),
  [
    ({}, 0.2, 0.1),
    ({'test_frac': 0.5, 'valid_frac': 0.25}, 0.5, 0.25),
    ({'test_frac': 0.0, 'valid_frac': 0.0}, 0, 0),
    ({'valid_frac': 0.0}, 0.2, 0),
  ],
)
def test_sizes_are_those_of_a_random_split(fracs, test, valid):
  tested = []
  for seed in range(20):
    parts = split_users(ids(3994), seed=seed, **fracs)
    assert within(len(parts.test), 3994, test)
    assert within(len(parts.valid), 3994 - len(parts.test), valid)
    tested.append(len(parts.test))
  # The sd of a binomial, 0.4 sqrt(3994) = 25 at 0.2; of 20 draws +- 16 %.
  spread = np.sqrt(3994 * test * (1 - test))
  assert np.std(tested, ddof=1) == pytest.approx(spread, rel=0.5)


def test_a_seed_is_a_split():
  one, same, other = (split_users(ids(200), seed=s) for s in (7, 7, 8))
  for a, b in zip(one, same, strict=True):
    np.testing.assert_array_equal(a, b)
  assert len(np.intersect1d(one.test, other.test)) < 25  # 8 expected


def test_a_split_that_was_is_the_same_on_every_machine():
  """Another hash would test whom saved models were trained on."""
  parts = split_users(ids(20), seed=0)
  assert parts.test.tolist() == [1, 7, 8, 9, 10, 11, 19]
  assert parts.valid.tolist() == [14]


def test_a_user_stays_on_its_side_when_others_come_go_or_change_places():
  whole = split_users(ids(300), seed=4)
  order = np.random.default_rng(0).permutation(400)[:250]
  names = [f'user {i}' for i in order]
  other = split_users(names, seed=4)
  for one, part in zip(whole, other, strict=True):
    found = {names[i] for i in part} & set(ids(300))
    assert found == {f'user {i}' for i in one} & set(names)


def test_test_users_do_not_depend_on_the_validation_share():
  np.testing.assert_array_equal(
    split_users(ids(300), seed=1, valid_frac=0.0).test,
    split_users(ids(300), seed=1, valid_frac=0.5).test,
  )


def test_who_stops_the_training_does_not_depend_on_who_is_tested():
  """Neither side leans to the other's."""
  few = split_users(ids(4000), seed=2, test_frac=0.0, valid_frac=0.5)
  many = split_users(ids(4000), seed=2, test_frac=0.5, valid_frac=0.5)
  both = len(np.intersect1d(few.valid, many.test))
  assert within(both, 4000, 0.25)


def test_every_user_is_tested_about_equally_often():
  counts = np.zeros(20)
  for seed in range(400):
    counts[split_users(ids(20), seed=seed).test] += 1
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
    split_users(ids(100), seed=0, **fracs)


@pytest.mark.parametrize(('count', 'fracs'), [(0, {}), (2, {'test_frac': 0.9})])
def test_nobody_left_to_train_on(count, fracs):
  with pytest.raises(ValueError, match=f'{count} users leave none to train on'):
    split_users(ids(count), seed=0, **fracs)


def folds_of(users, seed=0, fold_count=3, valid_frac=0.1):
  return make_folds(
    np.asarray(users),
    [f'user {i}' for i in users],
    seed=seed,
    fold_count=fold_count,
    valid_frac=valid_frac,
  )


@pytest.mark.parametrize('fold_count', [2, 3, 5])
@pytest.mark.parametrize('count', [60, 61, 3195])
def test_every_user_is_scored_once_and_each_fold_has_all_users(
  count, fold_count
):
  users = np.random.default_rng(5).permutation(3 * count)[:count]
  folds = folds_of(users, fold_count=fold_count)
  assert len(folds) == fold_count
  scored = np.concatenate([fold.test for fold in folds])
  np.testing.assert_array_equal(np.sort(scored), np.sort(users))
  for fold in folds:
    np.testing.assert_array_equal(np.sort(np.concatenate(fold)), np.sort(users))
    assert within(len(fold.test), count, 1 / fold_count)
    assert within(len(fold.valid), count - len(fold.test), 0.1)
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
