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


def lists_of(table):
  """Per row a list of (time, item)."""
  return [
    list(
      zip(
        table.time[start:end].tolist(),
        table.item[start:end].tolist(),
        strict=True,
      )
    )
    for start, end in zip(table.offsets[:-1], table.offsets[1:], strict=True)
  ]


def check_rows(made, found, expected):
  """The rows, their types, and that the places are those of the events."""
  rows, index = found
  assert lists_of(rows) == expected
  assert rows.user_count == len(expected)
  assert [x.dtype for x in rows] == [np.int64, np.int32, np.int64]
  np.testing.assert_array_equal(made.item[index], rows.item)
  np.testing.assert_array_equal(made.time[index], rows.time)
  owner = np.repeat(np.arange(made.user_count), np.diff(made.offsets))
  return owner[index]


class TestRows:
  # Each user once and some again, at times within and beyond the events.
  def asked(self, seed):
    rng = np.random.default_rng(seed)
    users = np.concatenate([rng.permutation(17), [4, 4, 0, 16]])
    times = rng.integers(-45, 66, size=len(users))
    times[:3] = [-1000, 1000, 59]
    return users.astype(np.int32), times

  def made(self, seed):
    events = random_events(seed)
    return events, histories.watch_histories(watches_of(events), len(events))

  @pytest.mark.parametrize('seed', range(3))
  def test_rows_before_and_rows_from(self, seed):
    events, made = self.made(seed)
    users, times = self.asked(seed)
    pairs = list(zip(users.tolist(), times.tolist(), strict=True))
    before = [[e for e in events[u] if e[0] < time] for u, time in pairs]
    after = [[e for e in events[u] if e[0] >= time] for u, time in pairs]
    for rows, expected in (
      (histories.rows_before(made, users, times), before),
      (histories.rows_from(made, users, times), after),
    ):
      assert any(expected)
      owners = check_rows(made, rows, expected)
      counts = [len(row) for row in expected]
      np.testing.assert_array_equal(owners, np.repeat(users, counts))

  def test_an_event_at_the_very_second_comes_after(self):
    made = histories.watch_histories(
      watches_of([[(1, 7), (5, 8), (5, 9), (6, 3)], [(5, 4)]]), 2
    )
    users, times = np.array([0, 1, 0]), np.array([5, 5, 6])
    before, index = histories.rows_before(made, users, times)
    assert lists_of(before) == [[(1, 7)], [], [(1, 7), (5, 8), (5, 9)]]
    np.testing.assert_array_equal(index, [0, 0, 1, 2])
    after, index = histories.rows_from(made, users, times)
    assert lists_of(after) == [[(5, 8), (5, 9), (6, 3)], [(5, 4)], [(6, 3)]]
    np.testing.assert_array_equal(index, [1, 2, 3, 4, 3])

  @pytest.mark.parametrize(
    'rows', [[5, 1, 2], [4, 4, 0, 16, 4, 3], [], list(range(17))]
  )
  def test_take_rows(self, rows):
    events, made = self.made(1)
    found = histories.take_rows(made, np.array(rows, int))
    owners = check_rows(made, found, [events[row] for row in rows])
    counts = [len(events[row]) for row in rows]
    np.testing.assert_array_equal(owners, np.repeat(rows, counts))

  def test_taking_everything_changes_nothing(self):
    _, made = self.made(2)
    rows, index = histories.take_rows(made, np.arange(17))
    for one, other in zip(rows, made, strict=True):
      np.testing.assert_array_equal(one, other)
    np.testing.assert_array_equal(index, np.arange(len(made.item)))

  def test_nobody(self):
    _, made = self.made(0)
    nobody = np.zeros(0, np.int64)
    for rows in (histories.rows_before, histories.rows_from):
      found, index = rows(made, nobody, nobody)
      assert found.user_count == 0
      assert len(found.item) == len(found.time) == len(index) == 0

  def test_rows_are_copies(self):
    events, made = self.made(0)
    rows, _ = histories.take_rows(made, np.arange(17))
    rows.item[:] = -1
    rows.time[:] = -1
    assert lists_of(made) == events


@pytest.mark.parametrize('count', [0, 1, 4])
def test_no_events(count):
  rows = histories.no_events(count)
  assert rows.user_count == count
  assert lists_of(rows) == [[]] * count
  assert [x.dtype for x in rows] == [np.int64, np.int32, np.int64]
  users = np.arange(count)
  times = np.full(count, 2**40)
  np.testing.assert_array_equal(rows.count_before(users, times), [0] * count)
  before, _ = histories.rows_before(rows, users, times)
  assert lists_of(before) == [[]] * count


def test_within():
  row = np.array([0, 0, 0, 2, 3, 3])
  got = histories.within(row, np.array([3, 0, 1, 2, 0]))
  np.testing.assert_array_equal(got, [0, 1, 2, 0, 0, 1])
  nothing = np.zeros(0, int)
  assert histories.within(nothing, np.zeros(4, int)).shape == (0,)


def test_rows_one_after_the_other():
  one = histories.Histories(
    np.array([0, 2, 2]), np.array([5, 6], np.int32), np.array([1, 2])
  )
  two = histories.Histories(
    np.array([0, 0, 1]), np.array([7], np.int32), np.array([3])
  )
  both = histories.joined(one, two)
  assert lists_of(both) == [*lists_of(one), *lists_of(two)]
  assert lists_of(histories.joined(both, histories.no_events(1)))[4:] == [[]]
