"""Topics as a person reads them."""

import numpy as np
from absl.testing import parameterized

from dynrec_jax.topics.tweet_blocks import NO_TOPIC
from dynrec_jax.topics.tweet_topics import (
  top_background_words,
  top_words,
  topic_share,
)
from dynrec_jax.topics.twitter_lda import TopicCounts


class ReadingTest(parameterized.TestCase):
  def test_top_words(self):
    counts = TopicCounts(
      np.array([[3, 0], [5, 0], [3, 1]], np.float32),
      np.array([0, 2, 9], np.float32),
      np.zeros((1, 2), np.float32),
    )
    words = ['cat', 'dog', 'emu']
    self.assertEqual(top_words(counts, words, 2), [['dog', 'cat'], ['emu']])
    self.assertEqual(top_background_words(counts, words, 3), ['emu', 'dog'])

  def test_topic_share(self):
    topic = np.array([0, 2, 2, NO_TOPIC, 1])
    share = topic_share(topic, np.array([0, 0, 0, 1, 2]), 3)
    np.testing.assert_allclose(share, [[1 / 3, 0, 2 / 3], [0, 0, 0], [0, 1, 0]])
