"""The settings of every method, chosen on validation users: one budget for all.

Each method tries the points of its own small grid, as many as any other or all
of fewer, on the validation users of one split, at every border. The tested
users of the split enter nowhere; where one date cuts the log, an earlier date
takes its place. Trials are kept: a stopped search goes on,
and several processes may share one folder, see `trials`.
"""

import itertools
import json
import os
import pathlib
import shutil
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import ml_collections
import numpy as np
from absl import logging

from dynrec_jax.checkpoint import same_config
from dynrec_jax.parallel import hosts
from dynrec_jax.recommender import CannotFit
from dynrec_jax.report import trial_table
from dynrec_jax.step_watch import NonFiniteLossError
from dynrec_jax.study import (
  identity,
  kept,
  keys,
  method_config,
  methods,
  same_data,
  settings,
  span,
  split_run,
  splits,
  workdir,
)
from dynrec_jax.study.asked import Asked, ask, digest
from dynrec_jax.study.contenders import make_contender
from dynrec_jax.study.method_config import Tuned
from dynrec_jax.study.naming import naming
from dynrec_jax.study.parts import Parts, make_parts
from dynrec_jax.study.prepare import Prepared
from dynrec_jax.study.splits import Split
from dynrec_jax.study.trials import Point, Trials

CHOSEN = 'tuned.json'
_FOLDER = 'tuning'
_POLL_SECS = 2.0

# A fit of a method at a point: its scores; None if it was asked to stop.
Trial = Callable[[Point], dict[str, Any] | None]


@naming(span=span.KEYS_IN_WORDS)
def tune(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  stop_requested: Callable[[int], bool],
) -> str | None:
  """Tries every method's points, but for those tried before.

  Args:
    config: of the run; `tune` says how much to try.
    prepared: the study.
    stop_requested: polled at every step; True saves and returns.

  Returns:
    The table of the trials and what was chosen, also saved in the workdir;
    None if asked to stop.

  Raises:
    ValueError: for trials of other settings, or in a run of several hosts.
  """
  if hosts.count() > 1:
    raise ValueError(
      f'mode is tune in a run of {hosts.count()} hosts; right: a run of one '
      'host each, which share the workdir and so the trials (mode=reproduce: '
      'report.tune=False)'
    )
  config = split_run.without_refit(config)
  this = splits.make_split(config, prepared, config.tune.split)
  if this.train_until is not None:
    this = splits.earlier_split(config, prepared, this)
  every = {
    mode: ask(config, prepared, this, this.users.valid, mode, session)
    for mode, session in splits.borders(config, this).items()
  }
  kept.refuse_updated(config, measures=False)
  same_data.hold(config, prepared)
  data = {mode: digest(prepared, of) for mode, of in every.items()}
  shared = make_parts(config, prepared)
  searches = []
  for name in methods.chosen(config):
    if not methods.METHODS[name].tuned:
      continue
    trials = Trials(
      _folder(config, name), _settings(config, prepared, name) | {'data': data}
    )
    fit = _trial(config, shared, this, every, name, trials, stop_requested)
    searches.append(_Search(name, trials, trial_points(config, name), fit))
  # Whatever no other process is at, of every method, before any is waited for.
  for part in (_fit_free, _finish):
    for search in searches:
      if not part(search, stop_requested):
        return None
  return _report(config, {of.name: of.results() for of in searches})


def read_chosen(config: ml_collections.ConfigDict) -> Tuned:
  """What `tune.chosen` holds; nothing if it names no file.

  Raises:
    ValueError: no such file, or a damaged one; names it.
  """
  if not config.tune.chosen:
    return {}
  path = pathlib.Path(config.tune.chosen)
  try:
    found = json.loads(path.read_text('utf-8'))
    return {name: dict(of['settings']) for name, of in found.items()}
  except FileNotFoundError as error:
    raise ValueError(
      f'tune.chosen is {str(path)!r}, no such file; right: {CHOSEN} of the '
      'workdir of mode=tune'
    ) from error
  except (ValueError, KeyError, TypeError, AttributeError) as error:
    raise ValueError(f'{path}: damaged; right: give mode=tune again') from error


def trial_points(config: ml_collections.ConfigDict, name: str) -> list[Point]:
  """What a method tries: its whole grid, or `tune.trials` points of it.

  The run's own values are among them where the grid has them.
  """
  tuned = methods.METHODS[name].tuned
  own = method_config.of_method(config, name, {})
  every = [
    dict(zip(tuned, values, strict=True))
    for values in itertools.product(*(keys.KEYS[key].grid for key in tuned))
  ]
  count = config.tune.trials
  if len(every) <= count:
    return every
  base = {key: keys.value(own, key) for key in tuned}
  rest = [place for place, point in enumerate(every) if point != base]
  # A name's own luck, the same in every process.
  rng = np.random.default_rng((config.seed, zlib.crc32(name.encode())))
  room = count - (len(rest) < len(every))
  drawn = set(rng.choice(rest, size=room, replace=False).tolist())
  return [
    point
    for place, point in enumerate(every)
    if point == base or place in drawn
  ]


class _Search(NamedTuple):
  """One method's.

  Attributes:
    name: of the method.
    trials: kept.
    points: to try, in order.
    fit: the method at a point.
  """

  name: str
  trials: Trials
  points: Sequence[Point]
  fit: Trial

  def left(self) -> list[Point]:
    """Points without a result."""
    return [point for point in self.points if self.trials.result(point) is None]

  def results(self) -> list[tuple[Point, dict[str, Any]]]:
    """Of all points, once none is left."""
    return [(point, self.trials.result(point)) for point in self.points]


def _fit_free(search: _Search, stop_requested: Callable[[int], bool]) -> bool:
  """Every point that no other process is at; False if asked to stop."""
  trials, points = search.trials, search.points
  for number, point in enumerate(points, start=1):
    if trials.result(point) is not None:
      continue
    if stop_requested(0):
      return False
    with trials.claim(point) as mine:
      if not mine or trials.result(point) is not None:
        continue
      words = ', '.join(f'{key}={value}' for key, value in point.items())
      label = f'{search.name}, trial {number} of {len(points)} ({words})'
      logging.info('%s', label)
      started = time.monotonic()
      result = search.fit(point)
      if result is None:
        return False
      result['secs'] = round(time.monotonic() - started, 1)
      trials.keep(point, result)
      shutil.rmtree(trials.directory(point), ignore_errors=True)
      logging.info('%s: %s', label, _told(result))
  return True


def _finish(search: _Search, stop_requested: Callable[[int], bool]) -> bool:
  """The others' points, too, here if they let go; False if asked to stop."""
  told = ''
  while _fit_free(search, stop_requested):
    left = search.left()
    if not left:
      return True
    holder = search.trials.holder(left[0])
    if holder and holder != told:
      logging.info('%s: waiting for %s', search.name, holder)
      told = holder
    if stop_requested(0):
      return False
    time.sleep(_POLL_SECS)
  return False


def _told(result: Mapping[str, Any]) -> str:
  """A result in words."""
  return result['cannot'] or f'validation F {result["f_score"]:.4f}'


def _trial(
  config: ml_collections.ConfigDict,
  shared: Parts,
  this: Split,
  every: Mapping[str, Asked],
  name: str,
  trials: Trials,
  stop_requested: Callable[[int], bool],
) -> Trial:
  """How a method is tried on what the validation users are asked."""

  def of_network(point: Point) -> dict[str, Any] | None:
    at_point = make_contender(config, shared, name, {name: point})
    if at_point.cannot:
      return {'f_score': 0.0, 'cannot': at_point.cannot}
    of = this._replace(directory=trials.directory(point))
    try:
      complete = split_run.stop_early(
        at_point.config, at_point.parts, of, stop_requested
      )
    except NonFiniteLossError as error:
      return {'f_score': 0.0, 'cannot': f'diverged: {error}'}
    if not complete:
      return None
    best = split_run.load_params(at_point.config, at_point.parts, of)
    return dict(best.metrics) | {'cannot': ''}

  def of_baseline(point: Point) -> dict[str, Any]:
    own = method_config.of_method(config, name, {name: point})
    try:
      scores = split_run.scores_at_borders(
        config,
        lambda mode: methods.fit(name, own, every[mode].seen, None),
        {mode: of.questions for mode, of in every.items()},
      )
    except CannotFit as error:
      return {'f_score': 0.0, 'cannot': str(error)}
    return scores | {'cannot': ''}

  return of_network if methods.is_network(name) else of_baseline


def _folder(config: ml_collections.ConfigDict, name: str) -> str:
  """Where a method's trials lie."""
  return os.path.join(
    config.workdir, _FOLDER, f'split_{config.tune.split}', name
  )


def _settings(
  config: ml_collections.ConfigDict, prepared: Prepared, name: str
) -> dict[str, Any]:
  """All that a method's results depend on, but for the point."""
  own = method_config.of_method(config, name, {})
  saved = identity.saved_config(own, prepared)
  depends = (
    identity.TRIALS
    if methods.is_network(name)
    else identity.trials_of(methods.section(name))
  )
  found = same_config.select(saved, depends)
  tuned = methods.METHODS[name].tuned
  return {key: value for key, value in found.items() if key not in tuned}


def _report(
  config: ml_collections.ConfigDict,
  found: Mapping[str, Sequence[tuple[Point, Mapping[str, Any]]]],
) -> str:
  """The table and the choices, saved as well; ties go to the earlier point."""
  ran = {
    name: [trial for trial in trials if not trial[1]['cannot']]
    for name, trials in found.items()
  }
  best = {
    name: max(trials, key=lambda trial: trial[1]['f_score'])
    for name, trials in ran.items()
    if trials
  }
  chosen = {
    name: {'settings': dict(point), 'f_score': result['f_score']}
    for name, (point, result) in best.items()
  }
  labels = {name: methods.METHODS[name].label for name in found}
  text = trial_table.as_markdown(found, k=config.decode.k, labels=labels)
  text += settings.origin_note(config)
  workdir.write_text(config, CHOSEN, json.dumps(chosen, indent=2))
  workdir.write_text(config, 'tuning.md', text)
  return text
