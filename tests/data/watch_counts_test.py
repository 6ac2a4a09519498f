"""Watches by video and session, against a loop, and what must not be read."""

import numpy as np
import small_world
from numpy.testing import assert_array_equal

from dynrec_jax.data.watch_counts import watch_counts

WORLD = small_world.make_world(video_count=65)
BORDERS = WORLD.sessions.borders
USERS = np.array([11, 0, 3, 7, 20])


def expected(events, users):
  counts = np.zeros((65, 12))
  for user in users:
    for time, video in events[user]:
      for session in range(12):
        if BORDERS[session] <= time < BORDERS[session + 1]:
          counts[video, session] += 1
  return counts


def test_against_a_loop():
  found = watch_counts(WORLD.watches, WORLD.sessions, USERS, 65)
  assert found.dtype == np.float32
  want = expected(WORLD.events, USERS)
  assert want.max() > 1
  assert_array_equal(found, want)


def test_two_watches_by_hand():
  """On a border it is the later session's; outside of the span, nobody's."""
  second = int(BORDERS[1])
  rows = [
    [(int(BORDERS[0]) - 1, 2), (second - 1, 1), (second, 1)],
    [(second, 1), (int(BORDERS[-1]), 0)],
  ]
  found = watch_counts(small_world.table(rows), WORLD.sessions, np.arange(2), 3)
  want = np.zeros((3, 12))
  want[1, :2] = 1, 2
  assert_array_equal(found, want)


def test_other_users_are_not_read():
  """Whatever they do, and however much of it."""
  events = [
    row if user in USERS else [(int(BORDERS[2]), 5)] * (user % 4)
    for user, row in enumerate(WORLD.events)
  ]
  found = watch_counts(small_world.table(events), WORLD.sessions, USERS, 65)
  want = watch_counts(WORLD.watches, WORLD.sessions, USERS, 65)
  assert_array_equal(found, want)


def test_nobody():
  nobody = np.zeros(0, np.int64)
  found = watch_counts(WORLD.watches, WORLD.sessions, nobody, 65)
  assert_array_equal(found, np.zeros((65, 12)))
