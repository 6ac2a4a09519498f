"""Topics of tweets, with words that are few."""

import numpy as np

from dynrec_jax.serving.tweet_reader import TweetReader

TABLE = np.array([[0, 1], [2, 0], [4, 8]], np.float32)


def test_words_that_are_known_add_up():
  """A tweet without any has no topic, and is not told of."""
  asked = []

  def fold_in(likelihood):
    asked.append(likelihood.tolist())
    return likelihood.argmax(axis=1)

  read = TweetReader(['a', 'b', 'c'], TABLE, fold_in, str.split)
  assert read(['b', 'x y', 'a b a', 'c z']).tolist() == [0, -1, 0, 1]
  assert asked == [[[2, 0], [2, 2], [4, 8]]]
  assert read(['x']).tolist() == [-1]
  assert read([]).tolist() == []
  assert len(asked) == 1
