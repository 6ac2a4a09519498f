"""A table of texts as Markdown and LaTeX, and records as CSV."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dynrec_jax.report.paper_tables import ABOVE, BELOW, Cell


class Marked(NamedTuple):
  """A cell whose number may stand out.

  Attributes:
    number: is bold if `mark` is `ABOVE`, and has a dagger if it is `BELOW`.
    mark: one of these, or ''.
    rest: follows it as it is.
  """

  number: str
  mark: str
  rest: str


Text = str | Marked


class Grid(NamedTuple):
  """A table.

  Attributes:
    name: of its files, and its label in LaTeX.
    caption: above it.
    heads: of the columns.
    rows: of as many cells; a line is drawn where the first cell changes.
    notes: sentences below it.
    texts: how many columns, from the left, hold words instead of numbers.
  """

  name: str
  caption: str
  heads: Sequence[str]
  rows: Sequence[Sequence[Text]]
  notes: Sequence[str] = ()
  texts: int = 2


def with_interval(cell: Cell, mark: str = '', *, sign: bool = False) -> Marked:
  """A number with four decimals, and its interval in brackets.

  Args:
    cell: the number.
    mark: see `Marked`.
    sign: whether positive numbers have a sign, as differences do.
  """
  value, low, high = (f'{x:+.4f}' if sign else f'{x:.4f}' for x in cell)
  return Marked(value, mark, f' [{low}, {high}]')


def as_markdown(grid: Grid) -> str:
  """The table as Markdown: caption, table, notes."""
  rules = ['---'] * grid.texts + ['---:'] * (len(grid.heads) - grid.texts)
  lines = [f'| {" | ".join(grid.heads)} |', f'|{"|".join(rules)}|']
  for row in grid.rows:
    lines.append(f'| {" | ".join(_markdown_cell(cell) for cell in row)} |')
  parts = [grid.caption, '\n'.join(lines), *grid.notes]
  return '\n\n'.join(part for part in parts if part)


def as_latex(grid: Grid) -> str:
  """The table as LaTeX for the packages booktabs and, of UTF-8, inputenc."""
  columns = 'l' * grid.texts + 'r' * (len(grid.heads) - grid.texts)
  notes = [rf'\par\smallskip\footnotesize {_escaped(x)}' for x in grid.notes]
  return '\n'.join(
    [
      r'\begin{table*}',
      r'\centering',
      rf'\caption{{{_escaped(grid.caption)}}}',
      rf'\label{{tab:{grid.name}}}',
      r'\footnotesize',
      rf'\begin{{tabular}}{{{columns}}}',
      r'\toprule',
      _latex_row(grid.heads),
      *_latex_body(grid.rows),
      r'\bottomrule',
      r'\end{tabular}',
      *notes,
      r'\end{table*}',
    ]
  )


def as_csv(records: Sequence[Mapping[str, Any]]) -> str:
  """Records as CSV, a head and a line each; None is empty.

  Args:
    records: with the same names in the same order.
  """
  file = io.StringIO()
  names = list(records[0]) if records else []
  writer = csv.DictWriter(file, names, lineterminator='\n')
  writer.writeheader()
  writer.writerows(records)
  return file.getvalue().removesuffix('\n')


def _markdown_cell(cell: Text) -> str:
  """A cell that cannot end itself."""
  if isinstance(cell, str):
    return ' '.join(cell.split()).replace('|', r'\|')
  number = {
    ABOVE: f'**{cell.number}**',
    BELOW: f'{cell.number}†',
    '': cell.number,
  }[cell.mark]
  return number + cell.rest


def _latex_body(rows: Sequence[Sequence[Text]]) -> list[str]:
  """The rows, with a line above each whose first cell is another."""
  lines, last = [], None
  for row in rows:
    if row[0] != last:
      lines.append(r'\midrule')
    last = row[0]
    lines.append(_latex_row(row))
  return lines


def _latex_row(row: Sequence[Text]) -> str:
  """One line of a tabular."""
  return ' & '.join(_latex_cell(cell) for cell in row) + r' \\'


def _latex_cell(cell: Text) -> str:
  """A cell; what follows a number is small."""
  if isinstance(cell, str):
    return _escaped(cell)
  number = {
    ABOVE: rf'\textbf{{{cell.number}}}',
    BELOW: rf'{cell.number}$^{{\dagger}}$',
    '': cell.number,
  }[cell.mark]
  return (number + rf' {{\scriptsize {cell.rest.strip()}}}').replace('-', '$-$')


_LATEX = str.maketrans(
  {
    '\\': r'\textbackslash{}',
    '~': r'\textasciitilde{}',
    '^': r'\textasciicircum{}',
    '×': r'$\times$',
    '†': r'$^{\dagger}$',
    '±': r'$\pm$',
    '<': r'$<$',
    '>': r'$>$',
    '|': r'$|$',
    **{character: '\\' + character for character in '&%$#_{}'},
  }
)


def _escaped(text: str) -> str:
  """Text that LaTeX prints as it is."""
  return ' '.join(text.split()).translate(_LATEX)
