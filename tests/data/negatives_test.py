"""Videos that a user never watched, drawn for each prediction."""

import collections

import numpy as np
import small_world

from dynrec_jax.data import histories, negatives, sequences

WORLD = small_world.make_world()
V = 41
USERS = np.array([0, 2, 5, 7, 11, 20])
SAMPLES = sequences.virtual_sequences(
  WORLD.watches, WORLD.watches, WORLD.sessions, USERS
)


def draw(samples=SAMPLES, watches=WORLD.watches, count=3, seed=0, videos=V):
  rng = np.random.default_rng(seed)
  return negatives.draw_negatives(
    samples, watches, video_count=videos, count=count, rng=rng
  )


def test_none_was_ever_watched_by_the_user():
  found = draw()
  assert found.videos.shape == (SAMPLES.target_count.sum(), 3)
  assert found.videos.dtype == np.int32
  for row, user in enumerate(SAMPLES.user):
    own = found.videos[found.offsets[row] : found.offsets[row + 1]]
    assert len(own) == SAMPLES.target_count[row] > 0
    watched = {video for _, video in WORLD.events[user]}
    assert not watched & set(own.ravel().tolist())
    assert own.min() >= 0
    assert own.max() < V


def test_uniform_over_what_is_left():
  """User 7 left 33 of 41 videos, the lowest and the highest among them or not.

  Chi-square over 33 cells; its 99.9 % point at 32 degrees is 62.5.
  """
  samples = SAMPLES.take(SAMPLES.user == 7)
  found = draw(samples, count=4000).videos.ravel()
  left = sorted(set(range(V)) - {video for _, video in WORLD.events[7]})
  counts = collections.Counter(found.tolist())
  assert sorted(counts) == left
  expected = len(found) / len(left)
  chi = sum((counts[video] - expected) ** 2 / expected for video in left)
  assert chi < 62.5


def test_a_video_watched_twice_is_left_out_once():
  """Of four videos, 0 and 2 are watched, 2 twice: 1 and 3 are left."""
  watches = histories.Histories(
    np.array([0, 3]), np.array([2, 0, 2], np.int32), np.arange(3)
  )
  samples = small_samples(watches)
  found = draw(samples, watches, count=200, videos=4).videos
  assert set(found.ravel().tolist()) == {1, 3}


def test_who_watched_everything_has_none():
  """And the user beside keeps the own."""
  watches = histories.Histories(
    np.array([0, 4, 6]),
    np.array([3, 0, 1, 2, 1, 3], np.int32),
    np.array([0, 1, 2, 3, 0, 1]),
  )
  samples = small_samples(watches)
  found = draw(samples, watches, count=50, videos=4).videos
  np.testing.assert_array_equal(found[:4], -1)
  assert set(found[4:].ravel().tolist()) == {0, 2}


def small_samples(watches):
  """One sample per user that predicts all watches."""
  count = watches.user_count
  return sequences.Samples(
    user=np.arange(count, dtype=np.int32),
    session=np.ones(count, np.int32),
    time=np.zeros(count, np.int64),
    watch_start=watches.offsets[:-1],
    history_count=np.zeros(count, np.int32),
    target_count=np.diff(watches.offsets).astype(np.int32),
  )


def test_a_function_of_the_randomness_alone():
  np.testing.assert_array_equal(draw().videos, draw().videos)
  assert not np.array_equal(draw().videos, draw(seed=1).videos)


def test_nothing_of_other_users_is_read():
  watches = WORLD.watches
  owner = np.repeat(np.arange(25), np.diff(watches.offsets))
  other = np.where(np.isin(owner, USERS), watches.item, 0)
  found = draw(watches=watches._replace(item=other.astype(np.int32)))
  np.testing.assert_array_equal(found.videos, draw().videos)


def test_of_gives_each_target_s_own():
  found = draw()
  rows, targets = np.array([3, 0, 3]), np.array([0, 1, 2])
  want = found.videos[found.offsets[rows] + targets]
  np.testing.assert_array_equal(want[0], found.videos[found.offsets[3]])
  np.testing.assert_array_equal(found.of(rows, targets), want)
