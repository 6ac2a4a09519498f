"""Daily TwitterLDA: leaks, resuming, forgetting, checkpoints."""

import os
import tempfile

import jax
import numpy as np
import pytest
from absl.testing import parameterized
from scipy.optimize import linear_sum_assignment

from benchmarks.planted_tweets import planted_tweets
from dynrec_jax.topics import incremental
from dynrec_jax.topics.incremental import (
  Schedule,
  add_days,
  fit_stream,
  initial_state,
)
from dynrec_jax.topics.topic_state import restore_state, save_state
from dynrec_jax.topics.tweet_blocks import NO_TOPIC, TweetCorpus, select_tweets
from dynrec_jax.topics.tweet_topics import perplexity
from dynrec_jax.topics.twitter_lda import Hyperparameters, fit_tweets

HYPER = Hyperparameters(4, 0.5, 0.01, 20.0)
SHORT = Schedule(3, 1, 12, 10, 10, 1.0)
DAILY = Schedule(30, 3, 100, 20, 10, 1.0)  # as by default
SIZES = {'word_count': 50, 'user_count': 9}


def small_corpus(seed=0, days=9):
  """80 tweets of few words, in an order that is not that of the days."""
  rng = np.random.default_rng(seed)
  lengths = rng.integers(0, 5, 80)  # some tweets have no word
  offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
  return TweetCorpus(
    rng.integers(0, 8, 80).astype(np.int32),
    rng.integers(0, days, 80).astype(np.int32),
    offsets,
    rng.integers(0, 50, offsets[-1]).astype(np.int32),
  )


def planted(**settings):
  """3,000 tweets of 30 users about four topics, and the topics."""
  return planted_tweets(
    3,
    tweet_count=3000,
    word_count=60,
    user_count=30,
    topic_count=4,
    **settings,
  )


def stream(corpus, **changes):
  settings = {'seed': 1, **SIZES, **changes}
  schedule = settings.pop('schedule', SHORT)
  return fit_stream(corpus, HYPER, schedule, **settings)


def assert_equal_states(a, b):
  assert a.next_day == b.next_day
  for left, right in zip(a.counts, b.counts, strict=True):
    np.testing.assert_array_equal(left, right)


class StreamTest(parameterized.TestCase):
  def setUp(self):
    super().setUp()
    folder = tempfile.TemporaryDirectory()
    self.addCleanup(folder.cleanup)
    self.path = os.path.join(folder.name, 'topics.npz')

  @parameterized.parameters(3, 5, 6)
  def test_no_tweet_sees_a_later_day(self, day):
    corpus = small_corpus()
    later = np.repeat(corpus.day >= day, np.diff(corpus.offsets))
    words = np.where(later, (corpus.words + 17) % 50, corpus.words)
    before = corpus.day < day
    a = stream(corpus).topic
    b = stream(corpus._replace(words=words.astype(np.int32))).topic
    np.testing.assert_array_equal(a[before], b[before])
    self.assertTrue((a[~before] != b[~before]).any())

  def test_topics_follow_the_tweets_not_their_order(self):
    corpus = small_corpus()
    by_day = np.argsort(corpus.day, kind='stable')
    a = stream(corpus).topic
    b = stream(select_tweets(corpus, by_day)).topic
    np.testing.assert_array_equal(a[by_day], b)

  def test_words_and_tweets_are_all_counted(self):
    corpus = small_corpus()
    result = stream(corpus)
    empty = np.diff(corpus.offsets) == 0
    np.testing.assert_array_equal(result.topic == NO_TOPIC, empty)
    n = np.zeros((9, 4))
    np.add.at(n, (corpus.user[~empty], result.topic[~empty]), 1)
    np.testing.assert_array_equal(result.state.counts.user_topic, n)
    words = result.state.counts.topic_word.sum(1)
    words += result.state.counts.background
    np.testing.assert_array_equal(
      words, np.bincount(corpus.words, minlength=50)
    )
    self.assertEqual(n[8].sum(), 0)  # a user without tweets

  def test_resuming_repeats_the_uninterrupted_run(self):
    corpus = small_corpus()
    whole = stream(corpus)
    part = stream(corpus, last_day=4, checkpoint=self.path)
    self.assertEqual(part.state.next_day, 5)
    self.assertTrue((part.topic[corpus.day > 4] == NO_TOPIC).all())
    resumed = stream(corpus, checkpoint=self.path)
    np.testing.assert_array_equal(resumed.topic, whole.topic)
    assert_equal_states(resumed.state, whole.state)
    state, topic, _ = restore_state(self.path)
    assert_equal_states(state, whole.state)
    np.testing.assert_array_equal(
      topic, whole.topic[np.argsort(corpus.day, kind='stable')]
    )

  @pytest.mark.slow
  def test_a_day_is_added_without_its_past(self):
    corpus = small_corpus()
    earlier = select_tweets(corpus, np.flatnonzero(corpus.day < 6))
    stream(earlier, checkpoint=self.path)
    state, _, _ = restore_state(self.path)
    kept = [table.copy() for table in state.counts]
    rows = np.flatnonzero(corpus.day == 6)
    state, topic = add_days(
      state, select_tweets(corpus, rows), HYPER, SHORT, seed=1
    )
    whole = stream(corpus, last_day=6)
    np.testing.assert_array_equal(topic, whole.topic[rows])
    assert_equal_states(state, whole.state)
    old, _, _ = restore_state(self.path)  # and the old state is untouched
    for left, right in zip(old.counts, kept, strict=True):
      np.testing.assert_array_equal(left, right)

  def test_days_without_tweets_pass(self):
    corpus = small_corpus()
    kept = select_tweets(corpus, np.flatnonzero(corpus.day != 5))
    result = stream(kept)
    self.assertEqual(result.state.next_day, 9)
    nothing = stream(select_tweets(corpus, np.zeros(0, int)))
    self.assertEqual(nothing.state.next_day, 0)

  def test_retention_forgets(self):
    state = initial_state(HYPER, **SIZES)
    corpus = small_corpus()
    first = select_tweets(corpus, np.flatnonzero(corpus.day < 3))
    none = select_tweets(corpus, np.zeros(0, int))
    half = SHORT._replace(retention=0.5)
    state, _ = add_days(state, first, HYPER, half, seed=0)
    later, _ = add_days(state, none, HYPER, half, seed=0)
    for before, after in zip(state.counts, later.counts, strict=True):
      np.testing.assert_array_equal(after, before / 2)

  def test_other_tweets_or_settings_are_refused(self):
    corpus = small_corpus()
    stream(corpus, last_day=3, checkpoint=self.path)
    stream(corpus, last_day=3, checkpoint=self.path)  # the same is welcome
    changed = corpus.words.copy()
    early = np.repeat(corpus.day == 2, np.diff(corpus.offsets)).argmax()
    changed[early] = (changed[early] + 1) % 50
    with self.assertRaisesRegex(ValueError, 'other tweets before day 4'):
      stream(corpus._replace(words=changed), checkpoint=self.path)
    with self.assertRaisesRegex(ValueError, 'other settings'):
      stream(corpus, seed=2, checkpoint=self.path)

  def test_damaged_checkpoints_are_refused(self):
    stream(small_corpus(), last_day=2, checkpoint=self.path)
    with open(self.path, 'rb') as f:
      whole = f.read()
    for damaged in (whole[: len(whole) // 2], b''):
      with open(self.path, 'wb') as f:
        f.write(damaged)
      with self.assertRaisesRegex(ValueError, 'no whole topic checkpoint'):
        restore_state(self.path)
    with np.load(self.path_with(whole)) as f:
      arrays = dict(f)
    arrays['background'] = arrays['background'] + 1
    np.savez(self.path, **arrays)
    with self.assertRaisesRegex(ValueError, 'does not match its digest'):
      restore_state(self.path)

  def path_with(self, content):
    """The checkpoint's path, after the content is written there."""
    with open(self.path, 'wb') as f:
      f.write(content)
    return self.path

  def test_bad_days_and_schedules(self):
    corpus, state = small_corpus(), initial_state(HYPER, **SIZES)
    with self.assertRaisesRegex(ValueError, 'next days to fit are 0 to 2'):
      add_days(state, corpus, HYPER, SHORT, seed=0)
    for change, message in (
      ({'retention': 0.0}, 'retention 0.0'),
      ({'first_days': 0}, 'first_days 0'),
      ({'mode_count': 11}, 'mode_count 11'),
    ):
      with self.assertRaisesRegex(ValueError, message):
        stream(corpus, schedule=SHORT._replace(**change))

  @pytest.mark.slow
  def test_stationary_corpus_fits_as_well_daily_as_at_once(self):
    corpus, _ = planted(day_count=38, mean_length=6)
    rows = np.arange(3000)
    train = select_tweets(corpus, rows[rows % 4 > 0])
    test = select_tweets(corpus, rows[rows % 4 == 0])
    sizes = {'word_count': 60, 'user_count': 30}
    daily = fit_stream(train, HYPER, DAILY, seed=0, **sizes)
    self.assertTrue((daily.topic != NO_TOPIC).all())
    batch = fit_tweets(
      train,
      initial_state(HYPER, **sizes).counts,
      HYPER,
      key=jax.random.key(0, impl='threefry2x32'),
      sweep_count=100,
      block_size=512,
    )
    daily, batch = (
      perplexity(test, fit.counts, HYPER) for fit in (daily.state, batch)
    )
    self.assertLess(daily, 1.05 * batch)
    self.assertGreater(daily, 0.95 * batch)
    self.assertLess(batch, 0.9 * 60)  # and better than uniform words

  @pytest.mark.slow
  def test_a_topic_stays_the_same_from_day_to_day(self):
    """Five first days of forty: most topics are found on what came before."""
    corpus, phi = planted(day_count=40, mean_length=8)
    schedule = DAILY._replace(first_days=5)
    sizes = {'word_count': 60, 'user_count': 30}
    found = fit_stream(corpus, HYPER, schedule, seed=0, **sizes).topic
    # What the planted law says of each tweet; its background is Zipf's law.
    plain = 0.3 * np.sort(phi[0])[::-1]
    owner = np.repeat(np.arange(3000), np.diff(corpus.offsets))
    told = np.zeros((3000, 4))
    np.add.at(
      told, owner, np.log(0.7 * phi.T[corpus.words] + plain[corpus.words, None])
    )
    true = told.argmax(1)
    gap = np.diff(np.sort(told, axis=1)[:, -2:])[:, 0]
    clear = gap > 2
    self.assertGreater(clear.sum(), 1500)
    for first, end in ((0, 5), (5, 15), (15, 40)):
      rows = clear & (corpus.day >= first) & (corpus.day < end)
      table = np.zeros((4, 4))
      np.add.at(table, (true[rows], found[rows]), 1)
      if first == 0:  # this matching has to hold for all days
        match = linear_sum_assignment(-table)
      self.assertGreater(table[match].sum() / rows.sum(), 0.85)

  def test_killed_between_two_writes_it_ends_the_same(self):
    corpus = small_corpus()
    whole = stream(corpus)
    add, days = incremental.add_days, []

    def add_or_die(state, *args, **settings):
      if state.next_day == 7:
        raise KeyboardInterrupt
      days.append(state.next_day)
      return add(state, *args, **settings)

    incremental.add_days = add_or_die
    self.addCleanup(setattr, incremental, 'add_days', add)
    with self.assertRaises(KeyboardInterrupt):
      stream(corpus, checkpoint=self.path, save_every_days=2)
    self.assertEqual(days, [0, 3, 4, 5, 6])
    # The first three days were written, then 3 with 4; 5 with 6.
    self.assertEqual(restore_state(self.path)[0].next_day, 7)
    incremental.add_days = add
    resumed = stream(corpus, checkpoint=self.path, save_every_days=2)
    np.testing.assert_array_equal(resumed.topic, whole.topic)
    assert_equal_states(resumed.state, whole.state)

  def test_two_that_write_one_file_leave_it_whole(self):
    """Each writes its own part until it is complete."""
    state = initial_state(HYPER, **SIZES)
    topic = np.zeros(4, np.int16)
    replace = os.replace

    def meanwhile(part, path):
      os.replace = replace
      save_state(path, state, topic, 'the other')
      replace(part, path)

    os.replace = meanwhile
    self.addCleanup(setattr, os, 'replace', replace)
    save_state(self.path, state, topic, 'one')
    self.assertEqual(restore_state(self.path)[2], 'one')
    self.assertEqual(os.listdir(os.path.dirname(self.path)), ['topics.npz'])

  def test_what_cannot_be_written_costs_only_that(self):
    corpus = small_corpus()
    with open(self.path, 'w'):
      pass
    inside = os.path.join(self.path, 'no folder', 'topics.npz')
    with self.assertLogs('absl', 'WARNING') as logs:
      result = stream(corpus, checkpoint=inside)
    self.assertIn('could not store the topics', logs.output[0])
    np.testing.assert_array_equal(result.topic, stream(corpus).topic)
