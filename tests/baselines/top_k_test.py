"""Lists from scores against a sort of Python lists."""

import math

import numpy as np
import pytest
import small_world

from dynrec_jax.baselines import top_k

# Three values only, so that most videos tie and the border is among them.
COARSE = np.random.default_rng(0).integers(3, size=(13, 29)).astype(float)
FINE = np.random.default_rng(1).normal(size=(13, 29))
KNOWN = [
  np.random.default_rng(row).permutation(29)[: row * 2].tolist()
  for row in range(13)
]


def fixed(scores):
  """A recommender with these scores for users 10, 11 ..."""
  scores = np.asarray(scores)
  return top_k.by_scores(lambda q: scores[q.users - 10], scores.shape[1])


def expected(scores, known, k):
  """Lists and their scores by sorting pairs; ties to the lower id."""
  ids, values = [], []
  for row, forbidden in zip(scores.tolist(), known, strict=True):
    pairs = [
      (-score, video)
      for video, score in enumerate(row)
      if video not in forbidden and score > -math.inf
    ]
    best = sorted(pairs)[:k]
    none = [(math.inf, -1)] * (k - len(best))
    ids.append([video for _, video in best + none])
    values.append([-score for score, _ in best + none])
  return ids, np.array(values, np.float32)


def check(found, scores, known, k):
  ids, values = expected(np.asarray(scores, float), known, k)
  assert found.ids.shape == found.scores.shape == (len(ids), k)
  assert (found.ids.dtype, found.scores.dtype) == (np.int32, np.float32)
  assert found.ids.tolist() == ids
  np.testing.assert_array_equal(found.scores, values)


@pytest.mark.parametrize('scores', [COARSE, FINE, FINE.astype(np.float32)])
@pytest.mark.parametrize('k', [0, 1, 5, 28, 29, 33])
def test_against_a_sort(scores, k):
  found = fixed(scores)(small_world.queries_knowing(KNOWN), k)
  check(found, scores, KNOWN, k)


def test_by_hand():
  scores = [[0.5, 2.0, 0.5, -1.0, 2.0, 0.5], [1.0, 1.0, 1.0, 1.0, 1.0, 3.0]]
  queries = small_world.queries_knowing([[1], [5, 0, 5]])
  ids, values = fixed(scores)(queries, 3)
  assert ids.tolist() == [[4, 0, 2], [1, 2, 3]]
  assert values.tolist() == [[2.0, 0.5, 0.5], [1.0, 1.0, 1.0]]


def test_all_scores_equal():
  found = fixed(np.full((2, 50), -7.5))
  ids, values = found(small_world.queries_knowing([[], [0, 2]]), 4)
  assert ids.tolist() == [[0, 1, 2, 3], [1, 3, 4, 5]]
  assert values.tolist() == [[-7.5] * 4] * 2


def test_minus_infinity_is_never_listed():
  scores = FINE.copy()
  scores[:, ::3] = -np.inf  # 10 of 29
  scores[4] = -np.inf
  scores[5, :] = -np.inf
  scores[5, 7] = -1e30
  known = [[]] * 13
  found = fixed(scores)(small_world.queries_knowing(known), 22)
  check(found, scores, known, 22)
  assert (found.ids[4] == -1).all()
  assert np.isneginf(found.scores[4]).all()
  assert found.ids[5].tolist() == [7] + [-1] * 21
  assert (found.ids[0, :19] >= 0).all()
  assert (found.ids[0, 19:] == -1).all()


def test_plus_infinity_comes_first():
  ids, values = fixed([[1.0, np.inf, 2.0, np.inf]])(
    small_world.queries_knowing([[]]), 3
  )
  assert ids.tolist() == [[1, 3, 2]]
  assert values.tolist() == [[math.inf, math.inf, 2.0]]


def test_known_videos_may_be_allowed():
  queries = small_world.queries_knowing(KNOWN, mask_known=False)
  check(fixed(COARSE)(queries, 6), COARSE, [[]] * 13, 6)


def test_fewer_are_left_than_asked_for():
  queries = small_world.queries_knowing([[0, 1, 3], [2, 0, 1, 3, 4], []])
  scores = [[9.0, 8.0, 1.0, 7.0, 3.0]] * 3
  ids, values = fixed(scores)(queries, 6)
  no = -math.inf
  assert ids.tolist() == [
    [4, 2, -1, -1, -1, -1],
    [-1] * 6,
    [0, 1, 3, 4, 2, -1],
  ]
  assert values.tolist() == [
    [3.0, 1.0, no, no, no, no],
    [no] * 6,
    [9.0, 8.0, 7.0, 3.0, 1.0, no],
  ]


@pytest.mark.parametrize('known', [[], [1]])
def test_a_score_that_is_no_number_is_refused(known):
  """Also where a mask would hide it: the method is wrong all the same."""
  scores = np.arange(12.0).reshape(3, 4)
  scores[2, 1] = np.nan
  queries = small_world.queries_knowing([[], [], known])
  with pytest.raises(ValueError, match=r'video 1 for user 12 is no number'):
    fixed(scores)(queries, 2)


@pytest.mark.parametrize('at_once', [1, 29, 29 * 4 + 5, 29 * 13])
def test_blocks_equal_one(monkeypatch, at_once):
  queries = small_world.queries_knowing(KNOWN)
  want = fixed(COARSE)(queries, 7)
  asked = []

  def score(some):
    asked.append(some.users.tolist())
    return COARSE[some.users - 10]

  monkeypatch.setattr(top_k, '_SCORES_AT_ONCE', at_once)
  found = top_k.by_scores(score, 29)(queries, 7)
  np.testing.assert_array_equal(found.ids, want.ids)
  np.testing.assert_array_equal(found.scores, want.scores)
  rows = max(1, at_once // 29)
  assert [len(users) for users in asked[:-1]] == [rows] * (len(asked) - 1)
  assert [user for users in asked for user in users] == list(range(10, 23))


def test_the_scores_are_not_written_to():
  own = COARSE.copy()
  found = top_k.by_scores(lambda q: own, 29)(
    small_world.queries_knowing(KNOWN), 5
  )
  np.testing.assert_array_equal(own, COARSE)
  check(found, COARSE, KNOWN, 5)


def test_one_read_only_row_for_everyone():
  row = COARSE[3].copy()
  shared = np.broadcast_to(row, (13, 29))
  assert not shared.flags.writeable
  found = top_k.by_scores(lambda q: shared, 29)(
    small_world.queries_knowing(KNOWN), 5
  )
  check(found, shared, KNOWN, 5)
  np.testing.assert_array_equal(row, COARSE[3])


def test_whole_numbers_are_scores_too():
  scores = np.array([[3, 1, 3, 2], [0, 0, 5, 1]])
  known = [[0], [2, 0]]
  found = fixed(scores)(small_world.queries_knowing(known), 4)
  check(found, scores, known, 4)


def test_nobody_gets_no_list():
  found = fixed(COARSE)(small_world.queries_knowing([]), 5)
  assert found.ids.shape == found.scores.shape == (0, 5)


def test_nothing_learned_lists_the_lowest_ids():
  found = top_k.all_equal(4)(small_world.queries_knowing([[], [0, 2]]), 3)
  assert found.ids.tolist() == [[0, 1, 2], [1, 3, -1]]
  assert found.scores.tolist() == [[0.0] * 3, [0.0, 0.0, -math.inf]]
