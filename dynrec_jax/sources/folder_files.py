"""Which files of a folder the source `files` reads, and which nobody does."""

import os
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence

from dynrec_jax.sources import checked_tables

REQUIRED = ('watches', 'videos')
_SUFFIXES: Mapping[str, tuple[str, ...]] = {
  **dict.fromkeys(
    ('watches', 'videos', 'tweets', 'profiles'), checked_tables.SUFFIXES
  ),
  'visual': ('npy', 'npz'),
  'tweet_topics': ('npy',),
}
_MOST_NAMED = 5


def folder_paths(
  manual_dir: str | os.PathLike[str] | None, also: Sequence[str] = ()
) -> dict[str, pathlib.Path]:
  """The folder's data files by name.

  Args:
    manual_dir: where they lie.
    also: names of files that somebody else reads.

  Returns:
    Path by 'watches', 'videos', 'tweets', 'tweet_topics', 'profiles',
    'visual'; all but the first two only if they exist. Files with suffixes of
    no data are left alone, see `unread`.

  Raises:
    ValueError: no such folder, a required file is missing, two files are for
      the same thing, or a data file has a name that means nothing.
  """
  if manual_dir is None or not pathlib.Path(manual_dir).is_dir():
    raise ValueError(
      f'manual_dir: found {str(manual_dir or "")!r}; right: the folder that '
      'holds watches.csv, videos.csv and so on (or .parquet, .jsonl)'
    )
  folder = pathlib.Path(manual_dir).absolute()
  data = {suffix for valid in _SUFFIXES.values() for suffix in valid}
  paths: dict[str, pathlib.Path] = {}
  for path in _shown(folder):
    if path.suffix[1:] not in data or path.name in also:
      continue
    if path.suffix[1:] not in _SUFFIXES.get(path.stem, ()):
      right = [f'{n}.{{{",".join(s)}}}' for n, s in _SUFFIXES.items()]
      raise ValueError(
        f'{path}: found a data file of unknown name; right: {", ".join(right)}'
      )
    if not path.is_file():
      found = 'a folder' if path.is_dir() else 'no file that can be read'
      raise ValueError(f'{path}: found {found}; right: one file')
    if path.stem in paths:
      other = paths[path.stem].name
      raise ValueError(f'{folder}: found {other} and {path.name}; right: one')
    paths[path.stem] = path
  _require(folder, paths)
  return paths


def unread(
  folder: pathlib.Path, read: Iterable[pathlib.Path]
) -> tuple[str, str]:
  """What lies in a folder and is not read: a line, or '' where all is.

  Args:
    folder: of the data.
    read: its files that are.

  Returns:
    What is probably meant to be read (`watches.csv.gz`), and all the rest.
  """
  known = {path.name for path in read}
  rest = [path for path in _shown(folder) if path.name not in known]
  meant = [path for path in rest if path.is_file() and _meant(path)]
  others = [path for path in rest if path not in meant]
  right = ' (right: the names and kinds of the README, unpacked)'
  return tuple(
    f'{folder}: not read as tables or features: {_named(of)}{hint}'
    if of
    else ''
    for of, hint in ((meant, right), (others, ''))
  )


def _require(folder: pathlib.Path, paths: Mapping[str, pathlib.Path]) -> None:
  """Raises for what is missing; names a file that may be meant."""
  for name in REQUIRED:
    if name in paths:
      continue
    like = [path for path in _shown(folder) if _meant(path) == name]
    but = f', but {_named(like)}, which nobody reads' if like else ''
    raise ValueError(
      f'{folder}: found no {name} file{but}; right: {name}.csv, {name}.parquet '
      f'or {name}.jsonl'
    )
  if 'tweet_topics' in paths and 'tweets' not in paths:
    raise ValueError(
      f'{folder}: found {paths["tweet_topics"].name} and no tweets file; '
      "right: tweets.csv (or .parquet, .jsonl) with each row's user and time"
    )


def _shown(folder: pathlib.Path) -> list[pathlib.Path]:
  """What lies in a folder, in order, without what editors hide there."""
  return sorted(p for p in folder.iterdir() if not p.name.startswith('.'))


def _meant(path: pathlib.Path) -> str:
  """Which data a name is probably meant to be; '' if none."""
  match = re.match(r'([a-z_]+?)s?(?![a-z_])', path.name.lower())
  singular = {name.removesuffix('s'): name for name in _SUFFIXES}
  return singular.get(match[1], '') if match else ''


def _named(paths: list[pathlib.Path]) -> str:
  """The names, cut to a line."""
  names = [path.name for path in paths[:_MOST_NAMED]]
  more = len(paths) - len(names)
  return ', '.join(names) + (f' and {more:,} more' if more else '')
