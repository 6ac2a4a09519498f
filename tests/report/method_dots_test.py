"""Dots: where they are, in which order."""

import fake_runs
import numpy as np
import pytest

from dynrec_jax.report import figures, measured, method_dots
from dynrec_jax.report.table import Skipped

RUN = fake_runs.level_run(
  {
    'long': {'random': 0, 'model': 2, 'popularity': np.arange(40) % 5 + 1},
    'short': {'random': 1, 'model': 3},
  },
  skipped=[Skipped('long', 'fpmc', 'why'), Skipped('cross', 'sca', 'why')],
  labels=fake_runs.LABELS,
)
TABLES = measured.measured(RUN, beside_print=False)


def test_a_panel_for_each_mode_where_something_ran():
  figure = method_dots.method_dots(TABLES, 'simulated data')
  titles = [axes.get_title(loc='left') for axes in figure.axes]
  assert titles == ['long', 'short']
  assert figure.get_suptitle() == 'simulated data'
  assert figure.axes[0].get_xlabel() == 'F@5, 95 % intervals'


def test_best_on_top():
  long, short = method_dots.method_dots(TABLES, '').axes
  assert [x.get_text() for x in long.get_yticklabels()] == [
    'Random',
    'dynrec',
    'Most viewed',
  ]
  assert [x.get_text() for x in short.get_yticklabels()] == ['Random', 'dynrec']


def test_dots_and_intervals():
  axes = method_dots.method_dots(TABLES, '').axes[0]
  points = [line.get_xydata()[0].tolist() for line in axes.lines]
  np.testing.assert_allclose(points, [(0, 0), (0.4, 1), (0.6, 2)])
  low, high = TABLES['long'].row('popularity').f[1:]
  segment = axes.collections[-1].get_segments()[0]
  np.testing.assert_allclose(segment, [(low, 2), (high, 2)])
  assert low < 0.6 < high


def test_the_model_stands_out():
  axes = method_dots.method_dots(TABLES, '').axes[0]
  colours = [line.get_color() for line in axes.lines]
  assert colours == [figures.BLUE, figures.RED, figures.BLUE]


def test_nothing_ran():
  with pytest.raises(ValueError, match=r'^no method ran in any mode; right: '):
    method_dots.method_dots({'cross': TABLES['cross']}, '')


def test_it_can_be_drawn():
  figure = method_dots.method_dots(TABLES, 'x')
  assert figures.png(figure).startswith(b'\x89PNG')
