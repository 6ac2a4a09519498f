"""Figure 3: heights, intervals and printed values of what is drawn."""

import fake_runs
import numpy as np
import pytest

from dynrec_jax.report import ablation_bars, figures, measured

# Everybody has the same hits of 5; the model's differ.
RUN = fake_runs.level_run(
  {
    'short': {'rnn': 2, 'model': 3},
    'long': {'rnn': 1, 'static_dnn': 2, 'model': np.arange(40) % 5},
  }
)
TABLES = measured.measured(RUN, beside_print=True)


def axes_of(tables=TABLES):
  return ablation_bars.ablation_bars(tables, 'simulated').axes[0]


def bars(axes):
  """Label -> (middle, height) of each bar."""
  return {
    of.get_label(): [
      (b.get_x() + b.get_width() / 2, b.get_height()) for b in of
    ]
    for of in axes.containers
  }


def test_groups_in_the_paper_s_order():
  assert [x.get_text() for x in axes_of().get_xticklabels()] == [
    'long',
    'short',
  ]


def test_heights_and_places():
  found = bars(axes_of())
  assert list(found) == ['RNN', 'Static-DNN', 'Ours']
  np.testing.assert_allclose(found['RNN'], [(-0.32, 0.2), (0.68, 0.4)])
  np.testing.assert_allclose(found['Static-DNN'], [(0.16, 0.4)])
  np.testing.assert_allclose(found['Ours'], [(0.32, 0.4), (1.32, 0.6)])


def test_bars_have_their_intervals():
  lines = axes_of().collections[-1].get_segments()  # of the model
  low, high = TABLES['long'].row('model').f[1:]
  np.testing.assert_allclose(lines[0], [(0.32, low), (0.32, high)])
  assert high - low > 0.05


def test_printed_values():
  points = [line.get_xydata().tolist() for line in axes_of().lines]
  flat = {(round(x, 2), y) for of in points for x, y in of}
  # No value of the short RNN is printed.
  assert flat == {
    (-0.32, 0.0199),
    (0.16, 0.0242),
    (0.32, 0.034),
    (1.32, 0.0298),
  }


def test_without_printed_cells_there_are_no_diamonds():
  axes = axes_of(measured.measured(RUN, beside_print=False))
  assert len(axes.lines) == 0


@pytest.mark.parametrize('beside_print', [True, False])
def test_legend(beside_print):
  figure = ablation_bars.ablation_bars(
    measured.measured(RUN, beside_print=beside_print), 'simulated'
  )
  found = [text.get_text() for text in figure.legends[0].get_texts()]
  assert found == ['RNN', 'Static-DNN', 'Ours'] + ['printed'] * beside_print


def test_the_data_are_named():
  axes = axes_of()
  assert axes.get_title(loc='left') == 'simulated'
  assert axes.get_ylabel() == 'F@5, 95 % intervals'


def test_it_can_be_drawn():
  assert figures.png(ablation_bars.ablation_bars(TABLES, 'x')).startswith(
    b'\x89'
  )
