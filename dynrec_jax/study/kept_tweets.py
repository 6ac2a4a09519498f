"""Tweets' topics of a study that has grown: only new days are fitted (A50)."""

import ml_collections
import numpy as np

from dynrec_jax.data.records import Records, Tweets
from dynrec_jax.data.sessions import DAY_SECS
from dynrec_jax.study import behaviours, studied_users
from dynrec_jax.study.behaviours import Behaviours
from dynrec_jax.study.kept import Growth, KeptTweets
from dynrec_jax.topics import border_fit, tweet_text
from dynrec_jax.topics.border_fit import KnownTopics
from dynrec_jax.topics.topic_state import TopicState
from dynrec_jax.topics.tweet_blocks import NO_TOPIC


def behaviours_of(
  records: Records,
  span: tuple[int, int],
  config: ml_collections.ConfigDict,
  growth: Growth | None,
) -> Behaviours:
  """The tweets with their topics, see `behaviours.from_tweets`.

  In a study that has grown what had a topic has it still. New tweets of train
  users, and those that users bring who join, are fitted day by day from where
  the last day ended, what was before it on the first new day.

  Args:
    records: the filtered source.
    span: the start of the first session, and n_f, seconds.
    config: of the run.
    growth: of a study that has grown.

  Raises:
    ValueError: see `behaviours.from_tweets`; or old tweets are others now.
  """
  if growth is None or growth.kept.tweets is None:
    return behaviours.from_tweets(records, *span, config)
  known, old = _known(records, span[0], config, growth)
  users = studied_users.parts_of(config, records.user_ids, growth.kept.split)
  # Up to n_f everybody's are read, as those of all others were.
  readable = np.isin(records.tweets.user, users.train)
  readable |= records.tweets.time < known.border
  rows = np.flatnonzero(~old & readable)
  first_day = growth.kept.tweets.first_day
  time = np.maximum(records.tweets.time[rows], growth.kept.until)
  day = (time - known.border) // DAY_SECS + first_day
  known = border_fit.extend(known, rows, np.maximum(day, known.state.next_day))
  count = known.settings.hyper.topic_count
  topics = np.eye(count + 1, count, dtype=np.float32)
  return Behaviours(topics, None, known, fits_later=False)


def _known(
  records: Records,
  start: int,
  config: ml_collections.ConfigDict,
  growth: Growth,
) -> tuple[KnownTopics, np.ndarray]:
  """What was fitted before, of the grown study, and [n] bool which tweets."""
  before, tweets = growth.kept.tweets, records.tweets
  users, _ = growth.places(records)
  old = _old(tweets, users, growth)
  topic = np.full(len(old), NO_TOPIC, np.int16)
  topic[old] = before.topic
  counts = before.state.counts
  user_topic = np.zeros(
    (len(records.user_ids), counts.user_topic.shape[1]), np.float32
  )
  user_topic[users] = counts.user_topic
  # The words of what has its topic are read by nobody any more.
  texts = np.where(topic >= 0, '', tweets.text)
  corpus = tweet_text.encode_tweets(
    tweets.user,
    np.maximum(tweets.time, start),
    texts,
    before.vocabulary,
    start=start,
  )
  known = KnownTopics(
    before.border,
    before.vocabulary,
    corpus,
    tweets.time,
    topic,
    TopicState(before.state.next_day, counts._replace(user_topic=user_topic)),
    behaviours.fit_settings(config)._replace(directory=None),
  )
  return known, old


def _old(tweets: Tweets, users: np.ndarray, growth: Growth) -> np.ndarray:
  """[n] bool, the tweets that were in the study.

  Raises:
    ValueError: they are not as many.
  """
  kept = growth.kept
  old = np.isin(tweets.user, users) & (tweets.time < kept.until)
  if old.sum() != len(kept.tweets.topic):
    raise ValueError(
      f'the log has {old.sum():,} tweets of the study from before its last '
      f'update, which knew {len(kept.tweets.topic):,}; right: the same log, '
      'grown'
    )
  return old


def keep(
  made_of: Behaviours, train_users: np.ndarray, growth: Growth | None
) -> KeptTweets | None:
  """What the next day of tweets is fitted with.

  Args:
    made_of: of the study.
    train_users: of the split that goes on.
    growth: how the study came to be; None if no update has changed it.

  Returns:
    None where nothing is fitted.
  """
  if made_of.known is None:
    return None
  first_day = made_of.known.state.next_day
  if growth is not None:
    first_day = growth.kept.tweets.first_day
  fitted = behaviours.fitted(made_of, train_users)
  return KeptTweets(
    fitted.border, first_day, fitted.vocabulary, fitted.topic, fitted.state
  )
