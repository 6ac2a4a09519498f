"""The evaluation protocol: the same users, masks and measures for everyone.

Paper: Sec 4.1 and 4.2. Held-out users' first n_f months are known, the videos
watched in the others are the ground truth, lists have 5 videos.
"""

from typing import NamedTuple

import jax
import numpy as np

from dynrec_jax import metrics
from dynrec_jax.data import batches, histories, sequences
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.records import LacksDataError
from dynrec_jax.recommender import Lists, Queries, Recommender

_ROWS = 128  # queries whose truth is held as a rectangle at a time
_WIDEST = 1 << 40  # any number of watches


class Scored(NamedTuple):
  """Every query's list against its ground truth; all that measures follow from.

  Attributes:
    users: [B] int32.
    lists: see `Lists`.
    hits: [B] int32, different videos of the list that were watched later.
    truth: [B] int32, different videos that were watched later; recall is
      undefined where it is 0, and such users are skipped (A25).
  """

  users: np.ndarray
  lists: Lists
  hits: np.ndarray
  truth: np.ndarray


def evaluate(
  recommend: Recommender, queries: Queries, later: Histories, k: int
) -> Scored:
  """The lists of a recommender, and how many of each were watched.

  Paper: Sec 4.2; see `metrics`.

  Args:
    recommend: the model or a baseline.
    queries: the users.
    later: what each query's user watched afterwards, a row each: the ground
      truth, less what may be in no list (A23).
    k: length of the lists.

  Returns:
    Lists and counts.

  Raises:
    LacksDataError: if no user has a ground truth.
  """
  truths = [
    _truth(queries, later, np.arange(start, min(start + _ROWS, queries.count)))
    for start in range(0, queries.count, _ROWS)
  ]
  if not any(where.any() for _, where in truths):
    raise LacksDataError(
      'no user to evaluate has watched anything after n_f; right: more '
      'watches, or another span'
    )
  lists = recommend(queries, k)
  found = [
    _counts(lists.ids[number * _ROWS :][: len(truth[0])], *truth)
    for number, truth in enumerate(truths)
  ]
  hits, count = (np.concatenate(x) for x in zip(*found, strict=True))
  return Scored(queries.users, lists, hits, count)


def _truth(
  queries: Queries, later: Histories, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
  """[B, M] what some queries' users watched later, and what of it counts.

  As wide as the one who watched most of them, in one of a few shapes.
  """
  some, _ = histories.take_rows(later, rows)
  counts = np.diff(some.offsets)
  row = np.repeat(np.arange(len(rows)), counts)
  most = int(counts.max(initial=0))
  width = batches.bucket_size(most, _WIDEST)
  relevant, where = sequences.padded(row, some.item, len(rows), width)
  where &= ~_member(relevant, *queries.take(rows).forbidden_videos())
  return relevant, where


def summarise(hits: np.ndarray, truth: np.ndarray, k: int) -> dict[str, float]:
  """Mean precision and recall, F of the means, and the mean of F.

  Args:
    hits: [B] as `Scored` has them.
    truth: [B] as `Scored` has them; users without any are skipped (A25).
    k: length of the lists.

  Returns:
    The measures, and how many users they are of.
  """
  counted = truth > 0
  each_precision = np.asarray(metrics.precision_at_k(hits[counted], k=k))
  each_recall = np.asarray(metrics.recall_at_k(hits[counted], truth[counted]))
  precision = float(np.mean(each_precision, dtype=np.float64))
  recall = float(np.mean(each_recall, dtype=np.float64))
  return {
    'precision': precision,
    'recall': recall,
    'f_score': float(
      metrics.f_score(np.float64(precision), np.float64(recall))
    ),
    'mean_f': float(metrics.mean_f(each_precision, each_recall)),
    'users': int(counted.sum()),
    'users_without_truth': int((~counted).sum()),
  }


@jax.jit
def _counts(ids, relevant, where):
  """Hits and size of the truth, as one program: as many shapes as modes."""
  hits = metrics.hit_count(ids, relevant, where=where)
  return hits, metrics.relevant_count(relevant, where=where)


def _member(
  ids: np.ndarray, known: np.ndarray, where: np.ndarray
) -> np.ndarray:
  """[B, M] bool, whether each id is among its row's known ones."""
  out = np.zeros(ids.shape, bool)
  for row in range(len(ids)):
    out[row] = np.isin(ids[row], known[row, where[row]])
  return out
