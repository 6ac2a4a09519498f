"""The printed cells agree with each other, and with what the text says."""

import pytest

from dynrec_jax.report import paper_tables
from dynrec_jax.report.paper_tables import (
  FIGURE_3,
  ROW_NAMES,
  TABLE_1,
  TABLE_2,
  Cell,
  MethodRow,
  ModeTable,
)

CELLS = [
  pytest.param(*cells, id=f'{mode}-{method}')
  for table in (TABLE_1, TABLE_2)
  for mode, methods in table.items()
  for method, cells in methods.items()
]
HALF = 0.00005  # of the last printed digit


def f_of(p, r):
  return 2 * p * r / (p + r)


def test_there_are_seventeen():
  assert len(CELLS) == 17


@pytest.mark.parametrize(('p', 'r', 'f'), CELLS)
def test_f_is_that_of_the_means_within_rounding(p, r, f):
  """F rises with both, so rounding of P and R gives an interval of it."""
  low, high = f_of(p - HALF, r - HALF), f_of(p + HALF, r + HALF)
  assert low - HALF <= f <= high + HALF


def test_fourteen_are_exact_and_three_one_unit_low():
  units = [
    round(1e4 * (of.values[2] - round(f_of(*of.values[:2]), 4))) for of in CELLS
  ]
  assert sorted(units) == [-1] * 3 + [0] * 14


def test_figure_3_repeats_table_1():
  assert FIGURE_3['long']['model'].f == TABLE_1['long']['model'].f


@pytest.mark.parametrize(
  ('upper', 'lower', 'gain'),
  [('rnn_sem', 'rnn', 0.302), ('rnn_norel', 'rnn_sem', 0.236)],
)
def test_figure_3_against_the_text(upper, lower, gain):
  of = FIGURE_3['long']
  assert of[upper].f / of[lower].f - 1 == pytest.approx(gain, abs=0.003)


def test_every_printed_method_has_a_printed_name():
  printed = {
    method
    for table in (TABLE_1, TABLE_2, FIGURE_3)
    for methods in table.values()
    for method in methods
  }
  assert printed == set(ROW_NAMES)


@pytest.mark.parametrize(
  ('mode', 'method', 'f'),
  [
    ('long', 'item_knn', 0.0212),
    ('short', 'model', 0.0298),
    ('cross', 'sca', 0.0147),
    ('long', 'rnn_norel', 0.0320),
    ('short', 'rnn', None),
    ('cross', 'random', None),
    ('next', 'model', None),
  ],
)
def test_cells_by_name(mode, method, f):
  cells = paper_tables.printed_cells(mode, method)
  assert (cells and cells.f) == f


def test_our_own_cells_in_table_1_have_all_three():
  assert paper_tables.printed_cells('long', 'model') == (0.0296, 0.0399, 0.0340)


def test_a_row_by_name():
  cell = Cell(0.1, 0.0, 0.2)
  rows = [MethodRow(name, name, cell, cell, cell) for name in ('x', 'y')]
  table = ModeTable('long', 5, rows, 1, 1, 1, 0, 1.0, 1.0, 1, {})
  assert table.row('y') == rows[1]
  assert table.row('z') is None
