"""From scores of all videos to lists: masks, ties and -1, for all methods."""

from collections.abc import Callable

import numpy as np

from dynrec_jax.recommender import CannotFit, Lists, Queries, Recommender

_SCORES_AT_ONCE = 1 << 24  # rows times videos


def by_scores(
  score: Callable[[Queries], np.ndarray], video_count: int
) -> Recommender:
  """The k videos that score highest, ties to the lower id.

  Args:
    score: B queries -> [B, V] numbers. -inf keeps a video out of a list.
    video_count: V.

  Returns:
    The recommender. It asks for the scores of some queries at a time.

  Raises:
    CannotFit: when it is asked and a score is NaN.
  """

  def recommend(queries: Queries, k: int) -> Lists:
    rows = max(1, _SCORES_AT_ONCE // max(1, video_count))
    ids = np.full((queries.count, k), -1, np.int32)
    scores = np.full((queries.count, k), -np.inf, np.float32)
    for start in range(0, queries.count, rows):
      block = slice(start, start + rows)
      some = queries.take(block)
      ids[block], scores[block] = _top(score(some), some, k)
    return Lists(ids, scores)

  return recommend


def all_equal(video_count: int) -> Recommender:
  """The k lowest ids that are allowed: of a method with nothing to learn from.

  Args:
    video_count: V.

  Returns:
    The recommender; all scores are 0.
  """
  return by_scores(
    lambda queries: np.zeros((queries.count, video_count), np.float32),
    video_count,
  )


def _top(scores: np.ndarray, queries: Queries, k: int):
  """[B, k] ids and scores of the best that are allowed."""
  if np.isnan(scores).any():
    row, video = np.argwhere(np.isnan(scores))[0]
    raise CannotFit(
      f'the score of video {video} for user {queries.users[row]} is no number'
    )
  scores = np.array(scores, np.result_type(scores, np.float32))  # a copy
  known, where = queries.forbidden_videos()
  row, place = np.nonzero(where)
  scores[row, known[row, place]] = -np.inf
  count = min(k, scores.shape[1])
  chosen = best(scores, count)
  ids = np.full((len(scores), k), -1, np.int32)
  values = np.full((len(scores), k), -np.inf, np.float32)
  found = np.take_along_axis(scores, chosen, axis=1)
  left = found > -np.inf
  ids[:, :count] = np.where(left, chosen, -1)
  values[:, :count] = found
  return ids, values


def best(scores: np.ndarray, count: int) -> np.ndarray:
  """[B, count] places of the largest, largest first, ties to the left."""
  if not count:
    return np.zeros((len(scores), 0), np.int64)
  # Only those above the count-th value, and the first ones equal to it, are
  # sorted: a sort of everything costs ten times as much.
  border = np.partition(scores, -count, axis=1)[:, -count, None]
  above = scores > border
  equal = scores == border
  room = count - above.sum(axis=1, keepdims=True)
  kept = above | (equal & (np.cumsum(equal, axis=1) <= room))
  places = np.nonzero(kept)[1].reshape(len(scores), count)
  values = np.take_along_axis(scores, places, axis=1)
  order = np.argsort(-values, axis=1, kind='stable')
  return np.take_along_axis(places, order, axis=1)
