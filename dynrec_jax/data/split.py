"""Which users train, which stop the training, and which are tested."""

from typing import NamedTuple

import numpy as np


class UserSplit(NamedTuple):
  """Disjoint, sorted user positions that together are all users.

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
  for name, frac in (('test_frac', test_frac), ('val_frac', valid_frac)):
    if not 0 <= frac < 1:
      raise ValueError(f'{name} is {frac}; it must lie in [0, 1)')
  order = np.random.default_rng(seed).permutation(user_count).astype(np.int32)
  test_count = round(user_count * test_frac)
  valid_count = round((user_count - test_count) * valid_frac)
  test, valid, train = np.split(order, [test_count, test_count + valid_count])
  if not len(train):
    raise ValueError(f'{user_count} users leave none to train on')
  return UserSplit(np.sort(train), np.sort(valid), np.sort(test))
