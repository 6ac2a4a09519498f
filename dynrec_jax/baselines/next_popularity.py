"""The same list for everyone: what people watched once n_f was over."""

import numpy as np

from dynrec_jax.baselines import matrices, top_k
from dynrec_jax.recommender import Recommender, Seen


def fit(seen: Seen) -> Recommender:
  """Recommends the k most popular videos of the period that is predicted.

  Differs: not in the paper. Train users' rows are whole, so how popular a video
  is after n_f is known; popularity of the whole span counts much that is past.

    score(i) = |{u trains: u watched i after n_f}|

  Args:
    seen: train users' watches after n_f.

  Returns:
    The recommender; ties go to the lower id.

  Raises:
    CannotFit: no train user watched anything after n_f.
  """
  score = np.asarray(matrices.halves(seen).later.sum(axis=0)).ravel()
  return top_k.by_scores(
    lambda queries: np.broadcast_to(score, (queries.count, len(score))),
    len(score),
  )
