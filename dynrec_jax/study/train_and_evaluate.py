"""Trains and tests every split, and puts what was found into one table."""

from collections.abc import Callable, Sequence

import ml_collections
from absl import logging

from dynrec_jax.parallel import hosts
from dynrec_jax.report import runs, table, verdict
from dynrec_jax.report.table import Skipped
from dynrec_jax.step_watch import NonFiniteLossError
from dynrec_jax.study import (
  about,
  identity,
  kept,
  method_config,
  methods,
  next_steps,
  same_data,
  settings,
  span,
  split_lists,
  split_run,
  splits,
  tune,
  workdir,
)
from dynrec_jax.study.contenders import Contender, make_contenders
from dynrec_jax.study.naming import naming
from dynrec_jax.study.prepare import Prepared
from dynrec_jax.study.splits import Split


@naming(span=span.KEYS_IN_WORDS)
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
    train: False only tests what was trained before, all of it again.

  Returns:
    The table, also saved in the workdir; None if asked to stop.

  Raises:
    ValueError: for a checkpoint of another config, or none where it is needed;
      for a workdir of other data, see `same_data`.
  """
  count = config.split.seeds
  # All of them first: one that leaves nobody to test is told at once.
  every = [splits.make_split(config, prepared, i) for i in range(count)]
  tuned = tune.read_chosen(config)
  kept.refuse_updated(config, measures=not train)
  same_data.hold(config, prepared)
  contenders = make_contenders(config, prepared, tuned)
  skipped: list[Skipped] = []
  for this in every:
    logging.info('split %d of %d', this.number + 1, count)
    asked = _trained(contenders, this, stop_requested) if train else contenders
    if asked is None:
      return None
    workdir.remove(config, runs.RESULTS)  # of other lists than those to come
    found = split_lists.test_split(
      config,
      asked,
      this,
      stop_requested=stop_requested,
      anew=not train,
    )
    if found is None:
      return None
    skipped += found
  return _report(config, contenders, every, skipped, tuned)


def _trained(
  contenders: Sequence[Contender],
  this: Split,
  stop_requested: Callable[[int], bool],
) -> list[Contender] | None:
  """Trains every network, one after the other; None if asked to stop.

  Returns:
    The methods; a network that diverged cannot be asked, and the others go on.

  Raises:
    NonFiniteLossError: it was the only network.
  """
  networks = [of for of in contenders if of.is_network]
  asked = []
  for of in contenders:
    label = methods.METHODS[of.name].label
    if of.cannot:
      logging.warning('%s: not run: %s', label, of.cannot)
    if of.is_network:
      if len(networks) > 1:
        logging.info('%s', label)
      try:
        if not split_run.train_split(
          of.config, of.parts, of.folder(this), stop_requested
        ):
          return None
      except NonFiniteLossError as error:
        if len(networks) == 1:
          raise
        logging.warning('%s: diverged: %s', label, error)
        of = of._replace(cannot=f'diverged: {error}')
    asked.append(of)
  return asked


def _report(
  config: ml_collections.ConfigDict,
  contenders: Sequence[Contender],
  every: Sequence[Split],
  skipped: Sequence[Skipped],
  tuned: method_config.Tuned,
) -> str:
  """The table of the lists that the splits left, saved as well.

  Returns:
    The table, what it says of the model, and what to run next.
  """
  directories = [this.directory for this in every]
  k = config.decode.k
  # One split that a method cannot use leaves no mean over all of them.
  left_out = {(mode, name): why for mode, name, why in reversed(skipped)}
  asked = [
    (mode, of.name) for mode in splits.modes(config) for of in contenders
  ]
  lists = {
    row: runs.read_splits(directories, *row)
    for row in asked
    if row not in left_out
  }
  absent = [Skipped(*row, left_out[row]) for row in asked if row in left_out]
  rows = table.make_rows(lists, k=k)
  labels = _labels(config, contenders)
  text = table.as_markdown(rows, k=k, names=labels, skipped=absent)
  said = verdict.verdict(lists, k=k, labels=labels)
  text += said and f'\n\n{said}'
  text += settings.origin_note(config)
  prepared = contenders[0].parts.prepared
  facts = {
    'config': identity.saved_config(config, prepared),
    'labels': labels,
    'tuned': {name: dict(of) for name, of in tuned.items()},
    'skipped': [of._asdict() for of in absent],
  }
  results = table.as_json(rows, facts)
  about.write_about(config, prepared)
  workdir.write_text(config, runs.RESULTS, results)
  workdir.write_text(config, 'results.md', text)
  logging.info('results: %s', workdir.path_of(config, 'results.md'))
  hosts.wait_for_all('results')  # others read them
  return f'{text}\n\n{next_steps.next_steps(config)}'


def _labels(
  config: ml_collections.ConfigDict, contenders: Sequence[Contender]
) -> dict[str, str]:
  """How the table calls the methods; the model with its preset."""
  labels = {of.name: methods.METHODS[of.name].label for of in contenders}
  if 'model' in labels:
    plus = config.model.network == 'plus'
    labels['model'] += f' ({"plus" if plus else config.opt.preset})'
  return labels
