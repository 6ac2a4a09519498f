"""Figures as bytes: of the right kind, and the same every time."""

from matplotlib.figure import Figure

from dynrec_jax.report import figures


def drawn() -> Figure:
  figure = Figure((2, 1))
  axes = figure.add_subplot()
  axes.plot([0, 1], [0, 1])
  axes.set_title('title')
  return figure


def test_png():
  assert figures.png(drawn()).startswith(b'\x89PNG')
  assert figures.png(drawn()) == figures.png(drawn())


def test_pdf():
  found = figures.pdf(drawn())
  assert found.startswith(b'%PDF')
  assert b'/FontFile2' in found  # TrueType
  assert b'/Type3' not in found
  assert b'CreationDate' not in found
  assert found == figures.pdf(drawn())


def test_colours_differ():
  colours = {
    figures.BLUE,
    figures.SKY,
    figures.GREEN,
    figures.ORANGE,
    figures.RED,
  }
  assert len(colours) == 5
