"""Figures as files' content: no display, no global state, no date."""

import io

import matplotlib
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_DPI = 150
# Okabe and Ito's colours, which the colour-blind can tell apart.
BLUE, SKY, GREEN, ORANGE, RED = (
  '#0072B2',
  '#56B4E9',
  '#009E73',
  '#E69F00',
  '#D55E00',
)
GREY = '0.45'


def png(figure: Figure) -> bytes:
  """The figure as a PNG."""
  return _saved(figure, format='png', dpi=_DPI, metadata={'Software': None})


def pdf(figure: Figure) -> bytes:
  """The figure as a PDF, its letters as TrueType: text that can be searched."""
  with matplotlib.rc_context({'pdf.fonttype': 42}):
    return _saved(figure, format='pdf', metadata={'CreationDate': None})


def _saved(figure: Figure, **settings) -> bytes:
  """What would be in the file."""
  FigureCanvasAgg(figure)
  file = io.BytesIO()
  figure.savefig(file, **settings)
  return file.getvalue()
