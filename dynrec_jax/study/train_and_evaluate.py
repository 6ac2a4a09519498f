"""Trains and tests every split, and puts what was found into one table."""

from collections.abc import Callable

import ml_collections
from absl import logging

from dynrec_jax.report import runs, table
from dynrec_jax.study import (
  identity,
  methods,
  settings,
  split_run,
  splits,
  workdir,
)
from dynrec_jax.study.parts import make_parts
from dynrec_jax.study.prepare import Prepared
from dynrec_jax.study.splits import Split


def train_and_evaluate(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  stop_requested: Callable[[int], bool],
  *,
  train: bool = True,
) -> str | None:
  """One split after the other; what was done before is left as it is.

  Args:
    config: of the run.
    prepared: the study.
    stop_requested: polled at every step; True saves and returns.
    train: False only tests what was trained before.

  Returns:
    The table, also saved in the workdir; None if asked to stop.

  Raises:
    ValueError: for a checkpoint of another config, or none where it is needed.
  """
  count = config.split.seeds
  # All of them first: one that leaves nobody to test is told at once.
  every = [splits.make_split(config, prepared, i) for i in range(count)]
  parts = make_parts(config, prepared)
  for this in every:
    logging.info('split %d of %d', this.number + 1, count)
    if train and not split_run.train_split(config, parts, this, stop_requested):
      return None
    workdir.remove(config, runs.RESULTS)  # of other lists than those to come
    split_run.test_split(config, parts, this)
  return _report(config, prepared, every)


def _report(
  config: ml_collections.ConfigDict, prepared: Prepared, every: list[Split]
) -> str:
  """The table of the lists that the splits left, saved as well."""
  directories = [this.directory for this in every]
  k = config.decode.k
  rows = table.make_rows(
    {
      (mode, method): runs.read_splits(directories, mode, method)
      for mode in splits.MODES[config.scenario]
      for method in methods.NAMES
    },
    k=k,
  )
  names = methods.NAMES | {'model': f'dynrec ({config.opt.preset})'}
  text = table.as_markdown(rows, k=k, names=names)
  text += settings.origin_note(config)
  facts = identity.saved_config(config, prepared)
  results = table.as_json(rows, {'config': facts})
  workdir.write_text(config, runs.RESULTS, results)
  workdir.write_text(config, 'results.md', text)
  logging.info('results: %s', workdir.path_of(config, 'results.md'))
  return text
