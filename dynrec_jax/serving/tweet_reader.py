"""The topics of an author's tweets, in NumPy and an exported function alone.

An exported folder holds a copy of this file, which imports nothing of the
package: it does what `topics.tweet_topics.infer_topics` does for one user.
"""

from collections.abc import Callable, Sequence

import numpy as np


class TweetReader:
  """Texts of one author -> the most probable topic of each."""

  def __init__(
    self,
    words: Sequence[str],
    log_mixture: np.ndarray,
    fold_in: Callable[[np.ndarray], np.ndarray],
    tokenize: Callable[[str], list[str]],
  ):
    """Keeps what texts are read with.

    Args:
      words: [W] the vocabulary.
      log_mixture: [W, K] float32, log(pi phi_kw + (1 - pi) phi_Bw).
      fold_in: [n, K] log likelihoods of one author's tweets -> [n] topics.
      tokenize: a text -> its words.
    """
    self._place = {word: row for row, word in enumerate(words)}
    self._table = log_mixture
    self._fold_in = fold_in
    self._tokenize = tokenize

  def __call__(self, texts: Sequence[str]) -> np.ndarray:
    """[n] topics; -1 of a text without a word that is known."""
    topics = np.full(len(texts), -1, np.int64)
    rows = [
      [self._place[x] for x in self._tokenize(text) if x in self._place]
      for text in texts
    ]
    told = [number for number, words in enumerate(rows) if words]
    if told:
      # One after the other, as the package adds them up.
      sums = [np.cumsum(self._table[rows[n]], axis=0)[-1] for n in told]
      topics[told] = np.asarray(self._fold_in(np.stack(sums)))
    return topics
