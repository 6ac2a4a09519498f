"""Topics as a person reads them."""

import numpy as np
from absl.testing import parameterized

from dynrec_jax.topics.tweet_blocks import NO_TOPIC, TweetCorpus
from dynrec_jax.topics.tweet_topics import infer_topics, top_words
from dynrec_jax.topics.twitter_lda import Hyperparameters, TopicCounts


class InferTest(parameterized.TestCase):
  def test_against_a_loop(self):
    """Three users, one of them mute; theta by the same fixed point."""
    rng = np.random.default_rng(2)
    hyper = Hyperparameters(3, 0.4, 0.05, 2.0)
    counts = TopicCounts(
      rng.integers(0, 30, (7, 3)).astype(np.float32),
      rng.integers(0, 9, 7).astype(np.float32),
      rng.integers(0, 9, (5, 3)).astype(np.float32),
    )
    tweets = [[0, 3, 3], [], [6], [1, 2], [5, 4, 0, 1], [2]]
    users = [0, 0, 0, 1, 1, 2]
    corpus = TweetCorpus(
      np.array(users, np.int32),
      np.zeros(6, np.int32),
      np.cumsum([0] + [len(t) for t in tweets]),
      np.array([w for t in tweets for w in t], np.int32),
    )
    phi = counts.topic_word.astype(float) + 0.05
    phi /= phi.sum(0)
    plain = counts.background.astype(float) + 0.05
    plain /= plain.sum()
    told, rest = counts.topic_word.sum() + 2, counts.background.sum() + 2
    pi = told / (told + rest)

    def chance(tweet, k):
      return np.prod([pi * phi[w, k] + (1 - pi) * plain[w] for w in tweet])

    want = np.full(6, NO_TOPIC)
    for user in range(3):
      own = [i for i in range(6) if users[i] == user and tweets[i]]
      theta = np.full(3, 1 / 3)
      for _ in range(50):
        expected = np.full(3, 0.4)
        for i in own:
          p = np.array([theta[k] * chance(tweets[i], k) for k in range(3)])
          expected += p / p.sum()
        theta = expected / expected.sum()
      for i in own:
        want[i] = np.argmax([theta[k] * chance(tweets[i], k) for k in range(3)])
    found = infer_topics(corpus, counts, hyper)
    np.testing.assert_array_equal(found, want)
    self.assertGreater(len(set(want.tolist())), 2)

  def test_what_a_user_said_before_decides_an_open_tweet(self):
    hyper = Hyperparameters(2, 0.5, 0.01, 20.0)
    counts = TopicCounts(
      np.array([[9, 0], [0, 9], [4, 4]], np.float32),
      np.zeros(3, np.float32),
      np.zeros((3, 2), np.float32),
    )
    corpus = TweetCorpus(  # word 2 says nothing of the topic
      np.array([0, 1, 2, 2], np.int32),
      np.zeros(4, np.int32),
      np.arange(5, dtype=np.int64),
      np.array([2, 2, 2, 1], np.int32),
    )
    known = np.array([[7, 0], [0, 7], [0, 0]], np.float32)
    found = infer_topics(corpus, counts, hyper, user_topic=known)
    np.testing.assert_array_equal(found, [0, 1, 1, 1])
    # Of users of whom nothing is known the first two are alike.
    found = infer_topics(corpus, counts, hyper)
    self.assertEqual(found[0], found[1])

  def test_others_change_nothing(self):
    """Neither other authors nor longer tweets."""
    rng = np.random.default_rng(4)
    hyper = Hyperparameters(3, 0.5, 0.01, 20.0)
    counts = TopicCounts(
      topic_word=rng.integers(0, 20, (9, 3)),
      background=rng.integers(0, 20, 9),
      user_topic=np.zeros((0, 3), int),
    )

    def corpus_of(lengths):
      words = [np.arange(n) * (n + 1) % 9 for n in lengths]
      return TweetCorpus(
        np.arange(len(lengths), dtype=np.int32) // 2,
        np.zeros(len(lengths), np.int32),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.concatenate(words).astype(np.int32),
      )

    few = infer_topics(corpus_of([3, 1, 4]), counts, hyper)
    many = infer_topics(corpus_of([3, 1, 4, 2] + [30] * 99), counts, hyper)
    np.testing.assert_array_equal(few[:2], many[:2])

  def test_no_word_at_all(self):
    counts = TopicCounts(np.ones((2, 3)), np.ones(2), np.ones((1, 3)))
    corpus = TweetCorpus(
      np.array([4], np.int32),
      np.zeros(1, np.int32),
      np.zeros(2, np.int64),
      np.zeros(0, np.int32),
    )
    found = infer_topics(corpus, counts, Hyperparameters(3, 0.5, 0.01, 20.0))
    np.testing.assert_array_equal(found, [NO_TOPIC])


class ReadingTest(parameterized.TestCase):
  def test_top_words(self):
    counts = TopicCounts(
      np.array([[3, 0], [5, 0], [3, 1]], np.float32),
      np.array([0, 2, 9], np.float32),
      np.zeros((1, 2), np.float32),
    )
    words = ['cat', 'dog', 'emu']
    self.assertEqual(top_words(counts, words, 2), [['dog', 'cat'], ['emu']])
