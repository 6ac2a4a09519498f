"""Rows of a run, with hits that a person can count."""

import fake_runs
import numpy as np
import pytest

from dynrec_jax.report import bootstrap, comparison, measured
from dynrec_jax.report.paper_tables import ABOVE, BELOW, Printed
from dynrec_jax.report.table import Skipped

# Truths that count: a 5, b 2; b 1, c 4, d 2.
MODES = {
  'long': {
    'model': ((1, 2, 0), (0, 3, 1)),
    'random': ((0, 0, 0), (0, 1, 0)),
  },
  'short': {'model': ((1, 1, 0), (1, 1, 1))},
}
SKIPPED = [
  Skipped('long', 'popularity', 'no counts'),
  Skipped('short', 'popularity', 'no counts'),
]
RUN = fake_runs.run_of(MODES, skipped=SKIPPED)


def of(run=RUN, *, beside_print=True):
  return measured.measured(run, beside_print=beside_print)


def f_of(p, r):
  return 2 * p * r / (p + r)


def test_means_over_all_users_of_all_splits():
  row = of()['long'].row('model')
  p, r = (0.2 + 0.4 + 0 + 0.6 + 0.2) / 5, (0.2 + 1 + 0 + 0.75 + 0.5) / 5
  assert row.precision.value == pytest.approx(p)
  assert row.recall.value == pytest.approx(r)
  assert row.f.value == pytest.approx(f_of(p, r))
  # Not the mean over splits, which weighs users of small splits more.
  assert row.precision.value != pytest.approx((0.3 + 0.8 / 3) / 2)


def test_spread_over_splits():
  sd = of()['long'].row('model').splits_sd
  p, r = (0.3, 0.8 / 3), (0.6, 1.25 / 3)
  f = [f_of(*pair) for pair in zip(p, r, strict=True)]
  # Of a pair: |x - y| / sqrt(2).
  want = [abs(x - y) / np.sqrt(2) for x, y in (p, r, f)]
  np.testing.assert_allclose(sd, want)


def test_one_split_has_no_spread():
  run = fake_runs.level_run({'long': {'model': 2}})
  assert of(run)['long'].rows[0].splits_sd is None


def test_intervals_come_from_the_same_draws():
  """b's two rows are drawn together; F is of the draws of P and R."""
  users = np.array(['a', 'b', 'b', 'c', 'd'])
  values = np.array([[0.2, 0.4, 0, 0.6, 0.2], [0.2, 1, 0, 0.75, 0.5]])
  drawn = bootstrap.resampled_means(users, values)
  row = of()['long'].row('model')
  for found, want in (
    (row.precision, drawn[0]),
    (row.recall, drawn[1]),
    (row.f, 2 * drawn[0] * drawn[1] / np.maximum(drawn.sum(0), 1e-9)),
  ):
    np.testing.assert_allclose(found[1:], bootstrap.interval(want), rtol=1e-9)
    assert found.low < found.value < found.high


def test_intervals_are_those_of_a_comparison():
  """Whoever reads two files of a run finds one interval."""
  rows = [RUN.lists['long', method] for method in ('model', 'random')]
  want = comparison.compare(rows, 5)
  table = of()['long']
  for standing, method in zip(want, ('model', 'random'), strict=True):
    np.testing.assert_allclose(table.row(method).f, standing[:3], rtol=1e-9)


def test_draws_of_methods_are_paired():
  drawn = of()['long'].drawn_f
  assert list(drawn) == ['model', 'random']
  want = comparison.compare(
    [RUN.lists['long', method] for method in ('model', 'random')], 5
  )[1]
  np.testing.assert_allclose(
    bootstrap.interval(drawn['random'] - drawn['model']),
    (want.change_low, want.change_high),
    rtol=1e-9,
  )


def test_users_and_truths():
  """a, b, b, c, d with 5, 2, 1, 4, 2; d of the first split has none."""
  table = of()['long']
  assert (table.splits, table.users, table.cases) == (2, 4, 5)
  assert table.without_truth == 1
  assert table.truth_mean == pytest.approx(14 / 5)
  assert table.truth_median == 2
  assert table.truth_total == 14
  assert (table.mode, table.k) == ('long', 5)


def test_order_and_names_are_the_labels():
  table = of()['long']
  assert [(row.method, row.label) for row in table.rows] == [
    ('random', 'Random'),
    ('popularity', 'Most viewed'),
    ('model', 'dynrec'),
  ]
  table = of(RUN._replace(labels={'model': 'M'}))['long']
  assert [(row.method, row.label) for row in table.rows] == [
    ('model', 'M'),
    ('random', 'random'),
    ('popularity', 'popularity'),
  ]


def test_what_was_skipped_has_no_number():
  row = of()['long'].row('popularity')
  assert (row.precision, row.recall, row.f, row.mark) == (None,) * 3 + ('',)
  assert row.why_skipped == 'no counts'
  assert row.printed == Printed(0.0015, 0.0035, 0.0021)


def test_a_mode_where_nothing_ran():
  run = RUN._replace(skipped=[Skipped('cross', 'model', 'no tweets')])
  table = of(run)['cross']
  assert (table.users, table.truth_total, table.drawn_f) == (0, 0, {})
  assert [row.why_skipped for row in table.rows] == ['no tweets']
  assert list(of(run)) == ['long', 'short', 'cross']


def test_printed_cells_only_where_they_may_stand():
  assert of()['long'].row('model').printed.f == 0.0340
  assert of()['short'].row('model').printed.f == 0.0298
  assert of(beside_print=False)['long'].row('model').printed is None
  run = fake_runs.run_of(MODES, fake_runs.facts_of(k=10))
  assert of(run)['long'].row('model').printed is None
  assert of(run)['long'].row('model').precision.value == pytest.approx(0.14)


class TestMarks:
  """Everybody of 40 has the same hits, so that nothing has a width."""

  def marks(self, hits):
    run = fake_runs.level_run({'long': hits})
    return {row.method: row.mark for row in of(run)['long'].rows}

  def test_best_is_above_the_second_and_others_below_the_best(self):
    assert self.marks({'x': 1, 'y': 3, 'z': 2}) == {
      'x': BELOW,
      'y': ABOVE,
      'z': BELOW,
    }

  def test_two_best_are_not_decided(self):
    assert self.marks({'x': 3, 'y': 1, 'z': 3}) == {
      'x': '',
      'y': BELOW,
      'z': '',
    }

  def test_a_difference_that_may_be_zero_is_not_decided(self):
    """One user of 40 has more hits: a third of the draws lack him."""
    more = np.full(40, 2)
    more[7] = 5
    assert self.marks({'x': 2, 'y': more}) == {'x': '', 'y': ''}

  def test_a_small_difference_that_is_paired_is_decided(self):
    """Hits go from 0 to 4, yet everybody has one more."""
    easy = np.arange(40) % 5
    assert self.marks({'x': easy, 'y': easy + 1}) == {'x': BELOW, 'y': ABOVE}

  def test_one_method_has_no_other(self):
    assert self.marks({'x': 3}) == {'x': ''}


def test_among_some_methods():
  run = fake_runs.level_run(
    {'long': {'x': 1, 'y': 3, 'z': 2}},
    skipped=[Skipped('long', 'w', 'why'), Skipped('long', 'v', 'why')],
  )
  table = measured.among(of(run)['long'], ('z', 'x', 'w'))
  assert [(row.method, row.mark) for row in table.rows] == [
    ('x', BELOW),
    ('z', ABOVE),
    ('w', ''),
  ]
  assert list(table.drawn_f) == ['x', 'z']
  assert measured.among(of(run)['long'], ()).rows == []


def test_another_truth_names_run_and_mode():
  run = fake_runs.run_of(MODES, name='odd')
  lists = dict(run.lists)
  lists['long', 'random'] = lists['long', 'random'][:1]
  with pytest.raises(ValueError, match=r'^odd, mode long: 1 splits beside 2; '):
    of(run._replace(lists=lists))


def test_a_run_of_nothing_is_refused():
  with pytest.raises(ValueError, match=r'^run has no method that ran; right: '):
    of(fake_runs.run_of({}))
