"""Which weights of Eq (9) to try, in which order, and which to choose.

Paper: lambda_1 to lambda_3 of Eq (9) come from {0.2, 0.4, 0.6, 0.8}^3, by
cross-validation. Those 64 points are the grid 'full'.

The grid 'coarse' is a coordinate search: from a start (the paper's choice,
unless the config says otherwise) it tries all values of the first weight,
moves to the best, then all of the second, then of the third. With 4 values
that is 10 points instead of 64. Of the cheap designs it is the one that still
tries every value of every weight; the corners {0.2, 0.8}^3 and the start, 9
points, would tell which weights act together, but know no value in between.
What it cannot find is a pair of weights that only helps when both change.
"""

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence

from dynrec_jax.losses import LossWeights

GRIDS = ('full', 'coarse')
Values = Sequence[Sequence[float]]


def search_points(
  grid: str, values: Values, start: LossWeights, means: Mapping
) -> Iterator[LossWeights]:
  """The points to try, one after the other, none twice.

  Args:
    grid: 'full' or 'coarse'.
    values: for each weight, the values to try.
    start: where 'coarse' begins.
    means: point -> mean F of the points given so far. Read while the caller
      adds to it: a point's mean must be there when the next is asked for.

  Raises:
    ValueError: for an unknown grid.
  """
  if grid not in GRIDS:
    raise ValueError(f'cv.grid is {grid!r}; valid are {", ".join(GRIDS)}')
  if grid == 'coarse':
    yield from _by_coordinate(values, start, means)
    return
  for point in itertools.product(*values):
    yield LossWeights(*point)


def point_count(grid: str, values: Values, start: LossWeights) -> int:
  """How many points `search_points` gives."""
  if grid == 'full':
    return math.prod(len(v) for v in values)
  fresh = (len(v) - (s in v) for v, s in zip(values, start, strict=True))
  return 1 + sum(fresh)


def ranked(means: Mapping[LossWeights, float]) -> list[LossWeights]:
  """The points, highest mean F first, of equals the smaller weights.

  Smaller is the sum of the weights; of equal sums, the first weight that
  differs.
  """
  # The sum as a person adds it: 0.2 + 0.6 is 0.4 + 0.4.
  return sorted(means, key=lambda p: (-means[p], round(math.fsum(p), 9), p))


def _by_coordinate(
  values: Values, start: LossWeights, means: Mapping
) -> Iterator[LossWeights]:
  """One weight after the other, each from the best point so far."""
  yield start
  best = start
  for name, choices in zip(LossWeights._fields, values, strict=True):
    line = [best._replace(**{name: value}) for value in choices]
    yield from (point for point in line if point != best)
    best = ranked({point: means[point] for point in (best, *line)})[0]
