"""Who watches what: every user's n-th watch is chosen at once, n by n.

A watch looks either at a whole market, and takes video v there with chance
proportional to

  a_v(t)^gamma exp(eta theta_v . z_u(t)) exp(zeta theta_previous A theta_v),

or at one community's exposure list of the month, where attraction counted when
the list was made and does not count again. Never a video already seen.
Knock-outs exchange: without communities the list is that of a random
community, without interest z is that of a random user.
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse

from dynrec_jax.sources.simulation.streams import (
  pick_weighted,
  scaled_probability,
  stream,
)
from dynrec_jax.sources.simulation.topics import Topics, softmax
from dynrec_jax.sources.simulation.users import (
  MONTHS,
  PERIOD_DAYS,
  People,
  community_population,
  watch_times,
)
from dynrec_jax.sources.simulation.videos import Catalogue
from dynrec_jax.sources.simulation.world import DAYS, WorldConfig

_ROWS = 256  # watches per block: 256 x 17,000 weights stay near the cache


class Plan(NamedTuple):
  """What is settled about n watches before any video is chosen.

  Attributes:
    user: [n] int32, in order.
    time: [n] int64, seconds since the start, in order for each user.
    of_user: [n] int32, whose interest the watch follows.
    community: [n] int32, whose list is looked at; -1: a whole market.
    market: [n] int32, which market, where no list is looked at.
    niche: [n] bool, popularity does not count, only the topics do.
    draw: [n] float64 in [0, 1).
  """

  user: np.ndarray
  time: np.ndarray
  of_user: np.ndarray
  community: np.ndarray
  market: np.ndarray
  niche: np.ndarray
  draw: np.ndarray


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
  home = people.population[user]
  visits = rng.random(len(user)) < world.visit_share
  elsewhere = rng.integers(len(world.populations), size=len(user))
  return Plan(
    user=user,
    time=time,
    of_user=np.where(own, user, other).astype(np.int32),
    community=np.where(listed, community, -1).astype(np.int32),
    market=np.where(visits, elsewhere, home).astype(np.int32),
    niche=niche,
    draw=rng.random(len(user)),
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

  Drawn without repeats (Gumbel's trick) from the community's market, by
  attraction in the middle of the month and the community's taste, or without
  interest that of a random community.
  """
  rng = stream(seed, 'lists')
  owner = community_population(world)
  taste = softmax(people.centre * world.interest.spread)
  match = world.interest.sharpness * (taste @ catalogue.theta.T)  # [C, V]
  tastes = _list_tastes(world, len(owner), seed)
  size = world.communities.list_size
  out = np.zeros((len(owner), MONTHS, size), np.int64)
  for month in range(MONTHS):
    day = int((month + 0.5) * DAYS / MONTHS)
    with np.errstate(divide='ignore'):
      appeal = np.log(catalogue.attraction[day])  # -inf before birth
    for c, population in enumerate(owner):
      videos = np.flatnonzero(catalogue.population == population)
      score = rng.gumbel(size=len(videos)) + match[tastes[c, month], videos]
      score += world.communities.list_power * appeal[videos]
      out[c, month] = videos[np.argpartition(-score, size)[:size]]
  return out


def _list_tastes(world: WorldConfig, count: int, seed: int) -> np.ndarray:
  """[communities, MONTHS] whose taste each list of each month follows."""
  rng = stream(seed, 'list tastes')
  own = rng.random((count, MONTHS)) < scaled_probability(
    world.interest.list_share, world.interest.strength
  )
  other = rng.integers(count, size=(count, MONTHS))
  return np.where(own, np.arange(count)[:, None], other)


def choose_videos(
  world: WorldConfig,
  topics: Topics,
  catalogue: Catalogue,
  people: People,
  plan: Plan,
  seed: int,
) -> np.ndarray:
  """[n] int32: the video of every planned watch."""
  lists = exposure_lists(world, catalogue, people, seed)
  follow = catalogue.theta @ topics.successor  # [V, K]
  follow *= np.float32(world.affinity.weight * world.affinity.strength)
  markets = [
    (videos[0], scipy.sparse.csr_array(catalogue.theta[videos]))
    for videos in map(
      np.flatnonzero,
      catalogue.population == np.arange(len(world.populations))[:, None],
    )
  ]  # a market's videos lie in one piece
  start = np.cumsum(people.watch_count) - people.watch_count
  seen = np.full((len(start), people.watch_count.max()), -1, np.int64)
  video = np.full(len(plan.user), -1, np.int32)
  day = plan.time // 86400
  for nth in range(people.watch_count.max()):
    users = np.flatnonzero(people.watch_count > nth)
    events = start[users] + nth
    query = people.interest[plan.of_user[events], day[events] // PERIOD_DAYS]
    query = query * np.float32(world.interest.sharpness)  # [m, K]
    if nth:
      query += follow[seen[users, nth - 1]]
    known = seen[users, :nth]
    chosen = _from_lists(catalogue, lists, plan, events, query, known)
    rest = np.flatnonzero(chosen < 0)
    chosen[rest] = _from_markets(
      catalogue, markets, plan, events[rest], query[rest], known[rest]
    )
    seen[users, nth] = chosen
    video[events] = chosen
  return video


def _from_lists(catalogue, lists, plan, events, query, known) -> np.ndarray:
  """[m] videos from exposure lists; -1: no list, or nothing new on it."""
  out = np.full(len(events), -1, np.int64)
  rows = np.flatnonzero(plan.community[events] >= 0)
  for at in range(0, len(rows), _ROWS):
    some = rows[at : at + _ROWS]
    e = events[some]
    day = plan.time[e] // 86400
    videos = lists[plan.community[e], day * MONTHS // DAYS]  # [m, S]
    weights = np.exp(
      np.einsum('mk,msk->ms', query[some], catalogue.theta[videos])
    )
    weights *= catalogue.attraction[day[:, None], videos] > 0
    repeat = (videos[:, :, None] == known[some][:, None, :]).any(axis=2)
    weights[repeat] = 0
    column = pick_weighted(weights, plan.draw[e], block=videos.shape[1])
    picked = np.take_along_axis(videos, column[:, None].clip(0), 1)[:, 0]
    out[some] = np.where(column >= 0, picked, -1)
  return out


def _from_markets(catalogue, markets, plan, events, query, known):
  """[m] videos from the whole market that each event looks at.

  Args:
    markets: of each market its first video and its theta, [Vm, K] sparse.
  """
  out = np.full(len(events), -1, np.int64)
  for market in np.unique(plan.market[events]):
    first, theta = markets[market]
    count = theta.shape[0]
    rows = np.flatnonzero(plan.market[events] == market)
    for at in range(0, len(rows), _ROWS):
      some = rows[at : at + _ROWS]
      day = plan.time[events[some]] // 86400
      # Sparse: few operations, and no threads that wait for each other.
      weights = np.exp(np.ascontiguousarray((theta @ query[some].T).T))
      appeal = catalogue.attraction[day, first : first + count]
      niche = plan.niche[events[some]]
      appeal[niche] = appeal[niche] > 0
      weights *= appeal
      column = known[some] - first
      row, nth = np.nonzero((column >= 0) & (column < count))
      weights[row, column[row, nth]] = 0
      out[some] = first + pick_weighted(weights, plan.draw[events[some]])
  return out
