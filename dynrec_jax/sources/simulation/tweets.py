"""Tweets: when, and about what."""

from typing import NamedTuple

import numpy as np

from dynrec_jax.sources.simulation.streams import (
  inverse_cdf,
  scaled_probability,
  stream,
)
from dynrec_jax.sources.simulation.topics import Topics, softmax
from dynrec_jax.sources.simulation.users import PERIOD_DAYS, People, watch_days
from dynrec_jax.sources.simulation.watches import Plan
from dynrec_jax.sources.simulation.world import DAYS, WorldConfig

_CHUNK = 100_000
_SPAN = DAYS * 86400


class Posts(NamedTuple):
  """The latent side of n tweets, in order of (user, time).

  Attributes:
    user: [n] int32.
    time: [n] int64, seconds since the start of the year.
    topic: [n] int32, a tweet topic; those from `topic_map.topics` on are
      chatter.
    second: [n] int32, the other topic of a two-topic tweet, else -1.
    of_user: [n] int32, whose interest it tells of.
  """

  user: np.ndarray
  time: np.ndarray
  topic: np.ndarray
  second: np.ndarray
  of_user: np.ndarray


def make_posts(
  world: WorldConfig, topics: Topics, people: People, plan: Plan, seed: int
) -> Posts:
  """All tweets of the year, before any filter."""
  rng = stream(seed, 'posts')
  user = np.repeat(np.arange(len(people.tweet_count)), people.tweet_count)
  chatter = rng.random(len(user)) < scaled_probability(
    world.chatter.share, world.chatter.strength
  )
  time, told = _times(world, people, plan, user, chatter, rng)
  own = rng.random(len(user)) < scaled_probability(
    world.topic_map.own_share, world.topic_map.strength
  )
  writers = np.flatnonzero(people.tweet_count > 0)
  other = writers[rng.integers(max(len(writers), 1), size=len(user))]
  of_user = np.where(own, user, other)
  period = np.minimum(told // 86400, DAYS - 1) // PERIOD_DAYS
  two = rng.random(len(user)) < world.topic_map.two_topic_share
  topic, second = (
    np.where(
      chatter,
      _chatter_topics(world, user, seed, rng),
      _interest_topics(topics, people, of_user, period, rng),
    )
    for _ in range(2)
  )
  second = np.where(two & (second != topic), second, -1)
  order = np.lexsort((time, user))
  return Posts(
    user=user[order].astype(np.int32),
    time=time[order],
    topic=topic[order].astype(np.int32),
    second=second[order].astype(np.int32),
    of_user=of_user[order].astype(np.int32),
  )


def _times(world, people: People, plan: Plan, user, chatter, rng):
  """(time, told) in seconds: a tweet's own time, and that of its interest.

  An interest tweet runs ahead of the interest that it tells of, most often
  of one of the user's watches.
  """
  n = len(user)
  day = watch_days(world, people, user, rng)
  hour = 7 + 16.5 * rng.beta(2.0, 1.5, n)
  time = day * 86400 + (hour * 3600).astype(np.int64)
  low, high = world.topic_map.lead_days
  lead = ((low + (high - low) * rng.random(n)) * 86400).astype(np.int64)
  start = np.cumsum(people.watch_count) - people.watch_count
  pick = np.floor(rng.random(n) * people.watch_count[user]).astype(np.int64)
  watched = plan.time[start[user] + pick]
  anchored = rng.random(n) < world.topic_map.anchored_share
  anchored &= ~chatter & (watched >= lead)
  time = np.where(anchored, watched - lead, time)
  return time, np.where(anchored, watched, np.minimum(time + lead, _SPAN - 1))


def _interest_topics(topics: Topics, people, of_user, period, rng):
  """[n] tweet topics: a video topic drawn from z_u(t), then its target."""
  out = np.empty(len(of_user), np.int64)
  shares = np.cumsum(topics.tweet_shares, axis=1)
  for at in range(0, len(of_user), _CHUNK):
    rows = slice(at, at + _CHUNK)
    interest = people.interest[of_user[rows], period[rows]]
    cumulative = np.cumsum(interest, axis=1)
    video_topic = inverse_cdf(cumulative, rng.random(len(interest)))
    which = inverse_cdf(shares[video_topic], rng.random(len(interest)))
    out[rows] = topics.tweet_targets[video_topic, which]
  return out


def _chatter_topics(world: WorldConfig, user, seed: int, rng):
  """[n] topics that no video has, each user with habits of their own."""
  count = user.max() + 1 if len(user) else 0
  habits = stream(seed, 'habits').standard_normal((count, world.chatter.topics))
  cumulative = np.cumsum(softmax(1.5 * habits), axis=1)
  out = np.empty(len(user), np.int64)
  for at in range(0, len(user), _CHUNK):
    rows = slice(at, at + _CHUNK)
    some = cumulative[user[rows]]
    out[rows] = inverse_cdf(some, rng.random(len(some)))
  return world.topic_map.topics + out
