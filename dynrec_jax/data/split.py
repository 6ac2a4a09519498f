"""Which users train, which stop the training, and which are tested.

Folds for cross-validation too: there every train user is scored once, by a
model without it.

Where a user stands follows from its id and the seed alone. In a log that has
grown everybody who was there is on the side where it was, so nobody is tested
whom an earlier model was trained on.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dynrec_jax.storage import digests


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
  user_ids: Sequence[str],
  *,
  seed: int,
  test_frac: float = 0.2,
  valid_frac: float = 0.1,
) -> UserSplit:
  """A random split by user.

  Paper: Sec 4.1, 80 % train, 20 % test, by user.
  Differs: each user is on the test side with chance 0.2, by itself; of U
  users 0.2 U are tested but for a standard deviation of 0.4 sqrt(U).

  Args:
    user_ids: [U] distinct ids; their order does not matter.
    seed: of the split; one seed is one split on every machine.
    test_frac: share of all users that is tested.
    valid_frac: share of the other users that is held out to stop training.

  Returns:
    The split, of positions in `user_ids`.

  Raises:
    ValueError: if a fraction is outside [0, 1) or no user is left to train on.
  """
  for name, frac in (('test_frac', test_frac), ('valid_frac', valid_frac)):
    if not 0 <= frac < 1:
      raise ValueError(f'{name} is {frac}; it must lie in [0, 1)')
  tested = digests.drawn_numbers(user_ids, seed, 'test') < test_frac
  stops = digests.drawn_numbers(user_ids, seed, 'valid') < valid_frac
  parts = (~tested & ~stops, ~tested & stops, tested)
  split = UserSplit(*(np.flatnonzero(of).astype(np.int32) for of in parts))
  if not len(split.train):
    raise ValueError(f'{len(user_ids)} users leave none to train on')
  return split


def make_folds(
  users: np.ndarray,
  user_ids: Sequence[str],
  *,
  seed: int,
  fold_count: int,
  valid_frac: float,
) -> list[UserSplit]:
  """Deals the users out, and gives one split per part.

  Paper: the weights of Eq (9) come from 3-fold cross-validation on the users
  who train.

  Args:
    users: [n] distinct positions: who may train or stop the training.
    user_ids: [n] their ids, from which their parts follow, see `split_users`.
    seed: one seed is one list of folds on every machine.
    fold_count: parts, of about as many users.
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
  order = np.argsort(users)
  everyone = np.asarray(users)[order].astype(np.int32)
  ids = [user_ids[place] for place in order]
  part = (digests.drawn_numbers(ids, seed, 'fold') * fold_count).astype(int)
  if len(np.unique(part)) < fold_count:
    raise ValueError(f'{len(users)} train users cannot make {fold_count} folds')
  folds = []
  for number in range(fold_count):
    stops = digests.drawn_numbers(ids, seed, 'fold valid', number) < valid_frac
    sides = (part != number) & ~stops, (part != number) & stops, part == number
    fold = UserSplit(*(everyone[of] for of in sides))
    others = len(everyone) - len(fold.test)
    if not len(fold.valid):
      raise ValueError(f'valid_frac of {others} users is nobody; raise it')
    if not len(fold.train):
      raise ValueError(f'{others} users leave none to train on')
    folds.append(fold)
  return folds
