"""What train users watched after n_f who had watched the same before it."""

from typing import NamedTuple

import numpy as np

from dynrec_jax.baselines import matrices, top_k
from dynrec_jax.recommender import Queries, Recommender, Seen


class Settings(NamedTuple):
  """How far a share of few watchers is believed.

  Attributes:
    shrinkage: s below, in watchers; 0 believes all.
  """

  shrinkage: float = 20.0


def fit(seen: Seen, settings: Settings) -> Recommender:
  """Recommends what followed on each of the videos that a user watched.

  Differs: not in the paper. Of train users, with a query's known videos h,

    score(i) = m(i) + sum over j in h of n(j, i) / (n(j) + s),

  n(j) watched j before n_f, n(j, i) of them i after it, and m(i) is the share
  of all that watched i after it: alone it ranks for those without history.

  Args:
    seen: train users' watches before and after n_f.
    settings: s.

  Returns:
    The recommender; ties go to the lower id.

  Raises:
    CannotFit: no train user watched anything after n_f.
  """
  earlier, later = matrices.halves(seen)
  watchers = np.asarray(earlier.sum(axis=0)).ravel()
  # What nobody watched before n_f has an empty row: anything but 0 divides it.
  share = 1 / np.maximum(watchers + settings.shrinkage, 1e-9)
  follows = (earlier.T @ later).multiply(share[:, None]).tocsr()
  mean = np.asarray(later.mean(axis=0)).ravel()

  def score(queries: Queries) -> np.ndarray:
    known = matrices.of_queries(queries, len(mean))
    return mean + (known @ follows).toarray()

  return top_k.by_scores(score, len(mean))
