"""From a source of raw records to everything a study reads, of any split.

Records, filters, sessions; then what is computed from content.
"""

import contextlib
import datetime
import functools
import io
from collections.abc import Sequence
from typing import NamedTuple

import ml_collections
import numpy as np
from absl import logging

from dynrec_jax.data import filters, histories, sessions, summary, time_cut
from dynrec_jax.data import span as span_lib
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.records import LacksDataError, Records, Watches
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.data.span import Outside
from dynrec_jax.data.summary import Summary
from dynrec_jax.data.time_cut import CutRecords
from dynrec_jax.features import documents
from dynrec_jax.features.catalogue import Features
from dynrec_jax.sources import load
from dynrec_jax.storage import digests
from dynrec_jax.study import (
  at_scale,
  behaviours,
  content,
  event_spread,
  method_config,
  methods,
  span,
  studied_users,
  text_content,
)
from dynrec_jax.study import source as source_lib
from dynrec_jax.study.behaviours import Behaviours
from dynrec_jax.study.naming import naming
from dynrec_jax.study.tweet_features import TweetFeatures


class Studied(NamedTuple):
  """Who and what is studied, before anything is computed from it.

  Attributes:
    records: the filtered source.
    outside: what lies before and after its span, which nothing is made of.
    sessions: the clock.
    known_videos: [V] bool, the videos that anything may be fitted on.
    blocks: widths of the visual features' blocks; None until video files are
      encoded.
  """

  records: Records
  outside: Outside
  sessions: Sessions
  known_videos: np.ndarray
  blocks: tuple[int, ...] | None


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


def prepare(config: ml_collections.ConfigDict) -> Prepared:
  """Loads, filters and describes the source that the config names.

  Raises:
    ValueError: for malformed data or if the filters leave nothing; the message
      names file, row or key.
  """
  studied, texts, features = described(config)
  records, outside, clock, known, _ = studied
  watches = histories.watch_histories(records.watches, len(records.user_ids))
  if config.scenario == 'single':
    topics = content.video_topics(records, texts, features, config, known)
    made_of = Behaviours(topics.topics, watches, None)
    topic_words, tweet_texts, tweet_features = topics.top_words, None, None
    video_topics = topics.topics
  else:
    start, border = int(clock.borders[0]), known_until(clock, config)
    made_of = behaviours.from_tweets(records, start, border, config)
    topic_words = behaviours.topic_words(made_of)
    tweet_texts = records.tweets.text
    tweet_features = TweetFeatures(
      functools.partial(_encode_tweets, studied, texts, config), tweet_texts
    )
    video_topics = None
    if _reads_video_topics(config):
      found = content.video_topics(records, texts, features, config, known)
      video_topics = found.topics
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
    video_topics,
    tweet_texts,
    tweet_features,
    clock,
    known,
    _fingerprint(records, features, told),
    _summary(records, features, config),
  )


def _encode_tweets(
  studied: Studied,
  texts: list[str],
  config: ml_collections.ConfigDict,
  tweets: Sequence[str],
) -> np.ndarray:
  """See `text_content.encode_tweets`."""
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
) -> tuple[Studied, list[str], Features]:
  """The filtered source, its videos' texts and their features."""
  studied = study_records(config)
  studied_users.check(studied.records, studied.sessions, config)
  if studied.blocks is None:
    records, blocks = content.encode_videos(studied.records, config)
    studied = studied._replace(records=records, blocks=blocks)
  texts = documents.video_documents(studied.records.videos, config.text.fields)
  features = content.video_features(
    studied.records, texts, studied.blocks, config, studied.known_videos
  )
  return studied, texts, features


def study_records(config: ml_collections.ConfigDict) -> Studied:
  """The filtered source and its clock; of its span alone.

  Video files are encoded after the filters, as fewer are left then; only where
  a feature decides which videos stay, before.
  """
  if config.data.prepared_dir:
    return _from_set(config)
  source, blocks = _load(config), None
  records = span.inside(source, config)
  clock = span.make_clock(config)
  event_spread.tell(records, clock, config)
  visual_decides = config.data.require_visual or (
    config.split.by == 'time' and 'visual' in config.split.new_videos
  )
  if visual_decides:
    if config.split.by == 'users':
      # Of all of them first: encoding takes long, and filters leave no more.
      studied_users.check(records, clock, config)
    records, blocks = content.encode_videos(records, config)
  steps = [filters.count_left('in the span', records.watches)]
  watches = filters.first_watches(records.watches)
  records = records._replace(watches=watches)
  logging.debug(
    'first watches of a video: %d of %d watches',
    len(watches.user),
    steps[0].watches,
  )
  if config.split.by == 'time':
    studied, known = _cut(records, clock, config)
  else:
    watches, later = _filtered(records, config)
    _tell([*steps, *later], config.data.name)
    studied = filters.compact(records, watches)
    known = np.ones(len(studied.videos.id), bool)
  left_out = span_lib.outside(source, studied, *clock.borders[[0, -1]])
  return Studied(studied, left_out, clock, known, blocks)


def _from_set(config: ml_collections.ConfigDict) -> Studied:
  """The same, prepared at scale: nothing is left to be filtered."""
  clock = span.make_clock(config)
  found = at_scale.read(config)
  if config.split.by == 'time':
    time = clock.end(config.split.cut)
    _tell_cut(found.records, found.known_videos, found.steps, time, config)
  else:
    _tell(list(found.steps), config.data.name)
  return Studied(found.records, found.outside, clock, found.known_videos, None)


def known_until(clock: Sessions, config: ml_collections.ConfigDict) -> int:
  """The end of what is known of everyone, seconds.

  That is the date that cuts the log, or n_f of the long mode, which is the
  cross network's too.
  """
  if config.split.by == 'time':
    return clock.end(config.split.cut)
  return clock.end(
    sessions.history_sessions(clock.count, sessions.LONG_FRACTION)
  )


def _load(config) -> Records:
  """The raw source."""
  # TFDS prints what it does.
  with (
    contextlib.redirect_stdout(io.StringIO()),
    source_lib.naming_keys(),
  ):
    records = load.load_source(
      config.data.name,
      data_dir=config.data.data_dir or None,
      manual_dir=config.data.manual_dir or None,
      strict=config.data.strict,
      world=config.data.world,
      world_seed=config.data.world_seed,
      **source_lib.asked(config)._asdict(),
    )
  if not len(records.watches.user):
    raise LacksDataError(f'the source {config.data.name!r} holds no watch')
  return records


def _cut(
  records: Records, clock: Sessions, config: ml_collections.ConfigDict
) -> CutRecords:
  """The study that the events before a date make, and what came after it.

  Users need a history before the date; their future lies after it.
  """
  time = clock.end(config.split.cut)
  early = time_cut.before(records, time)
  if not len(early.watches.user):
    raise LacksDataError(
      f'split.cut is {config.split.cut}; no watch is before the end of that '
      'session'
    )
  training, steps = _filtered(early, config, min_watches_left=1)
  cut = time_cut.with_later(
    records, training, time, _described(records, config)
  )
  _tell_cut(cut.records, cut.known_videos, steps, time, config)
  return cut


def _tell_cut(
  records: Records,
  known_videos: np.ndarray,
  steps: Sequence[filters.FilterStep],
  time: int,
  config: ml_collections.ConfigDict,
) -> None:
  """What is left on both sides of the date; by each rule in more lines."""
  for line in filters.removed(steps):
    logging.debug('%s', line)
  known, total = int(known_videos.sum()), len(known_videos)
  before = int((records.watches.time < time).sum())
  logging.info(
    'data: %s users, %s videos, %s of them watched by nobody before, %s '
    'watches before %s UTC and %s after it of %s; filters count what is before',
    f'{len(records.user_ids):,}',
    f'{total:,}',
    f'{total - known:,}',
    f'{before:,}',
    datetime.datetime.fromtimestamp(time, datetime.UTC).strftime('%F %T'),
    f'{len(records.watches.user) - before:,}',
    config.data.name,
  )


def _described(records: Records, config) -> np.ndarray:
  """[V] bool, the videos of the source whose content is known."""
  found = documents.described(records.videos, config.split.new_videos)
  if config.data.require_visual:
    found &= records.videos.has_visual & _has_text(records, config)
  return found


def _has_text(records: Records, config) -> np.ndarray:
  """[V] bool, the videos with a word in the fields that are read."""
  return documents.has_words(
    documents.video_documents(records.videos, config.text.fields)
  )


def _filtered(
  records: Records, config, *, min_watches_left: int = 2
) -> tuple[Watches, list[filters.FilterStep]]:
  """The watches that the rules leave, and what every rule left."""
  watches = records.watches
  steps = [filters.count_left('before the filters', watches)]
  if config.data.require_visual:
    watches, step = filters.complete_videos(records, _has_text(records, config))
    steps.append(step)
  if config.scenario == 'cross':
    behaviours.tweets_of(records, config)  # or says that there are none
  if config.filter.min_tweets_per_user:
    watches, step = filters.filter_users_by_tweets(
      records._replace(watches=watches),
      min_tweets=config.filter.min_tweets_per_user,
    )
    steps.append(step)
    if not step.watches:
      behaviours.check_authors(records)
      raise LacksDataError(
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
      min_watches_left=min_watches_left,
    )
  return watches, [*steps, *later[1:]]


def _tell(steps: list[filters.FilterStep], source: str) -> None:
  """What is left and what went, in a line; by each rule in more of them."""
  before, *steps = steps
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


def _summary(
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
