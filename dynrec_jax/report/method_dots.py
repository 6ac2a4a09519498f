"""Every method's F at k with its interval, best on top, a panel per mode."""

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dynrec_jax.report import figures
from dynrec_jax.report.paper_tables import ModeTable

_WIDTH = 4.6  # of a panel, inches
_MODEL = 'model'


def method_dots(tables: Mapping[str, ModeTable], title: str) -> Figure:
  """A dot with its 95 % interval for each method that ran.

  Args:
    tables: by mode, a panel each; one where nothing ran has none.
    title: the data, above the plot.

  Returns:
    The figure.

  Raises:
    ValueError: nothing ran at all.
  """
  shown = [table for table in tables.values() if table.drawn_f]
  if not shown:
    raise ValueError('no method ran in any mode; right: one or more')
  most = max(len(table.drawn_f) for table in shown)
  figure = Figure(
    (_WIDTH * len(shown), 1.3 + 0.26 * most), layout='constrained'
  )
  figure.suptitle(title, fontsize='medium')
  every = figure.subplots(1, len(shown), squeeze=False)[0]
  for axes, table in zip(every, shown, strict=True):
    _draw_mode(axes, table)
  return figure


def _draw_mode(axes: Axes, table: ModeTable) -> None:
  """One panel, best F on top."""
  rows = sorted(
    (row for row in table.rows if row.f), key=lambda row: row.f.value
  )
  for place, row in enumerate(rows):
    colour = figures.RED if row.method == _MODEL else figures.BLUE
    axes.hlines(place, row.f.low, row.f.high, color=colour, linewidth=1.6)
    axes.plot(row.f.value, place, 'o', color=colour, markersize=5)
  axes.set_yticks(range(len(rows)), [row.label for row in rows])
  for label, row in zip(axes.get_yticklabels(), rows, strict=True):
    label.set_fontweight('bold' if row.method == _MODEL else 'normal')
  axes.set_ylim(-0.6, len(rows) - 0.4)
  axes.set_xlim(left=0)
  axes.grid(axis='x', color='0.9', linewidth=0.8)
  axes.set_axisbelow(True)
  axes.tick_params(axis='y', length=0)
  axes.spines[['top', 'right', 'left']].set_visible(False)
  axes.locator_params(axis='x', nbins=5)
  axes.set_xlabel(f'F@{table.k}, 95 % intervals')
  axes.set_title(table.mode, fontsize='medium', loc='left')
