"""Claims judged by their intervals, on differences that are known."""

import fake_runs
import numpy as np
import pytest

from dynrec_jax.report import bootstrap, claims, grid, measured
from dynrec_jax.report.paper_tables import (
  NOT_DECIDED,
  NOT_RUN,
  NOT_SEEN,
  SEEN,
  Cell,
)
from dynrec_jax.report.table import Skipped

ONE_MORE = np.full(40, 2)
ONE_MORE[3] = 5
RUN = fake_runs.level_run(
  {
    'long': {
      'random': 1,
      'popularity': 3,
      'item_knn': 2,
      'fpmc': ONE_MORE,
      'model': 4,
    },
    'short': {'random': 2, 'model': 3},
  },
  skipped=[Skipped('long', 'lfm', 'too few')],
)
TABLES = measured.measured(RUN, beside_print=True)
FOUND = {(of.source, of.text): of for of in claims.claims(TABLES, RUN)}


@pytest.mark.parametrize(
  ('text', 'value', 'verdict'),
  [
    ('long: Popularity above Random', 0.4, SEEN),
    ('long: FPMC above KNN', 0.6 / 40, NOT_DECIDED),
    ('long: Ours above KNN', 0.4, SEEN),
    ('long: Ours above Popularity', 0.2, SEEN),
    ('short: Ours above Random', 0.2, SEEN),
  ],
)
def test_orders_of_table_1(text, value, verdict):
  found = FOUND['Table 1', text]
  assert found.difference.value == pytest.approx(value)
  assert found.verdict == verdict
  assert found.why == ''


def test_an_order_the_other_way_round():
  run = fake_runs.level_run({'cross': {'sca': 3, 'model': 2, 'mknn': 2}})
  tables = measured.measured(run, beside_print=True)
  found = {of.text: of for of in claims.claims(tables, None)}
  of = found['cross: Ours above SCA']
  assert of.verdict == NOT_SEEN
  assert of.difference == pytest.approx((-0.2, -0.2, -0.2))
  assert found['cross: Ours above MKNN'].verdict == NOT_DECIDED
  assert found['cross: Ours above MKNN'].difference == (0, 0, 0)


@pytest.mark.parametrize(
  ('text', 'why'),
  [
    ('long: LFM above Popularity', 'lfm: too few'),
    ('long: KNN above LFM', 'lfm: too few'),
    ('short: Ours above FPMC', 'FPMC was not asked for'),
  ],
)
def test_a_method_that_is_absent(text, why):
  found = FOUND['Table 1', text]
  assert (found.difference, found.verdict, found.why) == (None, NOT_RUN, why)


def test_a_mode_that_is_absent():
  found = FOUND['Table 2', 'cross: SCA above CB']
  assert (found.verdict, found.why) == (NOT_RUN, 'no run of mode cross')
  assert found.printed == pytest.approx(0.0147 - 0.0120)


@pytest.mark.parametrize(
  ('source', 'text', 'printed'),
  [
    ('Table 1', 'long: Ours above FPMC', 0.0071),
    ('Table 1', 'short: Popularity above LFM', 0.0002),
    ('Figure 3', 'long: RNN-Sem above Static-DNN', 0.0017),
    ('Figure 3', 'long: RNN-Sem above RNN', 0.0060),
    ('Figure 3', 'long: Ours above Static-DNN', 0.0098),
    ('text', 'FPMC: F falls from long to short', 0.0099),
    # The text says all, the table says not these.
    ('text', 'Random: F falls from long to short', -0.0006),
    ('text', 'Popularity: F falls from long to short', -0.0006),
  ],
)
def test_printed_differences(source, text, printed):
  assert FOUND[source, text].printed == pytest.approx(printed)


def test_every_claim_is_there_once():
  """Neighbours and ours above the others: 5 + 4, twice; 4 + 3; 4 + 3 + 1; 6."""
  every = claims.claims(TABLES, RUN)
  assert len(every) == len(FOUND) == 9 + 9 + 7 + 8 + 6
  # Within a table all that is printed agrees with what is claimed.
  assert all(of.printed > 0 for of in every if of.source != 'text')


class TestDecline:
  def test_levels(self):
    found = FOUND['text', 'Ours: F falls from long to short']
    assert found.difference == pytest.approx((0.2, 0.2, 0.2))
    assert found.verdict == SEEN
    found = FOUND['text', 'Random: F falls from long to short']
    assert found.difference == pytest.approx((-0.2, -0.2, -0.2))
    assert found.verdict == NOT_SEEN

  def test_not_run_in_both(self):
    found = FOUND['text', 'KNN: F falls from long to short']
    assert (found.verdict, found.why) == (NOT_RUN, 'not run in both modes')

  def test_without_a_run(self):
    every = claims.claims({}, None)
    assert {of.verdict for of in every} == {NOT_RUN}

  def test_users_are_drawn_with_the_rows_of_both_modes(self):
    """Against a bootstrap in plain Python, of other truths in each mode."""
    run = fake_runs.run_of({'long': {'model': ((1, 2, 0), (0, 3, 1))}})
    short = fake_runs.splits_of(
      ((2, 1, 1), (0, 2, 0)), truth=((8, 0, 3), (2, 6, 0))
    )
    run = run._replace(lists=run.lists | {('short', 'model'): short})
    found = claims.change_between_modes(run, 'model', 'long', 'short')
    # user -> (hits, truth) of the rows that count.
    rows = (
      {'a': [(1, 5)], 'b': [(2, 2), (0, 1)], 'c': [(3, 4)], 'd': [(1, 2)]},
      {'a': [(2, 8)], 'd': [(1, 3)], 'b': [(0, 2)], 'c': [(2, 6)]},
    )

    def f_of(names, mode):
      own = [row for name in names for row in mode.get(name, [])]
      p = sum(hits / 5 for hits, _ in own) / len(own)
      r = sum(hits / truth for hits, truth in own) / len(own)
      return 2 * p * r / (p + r) if p + r else 0.0

    rng = np.random.default_rng(0)
    names = 'abcd'
    differences = []
    for _ in range(bootstrap.RESAMPLES):
      drawn = [names[place] for place in rng.integers(4, size=4)]
      differences.append(f_of(drawn, rows[0]) - f_of(drawn, rows[1]))
    assert found.value == pytest.approx(
      f_of(names, rows[0]) - f_of(names, rows[1])
    )
    want = bootstrap.interval(np.array(differences))
    assert found[1:] == pytest.approx(want)


@pytest.mark.parametrize(
  ('difference', 'verdict'),
  [
    (Cell(0.2, 0.1, 0.3), SEEN),
    (Cell(0.2, 0.0, 0.3), NOT_DECIDED),
    (Cell(-0.2, -0.3, 0.0), NOT_DECIDED),
    (Cell(-0.2, -0.3, -0.1), NOT_SEEN),
  ],
)
def test_verdicts_are_of_intervals(difference, verdict):
  assert claims.verdict(difference) == verdict


def test_as_a_table():
  lines = grid.as_markdown(
    claims.as_grid('claims', 'Caption.', claims.claims(TABLES, RUN)[:2])
  ).splitlines()
  assert lines[2:6] == [
    '| where | claim | verdict | ours | printed |',
    '|---|---|---|---:|---:|',
    '| Table 1 | long: Popularity above Random | seen '
    '| +0.4000 [+0.4000, +0.4000] | +0.0015 |',
    '| Table 1 | long: LFM above Popularity | not run: lfm: too few |  '
    '| +0.0024 |',
  ]


def test_as_records():
  found = claims.records(claims.claims(TABLES, RUN)[:2])
  assert found[0]['difference'] == pytest.approx(0.4)
  assert found[0]['printed'] == 0.0015
  assert found[1] == {
    'source': 'Table 1',
    'claim': 'long: LFM above Popularity',
    'printed': 0.0024,
    'difference': None,
    'low': None,
    'high': None,
    'verdict': NOT_RUN,
    'why': 'lfm: too few',
  }
