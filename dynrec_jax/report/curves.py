"""How the networks of a run were trained, from the metrics that they left."""

import pathlib
import re
from collections.abc import Mapping

from dynrec_jax import metric_log
from dynrec_jax.report import runs
from dynrec_jax.report.charts import Curve

_FILE = 'metrics.jsonl'
_MODEL = 'model'
_FIRST = (runs.EARLIER, runs.FIRST_FIT)


def read_curves(workdir: str, labels: Mapping[str, str]) -> dict[str, Curve]:
  """What every training of a run's folder logged.

  The model's own lies in `split_N`, those of the other networks in
  `split_N/networks/METHOD`. Where an earlier fit chose the number of epochs,
  the validation's curves are that fit's, which lies below.

  Args:
    workdir: of the run.
    labels: method -> as a reader calls it; others by their own names.

  Returns:
    'NAME, split N' -> its records in the file's order, and 'NAME, first fit of
    split N' where there was one; splits in order, the model first in each.

  Raises:
    ValueError: a line is no record; names file and line.
  """
  curves = {}
  for split, folder in sorted(_splits(pathlib.Path(workdir))):
    networks = sorted((folder / 'networks').glob(f'*/{_FILE}'))
    for path in (folder / _FILE, *networks):
      method = _MODEL if path.parent == folder else path.parent.name
      for name, of in _fits(path):
        if of.is_file():
          label = f'{labels.get(method, method)}, {name}split {split}'
          curves[label] = _records(of)
  return curves


def _fits(path: pathlib.Path) -> list[tuple[str, pathlib.Path]]:
  """A training's metrics, and where those of its first fit may lie."""
  first = [path.parent / name / _FILE for name in _FIRST]
  return [('', path), *(('first fit of ', of) for of in first)]


def _splits(workdir: pathlib.Path) -> list[tuple[int, pathlib.Path]]:
  """(number, folder) of every split."""
  found = ((re.fullmatch(r'split_(\d+)', p.name), p) for p in workdir.iterdir())
  return [(int(match[1]), path) for match, path in found if match]


def _records(path: pathlib.Path) -> Curve:
  """(step, measures) of a file's records."""
  return [
    (
      record['step'],
      {n: x for n, x in record.items() if n not in ('step', 'time')},
    )
    for record in metric_log.read_metrics(path)
  ]
