"""From a source of raw records to everything a study reads, of any split.

Records, filters, sessions; then what is computed from content.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import ml_collections
import numpy as np

from dynrec_jax.data import histories, sessions, summary
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.records import Records
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.data.span import Outside
from dynrec_jax.data.summary import Summary
from dynrec_jax.features import documents
from dynrec_jax.features.catalogue import Features
from dynrec_jax.storage import digests
from dynrec_jax.study import (
  behaviours,
  content,
  filtered,
  grown_content,
  kept,
  kept_tweets,
  method_config,
  methods,
  studied_users,
  text_content,
)
from dynrec_jax.study.behaviours import Behaviours
from dynrec_jax.study.filtered import Studied
from dynrec_jax.study.kept import Growth
from dynrec_jax.study.tweet_features import TweetFeatures
from dynrec_jax.topics.word_counts import VideoTopics


class Prepared(NamedTuple):
  """What all splits of a study share.

  Attributes:
    records: the filtered source.
    outside: the same users' events before and after its span: read when lists
      are made for today, and by nothing else.
    watches: of all users.
    behaviours: what interests are made of: watches or tweets.
    topic_words: [K] each topic's words, best first; () if the source brings
      the topics.
    features: of the catalogue, on the host.
    video_texts: [V] each video's text.
    video_topics: [V, L] each video's topics; None where nothing reads them.
    tweet_texts: [n] object (str), of the tweets that interests are made of, in
      their order; None where they are made of watches.
    tweet_features: of these texts, made when a network asks for them; None
      where there are none.
    sessions: the clock.
    known_videos: [V] bool, the videos that content is learned from: all, or
      where one date cuts the log those watched before it.
    fingerprint: of the catalogue and all content vectors; a checkpoint fits
      no other.
    summary: of everything that was read, see `same_data`.
    growth: how the study came to be, if `mode=update` has let it grow.
  """

  records: Records
  outside: Outside
  watches: Histories
  behaviours: Behaviours
  topic_words: Sequence[Sequence[str]]
  features: Features
  video_texts: Sequence[str]
  video_topics: np.ndarray | None
  tweet_texts: np.ndarray | None
  tweet_features: TweetFeatures | None
  sessions: Sessions
  known_videos: np.ndarray
  fingerprint: str
  summary: Summary
  growth: Growth | None = None


def prepare(config: ml_collections.ConfigDict) -> Prepared:
  """Loads, filters and describes the source that the config names.

  In a folder that `mode=update` has gone on with, the study is what that left.

  Raises:
    ValueError: for malformed data or if the filters leave nothing; the message
      names file, row or key.
  """
  source = None
  if not config.data.prepared_dir:
    source = filtered.load_source(config)
  return of_source(config, source, kept.of_folder(config))


def of_source(
  config: ml_collections.ConfigDict,
  source: Records | None,
  growth: Growth | None,
) -> Prepared:
  """The same of records that are loaded.

  Args:
    config: of the run.
    source: see `filtered.load_source`; None of a study whose records are
      prepared at scale.
    growth: of a study that has grown; None of any other.
  """
  studied, texts, features = described(config, source, growth)
  records, outside, clock, known, _ = studied
  watches = histories.watch_histories(records.watches, len(records.user_ids))
  if config.scenario == 'single':
    topics = video_topics(studied, texts, features, config, growth)
    made_of = Behaviours(topics.topics, watches, None)
    topic_words, tweet_texts, tweet_features = topics.top_words, None, None
    found = topics.topics
  else:
    start, border = int(clock.borders[0]), known_until(clock, config)
    made_of = kept_tweets.behaviours_of(
      records, (start, border), config, growth
    )
    topic_words = behaviours.topic_words(made_of)
    tweet_texts = records.tweets.text
    tweet_features = TweetFeatures(
      functools.partial(_encode_tweets, studied, texts, config, growth),
      tweet_texts,
    )
    found = None
    if _reads_video_topics(config):
      found = video_topics(studied, texts, features, config, growth).topics
  told = made_of
  if config.split.by == 'time' and config.scenario == 'cross':
    told = behaviours.known_before(made_of, border)
  return Prepared(
    records,
    outside,
    watches,
    made_of,
    topic_words,
    features,
    texts,
    found,
    tweet_texts,
    tweet_features,
    clock,
    known,
    _fingerprint(records, features, told),
    summarise(records, features, config),
    growth,
  )


def video_topics(
  studied: Studied,
  texts: list[str],
  features: Features,
  config: ml_collections.ConfigDict,
  growth: Growth | None = None,
) -> VideoTopics:
  """The videos' topics: fitted, or of a study that has grown as they were."""
  if growth is not None:
    return grown_content.video_topics(
      studied.records, texts, features, config, growth
    )
  return content.video_topics(
    studied.records, texts, features, config, studied.known_videos
  )


def _encode_tweets(
  studied: Studied,
  texts: list[str],
  config: ml_collections.ConfigDict,
  growth: Growth | None,
  tweets: Sequence[str],
) -> np.ndarray:
  """See `text_content.encode_tweets`; by a kept encoder where there is one."""
  if growth is not None:
    model = growth.kept.videos.text_model
    return text_content.encode_by(model, tweets, config)[0]
  return text_content.encode_tweets(
    studied.records, texts, tweets, config, studied.known_videos
  )


def _reads_video_topics(config) -> bool:
  """Whether a method reads them where interests are made of tweets."""
  return any(
    method_config.of_method(config, name, {}).sca.variant == 'topic_ridge'
    for name in methods.chosen(config)
    if methods.kind(name) == 'sca'
  )


def described(
  config: ml_collections.ConfigDict,
  source: Records | None = None,
  growth: Growth | None = None,
) -> tuple[Studied, list[str], Features]:
  """The filtered source, its videos' texts and their features."""
  studied = filtered.study_records(config, source, growth)
  studied_users.check(studied.records, studied.sessions, config)
  if studied.blocks is None:
    records, blocks = content.encode_videos(studied.records, config)
    studied = studied._replace(records=records, blocks=blocks)
  texts = documents.video_documents(studied.records.videos, config.text.fields)
  of_study = studied.records, texts, studied.blocks, config
  if growth is not None:
    features = grown_content.video_features(*of_study, growth)
  else:
    features = content.video_features(*of_study, studied.known_videos)
  return studied, texts, features


def known_until(clock: Sessions, config: ml_collections.ConfigDict) -> int:
  """The end of what is known of everyone, seconds.

  That is the date that cuts the log, or n_f of the long mode, which is the
  cross network's too.
  """
  if config.split.by == 'time':
    return clock.end(config.split.cut)
  return clock.end(
    sessions.history_sessions(config.sessions.L, sessions.LONG_FRACTION)
  )


def summarise(
  records: Records, features: Features, config: ml_collections.ConfigDict
) -> Summary:
  """Of the study's tables, and of the vectors that lie beside them."""
  given = [records.videos.visual, records.videos.has_visual[:, None]]
  if config.text.encoder == 'given':
    given += [features.text, features.has_text[:, None]]
  return summary.summarise(records, *given)


def _fingerprint(
  records: Records, features: Features, made_of: Behaviours
) -> str:
  """A short digest of the catalogue and its content vectors."""
  arrays = [*features, made_of.topics]
  if made_of.known is not None:
    arrays.append(made_of.known.topic)
  return digests.fingerprint('\0'.join(records.videos.id), *arrays)
