"""The report on runs that ended: tables, figures, one page; nothing is trained.

Everything is made from what lies in the runs' folders.
"""

import json
import os
import pathlib
from collections.abc import Mapping

import ml_collections
from absl import logging

from dynrec_jax.parallel import hosts
from dynrec_jax.report import (
  figures,
  grid,
  knock_outs,
  page,
  runs,
  section_4,
  section_page,
)
from dynrec_jax.report.doses import Tried
from dynrec_jax.report.knock_outs import KnockOut
from dynrec_jax.report.runs import Run
from dynrec_jax.report.section_4 import Section
from dynrec_jax.report.section_page import Folder
from dynrec_jax.storage import whole_files
from dynrec_jax.study import studies

_FOLDER, _PAGE = 'report', 'report.html'
LEFT_OUT = 'left_out.json'  # of the workdir


def report(config: ml_collections.ConfigDict) -> str:
  """Reads the runs and writes `report/` into the workdir.

  Args:
    config: `report.runs` names the runs, else they are the studies in the
      workdir.

  Returns:
    The tables, as markdown.

  Raises:
    ValueError: no run, or a run that is named and did not end, or a damaged
      file; names it.
  """
  found, left_out = _runs(config)
  worlds = studies.knock_outs(config) | studies.doses(config)
  folders = {name: of for name, of in found.items() if name not in worlds}
  if not folders:
    raise ValueError(
      f'{config.workdir}: no study that ended; right: the workdir of '
      'mode=reproduce, or report.runs'
    )
  section = section_4.section_4(
    {name: of.run for name, of in folders.items()},
    knock_out_runs=_pairs(config, found),
    dose_runs=_tried(config, found, left_out),
  )
  text = _write(config, section, folders, left_out)
  logging.info('report: %s', os.path.join(config.workdir, _FOLDER, _PAGE))
  return text


def _runs(
  config: ml_collections.ConfigDict,
) -> tuple[dict[str, Folder], dict[str, str]]:
  """Every study's run, and why others have none."""
  if config.report.runs:
    named = dict(_named(text) for text in config.report.runs)
    return {name: _read(path) for name, path in named.items()}, {}
  found, left_out = {}, _left_out(config)
  for name, own in studies.studies(config).items():
    if os.path.isfile(os.path.join(own.workdir, runs.RESULTS)):
      found[name] = _read(own.workdir)
      left_out.pop(name, None)
    elif name not in left_out:
      # A study that goes on has a folder without results.
      path = os.path.join(own.workdir, runs.RESULTS)
      left_out[name] = f'{path}: no such file, the run has not ended'
      logging.warning('study %s: %s', name, left_out[name])
  return found, left_out


def _left_out(config: ml_collections.ConfigDict) -> dict[str, str]:
  """Study -> why the source cannot give it, as `reproduce` found.

  Raises:
    ValueError: the file is damaged; names it.
  """
  path = pathlib.Path(config.workdir, LEFT_OUT)
  if not path.is_file():
    return {}
  try:
    return {
      name: str(why) for name, why in json.loads(path.read_text()).items()
    }
  except (ValueError, AttributeError) as error:
    raise ValueError(
      f'{path}: found {error!r}; right: what mode=reproduce writes there'
    ) from error


def _read(path: str) -> Folder:
  """A run and its folder."""
  return Folder(path, runs.read_run(path))


def _named(text: str) -> tuple[str, str]:
  """Name and folder of a NAME=FOLDER."""
  name, equals, path = text.partition('=')
  if not (name and equals and path):
    raise ValueError(f'report.runs holds {text!r}; right: NAME=FOLDER')
  return name, path


def _pairs(
  config: ml_collections.ConfigDict, found: Mapping[str, Folder]
) -> list[tuple[KnockOut, Run | None, Run | None]]:
  """Each claim with the world that has its mechanism, and the one without."""
  if not any(name in found for name in studies.knock_outs(config)):
    return []
  out = []
  for of in knock_outs.KNOCK_OUTS:
    without = studies.study_at(config, of, 0.0)
    if without == of.scenario:  # its world has none to take out
      without = ''
    names = of.scenario, without
    out.append((of, *(found[n].run if n in found else None for n in names)))
  return out


def _tried(
  config: ml_collections.ConfigDict,
  found: Mapping[str, Folder],
  left_out: Mapping[str, str],
) -> list[tuple[KnockOut, list[Tried]]]:
  """Each claim with the worlds of every strength of its mechanism."""
  if not any(name in found for name in studies.doses(config)):
    return []
  out = []
  for of in knock_outs.KNOCK_OUTS:
    tried = []
    for strength in config.report.strengths:
      name = studies.study_at(config, of, strength)
      run = found[name].run if name in found else None
      why = left_out.get(name, f'no run of study {name}')
      tried.append(Tried(strength, run, '' if run else why))
    out.append((of, tried))
  return out


def _write(
  config: ml_collections.ConfigDict,
  section: Section,
  folders: Mapping[str, Folder],
  left_out: Mapping[str, str],
) -> str:
  """All files of the report; the markdown of its tables."""
  files = dict(section_4.as_files(section))
  story = section_page.story_figure(folders)
  if story is not None:
    figure, caption = story
    files['figure_4.png'] = figures.png(figure)
    files['figure_4.pdf'] = figures.pdf(figure)
    files['figure_4.md'] = caption
  content = section_page.page_content(section, folders, left_out)
  files[_PAGE] = page.render(content)
  text = '\n\n'.join(
    grid.as_markdown(of) for of in section_4.main_grids(section)
  )
  files['tables.md'] = text
  if hosts.is_writer():
    _write_files(pathlib.Path(config.workdir, _FOLDER), files)
  return text


def _write_files(
  folder: pathlib.Path, files: Mapping[str, str | bytes]
) -> None:
  """Each file whole; those of an earlier report that are no more go."""
  for name, content in files.items():
    if isinstance(content, str):
      whole_files.write_text(folder / name, content)
    else:
      with whole_files.whole_file(folder / name, binary=True) as file:
        file.write(content)
  for path in folder.iterdir():
    if path.is_file() and path.name not in files:
      path.unlink()
