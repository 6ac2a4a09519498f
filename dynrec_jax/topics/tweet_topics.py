"""What TwitterLDA's statistics say: topics to read, users, held-out fit."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from dynrec_jax.topics.tweet_blocks import (
  NO_TOPIC,
  TweetCorpus,
  capacity,
  check_corpus,
  select_tweets,
)
from dynrec_jax.topics.twitter_lda import Hyperparameters, TopicCounts

_CHUNK = 4096  # tweets a step when likelihoods are tabulated
_FEW = 64  # tweets and users that inference has room for
_SHORT = 8  # words that it has room for


def topic_word_probability(
  counts: TopicCounts, hyper: Hyperparameters
) -> np.ndarray:
  """[V, K] posterior mean of phi; columns sum to 1."""
  n = counts.topic_word.astype(np.float64) + hyper.beta
  return n / n.sum(0)


def background_probability(
  counts: TopicCounts, hyper: Hyperparameters
) -> np.ndarray:
  """[V] posterior mean of phi_B; sums to 1."""
  n = counts.background.astype(np.float64) + hyper.beta
  return n / n.sum()


def topic_word_share(counts: TopicCounts, hyper: Hyperparameters) -> float:
  """Posterior mean of pi, the share of words that come from topics."""
  topic = counts.topic_word.sum(dtype=np.float64) + hyper.gamma
  background = counts.background.sum(dtype=np.float64) + hyper.gamma
  return float(topic / (topic + background))


def top_words(
  counts: TopicCounts, vocabulary: list[str], word_count: int
) -> list[list[str]]:
  """Each topic's most frequent words, most frequent first.

  Args:
    counts: statistics.
    vocabulary: [V] words.
    word_count: words a topic; fewer where a topic has fewer.

  Returns:
    K lists; ties stand in the order of the vocabulary.
  """
  return [
    _most_frequent(column, vocabulary, word_count)
    for column in counts.topic_word.T
  ]


def perplexity(
  held_out: TweetCorpus,
  counts: TopicCounts,
  hyper: Hyperparameters,
  *,
  fold_in_steps: int = 50,
) -> float:
  """exp(-log likelihood per word) of half of each held-out user's tweets.

  A user's first, third, ... tweet with words folds the user in: theta is
  iterated to alpha + the expected topic counts. The others are scored by
  log sum_k theta_uk prod_w (pi phi_kw + (1 - pi) phi_Bw), with the posterior
  means of pi and phi.

  Args:
    held_out: tweets; user ids need only agree among themselves, the statistics
      of users are not read.
    counts: training statistics.
    hyper: sizes and prior strengths.
    fold_in_steps: iterations of theta.

  Returns:
    The perplexity, at least 1.

  Raises:
    ValueError: no user has two tweets with words.
  """
  users = int(held_out.user.max(initial=-1)) + 1
  check_corpus(held_out, word_count=len(counts.background), user_count=users)
  fold, score = _halves(held_out)
  if not len(score):
    raise ValueError(
      'perplexity needs a user with two tweets with words; got none among '
      f'{len(held_out.user)} tweets'
    )
  table = log_mixture(counts, hyper)
  theta = _fold_in(
    tweet_log_likelihood(select_tweets(held_out, fold), table),
    held_out.user[fold],
    jnp.float32(hyper.alpha),
    user_count=users,
    steps=fold_in_steps,
  )
  scored = select_tweets(held_out, score)
  likelihood = tweet_log_likelihood(scored, table)
  log_p = jax.nn.logsumexp(likelihood + jnp.log(theta)[scored.user], axis=1)
  total = np.asarray(log_p, np.float64).sum()
  return float(np.exp(-total / len(scored.words)))


def infer_topics(
  tweets: TweetCorpus,
  counts: TopicCounts,
  hyper: Hyperparameters,
  *,
  user_topic: np.ndarray | None = None,
  table: np.ndarray | None = None,
  fold_in_steps: int = 50,
) -> np.ndarray:
  """The most probable topic of each tweet, of tweets outside the statistics.

  Each user's theta is folded in on all of these tweets, with the posterior
  means of pi and phi; the statistics stay as they are.

  Args:
    tweets: user ids are rows of `user_topic`; without it they need only agree
      among themselves.
    counts: training statistics.
    hyper: sizes and prior strengths.
    user_topic: [U, K], what is known of the users, as in `counts`; None of
      users of whom nothing is.
    fold_in_steps: iterations of theta.

  Returns:
    [n] int16; NO_TOPIC for a tweet without a word of the vocabulary.
  """
  users = int(tweets.user.max(initial=-1)) + 1
  alpha = np.zeros((1, hyper.topic_count), np.float32)
  if user_topic is not None:
    users, alpha = len(user_topic), np.asarray(user_topic, np.float32)
  check_corpus(tweets, word_count=len(counts.background), user_count=users)
  topic = np.full(len(tweets.user), NO_TOPIC, np.int16)
  rows = np.flatnonzero(np.diff(tweets.offsets) > 0)
  if not len(rows):
    return topic
  told = select_tweets(tweets, rows)
  if table is None:
    table = log_mixture(counts, hyper)
  # In one of a few shapes; the tweets behind the last are of nobody.
  room = capacity(users + 1, smallest=_FEW)
  spare = capacity(len(rows), smallest=_FEW) - len(rows)
  best = most_probable(
    jnp.pad(tweet_log_likelihood(told, table), ((0, spare), (0, 0))),
    np.pad(told.user, (0, spare), constant_values=room - 1),
    hyper.alpha
    + np.pad(
      np.broadcast_to(alpha, (users, alpha.shape[1])),
      ((0, room - users), (0, 0)),
    ),
    user_count=room,
    steps=fold_in_steps,
  )
  topic[rows] = np.asarray(best)[: len(rows)]
  return topic


def most_probable(
  likelihood: jax.Array,
  user: jax.Array,
  alpha: jax.Array,
  *,
  user_count: int,
  steps: int = 50,
) -> jax.Array:
  """[n] the most probable topics of tweets with words, see `infer_topics`.

  Args:
    likelihood: [n, K], see `tweet_log_likelihood`.
    user: [n] whose each is.
    alpha: one number, or [users, K] with what is known of each user.
    user_count: users.
    steps: iterations of theta.
  """
  theta = _fold_in(likelihood, user, alpha, user_count=user_count, steps=steps)
  return jnp.argmax(likelihood + jnp.log(theta)[user], axis=1)


def tweet_log_likelihood(corpus: TweetCorpus, table: np.ndarray) -> jax.Array:
  """[n, K] sum over a tweet's words of table[word, k]."""
  lengths = np.diff(corpus.offsets)
  count, longest = len(lengths), int(lengths.max(initial=1))
  width = capacity(longest, smallest=_SHORT)  # spare words add 0
  chunks = -(-count // _CHUNK)
  # The spare last row of the table adds nothing.
  words = np.full((chunks * _CHUNK, width), len(table), np.int32)
  row = np.repeat(np.arange(count), lengths)
  words[row, np.arange(len(row)) - corpus.offsets[:-1][row]] = corpus.words
  padded = np.concatenate([table, np.zeros_like(table[:1])])
  sums = _sum_rows(padded, words.reshape(chunks, _CHUNK, width))
  return sums.reshape(-1, table.shape[1])[:count]


def log_mixture(counts: TopicCounts, hyper: Hyperparameters) -> np.ndarray:
  """[V, K] float32, log(pi phi_kw + (1 - pi) phi_Bw), to look words up in."""
  pi = topic_word_share(counts, hyper)
  mixed = pi * topic_word_probability(counts, hyper)
  mixed += (1 - pi) * background_probability(counts, hyper)[:, None]
  return np.log(mixed).astype(np.float32)


def _most_frequent(column, vocabulary, word_count):
  """The words of the largest positive counts."""
  order = np.argsort(-column, kind='stable')[:word_count]
  return [vocabulary[word] for word in order if column[word] > 0]


def _halves(corpus):
  """Rows that fold a user in, and rows to score, alternating per user."""
  rows = np.flatnonzero(np.diff(corpus.offsets) > 0)
  order = rows[np.lexsort((rows, corpus.day[rows], corpus.user[rows]))]
  user = corpus.user[order]
  first = np.searchsorted(user, user, side='left')
  odd = (np.arange(len(order)) - first) % 2 == 1
  return order[~odd], order[odd]


@jax.jit
def _sum_rows(table, words):
  """Sums of table rows, [chunks, n, width] to [chunks, n, K]."""

  def chunk(words):
    def add(total, column):
      return total + table[column], None

    zero = jnp.zeros((words.shape[0], table.shape[1]), table.dtype)
    return lax.scan(add, zero, words.T)[0]

  return lax.map(chunk, words)


@functools.partial(jax.jit, static_argnames=('user_count', 'steps'))
def _fold_in(likelihood, user, alpha, *, user_count, steps):
  """[users, K] theta whose tweets' expected topics, plus alpha, are itself.

  alpha is one number, or [users, K] with what is known of each user.
  """
  k = likelihood.shape[1]

  def step(_, theta):
    p = jax.nn.softmax(likelihood + jnp.log(theta)[user], axis=1)
    n = jax.ops.segment_sum(p, user, num_segments=user_count) + alpha
    return n / n.sum(1, keepdims=True)

  return lax.fori_loop(0, steps, step, jnp.full((user_count, k), 1 / k))
