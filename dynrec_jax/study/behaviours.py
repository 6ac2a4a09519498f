"""What interests are made of: watches, or tweets, of any split.

Single network: the user's own watches, with the videos' topics. Cross network:
the tweets, each with the one topic that TwitterLDA gives it, or with the topic
vector that the source brings.
"""

from collections.abc import Sequence
from typing import NamedTuple

import ml_collections
import numpy as np
from absl import logging

from dynrec_jax.data import histories, joins
from dynrec_jax.data import records as records_lib
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.records import LacksDataError, Records, Tweets
from dynrec_jax.study import places
from dynrec_jax.study.naming import naming
from dynrec_jax.topics import border_fit, tweet_text, tweet_topics
from dynrec_jax.topics.border_fit import FitSettings, KnownTopics
from dynrec_jax.topics.incremental import Schedule
from dynrec_jax.topics.tweet_blocks import TweetCorpus, select_tweets
from dynrec_jax.topics.twitter_lda import REFERENCE

_TOP_WORDS = 10


class Behaviours(NamedTuple):
  """Of all users, and how a split reads them.

  Attributes:
    topics: [R, K] topic vectors m of what behaviours are about.
    histories: whose items are rows of `topics`; None if they depend on the
      split, see `of_split`.
    known: tweets fitted up to n_f; None if nothing has to be fitted.
    fits_later: whether train users' tweets after n_f are fitted too (A40);
      where one date cuts the log, nobody's are (A41).
  """

  topics: np.ndarray
  histories: Histories | None
  known: KnownTopics | None
  fits_later: bool = True


def from_tweets(
  records: Records, start: int, border: int, config: ml_collections.ConfigDict
) -> Behaviours:
  """The tweets, with their own vectors or with topics to be found.

  Args:
    records: the filtered source.
    start: of the first session, seconds.
    border: n_f, seconds.
    config: of the run.

  Raises:
    ValueError: the source has no tweets, or no words in them.
  """
  tweets, user_count = tweets_of(records, config), len(records.user_ids)
  if tweets.topics.shape[1]:
    logging.info(
      'topics: the source brings %d vectors of %d numbers',
      *tweets.topics.shape,
    )
    rows = np.arange(len(tweets.user))
    own = histories.tweet_histories(tweets, rows, user_count)
    return Behaviours(tweets.topics, own, None)
  with naming(least_tweets='topics.least_tweets'):
    known = border_fit.fit_known(
      tweets, start, border, fit_settings(config), user_count=user_count
    )
  logging.info(
    'topics: %d of tweets by TwitterLDA; %s words, %s tweets up to n_f',
    config.topics.tweet_count,
    f'{len(known.vocabulary):,}',
    f'{(known.topic >= 0).sum():,}',
  )
  # One row per topic, and one of zeros for tweets without any.
  count = config.topics.tweet_count
  return Behaviours(
    np.eye(count + 1, count, dtype=np.float32),
    None,
    known,
    fits_later=config.split.by == 'users',
  )


def tweets_of(records: Records, config: ml_collections.ConfigDict) -> Tweets:
  """The source's tweets.

  Raises:
    LacksDataError: there are none.
  """
  if not len(records.tweets.user):
    raise LacksDataError(
      f'scenario=cross reads tweets, and the source {config.data.name!r} has '
      'none of the users that the filters left'
    )
  return records.tweets


def check_authors(records: Records) -> None:
  """Raises where nobody who watches has tweeted.

  Raises:
    LacksDataError: shows two ids of each side.
  """
  sides = (
    records.user_ids[np.unique(table.user)]
    for table in (records.watches, records.tweets)
  )
  watchers, authors = sides
  met = joins.join('users', 'watches', watchers, 'tweets', authors)
  if met.is_empty:
    raise LacksDataError(
      f'nobody who watches has tweeted: {met.shown}; right: the same user ids '
      'in both files, spelled alike'
    )


def topic_words(made_of: Behaviours) -> Sequence[Sequence[str]]:
  """Each topic's most frequent words up to n_f; () of the source's topics."""
  if made_of.known is None:
    return ()
  return tweet_topics.top_words(
    made_of.known.state.counts, made_of.known.vocabulary, _TOP_WORDS
  )


def of_split(
  behaviours: Behaviours, records: Records, train_users: np.ndarray
) -> Histories:
  """What may be read of everyone when these users train.

  Leaks: held-out users' tweets after n_f have no topic and move no one's
  (A40); where one date cuts the log, nobody's do.
  """
  if behaviours.known is None:
    return behaviours.histories
  later = fitted_tweets(behaviours, train_users)
  return _histories(
    behaviours.topics, records.tweets, later.topic, len(records.user_ids)
  )


def known_before(behaviours: Behaviours, time: int) -> Behaviours:
  """Tweets' topics without any that is told of a tweet from a moment on."""
  known = behaviours.known
  if known is not None:
    topic = known.topic[known.time < time]
    return behaviours._replace(known=known._replace(topic=topic))
  tweets, topics = behaviours.histories, behaviours.topics.copy()
  topics[tweets.item[tweets.time >= time]] = 0
  return behaviours._replace(topics=topics)


class Served(NamedTuple):
  """Everything that is known of everyone's tweets by now.

  Attributes:
    topics: [R, K] what they are about.
    histories: whose items are rows of `topics`.
    texts: [n] object (str), in their order.
  """

  topics: np.ndarray
  histories: Histories
  texts: np.ndarray


def for_serving(
  behaviours: Behaviours,
  records: Records,
  outside: Tweets,
  train_users: np.ndarray,
) -> Served:
  """Tweets of the span and outside it, for recommendations from now on.

  Tweets that the split was not fitted on, of held-out users or outside the
  span, get their most probable topics, given what the same users wrote in it;
  the topics' words stay those that the split was trained with.
  """
  if behaviours.known is None:
    topics = np.concatenate([behaviours.topics, outside.topics])
    rows = behaviours.histories.item
    later_rows = np.arange(len(behaviours.topics), len(topics))
  else:
    topics = behaviours.topics
    fitted = fitted_tweets(behaviours, train_users)
    rows = fitted.topic.copy()
    later = np.flatnonzero(rows < 0)
    users = fitted.state.counts.user_topic
    rows[later] = _inferred(select_tweets(fitted.corpus, later), fitted, users)
    later_rows = _inferred(_encoded(outside, fitted), fitted, users)
  both = records_lib.joined(records.tweets, outside)
  order = np.lexsort((both.time, both.user))
  rows = np.concatenate([rows, later_rows])[order]
  tweets = records_lib.in_order(both)
  return Served(
    topics,
    _histories(topics, tweets, rows, len(records.user_ids)),
    tweets.text,
  )


def of_new_users(
  behaviours: Behaviours,
  tweets: Tweets,
  train_users: np.ndarray,
  user_count: int,
) -> Histories:
  """The tweets of users that the data do not hold, in (user, time) order.

  Raises:
    ValueError: the source brought topic vectors, so that texts mean nothing.
  """
  if behaviours.known is None:
    raise ValueError(
      'recommend.history holds texts, and this source brings topic vectors; '
      'add the new users and their vectors to the source instead'
    )
  fitted = fitted_tweets(behaviours, train_users)
  topic = _inferred(_encoded(tweets, fitted), fitted)
  return _histories(behaviours.topics, tweets, topic, user_count)


def _encoded(tweets: Tweets, fitted: KnownTopics) -> TweetCorpus:
  """Tweets that were not fitted, as ids."""
  return tweet_text.encode_tweets(
    tweets.user,
    tweets.time,
    tweets.text,
    fitted.vocabulary,
    start=int(tweets.time.min(initial=0)),
  )


def _inferred(
  tweets: TweetCorpus,
  fitted: KnownTopics,
  user_topic: np.ndarray | None = None,
) -> np.ndarray:
  """[n] the most probable topics, given what is known of the users."""
  return tweet_topics.infer_topics(
    tweets,
    fitted.state.counts,
    fitted.settings.hyper,
    user_topic=user_topic,
  )


def fitted_tweets(
  behaviours: Behaviours, train_users: np.ndarray
) -> KnownTopics:
  """All tweets that a split with these train users is fitted on."""
  if not behaviours.fits_later:
    return behaviours.known
  return border_fit.fit_later(behaviours.known, train_users)


def _histories(
  topics: np.ndarray, tweets: Tweets, rows: np.ndarray, user_count: int
) -> Histories:
  """The tweets about rows of the topic table; NO_TOPIC is its last row."""
  rows = np.where(rows < 0, len(topics) - 1, rows)
  return histories.tweet_histories(tweets, rows, user_count)


def fit_settings(config: ml_collections.ConfigDict) -> FitSettings:
  """TwitterLDA as the config sets it."""
  t = config.topics
  return FitSettings(
    REFERENCE._replace(topic_count=t.tweet_count),
    Schedule(
      t.first_days,
      t.start_rounds,
      t.first_sweeps,
      t.day_sweeps,
      t.mode_count,
      t.retention,
    ),
    t.least_tweets,
    config.seed,
    places.cache_dir(config),
  )
