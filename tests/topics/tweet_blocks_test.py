"""Packing tweets into blocks and back."""

import numpy as np
from absl.testing import parameterized

from dynrec_jax.topics.tweet_blocks import (
  TweetCorpus,
  capacity,
  pack_tweets,
  select_tweets,
)


def corpus_of(tweets, users, days=None):
  """A corpus from lists of words."""
  offsets = np.cumsum([0, *map(len, tweets)]).astype(np.int64)
  words = np.array([w for tweet in tweets for w in tweet], np.int32)
  days = np.zeros(len(tweets)) if days is None else days
  return TweetCorpus(
    np.array(users, np.int32), np.array(days, np.int32), offsets, words
  )


class BlocksTest(parameterized.TestCase):
  def test_blocks_hold_exactly_the_tweets(self):
    rng = np.random.default_rng(0)
    tweets = [rng.integers(100, 140, n) for n in [0, 1, 4, 5, 40, 16, 3, 0, 7]]
    users = [9, 3, 3, 70, 9, 4, 3, 8, 11]
    packed = pack_tweets(corpus_of(tweets, users), block_size=2)
    blocks, found = packed.blocks, {}
    for c, width in enumerate(packed.widths):
      for b in range(blocks.first_block[c], blocks.first_block[c + 1]):
        start = blocks.first_token[c] + 2 * width * (b - blocks.first_block[c])
        piece = blocks.tokens[start : start + 2 * width].reshape(width, 2)
        for lane in range(2):
          column = piece[:, lane]
          real = column[column < packed.word_capacity - 1]
          found[2 * b + lane] = (packed.word[real], blocks.user[b, lane])
    self.assertEqual(packed.widths[-1], 64)  # for the longest, of 40
    np.testing.assert_array_equal(packed.tweet, [1, 2, 3, 4, 5, 6, 8])
    for tweet, slot in zip(packed.tweet, packed.slot, strict=True):
      words, user = found.pop(slot)
      np.testing.assert_array_equal(words, tweets[tweet])
      self.assertEqual(packed.user[user], users[tweet])
    for words, user in found.values():  # what is left is padding
      self.assertEqual(len(words), 0)
      self.assertEqual(user, packed.user_capacity - 1)

  def test_a_large_capacity_wastes_at_most_a_quarter(self):
    sizes = [capacity(n, smallest=64) for n in range(1, 5000)]
    for n, size in enumerate(sizes, 1):
      self.assertGreaterEqual(size, n)
      most = 1.25 * n + 1 if n > 1024 else 2 * n
      self.assertLessEqual(size, max(64, most))
    self.assertEqual(
      sorted({s for s in sizes if s < 1025}), [64 << i for i in range(5)]
    )
    self.assertLess(len(set(sizes)), 16)

  def test_select_tweets(self):
    corpus = corpus_of([[1, 2], [], [3], [4, 4, 5]], [0, 1, 2, 3])
    part = select_tweets(corpus, np.array([3, 1, 0]))
    np.testing.assert_array_equal(part.words, [4, 4, 5, 1, 2])
    np.testing.assert_array_equal(part.offsets, [0, 3, 3, 5])
    np.testing.assert_array_equal(part.user, [3, 1, 0])
