"""Who and what is studied: from raw records to those that the filters leave."""

import contextlib
import datetime
import io
from collections.abc import Sequence
from typing import NamedTuple

import ml_collections
import numpy as np
from absl import logging

from dynrec_jax.data import filters, sessions, time_cut
from dynrec_jax.data import growth as growth_lib
from dynrec_jax.data import span as span_lib
from dynrec_jax.data.growth import Members
from dynrec_jax.data.records import LacksDataError, Records, Watches
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.data.span import Outside
from dynrec_jax.data.time_cut import CutRecords
from dynrec_jax.features import documents
from dynrec_jax.sources import load
from dynrec_jax.study import (
  at_scale,
  behaviours,
  content,
  event_spread,
  span,
  studied_users,
)
from dynrec_jax.study import source as source_lib
from dynrec_jax.study.kept import Growth
from dynrec_jax.study.naming import naming


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


def study_records(
  config: ml_collections.ConfigDict,
  source: Records | None = None,
  growth: Growth | None = None,
) -> Studied:
  """The filtered source and its clock; of its span alone.

  Video files are encoded after the filters, as fewer are left then; only where
  a feature decides which videos stay, before.

  Args:
    config: of the run.
    source: see `load_source`; None loads it.
    growth: of a study that has grown; None of any other.
  """
  if config.data.prepared_dir:
    return _from_set(config)
  blocks = None
  if source is None:
    source = load_source(config)
  records = source
  if growth is None:  # or says which dates would hold all
    records = span.inside(source, config)
  clock = span.make_clock(config)
  start, end = (int(time) for time in clock.borders[[0, -1]])
  if growth is None:
    event_spread.tell(records, clock, config)
  else:
    end = growth.until
    clock = sessions.grown(clock, end)
    records = span_lib.inside(source, start, end)
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
  if growth is not None:
    studied = _grown(records, growth, config)
    known = np.ones(len(studied.videos.id), bool)
  elif config.split.by == 'time':
    studied, known = _cut(records, clock, config)
  else:
    watches, later = _filtered(records, config)
    _tell([*steps, *later], config.data.name)
    studied = filters.compact(records, watches)
    known = np.ones(len(studied.videos.id), bool)
  left_out = span_lib.outside(source, studied, start, end)
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


def load_source(config: ml_collections.ConfigDict) -> Records:
  """The raw source.

  Raises:
    LacksDataError: it holds no watch.
  """
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


def _grown(
  records: Records, growth: Growth, config: ml_collections.ConfigDict
) -> Records:
  """The study as it was, with what was done since, and with those who join.

  Raises:
    ValueError: somebody or something of it is no more.
  """
  watches, known = records.watches, Members(*growth.known(records))
  may_join = Members(*(np.zeros_like(of) for of in known))
  if growth.joins:
    may_join = _may_join(records, config)
  rows = growth_lib.with_joined(
    watches,
    known,
    may_join,
    min_videos_per_user=config.filter.min_videos_per_user,
    min_users_per_video=config.filter.min_users_per_video,
    mode=config.filter.mode,
  )
  left = Watches(*(column[rows] for column in watches))
  studied = filters.compact(records, left)
  growth.places(studied)  # or says who is missing
  logging.info(
    'data: %s users, %s videos, %s watches of %s; of the others none joins '
    'before the filters let it: %s users, %s videos',
    *(
      f'{len(of):,}'
      for of in (studied.user_ids, studied.videos.id, studied.watches.user)
    ),
    config.data.name,
    f'{len(np.unique(watches.user)) - len(studied.user_ids):,}',
    f'{len(np.unique(watches.video)) - len(studied.videos.id):,}',
  )
  return studied


def _may_join(records: Records, config: ml_collections.ConfigDict) -> Members:
  """Who of a source the filters on tweets and on content would let in."""
  users = np.ones(len(records.user_ids), bool)
  videos = np.ones(len(records.videos.id), bool)
  if config.data.require_visual:
    videos = records.videos.has_visual & _has_text(records, config)
  if config.filter.min_tweets_per_user:
    tweets = np.bincount(records.tweets.user, minlength=len(users))
    users = tweets >= config.filter.min_tweets_per_user
  return Members(users, videos)


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
