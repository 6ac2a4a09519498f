"""The paper's Section 4 on a data set of choice: every study, then the report.

One run that can be stopped at any moment and given again: each study prepares,
tunes every method, trains and tests it in a folder of its own, and what was
done is left as it is.
"""

import json
from collections.abc import Callable
from typing import Any

import ml_collections
from absl import logging

from dynrec_jax import checkpoint
from dynrec_jax.data.records import LacksDataError
from dynrec_jax.study import check, report, studies, tune, workdir
from dynrec_jax.study.shared_study import prepare
from dynrec_jax.study.train_and_evaluate import train_and_evaluate


def reproduce(
  config: ml_collections.ConfigDict,
  stoppable: Callable[[], Any] = checkpoint.StopRequest,
) -> str | None:
  """Every study that the config asks for, and the report on them.

  A study that the source cannot give (one without tweets has no cross network)
  is left out, with a line that says why, there and in the report.

  Args:
    config: `report` names the studies.
    stoppable: a context whose `requested` is polled at every step of a study
      that is prepared; True saves and returns.

  Returns:
    What the report says in short; None if asked to stop.

  Raises:
    ValueError: see `tune` and `train_and_evaluate`.
  """
  every = studies.studies(config)
  worlds = studies.knock_outs(config) | studies.doses(config)
  for own in every.values():
    check.check_config(own)  # before anything is computed
  left_out: dict[str, str] = {}
  for number, (name, own) in enumerate(every.items(), start=1):
    logging.info('study %d of %d: %s', number, len(every), name)
    whole = every.get(own.scenario)
    if name in worlds and whole is not None:
      # As in the world that it is compared with: nothing else may differ.
      own.tune.chosen = whole.tune.chosen
    try:
      if not _study(own, stoppable, tuned=name in worlds):
        return None
    except LacksDataError as error:
      logging.warning('study %s: not run: %s', name, error)
      left_out[name] = str(error)
  workdir.write_text(config, report.LEFT_OUT, json.dumps(left_out, indent=2))
  return report.report(config)


def _study(
  config: ml_collections.ConfigDict,
  stoppable: Callable[[], Any],
  *,
  tuned: bool,
) -> bool:
  """One study; False if asked to stop.

  Args:
    config: its own; is told where its methods' settings lie.
    stoppable: see `reproduce`.
    tuned: whether that was decided elsewhere.
  """
  with workdir.alone(config):  # its folder can be another run's workdir
    prepared = prepare(config)
    with stoppable() as stop:
      if config.report.tune and not tuned:
        if tune.tune(config, prepared, stop.requested) is None:
          return False
        config.tune.chosen = workdir.path_of(config, tune.CHOSEN)
      return train_and_evaluate(config, prepared, stop.requested) is not None
