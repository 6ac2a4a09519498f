"""The report of a study as one HTML file, which needs nothing beside it.

plotly.js is in it, and a rule that forbids the browser to ask any server for
anything.
"""

import base64
import collections
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jinja2
from plotly import offline

from dynrec_jax.report import charts
from dynrec_jax.report.charts import Chart, Curve

# What a verdict means for the claim: borne out, contradicted, or left open.
TONES = ('good', 'bad', 'open')


class PageTable(NamedTuple):
  """A table of ready text.

  Attributes:
    title: above it.
    note: below it; '' is none.
    columns: their headings; the first one is of the rows' names.
    rows: cells, as many as columns.
    marks: of each row, a word or two beside its name, '' for none; () if no
      row has any.
  """

  title: str
  note: str
  columns: Sequence[str]
  rows: Sequence[Sequence[str]]
  marks: Sequence[str] = ()


class PageClaim(NamedTuple):
  """What the paper says, and what was found.

  Attributes:
    text: the claim.
    printed: what the paper has for it.
    found: what was measured, with its interval.
    verdict: in a word or two.
    tone: one of TONES.
  """

  text: str
  printed: str
  found: str
  verdict: str
  tone: str


class PageFigure(NamedTuple):
  """A chart or a picture.

  Attributes:
    title: above it.
    caption: below it, and what a reader who cannot see it is told.
    picture: plotly's JSON, see `charts`, or the bytes of a PNG.
  """

  title: str
  caption: str
  picture: Chart | bytes


class PageContent(NamedTuple):
  """All that a page shows; what is empty is left out.

  Attributes:
    title: of the page.
    subtitle: a line below it, such as data and protocol.
    facts: section ('Run', 'Data', 'Versions') -> its (name, value).
    tables: in order.
    claims: in order.
    figures: in order.
    curves: name of a training -> its records, see `charts.training_curves`.
    explorer: see `explorer.join`; {} for none.
    config: the run's, nested or by dotted key.
    notes: lines to be read before all numbers, such as that data are
      simulated.
  """

  title: str
  subtitle: str
  facts: Mapping[str, Sequence[tuple[str, str]]] = {}
  tables: Sequence[PageTable] = ()
  claims: Sequence[PageClaim] = ()
  figures: Sequence[PageFigure] = ()
  curves: Mapping[str, Curve] = {}
  explorer: Mapping[str, Any] = {}
  config: Mapping[str, Any] = {}
  notes: Sequence[str] = ()


def render(content: PageContent) -> str:
  """The page.

  Raises:
    ValueError: a table whose rows do not fit its columns or marks, or a claim
      of an unknown tone; names it.
  """
  for table in content.tables:
    _check_table(table)
  for claim in content.claims:
    if claim.tone not in TONES:
      raise ValueError(
        f'claim {claim.text!r} has the tone {claim.tone!r}; right: one of '
        f'{", ".join(TONES)}'
      )
  curves = charts.training_curves(content.curves)
  has_users = any(mode['users'] for mode in content.explorer.get('modes', ()))
  data = {
    'figures': {
      f'figure-{place}': figure.picture
      for place, figure in enumerate(content.figures)
      if not isinstance(figure.picture, bytes)
    },
    'curves': curves,
    'explorer': content.explorer if has_users else None,
    'palette': charts.PALETTE,
    'rest': charts.REST,
  }
  needs_plotly = bool(data['figures'] or curves or has_users)
  return template('page.html.j2').render(
    content=content,
    verdicts=_verdicts(content.claims),
    figures=[_shown(figure) for figure in content.figures],
    measures=list(curves),
    has_users=has_users,
    config=_flat(content.config),
    data=data,
    plotly_js=offline.get_plotlyjs() if needs_plotly else '',
  )


def template(name: str) -> jinja2.Template:
  """A page's template, a file beside this one; what it is given is escaped."""
  environment = jinja2.Environment(
    loader=jinja2.PackageLoader('dynrec_jax.report', '.'),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
  )
  environment.policies['json.dumps_kwargs'] = {
    'ensure_ascii': False,
    'allow_nan': False,
    'separators': (',', ':'),
  }
  return environment.get_template(name)


def _check_table(table: PageTable) -> None:
  """Raises unless rows, columns and marks fit."""
  for number, row in enumerate(table.rows, start=1):
    if len(row) != len(table.columns):
      raise ValueError(
        f'table {table.title!r}, row {number}: {len(row)} cells; right: '
        f'{len(table.columns)}, one per column'
      )
  if table.marks and len(table.marks) != len(table.rows):
    raise ValueError(
      f'table {table.title!r}: {len(table.marks)} marks; right: one per row'
    )


def _verdicts(claims: Sequence[PageClaim]) -> list[tuple[str, str, int]]:
  """(verdict, tone, how many claims), in the order of the tones."""
  counts = collections.Counter((c.verdict, c.tone) for c in claims)
  found = [(*pair, count) for pair, count in counts.items()]
  return sorted(found, key=lambda row: TONES.index(row[1]))


def _shown(figure: PageFigure) -> tuple[PageFigure, str]:
  """A figure, and the address of its picture, '' of a chart."""
  if not isinstance(figure.picture, bytes):
    return figure, ''
  encoded = base64.b64encode(figure.picture).decode('ascii')
  return figure, f'data:image/png;base64,{encoded}'


def _flat(config: Mapping[str, Any], prefix: str = '') -> list[tuple[str, str]]:
  """(dotted key, value) of every value, in order."""
  rows = []
  for key, value in config.items():
    name = f'{prefix}{key}'
    if isinstance(value, Mapping):
      rows += _flat(value, f'{name}.')
    else:
      rows.append((name, str(value)))
  return rows
