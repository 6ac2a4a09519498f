"""Which users train, which stop the training, and which are tested.

Folds for cross-validation too: there every train user is scored once, by a
model without it.
"""

from typing import NamedTuple

import numpy as np

_DEAL, _HOLD_OUT = 1, 2  # purposes of random numbers of folds


class UserSplit(NamedTuple):
  """Sorted user positions; of a split by user, disjoint and together all.

  Attributes:
    train: [n] int32, users whose whole span may be learned from.
    valid: [n] int32, evaluated exactly as test users to stop training (A3).
    test: [n] int32, read after n_f by the metric alone.
  """

  train: np.ndarray
  valid: np.ndarray
  test: np.ndarray


def split_users(
  user_count: int, *, seed: int, test_frac: float = 0.2, valid_frac: float = 0.1
) -> UserSplit:
  """A random split by user.

  Paper: Sec 4.1, 80 % train, 20 % test, by user.

  Args:
    user_count: U.
    seed: of the split; one seed is one split on every machine.
    test_frac: share of all users that is tested.
    valid_frac: share of the other users that is held out to stop training.

  Returns:
    The split.

  Raises:
    ValueError: if a fraction is outside [0, 1) or no user is left to train on.
  """
  for name, frac in (('test_frac', test_frac), ('valid_frac', valid_frac)):
    if not 0 <= frac < 1:
      raise ValueError(f'{name} is {frac}; it must lie in [0, 1)')
  order = np.random.default_rng(seed).permutation(user_count).astype(np.int32)
  test_count = round(user_count * test_frac)
  valid_count = round((user_count - test_count) * valid_frac)
  test, valid, train = np.split(order, [test_count, test_count + valid_count])
  if not len(train):
    raise ValueError(f'{user_count} users leave none to train on')
  return UserSplit(np.sort(train), np.sort(valid), np.sort(test))


def make_folds(
  users: np.ndarray, *, seed: int, fold_count: int, valid_frac: float
) -> list[UserSplit]:
  """Deals the users out, and gives one split per part.

  Paper: the weights of Eq (9) come from 3-fold cross-validation on the users
  who train.

  Args:
    users: [n] distinct positions: who may train or stop the training.
    seed: one seed is one list of folds on every machine, for the same users.
    fold_count: parts; their sizes differ by one at most.
    valid_frac: share of a fold's other users that is held out to stop its
      training, so that the scored ones do not.

  Returns:
    Per part, a split of `users` alone, whose `test` is the part.

  Raises:
    ValueError: if a user is named twice, or if there are too few for a part,
      to stop training or to train on.
  """
  if len(np.unique(users)) != len(users):
    raise ValueError('users to make folds of are named twice')
  if len(users) < fold_count:
    raise ValueError(f'{len(users)} train users cannot make {fold_count} folds')
  everyone = np.sort(users).astype(np.int32)
  dealt = np.random.default_rng((seed, _DEAL)).permutation(everyone)
  folds = []
  for number, scored in enumerate(np.array_split(dealt, fold_count)):
    rng = np.random.default_rng((seed, _HOLD_OUT, number))
    others = rng.permutation(np.setdiff1d(everyone, scored))
    valid, train = np.split(others, [round(len(others) * valid_frac)])
    if not len(valid):
      raise ValueError(f'valid_frac of {len(others)} users is nobody; raise it')
    if not len(train):
      raise ValueError(f'{len(others)} users leave none to train on')
    folds.append(UserSplit(np.sort(train), np.sort(valid), np.sort(scored)))
  return folds
