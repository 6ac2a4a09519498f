"""Jaccard overlap against sets, and triplets against their rules."""

import collections

import numpy as np
import pytest
import small_world

from dynrec_jax.data import relevance, sequences
from dynrec_jax.data.sequences import Samples

WORLD = small_world.make_world(user_count=40, video_count=90)
USERS = np.setdiff1d(np.arange(40), [1, 3, 6, 20])
V = 90


def jaccard_loop(events, users):
  lists = [{video for _, video in events[user]} for user in users]
  return np.array(
    [[len(a & b) / max(1, len(a | b)) for b in lists] for a in lists]
  )


def samples_for(pairs) -> Samples:
  """Samples of (user, session) pairs; what they hold does not matter here."""
  user, session = np.array(pairs, np.int32).T
  zeros = np.zeros(len(user), np.int64)
  return Samples(user, session, zeros, zeros, zeros, zeros)


def world_of(lists):
  """Histories of users who watched these videos at times 0, 1, 2 ..."""
  return small_world.table([list(enumerate(videos)) for videos in lists])


def partners_of(found, samples, seed=0, negative='zero_overlap'):
  """Per sample (positive user, negative user) or None."""
  got = relevance.draw_triplets(
    found, samples, np.random.default_rng(seed), negative=negative
  )
  return [
    (int(samples.user[p]), int(samples.user[n])) if where else None
    for p, n, where in zip(*got, strict=True)
  ]


class TestFindRelevant:
  @pytest.mark.parametrize('positive', relevance.POSITIVES)
  @pytest.mark.parametrize('rows', [1024, 7])
  def test_candidates_against_sets(self, positive, rows, monkeypatch):
    monkeypatch.setattr(relevance, '_ROWS', rows)
    found = relevance.find_relevant(WORLD.watches, USERS, V, positive=positive)
    rel = jaccard_loop(WORLD.events, USERS)
    sizes = set()
    for i in range(len(USERS)):
      order = sorted(range(len(USERS)), key=lambda j: (-rel[i, j], j))
      order = [j for j in order if j != i and rel[i, j] > 0]
      if positive == 'topk10':
        order = order[:10]
      if positive == 'threshold':
        order = [j for j in order if rel[i, j] >= 0.05]
      own = slice(found.offsets[i], found.offsets[i + 1])
      assert found.partner[own].tolist() == order
      np.testing.assert_allclose(found.rel[own], rel[i, order], rtol=1e-12)
      sizes.add(len(order))
    assert len(sizes) > 1
    np.testing.assert_array_equal(found.users, USERS)

  def test_the_threshold_itself_is_enough(self):
    # 1 of 20 videos is 0.05; 1 of 21 is less.
    lists = [[0], list(range(20)), list(range(21))]
    found = relevance.find_relevant(
      world_of(lists), np.arange(3), 30, positive='threshold'
    )
    own = found.partner[found.offsets[0] : found.offsets[1]]
    assert own.tolist() == [1]

  def test_ties_go_to_the_lower_user(self):
    lists = [[0, 1]] + [[0, 1, 2 + u] for u in range(15)]
    found = relevance.find_relevant(world_of(lists), np.arange(16), 20)
    assert found.partner[: found.offsets[1]].tolist() == list(range(1, 11))

  def test_only_the_given_users_are_read(self):
    others = [
      row if user in USERS else [(0, 0), (1, 1), (2, 5)]
      for user, row in enumerate(WORLD.events)
    ]
    one = relevance.find_relevant(WORLD.watches, USERS, V)
    two = relevance.find_relevant(small_world.table(others), USERS, V)
    np.testing.assert_array_equal(one.partner, two.partner)
    np.testing.assert_array_equal(one.rel, two.rel)
    assert (one.lists != two.lists).nnz == 0

  def test_repeated_watches_count_once(self):
    found = relevance.find_relevant(
      world_of([[0, 0, 0, 1], [0, 2, 2]]), np.arange(2), 3
    )
    np.testing.assert_allclose(found.rel, [1 / 3, 1 / 3])

  def test_nobody(self):
    found = relevance.find_relevant(WORLD.watches, np.zeros(0, int), V)
    assert found.offsets.tolist() == [0]
    assert len(found.partner) == 0

  def test_unknown_rule(self):
    with pytest.raises(
      ValueError, match=r"'best'.*topk10, threshold, all_pairs"
    ):
      relevance.find_relevant(WORLD.watches, USERS, V, positive='best')


class TestDrawTriplets:
  @pytest.mark.parametrize('positive', relevance.POSITIVES)
  @pytest.mark.parametrize('negative', relevance.NEGATIVES)
  @pytest.mark.parametrize('tries', [16, 0])
  def test_every_partner_obeys_its_rule(
    self, positive, negative, tries, monkeypatch
  ):
    monkeypatch.setattr(relevance, '_TRIES', tries)
    samples = sequences.virtual_sequences(
      WORLD.watches, WORLD.watches, WORLD.sessions, USERS
    )
    users = np.unique(samples.user)
    found = relevance.find_relevant(WORLD.watches, users, V, positive=positive)
    place = {user: i for i, user in enumerate(users)}
    rel = jaccard_loop(WORLD.events, users)
    drawn = 0
    for s, pair in enumerate(partners_of(found, samples, 1, negative)):
      a = place[samples.user[s]]
      allowed = found.partner[found.offsets[a] : found.offsets[a + 1]]
      if pair is None:
        # No positive, or nobody who could be a negative of every positive.
        least = rel[a, allowed].min(initial=1)
        below = rel[a] < least if negative == 'less_than_pos' else rel[a] == 0
        assert len(allowed) == 0 or not below[np.arange(len(users)) != a].any()
        continue
      p, n = (place[user] for user in pair)
      assert p in allowed
      assert n != a
      if negative == 'zero_overlap':
        assert rel[a, n] == 0
      else:
        assert rel[a, n] < rel[a, p]
      drawn += 1
    assert drawn > 0.8 * len(samples.user)

  def test_positives_are_drawn_in_proportion_to_rel(self):
    # Rel of user 0: 3/4, 2/5, 1/6 and 0.
    lists = [[0, 1, 2], [0, 1, 2, 3], [0, 1, 4, 5], [0, 6, 7, 8], [9]]
    found = relevance.find_relevant(world_of(lists), np.arange(5), 10)
    count = 20_000
    samples = samples_for(
      [(0, s) for s in range(count)] + [(u, 0) for u in range(1, 5)]
    )
    # One session more than there are would fill memory: all in session 0.
    samples = samples._replace(session=np.zeros(len(samples.user), np.int32))
    drawn = collections.Counter(
      pair[0] for pair in partners_of(found, samples)[:count]
    )
    weights = np.array([3 / 4, 2 / 5, 1 / 6])
    expected = weights / weights.sum() * count
    for user, mean in enumerate(expected, 1):
      assert abs(drawn[user] - mean) < 5 * np.sqrt(mean)
    assert set(drawn) == {1, 2, 3}

  @pytest.mark.parametrize('tries', [16, 0])
  def test_negatives_are_uniform(self, tries, monkeypatch):
    monkeypatch.setattr(relevance, '_TRIES', tries)
    lists = [[0, 1], [0, 1, 2], [3], [4, 5], [6], [1, 7]]
    found = relevance.find_relevant(world_of(lists), np.arange(6), 8)
    count = 9_000
    samples = samples_for([(0, 1)] * count + [(u, 1) for u in range(1, 6)])
    drawn = collections.Counter(
      pair[1] for pair in partners_of(found, samples)[:count]
    )
    assert set(drawn) == {2, 3, 4}
    for user in (2, 3, 4):
      assert abs(drawn[user] - count / 3) < 5 * np.sqrt(count / 3)

  def test_a_rare_negative_is_found(self):
    # 300 users share video 0 and one user does not.
    lists = [[0, 1 + u] for u in range(300)] + [[400]]
    found = relevance.find_relevant(world_of(lists), np.arange(301), 401)
    samples = samples_for([(u, 1) for u in range(301)])
    got = partners_of(found, samples)
    assert {pair[1] for pair in got[:300]} == {300}
    assert got[300] is None  # no positive

  def test_a_user_who_overlaps_with_everyone_is_left_out(self):
    lists = [[0, 1], [0], [1], [0, 5]]
    found = relevance.find_relevant(world_of(lists), np.arange(4), 6)
    samples = samples_for([(u, 1) for u in range(4)])
    got = partners_of(found, samples)
    assert got[0] is None
    assert [pair[1] for pair in got[1:]] == [2, pytest.approx(2, abs=1), 2]
    masked = relevance.draw_triplets(found, samples, np.random.default_rng(0))
    assert masked.positive[0] == masked.negative[0] == 0
    # With less_than_pos a lower overlap will do.
    drawn = [
      partners_of(found, samples, seed, 'less_than_pos')[0]
      for seed in range(20)
    ]
    assert {pair for pair in drawn if pair} <= {(1, 3), (2, 3)}
    assert any(drawn)

  def test_nobody_is_relevant(self):
    found = relevance.find_relevant(world_of([[0], [1], [2]]), np.arange(3), 3)
    samples = samples_for([(0, 1), (1, 1), (2, 4)])
    assert partners_of(found, samples) == [None] * 3

  def test_redrawn_by_seed_alone(self):
    samples = sequences.virtual_sequences(
      WORLD.watches, WORLD.watches, WORLD.sessions, USERS
    )
    found = relevance.find_relevant(WORLD.watches, np.unique(samples.user), V)
    one, same, other = (partners_of(found, samples, s) for s in (0, 0, 1))
    assert one == same
    changed = [
      (a[0] != b[0], a[1] != b[1])
      for a, b in zip(one, other, strict=True)
      if a and b
    ]
    assert (np.mean(changed, axis=0) > 0.5).all()

  @pytest.mark.parametrize(
    ('session', 'expected'),
    [(1, 2), (2, 2), (3, 2), (4, 5), (5, 5), (6, 5), (7, 5), (8, 9), (9, 9)],
  )
  def test_the_partners_nearest_session_stands_in(self, session, expected):
    # User 1 (positive) and 2 (negative) have samples at 2, 5 and 9; the middle
    # between 5 and 9 goes to the earlier.
    lists = [[0, 1], [0], [3]]
    found = relevance.find_relevant(world_of(lists), np.arange(3), 4)
    pairs = [(0, session), *((u, s) for u in (1, 2) for s in (2, 5, 9))]
    samples = samples_for(pairs)
    got = relevance.draw_triplets(found, samples, np.random.default_rng(0))
    assert pairs[got.positive[0]] == (1, expected)
    assert pairs[got.negative[0]] == (2, expected)

  def test_users_are_named_by_position(self):
    # Users 4, 9 and 30 of many: nothing but these may be drawn.
    lists = [[0, 1]] * 40
    lists[4], lists[9], lists[30] = [0, 2], [2, 3], [7]
    users = np.array([4, 9, 30])
    found = relevance.find_relevant(world_of(lists), users, 8)
    samples = samples_for([(u, 2) for u in users])
    assert partners_of(found, samples) == [(9, 30), (4, 30), None]

  def test_unknown_rule(self):
    found = relevance.find_relevant(WORLD.watches, USERS, V)
    with pytest.raises(ValueError, match=r"'any'.*zero_overlap, less_than_pos"):
      relevance.draw_triplets(
        found, samples_for([(0, 1)]), np.random.default_rng(0), negative='any'
      )
