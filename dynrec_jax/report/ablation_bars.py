"""Figure 3: F at k of the model and of what is left when a part is out."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dynrec_jax.report import figures
from dynrec_jax.report.paper_tables import ROW_NAMES, ModeTable

# Bars from left to right, and their colours.
_BARS = {
  'rnn': figures.SKY,
  'rnn_sem': figures.BLUE,
  'rnn_norel': figures.GREEN,
  'static_dnn': figures.ORANGE,
  'model': figures.RED,
}
_WIDTH = 0.16  # of a bar; groups are 1 apart
_SIZE = (7.2, 3.6)  # inches
# Modes as the paper groups the bars.
_GROUPS = ('long', 'short', 'cross')
_PRINTED = 'printed'  # in the legend


def ablation_bars(tables: Mapping[str, ModeTable], title: str) -> Figure:
  """Grouped bars with 95 % intervals, the printed values as diamonds.

  Paper: Figure 3. Of the printed bars only those of the long mode and those of
    the full model have a number in the text.

  Args:
    tables: by mode; groups are those of 'long', 'short' and 'cross' that are
      there, one or more. A method that did not run leaves its place empty.
    title: the data, above the plot.

  Returns:
    The figure.
  """
  groups = [mode for mode in _GROUPS if mode in tables]
  figure = Figure(_SIZE, layout='constrained')
  axes = figure.add_subplot()
  for place, (method, colour) in enumerate(_BARS.items()):
    offset = (place - (len(_BARS) - 1) / 2) * _WIDTH
    _draw_method(
      axes, [tables[mode] for mode in groups], method, offset, colour
    )
  axes.set_xticks(range(len(groups)), groups)
  axes.set_xlim(-0.5, len(groups) - 0.5)
  axes.set_ylim(bottom=0)
  axes.tick_params(axis='x', length=0)
  axes.grid(axis='y', color='0.9', linewidth=0.8)
  axes.set_axisbelow(True)
  axes.spines[['top', 'right']].set_visible(False)
  k = tables[groups[0]].k
  axes.set_ylabel(f'F@{k}, 95 % intervals')
  axes.set_title(title, fontsize='medium', loc='left')
  handles, labels = axes.get_legend_handles_labels()
  # Bars before the diamonds, which matplotlib would put first.
  order = sorted(range(len(labels)), key=lambda i: labels[i] == _PRINTED)
  figure.legend(
    [handles[i] for i in order],
    [labels[i] for i in order],
    loc='outside right upper',
    frameon=False,
  )
  return figure


def _draw_method(
  axes: Axes,
  tables: Sequence[ModeTable],
  method: str,
  offset: float,
  colour: str,
) -> None:
  """One method's bars, intervals and printed values."""
  rows = [
    (place + offset, table.row(method)) for place, table in enumerate(tables)
  ]
  ran = [(x, row.f) for x, row in rows if row and row.f]
  printed = [(x, row.printed.f) for x, row in rows if row and row.printed]
  if ran:
    x, cells = zip(*ran, strict=True)
    f, low, high = zip(*cells, strict=True)
    axes.bar(x, f, _WIDTH * 0.92, color=colour, label=ROW_NAMES[method])
    axes.vlines(x, low, high, color='0.15', linewidth=1.2)
  if printed:
    axes.plot(
      *zip(*printed, strict=True),
      'D',
      markersize=5,
      markerfacecolor='white',
      markeredgecolor='black',
      label=_PRINTED if method == 'model' else None,
    )
