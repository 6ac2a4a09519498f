"""An order that is computed: every number once, and at random."""

import collections

import numpy as np
import pytest

from dynrec_jax.data.shuffled import Shuffled


def order(count, seed=0):
  return Shuffled(count, np.random.default_rng(seed))


@pytest.mark.parametrize('count', [1, 2, 3, 64, 65, 1000, 4097])
def test_every_number_once(count):
  numbers = order(count)
  assert len(numbers) == count
  whole = numbers[0:count]
  assert whole.dtype == np.int64
  np.testing.assert_array_equal(np.sort(whole), np.arange(count))
  # Any share of it is the same, and past the end there is nothing.
  np.testing.assert_array_equal(
    numbers[count // 3 : count + 9], whole[count // 3 :]
  )


def test_orders_differ_by_their_keys_alone():
  np.testing.assert_array_equal(order(500, 3)[0:500], order(500, 3)[0:500])
  assert np.mean(order(500, 3)[0:500] == order(500, 4)[0:500]) < 0.02


def test_all_orders_of_four_are_as_likely():
  """Chi-square over 24 orders, 23 degrees: 49.7 has a chance of 0.001."""
  draws = 4800
  seen = collections.Counter(
    tuple(order(4, seed)[0:4].tolist()) for seed in range(draws)
  )
  assert len(seen) == 24
  assert sum((n - 200) ** 2 / 200 for n in seen.values()) < 49.7


def test_neighbours_are_far_apart():
  """As of a random order: a third of the length, and no direction."""
  count = 30_000
  numbers = order(count)[0:count]
  steps = np.diff(numbers)
  assert abs(np.mean(np.abs(steps)) / count - 1 / 3) < 0.01
  assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.03
  assert abs(np.corrcoef(numbers, np.arange(count))[0, 1]) < 0.03


def test_a_number_beyond_memory():
  numbers = order(10**15)
  few = numbers[10**14 : 10**14 + 5]
  assert len(set(few.tolist())) == 5
  assert (few < 10**15).all()
