"""Gains with their mechanism and without, where both are known."""

import fake_runs
import numpy as np
import pytest

from dynrec_jax.report import bootstrap, grid, knock_outs
from dynrec_jax.report.knock_outs import KNOCK_OUTS, KnockOut
from dynrec_jax.report.paper_tables import ROW_NAMES
from dynrec_jax.report.table import Skipped
from dynrec_jax.sources import simulation

ONE = KnockOut('drift', 'no_drift', 'long', 'model', 'static_dnn')
WITHOUT = fake_runs.facts_of(world='small:no_drift')
SPREAD = np.arange(40) % 3  # hits of somebody easy or hard


def run_of(model, static, facts=None, name='run', **more):
  levels = {'long': {'model': model, 'static_dnn': static}}
  return fake_runs.level_run(levels, facts, name, **more)


def row_of(with_levels, without_levels):
  return knock_outs.knock_out_row(
    ONE, run_of(*with_levels), run_of(*without_levels, WITHOUT, 'other')
  )


@pytest.mark.parametrize('of', KNOCK_OUTS, ids=lambda of: f'{of.world}-{of[3]}')
def test_worlds_and_methods_exist(of):
  assert of.world in simulation.KNOCK_OUTS
  assert {of.method, of.reference} <= set(ROW_NAMES)
  assert of.mode in ('long', 'short', 'cross')


def test_gains_of_known_levels():
  found = row_of((4, 2), (3, 2))
  assert found.gain_with == pytest.approx((0.4, 0.4, 0.4))
  assert found.gain_without == pytest.approx((0.2, 0.2, 0.2))
  assert found.change == pytest.approx((0.2, 0.2, 0.2))


@pytest.mark.parametrize(
  ('with_levels', 'without_levels', 'verdict'),
  [
    ((4, 2), (3, 2), knock_outs.SMALLER),
    ((4, 2), (2, 2), knock_outs.GONE),
    ((4, 2), (1, 2), knock_outs.GONE),
    ((4, 2), (SPREAD, SPREAD), knock_outs.GONE),
    ((3, 2), (5, 2), knock_outs.LARGER),
    ((3, 2), (4, 3), knock_outs.NOT_DECIDED),
    ((3, 2), (SPREAD + 1, SPREAD), knock_outs.NOT_DECIDED),
    ((2, 2), (1, 4), knock_outs.NO_GAIN),
    ((1, 2), (1, 4), knock_outs.NO_GAIN),
  ],
)
def test_verdicts(with_levels, without_levels, verdict):
  assert row_of(with_levels, without_levels).verdict == verdict


def test_draws_of_two_worlds_are_independent():
  """The gain of two equal worlds: sd of a difference is sqrt(2) of one.

  Were the draws the same, the difference would have no width.
  """
  gain = SPREAD + 1, SPREAD * 0 + 1
  found = row_of(gain, gain)
  width, both = (
    cell.high - cell.low for cell in (found.gain_with, found.change)
  )
  assert both / width == pytest.approx(2**0.5, rel=0.05)
  assert found.change.value == 0


def test_a_gain_is_paired():
  """Users differ by up to 2 hits, everybody's gain is one hit."""
  found = row_of((SPREAD + 1, SPREAD), (0, 0))
  assert found.gain_with == pytest.approx((0.2, 0.2, 0.2))


def test_intervals_against_the_bootstrap():
  hits = np.stack([SPREAD + 1, np.full(40, 1)]) / 5
  found = row_of((SPREAD + 1, 1), (SPREAD + 1, 1))
  for cell, seed in ((found.gain_with, 0), (found.gain_without, 1)):
    users = np.array([f'u{number}' for number in range(40)])
    drawn = bootstrap.resampled_f(users, hits, hits, seed=seed)
    want = bootstrap.interval(drawn[0] - drawn[1])
    assert cell[1:] == pytest.approx(want)


@pytest.mark.parametrize(
  ('whole', 'without', 'why'),
  [
    (None, run_of(1, 1, WITHOUT), 'no run of the whole world'),
    (run_of(1, 1), None, 'no run of no_drift world'),
    (
      run_of(1, 1),
      fake_runs.level_run({'long': {'model': 1}}, WITHOUT, 'other'),
      'other has no static_dnn in mode long',
    ),
    (
      fake_runs.level_run(
        {'long': {'static_dnn': 1}},
        skipped=[
          Skipped('short', 'model', 'another'),
          Skipped('long', 'model', 'no text'),
        ],
        labels={'model': 'dynrec'},
      ),
      run_of(1, 1, WITHOUT),
      'dynrec in run: no text',
    ),
  ],
)
def test_what_is_missing(whole, without, why):
  found = knock_outs.knock_out_row(ONE, whole, without)
  assert (found.verdict, found.why) == (knock_outs.NOT_RUN, why)
  assert (found.gain_with, found.gain_without, found.change) == (None,) * 3


@pytest.mark.parametrize(
  ('whole', 'without'),
  [
    ('small', 'small'),
    ('small', 'tiny:no_drift'),
    ('small', 'small:drift=0.5'),
    ('small', 'small:no_interest'),
    ('small', 'small:no_drift,no_interest'),
    ('small:no_drift', 'small:no_drift'),
  ],
)
def test_worlds_that_differ_otherwise_are_refused(whole, without):
  runs = [
    run_of(2, 1, fake_runs.facts_of(world=world), name)
    for world, name in ((whole, 'base'), (without, 'other'))
  ]
  with pytest.raises(ValueError, match=f'^other is of world {without}; right:'):
    knock_outs.knock_out_row(ONE, *runs)


def test_worlds_may_have_more_changes_in_common():
  facts = [
    fake_runs.facts_of(world=f'small:{changes}')
    # What stands last holds.
    for changes in ('drift=0.5,no_trends', 'trends=0,drift=0.5,no_drift')
  ]
  runs = [run_of(2, 1, of) for of in facts]
  assert knock_outs.knock_out_row(ONE, *runs).gain_with is not None


def test_other_lengths_of_lists_are_refused():
  other = run_of(
    2, 1, fake_runs.facts_of(world='small:no_drift', k=10), 'other'
  )
  with pytest.raises(ValueError, match=r'^other has lists of 10; right: 5, as'):
    knock_outs.knock_out_row(ONE, run_of(2, 1), other)


def test_as_a_table():
  labels = {'model': 'dynrec', 'static_dnn': 'Static'}
  found = [
    knock_outs.knock_out_row(
      ONE,
      run_of(4, 2, labels=labels),
      run_of(3, 2, WITHOUT, labels=labels),
    ),
    knock_outs.knock_out_row(ONE, run_of(4, 2, labels=labels), None),
  ]
  table = knock_outs.as_grid('knock_outs', 'Caption.', found)
  assert grid.as_markdown(table).splitlines()[4:6] == [
    '| drift | no_drift | long | dynrec over Static | smaller '
    '| +0.4000 [+0.4000, +0.4000] | +0.2000 [+0.2000, +0.2000] '
    '| +0.2000 [+0.2000, +0.2000] |',
    '| drift | no_drift | long | dynrec over Static '
    '| not run: no run of no_drift world |  |  |  |',
  ]


def test_as_records():
  done, missing = knock_outs.records(
    [row_of((4, 2), (3, 2)), knock_outs.knock_out_row(ONE, None, None)]
  )
  assert list(done) == list(missing)
  assert done['gain_without_low'] == pytest.approx(0.2)
  assert (done['claim'], done['method'], done['verdict']) == (
    'drift',
    'model',
    'smaller',
  )
  assert missing['change'] is None
