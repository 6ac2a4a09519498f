"""The same list for everyone: what most people watched."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class PopularityRecommender(NamedTuple):
  """Recommends the k most popular videos that are not excluded.

  Paper: Tables 1 and 2, row Popularity.

  Attributes:
    order: [V] int32, the catalogue's ids, most popular first.
  """

  order: np.ndarray

  def recommend(
    self,
    histories: Sequence[np.ndarray],
    k: int,
    exclude: Sequence[np.ndarray] | None = None,
  ) -> np.ndarray:
    """Lists for a batch of users.

    Args:
      histories: per user the ids of the videos known to be watched; only
        their number is read.
      k: the lists' length.
      exclude: per user the ids not to recommend; None excludes none.

    Returns:
      [B, k] int32 video ids; -1 where a user has fewer than k videos left.

    Raises:
      ValueError: `exclude` is for another number of users.
    """
    if exclude is None:
      exclude = [np.zeros(0, np.int32)] * len(histories)
    lists = np.full((len(histories), k), -1, np.int32)
    for row, excluded in zip(lists, exclude, strict=True):
      # At most all that is excluded stands before the k-th allowed video.
      head = self.order[: k + len(excluded)]
      allowed = head[~np.isin(head, excluded)][:k]
      row[: len(allowed)] = allowed
    return lists


def popularity_by_watchers(
  user: np.ndarray, video: np.ndarray, video_count: int
) -> PopularityRecommender:
  """Popularity as the number of different users who watched a video.

  Args:
    user: [n] whose watch each is; train users only.
    video: [n] the video watched, in [0, video_count).
    video_count: the catalogue's size V.

  Returns:
    The recommender; ties go to the lower id, videos nobody watched come last.

  Raises:
    ValueError: a video id is outside the catalogue.
  """
  outside = (video < 0) | (video >= video_count)
  if outside.any():
    raise ValueError(
      f'watch {outside.argmax()} has video id {video[outside.argmax()]},'
      f' expected 0 to {video_count - 1}'
    )
  pairs = np.unique(np.stack([video, user]), axis=1)
  return _by_score(np.bincount(pairs[0], minlength=video_count))


def popularity_by_view_count(view_count: np.ndarray) -> PopularityRecommender:
  """Popularity as the view count that the catalogue itself gives.

  Differs: the printed precision, twice that of Random, suggests that the
    paper ranked by this metadata and not by the watches at hand.

  Args:
    view_count: [V], negative where unknown.

  Returns:
    The recommender; ties go to the lower id, unknown counts come last.

  Raises:
    ValueError: not one count is known.
  """
  if not (view_count >= 0).any():
    raise ValueError(
      f'none of the {len(view_count)} videos has a view_count: give them, or'
      ' rank by watchers'
    )
  return _by_score(np.maximum(view_count, -1))


def _by_score(score):
  order = np.argsort(-score.astype(np.int64), kind='stable')
  return PopularityRecommender(order.astype(np.int32))
