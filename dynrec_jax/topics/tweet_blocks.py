"""Tweets as token ids on the host, and as blocks of fixed shape for XLA."""

from typing import NamedTuple

import numpy as np

NO_TOPIC = -1
_LARGE_TABLE = 1024

# Tweets share a block with others of about their length. Finer classes pad
# less and compile longer; at 7 words a tweet these pad one token in eight.
WIDTHS = (4, 6, 8, 12, 16, 32)
# For a few hundred tweets, where compiling counts for more than padding.
COARSE_WIDTHS = (8, 16, 32)


class TweetCorpus(NamedTuple):
  """Tokenised tweets in CSR form, one row per tweet.

  Attributes:
    user: [n] int32, in [0, user_count).
    day: [n] int32, days since the start of the data.
    offsets: [n + 1] int64; tweet i has words[offsets[i]:offsets[i + 1]].
    words: [tokens] int32 vocabulary ids; a word may repeat in a tweet.
  """

  user: np.ndarray
  day: np.ndarray
  offsets: np.ndarray
  words: np.ndarray


class TweetBlocks(NamedTuple):
  """A corpus as blocks of B tweets, each block of one width W.

  Shapes depend on capacities alone; how many blocks are real is data, so that
  days of like size share one compiled sweep. Padded tokens have the word id
  word_capacity - 1, padded tweets the user id user_capacity - 1; no real word
  or user has it.

  Attributes:
    tokens: [tokens capacity] int32; a block is a [W, B] piece of it.
    user: [blocks capacity, B] int32.
    first_block: [classes + 1] int32, where each width's blocks begin.
    first_token: [classes] int32, where each width's tokens begin.
  """

  tokens: np.ndarray
  user: np.ndarray
  first_block: np.ndarray
  first_token: np.ndarray


class PackedTweets(NamedTuple):
  """Blocks, and what their local ids and places mean.

  Attributes:
    blocks: see `TweetBlocks`.
    widths: the static width of each class.
    word_capacity: rows of the word table, at least one of them spare.
    user_capacity: rows of the user table, at least one of them spare.
    word: [local words] vocabulary ids, ascending.
    user: [local users] user ids, ascending.
    tweet: rows of the corpus that hold a word, ascending.
    slot: where each such tweet sits in blocks.user.reshape(-1).
  """

  blocks: TweetBlocks
  widths: tuple[int, ...]
  word_capacity: int
  user_capacity: int
  word: np.ndarray
  user: np.ndarray
  tweet: np.ndarray
  slot: np.ndarray


def check_corpus(
  corpus: TweetCorpus, *, word_count: int, user_count: int
) -> None:
  """Raises a ValueError that names the first row that breaks the format."""
  user, day, offsets, words = corpus
  count = len(user)
  if len(day) != count or len(offsets) != count + 1:
    raise ValueError(
      f'a corpus of {count} users needs as many days and one more offset; '
      f'got {len(day)} days and {len(offsets)} offsets'
    )
  if offsets[0] != 0 or offsets[-1] != len(words):
    raise ValueError(
      f'offsets must run from 0 to the token count {len(words)}; they run '
      f'from {offsets[0]} to {offsets[-1]}'
    )
  shrinking = np.flatnonzero(np.diff(offsets) < 0)
  if shrinking.size:
    raise ValueError(f'offsets fall at row {shrinking[0]}; they may not')
  _check_range('user', user, user_count)
  _check_range('word', words, word_count)
  if count and day.min() < 0:
    row = int(day.argmin())
    raise ValueError(f'tweet {row} has day {day[row]}; days start at 0')


def select_tweets(corpus: TweetCorpus, rows: np.ndarray) -> TweetCorpus:
  """The tweets at the given rows, in the order of the rows."""
  lengths = np.diff(corpus.offsets)[rows]
  offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
  starts = corpus.offsets[:-1][rows]
  at = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
  return TweetCorpus(
    corpus.user[rows], corpus.day[rows], offsets, corpus.words[at]
  )


def capacity(count: int, *, smallest: int) -> int:
  """The least size >= count among smallest * 1, 2, 4 ... 1024, 1280, 1536 ...

  Few sizes, so few compilations; at most a quarter of a large table is spare,
  and half of one below 1024, which costs less than compiling once more.
  """
  if count <= smallest:
    return smallest
  octave = smallest
  while 2 * octave < count:
    octave *= 2
  if octave < _LARGE_TABLE:
    return 2 * octave
  step = octave // 4
  return octave + step * -(-(count - octave) // step)


def pack_tweets(
  corpus: TweetCorpus, *, block_size: int, widths: tuple[int, ...] = WIDTHS
) -> PackedTweets:
  """Groups tweets by length into blocks, with ids local to the corpus.

  Args:
    corpus: tweets; those without a word get no place.
    block_size: tweets a block, B; even.
    widths: ascending; the last is doubled until the longest tweet fits.

  Returns:
    The blocks and the way back from places to tweets. It depends on these
    tweets alone, so equal tweets always get equal places.
  """
  lengths = np.diff(corpus.offsets)
  tweet = np.flatnonzero(lengths > 0)
  word, local_words = _local_ids(corpus.words)
  user, local_users = _local_ids(corpus.user[tweet])
  word_capacity = capacity(len(word) + 1, smallest=64)
  user_capacity = capacity(len(user) + 1, smallest=64)
  widths = _widths(widths, int(lengths.max(initial=1)))
  order, first_row, first_block, first_token = _layout(
    np.searchsorted(widths, lengths[tweet]), local_users, widths, block_size
  )
  place = np.empty(len(tweet), np.int64)
  place[order] = first_row
  tokens_end = int(first_token[-1])
  tokens = np.full(
    capacity(tokens_end, smallest=128 * block_size), word_capacity - 1, np.int32
  )
  at = _token_places(
    place, lengths[tweet], first_block, first_token, widths, block_size
  )
  tokens[at] = local_words
  users = np.full(
    (capacity(int(first_block[-1]), smallest=8), block_size),
    user_capacity - 1,
    np.int32,
  )
  users.reshape(-1)[place] = local_users
  blocks = TweetBlocks(
    tokens, users, first_block, first_token[:-1].astype(np.int32)
  )
  return PackedTweets(
    blocks, widths, word_capacity, user_capacity, word, user, tweet, place
  )


def _check_range(name, ids, count):
  """Raises if an id lies outside [0, count)."""
  wrong = np.flatnonzero((ids < 0) | (ids >= count))
  if wrong.size:
    raise ValueError(
      f'{name} id {ids[wrong[0]]} at position {wrong[0]} is not in [0, {count})'
    )


def _local_ids(ids):
  """The distinct ids, ascending, and every id's position among them."""
  if not len(ids):
    return np.zeros(0, np.int32), np.zeros(0, np.int32)
  present = np.zeros(int(ids.max()) + 1, bool)
  present[ids] = True
  local = np.cumsum(present, dtype=np.int32) - 1
  return np.flatnonzero(present).astype(np.int32), local[ids]


def _widths(widths, longest):
  """The width classes; doubled at the end until the longest tweet fits."""
  widths = list(widths)
  while widths[-1] < longest:
    widths.append(2 * widths[-1])
  return tuple(widths)


def _layout(width_class, users, widths, block_size):
  """The order of tweets, their places, and where each class begins."""
  order = np.lexsort((users, width_class))  # by class, then user; stable
  per_class = np.bincount(width_class, minlength=len(widths))
  blocks = -(-per_class // block_size)
  first_block = np.concatenate([[0], np.cumsum(blocks)]).astype(np.int32)
  sizes = blocks * block_size * np.array(widths)
  first_token = np.concatenate([[0], np.cumsum(sizes)])
  first_row = np.concatenate([[0], np.cumsum(per_class)])
  sorted_class = width_class[order]
  inside = np.arange(len(order)) - first_row[sorted_class]
  place = first_block[sorted_class].astype(np.int64) * block_size + inside
  return order, place, first_block, first_token


def _token_places(place, lengths, first_block, first_token, widths, block_size):
  """Where each token, tweet by tweet, lies in the flat token array."""
  block, lane = place // block_size, place % block_size
  kind = np.searchsorted(first_block, block, side='right') - 1
  width = np.array(widths)[kind]
  start = first_token[kind] + (block - first_block[kind]) * block_size * width
  index = np.arange(lengths.sum()) - np.repeat(
    np.cumsum(lengths) - lengths, lengths
  )
  return np.repeat(start + lane, lengths) + index * block_size
