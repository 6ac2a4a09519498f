"""A linear map from what is watched before n_f to what is watched after it."""

from typing import NamedTuple

import numpy as np
from scipy import linalg, sparse

from dynrec_jax.baselines import matrices, top_k
from dynrec_jax.recommender import Queries, Recommender, Seen


class Settings(NamedTuple):
  """How small the weights are kept.

  Attributes:
    regularization: lambda below, above 0; in watches.
  """

  regularization: float = 100.0


def fit(seen: Seen, settings: Settings) -> Recommender:
  """Recommends by ridge regression of train users' later on earlier watches.

  Differs: not in the paper. With X [n, V] train users' watches before n_f, Y
  [n, V] those after it, m the means of Y and h a query's known watches,

    score = m + h (X'X + lambda I)^-1 X' (Y - m),

  the minimum over W of |Y - m - XW|^2 + lambda |W|^2. Without history it is m.

  Args:
    seen: train users' watches before and after n_f.
    settings: lambda.

  Returns:
    The recommender; ties go to the lower id.

  Raises:
    ValueError: lambda is not above 0.
    CannotFit: no train user watched anything after n_f.
  """
  if not settings.regularization > 0:
    raise ValueError(
      f'regularization is {settings.regularization}; it must be above 0'
    )
  earlier, later = matrices.halves(seen)
  mean = np.asarray(later.mean(axis=0)).ravel()
  weights = ridge_weights(
    earlier, later.toarray() - mean, settings.regularization
  )

  def score(queries: Queries) -> np.ndarray:
    return mean + matrices.of_queries(queries, len(mean)) @ weights

  return top_k.by_scores(score, len(mean))


def ridge_weights(
  inputs: sparse.csr_matrix, targets: np.ndarray, regularization: float
) -> np.ndarray:
  """(X'X + lambda I)^-1 X'Y, by way of the smaller of X'X and XX'.

  Args:
    inputs: X [n, V].
    targets: Y [n, W].
    regularization: lambda.

  Returns:
    [V, W].
  """
  row_count, column_count = inputs.shape
  if row_count > column_count:
    gram = _regularized(inputs.T @ inputs, regularization)
    return linalg.solve(gram, inputs.T @ targets, assume_a='pos')
  # X'(XX' + lambda I)^-1 is the same map.
  gram = _regularized(inputs @ inputs.T, regularization)
  return inputs.T @ linalg.solve(gram, targets, assume_a='pos')


def _regularized(gram: sparse.csr_matrix, regularization: float) -> np.ndarray:
  """A gram matrix, dense, with lambda on its diagonal."""
  gram = gram.toarray()
  gram[np.diag_indices_from(gram)] += regularization
  return gram
