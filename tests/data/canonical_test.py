"""One order of rows, which follows from what they say, not where they lay."""

import itertools

import numpy as np
import pytest

from dynrec_jax.data import canonical, records
from dynrec_jax.data.records import Tweets, Watches


def objects(*values):
  return records.object_array(values)


def watches(rows):
  user, video, time = np.array(rows, np.int64).reshape(-1, 3).T
  return Watches(user.astype(np.int32), video.astype(np.int32), time)


def tweets(rows):
  user, time, text, topics = zip(*rows, strict=True)
  return Tweets(
    np.array(user, np.int32),
    np.array(time, np.int64),
    objects(*text),
    np.array(topics, np.float32),
  )


def as_rows(table):
  return list(zip(*(column.tolist() for column in table), strict=True))


def test_ids_come_by_length_and_then_by_letter():
  ids = objects('v10', 'é', 'v9', 'b', '', '🙂', 'v1', '07', '7')
  order = canonical.id_order(ids)
  assert ids[order].tolist() == [
    '',
    '7',
    'b',
    'é',
    '🙂',
    '07',
    'v1',
    'v9',
    'v10',
  ]
  assert canonical.id_order(objects()).tolist() == []


def test_events_go_with_their_users():
  ids = objects('cem', 'bo', 'ann')
  rows = [(0, 5, 1), (2, 6, 3), (1, 7, 2), (0, 8, 0)]
  said = tweets([(2, 9, 'of ann', (1.0,)), (1, 9, 'of bo', (2.0,))])
  found, moved, told = canonical.by_user(ids, watches(rows), said)
  assert found.tolist() == ['bo', 'ann', 'cem']
  assert moved.user.tolist() == [2, 1, 0, 2]
  assert moved.video.tolist() == [5, 6, 7, 8]
  assert [found[user] for user in told.user] == ['ann', 'bo']
  assert moved.user.dtype == np.int32


@pytest.mark.parametrize('seed', range(3))
def test_rows_in_any_order_are_the_same_watches(seed):
  """Many at one time, some twice."""
  rng = np.random.default_rng(seed)
  ids = objects(*(f'v{i}' for i in range(12)))
  rows = rng.integers(0, (5, 12, 3), size=(80, 3))
  found = [
    canonical.watches_in_order(watches(rng.permutation(rows)), ids)
    for _ in range(3)
  ]
  for other in found[1:]:
    assert as_rows(other) == as_rows(found[0])
  assert sorted(as_rows(found[0])) == sorted(map(tuple, rows.tolist()))
  pairs = list(zip(found[0].user, found[0].time, strict=True))
  assert pairs == sorted(pairs)


def test_equal_times_follow_neither_ids_nor_the_user():
  """Nobody learns from a clock of days that the next video's id is higher."""
  ids = objects(*(f'v{i:02d}' for i in range(30)))
  rows = [
    (user, video, day)
    for user, day, video in itertools.product(range(2), range(40), range(30))
  ]
  found = canonical.watches_in_order(watches(rows), ids)
  by_day = found.video.reshape(2, 40, 30)
  np.testing.assert_array_equal(by_day[0], by_day[1])
  assert len({tuple(day) for day in by_day[0].tolist()}) == 40
  rises = (np.diff(by_day[0], axis=1) > 0).mean()
  assert abs(rises - 0.5) < 0.05  # 1,160 steps: 3.4 standard deviations


def test_equal_times_follow_from_ids_and_not_from_positions():
  one = canonical.watches_in_order(
    watches([(0, v, 7) for v in range(9)]),
    objects(*(f'v{i}' for i in range(9))),
  )
  # The same videos, and another before them.
  two = canonical.watches_in_order(
    watches([(4, v + 1, 7) for v in range(9)]),
    objects('first', *(f'v{i}' for i in range(9))),
  )
  np.testing.assert_array_equal(two.video, one.video + 1)


def test_tweets_of_one_moment_come_by_what_they_say():
  rows = [
    (1, 5, 'b', (1.0, 0.0)),
    (1, 5, 'a', (0.0, 2.0)),
    (1, 5, 'a', (0.0, 1.0)),
    (0, 5, 'z', (1.0, 0.0)),
    (1, 4, 'z', (3.0, 0.0)),
  ]
  found = [
    as_rows(canonical.tweets_in_order(tweets(mixed)))
    for mixed in itertools.permutations(rows)
  ]
  assert all(other == found[0] for other in found)
  assert [(u, t, text) for u, t, text, _ in found[0]] == [
    (0, 5, 'z'),
    (1, 4, 'z'),
    (1, 5, 'a'),
    (1, 5, 'a'),
    (1, 5, 'b'),
  ]


def test_nothing_and_one_row_are_in_order():
  none = records.no_tweets()
  assert as_rows(canonical.tweets_in_order(none)) == []
  one = tweets([(3, 1, 'a', (1.0,))])
  assert as_rows(canonical.tweets_in_order(one)) == as_rows(one)
  ids = objects('v')
  assert as_rows(canonical.watches_in_order(watches([]), ids)) == []
