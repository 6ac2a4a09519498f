"""How sure a difference is: paired bootstrap over users.

Users are drawn with replacement, each with all of its rows: a user who is
tested in two splits counts once, twice. All methods are read from the same
draws, so what makes a user easy or hard falls out of their difference.
"""

from collections.abc import Iterator

import numpy as np

RESAMPLES = 10_000
_AT_ONCE = 1_000  # draws of all users
_TAILS = (2.5, 97.5)  # percentiles: 95 % lie between


def resampled_means(
  users: np.ndarray,
  values: np.ndarray,
  where: np.ndarray | None = None,
  *,
  resamples: int = RESAMPLES,
  seed: int = 0,
) -> np.ndarray:
  """Means over rows, in every draw of users.

  Args:
    users: [n] whose row it is: any numbers or text.
    values: [m, n] of m measures on the same rows.
    where: [m, n] bool, the rows that a measure has; None is all.
    resamples: how many draws.
    seed: of the draws.

  Returns:
    [m, resamples] float64; 0 in a draw of users without such a row.
  """
  _, unit = np.unique(users, return_inverse=True)
  count = int(unit.max()) + 1
  counted = np.ones((1, len(unit))) if where is None else where
  sums = _by_unit(unit, values if where is None else values * where, count)
  rows = _by_unit(unit, counted, count)
  found = []
  for drawn in _draws(count, resamples, seed):
    total = rows @ drawn
    found.append(sums @ drawn / np.where(total > 0, total, 1))
  return np.concatenate(found, axis=1)


def resampled_f(
  users: np.ndarray,
  precision: np.ndarray,
  recall: np.ndarray,
  *,
  resamples: int = RESAMPLES,
  seed: int = 0,
) -> np.ndarray:
  """F of the mean precision and the mean recall, in every draw of users.

  Args:
    users: [n] whose row it is: any numbers or text.
    precision: [m, n] of m methods on the same rows.
    recall: [m, n].
    resamples: how many draws.
    seed: of the draws.

  Returns:
    [m, resamples] float64.
  """
  both = np.concatenate([precision, recall])
  means = resampled_means(users, both, resamples=resamples, seed=seed)
  return f_score(*np.split(means, 2))


def f_score(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
  """`metrics.f_score` in float64, as differences of resampled F need it."""
  total = precision + recall
  return 2 * precision * recall / np.where(total > 0, total, 1)


def interval(values: np.ndarray) -> tuple[float, float]:
  """The middle 95 % of resampled values."""
  low, high = np.percentile(values, _TAILS)
  return float(low), float(high)


def _draws(count: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
  """[count, some] float64, how often each user comes in each of some draws."""
  rng = np.random.default_rng(seed)
  for start in range(0, resamples, _AT_ONCE):
    size = min(_AT_ONCE, resamples - start)
    chosen = rng.integers(count, size=(size, count))
    # As one count of (draw, user): five times as fast as a multinomial.
    chosen += np.arange(size)[:, None] * count
    times = np.bincount(chosen.ravel(), minlength=size * count)
    yield times.reshape(size, count).T.astype(np.float64)


def _by_unit(unit: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
  """[m, count] sums of the rows of each user."""
  return np.stack([np.bincount(unit, row, count) for row in values])
