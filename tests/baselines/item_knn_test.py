"""Item-based neighbours against loops over sets."""

import math
import warnings

import numpy as np
import pytest
import small_world

from dynrec_jax.baselines import item_knn
from dynrec_jax.baselines.item_knn import Settings


def cosines(world):
  watchers = [set() for _ in range(41)]
  for user, row in enumerate(world.events):
    for _, video in row:
      watchers[video].add(user)
  return np.array(
    [
      [
        len(a & b) / math.sqrt(len(a) * len(b)) if a and b else 0.0
        for b in watchers
      ]
      for a in watchers
    ]
  )


@pytest.mark.parametrize('neighbours', [41, 6])
def test_against_loops(neighbours):
  world = small_world.make_world()
  similarity = cosines(world)
  seen = small_world.seen_of(world.watches, video_count=41, train_users=[2])
  queries = small_world.queries_at(
    world.watches, range(25), 9, world.sessions, mask_known=False
  )
  with warnings.catch_warnings():
    warnings.simplefilter('error')
    recommend = item_knn.fit(seen, Settings(neighbours))
  lists = recommend(queries, 41)
  border = world.sessions.end(9)
  for user, row in enumerate(world.events):
    found = np.zeros(41)
    found[lists.ids[user]] = lists.scores[user]
    low, high = np.zeros((2, 41))
    for time, j in row:
      if time >= border:
        continue
      # Which of those that are equally similar are among the K is left open.
      least = np.sort(similarity[j])[-neighbours] if neighbours < 41 else -1
      above = similarity[j] > least + 1e-9
      equal = np.abs(similarity[j] - least) <= 1e-9
      low += np.where(above, similarity[j], 0)
      high += np.where(above | equal, similarity[j], 0)
    assert np.all((low - 1e-6 <= found) & (found <= high + 1e-6))


def test_a_watched_video_chooses_the_neighbours():
  """Video 0's nearest is 1, and not the other way round: 1's nearest is 2.

  Watchers: 0 of {0}, 1 of {0, 1, 2}, 2 of {1, 2}.
  """
  seen = small_world.seen_of(
    small_world.table([[(5, 0), (6, 1)], [(5, 1), (6, 2)], [(7, 1), (8, 2)]]),
    video_count=4,
  )
  lists = item_knn.fit(seen, Settings(2))(
    small_world.queries_knowing([[0], [1], [0, 2], []]), 3
  )
  near, nearer = 1 / math.sqrt(3), 2 / math.sqrt(6)
  assert lists.ids.tolist() == [[1, 2, 3], [2, 0, 3], [1, 3, -1], [0, 1, 2]]
  np.testing.assert_allclose(
    lists.scores,
    [[near, 0, 0], [nearer, 0, 0], [near + nearer, 0, -np.inf], [0, 0, 0]],
    rtol=1e-6,
  )
