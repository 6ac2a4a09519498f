"""From a checkpoint to lists of videos, for known and for new users."""

import os
import pathlib
from typing import Any, NamedTuple

import ml_collections
import numpy as np
from absl import logging

from dynrec_jax.data import filters, histories, records, span
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.parallel import hosts
from dynrec_jax.report import user_lists
from dynrec_jax.sources import own_folder
from dynrec_jax.study import behaviours, split_run, splits
from dynrec_jax.study.parts import Parts, make_parts
from dynrec_jax.study.prepare import Prepared
from dynrec_jax.study.splits import Split
from dynrec_jax.study.training_data import Known, make_queries

_LATER_USERS = (
  'for somebody who came after it give what they watched (in the cross '
  'network, wrote) in a file, recommend.history'
)


class Users(NamedTuple):
  """Users to choose from, and all that is known of them.

  Attributes:
    ids: [U] object (str).
    known: `clock` ends after the last behaviour.
    topics: [R, K] what their behaviours are about.
  """

  ids: np.ndarray
  known: Known
  topics: np.ndarray


def recommend(config: ml_collections.ConfigDict, prepared: Prepared) -> str:
  """Writes one JSON line per user: user, videos, scores.

  Users are those of the data (all, or `recommend.users`), with all that is
  known of them by now, also outside the study's span, or those of the file
  `recommend.history` (user, video, time; in the cross network user, time,
  text).

  Returns:
    The path of the file.

  Raises:
    ValueError: an unknown user, a malformed history, or no fitting checkpoint.
  """
  this = splits.make_split(config, prepared, config.recommend.split)
  everyone = _users(config, prepared, this)
  users = _chosen(config.recommend.users, everyone.ids)
  parts = make_parts(config, prepared)
  params = _load_params(config, parts, this)
  queries = make_queries(
    everyone.known,
    everyone.topics,
    users,
    everyone.known.clock.count,
    mask_known=config.eval.mask_history,
  )
  lists = parts.serving(config, params)(queries, config.decode.k)
  path = config.recommend.output or os.path.join(
    config.workdir, 'recommendations.jsonl'
  )
  rows = user_lists.as_rows(
    everyone.ids[users], prepared.records.videos.id, lists
  )
  if hosts.is_writer():
    user_lists.write_lists(path, rows)
  _tell(lists.ids, config.decode.k, path)
  return path


def _tell(ids: np.ndarray, k: int, path: str) -> None:
  """How many lists there are, and how long."""
  lengths = (ids >= 0).sum(axis=1)
  shortest, longest = int(lengths.min(initial=k)), int(lengths.max(initial=0))
  videos = f'{longest}' if shortest >= longest else f'{shortest} to {longest}'
  logging.info('%d lists of %s videos in %s', len(ids), videos, path)
  if shortest < k:
    logging.warning(
      'decode.k is %d; a list has no more videos than the catalogue has that '
      'are new to the user',
      k,
    )


def _load_params(config, parts: Parts, this: Split) -> Any:
  """Those of the checkpoint, which knows the users of its training alone."""
  try:
    return split_run.load_params(config, parts, this).state
  except ValueError as error:
    if 'catalogue.users: ' not in str(error):
      raise
    raise ValueError(
      f'{error}; or leave the data as they were for the training: '
      f'{_LATER_USERS}'
    ) from None


def _users(config, prepared: Prepared, this: Split) -> Users:
  """The users of the data, or those of the history file."""
  path = config.recommend.history
  if path and config.scenario == 'cross':
    return _new_authors(path, prepared, this)
  if path:
    return _new_watchers(path, prepared)
  return _everyone(config, prepared, this)


def _everyone(config, prepared: Prepared, this: Split) -> Users:
  """The users of the data.

  The span ends what is learned from, not what is known by now.
  """
  studied, outside = prepared.records, prepared.outside
  table = span.all_watches(studied.watches, outside.watches)
  watches = histories.watch_histories(table, len(studied.user_ids))
  made_of, topics, texts = watches, prepared.behaviours.topics, None
  if config.scenario == 'cross':
    topics, made_of, texts = behaviours.for_serving(
      prepared.behaviours, studied, outside.tweets, this.users.train
    )
  times = np.concatenate([watches.time, made_of.time])
  clock = _extended(prepared.sessions, times)
  known = Known(watches, made_of, texts, studied.profiles, clock)
  return Users(studied.user_ids, known, topics)


def _new_authors(path: str, prepared: Prepared, this: Split) -> Users:
  """The users of a file of tweets, who have watched nothing."""
  user_of: dict[str, int] = {}
  tweets = records.in_order(
    own_folder.tweets_from_file(pathlib.Path(path), None, user_of)
  )
  made_of = behaviours.of_new_users(
    prepared.behaviours, tweets, this.users.train, len(user_of)
  )
  clock = _extended(prepared.sessions, tweets.time)
  watches = histories.no_events(len(user_of))
  ids = records.object_array(user_of)
  known = Known(watches, made_of, tweets.text, _no_profiles(ids), clock)
  return Users(ids, known, prepared.behaviours.topics)


def _extended(clock: Sessions, times: np.ndarray) -> Sessions:
  """The clock, ended after the last of the times."""
  borders = clock.borders.copy()
  borders[-1] = max(borders[-1], times.max(initial=0) + 1)
  return Sessions(borders)


def _new_watchers(path: str, prepared: Prepared) -> Users:
  """The users of a file of watches."""
  row_of = {video: row for row, video in enumerate(prepared.records.videos.id)}
  users, table, unlisted = own_folder.watches_from_file(
    pathlib.Path(path), row_of
  )
  if unlisted:
    logging.warning(
      '%s: %d watches of videos that the model does not know are left out',
      path,
      unlisted,
    )
  table = filters.first_watches(records.in_order(table))
  watches = histories.watch_histories(table, len(users))
  clock = _extended(prepared.sessions, table.time)
  ids = records.object_array(users)
  known = Known(watches, watches, None, _no_profiles(ids), clock)
  return Users(ids, known, prepared.behaviours.topics)


def _no_profiles(ids: np.ndarray) -> np.ndarray:
  """The self-descriptions of users who brought none."""
  return records.object_array([''] * len(ids))


def _chosen(wanted, ids: np.ndarray) -> np.ndarray:
  """Positions of the wanted users; all if none is named."""
  if not len(wanted):
    return np.arange(len(ids), dtype=np.int32)
  position = {user: i for i, user in enumerate(ids)}
  missing = [user for user in wanted if str(user) not in position]
  if missing:
    raise ValueError(
      f'recommend.users names {missing[0]!r}, who is not among the '
      f'{len(ids)} users that the filters left for the training, such as '
      f'{", ".join(map(repr, ids[:2].tolist()))}; {_LATER_USERS}'
    )
  return np.array([position[str(user)] for user in wanted], np.int32)
