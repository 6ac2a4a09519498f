"""Latent factors of users and videos: what watches are products of."""

from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from dynrec_jax.baselines import biased_factors, matrices, top_k
from dynrec_jax.recommender import Queries, Recommender, Seen

VARIANTS = ('als', 'biased_sgd')


class Settings(NamedTuple):
  """Which factorisation, and how it is found.

  Attributes:
    variant: 'als' or 'biased_sgd'.
    factors: D, numbers of a user and of a video.
    regularization: lambda below, of 'als'; it takes as much from the matrix's
      singular values where c is 1, so that a large one leaves nothing.
    confidence: c below, of 'als': the weight of a watch; no watch has 1.
    rounds: of 'als', in each of them users, then videos.
    sgd: all else of 'biased_sgd'.
  """

  variant: str = 'als'
  factors: int = 64
  regularization: float = 20.0
  confidence: float = 1.0
  rounds: int = 15
  sgd: biased_factors.Settings = biased_factors.Settings()


def fit(seen: Seen, settings: Settings) -> Recommender:
  """Recommends by a factorisation of who watched what.

  Paper: Table 1, row LFM, Koren's latent factors; see `biased_factors` for
  the variant that is nearer to the name.
  Differs: 'als' is Hu, Koren and Volinsky (ICDM 2008), as watches are implicit
  feedback: the minimum by alternating least squares of

    sum over all u, i of c_ui (r_ui - p_u . q_i)^2
      + lambda (sum_u |p_u|^2 + sum_i |q_i|^2),

  r_ui = 1, c_ui = c of a watch, r_ui = 0, c_ui = 1 of none. It may well do
  better than the printed LFM. A query's p is solved for from what is known of
  it, not looked up, so that it need not be among the users of the fit.

  Args:
    seen: all watches: train users' whole year, others' up to n_f.
    settings: see there.

  Returns:
    The recommender, score(i) = p . q_i; without history all scores are equal.
    Ties go to the lower id.

  Raises:
    ValueError: an unknown variant.
  """
  if settings.variant not in VARIANTS:
    raise ValueError(
      f'variant is {settings.variant!r}; valid are {", ".join(VARIANTS)}'
    )
  if settings.variant == 'biased_sgd':
    return biased_factors.fit(seen, settings.factors, settings.sgd)
  return _als(seen, settings)


def _als(seen: Seen, settings: Settings) -> Recommender:
  """See `fit`."""
  from implicit.cpu.als import AlternatingLeastSquares

  video_count = seen.video_count
  # One thread each: the same bits on any number of cores, and it is faster.
  with threadpool_limits(1, 'blas'):
    model = AlternatingLeastSquares(
      factors=settings.factors,
      regularization=settings.regularization,
      alpha=settings.confidence,
      iterations=settings.rounds,
      num_threads=1,
      random_state=seen.seed,
    )
    model.fit(matrices.of_everyone(seen), show_progress=False)

  def score(queries: Queries) -> np.ndarray:
    known = matrices.of_queries(queries, video_count)
    scores = np.zeros((queries.count, video_count), np.float32)
    with threadpool_limits(1, 'blas'):
      users = model.recalculate_user(queries.users, known)
      # A product for each: one of all rounds by how many there are.
      for row, user in zip(scores, users, strict=True):
        np.dot(model.item_factors, user, out=row)
    return scores

  return top_k.by_scores(score, video_count)
