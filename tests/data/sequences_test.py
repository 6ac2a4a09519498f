"""Virtual sequences and queries against SPEC's rules as plain loops."""

import numpy as np
import pytest
import small_world

from dynrec_jax.data import sequences
from dynrec_jax.data.sessions import Sessions

WORLD = small_world.make_world()
USERS = np.array([0, 2, 3, 4, 5, 7, 8, 11, 19, 24], np.int32)
BORDERS = WORLD.sessions.borders


def samples_as_lists(samples, watches) -> list[small_world.Sample]:
  """What the index arrays stand for."""
  history_row, history = sequences.history_indices(samples)
  target_row, target = sequences.targets_of(samples, watches)
  return [
    small_world.Sample(
      int(samples.user[s]),
      int(samples.session[s]),
      [
        (int(watches.time[i]), int(watches.item[i]))
        for i in history[history_row == s]
      ],
      target[target_row == s].tolist(),
    )
    for s in range(len(samples.user))
  ]


class TestVirtualSequences:
  @pytest.mark.parametrize('horizon', sequences.HORIZONS)
  @pytest.mark.parametrize('behaviours', ['events', 'tweets'])
  @pytest.mark.parametrize(('max_len', 'next_count'), [(50, 5), (4, 2), (3, 9)])
  def test_against_a_loop(self, horizon, behaviours, max_len, next_count):
    library = WORLD.watches if behaviours == 'events' else WORLD.behaviours
    got = sequences.virtual_sequences(
      WORLD.watches,
      library,
      WORLD.sessions,
      USERS,
      horizon=horizon,
      max_target_len=max_len,
      next_count=next_count,
    )
    expected = small_world.expected_samples(
      WORLD.events,
      getattr(WORLD, behaviours),
      BORDERS,
      USERS,
      horizon,
      max_len,
      next_count,
    )
    assert len(expected) > 20
    assert samples_as_lists(got, WORLD.watches) == expected
    np.testing.assert_array_equal(got.time, BORDERS[got.session])

  def test_settings_change_the_outcome(self):
    counts = {
      (horizon, size): sequences.virtual_sequences(
        WORLD.watches,
        WORLD.watches,
        WORLD.sessions,
        USERS,
        horizon=horizon,
        max_target_len=size,
        next_count=3,
      ).target_count.sum()
      for horizon in sequences.HORIZONS
      for size in (2, 50)
    }
    assert len(set(counts.values())) == 6 - 1  # next_k cut at 2 is all cut at 2
    assert counts['all_after', 2] == counts['next_k', 2]

  def test_by_hand(self):
    # Sessions end at 10, 20, 30, 40. A watch at 20 is in session 3.
    watches = small_world.table([[(1, 5), (20, 6), (21, 7), (35, 8)], []])
    clock = Sessions(np.array([0, 10, 20, 30, 40]))
    got = sequences.virtual_sequences(watches, watches, clock, np.array([0, 1]))
    assert samples_as_lists(got, watches) == [
      (0, 1, [(1, 5)], [6, 7, 8]),
      (0, 2, [(1, 5)], [6, 7, 8]),
      (0, 3, [(1, 5), (20, 6), (21, 7)], [8]),
    ]
    got = sequences.virtual_sequences(
      watches, watches, clock, np.array([0]), horizon='next_session'
    )
    assert samples_as_lists(got, watches) == [
      (0, 2, [(1, 5)], [6, 7]),
      (0, 3, [(1, 5), (20, 6), (21, 7)], [8]),
    ]

  def test_tweets_alone_make_a_sample_without_history(self):
    watches = small_world.table([[(25, 4)], [(5, 1), (25, 4)]])
    tweets = small_world.table([[(12, 0)], []])
    clock = Sessions(np.array([0, 10, 20, 30, 40]))
    got = sequences.virtual_sequences(watches, tweets, clock, np.array([0, 1]))
    assert samples_as_lists(got, watches) == [(0, 2, [], [4])]

  def test_only_the_given_users_are_read(self):
    others = [
      row if user in USERS else [(int(BORDERS[1]), 40), (int(BORDERS[6]), 0)]
      for user, row in enumerate(WORLD.events)
    ]
    tables = [WORLD.watches, small_world.table(others)]
    one, two = (
      samples_as_lists(
        sequences.virtual_sequences(t, t, WORLD.sessions, USERS), t
      )
      for t in tables
    )
    assert one == two
    assert {sample.user for sample in one} <= set(USERS.tolist())

  def test_order_of_the_users_does_not_matter(self):
    one, two = (
      sequences.virtual_sequences(
        WORLD.watches, WORLD.watches, WORLD.sessions, users
      )
      for users in (USERS, USERS[::-1])
    )
    for a, b in zip(one, two, strict=True):
      np.testing.assert_array_equal(a, b)

  def test_columns(self):
    got = sequences.virtual_sequences(
      WORLD.watches, WORLD.watches, WORLD.sessions, USERS
    )
    assert {n: c.dtype.name for n, c in got._asdict().items()} == {
      'user': 'int32',
      'session': 'int32',
      'time': 'int64',
      'watch_start': 'int64',
      'history_count': 'int32',
      'target_count': 'int32',
    }
    some = got.take(np.array([4, 0]))
    assert some.user.tolist() == [got.user[4], got.user[0]]
    assert some.target_count.tolist() == [
      got.target_count[4],
      got.target_count[0],
    ]

  def test_unknown_horizon(self):
    with pytest.raises(
      ValueError, match=r"'ever'.*all_after, next_session, next_k"
    ):
      sequences.virtual_sequences(
        WORLD.watches, WORLD.watches, WORLD.sessions, USERS, horizon='ever'
      )


class TestQueries:
  @pytest.mark.parametrize('session', [3, 9, 12])
  def test_everyone_is_kept_and_no_target_is_cut(self, session):
    users = np.arange(25, dtype=np.int32)[::-1]
    got = sequences.samples_at(WORLD.watches, users, session, WORLD.sessions)
    end = BORDERS[session]
    expected = [
      (
        user,
        session,
        [pair for pair in WORLD.events[user] if pair[0] < end],
        [video for time, video in WORLD.events[user] if time >= end],
      )
      for user in users
    ]
    assert samples_as_lists(got, WORLD.watches) == expected
    assert (got.time == end).all()
    if session == 12:
      assert not got.target_count.any()

  def test_a_session_per_user(self):
    got = sequences.samples_at(
      WORLD.watches, np.array([7, 7]), np.array([2, 11]), WORLD.sessions
    )
    # User 7 watches on borders 0, 2, 2, 2, 5, 9, 11 and in the last second.
    assert got.history_count.tolist() == [1, 6]
    assert got.target_count.tolist() == [7, 2]

  def test_no_user(self):
    got = sequences.samples_at(
      WORLD.watches, np.zeros(0, np.int32), 3, WORLD.sessions
    )
    assert all(column.shape == (0,) for column in got)


class TestHistoryIndices:
  @pytest.mark.parametrize('max_len', [1, 3, 100])
  def test_the_latest_of_each_row(self, max_len):
    got = sequences.samples_at(WORLD.watches, USERS, 8, WORLD.sessions)
    row, index = sequences.history_indices(got, max_len=max_len)
    for place, user in enumerate(USERS):
      past = [v for t, v in WORLD.events[user] if t < BORDERS[8]]
      np.testing.assert_array_equal(
        WORLD.watches.item[index[row == place]], past[-max_len:]
      )


class TestPadded:
  def test_by_hand(self):
    row = np.array([0, 0, 2])
    values, where = sequences.padded(row, np.array([4, 5, 6], np.int32), 4)
    np.testing.assert_array_equal(values, [[4, 5], [0, 0], [6, 0], [0, 0]])
    np.testing.assert_array_equal(where, [[1, 1], [0, 0], [1, 0], [0, 0]])
    assert values.dtype == np.int32

  def test_a_given_width(self):
    values, where = sequences.padded(np.array([1]), np.array([0.5]), 2, 3)
    np.testing.assert_array_equal(values, [[0, 0, 0], [0.5, 0, 0]])
    assert where.sum() == 1

  def test_no_value_and_no_row(self):
    nothing = np.zeros(0, np.int64)
    assert sequences.padded(nothing, nothing, 2)[1].shape == (2, 1)
    assert sequences.padded(nothing, nothing, 0)[0].shape == (0, 1)


class TestTargetWeights:
  def samples(self, counts):
    """Samples of so many targets each."""
    zeros = np.zeros(len(counts), np.int32)
    return sequences.Samples(*[zeros] * 5, np.array(counts, np.int32))

  def test_by_hand(self):
    """k = 5; 1, 4 and 10 targets: (1/5 + 1/n)/2 = 0.6, 0.225 and 0.15.

    Over all 15 targets they sum up to 0.6 + 0.9 + 1.5 = 3: c = 5.
    """
    found = sequences.target_weights(
      self.samples([1, 4, 10]), 'measure', list_len=5
    )
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [3.0, 1.125, 0.75], rtol=1e-6)

  @pytest.mark.parametrize('list_len', [1, 5, 20])
  def test_their_mean_over_targets_is_1(self, list_len):
    samples = sequences.virtual_sequences(
      WORLD.watches, WORLD.watches, WORLD.sessions, USERS, max_target_len=9
    )
    found = sequences.target_weights(samples, 'measure', list_len=list_len)
    mean = np.average(found, weights=samples.target_count)
    np.testing.assert_allclose(mean, 1, rtol=1e-6)
    assert (np.diff(found[np.argsort(samples.target_count)]) <= 0).all()
    assert found.min() < found.max()

  def test_watches_count_alike(self):
    assert sequences.target_weights(self.samples([2]), 'watch', list_len=5) is (
      None
    )

  def test_no_sample(self):
    found = sequences.target_weights(self.samples([]), 'measure', list_len=5)
    assert found.shape == (0,)

  def test_unknown_weight(self):
    with pytest.raises(ValueError, match="'hit'; valid are watch, measure"):
      sequences.target_weights(self.samples([2]), 'hit', list_len=5)


class TestLaterMoments:
  """What an update learns from: targets after a moment, and others before."""

  SINCE = int(BORDERS[8]) + 5 * small_world.DAY + 7

  def test_moments(self):
    """Inside session 9: 8 have ended, and borders 9 to 12 come."""
    before = sequences.moments_until(WORLD.sessions, self.SINCE)
    np.testing.assert_array_equal(before.session, np.arange(1, 9))
    np.testing.assert_array_equal(before.time, BORDERS[1:9])
    later = sequences.moments_from(WORLD.sessions, self.SINCE)
    np.testing.assert_array_equal(later.session, np.arange(8, 13))
    np.testing.assert_array_equal(later.time, [self.SINCE, *BORDERS[9:]])

  def test_a_border_is_a_moment_once(self):
    later = sequences.moments_from(WORLD.sessions, int(BORDERS[10]))
    np.testing.assert_array_equal(later.session, [10, 11, 12])
    np.testing.assert_array_equal(later.time, BORDERS[10:])
    before = sequences.moments_until(WORLD.sessions, int(BORDERS[10]))
    assert before.session[-1] == 9

  def test_behind_the_last_border(self):
    later = sequences.moments_from(WORLD.sessions, int(BORDERS[12]) + 9)
    np.testing.assert_array_equal(later.session, [12])
    np.testing.assert_array_equal(later.time, [BORDERS[12] + 9])

  @pytest.mark.parametrize('horizon', sequences.HORIZONS)
  def test_against_a_loop(self, horizon):
    moments = sequences.moments_from(WORLD.sessions, self.SINCE)
    found = sequences.sequences_at(
      WORLD.watches,
      WORLD.behaviours,
      WORLD.sessions,
      USERS[::-1],
      moments,
      horizon=horizon,
      max_target_len=6,
      next_count=2,
    )
    expected = []
    for user in USERS.tolist():
      for session, time in zip(*map(np.ndarray.tolist, moments), strict=True):
        known = [t for t, _ in WORLD.tweets[user] if t < time]
        after = [pair for pair in WORLD.events[user] if pair[0] >= time]
        if horizon == 'next_session' and session < 12:
          after = [pair for pair in after if pair[0] < BORDERS[session + 1]]
        if horizon == 'next_k':
          after = after[:2]
        if known and after:
          past = [pair for pair in WORLD.events[user] if pair[0] < time]
          target = [video for _, video in after][:6]
          expected.append(small_world.Sample(user, session, past, target))
    assert len(expected) > 10
    assert samples_as_lists(found, WORLD.watches) == expected
    assert (found.time >= self.SINCE).all()

  def test_share_of_targets_against_a_loop(self):
    events = WORLD.watches, WORLD.behaviours, WORLD.sessions, USERS
    moments = sequences.moments_until(WORLD.sessions, self.SINCE)
    samples = sequences.sequences_at(*events, moments, max_target_len=6)
    wanted = np.random.default_rng(4).random(len(WORLD.watches.item)) < 0.3
    found = sequences.target_share(samples, wanted)
    expected = []
    for sample in range(len(samples.user)):
      start = samples.watch_start[sample] + samples.history_count[sample]
      own = [wanted[start + i] for i in range(samples.target_count[sample])]
      expected.append(sum(own) / len(own))
    np.testing.assert_allclose(found, expected)
    assert 0 < np.mean(expected) < 1

  @pytest.mark.parametrize(('share', 'count'), [(0, 0), (1.5, 45), (99, None)])
  def test_some_of_the_others_stand_beside(self, share, count):
    lengths = {'max_target_len': 6}
    events = WORLD.watches, WORLD.behaviours, WORLD.sessions, USERS
    new, old = (
      sequences.sequences_at(*events, moments, **lengths)
      for moments in (
        sequences.moments_from(WORLD.sessions, self.SINCE),
        sequences.moments_until(WORLD.sessions, self.SINCE),
      )
    )
    new = new.take(np.arange(30))
    found = sequences.with_some(new, old, share, np.random.default_rng(1))
    count = len(old.user) if count is None else count
    assert len(found.user) == 30 + count
    keys = list(zip(found.user, found.time, strict=True))
    assert keys == sorted(set(keys))
    assert set(zip(new.user, new.time, strict=True)) <= set(keys)
    places = list(zip(*found, strict=True))
    assert set(places) <= {*zip(*new, strict=True), *zip(*old, strict=True)}
    again = sequences.with_some(new, old, share, np.random.default_rng(1))
    np.testing.assert_array_equal(again.time, found.time)
