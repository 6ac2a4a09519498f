"""The table of a study: mean and spread over splits of what lists measure."""

import json
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dynrec_jax import evaluate
from dynrec_jax.report.user_lists import UserLists

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


class Skipped(NamedTuple):
  """A method that could not run on the data.

  Attributes:
    mode: 'long', 'short' or 'cross'.
    method: as `Row` has it.
    why: what the data lack.
  """

  mode: str
  method: str
  why: str


def make_rows(
  lists: Mapping[tuple[str, str], Sequence[UserLists]], *, k: int
) -> list[Row]:
  """What every method's lists measure.

  Args:
    lists: (mode, method) -> the lists of each split, in the tables' order.
    k: length of the lists.

  Returns:
    Rows in the same order.
  """
  rows = []
  for (mode, method), splits in lists.items():
    each = [evaluate.summarise(s.hits, s.truth, k) for s in splits]
    scores = {name: np.array([of[name] for of in each]) for name in each[0]}
    rows.append(Row(mode, method, scores))
  return rows


def as_markdown(
  rows: Sequence[Row],
  *,
  k: int,
  names: Mapping[str, str],
  skipped: Sequence[Skipped] = (),
) -> str:
  """The rows as a table, mean ± sample standard deviation over splits.

  Args:
    rows: see `make_rows`.
    k: length of the lists.
    names: how each method is called.
    skipped: methods that did not run; they stand below their mode's rows.
  """
  heads = ['mode', 'method', *headings(k), 'users', 'splits']
  lines = [f'| {" | ".join(heads)} |', '|---' * len(heads) + '|']
  for mode in dict.fromkeys(row.mode for row in (*rows, *skipped)):
    found = [_cells(row) for row in rows if row.mode == mode]
    found += [
      [mode, method, f'not run: {_one_line(why)}', *[''] * (len(heads) - 3)]
      for its_mode, method, why in skipped
      if its_mode == mode
    ]
    for _, method, *cells in found:
      name = names.get(method, method)
      lines.append(f'| {" | ".join([mode, name, *cells])} |')
  return '\n'.join(lines)


def as_json(rows: Sequence[Row], facts: Mapping) -> str:
  """The rows and what they are of, as `results.json` holds them."""
  return json.dumps(dict(facts) | {'rows': as_json_rows(rows)}, indent=2)


def as_json_rows(rows: Sequence[Row]) -> list[dict]:
  """The rows as json holds them."""
  return [
    {'mode': row.mode, 'method': row.method}
    | {measure: values.tolist() for measure, values in row.scores.items()}
    for row in rows
  ]


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


def _cells(row: Row) -> list[str]:
  """A row of the table: means with their spread."""
  cells = [spread(row.scores[measure]) for measure in MEASURES]
  users = row.scores['users']
  return [
    row.mode,
    row.method,
    *cells,
    f'{np.mean(users):.0f}',
    f'{len(users)}',
  ]


def _one_line(text: str) -> str:
  """Text that cannot end a cell of a table."""
  return ' '.join(text.split()).replace('|', r'\|')
