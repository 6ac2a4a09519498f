"""MKNN: videos of the train users whose tweets are most alike."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.sparse

from dynrec_jax.baselines import matrices, top_k, tweet_profiles
from dynrec_jax.data import histories
from dynrec_jax.data.histories import Histories
from dynrec_jax.recommender import Queries, Recommender, Seen

PROFILES = ('topics', 'tfidf')
# Cosines are whole numbers of this, so that users equally near are so whatever
# the rounding of their means, and sums of cosines do not depend on an order.
_UNIT = 1e-6


class Settings(NamedTuple):
  """Who is near.

  Attributes:
    neighbours: train users that a list is made of.
    profile: what users are compared by: their tweets' mean 'topics', or the
      'tfidf' of all their tweets as one document.
  """

  neighbours: int = 50
  profile: str = 'topics'


# B users' tweets, the topics, the tweets' texts -> [B, W], rows of unit length.
_Profiler = Callable[
  [Histories, np.ndarray, np.ndarray | None], scipy.sparse.csr_matrix
]


def fit(seen: Seen, settings: Settings) -> Recommender:
  """Recommends what the nearest train users watched.

  Paper: Table 2, row MKNN: user-based neighbours, in the other network.
    score(v) = sum over the nearest n of cos(p_u, p_n) * 1[n watched v].
  Differs: which features of tweets MKNN compares is not printed; `profile`
    offers two.

  Train users' tweets are those of the whole span, a query's end at its time.
  Of users equally near, those that come first in `train_users` are taken.

  Args:
    seen: train users' tweets and watches.
    settings: who is near.

  Returns:
    The recommender. A user whose tweets say nothing is near to no one: all
    scores are 0.

  Raises:
    ValueError: an unknown profile, or no neighbour.
    CannotFit: no tweet has a topic, or none a text.
  """
  if settings.neighbours < 1:
    raise ValueError(
      f'neighbours is {settings.neighbours}; it must be 1 or more'
    )
  profile = _profiler(seen, settings.profile)
  rows, index = histories.take_rows(seen.behaviours, seen.train_users)
  texts = None if seen.texts is None else seen.texts[index]
  trains = profile(rows, seen.topics, texts).T.tocsr()
  watches = matrices.of_train_users(seen)

  def score(queries: Queries) -> np.ndarray:
    profiles = profile(queries.behaviours, queries.topics, queries.texts)
    alike = np.rint((profiles @ trains).toarray() / _UNIT)
    return (_nearest(alike, settings.neighbours) @ watches).toarray() * _UNIT

  return top_k.by_scores(score, seen.video_count)


def _profiler(seen: Seen, profile: str) -> _Profiler:
  """How users are described."""
  if profile == 'topics':
    tweet_profiles.require_topics(seen)
    return lambda tweets, topics, texts: tweet_profiles.unit_rows(
      tweet_profiles.mean_topics(tweets, topics)
    )
  if profile != 'tfidf':
    raise ValueError(f'profile is {profile!r}; valid are {", ".join(PROFILES)}')
  tweet_profiles.require_texts(seen)
  rows, index = histories.take_rows(seen.behaviours, seen.train_users)
  words = tweet_profiles.fit_words(
    tweet_profiles.tweet_documents(rows, seen.texts[index])
  )
  return lambda tweets, topics, texts: words.transform(
    tweet_profiles.tweet_documents(tweets, texts)
  )


def _nearest(alike: np.ndarray, count: int) -> scipy.sparse.csr_matrix:
  """[B, n] with the largest `count` similarities of each row alone."""
  nearest = top_k.best(alike, min(count, alike.shape[1]))
  values = np.take_along_axis(alike, nearest, axis=1)
  ends = np.arange(len(alike) + 1) * nearest.shape[1]
  return scipy.sparse.csr_matrix(
    (values.ravel(), nearest.ravel(), ends), shape=alike.shape
  )
