"""The mixture that watches are drawn from, against plain loops."""

import functools

import numpy as np
import pytest

from dynrec_jax.sources import simulation
from dynrec_jax.sources.simulation import watches as watches_lib
from dynrec_jax.sources.simulation import year

COUNT = 20_000


@functools.cache
def tiny():
  world = simulation.world_from_name('tiny')
  return world, year.simulate_latents(world, simulation.DEFAULT_SEED)


def many_second_watches(follows, niche, community=-1):
  """What COUNT copies of one user choose, after a first watch."""
  world, truth = tiny()
  ones = np.ones(COUNT, int)
  day = 200
  people = truth.people._replace(
    watch_count=2 * ones, interest=truth.people.interest[:1]
  )
  user = np.repeat(np.arange(COUNT), 2)
  second = np.arange(2 * COUNT) % 2 == 1
  plan = watches_lib.Plan(
    user=user,
    time=np.full(2 * COUNT, day * 86400),
    of_user=np.zeros(2 * COUNT, int),
    follows=second & follows,
    community=np.where(second, community, -1),
    market=np.zeros(2 * COUNT, int),
    niche=np.full(2 * COUNT, niche),
  )
  topics, catalogue = truth.topics, truth.catalogue
  video = watches_lib.choose_videos(world, topics, catalogue, people, plan, 3)
  return video.reshape(COUNT, 2), day


def expected_chances(topic_chance, day, niche):
  """[V] float64: a topic, then a video of it by share and attraction."""
  _, truth = tiny()
  catalogue = truth.catalogue
  out = np.zeros(len(catalogue.birth))
  for k, chance in enumerate(topic_chance):
    weights = np.zeros(len(out))
    for v in range(len(out)):
      appeal = float(catalogue.attraction[day, v])
      appeal = float(appeal > 0) if niche else appeal
      if catalogue.population[v] == 0:
        weights[v] = float(catalogue.theta[v, k]) * appeal
    out += chance * weights / weights.sum()
  return out


@pytest.mark.parametrize('niche', [False, True])
def test_first_watches_are_a_mixture_over_topics(niche):
  video, day = many_second_watches(follows=False, niche=niche)
  _, truth = tiny()
  interest = truth.people.interest[0, day // 14].astype(np.float64)
  expected = expected_chances(interest / interest.sum(), day, niche)
  share = np.bincount(video[:, 0], minlength=len(expected)) / COUNT
  error = np.sqrt(expected * (1 - expected) / COUNT)
  assert (np.abs(share - expected) <= 4.5 * error + 3 / COUNT).all()


def test_a_watch_that_follows_has_a_successor_topic():
  video, day = many_second_watches(follows=True, niche=False)
  _, truth = tiny()
  catalogue, topics = truth.catalogue, truth.topics
  first = np.bincount(video[:, 0]).argmax()
  after = video[video[:, 0] == first, 1]
  successors = np.zeros(len(topics.category))
  for k in range(len(successors)):
    for j in range(len(successors)):
      successors[j] += catalogue.theta[first, k] * topics.successor[k, j]
  expected = expected_chances(successors, day, False)
  expected[first] = 0  # seen
  expected /= expected.sum()
  share = np.bincount(after, minlength=len(expected)) / len(after)
  error = np.sqrt(expected * (1 - expected) / len(after))
  assert (np.abs(share - expected) <= 4.5 * error + 0.01).all()


def test_a_list_stands_for_its_videos_alike():
  video, day = many_second_watches(False, False, community=1)
  world, truth = tiny()
  lists = watches_lib.exposure_lists(world, truth.catalogue, truth.people, 3)
  listed = lists[1, day * 12 // 365]
  born = listed[truth.catalogue.attraction[day, listed] > 0]
  assert set(video[:, 1]) == set(born)
  # Of those who had seen none of them.
  fresh = video[~np.isin(video[:, 0], born), 1]
  share = np.bincount(fresh, minlength=max(born) + 1)[born] / len(fresh)
  error = np.sqrt(1 / len(born) / len(fresh))
  np.testing.assert_allclose(share, 1 / len(born), atol=4.5 * error)


def test_nobody_sees_a_video_twice_even_where_there_are_few():
  video, _ = many_second_watches(False, False)
  assert (video[:, 0] != video[:, 1]).all()


def test_a_world_that_was_seen_whole_is_refused():
  world, truth = tiny()
  catalogue = truth.catalogue
  few = catalogue._replace(attraction=catalogue.attraction.copy())
  few.attraction[:, 40:] = 0
  with pytest.raises(ValueError, match=r'has watched all \d+ videos there are'):
    watches_lib.choose_videos(
      world, truth.topics, few, truth.people, truth.plan, 3
    )
