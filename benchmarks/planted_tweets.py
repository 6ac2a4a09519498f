"""Tweets drawn by TwitterLDA's own story: the truth is known."""

import numpy as np

from dynrec_jax.topics.tweet_blocks import TweetCorpus

_ZIPF = 0.9
_TOPIC_SHARE = 0.7
_USER_CONCENTRATION = 0.1


def planted_tweets(
  seed: int,
  *,
  tweet_count: int,
  word_count: int,
  user_count: int,
  topic_count: int,
  day_count: int,
  mean_length: float,
  size_ratio: float = 1.0,
) -> tuple[TweetCorpus, np.ndarray]:
  """A corpus from known topics, for tests and timings.

  Every topic has the same Zipf frequencies over words in an order of its own;
  the background has them too. A user's topics come from a Dirichlet law of
  concentration 0.1, 70 % of the words from topics, one word at least a tweet.

  Args:
    seed: of everything.
    tweet_count: tweets, spread evenly over users and days.
    word_count: V.
    user_count: U.
    topic_count: K.
    day_count: days.
    mean_length: words a tweet.
    size_ratio: how many times the tweets of the smallest topic the largest
      one has; those between stand in geometric progression.

  Returns:
    The corpus in order of days, and phi [K, V].
  """
  rng = np.random.default_rng(seed)
  zipf = np.arange(1, word_count + 1) ** -_ZIPF
  zipf /= zipf.sum()
  rank = np.stack([rng.permutation(word_count) for _ in range(topic_count)])
  sizes = size_ratio ** -np.linspace(0, 1, topic_count)
  theta = rng.dirichlet(_USER_CONCENTRATION * sizes / sizes.mean(), user_count)
  user = rng.integers(0, user_count, tweet_count).astype(np.int32)
  topic = _topics(rng, np.cumsum(theta, axis=1), user)
  lengths = 1 + rng.poisson(mean_length - 1, tweet_count)
  offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
  cumulative = np.cumsum(zipf)
  word = np.searchsorted(cumulative / cumulative[-1], rng.random(offsets[-1]))
  word = word.astype(np.int32)
  owned = np.flatnonzero(rng.random(offsets[-1]) < _TOPIC_SHARE)
  word[owned] = rank[np.repeat(topic, lengths)[owned], word[owned]]
  day = np.sort(rng.integers(0, day_count, tweet_count)).astype(np.int32)
  phi = np.empty((topic_count, word_count))
  np.put_along_axis(phi, rank, zipf[None], axis=1)
  return TweetCorpus(user, day, offsets, word), phi


def _topics(rng, cumulative, user):
  """One topic per tweet from its user's law."""
  topic = np.empty(len(user), np.int64)
  for start in range(0, len(user), 1 << 16):
    rows = slice(start, start + (1 << 16))
    uniform = rng.random(len(user[rows]))[:, None]
    topic[rows] = (cumulative[user[rows]] < uniform).sum(1)
  return np.minimum(topic, cumulative.shape[1] - 1)
