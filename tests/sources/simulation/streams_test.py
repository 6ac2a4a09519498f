"""The shared draws of the simulation, against plain loops and known laws."""

import statistics

import numpy as np
import pytest

from dynrec_jax.sources.simulation import streams


def test_streams_depend_on_seed_and_name_alone():
  first = streams.stream(3, 'a').random(4)
  np.testing.assert_array_equal(first, streams.stream(3, 'a').random(4))
  for other in (streams.stream(4, 'a'), streams.stream(3, 'b')):
    assert not np.array_equal(first, other.random(4))
  # Pinned: a change of it changes every world that anyone has reported on.
  words = np.random.default_rng([3, 0xE8B7BE43])  # CRC-32 of 'a'
  np.testing.assert_array_equal(first, words.random(4))


@pytest.mark.parametrize('columns', [1, 5, 128, 131, 300])
def test_pick_weighted_equals_a_loop(columns):
  rng = np.random.default_rng(columns)
  weights = rng.random((40, columns)).astype(np.float32)
  weights[rng.random(weights.shape) < 0.4] = 0
  weights[7] = 0
  draws = rng.random(40)
  got = streams.pick_weighted(weights, draws)
  for row in range(40):
    total = float(weights[row].astype(np.float64).sum())
    if total == 0:
      assert got[row] == -1
      continue
    target, expected = draws[row] * total, 0
    running = 0.0
    for column in range(columns):
      running += float(weights[row, column])
      if running > target:
        expected = column
        break
    assert got[row] == expected
    assert weights[row, got[row]] > 0


def test_pick_weighted_frequencies():
  weights = np.tile(np.float32([1, 0, 3, 6]), (20_000, 1))
  draws = np.random.default_rng(0).random(20_000)
  share = np.bincount(streams.pick_weighted(weights, draws, block=3)) / 20_000
  np.testing.assert_allclose(share, [0.1, 0, 0.3, 0.6], atol=0.015)


def test_pick_weighted_never_takes_a_zero_at_the_edges():
  weights = np.float32([[0, 2, 0, 1, 0]])
  for draw, column in ((0.0, 1), (1 - 1e-16, 3)):
    assert streams.pick_weighted(weights, np.array([draw]))[0] == column


def test_stratified_normal_has_one_draw_in_every_part():
  draws = streams.stratified_normal(np.random.default_rng(1), 1000)
  normal = statistics.NormalDist()
  parts = sorted(int(normal.cdf(x) * 1000) for x in draws)
  assert np.abs(np.array(parts) - np.arange(1000)).max() <= 1
  assert not np.array_equal(draws, np.sort(draws))


def test_inverse_cdf():
  cumulative = np.array([[0.2, 0.5, 1.0], [0.0, 0.9, 0.999]])
  draws = np.array([0.3, 0.9999])
  np.testing.assert_array_equal(streams.inverse_cdf(cumulative, draws), [1, 2])
