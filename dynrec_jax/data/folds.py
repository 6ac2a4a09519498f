"""Cross-validation: every train user is scored once, by a model without it."""

import numpy as np

from dynrec_jax.data.split import UserSplit

_DEAL, _HOLD_OUT = 1, 2  # purposes of random numbers


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
      raise ValueError(
        f'train.val_frac of {len(others)} users is nobody; raise it'
      )
    if not len(train):
      raise ValueError(f'{len(others)} users leave none to train on')
    folds.append(UserSplit(np.sort(train), np.sort(valid), np.sort(scored)))
  return folds
