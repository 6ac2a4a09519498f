"""Vocabulary and encoding."""

import numpy as np
from absl.testing import parameterized

from dynrec_jax.topics.tweet_text import encode_tweets, fit_vocabulary

DAY = 86_400


class VocabularyTest(parameterized.TestCase):
  texts = ('cat dog', 'cat cat cat', 'dog cat', 'emu emu emu', 'fox dog')

  def test_counts_tweets_not_words(self):
    self.assertEqual(fit_vocabulary(self.texts, least_tweets=2), ['cat', 'dog'])

  def test_order_of_tweets_does_not_matter(self):
    words = fit_vocabulary(self.texts, least_tweets=1)
    self.assertEqual(words, ['cat', 'dog', 'emu', 'fox'])
    self.assertEqual(fit_vocabulary(self.texts[::-1], least_tweets=1), words)

  def test_most_words(self):
    words = fit_vocabulary(self.texts, least_tweets=1, most_words=3)
    self.assertEqual(words, ['cat', 'dog', 'emu'])


class EncodeTest(parameterized.TestCase):
  def encode(self, *, user=(3, 0, 3), time=(DAY + 5, 3 * DAY + 4, DAY + 4)):
    texts = ['dog @x zebra dog cat', 'http://t.co/a', '#Cat']
    return encode_tweets(
      np.array(user), np.array(time), texts, ['cat', 'dog'], start=5
    )

  def test_ids_days_and_unknown_words(self):
    corpus = self.encode()
    np.testing.assert_array_equal(corpus.words, [1, 1, 0, 0])
    np.testing.assert_array_equal(corpus.offsets, [0, 3, 3, 4])
    np.testing.assert_array_equal(corpus.user, [3, 0, 3])
    np.testing.assert_array_equal(corpus.day, [1, 2, 0])

  def test_no_tweets(self):
    corpus = encode_tweets(np.zeros(0), np.zeros(0), [], ['cat'], start=0)
    np.testing.assert_array_equal(corpus.offsets, [0])
    self.assertEqual(corpus.words.dtype, np.int32)

  def test_bad_input(self):
    with self.assertRaisesRegex(ValueError, 'tweet 1 is of second 4'):
      self.encode(time=(5, 4, 6))
    with self.assertRaisesRegex(ValueError, '2, 3'):
      self.encode(user=(1, 2))
    with self.assertRaisesRegex(ValueError, "'cat' more than once"):
      encode_tweets(
        np.zeros(1), np.zeros(1), ['a'], ['dog', 'cat', 'cat'], start=0
      )
