"""Results on disk under a hash of everything they were computed from."""

import hashlib
import json
import os
import pathlib
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from absl import logging

# The stored file's own entry beside the arrays.
_DIGEST = 'sha256'

# What a damaged .npz raises, depending on where it is damaged.
_DAMAGE = (
  OSError,
  EOFError,
  ValueError,
  KeyError,
  NotImplementedError,
  RuntimeError,
  SyntaxError,
  zipfile.BadZipFile,
  zlib.error,
)


def cached(
  directory: str | os.PathLike | None,
  name: str,
  inputs: Sequence[Any],
  settings: dict[str, Any],
  compute: Callable[[], dict[str, np.ndarray]],
  *,
  version: str = '1',
  log_level: int = logging.INFO,
) -> dict[str, np.ndarray]:
  """What `compute` gives, from the disk if it was computed before.

  A file that cannot be read is computed again, and a directory that cannot be
  written costs only the storing; both are logged as warnings.

  Args:
    directory: where the files lie, made if missing; None stores nothing.
    name: what it is, the first part of the file's name.
    inputs: arrays, strings, bytes, numbers, None and sequences of these: all
      data that `compute` reads.
    settings: everything else it depends on, as JSON can hold it.
    compute: called without arguments on a miss; gives arrays by name.
    version: of the code behind `compute`; a new one makes old files unused.
    log_level: at which a hit is logged; lower it for what there is a lot of.

  Returns:
    The arrays by name.

  Raises:
    ValueError: an input, a setting or a result has a type that cannot be
      hashed or stored.
  """
  if directory is None:
    return _checked(name, compute())
  key = content_hash([version, inputs, _as_json(name, settings)])
  path = pathlib.Path(directory) / f'{name}-{key[:32]}.npz'
  stored = _read(path)
  if stored is not None:
    logging.log(log_level, '%s: read from %s', name, path)
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


def content_hash(value: Any) -> str:
  """A SHA-256 of nested sequences of arrays, strings and numbers, in hex.

  It is the same in every process, and differs wherever type, shape, order or
  content does (lists and tuples are alike).

  Args:
    value: array, str, bytes, bool, int, float, None, or a list or tuple.

  Returns:
    64 hexadecimal digits.

  Raises:
    ValueError: the value, or an item of it, has another type.
  """
  digest = hashlib.sha256()
  _feed(digest, value)
  return digest.hexdigest()


def _feed(digest, value):
  """Adds type, length and content, so that no two values spell the same."""
  if isinstance(value, np.generic):
    value = np.asarray(value)
  if isinstance(value, np.ndarray) and not value.dtype.hasobject:
    digest.update(f'array {value.dtype.str} {value.shape} '.encode())
    digest.update(np.ascontiguousarray(value).reshape(-1).view(np.uint8).data)
  elif isinstance(value, list | tuple) or getattr(value, 'ndim', 0) > 0:
    digest.update(f'sequence {len(value)} '.encode())
    for item in value:
      _feed(digest, item)
  elif isinstance(value, str | bytes):
    if isinstance(value, str):
      digest.update(b'text ')
      value = value.encode('utf-8', 'surrogatepass')
    digest.update(f'bytes {len(value)} '.encode())
    digest.update(value)
  elif value is None or isinstance(value, bool | int | float):
    digest.update(f'{type(value).__name__} {value!r} '.encode())
  else:
    raise ValueError(
      f'cannot hash a {type(value).__name__}, expected arrays, strings,'
      ' numbers, None or sequences of them'
    )


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
    with np.load(path, allow_pickle=False) as stored:
      arrays = {key: stored[key] for key in stored.files}
    # Zip's own checksums miss a lost array, and one whose end is lost.
    if _digest(arrays) != str(arrays.pop(_DIGEST, '')):
      raise zipfile.BadZipFile('its content is not what was stored')
    return arrays
  except FileNotFoundError:
    return None
  except _DAMAGE as error:
    logging.warning('%s cannot be read (%s): computing it again', path, error)
    return None


def _digest(arrays):
  keys = sorted(arrays.keys() - {_DIGEST})
  return content_hash([[key, arrays[key]] for key in keys])


def _write(path, arrays):
  """Stores the arrays with their digest."""
  write_arrays(path, arrays | {_DIGEST: np.array(_digest(arrays))})


def write_arrays(
  path: str | os.PathLike, arrays: Mapping[str, np.ndarray]
) -> None:
  """An .npz file, all or nothing: readers never see half of it.

  Processes that write the same file do not meet: each has a part of its own
  until it is whole. Missing folders are made.

  Raises:
    OSError: the file cannot be written; the old one stays.
  """
  path = pathlib.Path(path)
  path.parent.mkdir(parents=True, exist_ok=True)
  handle, part = tempfile.mkstemp(
    prefix=f'.{path.stem}.', suffix='.part', dir=path.parent
  )
  try:
    with os.fdopen(handle, 'wb') as file:
      np.savez(file, **arrays)
      file.flush()
      os.fsync(file.fileno())
    os.replace(part, path)
  except BaseException:
    pathlib.Path(part).unlink(missing_ok=True)
    raise
