"""From a checkpoint to lists of videos, for known and for new users."""

import json
import os
import pathlib
from typing import NamedTuple

import ml_collections
import numpy as np
from absl import logging

from dynrec_jax.data import filters, histories, records, sequences
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.evaluate import Queries
from dynrec_jax.parallel import hosts
from dynrec_jax.sources import own_folder
from dynrec_jax.storage import whole_files
from dynrec_jax.study import behaviours, split_run
from dynrec_jax.study.prepare import Prepared
from dynrec_jax.study.split_run import Split


class Known(NamedTuple):
  """Users to choose from, and all that is known of them.

  Attributes:
    ids: [U] object (str).
    watches: videos that no list may hold.
    behaviours: what interests are made of: the watches, or tweets.
    sessions: a clock that ends after the last behaviour.
  """

  ids: np.ndarray
  watches: Histories
  behaviours: Histories
  sessions: Sessions


def recommend(config: ml_collections.ConfigDict, prepared: Prepared) -> str:
  """Writes one JSON line per user: user, videos, scores.

  Users are those of the data (all, or `recommend.users`) at the end of its
  span, or those of the file `recommend.history` (user, video, time; in the
  cross network user, time, text).

  Returns:
    The path of the file.

  Raises:
    ValueError: an unknown user, a malformed history, or no fitting checkpoint.
  """
  this = split_run.make_split(config, prepared, config.recommend.split)
  known_of = _known(config, prepared, this)
  users = _chosen(config.recommend.users, known_of.ids)
  model = split_run.make_model(config, prepared)
  clock = known_of.sessions
  predictor = split_run.make_predictor(
    config, prepared, model, prepared.features, clock
  )
  params = split_run.load_params(config, prepared, model, this).state
  queries = Queries(
    sequences.queries(known_of.watches, users, clock.count, clock),
    known_of.watches,
    known_of.behaviours,
  )
  known, where = queries.known_videos()
  where &= config.eval.mask_history
  videos, scores = predictor.lists(
    params, predictor.fold(params), queries, known, where, config.decode.k
  )
  path = config.recommend.output or os.path.join(
    config.workdir, 'recommendations.jsonl'
  )
  if hosts.is_writer():
    ids = prepared.records.videos.id
    _write(path, known_of.ids[users], ids, videos, scores)
  logging.info('%d lists of %d videos in %s', len(users), config.decode.k, path)
  return path


def _known(config, prepared: Prepared, this: Split) -> Known:
  """The users of the data, or those of the history file."""
  path = config.recommend.history
  if path and config.scenario == 'cross':
    return _new_authors(path, prepared, this)
  if path:
    return _new_watchers(path, prepared)
  everything = behaviours.for_serving(
    prepared.behaviours, prepared.records, this.users.train
  )
  # `sessions.end` cuts what is learned from, not what is known by now.
  times = np.concatenate([prepared.watches.time, everything.time])
  clock = _extended(prepared.sessions, times)
  return Known(prepared.records.user_ids, prepared.watches, everything, clock)


def _new_authors(path: str, prepared: Prepared, this: Split) -> Known:
  """The users of a file of tweets, who have watched nothing."""
  user_of: dict[str, int] = {}
  tweets = records.in_order(
    own_folder.tweets_from_file(pathlib.Path(path), None, user_of)
  )
  made_of = behaviours.of_new_users(
    prepared.behaviours, tweets, this.users.train, len(user_of)
  )
  nothing = np.zeros(0, np.int32)
  watches = Histories(
    np.zeros(len(user_of) + 1, np.int64), nothing, nothing.astype(np.int64)
  )
  clock = _extended(prepared.sessions, tweets.time)
  return Known(records.object_array(user_of), watches, made_of, clock)


def _extended(clock: Sessions, times: np.ndarray) -> Sessions:
  """The clock, ended after the last of the times."""
  borders = clock.borders.copy()
  borders[-1] = max(borders[-1], times.max(initial=0) + 1)
  return Sessions(borders)


def _new_watchers(path: str, prepared: Prepared) -> Known:
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
  return Known(records.object_array(users), watches, watches, clock)


def _chosen(wanted, ids: np.ndarray) -> np.ndarray:
  """Positions of the wanted users; all if none is named."""
  if not len(wanted):
    return np.arange(len(ids), dtype=np.int32)
  position = {user: i for i, user in enumerate(ids)}
  missing = [user for user in wanted if str(user) not in position]
  if missing:
    raise ValueError(
      f'recommend.users names {missing[0]!r}, who is not among the '
      f'{len(ids)} users that the filters left'
    )
  return np.array([position[str(user)] for user in wanted], np.int32)


def _write(path: str, users, video_ids, videos, scores) -> None:
  """The lists, in a file that appears whole or not at all."""
  with whole_files.whole_file(path) as file:
    for user, row, values in zip(users, videos, scores, strict=True):
      real = row >= 0
      line = {
        'user': user,
        'videos': list(video_ids[row[real]]),
        'scores': [round(float(v), 5) for v in values[real]],
      }
      file.write(json.dumps(line, ensure_ascii=False) + '\n')
