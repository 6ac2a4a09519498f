"""Compressed rows of events against loops over lists."""

import numpy as np
import pytest

from dynrec_jax.data import histories
from dynrec_jax.data.records import Watches, object_array, text_tweets


def random_events(seed, user_count=17, low=-40, high=60):
  """Per user a list of (time, item) in time order; some users have none."""
  rng = np.random.default_rng(seed)
  events = []
  for user in range(user_count):
    count = 0 if user % 5 in (0, 3) else int(rng.integers(1, 12))
    times = np.sort(rng.integers(low, high, size=count))
    items = rng.integers(100, size=count)
    events.append(list(zip(times.tolist(), items.tolist(), strict=True)))
  return events


def watches_of(events) -> Watches:
  rows = [(u, i, t) for u, row in enumerate(events) for t, i in row]
  user, video, time = np.array(rows, np.int64).reshape(-1, 3).T
  return Watches(user.astype(np.int32), video.astype(np.int32), time)


class TestWatchHistories:
  def test_holds_each_users_items_in_order(self):
    events = random_events(0)
    made = histories.watch_histories(watches_of(events), len(events))
    assert made.user_count == len(events)
    assert (made.offsets.dtype, made.item.dtype, made.time.dtype) == (
      np.int64,
      np.int32,
      np.int64,
    )
    for user, row in enumerate(events):
      np.testing.assert_array_equal(made.items_of(user), [i for _, i in row])
      own = slice(made.offsets[user], made.offsets[user + 1])
      np.testing.assert_array_equal(made.time[own], [t for t, _ in row])

  def test_equal_times_keep_their_order(self):
    made = histories.watch_histories(watches_of([[(5, 9), (5, 2), (5, 7)]]), 1)
    np.testing.assert_array_equal(made.items_of(0), [9, 2, 7])

  def test_no_event_and_no_user(self):
    made = histories.watch_histories(watches_of([]), 3)
    np.testing.assert_array_equal(made.offsets, [0, 0, 0, 0])
    assert histories.watch_histories(watches_of([]), 0).user_count == 0

  @pytest.mark.parametrize(
    ('user', 'time'), [([1, 0], [1, 2]), ([0, 0], [2, 1])]
  )
  def test_other_orders_are_refused(self, user, time):
    watches = Watches(
      np.array(user, np.int32), np.zeros(2, np.int32), np.array(time)
    )
    with pytest.raises(ValueError, match=r'order of \(user, time\)'):
      histories.watch_histories(watches, 2)


def test_tweet_histories_point_at_topic_rows():
  tweets = text_tweets(
    np.array([0, 2, 2], np.int32),
    np.array([7, -3, 4]),
    object_array(['a', 'b', 'c']),
  )
  made = histories.tweet_histories(tweets, np.array([5, 1, 8]), 3)
  np.testing.assert_array_equal(made.items_of(0), [5])
  np.testing.assert_array_equal(made.items_of(1), [])
  np.testing.assert_array_equal(made.items_of(2), [1, 8])
  np.testing.assert_array_equal(made.time, [7, -3, 4])


class TestCountBefore:
  @pytest.mark.parametrize('seed', range(3))
  def test_against_a_loop(self, seed):
    events = random_events(seed)
    made = histories.watch_histories(watches_of(events), len(events))
    # Every user at every time, also beyond the first and the last event.
    times = np.arange(-45, 66)
    users = np.repeat(np.arange(len(events), dtype=np.int32), len(times))
    times = np.tile(times, len(events))
    order = np.random.default_rng(seed).permutation(len(users))
    got = made.count_before(users[order], times[order])
    expected = [
      sum(t < time for t, _ in events[user])
      for user, time in zip(users[order], times[order], strict=True)
    ]
    np.testing.assert_array_equal(got, expected)

  def test_far_away_times(self):
    events = [[(0, 1), (10, 2)], [], [(3, 4)]]
    made = histories.watch_histories(watches_of(events), 3)
    users = np.array([0, 1, 2, 0, 1, 2], np.int32)
    far = 95_000_000_000  # the year 4980 and its mirror
    times = np.array([far] * 3 + [-far] * 3)
    np.testing.assert_array_equal(
      made.count_before(users, times), [2, 0, 1, 0, 0, 0]
    )

  def test_no_event_or_no_question(self):
    empty = histories.watch_histories(watches_of([]), 2)
    got = empty.count_before(np.array([1, 0]), np.array([5, -5]))
    np.testing.assert_array_equal(got, [0, 0])
    full = histories.watch_histories(watches_of([[(0, 1)]]), 1)
    nothing = np.zeros(0, np.int64)
    assert full.count_before(nothing, nothing).shape == (0,)
    assert empty.count_before(nothing, nothing).shape == (0,)


class TestRaggedIndices:
  def test_against_a_loop(self):
    starts, counts = np.array([7, 0, 4, 4, 20]), np.array([2, 0, 3, 1, 0])
    row, index = histories.ragged_indices(starts, counts)
    np.testing.assert_array_equal(row, [0, 0, 2, 2, 2, 3])
    np.testing.assert_array_equal(index, [7, 8, 4, 5, 6, 4])

  def test_nothing(self):
    row, index = histories.ragged_indices(np.zeros(0, int), np.zeros(0, int))
    assert row.shape == index.shape == (0,)
