"""Eq (2) of many (user, time) pairs against a float64 loop."""

import numpy as np
import pytest
import small_world

from dynrec_jax import interest
from dynrec_jax.data import interests, sessions

WORLD = small_world.make_world()
BORDERS = WORLD.sessions.borders
# Every user at every border, in no order; user 7's events lie on borders.
PAIRS = np.random.default_rng(5).permutation(
  [(user, border) for user in range(25) for border in BORDERS]
)
USERS, TIMES = PAIRS[:, 0].astype(np.int32), PAIRS[:, 1]


def library(behaviours, topics, users=USERS, times=TIMES, **changed):
  settings = {
    'decay': small_world.DECAY,
    'unit_secs': small_world.UNIT_SECS,
    'norm': 'sum_weights',
  } | changed
  return interests.user_interests(behaviours, topics, users, times, **settings)


@pytest.mark.parametrize('norm', interest.NORMS)
@pytest.mark.parametrize('unit', sessions.TIME_UNITS)
@pytest.mark.parametrize('behaviours', ['watches', 'behaviours'])
def test_against_a_loop(norm, unit, behaviours):
  unit_secs = sessions.unit_secs(unit, WORLD.sessions)
  got = library(
    getattr(WORLD, behaviours),
    WORLD.topics,
    decay=0.1,
    unit_secs=unit_secs,
    norm=norm,
  )
  events = WORLD.events if behaviours == 'watches' else WORLD.tweets
  expected = [
    small_world.expected_interest(
      events[user], WORLD.topics, time, 0.1, unit_secs, norm
    )
    for user, time in zip(USERS, TIMES, strict=True)
  ]
  assert got.dtype == np.float32
  np.testing.assert_allclose(got, expected, rtol=2e-5, atol=1e-7)


FAR = np.array([-(10**9), 0, 10**12])  # before 1970, then, and in 33,658


@pytest.mark.parametrize('norm', ['sum_weights', 'l2'])
def test_how_long_ago_it_was_cancels(norm):
  """A weight of e^-5787 is 0 in float64; two days apart they are apart."""
  day, topics = 86_400, np.eye(2, dtype=np.float32)
  behaviours = small_world.table([[(0, 0), (2 * day, 1)]] * 4)
  got = library(
    behaviours,
    topics,
    np.arange(4),
    np.array([2 * day + 1, 30 * day, 10**9, 10**12]),
    decay=0.5,
    unit_secs=day,
    norm=norm,
  )
  want = np.exp([-1.0, 0.0])
  want /= {'sum_weights': want.sum(), 'l2': np.linalg.norm(want)}[norm]
  np.testing.assert_allclose(got, [want] * 4, rtol=1e-6)


def test_counted_behaviours_fade_to_0():
  behaviours = small_world.table([[(0, 0)]])
  user, topics = np.array([0, 0]), np.eye(2, dtype=np.float32)
  times = np.array([1, 10**12])
  got = library(
    behaviours, topics, user, times, decay=1, unit_secs=1e4, norm='count'
  )
  np.testing.assert_allclose(got, [[np.exp(-1e-4), 0], [0, 0]], rtol=1e-6)


@pytest.mark.parametrize('norm', interest.NORMS)
def test_the_newest_is_the_newest_that_says_anything(norm):
  """A far later event without a topic drowns nothing and overflows nothing."""
  topics = np.array([[1, 0], [0, 1], [0, 0]], np.float32)
  events = [(0, 0), (5, 1), (10**12, 2)]
  both = small_world.table([events, events[:2]])
  time = np.full(2, 10**12 + 1)
  got = library(
    both, topics, np.array([0, 1]), time, decay=1.0, unit_secs=5.0, norm=norm
  )
  np.testing.assert_array_equal(got[0], got[1])
  assert np.isfinite(got).all()
  assert got.any() == (norm != 'count')


@pytest.mark.parametrize('norm', interest.NORMS)
def test_alone_and_in_company(norm, monkeypatch):
  """To the last bit: beside far-off times, and in other blocks."""
  events = [*WORLD.tweets, *[[(int(t), 3)] for t in FAR]]
  behaviours = small_world.table(events)
  users = np.arange(len(events))
  times = np.where(users < 25, BORDERS[9], FAR.max() + 1)
  together = library(behaviours, WORLD.topics, users, times, norm=norm)
  monkeypatch.setattr(interests, '_BLOCK_EVENTS', 7)
  for user in users:
    own = small_world.table([events[user]])
    at = np.array([0]), times[[user]]
    alone = library(own, WORLD.topics, *at, norm=norm)
    np.testing.assert_array_equal(alone[0], together[user])


def test_by_hand():
  behaviours = small_world.table([[(0, 0), (100, 1), (200, 2)], []])
  topics = np.array([[1, 0], [0, 1], [1, 1]], np.float32)
  got = library(
    behaviours,
    topics,
    np.array([0, 0, 1]),
    np.array([200, 201, 500]),
    decay=np.log(2) / 10,
    unit_secs=10,
  )
  # At 200 the ages are 20 and 10 units: weights 1/4 and 1/2. The event at 200
  # itself belongs to the next session.
  np.testing.assert_allclose(got[0], [1 / 3, 2 / 3], rtol=1e-5)
  assert (got[1] > 0.3).all()
  np.testing.assert_array_equal(got[2], 0)


def test_a_behaviour_without_topics_is_left_out_of_every_norm():
  topics = np.array([[0.2, 0.8], [0, 0]], np.float32)
  with_blank = small_world.table([[(0, 0), (5, 1), (9, 1)]])
  without = small_world.table([[(0, 0)]])
  for norm in interest.NORMS:
    a, b = (
      library(x, topics, np.array([0]), np.array([50]), norm=norm)
      for x in (with_blank, without)
    )
    np.testing.assert_array_equal(a, b)
  only_blank = small_world.table([[(0, 1), (3, 1)]])
  got = library(only_blank, topics, np.array([0]), np.array([50]))
  np.testing.assert_array_equal(got, [[0, 0]])


def test_later_behaviours_are_unread():
  cut = int(BORDERS[6])
  rng = np.random.default_rng(2)
  edited = small_world.table(
    [
      [pair for pair in row if pair[0] < cut]
      + [(cut + int(t), int(rng.integers(41))) for t in range(user % 3)]
      for user, row in enumerate(WORLD.events)
    ]
  )
  before = cut >= TIMES
  one = library(WORLD.watches, WORLD.topics)
  two = library(edited, WORLD.topics)
  np.testing.assert_array_equal(one[before], two[before])
  assert (one[~before] != two[~before]).any()


@pytest.mark.parametrize('block_floats', [1, 50, 500])
def test_blocks_do_not_matter(monkeypatch, block_floats):
  whole = library(WORLD.watches, WORLD.topics)
  monkeypatch.setattr(interests, '_BLOCK_EVENTS', block_floats)
  np.testing.assert_allclose(
    library(WORLD.watches, WORLD.topics), whole, rtol=1e-5
  )


def test_nobody_and_nothing():
  nothing = np.zeros(0, np.int64)
  assert library(WORLD.watches, WORLD.topics, nothing, nothing).shape == (0, 6)
  empty = small_world.table([[], []])
  got = library(empty, WORLD.topics, np.array([1, 0]), np.array([5, 6]))
  np.testing.assert_array_equal(got, np.zeros((2, 6)))


def test_unknown_norm():
  with pytest.raises(ValueError, match="'mean'"):
    library(WORLD.watches, WORLD.topics, norm='mean')
