"""Co-occurrence over time against plain loops and by hand."""

import numpy as np
import pytest
import small_world

from dynrec_jax.baselines import co_occurrence
from dynrec_jax.baselines.co_occurrence import Settings
from dynrec_jax.recommender import CannotFit

EARLIER = [[0], [0, 1], [1], [1, 1], []]
LATER = [[3], [3, 4], [4], [], [2, 2]]
TRAIN = [0, 1, 2, 4, 5, 7, 9, 11, 13, 17, 20]


def fit(shrinkage, **changes):
  watches = small_world.halves(EARLIER, LATER)
  return co_occurrence.fit(
    small_world.seen_of(watches, video_count=6, **changes), Settings(shrinkage)
  )


def test_by_hand():
  """Shares of all 5 after the border: .4 of video 3, .4 of 4, .2 of 2."""
  lists = fit(1.0)(small_world.queries_knowing([[0], [1], [1, 0], [5], []]), 3)
  want = [
    [(3, 0.4 + 2 / 3), (4, 0.4 + 1 / 3), (2, 0.2)],
    [(4, 0.4 + 2 / 4), (3, 0.4 + 1 / 4), (2, 0.2)],
    [(3, 0.4 + 2 / 3 + 1 / 4), (4, 0.4 + 1 / 3 + 2 / 4), (2, 0.2)],
    [(3, 0.4), (4, 0.4), (2, 0.2)],
    [(3, 0.4), (4, 0.4), (2, 0.2)],
  ]
  assert lists.ids.tolist() == [[video for video, _ in row] for row in want]
  np.testing.assert_allclose(
    lists.scores, [[score for _, score in row] for row in want], rtol=1e-6
  )


def test_without_shrinkage_a_share_is_the_share():
  lists = fit(0.0)(small_world.queries_knowing([[0], [5]]), 1)
  assert lists.ids.tolist() == [[3], [3]]
  np.testing.assert_allclose(lists.scores, [[1.4], [0.4]], rtol=1e-6)


@pytest.mark.parametrize(('session', 'shrinkage'), [(3, 0.0), (9, 2.5)])
def test_against_loops(session, shrinkage):
  world = small_world.make_world()
  seen = small_world.seen_of(
    world.watches, video_count=41, train_users=TRAIN, session=session
  )
  queries = small_world.queries_at(
    world.watches, range(25), session, world.sessions, mask_known=False
  )
  lists = co_occurrence.fit(seen, Settings(shrinkage))(queries, 41)
  border = world.sessions.end(session)
  before = [{v for t, v in row if t < border} for row in world.events]
  after = [{v for t, v in row if t >= border} for row in world.events]
  for user in range(25):
    want = np.zeros(41)
    for i in range(41):
      want[i] = sum(i in after[u] for u in TRAIN) / len(TRAIN)
      for j in before[user]:
        both = sum(j in before[u] and i in after[u] for u in TRAIN)
        watchers = sum(j in before[u] for u in TRAIN)
        want[i] += both / (watchers + shrinkage) if both else 0
    found = np.zeros(41)
    found[lists.ids[user]] = lists.scores[user]
    np.testing.assert_allclose(found, want, rtol=1e-6, atol=1e-9)


def test_nothing_later_is_told():
  with pytest.raises(CannotFit, match='no watch of a train user after'):
    fit(1.0, train_users=[3])
