"""Users: community, interest over time, and when they watch."""

from typing import NamedTuple

import numpy as np

from dynrec_jax.sources.simulation.streams import (
  inverse_cdf,
  scaled_probability,
  stratified_normal,
  stream,
)
from dynrec_jax.sources.simulation.topics import (
  Topics,
  balance,
  correlated_normal,
  softmax,
)
from dynrec_jax.sources.simulation.world import DAYS, WorldConfig

PERIOD_DAYS = 14  # interest is constant within a fortnight
MONTHS = 12
PERIODS = -(-DAYS // PERIOD_DAYS)
_SAMPLE = 2000  # users of a market that tell its demand


class People(NamedTuple):
  """The latent side of U users.

  Attributes:
    population: [U] int32.
    community: [U] int32.
    taste: [communities, K] float32, each community's interest, rows on the
      simplex.
    interest: [U, PERIODS, K] float32, z_u(t), rows on the simplex.
    watch_count: [U] int32, at least 1.
    tweet_count: [U] int32, 0 without a Twitter account.
    active: [U, 2] float64, first and last day on the network.
  """

  population: np.ndarray
  community: np.ndarray
  taste: np.ndarray
  interest: np.ndarray
  watch_count: np.ndarray
  tweet_count: np.ndarray
  active: np.ndarray


def make_people(world: WorldConfig, topics: Topics, seed: int) -> People:
  """All users of the world, before any filter."""
  rng = stream(seed, 'users')
  sizes = [population.users for population in world.populations]
  population = np.repeat(np.arange(len(sizes)), sizes).astype(np.int32)
  count = len(population)
  owner = community_population(world)
  community = np.zeros(count, np.int32)
  for p in range(len(sizes)):
    rows = np.flatnonzero(population == p)
    community[rows] = rng.choice(np.flatnonzero(owner == p), len(rows))
  watch_count, tweet_count = _activity(world, sizes, seed)
  centre = correlated_normal(
    stream(seed, 'centres'), topics.category, world.communities.count
  )
  return People(
    population=population,
    community=community,
    taste=_tastes(world, topics, owner, centre),
    interest=_interest(world, topics, population, centre[community], seed),
    watch_count=watch_count,
    tweet_count=tweet_count,
    active=_active_days(world, rng, count),
  )


def _active_days(world: WorldConfig, rng, count: int) -> np.ndarray:
  """[count, 2]: some come during the year and some leave before its end."""
  late = rng.random(count) < world.join_share
  first = np.where(late, rng.random(count) * DAYS / 2, 0.0)
  leaves = rng.random(count) < world.leave_share
  stay = np.where(leaves, rng.uniform(0.05, 1.0, count), 1.0)
  return np.stack([first, first + stay * (DAYS - first)], axis=1)


def community_population(world: WorldConfig) -> np.ndarray:
  """[communities] the market of each, in proportion to the markets' users."""
  users = np.array([population.users for population in world.populations])
  each = np.maximum(1, world.communities.count * users // users.sum())
  each[np.argmax(users)] += world.communities.count - each.sum()
  return np.repeat(np.arange(len(users)), each).astype(np.int32)


def _activity(world: WorldConfig, sizes, seed: int):
  """Watches and tweets of each user, log-normal and correlated."""
  watches, tweets = [], []
  for p, (population, size) in enumerate(
    zip(world.populations, sizes, strict=True)
  ):
    rng = stream(seed, 'activity', str(p))
    level = stratified_normal(rng, size)
    count = np.exp(level * population.activity_sigma)
    count = np.rint(count * population.activity_median)
    watches.append(np.clip(count, 1, world.most_watches))
    rho = world.twitter.activity_correlation
    voice = rho * level + np.sqrt(1 - rho**2) * rng.standard_normal(size)
    count = np.rint(np.exp(voice * world.twitter.sigma) * world.twitter.median)
    count = np.clip(count, 0, world.twitter.most)
    tweets.append(count if population.twitter else np.zeros(size))
  return (
    np.concatenate(watches).astype(np.int32),
    np.concatenate(tweets).astype(np.int32),
  )


def _tastes(world, topics: Topics, owner: np.ndarray, centre: np.ndarray):
  """[communities, K]: what each passes around, in balance in each market."""
  out = centre * np.float32(world.interest.spread)
  for market in np.unique(owner):
    out[owner == market] += balance(out[owner == market], topics.popularity)
  return softmax(out)


def _interest(world, topics: Topics, population, centre: np.ndarray, seed: int):
  """[U, PERIODS, K]: z_u(t), a constant part, a moving part, and waves.

  The shares of variance trade places with the strengths, so that the spread
  of interest at any one time is the same in every world. But for the waves,
  demand is as supply is in each market.
  """
  rng = stream(seed, 'interest')
  count = len(centre)
  communities, drift = world.communities, world.drift
  common = scaled_probability(communities.centre_share, communities.strength)
  moving = scaled_probability(drift.moving_share, drift.strength)
  base = np.float32(np.sqrt(common)) * centre
  base += np.float32(np.sqrt(1 - common)) * correlated_normal(
    rng, topics.category, count
  )
  base *= np.float32(np.sqrt(1 - moving) * world.interest.spread)
  scale = np.float32(np.sqrt(moving / 2) * world.interest.spread)
  response = rng.lognormal(-0.125, 0.5, count).astype(np.float32)
  waves = _waves(world, len(topics.category), seed)
  out = np.empty((count, PERIODS, len(topics.category)), np.float32)
  for period, (slow, sudden) in enumerate(
    _movements(world, topics, count, stream(seed, 'drift'))
  ):
    logits = base + scale * (slow + sudden)
    if not period:  # the spread stays, so the first balance does
      offset = np.stack(
        [
          balance(logits[population == p][:_SAMPLE], topics.popularity)
          for p in range(len(world.populations))
        ]
      )
    logits += offset[population]
    logits += response[:, None] * waves[period]
    out[:, period] = softmax(logits)
  return out


def _movements(world, topics: Topics, count: int, rng):
  """Yields the slow and the sudden part of every period, unit variance each.

  The slow part is mean-reverting; the sudden one keeps its value until a
  switch replaces it whole.
  """
  drift = world.drift
  stay = np.float32(np.exp(-PERIOD_DAYS / drift.reversion_days))
  rate = drift.switches_per_year * drift.strength * PERIOD_DAYS / DAYS
  slow = correlated_normal(rng, topics.category, count)
  sudden = correlated_normal(rng, topics.category, count)
  yield slow, sudden
  for _ in range(1, PERIODS):
    fresh = correlated_normal(rng, topics.category, count)
    slow = stay * slow + np.sqrt(1 - stay**2) * fresh
    switched = rng.random(count) < -np.expm1(-rate)
    fresh = correlated_normal(rng, topics.category, count)
    sudden = np.where(switched[:, None], fresh, sudden)
    yield slow, sudden


def _waves(world: WorldConfig, topic_count: int, seed: int) -> np.ndarray:
  """[PERIODS, K] float32: what is on everybody's mind, in log interest."""
  rng = stream(seed, 'waves')
  trends = world.trends
  day = (np.arange(PERIODS) + 0.5) * PERIOD_DAYS
  out = np.zeros((PERIODS, topic_count), np.float32)
  for _ in range(trends.wave_count):
    low, high = trends.wave_days
    width = low + (high - low) * rng.random()
    middle = rng.random() * DAYS
    height = trends.strength * trends.wave_height * (0.5 + rng.random())
    # A tent: up and down in straight lines.
    tent = np.maximum(0, 1 - np.abs(day - middle) / width)
    out[:, rng.integers(topic_count)] += (height * tent).astype(np.float32)
  return out


def watch_days(
  world: WorldConfig, people: People, user: np.ndarray, rng
) -> np.ndarray:
  """[n] int64: a day of the year for each of the users' watches.

  A user's months are unequally busy (Gamma), later ones the more so by
  `growth`, and a month outside of the user's active days has none.
  """
  months = np.arange(MONTHS + 1) * DAYS / MONTHS
  low = np.maximum(months[:-1], people.active[:, :1])  # [U, MONTHS]
  high = np.minimum(months[1:], people.active[:, 1:])
  weight = rng.gamma(world.season, size=low.shape) + 1e-9
  weight *= np.maximum(high - low, 0)
  weight *= 1 + world.growth * (np.arange(MONTHS) + 0.5) / MONTHS
  cumulative = np.cumsum(weight, axis=1)
  cumulative /= cumulative[:, -1:]
  month = inverse_cdf(cumulative[user], rng.random(len(user)))
  low, high = low[user, month], high[user, month]
  day = np.floor(low + rng.random(len(user)) * (high - low))
  return np.clip(day, 0, DAYS - 1).astype(np.int64)


def watch_times(world: WorldConfig, people: People, seed: int):
  """(user [n] int32, seconds [n] int64) of all watches, in that order.

  A day with one watch often has more: `burst` of the watches join the day of
  an earlier one.
  """
  rng = stream(seed, 'times')
  user = np.repeat(np.arange(len(people.watch_count)), people.watch_count)
  start = np.cumsum(people.watch_count) - people.watch_count
  nth = np.arange(len(user)) - start[user]
  joins = (rng.random(len(user)) < world.burst) & (nth > 0)
  day = watch_days(world, people, user, rng)
  leader = start[user] + np.floor(rng.random(len(user)) * nth).astype(int)
  leader = np.where(joins, leader, np.arange(len(user)))
  # A leader may itself follow: go up until none does.
  while (leader[leader] != leader).any():
    leader = leader[leader]
  hour = 7 + 13.5 * rng.beta(3.0, 1.7, len(user))  # evenings
  second = hour[leader] * 3600 + rng.random(len(user)) * 3 * 3600
  seconds = (day[leader] * 86400 + second).astype(np.int64)
  order = np.lexsort((seconds, user))
  return user[order].astype(np.int32), seconds[order]
