"""lambda_1 to lambda_3 of Eq (9), by 3-fold cross-validation.

Paper: on the users who train, 3 folds. A fold's third of them is scored
exactly as validation users are, at every border; the others train and stop the
training, so that the scored ones do neither. The tested users of the split
enter nowhere.
"""

import copy
import functools
import os
import shutil
from collections.abc import Callable, Mapping, Sequence

import ml_collections
import numpy as np
from absl import logging

from dynrec_jax.checkpoint import same_config
from dynrec_jax.data import split
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.split import UserSplit
from dynrec_jax.losses import LossWeights
from dynrec_jax.parallel import hosts
from dynrec_jax.report import search_table
from dynrec_jax.step_watch import NonFiniteLossError
from dynrec_jax.study import (
  behaviours,
  identity,
  kept,
  same_data,
  settings,
  span,
  split_run,
  splits,
  weight_search,
  workdir,
)
from dynrec_jax.study.fold_results import Fit, FoldResults
from dynrec_jax.study.naming import naming
from dynrec_jax.study.parts import Parts, make_parts
from dynrec_jax.study.prepare import Prepared
from dynrec_jax.study.splits import Split

FOLD_COUNT = 3


@naming(span=span.KEYS_IN_WORDS)
def cross_validate(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  stop_requested: Callable[[int], bool],
) -> str | None:
  """Fits every point of the grid in every fold, but for those done before.

  Args:
    config: `cv` says what to try; its weights are where 'coarse' starts.
    prepared: the study.
    stop_requested: polled at every step; True saves and returns.

  Returns:
    The table of the points and the chosen weights, also saved in the
    workdir; None if asked to stop.

  Raises:
    ValueError: for results of other settings, too few users, or a loss that
      is not finite.
  """
  config = split_run.without_refit(config)
  users = make_folds(config, prepared)
  readable = [
    behaviours.of_split(prepared.behaviours, prepared.records, fold.train)
    for fold in users
  ]
  path = os.path.join(config.workdir, 'cross_validation.jsonl')
  kept.refuse_updated(config, measures=False)
  same_data.hold(config, prepared)
  results = FoldResults(path, _settings(config, prepared, users))
  parts = make_parts(config, prepared)
  # One compiled step for all weights: but for those of 0, whose term is left
  # out, they are its arguments.
  step_at = functools.cache(
    lambda wanted: split_run.make_step(_at_point(config, wanted), parts)
  )
  values, start = _values(config), settings.loss_weights(config)
  means: dict[LossWeights, float] = {}
  total = weight_search.point_count(config.cv.grid, values, start)
  points = weight_search.search_points(config.cv.grid, values, start, means)
  for number, point in enumerate(points, start=1):
    at_point = _at_point(config, point)
    fits = [
      _fold_split(config, point, fold, *its_own)
      for fold, its_own in enumerate(zip(users, readable, strict=True), start=1)
    ]
    for this in fits:
      key = Fit(point, this.number)
      label = f'point {number} of {total} ({", ".join(map(str, point))}), '
      label += f'fold {this.number} of {FOLD_COUNT}'
      if key not in results.scores:
        step = step_at(LossWeights(*(float(w != 0) for w in point)))
        scores = _fit(at_point, parts, this, label, stop_requested, step)
        if scores is None:
          return None
        results.add(key, scores)
      if hosts.is_writer():
        shutil.rmtree(this.checkpoints, ignore_errors=True)
    means[point] = _mean_f(results.scores, point)
  return _report(config, results.scores, means)


@naming(valid_frac='train.val_frac')
def make_folds(config: ml_collections.ConfigDict, prepared: Prepared):
  """The folds of the users whom `cv.split` does not test.

  Returns:
    Per fold, whom it trains on, who stops its training, and, as `test`, whom
    it scores.
  """
  this = splits.make_split(config, prepared, config.cv.split)
  users = np.concatenate([this.users.train, this.users.valid])
  return split.make_folds(
    users,
    prepared.records.user_ids[users],
    seed=this.seed,
    fold_count=FOLD_COUNT,
    valid_frac=config.train.val_frac,
  )


def _fold_split(
  config: ml_collections.ConfigDict,
  point: LossWeights,
  fold: int,
  users: UserSplit,
  readable: Histories,
) -> Split:
  """A fit as a split of its own: the same luck for all points of a fold."""
  name = '_'.join(map(str, point))
  directory = os.path.join(
    config.workdir, 'cv', f'split_{config.cv.split}', f'{name}_fold_{fold}'
  )
  seed = config.seed + config.cv.split
  return Split(fold, seed, users, readable, directory)


def _fit(
  config: ml_collections.ConfigDict,
  parts: Parts,
  this: Split,
  label: str,
  stop_requested: Callable[[int], bool],
  step: Callable,
) -> dict[str, float] | None:
  """Scores of the fold's third; None if asked to stop."""
  logging.info('%s', label)
  try:
    complete = split_run.stop_early(config, parts, this, stop_requested, step)
  except NonFiniteLossError as error:
    raise ValueError(
      f'{label}: {error}, or leave these weights out of cv'
    ) from error
  if not complete:
    return None
  found = split_run.load_params(config, parts, this)
  questions = split_run.questions_at_borders(
    config, parts, this, this.users.test
  )
  recommend = parts.predictor.recommender(found.state)
  scores = split_run.scores_at_borders(
    config, lambda _: recommend, questions, shared=parts.cut is None
  )
  logging.info('%s: F %.4f', label, scores['f_score'])
  return scores


def _values(config: ml_collections.ConfigDict) -> list[tuple[float, ...]]:
  """For each weight, what to try."""
  names = (f'{name}_weight' for name in LossWeights._fields)
  return [tuple(map(float, config.cv[name])) for name in names]


def _at_point(
  config: ml_collections.ConfigDict, point: LossWeights
) -> ml_collections.ConfigDict:
  """The config with these weights."""
  config = copy.deepcopy(config)
  for name, weight in point._asdict().items():
    config.loss[f'{name}_weight'] = weight
  return config


def _settings(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  folds: Sequence[UserSplit],
) -> dict:
  """All that a result depends on, but for the point, by dotted key."""
  saved = identity.saved_config(config, prepared, splits=folds)
  return same_config.select(saved, identity.CROSS_VALIDATION)


def _mean_f(scores: Mapping[Fit, Mapping], point: LossWeights) -> float:
  """Over the folds of a point."""
  return float(np.mean([f['f_score'] for f in _of_point(scores, point)]))


def _of_point(scores: Mapping[Fit, Mapping], point: LossWeights) -> list:
  """A point's scores, fold after fold."""
  return [scores[Fit(point, fold)] for fold in range(1, FOLD_COUNT + 1)]


def _report(
  config: ml_collections.ConfigDict,
  scores: Mapping[Fit, Mapping],
  means: Mapping[LossWeights, float],
) -> str:
  """The table and the choice, saved as well."""
  rows = [(p, _of_point(scores, p)) for p in weight_search.ranked(means)]
  modes = list(splits.modes(config))
  text = search_table.as_markdown(rows, modes, k=config.decode.k)
  text += settings.origin_note(config)
  workdir.write_text(config, 'cross_validation.md', text)
  return text
