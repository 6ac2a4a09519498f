"""TwitterLDA (Zhao et al. 2011) by parallel blocked Gibbs sampling.

phi_B ~ Dir(beta), phi_k ~ Dir(beta), pi ~ Beta(gamma, gamma),
theta_u ~ Dir(alpha). Each tweet draws one topic z ~ theta_u; each of its words
draws y ~ Bernoulli(pi) and comes from phi_z if y = 1, from phi_B if y = 0.

A sweep draws all parameters from their Dirichlet and Beta posteriors, then the
topics of all tweets with y summed out, then all y. Given the parameters the
tweets are independent, so a sweep has no order among tweets and is exact.
"""

import functools
from typing import NamedTuple

import jax
import numpy as np

from dynrec_jax.topics.blocked_gibbs import Concentration, run_sweeps
from dynrec_jax.topics.tweet_blocks import (
  NO_TOPIC,
  WIDTHS,
  PackedTweets,
  TweetCorpus,
  check_corpus,
  pack_tweets,
)


class Hyperparameters(NamedTuple):
  """Sizes and prior strengths.

  Attributes:
    topic_count: K.
    alpha: Dirichlet concentration of a user's topics, per topic.
    beta: Dirichlet concentration of a topic's words and of the background's,
      per word.
    gamma: Beta concentration of the word switch, per side.
  """

  topic_count: int
  alpha: float
  beta: float
  gamma: float


# The values of the authors' program; the paper at hand sets K = 100.
REFERENCE = Hyperparameters(topic_count=100, alpha=0.5, beta=0.01, gamma=20.0)


class TopicCounts(NamedTuple):
  """Sufficient statistics of assigned tweets: all that a later day needs.

  Attributes:
    topic_word: [V, K] float32, words drawn from a topic.
    background: [V] float32, words drawn from the background.
    user_topic: [U, K] float32, tweets.
  """

  topic_word: np.ndarray
  background: np.ndarray
  user_topic: np.ndarray


class TopicFit(NamedTuple):
  """What a run of sweeps gives.

  Attributes:
    topic: [n] int16, the frozen topic of each tweet; NO_TOPIC without words.
    counts: statistics of these tweets alone, without the prior.
  """

  topic: np.ndarray
  counts: TopicCounts


def empty_counts(
  hyper: Hyperparameters, *, word_count: int, user_count: int
) -> TopicCounts:
  """The statistics of no tweets."""
  k = hyper.topic_count
  return TopicCounts(
    np.zeros((word_count, k), np.float32),
    np.zeros(word_count, np.float32),
    np.zeros((user_count, k), np.float32),
  )


def fit_tweets(
  corpus: TweetCorpus,
  prior: TopicCounts,
  hyper: Hyperparameters,
  *,
  key: jax.Array,
  sweep_count: int,
  start: TopicCounts | None = None,
  mode_count: int = 10,
  block_size: int = 2048,
  widths: tuple[int, ...] = WIDTHS,
) -> TopicFit:
  """Assigns a topic to every tweet, given the statistics of earlier ones.

  Paper: Sec. 3.2 uses the model; its sampler and schedule are not given.
  The first draw of the parameters comes from what the earlier tweets and the
  start say; without either the topics start at random, and then a chain of
  short texts keeps some true topics in one: see `tweet_start.find_start`.

  Args:
    corpus: tweets to assign, all at once.
    prior: statistics of tweets whose topics are already fixed; they weigh as
      much as the tweets at hand.
    hyper: sizes and prior strengths.
    key: a threefry2x32 key; equal keys and tweets give equal topics.
    sweep_count: Gibbs sweeps.
    start: statistics of some of these tweets, which the first draw of the
      parameters reads and later ones do not; None is none.
    mode_count: a tweet's topic is the most frequent of this many last draws,
      the lowest topic of those that tie.
    block_size: tweets a block: speed. Draws are numbered by place, so another
      size gives another, equally good assignment.
    widths: see `pack_tweets`; likewise.

  Returns:
    Topics and the statistics of these tweets. The words' sides (topic or
    background) are one draw given the frozen topics.

  Raises:
    ValueError: a word or user id outside the prior's tables, a key of another
      kind, or fewer sweeps than draws to take the mode of.
  """
  word_count, user_count = len(prior.background), len(prior.user_topic)
  check_corpus(corpus, word_count=word_count, user_count=user_count)
  if jax.random.key_data(key).shape != (2,):
    raise ValueError(
      "key must be of jax.random.key(seed, impl='threefry2x32'); got "
      f'{jax.random.key_impl(key)}'
    )
  if not 1 <= mode_count <= sweep_count:
    raise ValueError(
      f'mode_count {mode_count} must be in [1, sweep_count={sweep_count}]'
    )
  counts = empty_counts(hyper, word_count=word_count, user_count=user_count)
  topic = np.full(len(corpus.user), NO_TOPIC, np.int16)
  if not len(corpus.words):
    return TopicFit(topic, counts)
  first = start is None and not prior.user_topic.any()
  packed = pack_tweets(corpus, block_size=block_size, widths=widths)
  drawn, *found = run_sweeps(
    key,
    prior_concentration(prior, hyper, packed),
    local_counts(counts if start is None else start, packed),
    packed.blocks,
    sweep_count + bool(first),
    first,
    widths=packed.widths,
    mode_count=mode_count,
  )
  topic[packed.tweet] = np.asarray(drawn).reshape(-1)[packed.slot]
  found = tuple(map(np.asarray, found))
  sizes = {'word_count': word_count, 'user_count': user_count}
  return TopicFit(topic, whole_counts(found, packed, **sizes))


def local_counts(counts: TopicCounts, packed: PackedTweets) -> Concentration:
  """The statistics of the packed tweets' words and users, in local ids."""
  words, background = counts.topic_word[packed.word], counts.background
  plain = background[packed.word]
  single = functools.partial(np.asarray, dtype=np.float32)
  return Concentration(
    _padded(words, packed.word_capacity),
    np.zeros(words.shape[1], np.float32),
    _padded(plain, packed.word_capacity),
    np.zeros(1, np.float32),
    single([words.sum(dtype=np.float64), plain.sum(dtype=np.float64)]),
    _padded(counts.user_topic[packed.user], packed.user_capacity),
  )


def whole_counts(
  found: tuple[np.ndarray, np.ndarray, np.ndarray],
  packed: PackedTweets,
  *,
  word_count: int,
  user_count: int,
) -> TopicCounts:
  """Statistics of words, background and users in ids of the vocabulary."""
  words, background, users = found
  k = words.shape[1]
  counts = TopicCounts(
    np.zeros((word_count, k), np.float32),
    np.zeros(word_count, np.float32),
    np.zeros((user_count, k), np.float32),
  )
  counts.topic_word[packed.word] = words[: len(packed.word)]
  counts.background[packed.word] = background[: len(packed.word)]
  counts.user_topic[packed.user] = users[: len(packed.user)]
  return counts


def prior_concentration(
  prior: TopicCounts, hyper: Hyperparameters, packed: PackedTweets
) -> Concentration:
  """The Dirichlet and Beta parameters before the tweets at hand are seen."""
  _, alpha, beta, gamma = hyper
  word, user = packed.word, packed.user
  rest = (len(prior.background) - len(word)) * beta
  in_topics = prior.topic_word.sum(0, dtype=np.float64)
  in_background = prior.background.sum(dtype=np.float64)
  local_words, local_background = prior.topic_word[word], prior.background[word]
  topic_rest = in_topics - local_words.sum(0, dtype=np.float64) + rest
  background_rest = in_background - local_background.sum(dtype=np.float64)
  single = functools.partial(np.asarray, dtype=np.float32)
  return Concentration(
    _padded(local_words + beta, packed.word_capacity),
    single(topic_rest),
    _padded(local_background + beta, packed.word_capacity),
    single([background_rest + rest]),
    single([in_topics.sum() + gamma, in_background + gamma]),
    _padded(prior.user_topic[user] + alpha, packed.user_capacity),
  )


def _padded(rows, size):
  """The rows as float32, with rows of zeros up to the size."""
  out = np.zeros((size, *rows.shape[1:]), np.float32)
  out[: len(rows)] = rows
  return out
