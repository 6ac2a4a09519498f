"""How sure a difference is: paired bootstrap over users.

Users are drawn with replacement, each with all of its rows: a user who is
tested in two splits counts once, twice. All methods are read from the same
draws, so what makes a user easy or hard falls out of their difference.
"""

import numpy as np

RESAMPLES = 10_000
_AT_ONCE = 1_000  # draws of all users
_TAILS = (2.5, 97.5)  # percentiles: 95 % lie between


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
  _, unit = np.unique(users, return_inverse=True)
  count = int(unit.max()) + 1
  sums = [_by_unit(unit, values, count) for values in (precision, recall)]
  rows = np.bincount(unit, minlength=count)
  rng = np.random.default_rng(seed)
  found = []
  for start in range(0, resamples, _AT_ONCE):
    size = min(_AT_ONCE, resamples - start)
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=size)
    total = drawn @ rows
    p, r = (of @ drawn.T.astype(np.float64) / total for of in sums)
    found.append(f_score(p, r))
  return np.concatenate(found, axis=1)


def f_score(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
  """`metrics.f_score` in float64, as differences of resampled F need it."""
  total = precision + recall
  return 2 * precision * recall / np.where(total > 0, total, 1)


def interval(values: np.ndarray) -> tuple[float, float]:
  """The middle 95 % of resampled values."""
  low, high = np.percentile(values, _TAILS)
  return float(low), float(high)


def _by_unit(unit: np.ndarray, values: np.ndarray, count: int) -> np.ndarray:
  """[m, count] sums of the rows of each user."""
  return np.stack([np.bincount(unit, row, count) for row in values])
