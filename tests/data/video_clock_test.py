"""Videos at a moment, by hand and by loops, and what must not be read."""

import itertools

import numpy as np
import small_world
from numpy.testing import assert_allclose, assert_array_equal

from dynrec_jax.data import video_clock
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.data.video_clock import Log

# Sessions of 10, 20 and 30 seconds; the mean one has 20.
CLOCK = Sessions(np.array([100, 110, 130, 160], np.int64))
NO_CATEGORY = np.zeros((3, 0), np.float32)
UNKNOWN = np.full(3, np.nan)


def log_of(rows, user_count=3, video_count=3):
  """From (user, video, time)."""
  user, video, time = zip(*rows, strict=True)
  return Log(
    np.array(user),
    np.array(video, np.int32),
    np.array(time, np.float64),
    user_count,
    video_count,
  )


def test_borders_are_whole_numbers_and_sessions_are_cut_evenly():
  times = np.array([100, 105, 110, 120, 125, 130, 145, 160])
  found = video_clock.in_sessions(times, CLOCK)
  assert found.dtype == np.float64
  assert_array_equal(found, [0, 0.5, 1, 1.5, 1.75, 2, 2.5, 3])


def test_outside_of_the_span_a_session_is_a_mean_one():
  times = np.array([60, 90, 99, 161, 170, 200, -(10**9)])
  found = video_clock.in_sessions(times, CLOCK)
  far = -(10**9 + 100) / 20
  assert_allclose(found, [-2, -0.5, -0.05, 3.05, 3.5, 5, far])


def test_borders_of_real_times_are_exact():
  clock = small_world.MONTHS
  assert_array_equal(
    video_clock.in_sessions(clock.borders, clock), np.arange(13)
  )
  second_before = video_clock.in_sessions(clock.borders[1:] - 1, clock)
  assert np.all(second_before < np.arange(1, 13))


def test_a_log_holds_the_users_who_train_alone():
  watches = small_world.table(
    [[(105, 2), (130, 0)], [(110, 1)], [], [(100, 1), (145, 2)]]
  )
  log = video_clock.log_of(watches, np.array([3, 0]), CLOCK, 4)
  rows = list(zip(log.user, log.video, log.time, strict=True))
  assert rows == [(0, 1, 0.0), (0, 2, 2.5), (1, 2, 0.5), (1, 0, 2.0)]
  assert (log.user_count, log.video_count) == (2, 4)


def test_counts_are_from_start_to_before_the_end():
  log = log_of([(0, 0, 1.0), (0, 0, 1.5), (1, 0, 1.5), (1, 2, 2.0)])
  everyone, one = np.ones(3, bool), np.array([True, False, False])
  assert log.counts(1.0, 2.0, everyone).tolist() == [3, 0, 0]
  assert log.counts(1.0, 2.0, one).tolist() == [2, 0, 0]
  assert log.counts(1.1, 2.1, everyone).tolist() == [2, 0, 1]
  assert log.counts(0.0, 9.0, everyone).dtype == np.float32


def test_who_is_known_watched_before():
  log = log_of([(0, 0, 1.0), (1, 0, 1.5)])
  assert log.known_users(1.0).tolist() == [False, False, False]
  assert log.known_users(1.25).tolist() == [True, False, False]
  assert log.known_users(9.0).tolist() == [True, True, False]


def test_windows_before_a_moment_by_hand():
  """[0, 1/4), [1/4, 1/2), [1/2, 1), 1 to 2, 2 to 4 and all before that.

  An edge belongs to the window nearer to the moment; what happens at the
  moment itself is not before it.
  """
  log = log_of(
    [
      (0, 0, 5.0),
      (0, 0, 4.75),
      *[(0, 0, 4.5)] * 2,
      *[(1, 0, 4.0)] * 3,
      *[(1, 0, 3.0)] * 4,
      *[(2, 0, 1.0)] * 5,
      *[(2, 0, 0.75)] * 6,
      (0, 1, 4.875),
      (0, 2, 5.0),
    ]
  )
  found = video_clock.states_at(
    log, np.array([5.0, 4.75]), UNKNOWN, NO_CATEGORY
  )
  assert found.state.shape == (2, 3, video_clock.STATE_SIZE)
  assert found.state.dtype == np.float32
  counts = np.expm1(found.state[..., :7])
  assert_allclose(counts[0, 0], [1, 2, 3, 4, 5, 6, 21], rtol=1e-5)
  assert_allclose(counts[0, 1], [1, 0, 0, 0, 0, 0, 1], rtol=1e-5)
  assert_array_equal(counts[0, 2], 0)  # at the moment, not before it
  assert_allclose(counts[1, 0], [2, 0, 3, 4, 11, 0, 20], rtol=1e-5)
  assert found.state[0, :, 7].tolist() == [0, 0, 1]
  assert found.state[1, :, 7].tolist() == [0, 1, 1]
  ages = np.log1p(8 * np.array([4.25, 0.125, 0]))
  assert_allclose(found.state[0, :, 8], ages, rtol=1e-5)
  assert found.moment.tolist() == [5.0, 4.75]


def test_what_is_not_watched_is_told_beside():
  log = log_of([(0, 0, 1.0)])
  upload = np.array([np.nan, -3.5, 7.0])
  kinds = np.eye(3, dtype=np.float32)
  found = video_clock.states_at(log, np.array([2.0]), upload, kinds)
  assert found.upload.tolist() == [0, -3.5, 7]
  assert found.upload.dtype == np.float32
  assert found.has_upload.tolist() == [False, True, True]
  assert found.categories is kinds


def test_windows_by_hand():
  """Watches of users who were known at the moment alone."""
  log = log_of(
    [
      (0, 0, 0.25),
      (0, 1, 1.0),
      (1, 2, 1.5),
      (1, 0, 2.25),
      (0, 2, 2.5),
      (0, 0, 3.5),
    ]
  )
  found = video_clock.windows_between(
    log, np.array([1.0, 2.0, 0.0]), 3.5, width=1.0
  )
  # At 0 nobody is known; from 1 on user 0 is, from 2 on both are. What is
  # watched at the end itself is in no window, and none is without a watch.
  assert found.moment.tolist() == [0, 0, 1]
  assert found.middle.tolist() == [1.5, 2.5, 2.5]
  assert found.counts.tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 1]]
  assert found.moment.dtype == np.int32
  assert (found.middle.dtype, found.counts.dtype) == (np.float32, np.float32)


def test_the_last_window_may_be_narrower():
  log = log_of([(0, 0, 0.5), (0, 1, 3.25), (0, 2, 3.5)])
  found = video_clock.windows_between(log, np.array([1.0]), 3.5, width=1.0)
  assert found.middle.tolist() == [3.25]
  assert found.counts.tolist() == [[0, 1, 0]]


def test_without_a_watch_there_is_no_window():
  log = log_of([(0, 0, 0.5)])
  found = video_clock.windows_between(log, np.array([1.0]), 3.0, width=1.0)
  assert found.counts.shape == (0, 3)
  assert found.moment.shape == found.middle.shape == (0,)


def random_log(seed=0):
  rng = np.random.default_rng(seed)
  rows = zip(
    rng.integers(6, size=80),
    rng.integers(7, size=80),
    rng.uniform(0, 8, size=80).round(1),
    strict=True,
  )
  return log_of(list(rows), user_count=6, video_count=7)


def test_states_and_windows_equal_loops():
  log = random_log()
  moments = np.array([2.0, 5.5])
  states = video_clock.states_at(
    log, moments, np.full(7, np.nan), np.zeros((7, 0), np.float32)
  )
  edges = (0, 0.25, 0.5, 1, 2, 4, np.inf)
  rows = list(zip(log.user, log.video, log.time, strict=True))
  for row, moment in enumerate(moments):
    for video in range(7):
      past = [t for _, v, t in rows if v == video and t < moment]
      counts = [
        sum(moment - far <= t < moment - near for t in past)
        for near, far in itertools.pairwise(edges)
      ]
      age = moment - min(past) if past else 0
      want = [*np.log1p(counts), np.log1p(len(past)), not past]
      want.append(np.log1p(8 * age))
      assert_allclose(states.state[row, video], want, rtol=1e-5, atol=1e-6)
  windows = video_clock.windows_between(log, moments, 8.0, width=1.0)
  assert len(windows.middle) == 6 + 3
  for row, middle, counts in zip(*windows, strict=True):
    known = {u for u, _, t in rows if t < moments[row]}
    stop = min(middle + 0.5, 8.0)
    start = 2 * middle - stop
    want = np.zeros(7)
    for u, v, t in rows:
      want[v] += u in known and start <= t < stop
    assert_array_equal(counts, want)


def test_nothing_from_the_moment_on_is_read():
  """Whatever is watched then, and by whom."""
  log, moments = random_log(), np.array([3.0, 4.5])
  late = log.time >= moments[0]
  rng = np.random.default_rng(9)
  other = log._replace(
    user=np.where(late, rng.integers(6, size=80), log.user),
    video=np.where(late, rng.integers(7, size=80), log.video).astype(np.int32),
    time=np.where(late, 3 + rng.uniform(0, 5, 80), log.time),
  )
  args = np.full(7, np.nan), np.zeros((7, 0), np.float32)
  one, two = (video_clock.states_at(x, moments, *args) for x in (log, other))
  assert_array_equal(one.state[0], two.state[0])
  assert not np.array_equal(one.state[1], two.state[1])
  assert_array_equal(log.known_users(3.0), other.known_users(3.0))
