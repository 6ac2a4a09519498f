"""The simulated worlds against the facts of the paper's data, and only those.

The generator must not be fitted to any order of methods. The facts: the counts
that Sec 4.1 prints; since recall at 5 over precision at 5 tells of the ground
truth G of the users that have hits, 5 P / R = hit-weighted harmonic mean of
|G|, read off Tables 1 and 2; and the printed precision of Popularity and item
KNN over Random's, which tells how flat the tail is and how much one watch says
of another. No other recommender runs here.
"""

import functools
from typing import NamedTuple

import numpy as np
import pytest
import small_world

from dynrec_jax import evaluate
from dynrec_jax.baselines import item_knn, popularity
from dynrec_jax.data import filters, histories, split
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
  video: np.ndarray
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
  _, video = np.unique(watches.video, return_inverse=True)
  per_video = np.bincount(video)
  users = user.max() + 1
  return Kept(
    users=users,
    videos=len(per_video),
    per_user=len(user) / users,
    per_video=np.sort(per_video)[::-1],
    user=user,
    video=video,
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
    # A median near the filter's 3 where all videos count, and of both studies
    # a head that is no majority. The cross study's 25 watches of 2,522 users
    # are 22 for each of its 2,859 videos; half of them with 8 at most would
    # need a head that Popularity, no better than Random there, rules out.
    for cross, most in ((False, 8), (True, 22)):
      data = kept(name, cross)
      watchers, total = data.per_video, data.per_video.sum()
      assert watchers.min() >= 1
      assert 3 <= np.median(watchers) <= most
      assert 0.2 < watchers[: data.videos // 10].sum() / total < 0.5
      assert watchers[0] < 0.2 * data.users


def precision_ratios(name, session, cross=False):
  """Precision at 5 of (Popularity, item KNN) over Random's, of five splits.

  Random's is the expected one, the mean of |G| over the videos to choose from.
  """
  data = kept(name, cross)
  start = simulation.world.START_TIME
  watches = histories.watch_histories(
    records_lib.Watches(
      data.user.astype(np.int32),
      data.video.astype(np.int32),
      np.rint(data.day * 86400).astype(np.int64) + start,
    ),
    data.users,
  )
  seen = small_world.seen_of(
    watches, video_count=data.videos, session=session
  )._replace(topics=np.zeros((0, 0), np.float32))
  border = small_world.MONTHS.end(session)
  found = []
  for seed in range(1, 6):
    users = split.split_users([f'u{i}' for i in range(data.users)], seed=seed)
    end = 0 if cross else border
    until = np.full(data.users, end)
    until[users.train] = small_world.MONTHS.borders[-1]
    everyone, test = np.arange(data.users), users.test
    told = seen._replace(
      train_users=users.train,
      watches=histories.rows_before(watches, everyone, until)[0],
    )
    known, _ = histories.rows_before(watches, test, until[test])
    later, _ = histories.rows_from(watches, test, np.full(len(test), border))
    queries = small_world.queries_knowing([[]] * len(test))
    queries = queries._replace(users=test, watches=known)
    truth = np.diff(later.offsets)
    random = truth / (data.videos - np.diff(known.offsets))
    precision = [random[truth > 0].mean()]
    methods = [popularity.fit(told, popularity.Settings())]
    if not cross:
      methods.append(item_knn.fit(told, item_knn.Settings()))
    for method in methods:
      scored = evaluate.evaluate(method, queries, later, 5)
      precision.append(scored.hits[scored.truth > 0].mean() / 5)
    found.append(precision)
  mean = np.mean(found, axis=0)
  return mean[1:] / mean[0]


# Table 1 prints 2.1 and 25 (long), 2.4 and 9 (short). Few users make any tail
# look heavier.
@pytest.mark.parametrize(
  ('name', 'session', 'tail', 'neighbours'),
  [
    ('small', 9, (2, 9), (12, 40)),
    ('small', 3, (2, 9), (5, 18)),
    pytest.param('paper', 9, (2, 6), (15, 40), marks=pytest.mark.slow),
    pytest.param('paper', 3, (2, 6), (6, 14), marks=pytest.mark.slow),
  ],
)
def test_printed_levels_over_random(name, session, tail, neighbours):
  popular, alike = precision_ratios(name, session)
  assert tail[0] <= popular <= tail[1]
  assert neighbours[0] <= alike <= neighbours[1]


@pytest.mark.parametrize(
  ('name', 'most'),
  [('small', 5), pytest.param('paper', 3, marks=pytest.mark.slow)],
)
def test_printed_level_of_popularity_in_cross(name, most):
  # Table 2 prints precision 0.0015 and recall 0.0021; Random's expected ones
  # there are 0.0022 and 5 / 2859 = 0.0017. So Popularity is at 0.7 to 1.2 times
  # Random: near it, as far as a count of watchers can be.
  (popular,) = precision_ratios(name, 9, cross=True)
  assert 0.5 <= popular <= most


def test_activity_hardly_depends_on_the_seed():
  world = simulation.world_from_name('small')
  active = []
  for seed in range(4):
    people = users.make_people(world, topics.make_topics(world, seed), seed)
    active.append((people.watch_count > 10).sum())
  assert max(active) - min(active) <= 4
