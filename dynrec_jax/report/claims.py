"""The orders that the paper claims, each against ours with its interval.

A claim is judged by the interval of its difference alone, never by the size
of the difference or by which number is larger.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from dynrec_jax.report import bootstrap, grid, measured
from dynrec_jax.report.grid import Grid
from dynrec_jax.report.paper_tables import (
  FIGURE_3,
  NOT_DECIDED,
  NOT_RUN,
  NOT_SEEN,
  ROW_NAMES,
  SEEN,
  TABLE_1,
  TABLE_2,
  Cell,
  Claim,
  ModeTable,
)
from dynrec_jax.report.runs import Run

# (where, mode, methods from worst to best F).
_ORDERS = (
  (
    'Table 1',
    'long',
    ('random', 'popularity', 'lfm', 'item_knn', 'fpmc', 'model'),
  ),
  (
    'Table 1',
    'short',
    ('random', 'lfm', 'popularity', 'item_knn', 'fpmc', 'model'),
  ),
  (
    'Table 2',
    'cross',
    ('popularity', 'mknn', 'content_based', 'sca', 'model'),
  ),
  (
    'Figure 3',
    'long',
    ('rnn', 'static_dnn', 'rnn_sem', 'rnn_norel', 'model'),
  ),
)
# What the text says besides: 30.2 % of RNN-Sem over RNN.
_PAIRS = (('Figure 3', 'long', 'rnn', 'rnn_sem'),)
_PRINTED = {'Table 1': TABLE_1, 'Table 2': TABLE_2, 'Figure 3': FIGURE_3}


def claims(tables: Mapping[str, ModeTable], single: Run | None) -> list[Claim]:
  """Every order that the paper claims.

  Neighbours of each order, our method above every other, and that all methods
  of Table 1 lose from the long to the short mode.

  Args:
    tables: by mode, of the paper's protocol; a mode may be absent.
    single: the run of the modes long and short.

  Returns:
    The claims, as the paper's tables stand.
  """
  found = [
    _pair_claim(tables.get(mode), source, mode, lower, upper)
    for source, mode, lower, upper in _pairs()
  ]
  return found + [_decline(single, method) for method in TABLE_1['long']]


def as_grid(name: str, caption: str, rows: Sequence[Claim]) -> Grid:
  """The claims as a table."""
  return Grid(
    name,
    caption,
    ['where', 'claim', 'verdict', 'ours', 'printed'],
    [
      [
        row.source,
        row.text,
        row.verdict + (f': {row.why}' if row.why else ''),
        grid.with_interval(row.difference, sign=True) if row.difference else '',
        f'{row.printed:+.4f}',
      ]
      for row in rows
    ],
    [
      'Differences of F, positive as claimed, with the 95 % interval of a '
      'paired bootstrap over users, all splits pooled. seen: the interval lies '
      'above 0; not seen: below 0; not decided: 0 is in it. A printed '
      "difference below 0 is one where the paper's table speaks against its "
      'text.'
    ],
    texts=3,
  )


def records(rows: Sequence[Claim]) -> list[dict[str, Any]]:
  """The claims without rounding, for a CSV."""
  return [
    {'source': row.source, 'claim': row.text, 'printed': round(row.printed, 4)}
    | dict(
      zip(
        ('difference', 'low', 'high'),
        row.difference or (None,) * 3,
        strict=True,
      )
    )
    | {'verdict': row.verdict, 'why': row.why}
    for row in rows
  ]


def verdict(difference: Cell) -> str:
  """What the interval of a difference says of the claim that it is positive."""
  if difference.low > 0:
    return SEEN
  return NOT_SEEN if difference.high < 0 else NOT_DECIDED


def _pairs() -> Iterator[tuple[str, str, str, str]]:
  """(where, mode, worse, better) of every claim within a mode, once."""
  for source, mode, order in _ORDERS:
    *others, best = order
    pairs = [*itertools.pairwise(order), *((other, best) for other in others)]
    for lower, upper in dict.fromkeys(pairs):
      yield source, mode, lower, upper
  yield from _PAIRS


def _pair_claim(
  table: ModeTable | None, source: str, mode: str, lower: str, upper: str
) -> Claim:
  """One method above another."""
  names = [ROW_NAMES[method] for method in (upper, lower)]
  text = f'{mode}: {names[0]} above {names[1]}'
  low, high = (_PRINTED[source][mode][method].f for method in (lower, upper))
  why = _why_absent(table, mode, (upper, lower))
  if why:
    return Claim(text, high - low, None, NOT_RUN, source, why)
  f = [table.row(method).f.value for method in (upper, lower)]
  drawn = table.drawn_f[upper] - table.drawn_f[lower]
  difference = measured.cell(f[0] - f[1], drawn)
  return Claim(text, high - low, difference, verdict(difference), source)


def _why_absent(
  table: ModeTable | None, mode: str, methods: Sequence[str]
) -> str:
  """Why a pair cannot be compared; '' if it can."""
  if table is None:
    return f'no run of mode {mode}'
  for method in methods:
    row = table.row(method)
    if row is None:
      return f'{ROW_NAMES[method]} was not asked for'
    if row.f is None:
      return f'{row.label}: {row.why_skipped}'
  return ''


def _decline(run: Run | None, method: str) -> Claim:
  """A method is better in the long mode than in the short one."""
  text = f'{ROW_NAMES[method]}: F falls from long to short'
  printed = TABLE_1['long'][method].f - TABLE_1['short'][method].f
  if run is None or any((mode, method) not in run.lists for mode in TABLE_1):
    why = 'not run in both modes'
    return Claim(text, printed, None, NOT_RUN, 'text', why)
  difference = change_between_modes(run, method, 'long', 'short')
  return Claim(text, printed, difference, verdict(difference), 'text')


def change_between_modes(run: Run, method: str, one: str, other: str) -> Cell:
  """F in one mode less F in another, of the same draws of users.

  A user is drawn with the rows of both modes, some of whom have a truth in one
  of them alone.
  """
  samples = [measured.sample_of(run, mode, [method]) for mode in (one, other)]
  mode = np.repeat([0, 1], [len(sample.users) for sample in samples])
  precision = np.concatenate([sample.precision[0] for sample in samples])
  recall = np.concatenate([sample.recall[0] for sample in samples])
  where = mode == np.array([[0], [0], [1], [1]])
  values = np.stack([precision, recall] * 2)
  users = np.concatenate([sample.users for sample in samples])
  drawn = bootstrap.resampled_means(users, values, where)
  means = np.sum(values * where, axis=1) / np.sum(where, axis=1)
  f, drawn_f = (bootstrap.f_score(of[::2], of[1::2]) for of in (means, drawn))
  return measured.cell(f[0] - f[1], drawn_f[0] - drawn_f[1])
