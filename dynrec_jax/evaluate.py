"""The evaluation protocol: the same users, masks and measures for everyone.

Paper: Sec 4.1 and 4.2. Held-out users' first n_f months are known, the videos
watched in the others are the ground truth, lists have 5 videos.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from dynrec_jax import metrics
from dynrec_jax.data import sequences
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.sequences import Samples


class Queries(NamedTuple):
  """Users to recommend to, and what is known of them.

  Attributes:
    samples: one row per user: what is known ends at `samples.time`.
    watches: histories that the samples' known videos stand in.
    behaviours: what interests are made of; the watches, or tweets.
  """

  samples: Samples
  watches: Histories
  behaviours: Histories

  def known_videos(self) -> tuple[np.ndarray, np.ndarray]:
    """[B, M] int32 known videos, padded with 0, and their [B, M] mask."""
    row, index = sequences.history_indices(self.samples)
    return sequences.padded(
      row, self.watches.item[index], len(self.samples.user)
    )


# Queries, known videos [B, M] that no list may hold and their mask, k ->
# [B, k] int32 video ids, best first, -1 where no video is left.
Recommender = Callable[[Queries, np.ndarray, np.ndarray, int], np.ndarray]


class UserScores(NamedTuple):
  """Scores of the users that have a ground truth.

  Attributes:
    user: [n] int32.
    precision: [n] float.
    recall: [n] float.
    skipped: users without a ground truth, whose recall is undefined (A25).
  """

  user: np.ndarray
  precision: np.ndarray
  recall: np.ndarray
  skipped: int


def evaluate(
  recommend: Recommender, queries: Queries, *, k: int, mask_history: bool
) -> UserScores:
  """Precision and recall at k of every user.

  Paper: Sec 4.2; see `metrics`.

  Args:
    recommend: the model or a baseline.
    queries: the users; videos after `samples.time` are the ground truth.
    k: length of the lists.
    mask_history: keep known videos out of lists and ground truth (A23).

  Returns:
    The scores.

  Raises:
    ValueError: if no user has a ground truth.
  """
  row, target = sequences.targets_of(queries.samples, queries.watches)
  relevant, where = sequences.padded(row, target, len(queries.samples.user))
  known, known_where = queries.known_videos()
  if mask_history:
    where &= ~_member(relevant, known, known_where)
  else:
    known_where = np.zeros_like(known_where)
  counted = where.any(axis=1)
  if not counted.any():
    raise ValueError('no user to evaluate has watched anything after n_f')
  ids = recommend(queries, known, known_where, k)
  precision = metrics.precision_at_k(ids, relevant, where=where)
  recall = metrics.recall_at_k(ids, relevant, where=where)
  return UserScores(
    queries.samples.user[counted],
    np.asarray(precision)[counted],
    np.asarray(recall)[counted],
    int(np.sum(~counted)),
  )


def summarise(scores: UserScores) -> dict[str, float]:
  """Mean precision and recall, F of the means, and the mean of F."""
  precision = float(np.mean(scores.precision, dtype=np.float64))
  recall = float(np.mean(scores.recall, dtype=np.float64))
  return {
    'precision': precision,
    'recall': recall,
    'f_score': float(
      metrics.f_score(np.float64(precision), np.float64(recall))
    ),
    'mean_f': float(metrics.mean_f(scores.precision, scores.recall)),
    'users': len(scores.user),
    'users_without_truth': scores.skipped,
  }


def _member(
  ids: np.ndarray, known: np.ndarray, where: np.ndarray
) -> np.ndarray:
  """[B, M] bool, whether each id is among its row's known ones."""
  out = np.zeros(ids.shape, bool)
  for row in range(len(ids)):
    out[row] = np.isin(ids[row], known[row, where[row]])
  return out
