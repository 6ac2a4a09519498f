"""TwitterLDA for a study that holds users out: what may be read, and when.

Up to the border n_f everybody's tweets are known, so they are fitted once for
all splits. After it only train users' are: each split goes on alone from the
state at the border. The paper gives no rule; ours is A40.
"""

import contextlib
import os
import pathlib
from typing import NamedTuple

import numpy as np
from absl import logging

from dynrec_jax.data.records import Tweets
from dynrec_jax.data.sessions import DAY_SECS
from dynrec_jax.storage import digests
from dynrec_jax.topics.incremental import (
  Schedule,
  StreamResult,
  fit_stream,
  initial_state,
  stream_settings,
)
from dynrec_jax.topics.topic_state import TopicCheckpointError, TopicState
from dynrec_jax.topics.tweet_blocks import NO_TOPIC, TweetCorpus, select_tweets
from dynrec_jax.topics.tweet_text import encode_tweets, fit_vocabulary
from dynrec_jax.topics.twitter_lda import Hyperparameters


class FitSettings(NamedTuple):
  """How tweets are fitted.

  Attributes:
    hyper: sizes and prior strengths.
    schedule: sweeps and forgetting.
    least_tweets: tweets before the border that must hold a word.
    seed: of all draws.
    directory: where the states lie; None stores none.
  """

  hyper: Hyperparameters
  schedule: Schedule
  least_tweets: int
  seed: int
  directory: str | None


class KnownTopics(NamedTuple):
  """What everybody wrote before the border, fitted.

  Attributes:
    border: n_f, seconds.
    vocabulary: words of the tweets before it.
    corpus: all tweets of the study as ids, in their order.
    time: [n] int64 seconds, of the same tweets.
    topic: [n] int16, frozen; NO_TOPIC for later tweets.
    state: at the border.
    settings: see `FitSettings`.
  """

  border: int
  vocabulary: list[str]
  corpus: TweetCorpus
  time: np.ndarray
  topic: np.ndarray
  state: TopicState
  settings: FitSettings


def fit_known(
  tweets: Tweets,
  start: int,
  border: int,
  settings: FitSettings,
  *,
  user_count: int,
) -> KnownTopics:
  """Fits the tweets of all users before the border, day by day.

  Args:
    tweets: of the study.
    start: when day 0 begins, seconds; earlier tweets count as of day 0.
    border: n_f, seconds; a tweet at this second is a later one.
    settings: see `FitSettings`.
    user_count: U.

  Raises:
    ValueError: no word stands in enough tweets before the border.
  """
  before = np.flatnonzero(tweets.time < border)
  vocabulary = fit_vocabulary(
    tweets.text[before], least_tweets=settings.least_tweets
  )
  if not vocabulary:
    raise ValueError(
      f'no word stands in {settings.least_tweets} of the {len(before)} tweets '
      'before n_f; lower least_tweets or bring more tweets'
    )
  early = int((tweets.time < start).sum())
  if early:
    logging.info(
      '%d tweets are from before the first session: fitted with its first days',
      early,
    )
  corpus = encode_tweets(
    tweets.user,
    np.maximum(tweets.time, start),
    tweets.text,
    vocabulary,
    start=start,
  )
  known = KnownTopics(
    border,
    vocabulary,
    corpus,
    tweets.time,
    np.full(len(tweets.time), NO_TOPIC, np.int16),
    initial_state(
      settings.hyper, word_count=len(vocabulary), user_count=user_count
    ),
    settings,
  )
  return extend(known, before, corpus.day[before])


def fit_later(known: KnownTopics, users: np.ndarray) -> KnownTopics:
  """Goes on after the border with the tweets of these users alone.

  Args:
    known: what `fit_known` gave; it is left as it is.
    users: [n] train users.

  Returns:
    The same with these users' later topics, and the state at the end.
  """
  later = np.isin(known.corpus.user, users) & (known.time >= known.border)
  rows = np.flatnonzero(later)
  # Days are counted anew from the border, which may lie inside one.
  day = (known.time[rows] - known.border) // DAY_SECS
  return extend(known, rows, day + known.state.next_day)


def extend(
  known: KnownTopics, rows: np.ndarray, day: np.ndarray
) -> KnownTopics:
  """Goes on with the tweets at some rows.

  Args:
    known: what was fitted so far; it is left as it is.
    rows: [n] of its tweets.
    day: [n] their days, none before the state's next one.
  """
  corpus = select_tweets(known.corpus, rows)._replace(day=day.astype(np.int32))
  fit = _fit(corpus, known.vocabulary, known.state, known.settings)
  topic = known.topic.copy()
  topic[rows] = fit.topic
  return known._replace(topic=topic, state=fit.state)


def _fit(
  corpus: TweetCorpus,
  vocabulary: list[str],
  start: TopicState,
  settings: FitSettings,
) -> StreamResult:
  """The stream, from the disk as far as it was fitted before."""

  def fit(checkpoint: str | None) -> StreamResult:
    return fit_stream(
      corpus,
      settings.hyper,
      settings.schedule,
      word_count=len(start.counts.background),
      user_count=len(start.counts.user_topic),
      seed=settings.seed,
      start=start,
      checkpoint=checkpoint,
    )

  if settings.directory is None:
    return fit(None)
  path = _state_path(corpus, vocabulary, start, settings)
  try:
    return fit(path)
  except TopicCheckpointError as error:
    logging.warning('%s; fitted anew', error)
  with contextlib.suppress(OSError):
    os.remove(path)
  return fit(path)


def _state_path(
  corpus: TweetCorpus,
  vocabulary: list[str],
  start: TopicState,
  settings: FitSettings,
) -> str:
  """Where this stream's state lies.

  Its name says what the stream is of, not which tweets there are so far: one
  that has grown by a day is gone on with.
  """
  about = stream_settings(
    settings.hyper, settings.schedule, start, settings.seed
  )
  words, users = '\0'.join(vocabulary), np.unique(corpus.user)
  digest = digests.joined_sha256(about, words, users)
  name = f'twitter_lda-{digest[:32]}.npz'
  return str(pathlib.Path(settings.directory) / name)
