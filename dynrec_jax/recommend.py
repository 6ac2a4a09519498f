"""From a checkpoint to lists of videos, for known and for new users."""

import json
import os
import pathlib

import ml_collections
import numpy as np
from absl import logging

from dynrec_jax import experiment
from dynrec_jax.data import files, filters, histories, records, sequences
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.evaluate import Queries
from dynrec_jax.prepare import Prepared


def recommend(config: ml_collections.ConfigDict, prepared: Prepared) -> str:
  """Writes one JSON line per user: user, videos, scores.

  Users are those of the data (all, or `recommend.users`) at the end of its
  span, or those of the file `recommend.history` (user, video, time).

  Returns:
    The path of the file.

  Raises:
    ValueError: an unknown user, a malformed history, or no fitting checkpoint.
  """
  ids, watches, clock = (
    _new_users(config.recommend.history, prepared)
    if config.recommend.history
    else (prepared.records.user_ids, prepared.watches, prepared.sessions)
  )
  users = _chosen(config.recommend.users, ids)
  model = experiment.make_model(config, prepared)
  predictor = experiment.make_predictor(
    config, prepared, model, prepared.features, clock
  )
  this = experiment.make_split(config, prepared, config.recommend.split)
  params = experiment.load_params(config, prepared, model, this).state
  queries = Queries(
    sequences.queries(watches, users, clock.count, clock), watches, watches
  )
  known, where = queries.known_videos()
  where &= config.eval.mask_history
  videos, scores = predictor.lists(
    params, predictor.fold(params), queries, known, where, config.decode.k
  )
  path = config.recommend.output or os.path.join(
    config.workdir, 'recommendations.jsonl'
  )
  _write(path, ids[users], prepared.records.videos.id, videos, scores)
  logging.info('%d lists of %d videos in %s', len(users), config.decode.k, path)
  return path


def _new_users(
  path: str, prepared: Prepared
) -> tuple[np.ndarray, Histories, Sessions]:
  """The users of a history file; the clock ends after their last watch."""
  row_of = {video: row for row, video in enumerate(prepared.records.videos.id)}
  users, table, unlisted = files.watches_from_file(pathlib.Path(path), row_of)
  if unlisted:
    logging.warning(
      '%s: %d watches of videos that the model does not know are left out',
      path,
      unlisted,
    )
  table = filters.first_watches(records.in_order(table))
  borders = prepared.sessions.borders.copy()
  borders[-1] = max(borders[-1], table.time.max(initial=0) + 1)
  watches = histories.watch_histories(table, len(users))
  return records.object_array(users), watches, Sessions(borders)


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
  partial = f'{path}.partial'
  os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
  with open(partial, 'w', encoding='utf-8') as file:
    for user, row, values in zip(users, videos, scores, strict=True):
      real = row >= 0
      line = {
        'user': user,
        'videos': list(video_ids[row[real]]),
        'scores': [round(float(v), 5) for v in values[real]],
      }
      file.write(json.dumps(line, ensure_ascii=False) + '\n')
  os.replace(partial, path)
