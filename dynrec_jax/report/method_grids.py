"""Table 1, Table 2 and the table of all methods, for readers and for programs.

The paper's cells stand beside ours, on the right.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from dynrec_jax.report import grid, measured, paper_tables
from dynrec_jax.report.grid import Grid, Text
from dynrec_jax.report.paper_tables import (
  MethodRow,
  ModeTable,
  Printed,
)

MARKS = (
  'In brackets: 95 % intervals of a bootstrap over users, all splits pooled. '
  "Bold: F is above that of the best other method of the mode's rows here; †: "
  'F is below it; the 95 % interval of the difference, from the same draws of '
  'users, excludes 0. F is that of the mean precision and the mean recall. '
  'Intervals are not widened for the number of methods.'
)
_UNPRINTED = Printed(None, None, None)


def printed_table(
  name: str,
  caption: str,
  printed: Mapping[str, Mapping[str, Printed]],
  tables: Mapping[str, ModeTable],
) -> Grid:
  """The paper's rows in the paper's order, ours beside the printed cells.

  Args:
    name: of the table's files.
    caption: what it shows, on which data.
    printed: `TABLE_1` or `TABLE_2`.
    tables: ours by mode; a method or mode that is absent is said not to have
      run.

  Returns:
    The table.
  """
  rows, k = [], paper_tables.K
  for mode, cells in printed.items():
    table = tables.get(mode)
    table = measured.among(table, cells) if table else None
    for method, printed_cells in cells.items():
      row = table.row(method) if table else None
      if row is None:
        row = MethodRow(
          method, method, *[None] * 3, why_skipped='not asked for'
        )
      row = row._replace(printed=printed_cells)
      rows.append([mode, _name(row), *_measures(row), *_printed(row)])
    k = table.k if table else k
  heads = ['mode', 'method', *_heads(k), *_printed_heads()]
  shown = [tables[mode] for mode in printed if mode in tables]
  return Grid(name, caption, heads, rows, [*_truths(shown), MARKS])


def full_table(
  name: str, caption: str, tables: Mapping[str, ModeTable]
) -> Grid:
  """Every method of a run, with the spread over splits.

  Printed cells stand beside those methods that have any.
  """
  every = [(table, row) for table in tables.values() for row in table.rows]
  beside = any(row.printed for _, row in every)
  rows = [
    [table.mode, _name(row), *_measures(row), _spread(row)]
    + (_printed(row) if beside else [])
    for table, row in every
  ]
  k = next(iter(tables.values())).k
  heads = ['mode', 'method', *_heads(k), 'sd of F']
  heads += _printed_heads() if beside else []
  notes = [
    *_truths(tables.values()),
    'sd of F: sample standard deviation over splits. ' + MARKS,
  ]
  return Grid(name, caption, heads, rows, notes)


def records(
  study: str, tables: Mapping[str, ModeTable]
) -> list[dict[str, Any]]:
  """All numbers of all rows, one record per mode and method, for a CSV."""
  return [
    _record(study, table, row)
    for table in tables.values()
    for row in table.rows
  ]


def _record(study: str, table: ModeTable, row: MethodRow) -> dict[str, Any]:
  """A row without rounding."""
  out = {
    'study': study,
    'mode': table.mode,
    'k': table.k,
    'method': row.method,
    'label': row.label,
  }
  sd = row.splits_sd or (None,) * 3
  for name, spread in zip(('precision', 'recall', 'f'), sd, strict=True):
    value = getattr(row, name) or (None,) * 3
    out |= zip((name, f'{name}_low', f'{name}_high'), value, strict=True)
    out[f'{name}_sd'] = spread
  for name, value in (row.printed or _UNPRINTED)._asdict().items():
    out[f'printed_{name}'] = value
  return out | {
    'mark': row.mark,
    'splits': table.splits,
    'users': table.users,
    'cases': table.cases,
    'without_truth': table.without_truth,
    'truth_mean': table.truth_mean,
    'truth_median': table.truth_median,
    'truth_total': table.truth_total,
    'why_skipped': row.why_skipped,
  }


def _name(row: MethodRow) -> str:
  """The label, and in brackets the paper's where it is another."""
  name = paper_tables.ROW_NAMES.get(row.method)
  if row.printed is None or name is None or name == row.label:
    return row.label
  return name if row.label == row.method else f'{row.label} ({name})'


def _measures(row: MethodRow) -> list[Text]:
  """Precision, recall and F, or why there are none."""
  if row.f is None:
    return [f'not run: {row.why_skipped}', '', '']
  return [
    grid.with_interval(row.precision),
    grid.with_interval(row.recall),
    grid.with_interval(row.f, row.mark),
  ]


def _printed(row: MethodRow) -> list[Text]:
  """The paper's cells."""
  return [
    '' if value is None else f'{value:.4f}'
    for value in row.printed or _UNPRINTED
  ]


def _spread(row: MethodRow) -> str:
  """Of F over splits."""
  return '' if row.splits_sd is None else f'{row.splits_sd[2]:.4f}'


def _heads(k: int) -> list[str]:
  """Of our columns."""
  return [f'P@{k}', f'R@{k}', f'F@{k}']


def _printed_heads() -> list[str]:
  """Of the paper's columns."""
  return [f'printed {head}' for head in _heads(paper_tables.K)]


def _truths(tables: Sequence[ModeTable]) -> list[str]:
  """On how many users, and how much they watched later."""
  return [
    f'{table.mode}: {table.users:,} users with a truth, {table.cases:,} tests '
    f'of them in {table.splits} split{"s" if table.splits > 1 else ""} '
    f'({table.without_truth:,} more have none and do not count); a truth has '
    f'{table.truth_mean:.2f} videos on average, {table.truth_median:g} in the '
    f'median, {table.truth_total:,} in all.'
    for table in tables
  ]
