"""Videos that were watched by the same users as those of the history."""

import warnings
from typing import NamedTuple

import numpy as np

from dynrec_jax.baselines import matrices, top_k
from dynrec_jax.recommender import Queries, Recommender, Seen


class Settings(NamedTuple):
  """How far similarity reaches.

  Attributes:
    neighbours: K, the most similar videos that a video speaks for, itself the
      first of them.
  """

  neighbours: int = 100


def fit(seen: Seen, settings: Settings) -> Recommender:
  """Recommends by item-based nearest neighbours (Karypis, CIKM 2001).

  Paper: Table 1, row KNN. Over all watches that may be seen, with U(i) those
  who watched i and h a query's known videos,

    score(i) = sum over j in h of sim(j, i),
    sim(j, i) = |U(j) and U(i)| / sqrt(|U(j)| |U(i)|),

  and 0 where i is none of the K most similar to j.

  Differs: the paper does not tell K or the similarity; Karypis has both cosine
  and conditional probability.

  Args:
    seen: all watches: train users' whole year, others' up to n_f.
    settings: K.

  Returns:
    The recommender; ties go to the lower id.
  """
  from implicit import nearest_neighbours
  from implicit.utils import ParameterWarning

  video_count = seen.video_count
  neighbours = nearest_neighbours.CosineRecommender(
    K=settings.neighbours, num_threads=1
  )
  with warnings.catch_warnings():
    # It hands itself a matrix of another layout than it asks for.
    warnings.simplefilter('ignore', ParameterWarning)
    neighbours.fit(matrices.of_everyone(seen), show_progress=False)
  similarity = neighbours.similarity

  def score(queries: Queries) -> np.ndarray:
    known = matrices.of_queries(queries, video_count)
    return (known @ similarity).toarray()

  return top_k.by_scores(score, video_count)
