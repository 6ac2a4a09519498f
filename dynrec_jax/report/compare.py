"""Runs side by side: F at k of each, and what each changes against the first.

Read from the `results.json` of each run. Runs of the same data, seed and number
of splits test the same users split by split, so differences are taken within a
split, where what makes a split easy or hard falls out.
"""

import json
import os
import pathlib
import sys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dynrec_jax.report import table


class Run(NamedTuple):
  """What a run found.

  Attributes:
    name: of its folder.
    facts: its config, and under 'catalogue' what it was of.
    scores: mode -> [splits] the model's F at k.
  """

  name: str
  facts: dict
  scores: dict[str, np.ndarray]


def read_run(directory: str | os.PathLike) -> Run:
  """The results in a run's folder.

  Raises:
    ValueError: no results there, or none of a model; names the file.
  """
  path = pathlib.Path(directory) / 'results.json'
  if not path.is_file():
    raise ValueError(
      f'{path}: no such file; right: the workdir of a run that ended'
    )
  try:
    content = json.loads(path.read_text())
    rows = [row for row in content['rows'] if row['method'] == 'model']
    scores = {row['mode']: np.array(row['f_score'], float) for row in rows}
    facts = content['config']
  except (ValueError, KeyError, TypeError) as error:
    raise ValueError(
      f'{path}: found {error!r}; right: what a run writes there'
    ) from error
  if not scores:
    raise ValueError(f'{path}: no row of the model; right: one per mode')
  return Run(pathlib.Path(directory).name, facts, scores)


def comparison(runs: Sequence[Run], keys: Sequence[str]) -> str:
  """A table: a row per run, F at k and its change per mode.

  A change is the mean and sample standard deviation, over splits, of a run's F
  minus the first run's in the same split; in brackets, in how many splits it
  is above zero.

  Args:
    runs: the first is what the others are compared with.
    keys: dotted, of what all must share.

  Raises:
    ValueError: runs that did not test the same; names the key that differs.
  """
  first = runs[0]
  for run in runs[1:]:
    _check_same(first, run, keys)
  k = first.facts['decode']['k']
  heads = ['run']
  for mode in first.scores:
    heads += [f'{mode} F@{k}', 'change']
  lines = ['| ' + ' | '.join(heads) + ' |', '|' + '---|' * len(heads)]
  for run in runs:
    cells = [run.name]
    for mode, base in first.scores.items():
      cells += [table.spread(run.scores[mode]), _change(run.scores[mode], base)]
    lines.append('| ' + ' | '.join(cells) + ' |')
  return '\n'.join(lines)


def _change(scores: np.ndarray, base: np.ndarray) -> str:
  """The difference within splits; empty of the first run itself."""
  if scores is base:
    return ''
  change = scores - base
  text = f'{change.mean():+.4f}'
  if len(change) > 1:
    text += f' ± {change.std(ddof=1):.4f}'
  return f'{text} ({(change > 0).sum()} of {len(change)})'


def _check_same(first: Run, run: Run, keys: Sequence[str]) -> None:
  """Raises unless the two tested the same users on the same truth."""
  for key in keys:
    found, wanted = _get(run.facts, key), _get(first.facts, key)
    if found != wanted or found is None:
      raise ValueError(
        f'{run.name} has {key} = {found}; right: {wanted}, as {first.name}'
      )
  if run.scores.keys() != first.scores.keys():
    raise ValueError(
      f'{run.name} has the modes {", ".join(run.scores)}; right: '
      f'{", ".join(first.scores)}, as {first.name}'
    )


def _get(facts, key: str):
  """The value of a dotted key; None if it is missing."""
  for part in key.split('.'):
    facts = facts.get(part) if isinstance(facts, dict) else None
  return facts


def main(directories: Sequence[str], keys: Sequence[str]) -> None:
  """Prints the comparison of the runs in these folders, see `comparison`."""
  if len(directories) < 2:
    sys.exit(
      'two or more folders of runs are needed, the first to compare with'
    )
  try:
    print(comparison([read_run(directory) for directory in directories], keys))
  except ValueError as error:
    sys.exit(str(error))
