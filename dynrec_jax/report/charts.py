"""Charts as plotly's own JSON: training curves, bars and dots with intervals.

Colours of text, grid and background are the page's, which knows whether it is
read in the dark.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go

# Okabe and Ito's colours, told apart by the colour-blind, on white and black.
PALETTE = (
  '#0072b2',
  '#e69f00',
  '#009e73',
  '#cc79a7',
  '#56b4e9',
  '#d55e00',
  '#a6761d',
  '#8c7ae6',
)
REST = '#9aa0a6'  # all others together
_DASHES = ('solid', 'dash', 'dot', 'dashdot')
_POINTS = 200  # of a line; more cannot be told apart

# What plotly draws, as its JSON holds it.
Chart = Mapping[str, Any]
# Of one training: (step, name -> value).
Curve = Sequence[tuple[int, Mapping[str, float]]]


class Point(NamedTuple):
  """A value with its 95 % interval.

  Attributes:
    value: None where there is none.
    low: of the interval; None without one.
    high: of it.
  """

  value: float | None
  low: float | None = None
  high: float | None = None


def bars_with_intervals(
  groups: Sequence[str],
  bars: Mapping[str, Sequence[Point]],
  *,
  printed: Mapping[str, Sequence[float | None]],
  label: str,
) -> Chart:
  """Grouped bars with their intervals, beside what the paper prints.

  Paper: Fig. 3 has such bars, without intervals.

  Args:
    groups: names of the groups, from left to right.
    bars: name of a bar -> its value in each group.
    printed: name of a bar -> what is printed of it in each group, None for
      nothing; shown as diamonds.
    label: of the axis of values.

  Returns:
    The chart.

  Raises:
    ValueError: a bar has another number of values than there are groups.
  """
  figure = go.Figure()
  for place, (name, points) in enumerate(bars.items()):
    _check_length(name, points, groups)
    figure.add_bar(
      x=list(groups),
      y=[_number(p.value) for p in points],
      error_y=_error(points),
      name=name,
      offsetgroup=str(place),
      marker=_bar_marker(place),
    )
  for place, name in enumerate(bars):
    values = printed.get(name, ())
    if any(value is not None for value in values):
      _check_length(name, values, groups)
      figure.add_trace(_diamonds(groups, values, name, place))
      figure.data[-1].showlegend = len(figure.data) == len(bars) + 1
  figure.update_layout(
    barmode='group', scattermode='group', yaxis={'title': {'text': label}}
  )
  return _as_json(figure)


def dots_with_intervals(
  rows: Sequence[tuple[str, Point]], *, label: str
) -> Chart:
  """A dot and its interval in each row, beside the line of no difference.

  Args:
    rows: (name, value), from the top.
    label: of the axis of values.
  """
  points = [point for _, point in rows]
  error = _error(points)
  figure = go.Figure(
    go.Scatter(
      x=[_number(point.value) for point in points],
      y=[name for name, _ in rows],
      error_x=error,
      mode='markers',
      marker={'size': 10, 'color': PALETTE[0]},
      showlegend=False,
    )
  )
  figure.add_vline(x=0, line={'color': REST, 'dash': 'dash'})
  figure.update_layout(
    xaxis={'title': {'text': label}},
    yaxis={'autorange': 'reversed', 'type': 'category'},
    height=120 + 32 * max(len(rows), 1),
  )
  return _as_json(figure)


def training_curves(curves: Mapping[str, Curve]) -> dict[str, Chart]:
  """A chart of each measure over the steps, a line per training.

  Of a long line some points are left out, evenly, never its last.

  Args:
    curves: name of a training -> its records. Names that differ after the
      last comma alone ('RNN, split 0') are of one network, and of one colour.
      Values that are not finite are gaps; those of a test are no curve.

  Returns:
    name of a measure -> its chart, those of the validation first.
  """
  names = dict.fromkeys(
    name
    for records in curves.values()
    for _, values in records
    for name in values
    if not name.startswith('test')
  )
  ordered = sorted(names, key=lambda name: not name.startswith('valid'))
  return {name: _curve_chart(name, curves) for name in ordered}


def topic_name(
  topic: int, topic_words: Sequence[Sequence[str]], count: int
) -> str:
  """A topic as a legend calls it: its number and its first words, if known."""
  words = topic_words[topic][:count] if topic < len(topic_words) else ()
  return f'{topic}: {" ".join(words)}' if len(words) else f'topic {topic}'


def _curve_chart(name: str, curves: Mapping[str, Curve]) -> Chart:
  """The chart of one measure; a network has one colour and legend entry."""
  figure = go.Figure()
  places: dict[str, int] = {}
  for label, records in curves.items():
    points = _thinned([(s, v[name]) for s, v in records if name in v])
    if not points:
      continue
    network = label.rpartition(', ')[0] or label
    is_first = network not in places
    place = places.setdefault(network, len(places))
    steps, values = zip(*points, strict=True)
    figure.add_scatter(
      x=list(steps),
      y=[_number(value) for value in values],
      name=network,
      legendgroup=network,
      showlegend=is_first,
      hovertemplate=f'{label}: %{{y}} at step %{{x}}<extra></extra>',
      mode='lines' if len(points) > 1 else 'markers',
      line={
        'color': PALETTE[place % len(PALETTE)],
        'dash': _DASHES[place // len(PALETTE) % len(_DASHES)],
      },
    )
  figure.update_layout(
    xaxis={'title': {'text': 'step'}},
    yaxis={'title': {'text': name}},
    showlegend=True,
  )
  return _as_json(figure)


def _thinned(points: list) -> list:
  """At most _POINTS of them, evenly, the last one among them."""
  stride = -(-len(points) // _POINTS)
  return points[::-1][:: max(stride, 1)][::-1]


def _diamonds(groups, values, name: str, place: int) -> go.Scatter:
  """What is printed of a bar, above it."""
  return go.Scatter(
    x=list(groups),
    y=[_number(value) for value in values],
    name='printed',
    legendgroup='printed',
    hovertemplate=f'{name}, printed: %{{y}}<extra></extra>',
    mode='markers',
    offsetgroup=str(place),
    marker={
      'symbol': 'diamond',
      'size': 10,
      'color': '#ffffff',
      'line': {'width': 2, 'color': '#000000'},
    },
  )


def _bar_marker(place: int) -> dict[str, Any]:
  """Colour and, so that colour is not needed, a pattern."""
  shapes = ('', '/', '\\', 'x', '.', '-', '|', '+')
  return {
    'color': PALETTE[place % len(PALETTE)],
    'pattern': {
      'shape': shapes[place % len(shapes)],
      'solidity': 0.15,
      'fillmode': 'overlay',
      'fgcolor': '#ffffff',
    },
  }


def _error(points: Sequence[Point]) -> dict[str, Any]:
  """The intervals as lengths up and down; 0 where there is none."""
  up, down = [], []
  for value, low, high in points:
    has = value is not None and low is not None and high is not None
    up.append(_number(max(high - value, 0)) if has else 0)
    down.append(_number(max(value - low, 0)) if has else 0)
  return {
    'type': 'data',
    'symmetric': False,
    'array': up,
    'arrayminus': down,
    'thickness': 1.5,
  }


def _number(value: float | None) -> float | None:
  """With five digits; None of what is not finite."""
  if value is None or not np.isfinite(value):
    return None
  return float(f'{value:.5g}')


def _check_length(name: str, values: Sequence, groups: Sequence) -> None:
  """Raises unless there is a value for each group."""
  if len(values) != len(groups):
    raise ValueError(
      f'{name!r} has {len(values)} values; right: one for each of the '
      f'{len(groups)} groups'
    )


def _as_json(figure: go.Figure) -> Chart:
  """As the page embeds it; transparent, so that the page's colours hold."""
  figure.update_layout(
    template='none',
    paper_bgcolor='rgba(0,0,0,0)',
    plot_bgcolor='rgba(0,0,0,0)',
    margin={'l': 56, 'r': 16, 't': 16, 'b': 48},
    dragmode=False,
    hovermode='closest',
  )
  figure.update_xaxes(automargin=True)
  figure.update_yaxes(automargin=True)
  return json.loads(figure.to_json())
