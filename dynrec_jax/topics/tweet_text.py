"""From the raw texts of tweets to a vocabulary, and to vocabulary ids."""

import array
from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np

from dynrec_jax.topics.tweet_blocks import TweetCorpus
from dynrec_jax.topics.tweet_words import tokenize

_SECONDS_A_DAY = 86_400


def fit_vocabulary(
  texts: Iterable[str], *, least_tweets: int, most_words: int | None = None
) -> list[str]:
  """The words that enough tweets hold, most widespread first.

  Leaks: pass only texts that training may read (A40).

  Args:
    texts: raw tweets.
    least_tweets: tweets that must hold a word, 5 in the paper's setting here.
    most_words: keep at most this many; None keeps all.

  Returns:
    Words by falling number of tweets, then in code point order, so that the
    order of the tweets does not matter.
  """
  tweets_with = Counter()
  for text in texts:
    tweets_with.update(set(tokenize(text)))
  kept = [word for word, count in tweets_with.items() if count >= least_tweets]
  kept.sort(key=lambda word: (-tweets_with[word], word))
  return kept[:most_words]


def encode_tweets(
  user: np.ndarray,
  time: np.ndarray,
  texts: Sequence[str],
  vocabulary: Sequence[str],
  *,
  start: int,
) -> TweetCorpus:
  """Tweets as ids; words outside the vocabulary are left out.

  Args:
    user: [n] user ids.
    time: [n] int64 seconds.
    texts: [n] raw texts.
    vocabulary: words, without repeats.
    start: the second at which day 0 begins; no tweet may be earlier.

  Returns:
    The corpus, tweets in the order given; a tweet may be left without words.

  Raises:
    ValueError: columns of unequal length, a repeated word, or a time before
      the start.
  """
  if not len(user) == len(time) == len(texts):
    raise ValueError(
      f'users, times and texts must be as many; got {len(user)}, {len(time)} '
      f'and {len(texts)}'
    )
  ids = {word: i for i, word in enumerate(vocabulary)}
  if len(ids) != len(vocabulary):
    repeated = Counter(vocabulary).most_common(1)[0][0]
    raise ValueError(f'the vocabulary holds {repeated!r} more than once')
  early = np.flatnonzero(np.asarray(time) < start)
  if early.size:
    row = int(early[0])
    raise ValueError(
      f'tweet {row} is of second {time[row]}, before the start {start}'
    )
  words, lengths = array.array('i'), np.zeros(len(texts), np.int64)
  for row, text in enumerate(texts):
    known = [ids[word] for word in tokenize(text) if word in ids]
    words.extend(known)
    lengths[row] = len(known)
  day = (np.asarray(time, np.int64) - start) // _SECONDS_A_DAY
  return TweetCorpus(
    np.asarray(user, np.int32),
    day.astype(np.int32),
    np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
    np.array(words, np.int32),
  )
