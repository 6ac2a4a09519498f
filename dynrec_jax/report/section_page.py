"""Section 4 as a page: its rows, figures, curves, users and facts in one."""

import json
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from dynrec_jax.report import (
  charts,
  curves,
  explorer,
  figures,
  grid,
  origin,
  paper_tables,
  runs,
  section_4,
  stories,
  user_story,
)
from dynrec_jax.report.charts import Point
from dynrec_jax.report.grid import Grid, Marked
from dynrec_jax.report.page import (
  PageClaim,
  PageContent,
  PageFigure,
  PageTable,
)
from dynrec_jax.report.paper_tables import Cell, ModeTable
from dynrec_jax.report.runs import Run
from dynrec_jax.report.section_4 import CROSS, SINGLE, Section

_TONES = {
  paper_tables.SEEN: 'good',
  paper_tables.NOT_SEEN: 'bad',
  paper_tables.NOT_DECIDED: 'open',
  paper_tables.NOT_RUN: 'open',
}
# Whose lists stand in Figure 4.
_IN_STORY = ('model', 'static_dnn')
_DOSES = 'Gains against the strength of their mechanism'
_MARK_WORDS = {paper_tables.ABOVE: 'best', paper_tables.BELOW: '', '': ''}


class Folder(NamedTuple):
  """A study's run and where it lies.

  Attributes:
    path: its folder.
    run: what it found.
  """

  path: str
  run: Run


def page_content(
  section: Section, folders: Mapping[str, Folder], left_out: Mapping[str, str]
) -> PageContent:
  """All that the page shows.

  Args:
    section: of these runs.
    folders: study -> its run, those of worlds of other strengths not among
      them.
    left_out: study -> why it has no run.

  Returns:
    The content.

  Raises:
    ValueError: a file of a run is damaged; names it.
  """
  first = folders.get(SINGLE) or next(iter(folders.values()))
  notes = [f'Not run: study {name}: {why}' for name, why in left_out.items()]
  if any(origin.is_simulated(of.run) for of in folders.values()):
    notes.insert(0, 'Simulated data: no real user or video is in this report.')
  return PageContent(
    title='Personalised video recommendation: every method, side by side',
    subtitle=section.titles[next(iter(folders))],
    facts=_facts(folders),
    tables=_tables(section),
    claims=[_claim(of) for of in section.claims],
    figures=[
      *_bars(section),
      *_story(folders),
      *_doses(section),
      *_dots(section),
    ],
    curves=_curves(folders),
    explorer=explorer.together(
      [
        explorer.join(
          runs.split_directory(of.path, 0), of.run.modes, _ran_labels(of.run)
        )
        for of in _explored(folders)
      ]
    ),
    config=first.run.facts,
    notes=notes,
  )


def _ran_labels(run: Run) -> dict[str, str]:
  """method -> its label, of those that ran."""
  return {method: run.label(method) for _, method in run.lists}


def _curves(folders: Mapping[str, Folder]) -> dict[str, charts.Curve]:
  """Every training of every study."""
  out = {}
  for study, of in folders.items():
    found = curves.read_curves(of.path, of.run.labels)
    out |= {f'{study}: {name}': curve for name, curve in found.items()}
  return out


def story_figure(folders: Mapping[str, Folder]):
  """Figure 4 and what it is of; None where nobody's topics can be told.

  Paper: Fig. 4 is of the cross network; without one, of the single one.

  Returns:
    (matplotlib's figure, a caption), or None.
  """
  for study in (CROSS, SINGLE):
    of = folders.get(study)
    if of is None:
      continue
    directory = runs.split_directory(of.path, 0)
    mode = of.run.modes[0]
    if not pathlib.Path(stories.path_of(directory, mode)).is_file():
      continue
    chosen = user_story.choose(stories.read_stories(directory, mode))
    shown = {m: of.run.label(m) for m in _IN_STORY}
    lists = explorer.read_lists(directory, mode, shown)
    if not chosen or not lists:
      continue
    figure = user_story.plot_stories(
      chosen,
      lists,
      stories.read_titles(directory),
      stories.read_topic_words(directory),
    )
    caption = (
      f'Topics of two users over the sessions, and what is recommended to them '
      f'(study {study}, {mode}). Red: watched afterwards; green: not, as the '
      'paper has it. They are the users whose topics moved most; no list was '
      f'looked at to choose them. {origin.sentences(of.run)}'
    )
    return figure, caption
  return None


def _explored(folders: Mapping[str, Folder]) -> list[Folder]:
  """Whose users can be looked up: the paper's studies, else the first one."""
  paper = [folders[name] for name in (SINGLE, CROSS) if name in folders]
  return paper or [next(iter(folders.values()))]


def _tables(section: Section) -> list[PageTable]:
  """Tables 1 and 2, all methods of every study, the claims' worlds."""
  out = []
  for number, study in enumerate((SINGLE, CROSS), start=1):
    if study in section.tables:
      printed = section_4.printed_grid(section, study, number)
      out.append(_table(f'Table {number}', printed))
  for study in section.tables:
    name = _spoken(study)
    out.append(
      _table(f'All methods: {name}', section_4.full_grid(section, study))
    )
  if section.knock_outs:
    found = section_4.knock_out_grid(section)
    out.append(_table('Worlds without a mechanism', found))
  if section.doses:
    out.append(_table(_DOSES, section_4.dose_grid(section)))
  return out


def _spoken(study: str) -> str:
  """A study's name for a reader."""
  words = study.split('_')
  if 'time' not in words:
    return f'{words[0]} network, split by users'
  return f'{words[0]} network, split by time after session {words[-1]}'


def _table(title: str, of: Grid) -> PageTable:
  """A grid as the page has tables."""
  marks = [_mark_of(row) for row in of.rows]
  rows = [[_text(cell) for cell in row] for row in of.rows]
  # A page's rows are named by their first cell.
  heads = list(of.heads)
  if heads[:2] == ['mode', 'method']:
    heads = [heads[1], heads[0], *heads[2:]]
    rows = [[row[1], row[0], *row[2:]] for row in rows]
  note = ' '.join([of.caption, *of.notes]).replace('Bold:', 'best:')
  return PageTable(title, note, heads, rows, marks if any(marks) else ())


def _mark_of(row: Sequence[Any]) -> str:
  """A word beside the name of a row whose number stands out."""
  marks = [cell.mark for cell in row if isinstance(cell, Marked)]
  return next((_MARK_WORDS[m] for m in marks if _MARK_WORDS[m]), '')


def _text(cell: str | Marked) -> str:
  """A cell as plain text."""
  if isinstance(cell, str):
    return cell
  dagger = '†' if cell.mark == paper_tables.BELOW else ''
  return f'{cell.number}{dagger}{cell.rest}'


def _claim(of: paper_tables.Claim) -> PageClaim:
  """A claim as the page has it."""
  found = of.why
  if of.difference is not None:
    cell = grid.with_interval(of.difference, sign=True)
    found = f'{cell.number}{cell.rest}'
  return PageClaim(
    f'{of.source}: {of.text}',
    f'{of.printed:+.4f}',
    found,
    of.verdict,
    _TONES[of.verdict],
  )


def _bars(section: Section) -> list[PageFigure]:
  """Figure 3, as far as its variants ran."""
  tables = section_4.paper_modes(section.tables)
  shown = [m for m in paper_tables.FIGURE_3['long'] if _ran(tables, m)]
  if not set(shown) - {'model'}:
    return []
  groups = list(tables)
  names = {method: paper_tables.ROW_NAMES[method] for method in shown}
  chart = charts.bars_with_intervals(
    groups,
    {
      names[method]: [_point(_f_of(tables[mode], method)) for mode in groups]
      for method in shown
    },
    printed={
      names[method]: [_printed(mode, method) for mode in groups]
      for method in shown
    },
    label=f'F@{tables[groups[0]].k}',
  )
  caption = (
    'Figure 3 of the paper: the model and its variants, with 95 % intervals; '
    'diamonds are the printed values, of other data.'
  )
  return [PageFigure('Figure 3', caption, chart)]


def _dots(section: Section) -> list[PageFigure]:
  """Every method's F in every mode of every study, the best on top."""
  out = []
  for study, tables in section.tables.items():
    for mode, table in tables.items():
      rows = sorted(
        (row for row in table.rows if row.f),
        key=lambda row: row.f.value,
        reverse=True,
      )
      if rows:
        chart = charts.dots_with_intervals(
          [(row.label, _point(row.f)) for row in rows], label=f'F@{table.k}'
        )
        caption = f'F with 95 % intervals. {section.origins[study]}'
        title = f'All methods: {_spoken(study)}, {mode}'
        out.append(PageFigure(title, caption, chart))
  return out


def _story(folders: Mapping[str, Folder]) -> list[PageFigure]:
  """Figure 4."""
  found = story_figure(folders)
  if found is None:
    return []
  figure, caption = found
  return [PageFigure('Figure 4', caption, figures.png(figure))]


def _doses(section: Section) -> list[PageFigure]:
  """Gains against the strengths of their mechanisms."""
  if not section.doses:
    return []
  caption = (
    f'{section_4.dose_caption(section)} Bars are 95 % intervals; a full dot is '
    'a gain whose interval leaves 0 out, a cross one that is not known. Every '
    'panel has a scale of its own.'
  )
  picture = figures.png(section_4.dose_figure(section))
  return [PageFigure(_DOSES, caption, picture)]


def _facts(folders: Mapping[str, Folder]) -> dict[str, list[tuple[str, str]]]:
  """What the runs were of and made with."""
  out: dict[str, list[tuple[str, str]]] = {}
  for study, of in folders.items():
    found = runs.read_about(of.path)
    for part, facts in found.items():
      name = 'Made with' if part == 'made' else f'Data: {_spoken(study)}'
      rows = [(key, _shown(value)) for key, value in facts.items()]
      if part == 'made' and out.setdefault(name, rows) != rows:
        name = f'Made with: {_spoken(study)}'  # at another time
      out[name] = rows
    tuned = of.run.tuned
    if tuned:
      out[f'Tuned: {_spoken(study)}'] = [
        (of.run.label(method), json.dumps(values).strip('{}') or 'nothing')
        for method, values in tuned.items()
      ]
  return out


def _shown(value: Any) -> str:
  """A fact for a reader."""
  return f'{value:,}' if isinstance(value, int) else str(value)


def _ran(tables: Mapping[str, ModeTable], method: str) -> bool:
  return any(_f_of(table, method) for table in tables.values())


def _f_of(table: ModeTable, method: str) -> Cell | None:
  row = table.row(method)
  return row.f if row else None


def _printed(mode: str, method: str) -> float | None:
  cells = paper_tables.printed_cells(mode, method)
  return cells.f if cells else None


def _point(cell: Cell | None) -> Point:
  return Point(*cell) if cell else Point(None)
