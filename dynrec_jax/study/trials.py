"""Trials of a search in one folder, which several processes may share.

`NAME.json` is a trial's result, `NAME.claim` the lock of the process that is at
it, see `file_locks`: no claim outlives its holder.
"""

import contextlib
import json
import os
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any

from dynrec_jax import checkpoint
from dynrec_jax.storage import digests, file_locks, whole_files
from dynrec_jax.study import identity

Point = Mapping[str, Any]  # dotted key -> value


class Trials:
  """The trials of one method."""

  def __init__(self, folder: str | os.PathLike[str], settings: Mapping):
    """Opens the folder, which is made if needed.

    Args:
      folder: of this method alone.
      settings: what json can hold: all that a result depends on, but for the
        point.

    Raises:
      ValueError: the folder is of other settings, naming those that differ.
    """
    self._folder = pathlib.Path(folder)
    path = self._folder / 'settings.json'
    settings = json.loads(json.dumps(settings))
    if path.exists():
      saved = _read_json(path)
      keys = sorted({*saved, *settings})
      checkpoint.refuse_other_config(
        saved, settings, keys, str(path), identity.ABSENT
      )
    else:
      whole_files.write_text(path, json.dumps(settings, indent=2))

  def directory(self, point: Point) -> str:
    """Where a trial may leave what it needs to go on."""
    return str(self._folder / _name(point))

  def result(self, point: Point) -> dict[str, Any] | None:
    """A trial's result; None if it has none yet.

    Raises:
      ValueError: the file is damaged; names it.
    """
    path = self._folder / f'{_name(point)}.json'
    return _read_json(path)['result'] if path.exists() else None

  def keep(self, point: Point, result: Mapping[str, Any]) -> None:
    """Writes a result; on return it is on disk, whole."""
    path = self._folder / f'{_name(point)}.json'
    whole_files.write_text(
      path, json.dumps({'point': dict(point), 'result': dict(result)}, indent=2)
    )

  @contextlib.contextmanager
  def claim(self, point: Point) -> Iterator[bool]:
    """Whether the trial is this process's alone, for the block.

    False if another process is at it.
    """
    with file_locks.held(self._claim(point)) as mine:
      yield mine

  def holder(self, point: Point) -> str:
    """Which process is at a trial, in words; '' if none is."""
    path = self._claim(point)
    return file_locks.holder(path) if path.exists() else ''

  def _claim(self, point: Point) -> pathlib.Path:
    """The lock's file of a trial."""
    return self._folder / f'{_name(point)}.claim'


def _name(point: Point) -> str:
  """A short name of a point, the same in every process."""
  return digests.fingerprint(json.dumps(dict(point), sort_keys=True))


def _read_json(path: pathlib.Path) -> dict[str, Any]:
  """A file's object.

  Raises:
    ValueError: it holds none; names it.
  """
  try:
    found = json.loads(path.read_text('utf-8'))
    if isinstance(found, dict):
      return found
  except ValueError:
    pass
  raise ValueError(f'{path}: damaged; right: move it away, it is made again')
