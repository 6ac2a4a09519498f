"""The simulated worlds against the facts of the paper's data, and only those.

No recommender runs here: the generator must not be fitted to any order of
methods. The facts: the counts that Sec 4.1 prints; and, since recall at 5 over
precision at 5 tells of the ground truth G of the users that have hits,
5 P / R = hit-weighted harmonic mean of |G|, read off Tables 1 and 2.
"""

import functools
from typing import NamedTuple

import numpy as np
import pytest

from dynrec_jax.data import filters
from dynrec_jax.data import records as records_lib
from dynrec_jax.sources import simulation
from dynrec_jax.sources.simulation import topics, users

# 5 P / R over the personal methods, lowest and highest.
LONG, SHORT, CROSS = (3.0, 3.7), (6.1, 8.8), (5.9, 6.9)


class Kept(NamedTuple):
  users: int
  videos: int
  per_user: float
  per_video: np.ndarray  # watchers of each video, the most watched first
  user: np.ndarray
  day: np.ndarray


@functools.cache
def latents(name):
  world = simulation.world_from_name(name)
  return simulation.simulate_latents(world, simulation.DEFAULT_SEED)


def kept(name, cross=False):
  truth = latents(name)
  enough = truth.people.tweet_count > (100 if cross else -1)
  rows = enough[truth.plan.user]
  watches, _ = filters.filter_watches(
    records_lib.Watches(
      truth.plan.user[rows], truth.video[rows], truth.plan.time[rows]
    )
  )
  _, user = np.unique(watches.user, return_inverse=True)
  per_video = np.bincount(watches.video)
  users = user.max() + 1
  return Kept(
    users=users,
    videos=int((per_video > 0).sum()),
    per_user=len(user) / users,
    per_video=np.sort(per_video[per_video > 0])[::-1],
    user=user,
    day=watches.time / 86400,
  )


def ground_truth_sizes(data, months):
  """|G| of every kept user, what they watch after so many months."""
  later = data.user[data.day >= 365 * months / 12]
  return np.bincount(later, minlength=data.users)


def check_range(sizes, found, slack=0.0):
  """The range that was found lies where hits can put it.

  If hits fall on users no matter how much they watch, 5 P / R is the harmonic
  mean of |G|; if they fall as |G| does, the arithmetic one. A recommender lies
  between, so the middle of the range must, too.
  """
  some = sizes[sizes > 0]
  harmonic, arithmetic = len(some) / (1 / some).sum(), some.mean()
  middle = sum(found) / 2
  assert harmonic * (1 - slack) <= middle <= arithmetic
  assert harmonic < found[1] * (1 + slack)
  assert arithmetic > found[0]


@pytest.mark.parametrize(
  ('name', 'cross', 'users', 'videos', 'tolerance'),
  [
    ('tiny', False, 200, 300, 0.05),
    ('small', False, 1000, 1700, 0.06),
    pytest.param('paper', False, 3994, 6814, 0.02, marks=pytest.mark.slow),
    pytest.param('paper', True, 2522, 2859, 0.02, marks=pytest.mark.slow),
  ],
)
def test_counts(name, cross, users, videos, tolerance):
  data = kept(name, cross)
  assert abs(data.users / users - 1) < tolerance
  assert abs(data.videos / videos - 1) < tolerance


@pytest.mark.slow
def test_paper_tweets_before_filtering():
  assert abs(len(latents('paper').posts.user) / 3_322_807 - 1) < 0.02


@pytest.mark.parametrize(
  'name', ['small', pytest.param('paper', marks=pytest.mark.slow)]
)
class TestFacts:
  def test_raw_world_is_larger(self, name):
    data, truth = kept(name), latents(name)
    assert 3 <= len(truth.people.population) / data.users <= 5
    assert 2.5 <= len(truth.catalogue.birth) / data.videos <= 5

  def test_watches_per_user_year(self, name):
    # 12 to 20, from Random's precision; about 25, from 4 x 6.4 in 3 months.
    assert 12 <= kept(name).per_user <= 20.5
    assert 22.5 <= kept(name, cross=True).per_user <= 27.5

  def test_ground_truth_sizes(self, name):
    data, cross = kept(name), kept(name, cross=True)
    check_range(ground_truth_sizes(data, 9), LONG)
    # Users with more than 10 videos cannot have fewer left on average: the
    # harmonic mean stays up to a third above the middle of the paper's range.
    check_range(ground_truth_sizes(data, 3), SHORT, slack=0.34)
    check_range(ground_truth_sizes(cross, 9), CROSS)

  def test_random_precision(self, name):
    # Random: P x V = mean |G| = 4.8 (long), 12.9 (short); few hits, +-35 %.
    data = kept(name)
    for months, expected in ((9, 4.8), (3, 12.9)):
      assert abs(ground_truth_sizes(data, months).mean() / expected - 1) < 0.35

  def test_random_recall_is_five_over_the_catalogue(self, name):
    # The expected recall of 5 of V videos, by lot from the sizes of G.
    data = kept(name)
    sizes = ground_truth_sizes(data, 9)
    sizes = np.repeat(sizes[sizes > 0], 40)
    rng = np.random.default_rng(0)
    hits = rng.hypergeometric(sizes, data.videos - sizes, 5)
    recall = (hits / sizes).mean()
    error = (hits / sizes).std() / np.sqrt(len(sizes))
    assert abs(recall - 5 / data.videos) < 4 * error
    if name == 'paper':
      assert round(5 / data.videos, 4) == 0.0007

  def test_share_with_ground_truth(self, name):
    # Which N makes all printed P an integer / (5 N): about 668 (long), 782
    # (short) of 799, a weak hint.
    data = kept(name)
    assert 0.72 < (ground_truth_sizes(data, 9) > 0).mean() < 0.92
    assert 0.95 < (ground_truth_sizes(data, 3) > 0).mean() <= 1

  def test_popularity_tail(self, name):
    # A long tail: a median near the filter's 3, a head that is no majority.
    for cross in (False, True):
      data = kept(name, cross)
      watchers, total = data.per_video, data.per_video.sum()
      assert watchers.min() >= 1
      assert 3 <= np.median(watchers) <= 8
      assert 0.3 < watchers[: data.videos // 10].sum() / total < 0.7
      assert watchers[0] < 0.55 * data.users


def test_activity_hardly_depends_on_the_seed():
  world = simulation.world_from_name('small')
  active = []
  for seed in range(4):
    people = users.make_people(world, topics.make_topics(world, seed), seed)
    active.append((people.watch_count > 10).sum())
  assert max(active) - min(active) <= 4
