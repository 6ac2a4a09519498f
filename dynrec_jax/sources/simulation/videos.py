"""Videos: what they are about, when they appear, how attractive they are."""

from typing import NamedTuple

import numpy as np

from dynrec_jax.sources.simulation.streams import scaled_probability, stream
from dynrec_jax.sources.simulation.topics import Topics
from dynrec_jax.sources.simulation.world import DAYS, Population, WorldConfig

_TOPIC_COUNTS = (0.5, 0.35, 0.15)  # videos of one, two, three topics
_OBSCURE = 0.001  # quality of an obscure video over that of another
_OLD_DAYS = 730  # an old video is at most two years older than the year


class Catalogue(NamedTuple):
  """The latent side of V videos.

  Attributes:
    population: [V] int32, the market of each.
    theta: [V, K] float32, sparse topic mixtures.
    birth: [V] float64, days since the start of the year; negative if older.
    quality: [V] float64.
    trending: [V] bool.
    fade_days: [V] float64, how fast it fades if trending.
    attraction: [DAYS, V] float32, a_v(t)^gamma; 0 until the day after birth.
  """

  population: np.ndarray
  theta: np.ndarray
  birth: np.ndarray
  quality: np.ndarray
  trending: np.ndarray
  fade_days: np.ndarray
  attraction: np.ndarray


def make_catalogue(world: WorldConfig, topics: Topics, seed: int) -> Catalogue:
  """All videos of the world, before any filter."""
  rng = stream(seed, 'videos')
  sizes = [population.videos for population in world.populations]
  count = sum(sizes)
  old = rng.random(count) < world.old_share
  since = rng.random(count)
  trends = world.trends
  share = scaled_probability(trends.trending_share, trends.strength)
  low, high = trends.fade_days
  catalogue = Catalogue(
    population=np.repeat(np.arange(len(sizes)), sizes).astype(np.int32),
    theta=_mixtures(stream(seed, 'theta'), topics, count),
    birth=np.where(old, -_OLD_DAYS * since, (DAYS - 1) * since),
    quality=np.concatenate([_quality(p, rng) for p in world.populations]),
    trending=rng.random(count) < share,
    fade_days=low + (high - low) * rng.random(count),
    attraction=np.zeros((0, count), np.float32),
  )
  return catalogue._replace(attraction=_attraction(world, catalogue))


def _quality(population: Population, rng) -> np.ndarray:
  """[videos] from a Pareto law cut at `quality_range`, one per quantile.

  Some of the videos are obscure: whatever draws people has them drawn to
  others.
  """
  count, tail = population.videos, population.quality_tail
  quantile = rng.permutation((np.arange(count) + rng.random(count)) / count)
  lowest = population.quality_range**-tail
  quality = (1.0 - quantile * (1.0 - lowest)) ** (-1.0 / tail)
  obscure = rng.permutation(count) < round(population.obscure * count)
  return np.where(obscure, _OBSCURE * quality, quality)


def _mixtures(rng, topics: Topics, count: int) -> np.ndarray:
  """[count, K]: one to three topics each, mostly of one category."""
  k = len(topics.category)
  main = rng.choice(k, count, p=topics.popularity)
  theta = np.zeros((count, k), np.float32)
  rest = 0.15 + 0.3 * rng.random(count)  # what the other topics get
  extra = rng.choice(3, count, p=_TOPIC_COUNTS)
  rest = np.where(extra > 0, rest, 0.0)
  theta[np.arange(count), main] = 1.0 - rest
  near = topics.category[:, None] == topics.category[None, :]
  chance = 0.6 * near / near.sum(1, keepdims=True) + 0.4 * topics.popularity
  cumulative = np.cumsum(chance / chance.sum(1, keepdims=True), axis=1)
  for nth in (1, 2):
    draws = rng.random(count)
    other = (cumulative[main] < draws[:, None]).sum(1).clip(max=k - 1)
    share = np.where(extra >= nth, rest / np.maximum(extra, 1), 0.0)
    np.add.at(theta, (np.arange(count), other), share.astype(np.float32))
  return theta


def _attraction(world: WorldConfig, catalogue: Catalogue) -> np.ndarray:
  """[DAYS, V]: (quality x life)^gamma.

  A trending video's life falls as a power of its age, (1 + age / fade)^-2, to
  the same total as `evergreen_days` of one that is always new; the life of all
  others as (1 + age / slow_days)^-strength: no exponential here.
  """
  trends = world.trends
  days = np.arange(DAYS, dtype=np.float32)[:, None]
  age = days - catalogue.birth.astype(np.float32)  # [DAYS, V]
  born = age >= 1
  fade = catalogue.fade_days.astype(np.float32)
  height = np.float32(trends.evergreen_days) / fade
  age = np.maximum(age, 0)
  slow = (1 + age / np.float32(trends.slow_days)) ** -trends.strength
  life = np.where(catalogue.trending, height / (1 + age / fade) ** 2, slow)
  out = (life * catalogue.quality.astype(np.float32)) ** world.quality_power
  # Only from the day after, so that no watch is earlier than its upload.
  return np.where(born, out, np.float32(0)).astype(np.float32)
