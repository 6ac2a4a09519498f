"""The language of the world: made-up words, one vocabulary per topic."""

from typing import NamedTuple

import numpy as np

from dynrec_jax.sources.simulation.streams import stream
from dynrec_jax.sources.simulation.topics import Topics
from dynrec_jax.sources.simulation.world import WorldConfig

_FUNCTION_WORDS = (
  'the to a and of in i is you it for on my that this with me at so be have '
  'just are not was but what out up all your its new do like can get from if '
  'when one no now how about will we they more good time day today go know '
  'or an by as he she her his our their there then than who why where too '
  'very really been has had did would could should'
)
FUNCTION_WORDS = tuple(_FUNCTION_WORDS.split())
_GENERIC_COUNT = 500  # made-up words of no topic
_TOPIC_COUNT = 110  # words of one topic alone
_CATEGORY_COUNT = 60  # words that a category's topics share
_RANKS = 140  # words of a topic's vocabulary, its own and shared
_HANDLES = 3000
_LINKS = 20_000
_ONSETS = (
  'b bl br c ch d dr f fl g gr h j k l m n p pl pr r s sh sl st t tr v w z'
)
_NUCLEI = 'a a e e i i o o u ai ea ee oo ou'
_CODAS = '- - - n r l s t m k nd st'

# A word's surface forms: token id = form * word_count + word.
PLAIN, HASHTAG, TYPO, TITLE, STOP = 0, 1, 2, 5, 6
TYPO_FORMS = 3
_FORMS = 7


class Lexicon(NamedTuple):
  """Every token, and the words each topic uses.

  Attributes:
    tokens: [n] object (str): the forms of all words, then @handles, links.
    word_count: how many words; form f of word w is token f * word_count + w.
    video_words: [K, R] int32, a video topic's words, the commonest first.
    tweet_words: [J, R] int32, the same of the tweet topics, chatter last.
    background: [G] int32, function words, then generic ones.
    rank_cdf: [R] float64, Zipf's law.
    background_cdf: [G] float64.
    handles: [H] int64 token ids.
    links: [L] int64 token ids.
  """

  tokens: np.ndarray
  word_count: int
  video_words: np.ndarray
  tweet_words: np.ndarray
  background: np.ndarray
  rank_cdf: np.ndarray
  background_cdf: np.ndarray
  handles: np.ndarray
  links: np.ndarray


def make_lexicon(world: WorldConfig, topics: Topics, seed: int) -> Lexicon:
  """The world's language; its seed is the world's, its typos are words' own."""
  rng = stream(seed, 'words')
  k, c = world.topics, world.categories
  j = world.topic_map.topics + world.chatter.topics
  made = _GENERIC_COUNT + (k + j) * _TOPIC_COUNT + c * _CATEGORY_COUNT
  words = [*FUNCTION_WORDS, *_made_up(rng, made)]
  common = len(FUNCTION_WORDS) + _GENERIC_COUNT
  own = common + np.arange((k + j) * _TOPIC_COUNT).reshape(k + j, -1)
  shared = own.size + common + np.arange(c * _CATEGORY_COUNT).reshape(c, -1)
  generic = np.arange(len(FUNCTION_WORDS), common)
  video_words = _blend(rng, own[:k], shared[topics.category], 0.25)
  pools = _tweet_pools(topics, video_words, j, generic)
  tweet_words = _blend(rng, own[k:], pools, 0.5)
  forms = _surface_forms(rng, words)
  count = len(words)
  return Lexicon(
    tokens=np.array([*forms, *_handles(rng), *_links(rng)], dtype=object),
    word_count=count,
    video_words=video_words,
    tweet_words=tweet_words,
    background=np.arange(common, dtype=np.int32),
    rank_cdf=_zipf_cdf(_RANKS),
    background_cdf=_zipf_cdf(common),
    handles=_FORMS * count + np.arange(_HANDLES),
    links=_FORMS * count + _HANDLES + np.arange(_LINKS),
  )


def _zipf_cdf(count: int) -> np.ndarray:
  """Cumulative chances that fall as 1 / (rank + 2)."""
  weight = 1.0 / (np.arange(count) + 2.0)
  return np.cumsum(weight) / weight.sum()


def _made_up(rng, count: int) -> list[str]:
  """Pronounceable words, all different and none a function word."""
  onsets, nuclei = _ONSETS.split(), _NUCLEI.split()
  codas = [coda.strip('-') for coda in _CODAS.split()]
  seen = dict.fromkeys(FUNCTION_WORDS)
  first = len(seen)
  while len(seen) < first + count:
    draws = rng.random((4096, 8))
    for row in draws:
      syllables = 1 + (row[7] < 0.85) + (row[7] < 0.4)
      word = ''.join(
        onsets[int(row[2 * i] * len(onsets))]
        + nuclei[int(row[2 * i + 1] * len(nuclei))]
        for i in range(syllables)
      )
      word += codas[int(row[6] * len(codas))]
      if len(word) > 3:
        seen[word] = None
  return list(seen)[first : first + count]


def _blend(rng, own, pools, share: float) -> np.ndarray:
  """[T, _RANKS] different words in order of rank, `share` of them from pools.

  Args:
    own: [T, n] the words that topic t shares with no other.
    pools: of each topic the words it may borrow.
  """
  borrowed = round(share * _RANKS)
  rows = []
  for words, pool in zip(own, pools, strict=True):
    loan = rng.permutation(np.unique(pool))[:borrowed]
    kept = rng.permutation(words)[: _RANKS - borrowed]
    rows.append(rng.permutation(np.concatenate([loan, kept])))
  return np.stack(rows).astype(np.int32)


def _tweet_pools(topics: Topics, video_words, count: int, generic):
  """Of each tweet topic: the words of the video topics behind it.

  Chatter topics, and those that nothing maps to, borrow generic words.
  """
  for j in range(count):
    parents = np.flatnonzero((topics.tweet_targets == j).any(axis=1))
    yield video_words[parents].ravel() if len(parents) else generic


def _typos(rng, word: str) -> list[str]:
  """Three slips: a lost letter, two exchanged, one held down."""
  i, j, k = (int(draw * (len(word) - 1)) for draw in rng.random(3))
  if len(word) < 4:
    return [word] * TYPO_FORMS
  return [
    word[:i] + word[i + 1 :],
    word[:j] + word[j + 1] + word[j] + word[j + 2 :],
    word[:k] + word[k] * 3 + word[k:],
  ]


def _surface_forms(rng, words: list[str]) -> list[str]:
  """All forms of all words, in the order of PLAIN, HASHTAG, TYPO, ..."""
  typos = [_typos(rng, word) for word in words]
  out = [*words, *('#' + word for word in words)]
  for form in range(TYPO_FORMS):
    out += [slips[form] for slips in typos]
  out += [word.capitalize() for word in words]
  out += [word + '.' for word in words]
  return out


def _handles(rng) -> list[str]:
  names = _made_up(rng, _HANDLES)
  numbers = rng.integers(0, 100, _HANDLES)
  return [
    f'@{name}{n if n < 60 else ""}'
    for name, n in zip(names, numbers, strict=True)
  ]


def _links(rng) -> list[str]:
  letters = 'abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789'
  codes = rng.integers(0, len(letters), (_LINKS, 8))
  return ['http://t.co/' + ''.join(letters[i] for i in code) for code in codes]
