"""Section 4 of the paper, made from our runs: its rows, and its files.

`section_4` reads every number once; `as_files` writes them down, and a page
can be made of the same rows.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.figure import Figure

from dynrec_jax.report import (
  ablation_bars,
  claims,
  dose_curves,
  doses,
  figures,
  grid,
  knock_outs,
  measured,
  method_dots,
  method_grids,
  origin,
  paper_tables,
)
from dynrec_jax.report.doses import DoseCurve, Tried
from dynrec_jax.report.grid import Grid
from dynrec_jax.report.knock_outs import KnockOut, KnockOutRow
from dynrec_jax.report.paper_tables import Claim, ModeTable
from dynrec_jax.report.runs import Run

# The studies of the paper's own protocol; others have no printed cells.
SINGLE, CROSS = 'single', 'cross'
_PRINTED = {SINGLE: paper_tables.TABLE_1, CROSS: paper_tables.TABLE_2}


class Section(NamedTuple):
  """All that is shown.

  Attributes:
    tables: study -> mode -> rows; studies without a run are absent.
    origins: study -> sentences on its data and protocol.
    titles: study -> its data in a line.
    claims: the paper's orders, in the order of its tables.
    knock_outs: gains with their mechanism and without; none if not asked for.
    knock_out_origin: on the data of the worlds that have all mechanisms.
    doses: gains at several strengths; none if not asked for.
    dose_origin: on the data of the worlds nearest to strength 1.
    dose_title: the same in a line each.
  """

  tables: Mapping[str, Mapping[str, ModeTable]]
  origins: Mapping[str, str]
  titles: Mapping[str, str]
  claims: Sequence[Claim]
  knock_outs: Sequence[KnockOutRow]
  knock_out_origin: str
  doses: Sequence[DoseCurve]
  dose_origin: str
  dose_title: str


def section_4(
  runs: Mapping[str, Run | None],
  *,
  knock_out_runs: Sequence[tuple[KnockOut, Run | None, Run | None]] = (),
  dose_runs: Sequence[tuple[KnockOut, Sequence[Tried]]] = (),
  notes: Mapping[str, str] = {},
) -> Section:
  """Every number of the section.

  Args:
    runs: study -> its run, None if there is none. 'single' and 'cross' are of
      the paper's protocol, any others of another.
    knock_out_runs: each claim with the run of the world that has its mechanism,
      and of the one that lacks it.
    dose_runs: each claim with the runs of the worlds of several strengths.
    notes: study -> sentences to add to what is said of its data.

  Returns:
    The section.

  Raises:
    ValueError: no run at all, or one whose methods were tested on different
      users; or 'single' or 'cross' is split by time.
  """
  there = {study: run for study, run in runs.items() if run is not None}
  if not there:
    raise ValueError('no study has a run; right: one or more')
  for study in _PRINTED:
    if study in there and origin.is_split_by_time(there[study]):
      raise ValueError(
        f'{study}: {there[study].name} is split by time; right: by users, as '
        "the paper's"
      )
  tables = {
    study: measured.measured(run, beside_print=study in _PRINTED)
    for study, run in there.items()
  }
  origins = {
    study: ' '.join(filter(None, [origin.sentences(run), notes.get(study)]))
    for study, run in there.items()
  }
  calibrated = list(filter(None, (_calibrated(of) for _, of in dose_runs)))
  return Section(
    tables,
    origins,
    {study: origin.title(run) for study, run in there.items()},
    claims.claims(paper_modes(tables), there.get(SINGLE)),
    [knock_outs.knock_out_row(*triple) for triple in knock_out_runs],
    ' '.join(
      dict.fromkeys(
        origin.sentences(run) for _, run, _ in knock_out_runs if run is not None
      )
    ),
    [doses.dose_curve(*pair) for pair in dose_runs],
    ' '.join(dict.fromkeys(map(origin.sentences, calibrated))),
    '\n'.join(
      dict.fromkeys(
        f'{run.facts["scenario"]}: {origin.title(run)}' for run in calibrated
      )
    ),
  )


def as_files(section: Section) -> dict[str, str | bytes]:
  """File name -> its content: text without a line break at its end, or bytes.

  Tables as .md, .tex (needs booktabs) and .csv (all digits), figures as .png
  and .pdf. What has no run has no file.
  """
  files: dict[str, str | bytes] = {}
  for study in section.tables:
    files |= _full_files(section, study)
  for number, study in enumerate(_PRINTED, start=1):
    if study in section.tables:
      files |= _printed_files(section, study, number)
  if any(study in section.tables for study in _PRINTED):
    files |= _claim_files(section) | _figure_3_files(section)
  if section.knock_outs:
    files |= _knock_out_files(section)
  if section.doses:
    files |= _dose_files(section)
  return files


def main_grids(section: Section) -> list[Grid]:
  """The tables that a reader looks at first."""
  out = [
    printed_grid(section, study, number)
    for number, study in enumerate(_PRINTED, start=1)
    if study in section.tables
  ]
  out += [full_grid(section, study) for study in section.tables]
  if section.claims:
    out.append(claims.as_grid('claims', 'Claims.', section.claims))
  if section.knock_outs:
    out.append(knock_out_grid(section))
  if section.doses:
    out.append(dose_grid(section))
  return out


def knock_out_grid(section: Section) -> Grid:
  """Gains with their mechanism and without."""
  caption = (
    'What is gained in a world with a mechanism, and in one without. '
    f'{section.knock_out_origin}'
  )
  return knock_outs.as_grid('knock_outs', caption, section.knock_outs)


def dose_caption(section: Section) -> str:
  """What the curves are of."""
  return (
    "Each claim's gain against the strength of its mechanism, all else as it "
    f'is. {section.dose_origin}'
  )


def dose_grid(section: Section) -> Grid:
  """Gains at several strengths of their mechanisms."""
  return doses.as_grid('doses', dose_caption(section), section.doses)


def dose_figure(section: Section) -> Figure:
  """The same as curves."""
  return dose_curves.dose_curves(section.doses, section.dose_title)


def full_grid(section: Section, study: str) -> Grid:
  """The table of all methods of a study."""
  caption = f'All methods, study {study}. {section.origins[study]}'
  if study in _PRINTED:
    caption += f' {origin.PAPER_DATA}'
  return method_grids.full_table(
    f'methods_{study}', caption, section.tables[study]
  )


def printed_grid(section: Section, study: str, number: int) -> Grid:
  """Table 1 or 2: the paper's rows, ours beside the printed cells."""
  caption = (
    f'The rows of Table {number} of the paper. {section.origins[study]} '
    f'{origin.PAPER_DATA}'
  )
  return method_grids.printed_table(
    f'table_{number}', caption, _PRINTED[study], section.tables[study]
  )


def _full_files(section: Section, study: str) -> dict[str, str | bytes]:
  """The table and the figure of all methods of a study."""
  tables, found = section.tables[study], full_grid(section, study)
  figure = method_dots.method_dots(tables, section.titles[study])
  return _grid_files(found, method_grids.records(study, tables)) | (
    _figure_files(found.name, figure)
  )


def _printed_files(section: Section, study: str, number: int) -> dict[str, str]:
  """Table 1 or 2: the paper's rows, ours beside the printed cells."""
  printed, tables = _PRINTED[study], section.tables[study]
  shown = {
    mode: measured.among(tables[mode], printed[mode])
    for mode in printed
    if mode in tables
  }
  return _grid_files(
    printed_grid(section, study, number),
    method_grids.records(study, shown),
  )


def _claim_files(section: Section) -> dict[str, str]:
  """The paper's orders."""
  sentences = [
    f'Study {study}: {section.origins[study]}'
    for study in _PRINTED
    if study in section.origins
  ]
  caption = ' '.join(
    ["The paper's orders, and whether they appear.", *sentences]
  )
  return _grid_files(
    claims.as_grid('claims', caption, section.claims),
    claims.records(section.claims),
  )


def _figure_3_files(section: Section) -> dict[str, bytes]:
  """The bars, if a variant of the model ran."""
  tables = paper_modes(section.tables)
  ran = {method for table in tables.values() for method in table.drawn_f}
  if not ran & (set(paper_tables.FIGURE_3['long']) - {'model'}):
    return {}
  titles = [
    f'{study}: {section.titles[study]}'
    for study in _PRINTED
    if study in section.titles
  ]
  figure = ablation_bars.ablation_bars(tables, '\n'.join(titles))
  return _figure_files('figure_3', figure)


def _knock_out_files(section: Section) -> dict[str, str]:
  """Gains with their mechanism and without."""
  return _grid_files(
    knock_out_grid(section),
    knock_outs.records(section.knock_outs),
  )


def _dose_files(section: Section) -> dict[str, str | bytes]:
  """Gains at several strengths of their mechanisms."""
  found = dose_grid(section)
  return _grid_files(found, doses.records(section.doses)) | (
    _figure_files(found.name, dose_figure(section))
  )


def _calibrated(tried: Sequence[Tried]) -> Run | None:
  """The run whose strength is the nearest to 1, if there is any."""
  ran = [of for of in tried if of.run is not None]
  nearest = min(ran, key=lambda of: abs(of.strength - 1), default=None)
  return nearest.run if nearest else None


def _grid_files(
  table: Grid, records: Sequence[Mapping[str, Any]]
) -> dict[str, str]:
  """A table in its three forms."""
  return {
    f'{table.name}.md': grid.as_markdown(table),
    f'{table.name}.tex': grid.as_latex(table),
    f'{table.name}.csv': grid.as_csv(records),
  }


def _figure_files(name: str, figure: Figure) -> dict[str, bytes]:
  """A figure in its two forms."""
  return {
    f'{name}.png': figures.png(figure),
    f'{name}.pdf': figures.pdf(figure),
  }


def paper_modes(
  tables: Mapping[str, Mapping[str, ModeTable]],
) -> dict[str, ModeTable]:
  """Mode -> rows, of the studies of the paper's protocol."""
  return {
    mode: tables[study][mode]
    for study, modes in _PRINTED.items()
    for mode in modes
    if mode in tables.get(study, {})
  }
