"""The paper's tables with ours, row by row."""

import fake_runs
import pytest

from dynrec_jax.report import grid, measured, method_grids
from dynrec_jax.report.paper_tables import TABLE_1, TABLE_2
from dynrec_jax.report.table import Skipped

# Everybody has the same hits of 5, of 5 videos: P = R = F.
RUN = fake_runs.level_run(
  {
    'long': {'random': 0, 'ease': 4, 'item_knn': 3, 'model': 2},
    'short': {'model': 1},
  },
  labels=fake_runs.LABELS | {'ease': 'EASE', 'item_knn': 'KNN'},
  skipped=[Skipped('long', 'fpmc', 'no order')],
)
TABLES = measured.measured(RUN, beside_print=True)


OURS = 'dynrec (Ours)'


def lines_of(table):
  lines = grid.as_markdown(table).splitlines()
  return [line for line in lines if line.startswith('|')]


def same(value):
  return f'{value} [{value}, {value}]'


def test_table_1_has_the_paper_s_rows_in_its_order():
  found = method_grids.printed_table('table_1', 'Caption.', TABLE_1, TABLES)
  lines = lines_of(found)
  assert lines[0] == (
    '| mode | method | P@5 | R@5 | F@5 | printed P@5 | printed R@5 | '
    'printed F@5 |'
  )
  assert [line.split(' | ')[:2] for line in lines[2:]] == [
    [f'| {mode}', name]
    for mode in ('long', 'short')
    for name in ('Random', 'Popularity', 'LFM', 'KNN', 'FPMC', OURS)
  ]
  assert lines[2] == (
    f'| long | Random | {same("0.0000")} | {same("0.0000")} | '
    '0.0000† [0.0000, 0.0000] | 0.0007 | 0.0005 | 0.0006 |'
  )
  # EASE is no row of this table: KNN is the best of it.
  assert '| long | KNN |' in lines[5]
  assert '| **0.6000** [0.6000, 0.6000] | 0.0174 | 0.0271 |' in lines[5]
  assert lines[6] == (
    '| long | FPMC | not run: no order |  |  | 0.0216 | 0.0357 | 0.0269 |'
  )
  assert lines[3] == (
    '| long | Popularity | not run: not asked for |  |  | 0.0015 | 0.0035 | '
    '0.0021 |'
  )
  assert '| 0.4000† [0.4000, 0.4000] | 0.0296 | 0.0399 | 0.0340 |' in lines[7]
  # Alone in its mode: nothing to be above of.
  assert '| 0.2000 [0.2000, 0.2000] | 0.0350 | 0.0259 | 0.0298 |' in lines[13]


def test_a_mode_without_a_run():
  found = method_grids.printed_table('table_2', 'Caption.', TABLE_2, TABLES)
  lines = lines_of(found)[2:]
  assert len(lines) == 5
  assert all('not run: not asked for' in line for line in lines)
  assert found.notes == [method_grids.MARKS]


def test_all_methods_with_their_spread():
  lines = lines_of(method_grids.full_table('x', 'Caption.', TABLES))
  assert lines[0].startswith('| mode | method | P@5 | R@5 | F@5 | sd of F | pr')
  names = [line.split(' | ')[1] for line in lines[2:]]
  # In the labels' order; FPMC has none.
  assert names == ['Random', OURS, 'EASE', 'KNN', 'FPMC', OURS]
  assert '| **0.8000** [0.8000, 0.8000] |  |  |  |  |' in lines[4]
  run = fake_runs.run_of({'long': {'model': ((1, 2, 0), (0, 3, 1))}})
  tables = measured.measured(run, beside_print=True)
  f = [2 * p * r / (p + r) for p, r in ((0.3, 0.6), (0.8 / 3, 1.25 / 3))]
  spread = (f[0] - f[1]) / 2**0.5
  line = lines_of(method_grids.full_table('x', '', tables))[2]
  assert f'] | {spread:.4f} | 0.0296 |' in line


def test_without_printed_cells_there_are_no_columns_of_them():
  tables = measured.measured(RUN, beside_print=False)
  found = method_grids.full_table('x', 'Caption.', tables)
  assert found.heads == ['mode', 'method', 'P@5', 'R@5', 'F@5', 'sd of F']
  assert {len(row) for row in found.rows} == {6}
  assert found.rows[1][1] == 'dynrec'


def test_k_is_the_run_s():
  run = fake_runs.level_run({'long': {'model': 2}}, fake_runs.facts_of(k=10))
  tables = measured.measured(run, beside_print=True)
  found = method_grids.full_table('x', '', tables)
  assert found.heads[2:5] == ['P@10', 'R@10', 'F@10']
  found = method_grids.printed_table('x', '', TABLE_1, tables)
  assert found.heads[2:] == ['P@10', 'R@10', 'F@10'] + [
    f'printed {x}@5' for x in 'PRF'
  ]


def test_whom_a_mode_is_of():
  run = fake_runs.run_of({'long': {'model': ((1, 2, 0), (0, 3, 1))}})
  tables = measured.measured(run, beside_print=True)
  assert method_grids.full_table('x', '', tables).notes[0] == (
    'long: 4 users with a truth, 5 tests of them in 2 splits (1 more have none '
    'and do not count); a truth has 2.80 videos on average, 2 in the median, '
    '14 in all.'
  )


def test_records_are_not_rounded():
  run = fake_runs.run_of({'long': {'model': ((1, 2, 0), (0, 3, 1))}})
  (record,) = method_grids.records(
    'single', measured.measured(run, beside_print=True)
  )
  assert record['precision'] == pytest.approx(1.4 / 5, rel=1e-12)
  assert record['recall'] == pytest.approx(2.45 / 5, rel=1e-12)
  assert record['recall_low'] < record['recall'] < record['recall_high']
  assert record['precision_sd'] == pytest.approx((0.3 - 0.8 / 3) / 2**0.5)
  assert record['printed_recall'] == 0.0399
  assert [record[name] for name in ('study', 'mode', 'k', 'method')] == [
    'single',
    'long',
    5,
    'model',
  ]
  assert (record['users'], record['cases'], record['truth_total']) == (4, 5, 14)


def test_records_of_what_did_not_run():
  found = {
    record['method']: record for record in method_grids.records('s', TABLES)
  }
  assert found['fpmc']['why_skipped'] == 'no order'
  assert found['fpmc']['f'] is None
  assert found['fpmc']['printed_f'] == 0.0269
  assert found['ease']['printed_f'] is None
  assert len({tuple(record) for record in found.values()}) == 1
