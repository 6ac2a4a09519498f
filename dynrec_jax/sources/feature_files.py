"""Features of videos from .npy or .npz, every number checked."""

import pathlib
import zipfile
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

_ROWS_AT_ONCE = 1024


class FeatureRows(NamedTuple):
  """Features of a catalogue, and of which videos there are any.

  Attributes:
    rows: [V, D] float16 or float32, zeros where there is none.
    present: [V] bool.
  """

  rows: np.ndarray
  present: np.ndarray


def no_features(video_count: int) -> FeatureRows:
  """What a source without any feature has: D = 0."""
  rows = np.zeros((video_count, 0), np.float32)
  return FeatureRows(rows, np.zeros(video_count, bool))


def features_from_npy(path: pathlib.Path, video_count: int) -> FeatureRows:
  """Features in the order of the videos; see `rows_from_npy`."""
  rows = rows_from_npy(path, video_count, 'video')
  return FeatureRows(rows, np.ones(video_count, bool))


def rows_from_npy(
  path: pathlib.Path, row_count: int, row_name: str
) -> np.ndarray:
  """A matrix of finite numbers, a row for each row of a table.

  Args:
    path: .npy file, [row_count, D].
    row_count: how many rows there must be.
    row_name: what a row is of, for the message.

  Returns:
    The rows, float16 or float32.

  Raises:
    ValueError: another shape or dtype, or a number that is not finite.
  """
  rows = matrix_from_npy(path)
  if len(rows) != row_count:
    raise ValueError(
      f'{path}: found {len(rows)} rows; right: {row_count}, one per {row_name}'
    )
  return rows


def matrix_from_npy(path: pathlib.Path) -> np.ndarray:
  """A matrix of finite numbers, float16 or float32, of any number of rows.

  Raises:
    ValueError: another shape or dtype, or a number that is not finite.
  """
  return checked_rows(path, 'the array', _loaded(path))


def features_from_npz(
  path: pathlib.Path,
  key: str,
  row_of: Mapping[str, int],
  *,
  all_listed: bool = True,
) -> FeatureRows:
  """Features of the videos that the file names.

  Args:
    path: .npz file with the arrays `key` [n] and 'feature' [n, D].
    key: name of the array of ids, strings or integers.
    row_of: the row of each id in the catalogue; integer ids as str too.
    all_listed: whether an id that `row_of` lacks is an error; else it is left
      out, as of a video that filters removed, unless all are.

  Returns:
    A feature where the file has one, zeros elsewhere.

  Raises:
    ValueError: missing or unknown arrays, unknown or repeated ids, another
      shape or dtype, or a number that is not finite.
  """
  arrays = _loaded(path)
  names = sorted(arrays) if isinstance(arrays, dict) else ['one array']
  if names != sorted((key, 'feature')):
    raise ValueError(
      f'{path}: found {", ".join(names)}; right: {key} and feature'
    )
  feature = checked_rows(path, "'feature'", arrays['feature'])
  ids = arrays[key]
  if ids.ndim != 1 or ids.dtype.kind not in 'iuU' or len(ids) != len(feature):
    raise ValueError(
      f'{path}, array {key!r}: found {ids.dtype} {list(ids.shape)}; right: '
      f'{len(feature)} strings or integers, one per row of the feature'
    )
  targets = _targets(path, key, ids.tolist(), row_of, all_listed)
  listed = targets >= 0
  rows = np.zeros((len(row_of), feature.shape[1]), feature.dtype)
  present = np.zeros(len(row_of), bool)
  rows[targets[listed]] = feature[listed]
  present[targets[listed]] = True
  return FeatureRows(rows, present)


def ids_of(path: pathlib.Path, key: str) -> list[str]:
  """The ids of a file that `features_from_npz` has read."""
  return [str(name) for name in _loaded(path)[key].tolist()]


def _targets(path, key, ids, row_of, all_listed) -> np.ndarray:
  """The catalogue's row of each id of the file, -1 of one that is left out."""
  first: dict[str, int] = {}
  targets = np.full(len(ids), -1)
  for row, video in enumerate(ids, 1):
    name = str(video)
    if name in first:
      raise ValueError(
        f'{path}, array {key!r}, row {row}: found {video!r} again (first in '
        f'row {first[name]}); right: every id once'
      )
    if name not in row_of and all_listed:
      raise ValueError(
        f'{path}, array {key!r}, row {row}: found {video!r}; right: the id of '
        f'a listed video, such as {next(iter(row_of), "")!r}'
      )
    first[name] = row
    targets[row - 1] = row_of.get(name, -1)
  if (targets < 0).all():
    raise ValueError(
      f'{path}, array {key!r}: found {ids[0]!r} and so on, no id of a video '
      f'of the study; right: such as {next(iter(row_of))!r}'
    )
  return targets


def _loaded(path: pathlib.Path):
  """The array of a .npy file or a dict of those of a .npz file."""
  try:
    loaded = np.load(path, allow_pickle=False)
    if isinstance(loaded, np.ndarray):
      return loaded
    with loaded:
      return dict(loaded)
  except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
    raise ValueError(
      f'{path}: found {error}; right: arrays of numbers or strings as '
      'numpy.save or numpy.savez write them'
    ) from error


def checked_rows(
  path: pathlib.Path | str, name: str, feature: np.ndarray, first_row: int = 1
) -> np.ndarray:
  """Vectors as float16 or float32, all finite.

  Args:
    path: of the file, for messages.
    name: of the array in it, for messages.
    feature: some or all rows of it.
    first_row: the number of the first of these, for messages.

  Raises:
    ValueError: another shape or dtype, or a number that is not finite.
  """
  if not isinstance(feature, np.ndarray):
    raise ValueError(f'{path}: found several arrays; right: one, [videos, D]')
  if feature.ndim != 2 or not feature.size or feature.dtype.kind != 'f':
    raise ValueError(
      f'{path}, {name}: found {feature.dtype} {list(feature.shape)}; right: '
      'float16 or float32 [rows, D], not empty'
    )
  wide = feature.dtype.itemsize > 4 or not feature.dtype.isnative
  with np.errstate(over='ignore'):  # too wide for float32 becomes inf: named
    rows = feature.astype(np.float32) if wide else feature
  for start in range(0, len(rows), _ROWS_AT_ONCE):
    bad = ~np.isfinite(rows[start : start + _ROWS_AT_ONCE])
    if bad.any():
      row, column = np.argwhere(bad)[0] + (start, 0)
      raise ValueError(
        f'{path}, {name}, row {row + first_row}, column {column + 1}: found '
        f'{feature[row, column]}; right: a finite float32 number'
      )
  return rows
