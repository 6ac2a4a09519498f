"""SCA: from what users tweet about to what they watch, by a learned map."""

from typing import NamedTuple

import numpy as np
import scipy.sparse

from dynrec_jax.baselines import joint_mf, matrices, top_k, tweet_profiles
from dynrec_jax.data import histories
from dynrec_jax.recommender import CannotFit, Queries, Recommender, Seen

VARIANTS = ('joint_mf', 'topic_ridge')


class Settings(NamedTuple):
  """Which map, and how it is learned.

  Attributes:
    variant: 'joint_mf', to factors of videos that are learned with it, or
      'topic_ridge', to the videos' topics.
    factors: of joint_mf, numbers per video.
    negatives: of joint_mf, zeros for each watch.
    regularization: of joint_mf, in units of a watch's error.
    ridge: of topic_ridge, in users.
  """

  variant: str = 'joint_mf'
  factors: int = 32
  negatives: float = 20.0
  regularization: float = 1.0
  ridge: float = 1.0


def fit(seen: Seen, settings: Settings) -> Recommender:
  """Recommends what users who tweet about the same watch.

  Paper: Table 2, row SCA, the method of Yan et al. (ICMR 2015): preferences are
    carried from Twitter to YouTube by an association that users of both teach.
  Differs: its text was not at hand. `variant` offers two readings (A37):
    joint_mf scores t_u' W q_v, W and Q as `joint_mf.joint_mf` finds them;
    topic_ridge scores cos(t_u W, theta_v), W = (T'T + ridge I)^-1 T'Y, with a
    train user's mean tweet topics in a row of T and the mean topics of the
    videos that the same user watched in that of Y. The later stage, which adds
    what a user watched, falls away: nothing is known of that here.

  t_u is the mean topic vector of all tweets of a train user, and of a query's
  until its time.

  Args:
    seen: train users' tweets and watches; for topic_ridge the videos' topics.
    settings: which map.

  Returns:
    The recommender. A user whose tweets have no topic scores 0 everywhere.

  Raises:
    ValueError: an unknown variant.
    CannotFit: no tweet has a topic; no video has one, for topic_ridge.
  """
  if settings.variant not in VARIANTS:
    raise ValueError(
      f'variant is {settings.variant!r}; valid are {", ".join(VARIANTS)}'
    )
  tweet_profiles.require_topics(seen)
  rows, _ = histories.take_rows(seen.behaviours, seen.train_users)
  about = tweet_profiles.mean_topics(rows, seen.topics)
  watches = matrices.of_train_users(seen)
  if settings.variant == 'topic_ridge':
    return _by_video_topics(seen, about, watches, settings.ridge)
  found = joint_mf.joint_mf(
    about.toarray(),
    watches,
    factors=settings.factors,
    negatives=settings.negatives,
    regularization=settings.regularization,
    seed=seen.seed,
  )
  transfer, videos = (np.asarray(x, np.float64) for x in found)
  by_topic = transfer @ videos.T  # [K, V]
  return top_k.by_scores(
    lambda queries: _about(queries) @ by_topic, seen.video_count
  )


def _by_video_topics(
  seen: Seen,
  about: scipy.sparse.csr_matrix,
  watches: scipy.sparse.csr_matrix,
  ridge: float,
) -> Recommender:
  """The variant topic_ridge."""
  if seen.video_topics is None or not seen.video_topics.any():
    raise CannotFit(
      f'none of the {seen.video_count} videos has a topic; right: videos with '
      'texts or visual features that the topic model reads'
    )
  told = seen.video_topics.any(axis=1)
  taste = watches @ seen.video_topics.astype(np.float64)
  taste /= np.maximum(watches @ told, 1)[:, None]
  transfer = ridge_map(about.toarray(), taste, ridge)
  videos = _unit(seen.video_topics.astype(np.float64)).T.tocsr()

  def score(queries: Queries) -> np.ndarray:
    return (_unit(_about(queries) @ transfer) @ videos).toarray()

  return top_k.by_scores(score, seen.video_count)


def ridge_map(inputs: np.ndarray, outputs: np.ndarray, ridge: float):
  """[K, L] W with the least |inputs W - outputs|^2 + ridge |W|^2.

  Rows without any input or any output are not there.
  """
  told = inputs.any(axis=1) & outputs.any(axis=1)
  inputs, outputs = inputs[told], outputs[told]
  square = inputs.T @ inputs + ridge * np.eye(inputs.shape[1])
  return np.linalg.solve(square, inputs.T @ outputs)


def _unit(rows: np.ndarray) -> scipy.sparse.csr_matrix:
  """The rows at unit length."""
  return tweet_profiles.unit_rows(scipy.sparse.csr_matrix(rows))


def _about(queries: Queries) -> scipy.sparse.csr_matrix:
  """t_u of each query."""
  return tweet_profiles.mean_topics(queries.behaviours, queries.topics)
