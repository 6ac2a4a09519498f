"""From topics to text: titles, descriptions, tags, tweets, profiles."""

from typing import NamedTuple

import numpy as np

from dynrec_jax.data.records import object_array
from dynrec_jax.sources.simulation import words
from dynrec_jax.sources.simulation.streams import (
  inverse_cdf,
  scaled_probability,
  stream,
)
from dynrec_jax.sources.simulation.topics import CATEGORY_NAMES, Topics
from dynrec_jax.sources.simulation.tweets import Posts
from dynrec_jax.sources.simulation.users import PERIOD_DAYS, People
from dynrec_jax.sources.simulation.world import WorldConfig

_CHUNK = 100_000
_OUTROS = (
  'Subscribe for more videos every week.',
  'Thanks for watching! Please rate and comment.',
  'Follow us on Twitter and Facebook.',
  'Check out my other videos.',
)


class VideoText(NamedTuple):
  """[V] object columns, as in `records.Videos`."""

  title: np.ndarray
  description: np.ndarray
  tags: np.ndarray
  categories: np.ndarray


class _Rates(NamedTuple):
  """The noise of text at the world's strength."""

  off_topic: float
  missing: float
  typo: float
  wrong_category: float


def _rates(world: WorldConfig) -> _Rates:
  noise = world.text_noise
  return _Rates(
    *(
      scaled_probability(getattr(noise, name), noise.strength)
      for name in _Rates._fields
    )
  )


def video_text(
  world: WorldConfig,
  topics: Topics,
  theta: np.ndarray,
  lexicon: words.Lexicon,
  seed: int,
) -> VideoText:
  """Title, description, tags and categories of every video."""
  rates = _rates(world)
  rng = stream(seed, 'text')
  count = len(theta)
  lengths = (
    4 + rng.poisson(2.5, count),
    12 + np.rint(rng.exponential(25, count)).astype(int).clip(max=150),
    3 + rng.poisson(3, count),
  )
  fields = [
    _field(theta, lexicon, rates, length, background, rng)
    for length, background in zip(lengths, (0.25, 0.5, 0.05), strict=True)
  ]
  lost = [
    rng.random(count) < rate
    for rate in (0.1 * rates.missing, rates.missing, rates.missing)
  ]
  title, description, tags = (
    [[] if gone else text for text, gone in zip(field, missing, strict=True)]
    for field, missing in zip(fields, lost, strict=True)
  )
  return VideoText(
    title=object_array(map(_as_title, title)),
    description=_descriptions(description, lexicon, rates, rng),
    tags=object_array(tuple(dict.fromkeys(text)) for text in tags),
    categories=_categories(topics, theta, rates, rng),
  )


def _as_title(text: list[str]) -> str:
  """Words in capitals, none twice."""
  return ' '.join(word.capitalize() for word in dict.fromkeys(text))


def _field(theta, lexicon, rates, length, background, rng) -> list[list[str]]:
  """The words of one field of every video, its own or of a wrong topic."""
  count, topic_count = theta.shape
  owner = np.repeat(np.arange(count), length)
  topic = np.empty(len(owner), np.int64)
  cumulative = np.cumsum(theta, axis=1)
  for at in range(0, len(owner), _CHUNK):
    rows = slice(at, at + _CHUNK)
    draws = rng.random(len(owner[rows]))
    topic[rows] = inverse_cdf(cumulative[owner[rows]], draws)
  off = rng.random(count) < rates.off_topic
  wrong = rng.integers(topic_count, size=count)
  topic = np.where(off[owner], wrong[owner], topic)
  ids = _draw_words(lexicon, lexicon.video_words, topic, background, rng)
  flat = lexicon.tokens[_with_typos(lexicon, ids, rates.typo, rng)].tolist()
  ends = np.cumsum(length)
  return [
    flat[a:b]
    for a, b in zip((ends - length).tolist(), ends.tolist(), strict=True)
  ]


def _draw_words(lexicon, table, topic, background: float, rng) -> np.ndarray:
  """[n] word ids: of each topic, or of the background."""
  rank = np.searchsorted(lexicon.rank_cdf, rng.random(len(topic)))
  common = np.searchsorted(lexicon.background_cdf, rng.random(len(topic)))
  plain = rng.random(len(topic)) < background
  return np.where(plain, lexicon.background[common], table[topic, rank]).astype(
    np.int64
  )


def _with_typos(lexicon, ids, rate: float, rng) -> np.ndarray:
  """[n] token ids, some in a misspelt form."""
  slip = words.TYPO + rng.integers(words.TYPO_FORMS, size=len(ids))
  return np.where(
    rng.random(len(ids)) < rate, slip * lexicon.word_count + ids, ids
  )


def _descriptions(texts, lexicon, rates, rng) -> np.ndarray:
  """Sentences, at times with a channel's usual last line and a link."""
  outro = rng.integers(4 * len(_OUTROS), size=len(texts))
  link = rng.random(len(texts)) < 0.3
  links = lexicon.tokens[rng.choice(lexicon.links, len(texts))]
  out = []
  for i, text in enumerate(texts):
    sentences = [
      ' '.join(text[at : at + 11]).capitalize() + '.'
      for at in range(0, len(text), 11)
    ]
    if sentences and rates.typo > 0:  # clean text has no boilerplate
      sentences += [_OUTROS[outro[i]]] if outro[i] < len(_OUTROS) else []
      sentences += [links[i]] if link[i] else []
    out.append(' '.join(sentences))
  return object_array(out)


def _categories(topics: Topics, theta, rates, rng) -> np.ndarray:
  """[V] tuples of one name, that of the main topic, sometimes a wrong one."""
  category = topics.category[theta.argmax(axis=1)]
  wrong = rng.random(len(theta)) < rates.wrong_category
  other = rng.integers(topics.category.max() + 1, size=len(theta))
  names = np.where(wrong, other, category)
  lost = rng.random(len(theta)) < 0.1 * rates.missing
  return object_array(
    () if gone else (CATEGORY_NAMES[name],)
    for name, gone in zip(names.tolist(), lost.tolist(), strict=True)
  )


def tweet_text(
  world: WorldConfig, posts: Posts, lexicon: words.Lexicon, seed: int
) -> np.ndarray:
  """[n] object (str): the text of every tweet."""
  rng = stream(seed, 'tweet text')
  typo = _rates(world).typo
  out = np.empty(len(posts.user), dtype=object)
  for at in range(0, len(out), _CHUNK):
    rows = slice(at, at + _CHUNK)
    out[rows] = _tweets(
      lexicon, posts.topic[rows], posts.second[rows], typo, rng
    )
  return out


def _tweets(lexicon, topic, second, typo: float, rng) -> list[str]:
  """Tweets: [RT] [@handle] words, some as hashtags, [link]."""
  n = len(topic)
  length = (3 + rng.poisson(4, n)).clip(max=14)
  owner = np.repeat(np.arange(n), length)
  use_second = (second[owner] >= 0) & (rng.random(len(owner)) < 0.5)
  word_topic = np.where(use_second, second[owner], topic[owner])
  ids = _draw_words(lexicon, lexicon.tweet_words, word_topic, 0.4, rng)
  of_topic = ids >= len(lexicon.background)
  tagged = of_topic & (rng.random(len(ids)) < 0.08)
  ids = np.where(
    tagged,
    words.HASHTAG * lexicon.word_count + ids,
    _with_typos(lexicon, ids, typo, rng),
  )
  flat = lexicon.tokens[ids].tolist()
  kind = rng.random(n)
  handle = lexicon.tokens[rng.choice(lexicon.handles, n)].tolist()
  link = lexicon.tokens[rng.choice(lexicon.links, n)].tolist()
  linked = (rng.random(n) < 0.2).tolist()
  ends = np.cumsum(length)
  out = []
  for i, (a, b) in enumerate(
    zip((ends - length).tolist(), ends.tolist(), strict=True)
  ):
    text = ' '.join(flat[a:b])
    if kind[i] < 0.1:
      text = f'RT {handle[i]}: {text}'
    elif kind[i] < 0.3:
      text = f'{handle[i]} {text}'
    out.append(f'{text} {link[i]}' if linked[i] else text)
  return out


def profile_text(
  world: WorldConfig,
  topics: Topics,
  people: People,
  lexicon: words.Lexicon,
  seed: int,
) -> np.ndarray:
  """[U] object (str): a line on oneself, '' without one or without Twitter.

  It was written when the user came, and tells of the interest of that day: it
  stands beside tweets of any time, and must not tell of later ones.
  """
  rng = stream(seed, 'profiles')
  count = len(people.tweet_count)
  length = 3 + rng.poisson(4, count)
  has = (people.tweet_count > 0) & (rng.random(count) < 0.7)
  length = np.where(has, length, 0)
  owner = np.repeat(np.arange(count), length)
  first = people.active[:, 0].astype(int) // PERIOD_DAYS
  cumulative = np.cumsum(people.interest[np.arange(count), first], axis=1)
  video_topic = inverse_cdf(cumulative[owner], rng.random(len(owner)))
  topic = topics.tweet_targets[video_topic, 0]
  ids = _draw_words(lexicon, lexicon.tweet_words, topic, 0.3, rng)
  flat = lexicon.tokens[ids].tolist()
  ends = np.cumsum(length)
  return object_array(
    ' '.join(flat[a:b])
    for a, b in zip((ends - length).tolist(), ends.tolist(), strict=True)
  )
