"""Who joins a study that grows, against the filters of one that does not."""

import numpy as np
import pytest

from dynrec_jax.data import filters, growth
from dynrec_jax.data.growth import Members
from dynrec_jax.data.records import (
  Records,
  Videos,
  Watches,
  object_array,
  text_tweets,
)

RULES = {'min_videos_per_user': 4, 'min_users_per_video': 3}
U, V = 30, 25


def log(seed, count=400):
  rng = np.random.default_rng(seed)
  user, video = rng.integers(U, size=count), rng.zipf(1.3, size=count) % V
  time = np.arange(count, dtype=np.int64)
  table = Watches(user.astype(np.int32), video.astype(np.int32), time)
  return filters.first_watches(table)


def members(value=False):
  return Members(np.full(U, value), np.full(V, value))


def present(watches, rows):
  found = members()
  found.users[watches.user[rows]] = True
  found.videos[watches.video[rows]] = True
  return found


@pytest.mark.parametrize('mode', filters.MODES)
@pytest.mark.parametrize('seed', range(5))
def test_with_nobody_known_it_is_the_filter(mode, seed):
  watches = log(seed)
  want, _ = filters.filter_watches(watches, mode=mode, **RULES)
  rows = growth.with_joined(
    watches, members(), members(True), mode=mode, **RULES
  )
  for found, column in zip(watches, want, strict=True):
    np.testing.assert_array_equal(found[rows], column)


@pytest.mark.parametrize('mode', filters.MODES)
@pytest.mark.parametrize('seed', range(5))
def test_two_steps_are_one(mode, seed):
  whole = log(seed)

  def grown(known, until):
    watches = Watches(*(column[whole.time < until] for column in whole))
    rows = growth.with_joined(watches, known, members(True), mode=mode, **RULES)
    return present(watches, rows)

  first = grown(members(), 250)
  assert first.users.any()
  twice = grown(grown(first, 330), 400)
  for found, want in zip(twice, grown(first, 400), strict=True):
    np.testing.assert_array_equal(found, want)


def test_who_is_known_stays_and_others_need_enough():
  # User 0 and video 0 are known; 1 has two videos, 2 one of them alone.
  user = np.array([0, 1, 1, 2], np.int32)
  video = np.array([0, 0, 1, 1], np.int32)
  watches = Watches(user, video, np.arange(4))
  known = Members(np.arange(3) == 0, np.arange(2) == 0)
  rules = {'min_videos_per_user': 2, 'min_users_per_video': 1}
  all_of = Members(np.ones(3, bool), np.ones(2, bool))
  rows = growth.with_joined(watches, known, all_of, mode='single_pass', **rules)
  np.testing.assert_array_equal(rows, [True, True, True, False])
  # Nobody may join: the watches of others are no watches of known videos.
  nobody = Members(np.zeros(3, bool), np.zeros(2, bool))
  rows = growth.with_joined(watches, known, nobody, mode='single_pass', **rules)
  np.testing.assert_array_equal(rows, [True, False, False, False])


def test_the_old_part_is_what_was_there():
  names = object_array(['a', 'b', 'c'])
  nothing = object_array([()] * 3)
  videos = Videos(
    names,
    names,
    names,
    nothing,
    nothing,
    *(np.zeros(3, np.int64),) * 2,
    np.zeros((3, 0), np.float32),
    np.zeros(3, bool),
  )
  user = np.array([0, 0, 1, 2, 2], np.int32)
  video = np.array([0, 1, 0, 2, 0], np.int32)
  time = np.array([1, 9, 2, 3, 4])
  tweets = text_tweets(
    np.array([0, 0, 2], np.int32), np.array([3, 8, 1]), names
  )
  records = Records(names, Watches(user, video, time), videos, tweets, names)
  known = Members(np.array([1, 0, 1], bool), np.array([1, 0, 1], bool))
  old = growth.old_part(records, known, 5)
  assert old.user_ids.tolist() == ['a', 'c']
  assert old.videos.id.tolist() == ['a', 'c']
  np.testing.assert_array_equal(old.watches.user, [0, 1, 1])
  np.testing.assert_array_equal(old.watches.video, [0, 1, 0])
  np.testing.assert_array_equal(old.watches.time, [1, 3, 4])
  assert old.tweets.text.tolist() == ['a', 'c']
