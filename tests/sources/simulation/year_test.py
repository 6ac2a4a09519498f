"""The records of a simulated year: valid, repeatable, at any strength."""

import functools
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import records_digest
from absl.testing import absltest, parameterized
from records_digest import digest
from simulated_years import simulate_year

from dynrec_jax.data import records as records_lib
from dynrec_jax.sources import simulation
from dynrec_jax.sources.simulation import text, words
from dynrec_jax.sources.simulation import topics as topics_lib

START, END = 1370044800, 1401580800  # 2013-06-01, 2014-06-01 UTC
DIGEST = """
import hashlib
from dynrec_jax.sources import simulation
import records_digest
from records_digest import digest
from simulated_years import simulate_year
print(digest(simulate_year(
  simulation.world_from_name('tiny:drift=1.5'), 4).records))
"""


@functools.cache
def year(name='tiny', seed=simulation.DEFAULT_SEED):
  return simulate_year(simulation.world_from_name(name), seed)


class ValidityTest(parameterized.TestCase):
  @parameterized.parameters(0.0, 0.5, 1.0, 1.5, 2.0)
  def test_every_mechanism_at_this_strength(self, strength):
    changes = ','.join(f'{m}={strength}' for m in simulation.MECHANISMS)
    records, truth = year(f'tiny:{changes}')
    self.check_watches(records)
    self.check_tweets(records)
    self.check_videos(records)
    interest = truth.people.interest
    np.testing.assert_allclose(interest.sum(-1), 1, atol=1e-4)
    self.assertGreaterEqual(interest.min(), 0)
    np.testing.assert_allclose(truth.catalogue.theta.sum(1), 1, atol=1e-5)
    self.assertTrue(np.isfinite(truth.catalogue.attraction).all())

  def check_watches(self, records):
    user, video, time = records.watches
    self.assertEqual((user.dtype, video.dtype), (np.int32, np.int32))
    self.assertEqual(time.dtype, np.int64)
    self.assertBetween(time.min(), START, END - 1)
    self.assertLess(time.max(), END)
    order = np.lexsort((time, user))
    np.testing.assert_array_equal(user, user[order])
    np.testing.assert_array_equal(time, time[order])
    self.assertBetween(video.min(), 0, len(records.videos.id) - 1)
    self.assertLess(video.max(), len(records.videos.id))
    pairs = user.astype(np.int64) * len(records.videos.id) + video
    self.assertLen(np.unique(pairs), len(pairs))  # no repeats
    upload = records.videos.upload_time[video]
    self.assertTrue((time > upload).all())

  def check_tweets(self, records):
    user, time, text, topics = records.tweets
    assert topics.shape == (len(user), 0)
    self.assertBetween(time.min(), START, END - 1)
    self.assertLess(time.max(), END)
    order = np.lexsort((time, user))
    np.testing.assert_array_equal(user, user[order])
    np.testing.assert_array_equal(time, time[order])
    self.assertTrue(all(text))
    self.assertLessEqual(max(map(len, text)), 400)

  def check_videos(self, records):
    videos = records.videos
    count = len(videos.id)
    self.assertTrue(all(len(column) == count for column in videos))
    self.assertEqual(videos.visual.dtype, np.float16)
    self.assertEqual(videos.visual.shape, (count, 64))
    self.assertTrue(np.isfinite(videos.visual).all())
    self.assertFalse(videos.visual[~videos.has_visual].any())
    self.assertTrue(videos.visual[videos.has_visual].any(axis=1).all())
    self.assertLen(set(videos.id), count)
    self.assertTrue(all(len(name) == 11 for name in videos.id))
    names = {name for row in videos.categories for name in row}
    self.assertLessEqual(names, set(topics_lib.CATEGORY_NAMES))
    counts = videos.view_count
    self.assertTrue(((counts > 0) | (counts == -1)).all())
    self.assertLen(set(records.user_ids), len(records.user_ids))
    self.assertLen(records.profiles, len(records.user_ids))


class RepeatTest(absltest.TestCase):
  def test_equal_in_another_process(self):
    here = digest(year('tiny:drift=1.5', 4).records)
    environment = os.environ | {
      'PYTHONHASHSEED': '77',
      'PYTHONPATH': str(pathlib.Path(records_digest.__file__).parent),
    }
    there = subprocess.run(
      [sys.executable, '-c', DIGEST],
      env=environment,
      capture_output=True,
      text=True,
      check=True,
    ).stdout.strip()
    self.assertEqual(here, there)

  def test_seed_changes_everything_that_is_drawn(self):
    first, second = year('tiny', 4).records, year('tiny', 5).records
    self.assertFalse(np.array_equal(first.watches.time, second.watches.time))
    self.assertNotEqual(first.videos.title[0], second.videos.title[0])
    self.assertFalse(np.array_equal(first.videos.visual, second.videos.visual))

  def test_parts_alone_equal_the_whole(self):
    world = simulation.world_from_name('tiny')
    records = year().records
    videos = simulation.simulate_videos(world, simulation.DEFAULT_SEED)
    authors = simulation.simulate_authors(world, simulation.DEFAULT_SEED)
    alone = records_lib.Records(
      authors.user_ids,
      authors.watches,
      videos,
      authors.tweets,
      authors.profiles,
    )
    self.assertEqual(digest(alone), digest(records))

  def test_bad_seed_is_refused(self):
    world = simulation.world_from_name('tiny')
    for seed in (-1, 0.5, '3'):
      with self.assertRaisesRegex(ValueError, f'seed is {seed!r}; expected'):
        simulate_year(world, seed)
      with self.assertRaisesRegex(ValueError, f'seed is {seed!r}; expected'):
        simulation.simulate_videos(world, seed)


class TextTest(absltest.TestCase):
  def test_tweets_look_like_tweets(self):
    text = year().records.tweets.text
    share = {
      kind: np.mean([bool(re.search(pattern, tweet)) for tweet in text])
      for kind, pattern in {
        'hashtag': r'#[a-z]+',
        'mention': r'@[a-z]+\d*',
        'link': r'http://t\.co/\w{8}$',
        'retweet': r'^RT @\w+: ',
      }.items()
    }
    self.assertAlmostEqual(share['link'], 0.2, delta=0.02)
    self.assertAlmostEqual(share['retweet'], 0.1, delta=0.02)
    self.assertAlmostEqual(share['mention'], 0.3, delta=0.02)
    self.assertBetween(share['hashtag'], 0.15, 0.5)

  def test_words_follow_topic_and_rank(self):
    """A topic's commonest words are the first of its list (Zipf)."""
    truth = year().latents
    world = simulation.world_from_name('tiny')
    lexicon = words.make_lexicon(world, truth.topics, simulation.DEFAULT_SEED)
    topic = np.bincount(truth.posts.topic).argmax()
    rows = (truth.posts.topic == topic) & (truth.posts.second < 0)
    seen = {}
    for tweet in year().records.tweets.text[rows]:
      for word in tweet.split():
        seen[word] = seen.get(word, 0) + 1
    row = lexicon.tokens[lexicon.tweet_words[topic]]
    counts = [seen.get(word, 0) for word in row]
    self.assertGreater(np.mean(counts[:10]), 4 * np.mean(counts[60:110]))
    self.assertGreater(min(counts[:10]), 0)
    chosen = sum(counts)
    # 60 % of the words, but for hashtags and typos, are the topic's, and 7.3
    # words stand beside a half of a link or handle.
    self.assertBetween(chosen / sum(seen.values()), 0.4, 0.6)
    self.assertLen(set(row), len(row))

  def test_words_are_all_different_and_no_function_word(self):
    truth = year().latents
    lexicon = words.make_lexicon(
      simulation.world_from_name('tiny'), truth.topics, 6
    )
    plain = lexicon.tokens[: lexicon.word_count].tolist()
    self.assertLen(set(plain), len(plain))
    self.assertTrue(all(re.fullmatch('[a-z]+', word) for word in plain))

  def test_interest_tweets_run_ahead_of_watches(self):
    """Within the week before a watch there are more than within that after."""
    records = year('tiny:no_chatter').records
    ahead = behind = 0
    for user in np.unique(records.tweets.user)[:200]:
      tweets = records.tweets.time[records.tweets.user == user]
      for time in records.watches.time[records.watches.user == user]:
        gap = (time - tweets) / 86400
        ahead += ((gap >= 1) & (gap <= 7)).sum()
        behind += ((gap <= -1) & (gap >= -7)).sum()
    self.assertGreater(ahead, 1.3 * behind)

  def test_profiles_only_of_twitter_users(self):
    records, truth = year()
    has = np.array([bool(line) for line in records.profiles])
    writes = truth.people.tweet_count > 0
    self.assertFalse(has[~writes].any())
    self.assertAlmostEqual(has[writes].mean(), 0.7, delta=0.06)

  def test_profiles_do_not_tell_of_later_interest(self):
    truth = year().latents
    world, seed = simulation.world_from_name('tiny'), simulation.DEFAULT_SEED
    lexicon = words.make_lexicon(world, truth.topics, seed)
    first = truth.people.active[:, 0].astype(int) // 14
    later = np.arange(truth.people.interest.shape[1]) > first[:, None]
    edited = truth.people.interest.copy()
    edited[later] = np.eye(edited.shape[2], dtype=np.float32)[0]
    people = truth.people._replace(interest=edited)
    told = text.profile_text(world, truth.topics, people, lexicon, seed)
    np.testing.assert_array_equal(told, year().records.profiles)
    edited[~later] = np.eye(edited.shape[2], dtype=np.float32)[0]
    told = text.profile_text(world, truth.topics, people, lexicon, seed)
    self.assertFalse(np.array_equal(told, year().records.profiles))


class VisualTest(absltest.TestCase):
  def test_rank_is_that_of_the_hidden_layer(self):
    """Without noise few directions hold nearly all of the variance."""
    visual = year('tiny:no_visual_noise').records.videos.visual
    visual = visual.astype(np.float64)
    values = np.linalg.svd(visual - visual.mean(0), compute_uv=False) ** 2
    share = np.cumsum(values) / values.sum()
    self.assertGreater(share[39], 0.9)  # hidden = 40 of 64
    self.assertLess(share[4], 0.8)

  def test_text_and_picture_err_independently(self):
    """Which pictures mislead says nothing of which tags are missing."""
    records = year().records
    lost = np.array([not row for row in records.videos.tags])
    has = records.videos.has_visual
    expected = lost.mean() * (~has).mean() * len(has)
    self.assertLess(abs((lost & ~has).sum() - expected), 3 * expected**0.5 + 2)


if __name__ == '__main__':
  absltest.main()
