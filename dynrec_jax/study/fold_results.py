"""What cross-validation has measured so far, in a file that survives kills.

The first line of `cross_validation.jsonl` is the settings that every result
depends on; each line after it is one point in one fold.
"""

import json
import os
import pathlib
from collections.abc import Mapping
from typing import Any, NamedTuple

from dynrec_jax import checkpoint
from dynrec_jax.losses import LossWeights
from dynrec_jax.parallel import hosts
from dynrec_jax.storage import whole_files
from dynrec_jax.study import identity


class Fit(NamedTuple):
  """One point in one fold.

  Attributes:
    weights: the point.
    fold: 1 to the number of folds.
  """

  weights: LossWeights
  fold: int


class FoldResults:
  """The results of one search, in the order in which they came.

  Attributes:
    scores: fit -> measure -> value.
  """

  def __init__(self, path: str | os.PathLike[str], settings: Mapping[str, Any]):
    """Reads the file, if there is one.

    Args:
      path: of the file; its folder is made if needed.
      settings: what json can hold: everything that a result depends on,
        but for the fit itself.

    Raises:
      ValueError: if the file is of other settings, naming those that differ,
        or a line is not a result.
    """
    self._path = pathlib.Path(path)
    self._settings = json.loads(json.dumps(settings))
    self.scores: dict[Fit, dict[str, float]] = {}
    if self._path.exists():
      self._read()
    else:
      self._write()

  def add(self, fit: Fit, scores: Mapping[str, float]) -> None:
    """Adds a result; on return it is on disk, whole."""
    self.scores[fit] = dict(scores)
    self._write()

  def _read(self) -> None:
    """Takes over what an earlier run measured."""
    lines = self._path.read_text(encoding='utf-8').splitlines() or ['']
    saved = self._parsed(1, lines[0], ('settings',))['settings']
    checkpoint.refuse_other_config(
      saved,
      self._settings,
      sorted({*saved, *self._settings}),
      str(self._path),
      identity.ABSENT,
    )
    names = [f'{name}_weight' for name in LossWeights._fields]
    for number, line in enumerate(lines[1:], start=2):
      record = self._parsed(number, line, (*names, 'fold', 'f_score'))
      weights = LossWeights(*(record.pop(name) for name in names))
      self.scores[Fit(weights, record.pop('fold'))] = record

  def _parsed(self, number: int, line: str, fields) -> dict[str, Any]:
    """A line's record, with these fields at least."""
    try:
      record = json.loads(line)
      if isinstance(record, dict) and set(fields) <= set(record):
        return record
    except ValueError:
      pass
    raise ValueError(
      f'{self._path} line {number}: found {line[:80]!r}, not a record with '
      f'{", ".join(fields)}; mend it or move the file away'
    )

  def _write(self) -> None:
    """The whole file anew; a kill leaves the old one or the new one."""
    records = [{'settings': self._settings}]
    for fit, scores in self.scores.items():
      weights = fit.weights._asdict()
      point = {f'{name}_weight': value for name, value in weights.items()}
      records.append(point | {'fold': fit.fold} | scores)
    if hosts.is_writer():
      whole_files.write_lines(self._path, map(json.dumps, records))
