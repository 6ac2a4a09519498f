"""A linear map from a user's watches to the same, no video to itself."""

from typing import NamedTuple

import numpy as np
from scipy import linalg

from dynrec_jax.baselines import matrices, top_k
from dynrec_jax.recommender import Queries, Recommender, Seen


class Settings(NamedTuple):
  """How small the weights are kept.

  Attributes:
    regularization: lambda below, above 0; in watches.
  """

  regularization: float = 300.0


def fit(seen: Seen, settings: Settings) -> Recommender:
  """Recommends by EASE (Steck, WWW 2019), a linear autoencoder.

  Differs: not in the paper. With X [U, V] all watches that may be seen and h a
  query's,

    score = h B,  B = I - P diag(1 / P),  P = (X'X + lambda I)^-1,

  the minimum of |X - XB|^2 + lambda |B|^2 over B with a diagonal of zeros.

  Args:
    seen: all watches: train users' whole year, others' up to n_f.
    settings: lambda.

  Returns:
    The recommender; ties go to the lower id.

  Raises:
    ValueError: lambda is not above 0.
  """
  if not settings.regularization > 0:
    raise ValueError(
      f'regularization is {settings.regularization}; it must be above 0'
    )
  watched = matrices.of_everyone(seen)
  gram = (watched.T @ watched).toarray()
  diagonal = np.diag_indices_from(gram)
  gram[diagonal] += settings.regularization
  weights = linalg.inv(gram, overwrite_a=True)
  weights /= -np.diag(weights).copy()  # columns
  weights[diagonal] = 0

  def score(queries: Queries) -> np.ndarray:
    return matrices.of_queries(queries, len(weights)) @ weights

  return top_k.by_scores(score, len(weights))
