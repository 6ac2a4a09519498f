"""The blocked sampler against exact enumeration and a collapsed sampler."""

import itertools
from math import lgamma

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from absl.testing import parameterized
from scipy.optimize import linear_sum_assignment
from scipy.special import gammaln

from benchmarks.planted_tweets import planted_tweets
from dynrec_jax.topics import blocked_gibbs
from dynrec_jax.topics.tweet_blocks import (
  NO_TOPIC,
  TweetCorpus,
  pack_tweets,
  select_tweets,
)
from dynrec_jax.topics.tweet_topics import (
  perplexity,
  topic_word_probability,
)
from dynrec_jax.topics.twitter_lda import (
  Hyperparameters,
  TopicCounts,
  empty_counts,
  fit_tweets,
  prior_concentration,
)


def key(seed):
  return jax.random.key(seed, impl='threefry2x32')


def corpus_of(tweets, users, days=None):
  """A corpus from lists of words."""
  offsets = np.cumsum([0, *map(len, tweets)]).astype(np.int64)
  words = np.array([w for tweet in tweets for w in tweet], np.int32)
  days = np.zeros(len(tweets)) if days is None else days
  return TweetCorpus(
    np.array(users, np.int32), np.array(days, np.int32), offsets, words
  )


def matched_cosine(truth, estimate):
  """Cosines of the topics of two [K, V] tables, under the best matching."""
  truth = truth / np.linalg.norm(truth, axis=1, keepdims=True)
  estimate = estimate / np.linalg.norm(estimate, axis=1, keepdims=True)
  cosine = truth @ estimate.T
  return cosine[linear_sum_assignment(-cosine)]


def collapsed_counts(corpus, hyper, *, words, users, sweeps, seed):
  """Zhao et al.'s collapsed Gibbs sampler, one tweet at a time."""
  k, alpha, beta, gamma = hyper
  rng = np.random.default_rng(seed)
  tweets = np.split(corpus.words, corpus.offsets[1:-1])
  z = rng.integers(0, k, len(tweets))
  y = [rng.random(len(tweet)) < 0.5 for tweet in tweets]
  n_uk, n_kw, n_bw = np.zeros((users, k)), np.zeros((k, words)), np.zeros(words)

  def move(d, sign):
    n_uk[corpus.user[d], z[d]] += sign
    np.add.at(n_kw[z[d]], tweets[d][y[d]], sign)
    np.add.at(n_bw, tweets[d][~y[d]], sign)

  for d in range(len(tweets)):
    move(d, 1)
  for _ in range(sweeps):
    for d, tweet in enumerate(tweets):
      u = corpus.user[d]
      n_uk[u, z[d]] -= 1
      np.add.at(n_kw[z[d]], tweet[y[d]], -1)
      word, count = np.unique(tweet[y[d]], return_counts=True)
      at, n_k = n_kw[:, word] + beta, n_kw.sum(1) + words * beta
      log_p = np.log(n_uk[u] + alpha) + (gammaln(at + count) - gammaln(at)).sum(
        1
      )
      log_p += gammaln(n_k) - gammaln(n_k + count.sum())
      p = np.exp(log_p - log_p.max())
      z[d] = rng.choice(k, p=p / p.sum())
      n_uk[u, z[d]] += 1
      np.add.at(n_kw[z[d]], tweet[y[d]], 1)
      for i, w in enumerate(tweet):
        (n_kw[z[d]] if y[d][i] else n_bw)[w] -= 1
        topic, plain = n_kw[z[d]], n_bw
        p1 = (n_kw.sum() + gamma) * (topic[w] + beta)
        p1 /= topic.sum() + words * beta
        p0 = (n_bw.sum() + gamma) * (plain[w] + beta)
        p0 /= plain.sum() + words * beta
        y[d][i] = rng.random() * (p0 + p1) < p1
        (topic if y[d][i] else plain)[w] += 1
  return TopicCounts(*(x.astype(np.float32) for x in (n_kw.T, n_bw, n_uk)))


class SweepTest(parameterized.TestCase):
  @pytest.mark.slow
  def test_stationary_law_is_the_posterior(self):
    # All z and y of four tweets enumerated by the collapsed joint law.
    tweets, users = [[0, 0, 1], [1], [2, 1], [0, 2]], [0, 0, 1, 1]
    prior = TopicCounts(  # as after an earlier day; word 3 does not occur
      np.array([[2, 0], [0, 1], [1, 1], [1, 2]], np.float32),
      np.array([1, 0, 0, 1], np.float32),
      np.array([[1, 0], [0, 2]], np.float32),
    )
    hyper = Hyperparameters(2, 0.7, 0.4, 1.5)
    exact_z, exact_topic_words = _enumerated(tweets, users, prior, hyper)
    corpus = corpus_of(tweets, users)
    packed = pack_tweets(corpus, block_size=2)
    start = prior_concentration(prior, hyper, packed)

    # Where a chain begins is forgotten.
    begin = jax.tree.map(np.zeros_like, start)
    begin.user_topic[:2] = [[9, 0], [9, 0]]

    def chain(k):
      return blocked_gibbs.run_sweeps(
        k, start, begin, packed.blocks, 25, False, widths=(4,), mode_count=1
      )

    chains = 4000
    topics, words, _, _ = jax.vmap(chain)(jax.random.split(key(0), chains))
    z = np.asarray(topics).reshape(chains, -1)[:, packed.slot]
    share = np.bincount(z @ [8, 4, 2, 1], minlength=16) / chains
    counts = np.asarray(words).sum((1, 2)).astype(int)
    words_share = np.bincount(counts, minlength=9) / chains
    # Total variation of 4000 exact draws is below 0.035 at 16 cells.
    self.assertLess(0.5 * abs(share - exact_z).sum(), 0.04)
    self.assertLess(0.5 * abs(words_share - exact_topic_words).sum(), 0.035)

  def test_prior_lumps_the_words_that_do_not_occur(self):
    prior = TopicCounts(
      np.array([[2, 0], [0, 1], [1, 1], [1, 5], [7, 0]], np.float32),
      np.array([1, 0, 4, 1, 6], np.float32),
      np.array([[1, 0], [0, 2], [3, 4]], np.float32),
    )
    packed = pack_tweets(corpus_of([[3], [1, 1]], [2, 0]), block_size=2)
    hyper = Hyperparameters(2, 0.5, 0.25, 3.0)
    c = prior_concentration(prior, hyper, packed)
    expected = {  # words 1 and 3 occur, words 0, 2 and 4 do not
      'topic_word': [[0.25, 1.25], [1.25, 5.25]],
      'topic_rest': [2 + 1 + 7 + 0.75, 0 + 1 + 0 + 0.75],
      'background': [0.25, 1.25],
      'background_rest': [1 + 4 + 6 + 0.75],
      'switch': [18 + 3, 12 + 3],
      'user_topic': [[1.5, 0.5], [3.5, 4.5]],
    }
    for name, value in expected.items():
      got = np.asarray(getattr(c, name))
      np.testing.assert_array_equal(got[: len(value)], value)
      self.assertFalse(got[len(value) :].any())  # padding

  def test_topic_draw_equals_float64_inverse_even_where_products_underflow(
    self,
  ):
    rng = np.random.default_rng(1)
    w, k, lanes = 12, 5, 64
    word = np.exp(-rng.uniform(0, 25, (30, k))).astype(np.float32)
    user = np.exp(rng.normal(size=(7, k))).astype(np.float32)
    tokens = rng.integers(0, 30, (w, lanes)).astype(np.int32)
    of = rng.integers(0, 7, lanes).astype(np.int32)
    u = rng.uniform(0.01, 0.99, lanes).astype(np.float32)
    tables = blocked_gibbs.Tables(
      jnp.asarray(word), jnp.zeros(30), jnp.asarray(user)
    )
    z = blocked_gibbs._draw_block(
      tables, jnp.asarray(tokens), jnp.asarray(of), jnp.asarray(u)
    )
    log_p = np.log(user.astype(np.float64))[of]
    for row in tokens:
      log_p += np.log(word.astype(np.float64))[row]
    self.assertLess(log_p.max(1).min(), np.log(1e-38))  # the case is there
    p = np.exp(log_p - log_p.max(1, keepdims=True))
    cdf = np.cumsum(p, 1) / p.sum(1, keepdims=True)
    expected = (cdf < u[:, None]).sum(1)
    clear = abs(cdf - u[:, None]).min(1) > 1e-5  # not on an edge
    self.assertGreater(clear.sum(), 55)
    np.testing.assert_array_equal(np.asarray(z)[clear], expected[clear])

  @pytest.mark.slow
  def test_long_tweets_find_their_topics(self):
    """Products of 200 words leave float32; before the first counts, upwards."""
    rng = np.random.default_rng(5)
    kind = np.arange(40) % 2
    tweets = [(20 * k + rng.integers(0, 20, 200)).tolist() for k in kind]
    corpus = corpus_of(tweets, list(range(40)))
    hyper = Hyperparameters(4, 0.5, 0.01, 20.0)
    fit = fit_tweets(
      corpus,
      empty_counts(hyper, word_count=40, user_count=40),
      hyper,
      key=key(0),
      sweep_count=30,
      block_size=64,
    )
    table = np.zeros((2, 4))
    np.add.at(table, (kind, fit.topic), 1)
    self.assertFalse((table.min(0) > 0).any(), table)  # no topic holds both

  def test_tables_are_scaled_probabilities(self):
    rng = np.random.default_rng(2)
    like = blocked_gibbs.Concentration(
      np.pad(rng.uniform(50, 90, (3, 2)), ((0, 1), (0, 0))),
      np.full(2, 1000.0),
      np.append(rng.uniform(50, 90, 3), 0),
      np.full(1, 1000.0),
      np.array([3e6, 1e6]),
      np.array([[5e5, 1e6], [0, 0]]),
    )
    like = jax.tree.map(lambda x: jnp.asarray(x, jnp.float32), like)
    tables = jax.jit(blocked_gibbs.draw_tables)(key(0), like)
    total = np.asarray(like.topic_word).sum(0) + 1000
    topic = 0.75 * np.asarray(like.topic_word)[:3] / total
    plain = np.asarray(like.background)[:3]
    plain = 0.25 * plain / (plain.sum() + 1000)
    share = np.asarray(tables.background)[:3] / np.asarray(tables.word)[:3, 0]
    # Dirichlet draws of concentration 50 scatter by 14 %.
    np.testing.assert_allclose(share, plain / (topic[:, 0] + plain), rtol=0.5)
    # Above 1 a product over a long tweet would overflow.
    np.testing.assert_allclose(np.asarray(tables.word).max(1), 1, rtol=1e-6)
    np.testing.assert_array_equal(tables.word[3], [1, 1])
    np.testing.assert_array_equal(tables.user[1], [1, 1])
    np.testing.assert_allclose(tables.user[0], [0.5, 1], rtol=0.01)

  def test_mode_takes_the_most_frequent_then_the_lowest(self):
    draws = jnp.array([[3, 1, 2], [3, 2, 0], [1, 1, 2], [0, 2, 0]], jnp.int16)
    np.testing.assert_array_equal(blocked_gibbs._mode(draws), [3, 1, 0])


def _log_dirichlet(n):
  """The logarithm of the Dirichlet law's normaliser."""
  return sum(map(lgamma, n)) - lgamma(n.sum())


def _enumerated(tweets, users, prior, hyper):
  """Posterior of the z patterns, and of the number of topic words."""
  _, alpha, beta, gamma = hyper
  words = [w for tweet in tweets for w in tweet]
  owner = [d for d, tweet in enumerate(tweets) for _ in tweet]
  log_p = np.zeros((16, 2 ** len(words)))
  sides = list(itertools.product((0, 1), repeat=len(words)))
  for i, z in enumerate(itertools.product((0, 1), repeat=4)):
    for j, y in enumerate(sides):
      n_wk = prior.topic_word + beta
      n_b, n_uk = prior.background + beta, prior.user_topic + alpha
      n_y = np.array([prior.background.sum(), prior.topic_word.sum()]) + gamma
      for d, u in enumerate(users):
        n_uk[u, z[d]] += 1
      for w, d, side in zip(words, owner, y, strict=True):
        n_y[side] += 1
        if side:
          n_wk[w, z[d]] += 1
        else:
          n_b[w] += 1
      parts = [n_wk[:, 0], n_wk[:, 1], n_b, n_uk[0], n_uk[1], n_y]
      log_p[i, j] = sum(map(_log_dirichlet, parts))
  p = np.exp(log_p - log_p.max())
  p /= p.sum()
  by_count = np.bincount([sum(y) for y in sides], p.sum(0), minlength=9)
  return p.sum(1), by_count


class FitTest(parameterized.TestCase):
  @classmethod
  def setUpClass(cls):
    super().setUpClass()
    cls.hyper = Hyperparameters(5, 0.5, 0.01, 20.0)
    corpus, cls.phi = planted_tweets(
      0,
      tweet_count=4000,
      word_count=300,
      user_count=30,
      topic_count=5,
      day_count=1,
      mean_length=6,
    )
    rows = np.arange(4000)
    cls.train = select_tweets(corpus, rows[rows % 4 > 0])
    cls.test = select_tweets(corpus, rows[rows % 4 == 0])
    cls.fits = [cls.fit(cls.train, seed) for seed in range(3)]

  @classmethod
  def fit(cls, corpus, seed):
    prior = empty_counts(cls.hyper, word_count=300, user_count=31)
    return fit_tweets(corpus, prior, cls.hyper, key=key(seed), sweep_count=100)

  def test_planted_topics_are_recovered(self):
    # A single chain may keep two topics in one; the best of three may not.
    fits = sorted(
      self.fits, key=lambda fit: perplexity(self.test, fit.counts, self.hyper)
    )
    estimate = topic_word_probability(fits[0].counts, self.hyper).T
    self.assertGreater(matched_cosine(self.phi, estimate).min(), 0.8)

  @pytest.mark.slow
  def test_perplexity_is_that_of_the_collapsed_sampler(self):
    small = select_tweets(self.train, np.arange(500))
    blocked = [
      perplexity(self.test, self.fit(small, seed).counts, self.hyper)
      for seed in range(4)
    ]
    collapsed = [
      perplexity(
        self.test,
        collapsed_counts(
          small, self.hyper, words=300, users=30, sweeps=30, seed=seed
        ),
        self.hyper,
      )
      for seed in range(3)
    ]
    # About 223 and 220 here, scattering by 4 and 3 from seed to seed.
    spread = max(np.std(blocked, ddof=1), np.std(collapsed, ddof=1))
    self.assertLess(abs(np.mean(blocked) - np.mean(collapsed)), 2 * spread)
    self.assertLess(spread, 0.06 * np.mean(collapsed))
    self.assertLess(max(blocked), 0.8 * 300)  # far better than uniform words

  def test_statistics_are_those_of_the_topics(self):
    fit = self.fits[0]
    n = np.zeros((31, 5))
    np.add.at(n, (self.train.user, fit.topic), 1)
    np.testing.assert_array_equal(fit.counts.user_topic, n)
    total = fit.counts.topic_word.sum(1) + fit.counts.background
    words = np.bincount(self.train.words, minlength=300)
    np.testing.assert_array_equal(total, words)
    used = np.zeros((300, 5), bool)  # a topic holds words of its tweets only
    topic = np.repeat(fit.topic, np.diff(self.train.offsets))
    used[self.train.words, topic] = True
    self.assertFalse(fit.counts.topic_word[~used].any())

  def test_equal_keys_give_equal_fits(self):
    again = self.fit(self.train, 1)
    np.testing.assert_array_equal(again.topic, self.fits[1].topic)
    self.assertTrue((again.topic != self.fits[0].topic).any())

  def test_perplexity_equals_a_float64_loop(self):
    test = select_tweets(self.test, np.arange(60))
    got = perplexity(test, self.fits[0].counts, self.hyper)
    self.assertAlmostEqual(
      got / _slow_perplexity(test, self.fits[0].counts, self.hyper), 1, places=4
    )


def _slow_perplexity(corpus, counts, hyper):
  """The fold-in perplexity, one tweet at a time."""
  k, alpha, beta, gamma = hyper
  topic = counts.topic_word.astype(np.float64)
  plain = counts.background.astype(np.float64)
  pi = (topic.sum() + gamma) / (topic.sum() + plain.sum() + 2 * gamma)
  phi = (topic + beta) / (topic + beta).sum(0)
  p = pi * phi + (1 - pi) * ((plain + beta) / (plain + beta).sum())[:, None]
  tweets = np.split(corpus.words, corpus.offsets[1:-1])
  total, count = 0.0, 0
  for user in set(corpus.user):
    own = [t for t, u in zip(tweets, corpus.user, strict=True) if u == user]
    theta = np.full(k, 1 / k)
    for _ in range(50):
      n = np.full(k, alpha)
      for tweet in own[::2]:
        q = theta * p[tweet].prod(0)
        n += q / q.sum()
      theta = n / n.sum()
    for tweet in own[1::2]:
      total += np.log(theta @ p[tweet].prod(0))
      count += len(tweet)
  return np.exp(-total / count)


class DegenerateTest(parameterized.TestCase):
  hyper = Hyperparameters(4, 0.5, 0.01, 20.0)

  def fit(self, corpus, **changes):
    prior = empty_counts(self.hyper, word_count=50, user_count=9)
    settings = {'key': key(0), 'sweep_count': 12, 'block_size': 256, **changes}
    return fit_tweets(corpus, prior, self.hyper, **settings)

  def test_tweet_without_words_has_no_topic(self):
    corpus = corpus_of([[1, 2, 3], [], [7], [5, 5, 5, 5, 5]], [0, 0, 2, 8])
    fit = self.fit(corpus)
    np.testing.assert_array_equal(fit.topic == NO_TOPIC, [0, 1, 0, 0])
    self.assertEqual(fit.counts.user_topic.sum(), 3)
    words = fit.counts.topic_word.sum(1) + fit.counts.background
    self.assertEqual(words[5], 5)  # repeats count each time

  def test_no_tweets_at_all(self):
    for corpus in (corpus_of([], []), corpus_of([[], []], [0, 1])):
      fit = self.fit(corpus)
      self.assertTrue((fit.topic == NO_TOPIC).all())
      self.assertEqual(sum(table.sum() for table in fit.counts), 0)

  @parameterized.named_parameters(
    ('word', [[50]], [0], 'word id 50'),
    ('user', [[1]], [9], 'user id 9'),
    ('negative', [[-1]], [0], 'word id -1'),
  )
  def test_ids_outside_the_tables(self, tweets, users, message):
    with self.assertRaisesRegex(ValueError, message):
      self.fit(corpus_of(tweets, users))

  def test_other_bad_input(self):
    corpus = corpus_of([[1]], [0])
    with self.assertRaisesRegex(ValueError, 'mode_count 10'):
      self.fit(corpus, sweep_count=9)
    with self.assertRaisesRegex(ValueError, 'threefry'):
      self.fit(corpus, key=jax.random.key(0, impl='rbg'))
    with self.assertRaisesRegex(ValueError, 'offsets'):
      self.fit(corpus._replace(offsets=np.array([0, 2])))
    with self.assertRaisesRegex(ValueError, 'day -1'):
      self.fit(corpus._replace(day=np.array([-1])))
    with self.assertRaisesRegex(ValueError, 'two tweets'):
      counts = empty_counts(self.hyper, word_count=50, user_count=9)
      perplexity(corpus, counts, self.hyper)
