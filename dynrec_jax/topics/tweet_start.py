"""Where TwitterLDA's first chain begins: topics split, joined and chosen.

From a random start a chain of short texts keeps true topics in one and others
in two. A round gives every topic two halves, sweeps, and joins halves by the
joint law: what was in one has come apart, what was in two comes together. The
chain that follows is the exact sampler; a start moves no posterior.
"""

import functools
from collections.abc import Sequence

import jax
import numpy as np

from dynrec_jax.topics.blocked_gibbs import Concentration, run_sweeps
from dynrec_jax.topics.joined_topics import Side, join_topics, joined
from dynrec_jax.topics.tweet_blocks import (
  WIDTHS,
  PackedTweets,
  TweetCorpus,
  pack_tweets,
  select_tweets,
)
from dynrec_jax.topics.tweet_topics import perplexity
from dynrec_jax.topics.twitter_lda import (
  Hyperparameters,
  TopicCounts,
  empty_counts,
  local_counts,
  prior_concentration,
  whole_counts,
)

START_ROUNDS = 3
ROUND_SWEEPS = 20
_WITHIN = 0.01  # a perplexity this near to the best is as good
_HELD_OUT = 10  # one user in so many
_STREAM = 1 << 30  # the chain's own draws fold in its sweeps' numbers


def find_start(
  corpus: TweetCorpus,
  hyper: Hyperparameters,
  *,
  word_count: int,
  user_count: int,
  key: jax.Array,
  round_count: int,
  block_size: int = 2048,
  widths: tuple[int, ...] = WIDTHS,
) -> TopicCounts | None:
  """Statistics for a chain to begin with.

  Differs: the paper names no start. Each round costs `ROUND_SWEEPS` sweeps of
    twice the topics. The state after the last round whose held-out perplexity
    is within 1 % of the best goes on: the perplexity of a few hundred tweets
    scatters by about as much.

  One user in ten, of those with two tweets or more, is held out of the rounds;
  where there are fewer than ten such users, nobody is, and the last round
  counts.

  Args:
    corpus: the tweets of the chain.
    hyper: of the chain.
    word_count: V.
    user_count: U.
    key: of the chain; the rounds draw from a stream of their own.
    round_count: rounds; with 0, or without words, there is no start.
    block_size: see `fit_tweets`.
    widths: see there.

  Returns:
    Statistics of the users that were not held out, or None.
  """
  if not round_count or not len(corpus.words):
    return None
  held = _held_out_users(corpus)
  out = np.isin(corpus.user, held)
  train = select_tweets(corpus, np.flatnonzero(~out))
  packed = pack_tweets(train, block_size=block_size, widths=widths)
  sizes = {'word_count': word_count, 'user_count': user_count}
  nothing = empty_counts(_doubled(hyper), **sizes)
  prior = prior_concentration(nothing, _doubled(hyper), packed)
  rounds, start = [], jax.tree.map(np.zeros_like, prior)
  for number in range(round_count):
    found = _round(
      jax.random.fold_in(key, _STREAM + number),
      prior,
      start,
      packed,
      hyper,
      random_start=not number,
    )
    rounds.append(whole_counts(found, packed, **sizes))
    start = local_counts(_halved(rounds[-1]), packed)
  if not len(held):
    return rounds[-1]
  test = select_tweets(corpus, np.flatnonzero(out))
  return rounds[last_good([perplexity(test, found, hyper) for found in rounds])]


def last_good(scores: Sequence[float]) -> int:
  """The last place whose score is within 1 % of the least."""
  scores = np.asarray(scores)
  return int(np.flatnonzero(scores <= scores.min() * (1 + _WITHIN))[-1])


def _round(
  key: jax.Array,
  prior: Concentration,
  start: Concentration,
  packed: PackedTweets,
  hyper: Hyperparameters,
  *,
  random_start: bool,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Sweeps of twice the topics, joined: words, background, users."""
  _, *found = run_sweeps(
    key,
    prior,
    start,
    packed.blocks,
    ROUND_SWEEPS,
    random_start,
    widths=packed.widths,
    mode_count=1,
  )
  words, background, users = map(np.asarray, found)
  sides = (Side(words, hyper.beta, True), Side(users, hyper.alpha, False))
  label = join_topics(sides, hyper.topic_count)
  return joined(words, label), background, joined(users, label)


def _halved(counts):
  """Every topic as two of half its counts; the draws tell them apart."""
  twice = functools.partial(np.repeat, repeats=2, axis=1)
  return counts._replace(
    topic_word=twice(counts.topic_word / 2),
    user_topic=twice(counts.user_topic / 2),
  )


def _doubled(hyper):
  """The same with twice the topics."""
  return hyper._replace(topic_count=2 * hyper.topic_count)


def _held_out_users(corpus):
  """Every tenth of the users with two tweets or more that hold a word."""
  told = corpus.user[np.diff(corpus.offsets) > 0]
  user, count = np.unique(told, return_counts=True)
  return user[count > 1][_HELD_OUT - 1 :: _HELD_OUT]
