"""Each knock-out takes its mechanism out of the data, and no counts with it.

The statistics know the planted topics, but no recommender runs here.
"""

import dataclasses
import functools

import numpy as np
import pytest
from absl.testing import absltest, parameterized

from dynrec_jax.data import filters
from dynrec_jax.data import records as records_lib
from dynrec_jax.sources import simulation
from dynrec_jax.sources.simulation import topics as topics_lib
from dynrec_jax.sources.simulation import tweets as tweets_lib
from dynrec_jax.sources.simulation import users as users_lib
from dynrec_jax.sources.simulation import videos as videos_lib
from dynrec_jax.sources.simulation import watches as watches_lib
from dynrec_jax.sources.simulation import words

SEED = simulation.DEFAULT_SEED
WATCH_MECHANISMS = ('interest', 'drift', 'trends', 'communities', 'affinity')
OTHER_MECHANISMS = tuple(
  name for name in simulation.MECHANISMS if name not in WATCH_MECHANISMS
)


def once(make):
  """Makes each world once: strength 1 is the default, 0 the knock-out."""
  make = functools.cache(make)

  def of_name(name):
    world = simulation.world_from_name(name)
    return make(dataclasses.replace(world, name='unnamed'))

  return of_name


@once
def watched(world):
  """Everything but tweets, text and pictures of a world."""
  topics = topics_lib.make_topics(world, SEED)
  catalogue = videos_lib.make_catalogue(world, topics, SEED)
  people = users_lib.make_people(world, topics, SEED)
  plan = watches_lib.plan_watches(world, people, SEED)
  video = watches_lib.choose_videos(
    world, topics, catalogue, people, plan, SEED
  )
  return topics, catalogue, people, plan, video


def kept(name):
  _, _, _, plan, video = watched(name)
  watches, _ = filters.filter_watches(
    records_lib.Watches(plan.user, video, plan.time)
  )
  return watches


@once
def posts(world):
  topics = topics_lib.make_topics(world, SEED)
  people = users_lib.make_people(world, topics, SEED)
  plan = watches_lib.plan_watches(world, people, SEED)
  return (
    topics,
    people,
    tweets_lib.make_posts(world, topics, people, plan, SEED),
  )


def at_time(people, user, time):
  return people.interest[user, time // 86400 // users_lib.PERIOD_DAYS]


def own_interest_excess(name):
  """How much better watches fit the watcher's interest than a fellow's."""
  _, catalogue, people, plan, video = watched(name)
  theta = catalogue.theta[video]
  rng = np.random.default_rng(0)
  own = (at_time(people, plan.user, plan.time) * theta).sum(1).mean()
  market = people.population[plan.user]
  fellow = plan.user.copy()
  for p in (0, 1):
    fellow[market == p] = rng.permutation(fellow[market == p])
  other = (at_time(people, fellow, plan.time) * theta).sum(1).mean()
  return own / other - 1


def quarter_similarity(name):
  """(between, within): mean agreement of two watches' topics of one user.

  Between the first and the last quarter, and within either, topics being
  counted from the mean of the quarter so that the catalogue's own change does
  not enter.
  """
  _, catalogue, people, plan, video = watched(name)
  quarter = plan.time // 86400 * 4 // 365
  count, k = len(people.population), catalogue.theta.shape[1]
  sums, squares, sizes = {}, {}, {}
  for q in (0, 3):
    rows = quarter == q
    theta = catalogue.theta[video[rows]].astype(np.float64)
    for p in (0, 1):
      mine = people.population[plan.user[rows]] == p
      theta[mine] -= theta[mine].mean(axis=0)
    sums[q] = np.zeros((count, k))
    np.add.at(sums[q], plan.user[rows], theta)
    squares[q] = np.bincount(
      plan.user[rows], (theta**2).sum(1), minlength=count
    )
    sizes[q] = np.bincount(plan.user[rows], minlength=count)
  pairs = (sizes[0] * sizes[3]).sum()
  between = (sums[0] * sums[3]).sum() / pairs
  inner = sum(((sums[q] ** 2).sum(1) - squares[q]).sum() for q in (0, 3))
  within = inner / sum((sizes[q] * (sizes[q] - 1)).sum() for q in (0, 3))
  return between, within


def early_excess(name):
  """Watches in a video's first 30 days, over an even spread's share.

  An even spread follows each day's traffic, shared among the videos there are.
  """
  _, catalogue, _, plan, video = watched(name)
  day = plan.time // 86400
  born = np.floor(catalogue.birth).astype(int)
  there = (born[None, :] < np.arange(365)[:, None]).sum(axis=1)
  traffic = np.cumsum(np.bincount(day, minlength=365) / there)
  candidates = (born >= 0) & (born < 250)
  count = np.bincount(video, minlength=len(born))
  early = np.bincount(video[day - born[video] <= 30], minlength=len(born))
  lived = traffic[364] - traffic[born.clip(0)]
  first = traffic[(born + 30).clip(0, 364)] - traffic[born.clip(0)]
  expected = count * first / lived
  return early[candidates].sum() / expected[candidates].sum()


def overlap_ratio(name):
  """Common kept videos of two users: same community over another one."""
  _, _, people, _, _ = watched(name)
  watches = kept(name)
  users = np.unique(watches.user)
  users = users[people.population[users] == 0]
  seen = np.zeros((len(people.population), watches.video.max() + 1), np.float32)
  seen[watches.user, watches.video] = 1
  seen = seen[users]
  common = seen @ seen.T
  same = people.community[users][:, None] == people.community[users][None]
  np.fill_diagonal(common, np.nan)
  return np.nanmean(common[same]) / np.nanmean(common[~same])


def direction(name):
  """How much oftener a successor follows its topic than precedes it."""
  topics, catalogue, _, plan, video = watched(name)
  theta = catalogue.theta[video]
  pairs = plan.user[1:] == plan.user[:-1]
  before, after = theta[:-1][pairs], theta[1:][pairs]
  forth = ((before @ topics.successor) * after).sum(1).mean()
  back = ((after @ topics.successor) * before).sum(1).mean()
  return forth / back - 1


@pytest.mark.slow
class WatchKnockOutTest(parameterized.TestCase):
  def test_no_interest_leaves_no_taste_of_ones_own(self):
    self.assertGreater(own_interest_excess('small'), 0.5)
    self.assertLess(abs(own_interest_excess('small:no_interest')), 0.05)

  def test_no_drift_keeps_first_and_last_quarter_alike(self):
    # Order, trends and monthly lists also tie watches of one quarter
    # together: off in both worlds, so that drift alone is seen.
    alone = 'small:no_affinity,no_trends,no_communities'
    still_between, still_within = quarter_similarity(alone + ',no_drift')
    moving_between, moving_within = quarter_similarity(alone)
    # Over seeds the sampling noise of the ratio is 0.13.
    self.assertAlmostEqual(still_between / still_within, 1, delta=0.3)
    self.assertLess(moving_between / moving_within, 0.45)
    # The spread of interest at one time is the same.
    self.assertAlmostEqual(moving_within / still_within, 1, delta=0.25)

  def test_no_drift_means_constant_interest(self):
    _, _, people, _, _ = watched(
      'small:no_affinity,no_trends,no_communities,no_drift'
    )
    np.testing.assert_array_equal(
      people.interest,
      np.broadcast_to(people.interest[:, :1], people.interest.shape),
    )

  def test_no_trends_spreads_watches_over_a_videos_life(self):
    self.assertGreater(early_excess('small'), 1.25)
    self.assertAlmostEqual(early_excess('small:no_trends'), 1, delta=0.12)

  def test_no_trends_stills_the_common_waves(self):
    spread = {}
    for name in ('small', 'small:no_trends'):
      common = watched(name)[2].interest.mean(axis=0)  # [periods, K]
      spread[name] = common.std(axis=0).mean()
    self.assertLess(spread['small:no_trends'], 0.25 * spread['small'])

  def test_no_communities_leaves_no_closer_users(self):
    self.assertGreater(overlap_ratio('small'), 1.2)
    self.assertAlmostEqual(overlap_ratio('small:no_communities'), 1, delta=0.05)

  def test_no_affinity_leaves_no_direction(self):
    self.assertGreater(direction('small'), 1)
    # Few topics are a user's, so the ratio's noise over seeds is 0.06.
    self.assertLess(abs(direction('small:no_affinity')), 0.15)

  @parameterized.parameters(*WATCH_MECHANISMS)
  def test_counts_stay(self, mechanism):
    plain, without = kept('small'), kept(f'small:no_{mechanism}')
    for column, tolerance in (('user', 0.01), ('video', 0.1)):
      counts = [len(np.unique(getattr(w, column))) for w in (plain, without)]
      self.assertAlmostEqual(counts[1] / counts[0], 1, delta=tolerance)
    self.assertAlmostEqual(len(without.user) / len(plain.user), 1, delta=0.03)
    # Nobody wakes at another time.
    np.testing.assert_array_equal(
      watched('small')[3].time, watched(f'small:no_{mechanism}')[3].time
    )

  @parameterized.parameters(*OTHER_MECHANISMS)
  def test_what_is_written_and_shown_does_not_touch_watches(self, mechanism):
    np.testing.assert_array_equal(
      watched('tiny')[4], watched(f'tiny:no_{mechanism}')[4]
    )

  @parameterized.parameters(
    ('interest', own_interest_excess),
    ('affinity', direction),
    ('trends', early_excess),
    ('communities', overlap_ratio),
  )
  def test_more_strength_shows_more(self, mechanism, statistic):
    values = [
      statistic(f'small:{mechanism}={strength}') for strength in (0, 1, 2)
    ]
    self.assertEqual(values, sorted(values))
    self.assertGreater(values[2], values[1] * 1.02)


class TweetKnockOutTest(absltest.TestCase):
  def own_topic_excess(self, name):
    """How much likelier tweets' topics are under the author's interest."""
    topics, people, post = posts(name)
    rows = np.flatnonzero(post.topic < topics.tweet_targets.max() + 1)
    share = np.zeros((len(topics.category), topics.tweet_targets.max() + 1))
    for column in range(topics.tweet_targets.shape[1]):
      np.add.at(
        share,
        (np.arange(len(share)), topics.tweet_targets[:, column]),
        topics.tweet_shares[:, column],
      )
    user = post.user[rows]
    other = np.random.default_rng(0).permutation(user)
    own, others = (
      (at_time(people, u, post.time[rows]) * share[:, post.topic[rows]].T)
      .sum(axis=1)
      .mean()
      for u in (user, other)
    )
    return own / others - 1

  def test_no_topic_map_leaves_tweets_without_ones_interest(self):
    self.assertGreater(self.own_topic_excess('tiny'), 0.3)
    self.assertLess(abs(self.own_topic_excess('tiny:no_topic_map')), 0.06)

  def test_no_chatter(self):
    first = simulation.world_from_name('tiny').topic_map.topics
    share = (posts('tiny')[2].topic >= first).mean()
    self.assertAlmostEqual(share, 0.5, delta=0.02)
    self.assertFalse((posts('tiny:no_chatter')[2].topic >= first).any())

  def test_counts_stay(self):
    plain = posts('tiny')[2]
    for mechanism in simulation.MECHANISMS:
      without = posts(f'tiny:no_{mechanism}')[2]
      np.testing.assert_array_equal(plain.user, without.user)


class ContentKnockOutTest(absltest.TestCase):
  def videos(self, name):
    world = simulation.world_from_name(name)
    topics = topics_lib.make_topics(world, SEED)
    catalogue = videos_lib.make_catalogue(world, topics, SEED)
    return catalogue, simulation.simulate_videos(world, SEED)

  def explained(self, name):
    """Out-of-sample share of theta's variance that a ridge on pictures sees."""
    catalogue, videos = self.videos(name)
    x = videos.visual[videos.has_visual].astype(np.float64)
    y = catalogue.theta[videos.has_visual].astype(np.float64)
    x = np.hstack([(x - x.mean(0)) / (x.std(0) + 1e-9), np.ones((len(x), 1))])
    train = np.arange(len(x)) % 2 == 0
    gram = x[train].T @ x[train] + 30 * np.eye(x.shape[1])
    fit = x[~train] @ np.linalg.solve(gram, x[train].T @ y[train])
    rest = ((y[~train] - fit) ** 2).sum()
    return 1 - rest / ((y[~train] - y[train].mean(0)) ** 2).sum()

  def test_no_visual_signal_leaves_pictures_without_topics(self):
    self.assertGreater(self.explained('tiny'), 0.1)
    self.assertLess(self.explained('tiny:no_visual_signal'), 0.02)

  def test_no_visual_noise_leaves_clean_pictures_of_all(self):
    _, noisy = self.videos('tiny')
    _, clean = self.videos('tiny:no_visual_noise')
    self.assertBetween((~noisy.has_visual).mean(), 0.01, 0.06)
    self.assertLess(noisy.visual.min(), 0)
    self.assertTrue(clean.has_visual.all())
    self.assertGreaterEqual(clean.visual.min(), 0)
    self.assertGreater(
      self.explained('tiny:no_visual_noise'), self.explained('tiny') + 0.1
    )

  def test_no_text_noise_leaves_every_field_and_no_slip(self):
    world = simulation.world_from_name('tiny')
    topics = topics_lib.make_topics(world, SEED)
    lexicon = words.make_lexicon(world, topics, SEED)
    known = set(lexicon.tokens[: lexicon.word_count])
    of_topic = [set(lexicon.tokens[row]) for row in lexicon.video_words]
    common = set(lexicon.tokens[lexicon.background])
    slips = {}
    strays = {}
    for name in ('tiny', 'tiny:no_text_noise'):
      catalogue, videos = self.videos(name)
      tags = [tag for row in videos.tags for tag in row]
      slips[name] = np.mean([tag not in known for tag in tags])
      strays[name] = np.mean(
        [
          tag
          not in set().union(common, *(of_topic[k] for k in np.flatnonzero(t)))
          for t, row in zip(catalogue.theta, videos.tags, strict=True)
          for tag in row
        ]
      )
      if name == 'tiny':
        empty = np.mean([not row for row in videos.tags])
        self.assertBetween(empty, 0.1, 0.2)
      else:
        for column in (
          videos.title,
          videos.description,
          videos.tags,
          videos.categories,
        ):
          self.assertTrue(all(column))
    self.assertBetween(slips['tiny'], 0.01, 0.05)
    self.assertBetween(strays['tiny'], 0.1, 0.25)
    self.assertEqual(slips['tiny:no_text_noise'], 0)
    self.assertEqual(strays['tiny:no_text_noise'], 0)


if __name__ == '__main__':
  absltest.main()
