"""Charts as plotly's JSON: values, intervals and what is left out."""

import itertools
import json
import math

import plotly.graph_objects as go
import pytest

from dynrec_jax.report import charts
from dynrec_jax.report.charts import Point

BARS = {
  'RNN': [Point(0.02, 0.015, 0.027), Point(None)],
  'dynrec': [Point(0.034), Point(0.03, 0.03, math.nan)],
}


def checked(chart):
  """The chart, if plotly and JSON know it."""
  json.dumps(chart, allow_nan=False)
  go.Figure(chart)
  return chart['data'], chart['layout']


class TestBars:
  def test_values_and_intervals(self):
    chart = charts.bars_with_intervals(
      ['long', 'short'], BARS, printed={}, label='F@5'
    )
    (rnn, dynrec), layout = checked(chart)
    assert (rnn['type'], rnn['name']) == ('bar', 'RNN')
    assert rnn['x'] == ['long', 'short']
    assert rnn['y'] == [0.02, None]
    assert rnn['error_y']['array'] == [0.007, 0]
    assert rnn['error_y']['arrayminus'] == [0.005, 0]
    assert not rnn['error_y']['symmetric']
    assert dynrec['error_y']['array'] == [0, None]
    assert layout['barmode'] == 'group'
    assert layout['yaxis']['title']['text'] == 'F@5'

  def test_what_is_printed_stands_over_its_bar(self):
    printed = {'dynrec': [0.034, 0.0298], 'RNN': [0.0199, None], 'KNN': [1, 2]}
    chart = charts.bars_with_intervals(
      ['long', 'short'], BARS, printed=printed, label='F@5'
    )
    (rnn, dynrec, one, other), layout = checked(chart)
    assert one['y'] == [0.0199, None]
    assert other['y'] == [0.034, 0.0298]
    assert one['offsetgroup'] == rnn['offsetgroup']
    assert other['offsetgroup'] == dynrec['offsetgroup']
    assert rnn['offsetgroup'] != dynrec['offsetgroup']
    assert [one['showlegend'], other['showlegend']] == [True, False]
    assert layout['scattermode'] == 'group'

  def test_nothing_printed_has_no_diamond(self):
    chart = charts.bars_with_intervals(
      ['long', 'short'], BARS, printed={'RNN': [None, None]}, label='F'
    )
    assert len(chart['data']) == 2

  def test_bars_differ_by_more_than_colour(self):
    bars = {str(i): [Point(1.0)] for i in range(8)}
    data, _ = checked(
      charts.bars_with_intervals(['a'], bars, printed={}, label='F')
    )
    assert len({bar['marker']['color'] for bar in data}) == 8
    assert len({bar['marker']['pattern']['shape'] for bar in data}) == 8

  @pytest.mark.parametrize('printed', [{}, {'RNN': [1.0]}])
  def test_another_number_of_values(self, printed):
    groups = ['long', 'short'] if printed else ['long']
    with pytest.raises(ValueError, match=r"'RNN' has . values; right: one for"):
      charts.bars_with_intervals(groups, BARS, printed=printed, label='F')


def test_dots():
  rows = [('a', Point(0.02, -0.01, 0.03)), ('b', Point(-0.5, -0.75, -0.25))]
  (dots,), layout = checked(
    charts.dots_with_intervals(rows, label='difference')
  )
  assert dots['y'] == ['a', 'b']
  assert dots['x'] == [0.02, -0.5]
  assert dots['error_x']['array'] == [0.01, 0.25]
  assert dots['error_x']['arrayminus'] == [0.03, 0.25]
  assert layout['yaxis']['autorange'] == 'reversed'
  assert [(line['x0'], line['x1']) for line in layout['shapes']] == [(0, 0)]
  checked(charts.dots_with_intervals([], label='x'))


class TestCurves:
  def test_a_chart_of_each_measure(self):
    curves = {
      'dynrec': [
        (1, {'train/loss': 3.0}),
        (2, {'train/loss': math.nan, 'valid/f_score': 0.1}),
        (3, {'train/loss': 1.0, 'test_long/model/recall': 0.5}),
      ],
      'RNN': [(2, {'valid/f_score': 0.123456789})],
    }
    found = charts.training_curves(curves)
    assert list(found) == ['valid/f_score', 'train/loss']
    (loss,), _ = checked(found['train/loss'])
    assert (loss['x'], loss['y']) == ([1, 2, 3], [3.0, None, 1.0])
    lines, layout = checked(found['valid/f_score'])
    assert [line['name'] for line in lines] == ['dynrec', 'RNN']
    assert lines[1]['y'] == [0.12346]
    assert layout['xaxis']['title']['text'] == 'step'

  @pytest.mark.parametrize('count', [1, 199, 200, 201, 399, 400, 1000, 7777])
  def test_long_lines_keep_their_last_point(self, count):
    curve = [(step, {'train/loss': 1.0}) for step in range(count)]
    (line,), _ = checked(charts.training_curves({'a': curve})['train/loss'])
    steps = line['x']
    assert steps[-1] == count - 1
    assert min(count, 100) <= len(steps) <= 200
    assert len({b - a for a, b in itertools.pairwise(steps)}) <= 1

  def test_none(self):
    assert charts.training_curves({}) == {}
    assert charts.training_curves({'a': []}) == {}

  def test_a_network_s_splits_share_colour_and_entry(self):
    names = ['a, split 0', 'b, split 0', 'a, split 1', 'b', 'c, d, split 0']
    curves = {name: [(1, {'x': 1.0}), (2, {'x': 2.0})] for name in names}
    lines, _ = checked(charts.training_curves(curves)['x'])
    assert [line['name'] for line in lines] == ['a', 'b', 'a', 'b', 'c, d']
    shown = [line['showlegend'] for line in lines]
    assert shown == [True, True, False, False, True]
    colors = [line['line']['color'] for line in lines]
    assert colors[0] == colors[2] != colors[1] == colors[3] != colors[4]
    assert lines[2]['hovertemplate'].startswith('a, split 1: ')

  def test_many_lines_are_told_apart(self):
    curves = {str(i): [(1, {'x': 1.0}), (2, {'x': 2.0})] for i in range(32)}
    lines, _ = checked(charts.training_curves(curves)['x'])
    looks = {(line['line']['color'], line['line']['dash']) for line in lines}
    assert len(looks) == 32


@pytest.mark.parametrize(
  ('topic', 'words', 'want'),
  [
    (1, [['a'], ['b', 'c', 'd']], '1: b c'),
    (1, [['a'], []], 'topic 1'),
    (2, [['a']], 'topic 2'),
    (0, (), 'topic 0'),
  ],
)
def test_topic_name(topic, words, want):
  assert charts.topic_name(topic, words, 2) == want
