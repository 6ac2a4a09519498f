"""Where a chain of tweets begins: nothing planted is lost, nothing leaks."""

import jax
import numpy as np
import pytest
from planted_videos import matched_cosine

from benchmarks.planted_tweets import planted_tweets
from dynrec_jax.topics import tweet_start
from dynrec_jax.topics.tweet_blocks import NO_TOPIC, select_tweets
from dynrec_jax.topics.tweet_start import find_start, last_good
from dynrec_jax.topics.tweet_topics import topic_word_probability
from dynrec_jax.topics.twitter_lda import (
  Hyperparameters,
  empty_counts,
  fit_tweets,
)


def planted(seed, topics, tweets, words, users):
  """Short tweets about topics of which the largest has four times the least."""
  return planted_tweets(
    seed,
    tweet_count=tweets,
    word_count=words,
    user_count=users,
    topic_count=topics,
    day_count=30,
    mean_length=7,
    size_ratio=4,
  )


def start_of(corpus, topics, words, users, *, seed=0, rounds=3):
  return find_start(
    corpus,
    Hyperparameters(topics, 0.5, 0.01, 20.0),
    word_count=words,
    user_count=users,
    key=jax.random.key(seed, impl='threefry2x32'),
    round_count=rounds,
    block_size=512,
  )


def lost(seed, topics, tweets, words, users, *, rounds=3):
  """Whether a chain of 100 sweeps misses a planted topic."""
  corpus, phi = planted(seed, topics, tweets, words, users)
  hyper = Hyperparameters(topics, 0.5, 0.01, 20.0)
  fit = fit_tweets(
    corpus,
    empty_counts(hyper, word_count=words, user_count=users),
    hyper,
    key=jax.random.key(seed, impl='threefry2x32'),
    start=start_of(corpus, topics, words, users, seed=seed, rounds=rounds),
    sweep_count=100,
    block_size=512,
  )
  assert (fit.topic != NO_TOPIC).all()
  return matched_cosine(topic_word_probability(fit.counts, hyper), phi) <= 0.8


@pytest.mark.slow
def test_no_planted_topic_is_lost():
  setting = (6, 3000, 300, 100)
  seeds = range(3)
  assert not any(lost(seed, *setting) for seed in seeds)


@pytest.mark.slow
@pytest.mark.parametrize(
  'setting', [(10, 8000, 1000, 300), (20, 16000, 2000, 400)]
)
def test_nine_of_ten_runs_keep_every_topic(setting):
  assert sum(lost(seed, *setting) for seed in range(10)) <= 1
  assert sum(lost(seed, *setting, rounds=0) for seed in range(4)) >= 2


@pytest.mark.slow
def test_held_out_users_stay_out_and_seeds_repeat():
  corpus, _ = planted(1, 4, 600, 60, 40)
  held = tweet_start._held_out_users(corpus)
  assert 2 <= len(held) <= 4
  start = start_of(corpus, 4, 60, 40, rounds=1)
  assert not start.user_topic[held].any()
  others = np.setdiff1d(corpus.user, held)
  kept = select_tweets(corpus, np.flatnonzero(np.isin(corpus.user, others)))
  np.testing.assert_array_equal(
    start.user_topic.sum(1), np.bincount(kept.user, minlength=40)
  )
  words = start.topic_word.sum(1) + start.background
  np.testing.assert_array_equal(words, np.bincount(kept.words, minlength=60))
  again, other = (
    start_of(corpus, 4, 60, 40, rounds=1, seed=seed) for seed in (0, 1)
  )
  np.testing.assert_array_equal(again.topic_word, start.topic_word)
  assert (other.topic_word != start.topic_word).any()


def test_few_users_hold_nobody_out():
  corpus, _ = planted(2, 2, 60, 20, 5)
  assert start_of(corpus, 2, 20, 5).user_topic.sum() == 60


def test_nothing_to_start_from():
  corpus, _ = planted(2, 2, 60, 20, 5)
  assert start_of(corpus, 2, 20, 5, rounds=0) is None
  nothing = select_tweets(corpus, np.zeros(0, np.int64))
  assert start_of(nothing, 2, 20, 5) is None


def test_the_last_round_within_a_percent_goes_on():
  assert last_good([100.0]) == 0
  assert last_good([120.0, 100.0, 101.0]) == 2
  assert last_good([120.0, 100.0, 101.1]) == 1
  assert last_good([100.0, 130.0, 100.0, 102.0]) == 2
