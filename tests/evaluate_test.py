"""The protocol on examples that a person can check."""

import math

import numpy as np
import pytest
import small_world

from dynrec_jax import evaluate
from dynrec_jax.data import histories
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.recommender import Lists

CLOCK = Sessions(np.array([0, 10, 20, 30, 40]))
# Known before 20 | ground truth.
EVENTS = [
  [(1, 5), (12, 6), (20, 7), (33, 8)],  # 5 6 | 7 8
  [(3, 1), (4, 2)],  # 1 2 |
  [(25, 0), (26, 3), (27, 9)],  # | 0 3 9
  [(2, 4), (21, 4), (22, 5)],  # 4 | 4 5, a repeat
  [(2, 4), (21, 4)],  # 4 | 4, nothing but a repeat
]


def questions_of(events, users, session=2, *, mask_known=True, clock=CLOCK):
  """Queries at the end of a session, and what was watched afterwards."""
  watches = small_world.table(events)
  users = np.array(users, np.int32)
  queries = small_world.queries_at(
    watches, users, session, clock, mask_known=mask_known
  )
  later, _ = histories.rows_from(watches, users, queries.time)
  return queries, later


class Fixed:
  """Always the same lists; remembers what it was asked."""

  def __init__(self, *lists):
    self.lists = np.array(lists, np.int32)

  def __call__(self, queries, k):
    self.forbidden = [
      row[real].tolist()
      for row, real in zip(*queries.forbidden_videos(), strict=True)
    ]
    self.k = k
    return Lists(self.lists, None)


def run(events, users, *lists, k=2, mask_known=True):
  recommend = Fixed(*lists)
  queries, later = questions_of(events, users, mask_known=mask_known)
  return evaluate.evaluate(recommend, queries, later, k), recommend


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
    np.testing.assert_array_equal(scores.users, [0, 1, 2, 3, 4])
    np.testing.assert_array_equal(scores.hits, [1, 0, 2, 1, 0])
    np.testing.assert_array_equal(scores.truth, [2, 0, 3, 1, 0])
    np.testing.assert_array_equal(scores.lists.ids, asked.lists)
    assert asked.forbidden == [[5, 6], [1, 2], [], [4], [4]]
    assert asked.k == 2

  def test_without_the_mask_repeats_count_and_nothing_is_forbidden(self):
    scores, asked = run(
      EVENTS, [3, 4, 1], [4, 5], [0, 4], [0, 1], mask_known=False
    )
    np.testing.assert_array_equal(scores.hits, [2, 1, 0])
    np.testing.assert_array_equal(scores.truth, [2, 1, 0])
    assert asked.forbidden == [[], [], []]

  def test_a_missing_recommendation_is_no_hit(self):
    # Video 0 is the padding of shorter truths: only user 2 watched it.
    scores, _ = run(EVENTS, [0, 2], [7, -1], [-1, 0])
    np.testing.assert_array_equal(scores.hits, [1, 1])
    np.testing.assert_array_equal(scores.truth, [2, 3])
    scores, _ = run(EVENTS, [0, 2], [0, -1], [-1, -1])
    np.testing.assert_array_equal(scores.hits, [0, 0])

  def test_users_in_any_order(self):
    scores, _ = run(EVENTS, [2, 0], [3, 9], [1, 7])
    np.testing.assert_array_equal(scores.users, [2, 0])
    np.testing.assert_array_equal(scores.hits, [2, 1])

  @pytest.mark.parametrize('mask_history', [True, False])
  def test_against_a_loop(self, mask_history):
    world = small_world.make_world(seed=4, user_count=30, video_count=24)
    rng = np.random.default_rng(0)
    # Repeats, so that the mask matters.
    events = [
      sorted(row + [(t + 40 * small_world.DAY, v) for t, v in row[:4]])
      for row in world.events
    ]
    users = rng.permutation(30).astype(np.int32)
    lists = np.stack([rng.permutation(24)[:5] for _ in users])
    queries, later = questions_of(
      events, users, 6, mask_known=mask_history, clock=world.sessions
    )
    scores = evaluate.evaluate(
      Fixed(*lists.astype(np.int32)), queries, later, k=5
    )
    expected, end = [], world.sessions.borders[6]
    for user, row in zip(users, lists, strict=True):
      known = {video for time, video in events[user] if time < end}
      truth = {video for time, video in events[user] if time >= end}
      if mask_history:
        truth -= known
      expected.append((user, len(truth & set(row.tolist())), len(truth)))
    found = zip(scores.users, scores.hits, scores.truth, strict=True)
    assert [tuple(map(int, row)) for row in found] == expected
    assert sum(truth > 0 for _, _, truth in expected) > 20

  @pytest.mark.parametrize('users', [[1], [4, 1], []])
  @pytest.mark.parametrize('mask_history', [True, False])
  def test_nobody_with_a_truth(self, users, mask_history):
    if 4 in users and not mask_history:
      users = [1, 1]
    with pytest.raises(ValueError, match='no user to evaluate has watched'):
      run(EVENTS, users, [0, 1], mask_known=mask_history)


class TestSummarise:
  def test_f_of_the_means_and_the_mean_of_f(self):
    """Users 1 and 4 have no truth: they count nowhere but in their number."""
    hits, truth = np.array([2, 0, 0, 1, 0]), np.array([2, 0, 3, 10, 0])
    got = evaluate.summarise(hits, truth, 5)
    p, r = 0.6 / 3, 1.1 / 3
    mean_f = (2 * 0.4 / 1.4 + 0 + 2 * 0.02 / 0.3) / 3
    assert math.isclose(got['precision'], p, rel_tol=1e-6)
    assert math.isclose(got['recall'], r, rel_tol=1e-6)
    assert math.isclose(got['f_score'], 2 * p * r / (p + r), rel_tol=1e-6)
    assert math.isclose(got['mean_f'], mean_f, rel_tol=1e-6)
    assert got['f_score'] > got['mean_f']
    assert got['users'] == 3
    assert got['users_without_truth'] == 2
    assert all(type(v) in (int, float) for v in got.values())

  def test_no_hit_at_all(self):
    got = evaluate.summarise(np.zeros(2, int), np.ones(2, int), 5)
    assert got['f_score'] == got['mean_f'] == 0


def test_truths_are_held_a_few_at_a_time(monkeypatch):
  """One user of very many watches widens the rows of a few, not of all."""
  rng = np.random.default_rng(3)
  events = [
    [(1, int(rng.integers(9))), *((25, int(v)) for v in rng.permutation(9)[:n])]
    for n in rng.integers(5, size=30)
  ]
  lists = [rng.permutation(9)[:3].tolist() for _ in events]
  whole, _ = run(events, range(30), *lists, k=3)
  widths = []
  counts = evaluate._counts

  def watch(ids, relevant, where):
    widths.append(relevant.shape)
    return counts(ids, relevant, where)

  monkeypatch.setattr(evaluate, '_ROWS', 4)
  monkeypatch.setattr(evaluate, '_counts', watch)
  found, _ = run(events, range(30), *lists, k=3)
  for one, other in zip(found, whole, strict=True):
    if isinstance(one, np.ndarray):
      np.testing.assert_array_equal(one, other)
  assert [rows for rows, _ in widths] == [4] * 7 + [2]
  assert whole.hits.any()
