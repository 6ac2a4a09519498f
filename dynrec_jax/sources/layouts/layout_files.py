"""Which files of a folder a layout reads."""

import pathlib
from collections.abc import Sequence


def home(folder: pathlib.Path, *patterns: str) -> pathlib.Path:
  """The folder, or its `data` where that has a file of the patterns alone."""
  below = folder / 'data'
  for place in (folder, below):
    if any(any(place.glob(pattern)) for pattern in patterns):
      return place
  return folder


def matches(folder: pathlib.Path, pattern: str) -> list[pathlib.Path]:
  """The files of a pattern, in order.

  Raises:
    ValueError: one is no file that can be read.
  """
  found = sorted(folder.glob(pattern))
  for path in found:
    if not path.is_file():
      what = 'a folder' if path.is_dir() else 'no file that can be read'
      raise ValueError(f'{path}: found {what}; right: one file')
  return found


def one(
  folder: pathlib.Path, patterns: Sequence[str], right: str
) -> pathlib.Path:
  """The one file of some patterns.

  Raises:
    ValueError: there is none, or more than one.
  """
  found = [path for name in patterns for path in matches(folder, name)]
  if len(found) == 1:
    return found[0]
  names = ' and '.join(path.name for path in found) or 'no such file'
  raise ValueError(f'manual_dir: found {names} in {folder}; right: {right}')


def add_if_one(
  paths: dict[str, pathlib.Path],
  name: str,
  folder: pathlib.Path,
  patterns: Sequence[str],
) -> None:
  """Adds the file of some patterns, where there is one.

  Raises:
    ValueError: there are several.
  """
  if any(matches(folder, pattern) for pattern in patterns):
    paths[name] = one(folder, patterns, f'one of {", ".join(patterns)}')
