"""Shelves: each market's videos by topic, and draws from them by the day.

A video stands on the shelf of every topic that it has a share of. All days'
weights of all shelves are added up once, in one row, so that a draw from any
shelf on any day is one search.
"""

from typing import NamedTuple

import numpy as np

from dynrec_jax.sources.simulation.videos import Catalogue


class Shelves(NamedTuple):
  """Shelf s = market * K + topic; a market's shelves stand side by side.

  Attributes:
    bounds: [shelves + 1] int64; shelf s holds places bounds[s]:bounds[s + 1].
    video: [E] int32, the video at each place.
    topic_count: K.
    day_count: days that are told apart.
    total: [2 * days * E + 1] float64, running sum of all weights, first those
      by attraction, then the even ones, each day by day.
  """

  bounds: np.ndarray
  video: np.ndarray
  topic_count: int
  day_count: int
  total: np.ndarray


class Offer(NamedTuple):
  """What n watches look at: neighbouring shelves on one day.

  Attributes:
    first: [n] int64, the first shelf.
    end: [n] int64, the one after the last.
    day: [n] int64.
    even: [n] bool, whether attraction plays no part.
  """

  first: np.ndarray
  end: np.ndarray
  day: np.ndarray
  even: np.ndarray


def make_shelves(catalogue: Catalogue) -> Shelves:
  """Puts every video on its shelves, with its weights of each day.

  A video's weight is its share of the topic, theta, times its attraction of
  the day; evenly, theta from the day after its birth.
  """
  video, topic = np.nonzero(catalogue.theta)
  topic_count = catalogue.theta.shape[1]
  shelf = catalogue.population[video] * topic_count + topic
  order = np.argsort(shelf, kind='stable')
  video, topic, shelf = video[order], topic[order], shelf[order]
  shelf_count = (catalogue.population.max() + 1) * topic_count
  share = catalogue.theta[video, topic].astype(np.float64)
  attraction = catalogue.attraction[:, video]  # [days, E]
  weights = np.stack([share * attraction, share * (attraction > 0)])
  return Shelves(
    bounds=np.searchsorted(shelf, np.arange(shelf_count + 1)),
    video=video.astype(np.int32),
    topic_count=topic_count,
    day_count=len(attraction),
    total=np.concatenate([[0.0], np.cumsum(weights)]),
  )


def pick(shelves: Shelves, offer: Offer, draws: np.ndarray) -> np.ndarray:
  """[n] int64 videos, each with chance proportional to its weight.

  Args:
    shelves: see `Shelves`.
    offer: where each watch looks.
    draws: [n] float64 in [0, 1).

  Returns:
    The videos; -1 where nothing is on offer.
  """
  start, end = _places(shelves, offer)
  low, high = shelves.total[start], shelves.total[end]
  # Never the sum itself, which lies behind the last video.
  target = np.minimum(low + draws * (high - low), np.nextafter(high, low))
  place = np.searchsorted(shelves.total, target, side='right') - 1
  return np.where(high > low, shelves.video[place % len(shelves.video)], -1)


def pick_new(
  shelves: Shelves, offer: Offer, known: np.ndarray, draw: float
) -> int:
  """One video that is not known; -1 where nothing else is on offer.

  Args:
    shelves: see `Shelves`.
    offer: where one watch looks.
    known: videos that may not be taken.
    draw: in [0, 1).
  """
  start, end = _places(shelves, offer)
  video = shelves.video[np.arange(start, end) % len(shelves.video)]
  weights = np.diff(shelves.total[start : end + 1])
  weights[np.isin(video, known)] = 0
  total = np.cumsum(weights)
  if not len(total) or total[-1] <= 0:
    return -1
  target = min(draw * total[-1], np.nextafter(total[-1], 0))
  return int(video[np.searchsorted(total, target, side='right')])


def _places(shelves: Shelves, offer: Offer):
  """The first place of each offer in `total`, and the one after its last."""
  row = (offer.even * shelves.day_count + offer.day) * len(shelves.video)
  return row + shelves.bounds[offer.first], row + shelves.bounds[offer.end]
