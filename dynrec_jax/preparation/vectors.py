"""Rows of .npy and .npz files, so many at a time that they fit.

An error reads as one of `sources/feature_files`.
"""

import contextlib
import zipfile
from collections.abc import Iterator
from typing import IO, NamedTuple

import numpy as np
import pyarrow as pa

from dynrec_jax.preparation import catalogue, files
from dynrec_jax.sources import feature_files

_BYTES_AT_ONCE = 1 << 26
_HEADERS = {
  (1, 0): np.lib.format.read_array_header_1_0,
  (2, 0): np.lib.format.read_array_header_2_0,
}
_RIGHT = 'arrays of numbers or strings as numpy.save or numpy.savez write them'


class Vectors(NamedTuple):
  """Some rows of a file of vectors.

  Attributes:
    path: of the file.
    row: the first of them, from 0.
    count: how many.
  """

  path: str
  row: int
  count: int


class Shape(NamedTuple):
  """What a file of vectors holds.

  Attributes:
    rows: how many.
    width: numbers of each.
    dtype: their name, float16 or float32, as they are kept.
  """

  rows: int
  width: int
  dtype: str


class _Header(NamedTuple):
  """What stands before the numbers of an array."""

  shape: tuple[int, ...]
  dtype: np.dtype
  in_columns: bool


def shape(path: str) -> Shape:
  """What the file says of itself.

  Raises:
    ValueError: it holds no such vectors.
  """
  with _array(path, 'feature') as (_, header):
    none = np.zeros((min(1, header.shape[0]), *header.shape[1:]), header.dtype)
    rows = feature_files.checked_rows(path, _name(path), none)
    if header.in_columns:
      raise ValueError(
        f'{path}: found an array in Fortran order; right: rows one after the '
        'other, as numpy.ascontiguousarray gives them'
      )
  return Shape(header.shape[0], rows.shape[1], rows.dtype.name)


def cut(path: str, of: Shape) -> list[Vectors]:
  """What one worker reads at a time; a .npz is read by one from its start."""
  if path.endswith('.npz'):
    return [Vectors(path, 0, of.rows)]
  size = _at_once(of.width)
  return [
    Vectors(path, row, min(size, of.rows - row))
    for row in range(0, of.rows, size)
  ]


def rows(of: Vectors) -> Iterator[tuple[int, np.ndarray]]:
  """The vectors in pieces, with the first row of each.

  Raises:
    ValueError: a number is not finite; names its row.
  """
  with _array(of.path, 'feature') as (file, header):
    width = header.shape[1]
    stride = width * header.dtype.itemsize
    if of.row:
      file.seek(of.row * stride, 1)
    for row in range(of.row, of.row + of.count, _at_once(width)):
      count = min(_at_once(width), of.row + of.count - row)
      data = file.read(count * stride)
      if len(data) < count * stride:
        raise ValueError(
          f'{of.path}: found an end amid the rows; right: {_RIGHT}'
        )
      found = np.frombuffer(data, header.dtype).reshape(count, width)
      name = _name(of.path)
      yield row, feature_files.checked_rows(of.path, name, found, row + 1)


def places(path: str, folder: str) -> np.ndarray:
  """[n] int32, where the video of each vector stands in the catalogue.

  Raises:
    ValueError: an id is not listed or stands there twice; names its row.
  """
  if path.endswith('.npy'):
    return catalogue.places(folder)
  with _array(path, 'id') as (file, header):
    count = int(np.prod(header.shape))
    found = np.frombuffer(
      file.read(count * header.dtype.itemsize), header.dtype
    )
  named = _checked_ids(path, found.reshape(header.shape))
  return _listed(path, found.tolist(), catalogue.rows_of(folder, named))


def _checked_ids(path: str, found: np.ndarray) -> pa.Array:
  """The array of ids as texts."""
  with _array(path, 'feature') as (_, header):
    count = header.shape[0]
  if found.ndim != 1 or found.dtype.kind not in 'iuU' or len(found) != count:
    raise ValueError(
      f"{path}, array 'id': found {found.dtype} {list(found.shape)}; right: "
      f'{count} strings or integers, one per row of the feature'
    )
  return pa.array([str(name) for name in found.tolist()], pa.large_string())


def _listed(path: str, names: list, placed: np.ndarray) -> np.ndarray:
  """The places, once every id is listed and no two are the same."""
  _, first, which = np.unique(placed, return_index=True, return_inverse=True)
  unlisted = placed < 0
  again = (first[which] != np.arange(len(placed))) & ~unlisted
  if not (again | unlisted).any():
    return placed
  row = int(np.argmax(again | unlisted))
  told = f"{path}, array 'id', row {row + 1}: found {names[row]!r}"
  if unlisted[row]:
    raise ValueError(f'{told}; right: the id of a listed video')
  raise ValueError(
    f'{told} again (first in row {first[which][row] + 1}); right: every id once'
  )


@contextlib.contextmanager
def _array(path: str, member: str) -> Iterator[tuple[IO, _Header]]:
  """A file at the first number of an array, and what the array is."""
  with contextlib.ExitStack() as stack:
    file = stack.enter_context(files.reading(path))
    try:
      if path.endswith('.npz'):
        pack = stack.enter_context(zipfile.ZipFile(file))
        names = sorted(name.removesuffix('.npy') for name in pack.namelist())
        if names != ['feature', 'id']:
          raise ValueError(
            f'{path}: found {", ".join(names)}; right: id and feature'
          )
        file = stack.enter_context(pack.open(f'{member}.npy'))
      header = _header(file)
    except (KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
      raise ValueError(f'{path}: found {error}; right: {_RIGHT}') from error
    yield file, header


def _header(file: IO) -> _Header:
  """Reads what stands before an array's numbers."""
  version = np.lib.format.read_magic(file)
  if version not in _HEADERS:
    raise ValueError(f'a .npy file of version {version}; right: {_RIGHT}')
  of, in_columns, dtype = _HEADERS[version](file)
  if dtype.hasobject:
    raise ValueError(f'Python objects in an array; right: {_RIGHT}')
  return _Header(of, dtype, in_columns and len(of) > 1)


def _name(path: str) -> str:
  return 'the array' if path.endswith('.npy') else "'feature'"


def _at_once(width: int) -> int:
  return max(1, _BYTES_AT_ONCE // (4 * max(1, width)))
