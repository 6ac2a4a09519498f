"""Each claim's gain against the strength of its mechanism, a panel each."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from dynrec_jax.report import figures
from dynrec_jax.report.doses import DoseCurve

_COLUMNS = 2
_WIDTH, _HEIGHT = 4.2, 2.3  # of a panel, inches


def dose_curves(curves: Sequence[DoseCurve], title: str) -> Figure:
  """Gains with their 95 % intervals, joined from strength to strength.

  A full dot's interval leaves 0 out. What did not run is a cross on the line of
  no gain.

  Args:
    curves: one or more, a panel each.
    title: the data, above the plot.

  Returns:
    The figure.
  """
  columns = min(_COLUMNS, len(curves))
  rows = -(-len(curves) // columns)
  size = _WIDTH * columns, _HEIGHT * rows + 0.6
  figure = Figure(size, layout='constrained')
  figure.suptitle(title, fontsize='medium')
  every = figure.subplots(rows, columns, squeeze=False).ravel()
  for axes, curve in zip(every, curves, strict=False):
    _draw_curve(axes, curve)
  for axes in every[len(curves) :]:
    axes.remove()
  figure.supxlabel(
    'strength of the mechanism (0: none, 1: as calibrated)', fontsize='medium'
  )
  return figure


def panel_title(curve: DoseCurve) -> str:
  """The mechanism, and whose gain it is, in a line each."""
  claim = curve.claim
  return (
    f'{claim.claim} ({claim.mechanism}):\n'
    f'{" over ".join(curve.names)}, {claim.mode}'
  )


def _draw_curve(axes: Axes, curve: DoseCurve) -> None:
  """One panel."""
  axes.axhline(0, color=figures.GREY, linewidth=1, linestyle='--')
  ran = [dose for dose in curve.doses if dose.gain]
  axes.plot(
    [dose.strength for dose in ran],
    [dose.gain.value for dose in ran],
    color=figures.BLUE,
    linewidth=1.2,
  )
  for strength, (value, low, high), _ in ran:
    axes.vlines(strength, low, high, color=figures.BLUE, linewidth=1.6)
    sure = low > 0 or high < 0
    axes.plot(
      strength,
      value,
      'o',
      color=figures.BLUE,
      markerfacecolor=figures.BLUE if sure else 'white',
      markersize=5,
    )
  for dose in curve.doses:
    if dose.gain is None:
      axes.plot(dose.strength, 0, 'x', color=figures.GREY, markersize=6)
  _finish(axes, curve)


def _finish(axes: Axes, curve: DoseCurve) -> None:
  """Titles, ticks and the verdict of a panel."""
  strengths = [dose.strength for dose in curve.doses]
  axes.set_xticks(strengths, [f'{strength:g}' for strength in strengths])
  axes.margins(x=0.08, y=0.12)
  axes.set_title(panel_title(curve), fontsize='small', loc='left')
  # Beside the first line, which is the shorter one.
  axes.set_title(
    f'{curve.verdict}\n', fontsize='small', loc='right', color=figures.GREY
  )
  axes.set_ylabel(f'gain of F@{curve.k}' if curve.k else 'gain of F')
  axes.grid(axis='y', color='0.9', linewidth=0.8)
  axes.set_axisbelow(True)
  axes.locator_params(axis='y', nbins=5)
  axes.spines[['top', 'right']].set_visible(False)
