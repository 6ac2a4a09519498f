"""The table of a study: mean and spread over splits of what each run logged.

Reads `metrics.jsonl` files and nothing else.
"""

import json
import os
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dynrec_jax import metric_log
from dynrec_jax.storage import whole_files

MEASURES = ('precision', 'recall', 'f_score')
_HEADINGS = {'precision': 'P@{k}', 'recall': 'R@{k}', 'f_score': 'F@{k}'}


class Row(NamedTuple):
  """One method in one mode.

  Attributes:
    mode: 'long', 'short' or 'cross'.
    method: 'random', 'popularity', 'model'.
    scores: measure -> one value per split.
  """

  mode: str
  method: str
  scores: Mapping[str, np.ndarray]


def read_rows(directories: Sequence[str]) -> list[Row]:
  """The last test scores in each split's metrics, by mode and method.

  Args:
    directories: of the splits.

  Returns:
    Rows in the order in which they were logged.

  Raises:
    ValueError: if a split has no test scores.
  """
  found: dict[tuple[str, str], dict[str, list[float]]] = {}
  for directory in directories:
    path = os.path.join(directory, 'metrics.jsonl')
    last: dict[str, float] = {}
    for record in metric_log.read_metrics(path):
      last.update({k: v for k, v in record.items() if k.startswith('test_')})
    if not last:
      raise ValueError(f'{path} holds no test scores')
    for name, value in last.items():
      mode, method, measure = name.removeprefix('test_').split('/')
      row = found.setdefault((mode, method), {})
      row.setdefault(measure, []).append(value)
  return [
    Row(*key, {k: np.array(v) for k, v in scores.items()})
    for key, scores in found.items()
  ]


def as_markdown(
  rows: Sequence[Row], *, k: int, names: Mapping[str, str]
) -> str:
  """The rows as a table, mean ± sample standard deviation over splits.

  Args:
    rows: see `read_rows`.
    k: length of the lists.
    names: how each method is called.
  """
  heads = headings(k)
  lines = [
    '| mode | method | ' + ' | '.join(heads) + ' | users | splits |',
    '|---|---|' + '---|' * (len(heads) + 2),
  ]
  for row in rows:
    cells = [spread(row.scores[measure]) for measure in MEASURES]
    users = f'{np.mean(row.scores["users"]):.0f}'
    splits = str(len(row.scores['users']))
    name = names.get(row.method, row.method)
    lines.append(
      '| ' + ' | '.join([row.mode, name, *cells, users, splits]) + ' |'
    )
  return '\n'.join(lines)


def write_results(path: str, rows: Sequence[Row], facts: Mapping) -> None:
  """The rows and what they are of, as JSON, replacing the file at once."""
  content = dict(facts) | {
    'rows': [
      {'mode': row.mode, 'method': row.method}
      | {measure: values.tolist() for measure, values in row.scores.items()}
      for row in rows
    ]
  }
  whole_files.write_text(path, json.dumps(content, indent=2))


def headings(k: int) -> list[str]:
  """The measures as a table calls them.

  Args:
    k: length of the lists.
  """
  return [_HEADINGS[measure].format(k=k) for measure in MEASURES]


def spread(values: np.ndarray) -> str:
  """Mean ± standard deviation; the mean alone of a single split."""
  if len(values) < 2:
    return f'{values.mean():.4f}'
  return f'{values.mean():.4f} ± {values.std(ddof=1):.4f}'
