"""Curves: a panel a claim, where the gains are, and what did not run."""

import fake_runs
import numpy as np
import pytest

from dynrec_jax.report import dose_curves, doses, figures
from dynrec_jax.report.doses import Tried
from dynrec_jax.report.knock_outs import KnockOut

ONE = KnockOut('interest that moves', 'no_drift', 'long', 'model', 'static_dnn')
LABELS = {'model': 'dynrec', 'static_dnn': 'Static-DNN'}
SPREAD = np.arange(40) % 3


def tried(strength, model, static):
  run = fake_runs.level_run(
    {'long': {'model': model, 'static_dnn': static}},
    fake_runs.facts_of(world=f'small:drift={strength}'),
    labels=LABELS,
  )
  return Tried(strength, run)


CURVE = doses.dose_curve(
  ONE,
  [tried(0, SPREAD, 1), Tried(0.5, None, 'stopped'), tried(1.5, SPREAD + 1, 1)],
)


@pytest.fixture
def figure():
  return dose_curves.dose_curves([CURVE] * 3, 'simulated data (world small)')


def test_a_panel_for_each_claim(figure):
  assert len(figure.axes) == 3
  assert figure.get_suptitle() == 'simulated data (world small)'
  assert 'strength' in figure.get_supxlabel()
  for axes in figure.axes:
    assert axes.get_title(loc='left') == (
      'interest that moves (drift):\ndynrec over Static-DNN, long'
    )
    assert axes.get_ylabel() == 'gain of F@5'
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels == ['0', '0.5', '1.5']


def test_gains_and_their_intervals(figure):
  axes = figure.axes[0]
  zero, line, first, last, missing = axes.lines
  assert list(zero.get_ydata()) == [0, 0]
  # 39 / 40 hits of 5 less 1 of 5, and a hit more.
  low, high = (39 / 40 - 1) / 5, 39 / 40 / 5
  np.testing.assert_allclose(line.get_xydata(), [(0, low), (1.5, high)])
  np.testing.assert_allclose(first.get_xydata(), [(0, low)])
  np.testing.assert_allclose(last.get_xydata(), [(1.5, high)])
  assert missing.get_xydata().tolist() == [[0.5, 0]]
  assert missing.get_marker() == 'x'
  ran = [CURVE.doses[0], CURVE.doses[2]]
  for dose, bars in zip(ran, axes.collections, strict=True):
    np.testing.assert_allclose(
      bars.get_segments()[0],
      [(dose.strength, dose.gain.low), (dose.strength, dose.gain.high)],
    )
  # The first interval holds 0, the last one does not.
  assert first.get_markerfacecolor() == 'white'
  assert last.get_markerfacecolor() == figures.BLUE


def test_the_verdict_stands_above(figure):
  text = figure.axes[-1].get_title(loc='right')
  assert (text, CURVE.verdict) == ('rises\n', 'rises')


def test_nothing_ran():
  empty = doses.dose_curve(ONE, [Tried(0, None), Tried(1, None)])
  (axes,) = dose_curves.dose_curves([empty], '').axes
  assert axes.get_title(loc='right') == 'not run\n'
  assert axes.get_ylabel() == 'gain of F'


def test_it_can_be_drawn_the_same_twice(figure):
  again = dose_curves.dose_curves([CURVE] * 3, 'simulated data (world small)')
  assert figures.png(figure) == figures.png(again)
  assert figures.pdf(figure).startswith(b'%PDF')
