"""Who watches what: every user's n-th watch is chosen at once, n by n.

A watch looks at one community's exposure list of the month, or at a whole
market. A list stands for its videos alike: attraction and taste counted when
it was made. In a market a topic comes first,

  k ~ z_u(t), or the successors of a topic of the watch before,

and then a video of this topic, v with chance proportional to

  theta_v[k] a_v(t)^gamma,

or to theta_v[k] alone where popularity plays no part. So a watch is drawn from
a mixture of topics, and no weight is a function of the product of a video's
and a user's vector. Never a video already seen: who has seen all of a topic
looks at the whole market. Knock-outs exchange: without communities the list is
that of a random community, without interest z is that of a random user,
without affinity z takes the place of the successors.
"""

from typing import NamedTuple

import numpy as np

from dynrec_jax.sources.simulation import shelves as shelves_lib
from dynrec_jax.sources.simulation.shelves import Offer, Shelves
from dynrec_jax.sources.simulation.streams import (
  inverse_cdf,
  pick_weighted,
  scaled_probability,
  stream,
)
from dynrec_jax.sources.simulation.topics import Topics
from dynrec_jax.sources.simulation.users import (
  MONTHS,
  PERIOD_DAYS,
  People,
  community_population,
  watch_times,
)
from dynrec_jax.sources.simulation.videos import Catalogue
from dynrec_jax.sources.simulation.world import DAYS, WorldConfig

_TRIES = 6  # draws that may hit a known video, before these are left out


class Plan(NamedTuple):
  """What is settled about n watches before any video is chosen.

  Attributes:
    user: [n] int32, in order.
    time: [n] int64, seconds since the start, in order for each user.
    of_user: [n] int32, whose interest the watch follows.
    follows: [n] bool, the topic succeeds one of the watch before, if any.
    community: [n] int32, whose list is looked at; -1: a whole market.
    market: [n] int32, which market, where no list is looked at.
    niche: [n] bool, popularity does not count, only the topics do.
  """

  user: np.ndarray
  time: np.ndarray
  of_user: np.ndarray
  follows: np.ndarray
  community: np.ndarray
  market: np.ndarray
  niche: np.ndarray


def plan_watches(world: WorldConfig, people: People, seed: int) -> Plan:
  """Times and circumstances of all watches."""
  user, time = watch_times(world, people, seed)
  rng = stream(seed, 'plan')
  own = scaled_probability(
    world.interest.own_share, world.interest.strength
  ) > rng.random(len(user))
  other = _random_fellow(rng, people.population, user)
  communities = world.communities
  niche = np.array([population.niche for population in world.populations])
  mean = niche[people.population]
  # Mostly all or nothing: some users live in niches, most never look there.
  niche_share = rng.beta(mean, 1 - mean)
  niche = rng.random(len(user)) < niche_share[user]
  listed = (rng.random(len(user)) < communities.list_share) & ~niche
  own_list = scaled_probability(
    communities.own_share, communities.strength
  ) > rng.random(len(user))
  fellow = _random_fellow(rng, people.population, user)
  community = people.community[np.where(own_list, user, fellow)]
  follows = rng.random(len(user)) < scaled_probability(
    world.affinity.share, world.affinity.strength
  )
  home = people.population[user]
  visits = rng.random(len(user)) < world.visit_share
  elsewhere = rng.integers(len(world.populations), size=len(user))
  return Plan(
    user=user,
    time=time,
    of_user=np.where(own, user, other).astype(np.int32),
    follows=follows,
    community=np.where(listed, community, -1).astype(np.int32),
    market=np.where(visits, elsewhere, home).astype(np.int32),
    niche=niche,
  )


def _random_fellow(rng, population: np.ndarray, user: np.ndarray):
  """A random user of the same population (they lie in one piece)."""
  first = np.searchsorted(population, population[user], side='left')
  last = np.searchsorted(population, population[user], side='right')
  return first + np.floor(rng.random(len(user)) * (last - first)).astype(int)


def exposure_lists(
  world: WorldConfig, catalogue: Catalogue, people: People, seed: int
) -> np.ndarray:
  """[communities, MONTHS, S] int64: the videos each community passes around.

  Drawn without repeats (Gumbel's trick) from the community's market: a topic
  by the community's taste, or without interest by that of the whole market,
  then a video of this topic by attraction in the middle of the month.
  """
  rng = stream(seed, 'lists')
  owner = community_population(world)
  own = _follows_own_taste(world, len(owner), seed)
  size = world.communities.list_size
  out = np.zeros((len(owner), MONTHS, size), np.int64)
  for month in range(MONTHS):
    day = int((month + 0.5) * DAYS / MONTHS)
    appeal = catalogue.attraction[day] ** world.communities.list_power
    for market in range(len(world.populations)):
      videos = np.flatnonzero(catalogue.population == market)
      theta = catalogue.theta[videos] * appeal[videos, None]
      theta /= np.maximum(theta.sum(axis=0), np.finfo(np.float32).tiny)
      mine = np.flatnonzero(owner == market)
      taste = people.taste[mine]
      taste = np.where(own[mine, month, None], taste, taste.mean(axis=0))
      chance = taste @ theta.T  # [C, Vm]
      with np.errstate(divide='ignore'):  # before birth
        score = np.log(chance) + rng.gumbel(size=chance.shape)
      best = np.argpartition(-score, size, axis=1)[:, :size]
      out[mine, month] = videos[best]
  return out


def _follows_own_taste(world: WorldConfig, count: int, seed: int):
  """[communities, MONTHS] bool: else a list has what everybody likes."""
  rng = stream(seed, 'list tastes')
  return rng.random((count, MONTHS)) < scaled_probability(
    world.interest.list_share, world.interest.strength
  )


def choose_videos(
  world: WorldConfig,
  topics: Topics,
  catalogue: Catalogue,
  people: People,
  plan: Plan,
  seed: int,
) -> np.ndarray:
  """[n] int32: the video of every planned watch.

  Raises:
    ValueError: a user has watched all videos there are.
  """
  lists = exposure_lists(world, catalogue, people, seed)
  shelves = shelves_lib.make_shelves(catalogue)
  successors = catalogue.theta @ topics.successor  # [V, K], rows sum to 1
  rng = stream(seed, 'choices')
  topic_draw = rng.random(len(plan.user))
  draws = rng.random((len(plan.user), _TRIES + 1))
  start = np.cumsum(people.watch_count) - people.watch_count
  seen = np.full((len(start), people.watch_count.max()), -1, np.int64)
  video = np.full(len(plan.user), -1, np.int32)
  period = plan.time // 86400 // PERIOD_DAYS
  for nth in range(people.watch_count.max()):
    users = np.flatnonzero(people.watch_count > nth)
    events = start[users] + nth
    known = seen[users, :nth]
    chance = people.interest[plan.of_user[events], period[events]]  # [m, K]
    if nth:
      follows = plan.follows[events]
      chance[follows] = successors[known[follows, -1]]
    topic = inverse_cdf(np.cumsum(chance, axis=1), topic_draw[events])
    chosen = _from_lists(catalogue, lists, plan, events, draws[events], known)
    rest = np.flatnonzero(chosen < 0)
    chosen[rest] = _from_shelves(
      shelves, plan, events[rest], topic[rest], draws[events[rest]], known[rest]
    )
    seen[users, nth] = chosen
    video[events] = chosen
  return video


def _from_lists(catalogue, lists, plan, events, draws, known) -> np.ndarray:
  """[m] videos from exposure lists; -1: no list, or nothing new on it."""
  out = np.full(len(events), -1, np.int64)
  rows = np.flatnonzero(plan.community[events] >= 0)
  if not len(rows):
    return out
  e = events[rows]
  day = plan.time[e] // 86400
  videos = lists[plan.community[e], day * MONTHS // DAYS]  # [m, S]
  new = (videos[:, :, None] != known[rows][:, None, :]).all(axis=2)
  new &= catalogue.attraction[day[:, None], videos] > 0
  column = pick_weighted(
    new.astype(np.float32), draws[rows, 0], block=videos.shape[1]
  )
  picked = np.take_along_axis(videos, column[:, None].clip(0), 1)[:, 0]
  out[rows] = np.where(column >= 0, picked, -1)
  return out


def _from_shelves(
  shelves: Shelves, plan, events, topic, draws, known
) -> np.ndarray:
  """[m] new videos of each event's topic, of all others where none is left."""
  shelf = plan.market[events] * shelves.topic_count + topic
  offer = Offer(
    shelf, shelf + 1, plan.time[events] // 86400, plan.niche[events]
  )
  out = np.full(len(events), -1, np.int64)
  left = np.arange(len(events))
  for nth in range(_TRIES):
    some = Offer(*(column[left] for column in offer))
    picked = shelves_lib.pick(shelves, some, draws[left, nth])
    repeat = (known[left] == picked[:, None]).any(axis=1)
    out[left] = np.where(repeat, -1, picked)
    left = left[out[left] < 0]
  for row in left:
    one = Offer(*(column[row] for column in offer))
    out[row] = _what_is_left(shelves, one, known[row], draws[row, -1])
  return out


def _what_is_left(shelves: Shelves, offer: Offer, known, draw: float) -> int:
  """A new video of the shelf, else of its market, else of any market."""
  count = shelves.topic_count
  market = offer.first // count * count
  for first, end in (
    (offer.first, offer.end),
    (market, market + count),
    (0, len(shelves.bounds) - 1),
  ):
    video = shelves_lib.pick_new(
      shelves, offer._replace(first=first, end=end), known, draw
    )
    if video >= 0:
      return video
  raise ValueError(
    f'a user has watched all {len(known)} videos there are on day '
    f'{offer.day}; expected more videos or a smaller most_watches'
  )
