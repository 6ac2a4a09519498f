"""The grids, their order, and the rule that chooses a point."""

import itertools

import pytest

from dynrec_jax.losses import LossWeights
from dynrec_jax.study.weight_search import point_count, ranked, search_points

PAPER_VALUES = [(0.2, 0.4, 0.6, 0.8)] * 3
PAPER = LossWeights(0.2, 0.4, 0.2)


def run(grid, values, start, mean_of):
  """The points that a search tries when `mean_of` says their mean F."""
  means = {}
  for point in search_points(grid, values, start, means):
    assert isinstance(point, LossWeights)
    assert point not in means
    means[point] = mean_of(point)
  assert len(means) == point_count(grid, values, start)
  return means


def test_full_is_the_papers_64_points():
  means = run('full', PAPER_VALUES, PAPER, lambda point: 0.0)
  fifths = itertools.product(range(1, 5), repeat=3)
  expected = {(a / 5, b / 5, c / 5) for a, b, c in fifths}
  assert len(means) == 64
  assert {tuple(round(x, 6) for x in p) for p in means} == expected


def test_full_takes_each_weight_from_its_own_values():
  values = [(0.1,), (0.3, 0.5), (0.0, 0.7, 0.9)]
  means = run('full', values, PAPER, lambda point: 0.0)
  assert list(means) == [
    (0.1, 0.3, 0.0),
    (0.1, 0.3, 0.7),
    (0.1, 0.3, 0.9),
    (0.1, 0.5, 0.0),
    (0.1, 0.5, 0.7),
    (0.1, 0.5, 0.9),
  ]


def test_coarse_goes_one_weight_at_a_time_from_the_best_so_far():
  """Best at 0.6, then stays at 0.4, then 0.8: by hand."""

  def mean_of(point):
    near = abs(point.semantic - 0.6) + abs(point.interest - 0.4)
    return 1 - near - abs(point.relevance - 0.8)

  means = run('coarse', PAPER_VALUES, PAPER, mean_of)
  assert list(means) == [
    (0.2, 0.4, 0.2),
    (0.4, 0.4, 0.2),
    (0.6, 0.4, 0.2),
    (0.8, 0.4, 0.2),
    (0.6, 0.2, 0.2),
    (0.6, 0.6, 0.2),
    (0.6, 0.8, 0.2),
    (0.6, 0.4, 0.4),
    (0.6, 0.4, 0.6),
    (0.6, 0.4, 0.8),
  ]
  assert ranked(means)[0] == (0.6, 0.4, 0.8)


def test_coarse_ends_at_the_best_point_that_it_saw():
  """The last line is through the best of all before it."""

  def mean_of(point):  # rugged: no order by any weight
    return sum(x * y for x, y in zip(point, (37, 59, 83), strict=True)) % 1

  means = run('coarse', PAPER_VALUES, PAPER, mean_of)
  before = dict(list(means.items())[:7])
  best = ranked(before)[0]
  for point in list(means)[7:]:
    assert point[:2] == best[:2]


def test_coarse_from_a_start_off_the_values_tries_it_first():
  values = [(0.2, 0.8), (0.4,), (0.0, 0.1, 0.2)]
  start = LossWeights(0.5, 0.4, 0.3)
  means = run('coarse', values, start, lambda point: -point.semantic)
  assert next(iter(means)) == start
  assert len(means) == 1 + 2 + 0 + 3
  assert ranked(means)[0] == (0.2, 0.4, 0.0)


def test_unknown_grid_is_an_error():
  with pytest.raises(ValueError, match=r"cv\.grid is 'fine'; valid are full"):
    next(search_points('fine', PAPER_VALUES, PAPER, {}))


def test_highest_mean_first():
  a, b, c = (LossWeights(x, 0.2, 0.2) for x in (0.8, 0.4, 0.6))
  assert ranked({b: 0.02, c: 0.01, a: 0.03}) == [a, b, c]


@pytest.mark.parametrize(
  ('smaller', 'larger'),
  [
    ((0.8, 0.2, 0.2), (0.2, 0.8, 0.4)),  # 1.2 < 1.4, though 0.8 > 0.2
    ((0.2, 0.8, 0.4), (0.4, 0.2, 0.8)),  # equal sums: the first that differs
    ((0.2, 0.2, 0.8), (0.2, 0.4, 0.6)),  # equal, but not in floating point
    ((0.4, 0.2, 0.4), (0.4, 0.4, 0.2)),
  ],
)
def test_ties_go_to_the_smaller_weights(smaller, larger):
  smaller, larger = LossWeights(*smaller), LossWeights(*larger)
  for order in ((smaller, larger), (larger, smaller)):
    assert ranked(dict.fromkeys(order, 0.1))[0] == smaller


def test_coarse_stays_at_a_start_that_nothing_beats():
  """Also where the start's own weights are not among the values."""
  values = [(0.2, 0.8), (0.6,), (0.1, 0.3)]
  start = LossWeights(0.5, 0.4, 0.2)
  means = run('coarse', values, start, lambda point: float(point == start))
  assert list(means) == [
    (0.5, 0.4, 0.2),
    (0.2, 0.4, 0.2),
    (0.8, 0.4, 0.2),
    (0.5, 0.6, 0.2),
    (0.5, 0.4, 0.1),
    (0.5, 0.4, 0.3),
  ]
