"""The protocol on examples that a person can check."""

import math

import numpy as np
import pytest
import small_world

from dynrec_jax import evaluate
from dynrec_jax.data import sequences
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.evaluate import Queries, UserScores

CLOCK = Sessions(np.array([0, 10, 20, 30, 40]))
# Known before 20 | ground truth.
EVENTS = [
  [(1, 5), (12, 6), (20, 7), (33, 8)],  # 5 6 | 7 8
  [(3, 1), (4, 2)],  # 1 2 |
  [(25, 0), (26, 3), (27, 9)],  # | 0 3 9
  [(2, 4), (21, 4), (22, 5)],  # 4 | 4 5, a repeat
  [(2, 4), (21, 4)],  # 4 | 4, nothing but a repeat
]


def queries_of(events, users, session=2):
  watches = small_world.table(events)
  samples = sequences.queries(
    watches, np.array(users, np.int32), session, CLOCK
  )
  return Queries(samples, watches, watches)


class Fixed:
  """Always the same lists; remembers what it was asked."""

  def __init__(self, *lists):
    self.lists = np.array(lists, np.int32)

  def __call__(self, queries, known, known_where, k):
    self.known = [
      row[real].tolist() for row, real in zip(known, known_where, strict=True)
    ]
    self.k = k
    return self.lists


def run(events, users, *lists, k=2, mask_history=True):
  recommend = Fixed(*lists)
  scores = evaluate.evaluate(
    recommend, queries_of(events, users), k=k, mask_history=mask_history
  )
  return scores, recommend


class TestEvaluate:
  def test_by_hand(self):
    scores, asked = run(
      EVENTS,
      [0, 1, 2, 3, 4],
      [7, 1],  # one of two hits, of two in the truth
      [0, 1],  # no truth: left out
      [3, 9],  # both hit, of three
      [4, 5],  # 4 is known: no truth; 5 is the truth
      [4, 5],  # no truth but what is known: left out
    )
    np.testing.assert_array_equal(scores.user, [0, 2, 3])
    np.testing.assert_allclose(scores.precision, [1 / 2, 1, 1 / 2])
    np.testing.assert_allclose(scores.recall, [1 / 2, 2 / 3, 1])
    assert scores.skipped == 2
    assert asked.known == [[5, 6], [1, 2], [], [4], [4]]
    assert asked.k == 2

  def test_without_the_mask_repeats_count_and_nothing_is_forbidden(self):
    scores, asked = run(
      EVENTS, [3, 4, 1], [4, 5], [0, 4], [0, 1], mask_history=False
    )
    np.testing.assert_array_equal(scores.user, [3, 4])
    np.testing.assert_allclose(scores.precision, [1, 1 / 2])
    np.testing.assert_allclose(scores.recall, [1, 1])
    assert scores.skipped == 1
    assert asked.known == [[], [], []]

  def test_a_missing_recommendation_is_no_hit(self):
    # Video 0 is the padding of shorter truths: only user 2 watched it.
    scores, _ = run(EVENTS, [0, 2], [7, -1], [-1, 0])
    np.testing.assert_allclose(scores.precision, [1 / 2, 1 / 2])
    np.testing.assert_allclose(scores.recall, [1 / 2, 1 / 3])
    scores, _ = run(EVENTS, [0, 2], [0, -1], [-1, -1])
    np.testing.assert_array_equal(scores.precision, [0, 0])

  def test_users_in_any_order(self):
    scores, _ = run(EVENTS, [2, 0], [3, 9], [1, 7])
    np.testing.assert_array_equal(scores.user, [2, 0])
    np.testing.assert_allclose(scores.precision, [1, 1 / 2])

  @pytest.mark.parametrize('mask_history', [True, False])
  def test_against_a_loop(self, mask_history):
    world = small_world.make_world(seed=4, user_count=30, video_count=24)
    rng = np.random.default_rng(0)
    # Repeats, so that the mask matters.
    events = [
      sorted(row + [(t + 40 * small_world.DAY, v) for t, v in row[:4]])
      for row in world.events
    ]
    watches = small_world.table(events)
    users = rng.permutation(30).astype(np.int32)
    samples = sequences.queries(watches, users, 6, world.sessions)
    lists = np.stack([rng.permutation(24)[:5] for _ in users])
    scores = evaluate.evaluate(
      lambda *_: lists.astype(np.int32),
      Queries(samples, watches, watches),
      k=5,
      mask_history=mask_history,
    )
    expected, end = [], world.sessions.borders[6]
    for user, row in zip(users, lists, strict=True):
      known = {video for time, video in events[user] if time < end}
      truth = {video for time, video in events[user] if time >= end}
      if mask_history:
        truth -= known
      if truth:
        hits = len(truth & set(row.tolist()))
        expected.append((user, hits / 5, hits / len(truth)))
    assert len(expected) > 20
    assert scores.user.tolist() == [row[0] for row in expected]
    np.testing.assert_allclose(
      np.stack([scores.precision, scores.recall], axis=1),
      [row[1:] for row in expected],
      rtol=1e-6,
    )
    assert scores.skipped == 30 - len(expected)

  @pytest.mark.parametrize('users', [[1], [4, 1], []])
  @pytest.mark.parametrize('mask_history', [True, False])
  def test_nobody_with_a_truth(self, users, mask_history):
    if 4 in users and not mask_history:
      users = [1, 1]
    with pytest.raises(ValueError, match='no user to evaluate has watched'):
      run(EVENTS, users, [0, 1], mask_history=mask_history)


class TestKnownVideos:
  def test_padded(self):
    known, where = queries_of(EVENTS, [0, 2, 3]).known_videos()
    np.testing.assert_array_equal(known, [[5, 6], [0, 0], [4, 0]])
    np.testing.assert_array_equal(where, [[1, 1], [0, 0], [1, 0]])
    assert known.dtype == np.int32
    assert where.dtype == bool


class TestSummarise:
  def test_f_of_the_means_and_the_mean_of_f(self):
    scores = UserScores(
      np.arange(3), np.array([0.4, 0.0, 0.2]), np.array([1.0, 0.0, 0.1]), 7
    )
    got = evaluate.summarise(scores)
    p, r = 0.6 / 3, 1.1 / 3
    mean_f = (2 * 0.4 / 1.4 + 0 + 2 * 0.02 / 0.3) / 3
    assert math.isclose(got['precision'], p, rel_tol=1e-9)
    assert math.isclose(got['recall'], r, rel_tol=1e-9)
    assert math.isclose(got['f_score'], 2 * p * r / (p + r), rel_tol=1e-6)
    assert math.isclose(got['mean_f'], mean_f, rel_tol=1e-6)
    assert got['f_score'] > got['mean_f']
    assert got['users'] == 3
    assert got['users_without_truth'] == 7
    assert all(type(v) in (int, float) for v in got.values())

  def test_no_hit_at_all(self):
    scores = UserScores(np.arange(2), np.zeros(2), np.zeros(2), 0)
    got = evaluate.summarise(scores)
    assert got['f_score'] == got['mean_f'] == 0
