"""From a checkpoint to lists of videos, for known and for new users."""

import os
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import ml_collections
import numpy as np
from absl import logging

from dynrec_jax import host_shares
from dynrec_jax.data import canonical, filters, histories, records, span
from dynrec_jax.parallel import hosts
from dynrec_jax.recommender import Queries
from dynrec_jax.report import user_lists
from dynrec_jax.sources import own_folder
from dynrec_jax.study import (
  behaviours,
  identity,
  same_data,
  split_run,
  splits,
)
from dynrec_jax.study.parts import Parts, make_parts
from dynrec_jax.study.prepare import Prepared
from dynrec_jax.study.splits import Split
from dynrec_jax.study.training_data import Known, make_queries

_LATER_USERS = (
  'for somebody who came after it give what they watched (in the cross '
  'network, wrote) in a file, recommend.history'
)
_SAME_USERS = (
  'Right: the users as they were for the training, with all that they watched '
  f'since; {_LATER_USERS}'
)


class Users(NamedTuple):
  """Users to choose from, and all that is known of them.

  Attributes:
    ids: [U] object (str).
    known: events may lie after the end of `clock`.
    topics: [R, K] what their behaviours are about.
  """

  ids: np.ndarray
  known: Known
  topics: np.ndarray


class Asked(NamedTuple):
  """Who is made a list, and for whose parameters.

  Attributes:
    ids: [B] object (str), their own.
    queries: what is known of them.
    split: whose parameters make the lists.
  """

  ids: np.ndarray
  queries: Queries
  split: Split


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
  asked = ask(config, prepared)
  parts = make_parts(config, prepared)
  params = load_params(config, parts, asked.split)
  serving = parts.serving(config, params)
  if parts.cut is None:  # else all devices of all hosts make each list
    serving = host_shares.by_all_hosts(serving)
  lists = serving(asked.queries, config.decode.k)
  path = config.recommend.output or os.path.join(
    config.workdir, 'recommendations.jsonl'
  )
  rows = user_lists.as_rows(asked.ids, prepared.records.videos.id, lists)
  if hosts.is_writer():
    user_lists.write_lists(path, rows)
  _tell(lists.ids, config.decode.k, path)
  return path


def ask(config: ml_collections.ConfigDict, prepared: Prepared) -> Asked:
  """Who asks by `recommend.users` and `recommend.history`.

  Raises:
    ValueError: an unknown user, a malformed history, or users that are not
      those of the training.
  """
  this = splits.make_split(config, prepared, config.recommend.split)
  refuse_other_users(config, prepared)
  known = _users(config, prepared, this)
  users = _chosen(config.recommend.users, known.ids)
  return Asked(known.ids[users], queries_of(config, known, users), this)


def refuse_other_users(
  config: ml_collections.ConfigDict, prepared: Prepared
) -> None:
  """Raises ValueError if the run was trained with other users."""
  same_data.refuse_other(config, prepared, ('users',), _SAME_USERS)


def queries_of(
  config: ml_collections.ConfigDict, known: Users, users: np.ndarray
) -> Queries:
  """What is asked for the users at the positions: with all that is known."""
  return make_queries(
    known.known,
    known.topics,
    users,
    known.known.clock.count,
    mask_known=config.eval.mask_history,
    until=ends_of(known.known)[users],
  )


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


def load_params(config, parts: Parts, this: Split) -> Any:
  """Those of the checkpoint, of the same users, videos and content."""
  since = same_data.since(config, parts.prepared)
  try:
    found = split_run.load_params(config, parts, this, identity.SERVING)
  except ValueError as error:
    if not since:
      raise
    raise ValueError(f'{error}. Since that run: {since}') from None
  if since:
    logging.info('since the training: %s; what is new is only read', since)
  return found.state


def _users(config, prepared: Prepared, this: Split) -> Users:
  """The users of the data, or those of the history file."""
  path = config.recommend.history
  if path and config.scenario == 'cross':
    return _new_authors(path, prepared, this)
  if path:
    return _new_watchers(path, prepared)
  return everyone(config, prepared, this)


def everyone(
  config: ml_collections.ConfigDict, prepared: Prepared, this: Split
) -> Users:
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
  clock = prepared.sessions
  known = Known(watches, made_of, texts, studied.profiles, clock)
  return Users(studied.user_ids, known, topics)


def _new_authors(path: str, prepared: Prepared, this: Split) -> Users:
  """The users of a file of tweets, who have watched nothing."""
  user_of: dict[str, int] = {}
  tweets = own_folder.tweets_from_file(pathlib.Path(path), None, user_of)
  ids, tweets = canonical.by_user(records.object_array(user_of), tweets)
  read = behaviours.reader_of_new_users(prepared.behaviours, this.users.train)
  return users_of_tweets(prepared, read, ids, tweets)


def users_of_tweets(
  prepared: Prepared,
  read: Callable[[records.Tweets, int], histories.Histories],
  ids: np.ndarray,
  tweets: records.Tweets,
) -> Users:
  """New users who have written, and watched nothing.

  Args:
    prepared: the study.
    read: see `behaviours.reader_of_new_users`.
    ids: [U] object (str).
    tweets: theirs, in any order.
  """
  tweets = canonical.tweets_in_order(tweets)
  known = Known(
    histories.no_events(len(ids)),
    read(tweets, len(ids)),
    tweets.text,
    _no_profiles(ids),
    prepared.sessions,
  )
  return Users(ids, known, prepared.behaviours.topics)


def ends_of(known: Known) -> np.ndarray:
  """[U] seconds, where what is known of each user ends.

  That is the end of the clock, or after it a second behind the user's own last
  event: nobody's list depends on when others were last seen.
  """
  end = known.clock.end(known.clock.count)
  last = [of.last_times(end - 1) for of in (known.watches, known.behaviours)]
  return np.maximum(end, 1 + np.maximum(*last))


def _new_watchers(path: str, prepared: Prepared) -> Users:
  """The users of a file of watches."""
  row_of = {video: row for row, video in enumerate(prepared.records.videos.id)}
  ids, table, unlisted = own_folder.watches_from_file(
    pathlib.Path(path), row_of
  )
  if unlisted:
    logging.warning(
      '%s: %d watches of videos that the model does not know are left out',
      path,
      unlisted,
    )
  return users_of_watches(prepared, ids, table)


def users_of_watches(
  prepared: Prepared, ids: np.ndarray, table: records.Watches
) -> Users:
  """New users who have watched.

  Args:
    prepared: the study.
    ids: [U] object (str).
    table: their watches, in order of (user, time).
  """
  table = filters.first_watches(table)
  watches = histories.watch_histories(table, len(ids))
  known = Known(watches, watches, None, _no_profiles(ids), prepared.sessions)
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
