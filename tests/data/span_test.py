"""What lies inside a span and what outside, on tables written by hand."""

import numpy as np

from dynrec_jax.data import filters, records, span
from dynrec_jax.data.records import Tweets, Videos, Watches

START, END = 100, 200


def watches(rows):
  user, video, time = np.array(rows, np.int64).reshape(-1, 3).T
  return Watches(user.astype(np.int32), video.astype(np.int32), time)


def rows_of(table):
  return list(zip(*(column.tolist() for column in table[:3]), strict=True))


def source():
  """Three users, four videos; each event's time says where it lies."""
  ids = records.object_array(['a', 'b', 'c', 'd'])
  nothing = np.zeros(4, bool)
  catalogue = Videos(
    ids, *[ids] * 4, np.zeros(4), np.zeros(4), np.zeros((4, 0)), nothing
  )
  return records.Records(
    records.object_array(['x', 'y', 'z']),
    watches(
      [
        *((0, 0, 99), (0, 1, 100), (0, 2, 199), (0, 3, 200)),
        *((1, 0, 50), (1, 3, 260)),
        *((2, 1, 120), (2, 2, 130), (2, 1, 240)),
      ]
    ),
    catalogue,
    Tweets(
      np.array([0, 1, 2, 2], np.int32),
      np.array([200, 150, 90, 199]),
      records.object_array(['late', 'in', 'early', 'also in']),
      np.arange(8, dtype=np.float32).reshape(4, 2),
    ),
    records.object_array([''] * 3),
  )


def test_inside_begins_with_the_start_and_ends_before_the_end():
  found = span.inside(source(), START, END)
  assert rows_of(found.watches) == [
    *((0, 1, 100), (0, 2, 199)),
    *((2, 1, 120), (2, 2, 130)),
  ]
  assert found.tweets.text.tolist() == ['in', 'also in']
  np.testing.assert_array_equal(found.tweets.topics, [[2, 3], [6, 7]])
  assert found.user_ids.tolist() == ['x', 'y', 'z']


def test_outside_is_of_those_whom_the_study_keeps():
  """User y and the videos a and d have nothing inside: they are not in it."""
  whole = source()
  within = span.inside(whole, START, END)
  studied = filters.compact(within, within.watches)
  assert studied.user_ids.tolist() == ['x', 'z']
  found = span.outside(whole, studied, START, END)
  assert rows_of(found.watches) == [(1, 0, 240)]  # z watched b once more
  assert found.tweets.text.tolist() == ['late', 'early']
  assert found.tweets.user.tolist() == [0, 1]
  np.testing.assert_array_equal(found.tweets.topics, [[0, 1], [4, 5]])


def test_outside_of_all_of_them():
  whole = source()
  studied = span.inside(whole, START, END)
  found = span.outside(whole, studied, START, END)
  outside = [(0, 0, 99), (0, 3, 200), (1, 0, 50), (1, 3, 260), (2, 1, 240)]
  assert rows_of(found.watches) == outside


def test_both_together_are_first_watches_in_order():
  whole = source()
  studied = span.inside(whole, START, END)
  outside = span.outside(whole, studied, START, END)
  both = span.all_watches(studied.watches, outside.watches)
  assert rows_of(both) == rows_of(whole.watches)[:-1]
  # A repeat inside the span is not the first.
  early = watches([(0, 1, 10)])
  found = span.all_watches(watches([(0, 1, 110), (0, 2, 120)]), early)
  assert rows_of(found) == [(0, 1, 10), (0, 2, 120)]


def test_a_span_of_everything_leaves_nothing_outside():
  whole = source()
  found = span.inside(whole, 0, 1000)
  assert rows_of(found.watches) == rows_of(whole.watches)
  outside = span.outside(whole, found, 0, 1000)
  assert not len(outside.watches.user)
  assert not len(outside.tweets.user)
  both = span.all_watches(found.watches, outside.watches)
  assert rows_of(both) == rows_of(filters.first_watches(whole.watches))
