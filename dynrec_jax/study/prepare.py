"""From a source of raw records to everything a study reads, of any split.

Records, filters, sessions; then what is computed from content.
"""

import contextlib
import datetime
import io
from collections.abc import Sequence
from typing import NamedTuple

import ml_collections
import numpy as np
from absl import logging

from dynrec_jax.data import filters, histories, sessions
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.records import Records
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.features import documents
from dynrec_jax.features.catalogue import Features
from dynrec_jax.sources import load
from dynrec_jax.storage import digests
from dynrec_jax.study import behaviours, content
from dynrec_jax.study.behaviours import Behaviours
from dynrec_jax.study.naming import naming


class Prepared(NamedTuple):
  """What all splits of a study share.

  Attributes:
    records: the filtered source.
    watches: of all users.
    behaviours: what interests are made of: watches or tweets.
    topic_words: [K] each topic's words, best first; () if the source brings
      the topics.
    features: of the catalogue, on the host.
    video_texts: [V] each video's text.
    tweet_texts: [n] object (str), of the tweets that interests are made of, in
      their order; None where they are made of watches.
    sessions: the clock.
    fingerprint: of the catalogue and all content vectors; a checkpoint fits
      no other.
  """

  records: Records
  watches: Histories
  behaviours: Behaviours
  topic_words: Sequence[Sequence[str]]
  features: Features
  video_texts: Sequence[str]
  tweet_texts: np.ndarray | None
  sessions: Sessions
  fingerprint: str


def prepare(config: ml_collections.ConfigDict) -> Prepared:
  """Loads, filters and describes the source that the config names.

  Raises:
    ValueError: for malformed data or if the filters leave nothing; the message
      names file, row or key.
  """
  records, texts, features = described(config)
  watches = histories.watch_histories(records.watches, len(records.user_ids))
  clock = make_clock(records, config)
  if config.scenario == 'single':
    topics = content.video_topics(records, texts, features, config)
    made_of = Behaviours(topics.topics, watches, None)
    topic_words, tweet_texts = topics.top_words, None
  else:
    start, border = int(clock.borders[0]), known_until(clock)
    made_of = behaviours.from_tweets(records, start, border, config)
    topic_words = behaviours.topic_words(made_of)
    tweet_texts = records.tweets.text
  return Prepared(
    records,
    watches,
    made_of,
    topic_words,
    features,
    texts,
    tweet_texts,
    clock,
    _fingerprint(records, features, made_of),
  )


def described(
  config: ml_collections.ConfigDict,
) -> tuple[Records, list[str], Features]:
  """The filtered source, its videos' texts and their features."""
  records, blocks = study_records(config)
  if blocks is None:
    records, blocks = content.encode_videos(records, config)
  texts = documents.video_documents(records.videos, config.text.fields)
  return records, texts, content.video_features(records, texts, blocks, config)


def study_records(
  config: ml_collections.ConfigDict,
) -> tuple[Records, tuple[int, ...] | None]:
  """The filtered source, and the blocks of its visual features.

  Video files are encoded after the filters, as fewer are left then, and the
  blocks are None until they are; only `data.require_visual` has to know before
  who has a feature.
  """
  records, blocks = _load(config), None
  if config.data.require_visual:
    records, blocks = content.encode_videos(records, config)
  return _filtered(records, config), blocks


def known_until(clock: Sessions) -> int:
  """The end of n_f in the long mode, which is the cross network's too."""
  session = sessions.history_sessions(clock, sessions.LONG_FRACTION)
  return clock.end(session)


def _load(config) -> Records:
  """The raw source."""
  # TFDS prints what it does.
  with (
    contextlib.redirect_stdout(io.StringIO()),
    naming(manual_dir='data.manual_dir', strict='data.strict'),
  ):
    records = load.load_source(
      config.data.name,
      data_dir=config.data.data_dir or None,
      manual_dir=config.data.manual_dir or None,
      strict=config.data.strict,
      world=config.data.world,
      world_seed=config.data.world_seed,
    )
  if not len(records.watches.user):
    raise ValueError(f'the source {config.data.name!r} holds no watch')
  return records


def _filtered(records: Records, config) -> Records:
  """The users and videos of the study; logs what every rule removed."""
  before = filters.count_left('in the source', records.watches)
  watches = filters.first_watches(records.watches)
  logging.debug(
    'first watches of a video: %d of %d watches',
    len(watches.user),
    len(records.watches.user),
  )
  records = records._replace(watches=watches)
  steps = [filters.count_left('before the filters', watches)]
  if config.data.require_visual:
    has_text = documents.has_words(
      documents.video_documents(records.videos, config.text.fields)
    )
    watches, step = filters.complete_videos(records, has_text)
    steps.append(step)
  if config.filter.min_tweets_per_user:
    watches, step = filters.filter_users_by_tweets(
      records._replace(watches=watches),
      min_tweets=config.filter.min_tweets_per_user,
    )
    steps.append(step)
    if not step.watches:
      raise ValueError(
        f'{filters.describe(step)}; lower filter.min_tweets_per_user: the most '
        f'that a user has is {np.bincount(records.tweets.user).max(initial=0)}'
      )
  with naming(
    min_videos_per_user='filter.min_videos_per_user',
    min_users_per_video='filter.min_users_per_video',
  ):
    watches, later = filters.filter_watches(
      watches,
      min_videos_per_user=config.filter.min_videos_per_user,
      min_users_per_video=config.filter.min_users_per_video,
      mode=config.filter.mode,
    )
  _tell(before, [*steps, *later[1:]], config.data.name)
  return filters.compact(records, watches)


def _tell(
  before: filters.FilterStep, steps: list[filters.FilterStep], source: str
) -> None:
  """What is left and what went, in a line; by each rule in more of them."""
  for line in filters.removed(steps):
    logging.debug('%s', line)
  left = steps[-1]
  logging.info(
    'data: %s users, %s videos, %s watches of %s; repeats and filters removed '
    '%s, %s and %s',
    *(f'{count:,}' for count in (left.users, left.videos, left.watches)),
    source,
    f'{before.users - left.users:,} users',
    f'{before.videos - left.videos:,} videos',
    f'{before.watches - left.watches:,} watches',
  )


def make_clock(records: Records, config: ml_collections.ConfigDict) -> Sessions:
  """The sessions between the dates of the config, or around all events."""
  times = records.watches.time
  if config.scenario == 'cross' and len(records.tweets.time):
    times = np.concatenate([times, records.tweets.time])
  first, last = int(times.min()), int(times.max())
  if config.sessions.start:
    first = date_secs(config.sessions.start, 'sessions.start')
  if config.sessions.end:
    last = date_secs(config.sessions.end, 'sessions.end') - 1
  return sessions.make_sessions(first, last, config.sessions.L)


def date_secs(date: str, key: str) -> int:
  """Midnight UTC of an ISO date, in seconds.

  Raises:
    ValueError: it is no date; names the key.
  """
  try:
    day = datetime.datetime.fromisoformat(date)
  except ValueError:
    raise ValueError(
      f"{key} is {date!r}; right: '' or a date as in 2013-06-01"
    ) from None
  if day.tzinfo is None:
    day = day.replace(tzinfo=datetime.UTC)
  return int(day.timestamp())


def _fingerprint(
  records: Records, features: Features, made_of: Behaviours
) -> str:
  """A short digest of the catalogue and its content vectors."""
  arrays = [*features, made_of.topics]
  if made_of.known is not None:
    arrays.append(made_of.known.topic)
  return digests.fingerprint('\0'.join(records.videos.id), *arrays)
