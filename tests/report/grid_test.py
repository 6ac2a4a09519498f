"""A table in its three forms, letter by letter."""

import csv
import io

import pytest

from dynrec_jax.report import grid
from dynrec_jax.report.grid import Grid, Marked
from dynrec_jax.report.paper_tables import ABOVE, BELOW, Cell

TABLE = Grid(
  'table_9',
  'Found 5 % of a_b × c.',
  ['mode', 'method', 'F@5'],
  [
    ['long', 'a|b', Marked('0.1000', BELOW, ' [0.0, 0.2]')],
    ['long', 'c & d', Marked('0.3000', ABOVE, ' [0.1, 0.4]')],
    ['short', 'e', Marked('-0.2000', '', ' [-0.3, 0.0]')],
    ['short', 'f', 'not run: no\n text'],
  ],
  ['One <note>.', 'And #2.'],
)


def test_markdown():
  assert grid.as_markdown(TABLE).splitlines() == [
    'Found 5 % of a_b × c.',
    '',
    '| mode | method | F@5 |',
    '|---|---|---:|',
    '| long | a\\|b | 0.1000† [0.0, 0.2] |',
    '| long | c & d | **0.3000** [0.1, 0.4] |',
    '| short | e | -0.2000 [-0.3, 0.0] |',
    '| short | f | not run: no text |',
    '',
    'One <note>.',
    '',
    'And #2.',
  ]


def test_latex():
  assert grid.as_latex(TABLE).splitlines() == [
    r'\begin{table*}',
    r'\centering',
    r'\caption{Found 5 \% of a\_b $\times$ c.}',
    r'\label{tab:table_9}',
    r'\footnotesize',
    r'\begin{tabular}{llr}',
    r'\toprule',
    r'mode & method & F@5 \\',
    r'\midrule',
    r'long & a$|$b & 0.1000$^{\dagger}$ {\scriptsize [0.0, 0.2]} \\',
    r'long & c \& d & \textbf{0.3000} {\scriptsize [0.1, 0.4]} \\',
    r'\midrule',
    r'short & e & $-$0.2000 {\scriptsize [$-$0.3, 0.0]} \\',
    r'short & f & not run: no text \\',
    r'\bottomrule',
    r'\end{tabular}',
    r'\par\smallskip\footnotesize One $<$note$>$.',
    r'\par\smallskip\footnotesize And \#2.',
    r'\end{table*}',
  ]


def test_latex_prints_every_sign_as_it_is():
  found = grid.as_latex(TABLE._replace(caption='\\ ~ ^ { } $ † ±'))
  assert (
    r'\caption{\textbackslash{} \textasciitilde{} \textasciicircum{} \{ \} \$ '
    r'$^{\dagger}$ $\pm$}'
  ) in found


def test_number_of_word_columns():
  found = TABLE._replace(texts=3)
  assert '|---|---|---|' in grid.as_markdown(found)
  assert r'\begin{tabular}{lll}' in grid.as_latex(found)


@pytest.mark.parametrize(
  ('cell', 'sign', 'text'),
  [
    (Cell(0.03404, 0.0301, 0.03999), False, ('0.0340', ' [0.0301, 0.0400]')),
    (Cell(0.5, -0.25, 1), True, ('+0.5000', ' [-0.2500, +1.0000]')),
  ],
)
def test_a_number_with_its_interval(cell, sign, text):
  found = grid.with_interval(cell, ABOVE, sign=sign)
  assert found == (text[0], ABOVE, text[1])


def test_csv():
  text = grid.as_csv(
    [{'a': 'x, "y"', 'b': 0.1, 'c': None}, {'a': 'z', 'b': 1 / 3, 'c': 2}]
  )
  assert text.splitlines() == ['a,b,c', '"x, ""y""",0.1,', f'z,{1 / 3!r},2']
  rows = list(csv.DictReader(io.StringIO(text)))
  assert rows[0]['a'] == 'x, "y"'
  assert float(rows[1]['b']) == 1 / 3


def test_csv_of_nothing():
  assert grid.as_csv([]).strip() == ''
