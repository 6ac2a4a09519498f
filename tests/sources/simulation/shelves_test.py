"""Draws from shelves against plain loops over videos."""

import numpy as np
import pytest

from dynrec_jax.sources.simulation import shelves as shelves_lib
from dynrec_jax.sources.simulation.shelves import Offer
from dynrec_jax.sources.simulation.videos import Catalogue

# Two markets, three topics, two days; nothing of market 1 is about topic 2.
THETA = np.float32(
  [[1, 0, 0], [0.25, 0.75, 0], [0, 0.5, 0.5], [0.5, 0.5, 0], [1, 0, 0]]
)
MARKET = np.int32([0, 0, 0, 1, 1])
ATTRACTION = np.float32([[1, 8, 3, 2, 0], [0, 0, 3, 2, 5]])


def catalogue():
  nothing = np.zeros(5)
  return Catalogue(
    MARKET, THETA, nothing, nothing, nothing > 0, nothing, ATTRACTION
  )


def expected(first, end, day, even):
  """[V] float64 chances: of every shelf theta, times the day's attraction."""
  weights = np.zeros(5)
  for shelf in range(first, end):
    for v in range(5):
      if MARKET[v] == shelf // 3:
        appeal = float(ATTRACTION[day, v])
        appeal = float(appeal > 0) if even else appeal
        weights[v] += float(THETA[v, shelf % 3]) * appeal
  return weights


OFFERS = [
  (first, end, day, even)
  for first, end in ((0, 1), (1, 2), (3, 4), (0, 3), (3, 6), (0, 6))
  for day in (0, 1)
  for even in (False, True)
]


@pytest.mark.parametrize('offer', OFFERS)
def test_pick_has_the_chances_of_plain_loops(offer):
  shelves = shelves_lib.make_shelves(catalogue())
  count = 4000
  draws = (np.arange(count) + 0.5) / count
  columns = Offer(*(np.full(count, x) for x in offer))
  got = shelves_lib.pick(shelves, columns, draws)
  weights = expected(*offer)
  if not weights.sum():
    assert (got == -1).all()
    return
  share = np.bincount(got, minlength=5) / count
  # Draws that stand in a row are off by one at each end of each share.
  np.testing.assert_allclose(share, weights / weights.sum(), atol=4 / count)
  assert not share[weights == 0].any()


@pytest.mark.parametrize('offer', OFFERS)
def test_pick_new_leaves_known_videos_out(offer):
  shelves = shelves_lib.make_shelves(catalogue())
  known = np.array([1, 3])
  weights = expected(*offer)
  weights[known] = 0
  draws = (np.arange(1000) + 0.5) / 1000
  got = [shelves_lib.pick_new(shelves, Offer(*offer), known, x) for x in draws]
  if not weights.sum():
    assert set(got) == {-1}
    return
  share = np.bincount(got, minlength=5) / 1000
  np.testing.assert_allclose(share, weights / weights.sum(), atol=4 / 1000)


def test_a_draw_at_either_end_takes_no_absent_video():
  shelves = shelves_lib.make_shelves(catalogue())
  # Market 0 on day 1 has video 2 alone, which lies between empty places.
  for draw in (0.0, np.nextafter(1, 0)):
    one = Offer(*(np.array([x]) for x in (0, 3, 1, False)))
    assert shelves_lib.pick(shelves, one, np.array([draw])) == [2]
    assert shelves_lib.pick_new(shelves, Offer(0, 3, 1, False), [], draw) == 2
