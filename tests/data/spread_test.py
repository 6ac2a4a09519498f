"""What the bulk of some times is, and how they lie in sessions."""

import numpy as np
import pytest

from dynrec_jax.data import sessions, spread

DAY = 86_400
YEAR = np.arange(0, 365, 3) * DAY + 10**9  # 122 times, three days apart
CLOCK = sessions.make_sessions(1000, 1000 + 8 * 100, 8)


@pytest.mark.parametrize(
  'strays',
  [[], [0], [4_102_444_800], [0, 4_102_444_800], [5, 5], [0, 9, 10**10]],
)
def test_strays_are_no_bulk(strays):
  times = np.random.default_rng(0).permutation([*YEAR, *strays])
  assert spread.bulk(times) == (YEAR[0], YEAR[-1])


def test_what_is_no_stray():
  """Many beyond a gap, events of a small log, and a gap that is not wide."""
  first = YEAR[0]
  many = np.concatenate([np.arange(4) + first - 10**8, YEAR])
  assert spread.bulk(many) == (first - 10**8, YEAR[-1])
  assert spread.bulk(np.array([first, first + 10**8])) == (first, first + 10**8)
  assert spread.bulk(np.array([7])) == (7, 7)
  near = YEAR[-1] + 120 * DAY  # of 483 days
  assert spread.bulk(np.append(YEAR, near)) == (first, near)
  far = YEAR[-1] + 123 * DAY  # of 486
  assert spread.bulk(np.append(YEAR, far)) == (first, YEAR[-1])


def test_of_many_events_one_in_a_hundred_may_stray():
  times = np.linspace(10**9, 2 * 10**9, 5000).astype(int)
  for count, kept in ((50, False), (51, True)):
    strays = np.arange(count)
    found = spread.bulk(np.concatenate([strays, times[count:]]))
    assert found[0] == (0 if kept else times[count])


def test_events_at_one_moment():
  assert spread.bulk(np.full(20, 5)) == (5, 5)
  assert spread.bulk(np.array([0, *[5] * 19])) == (5, 5)


def test_a_full_span():
  times = np.arange(1000, 1800, 10)
  found = spread.spread(times, CLOCK)
  assert found.counts.tolist() == [10] * 8
  assert not len(found.thin)
  assert found.gaps == []


def test_thin_sessions_hold_less_than_a_hundredth_of_their_share():
  """Of 8,000 events a session's share is 1,000: 9 are few, 10 are not."""
  times = np.repeat([1050, 1150, 1250, 1350, 1450, 1550, 1650, 1750], 1000)
  times[:2000] = 1250
  times[:9], times[1000:1010] = 1000, 1100
  found = spread.spread(times, CLOCK)
  assert found.counts[:2].tolist() == [9, 10]
  assert found.thin.tolist() == [1]


def test_gaps_of_more_than_a_quarter_of_the_span():
  """Its ends count: 200 of 800 is not more; an event on a border is in it."""
  times = np.array([1201, 1402, 1602])
  found = spread.spread(times, CLOCK)
  assert found.gaps == [(1000, 1201), (1201, 1402)]
  assert found.counts.tolist() == [0, 0, 1, 0, 1, 0, 1, 0]
  assert found.thin.tolist() == [1, 2, 4, 6, 8]
  assert spread.spread(np.array([1100, 1599]), CLOCK).gaps == [
    (1100, 1599),
    (1599, 1800),
  ]
