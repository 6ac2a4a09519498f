"""All users of all splits as one sample, the same for every method."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dynrec_jax.report.user_lists import UserLists


class Pooled(NamedTuple):
  """Users with a ground truth, split after split; others do not count (A25).

  A user who is tested in two splits has two rows.

  Attributes:
    users: [n] the users' own ids.
    split: [n] number of the split.
    truth: [n] different videos that were watched later, above 0.
    precision: [m, n] of m methods.
    recall: [m, n].
  """

  users: np.ndarray
  split: np.ndarray
  truth: np.ndarray
  precision: np.ndarray
  recall: np.ndarray


def pool(rows: Sequence[Sequence[UserLists]], k: int) -> Pooled:
  """The lists of some methods in one mode as one sample.

  Args:
    rows: per method its lists in each split, of the same users in the same
      order.
    k: length of the lists.

  Raises:
    ValueError: methods of other users or another truth, or nobody with one.
  """
  _check_users(rows)
  counted = [split.truth > 0 for split in rows[0]]
  where = np.concatenate(counted)
  if not where.any():
    raise ValueError('no user has a ground truth; right: one or more')
  hits = np.stack(
    [np.concatenate([s.hits for s in row])[where] for row in rows]
  )
  truth = np.concatenate([split.truth for split in rows[0]])[where]
  users = [user for split in rows[0] for user in split.users]
  sizes = [int(split.sum()) for split in counted]
  return Pooled(
    np.array(users)[where],
    np.repeat(np.arange(len(sizes)), sizes),
    truth,
    hits / k,
    hits / truth,
  )


def means_by_split(sample: Pooled) -> tuple[np.ndarray, np.ndarray]:
  """Mean precision and mean recall of each split, both [m, splits]."""
  numbers = np.unique(sample.split)
  return tuple(
    np.stack([of[:, sample.split == n].mean(axis=1) for n in numbers], axis=1)
    for of in (sample.precision, sample.recall)
  )


def _check_users(rows: Sequence[Sequence[UserLists]]) -> None:
  """Raises unless all rows are of the same users and the same truth."""
  for row in rows[1:]:
    if len(row) != len(rows[0]):
      raise ValueError(
        f'{len(row)} splits beside {len(rows[0])}; right: as many'
      )
    for number, (one, other) in enumerate(zip(rows[0], row, strict=True)):
      if one.users != other.users:
        raise ValueError(f'split {number} is of other users; right: the same')
      if not np.array_equal(one.truth, other.truth):
        raise ValueError(
          f'split {number} was scored on another truth; right: the same'
        )
