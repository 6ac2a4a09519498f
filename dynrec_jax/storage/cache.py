"""Results on disk under a hash of everything they were computed from."""

import json
import os
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from absl import logging

from dynrec_jax.storage import digests, file_locks, whole_files

# The stored file's own entry beside the arrays.
_DIGEST = 'sha256'


def cached(
  directory: str | os.PathLike | None,
  name: str,
  inputs: Sequence[Any],
  settings: dict[str, Any],
  compute: Callable[[], dict[str, np.ndarray]],
  *,
  version: str = '1',
) -> dict[str, np.ndarray]:
  """What `compute` gives, from the disk if it was computed before.

  A file that cannot be read is computed again, and a directory that cannot be
  written costs only the storing; both are logged as warnings. Of several
  processes that miss the same file one computes, the others wait for it.

  Args:
    directory: where the files lie, made if missing; None stores nothing.
    name: what it is, the first part of the file's name.
    inputs: arrays, strings, bytes, numbers, None and sequences of these: all
      data that `compute` reads.
    settings: everything else it depends on, as JSON can hold it.
    compute: called without arguments on a miss; gives arrays by name.
    version: of the code behind `compute`; a new one makes old files unused.

  Returns:
    The arrays by name.

  Raises:
    ValueError: an input, a setting or a result has a type that cannot be
      hashed or stored.
  """
  if directory is None:
    return _checked(name, compute())
  key = digests.content_hash([version, inputs, _as_json(name, settings)])
  path = pathlib.Path(directory) / f'{name}-{key[:32]}.npz'
  stored = _read(path)
  if stored is None:
    lock = path.with_name(f'.{path.name}.lock')
    with file_locks.turn(lock, f'{name}, which is being made'):
      return _made(path, name, compute)
  logging.debug('%s: read from %s', name, path)
  return stored


def _made(
  path: pathlib.Path, name: str, compute: Callable[[], dict[str, np.ndarray]]
) -> dict[str, np.ndarray]:
  """What another process has stored meanwhile, or else is computed here."""
  if path.exists() and (stored := _read(path)) is not None:
    return stored
  arrays = _checked(name, compute())
  try:
    _write(path, arrays)
  except OSError as error:
    logging.warning(
      '%s: could not store %s (%s); the next run computes it again',
      name,
      path,
      error,
    )
  return arrays


def _as_json(name, settings):
  try:
    return json.dumps(settings, sort_keys=True)
  except TypeError as error:
    raise ValueError(f'{name}: settings {settings!r}: {error}') from error


def _checked(name, arrays):
  """The results as arrays; refuses those that only pickle could store."""
  arrays = {key: np.asarray(value) for key, value in arrays.items()}
  for key, value in arrays.items():
    if value.dtype.hasobject:
      raise ValueError(
        f'{name}: result {key!r} holds Python objects, expected an array of'
        ' numbers or of fixed-width strings'
      )
  return arrays


def _read(path):
  """The stored arrays, or None if there are none or they are damaged."""
  try:
    arrays = whole_files.read_arrays(path)
    # Zip's own checksums miss a lost array, and one whose end is lost.
    if _digest(arrays) != str(arrays.pop(_DIGEST, '')):
      raise ValueError(f'{path} cannot be read (it lacks what was stored)')
    return arrays
  except FileNotFoundError:
    return None
  except ValueError as error:
    logging.warning('%s; computing it again', error)
    return None


def _digest(arrays):
  keys = sorted(arrays.keys() - {_DIGEST})
  return digests.content_hash([[key, arrays[key]] for key in keys])


def _write(path, arrays):
  """Stores the arrays with their digest."""
  whole_files.write_arrays(path, arrays | {_DIGEST: np.array(_digest(arrays))})
