"""The topics that videos, users and tweets are about, and how they relate."""

from typing import NamedTuple

import numpy as np

from dynrec_jax.sources.simulation.streams import stream
from dynrec_jax.sources.simulation.world import WorldConfig

CATEGORY_NAMES = (
  'Music',
  'Entertainment',
  'Gaming',
  'People & Blogs',
  'Sports',
  'Comedy',
  'News & Politics',
  'Film & Animation',
  'Howto & Style',
  'Science & Technology',
  'Education',
  'Autos & Vehicles',
  'Pets & Animals',
  'Travel & Events',
  'Nonprofits & Activism',
)
_CATEGORY_VARIANCE = 0.4  # of log interest, common to a category's topics
_ROUNDS = 20  # of scaling, until demand is as supply is


class Topics(NamedTuple):
  """K video topics in C categories and J tweet topics.

  Attributes:
    category: [K] int32.
    popularity: [K] float64, sums to 1.
    successor: [K, K] float32, row k spreads 1 over the topics that follow k.
    tweet_targets: [K, targets] int32, the tweet topics a video topic maps to.
    tweet_shares: [K, targets] float64, rows sum to 1.
  """

  category: np.ndarray
  popularity: np.ndarray
  successor: np.ndarray
  tweet_targets: np.ndarray
  tweet_shares: np.ndarray


def make_topics(world: WorldConfig, seed: int) -> Topics:
  """The world's topics."""
  rng = stream(seed, 'topics')
  count = world.topics
  # Every category has a topic; the rest go to the early, larger ones.
  size = 1.0 / (2.0 + np.arange(world.categories))
  extra = rng.choice(
    world.categories, count - world.categories, p=size / size.sum()
  )
  category = np.concatenate([np.arange(world.categories), extra])
  popularity = np.exp(0.6 * rng.standard_normal(count))
  return Topics(
    category=np.sort(category).astype(np.int32),
    popularity=popularity / popularity.sum(),
    successor=_successors(rng, count, world.affinity.successors),
    tweet_targets=_targets(
      rng, count, world.topic_map.topics, world.topic_map.targets
    ),
    tweet_shares=rng.dirichlet([2.0] * world.topic_map.targets, size=count),
  )


def _successors(rng, count: int, each: int) -> np.ndarray:
  """A directed map: topic k is followed by `each` topics, mostly different.

  Each time, all topics stand in a circle, and the next one follows: so every
  topic follows as many as any other, and none is popular for that alone.
  """
  out = np.zeros((count, count), np.float32)
  for _ in range(each):
    circle = rng.permutation(count)
    out[circle, np.roll(circle, -1)] += np.float32(1 / each)
  return out


def _targets(rng, count: int, tweet_topics: int, each: int) -> np.ndarray:
  """[count, each] tweet topics; columns are permutations, so none is unused."""
  rounds = -(-count // tweet_topics)
  columns = [
    np.concatenate([rng.permutation(tweet_topics) for _ in range(rounds)])
    for _ in range(each)
  ]
  return np.stack(columns, axis=1)[:count].astype(np.int32)


def correlated_normal(
  rng: np.random.Generator, category: np.ndarray, rows: int
) -> np.ndarray:
  """[rows, K] float32 unit normals, alike within a category."""
  common = rng.standard_normal((rows, category.max() + 1), dtype=np.float32)
  own = rng.standard_normal((rows, len(category)), dtype=np.float32)
  own *= np.float32(np.sqrt(1 - _CATEGORY_VARIANCE))
  own += np.float32(np.sqrt(_CATEGORY_VARIANCE)) * common[:, category]
  return own


def balance(logits: np.ndarray, popularity: np.ndarray) -> np.ndarray:
  """[K] float32 to add to log interests, so that demand is as supply is.

  The mean interest of the rows is then `popularity`, the topics' share of the
  videos. Without it a topic that few videos have and many people like would
  make popular videos of all its videos.

  Args:
    logits: [n, K] float32 log interests.
    popularity: [K] sums to 1, none 0.
  """
  offset = np.zeros(logits.shape[1], np.float32)
  for _ in range(_ROUNDS):
    share = softmax(logits + offset).mean(axis=0)
    offset += np.log(popularity / share).astype(np.float32)
  return offset - offset.mean()


def softmax(logits: np.ndarray) -> np.ndarray:
  """Rows on the simplex, float32."""
  logits = np.exp(logits - logits.max(axis=-1, keepdims=True))
  return logits / logits.sum(axis=-1, keepdims=True)
