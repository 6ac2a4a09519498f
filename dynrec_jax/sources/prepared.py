"""A source's prepared copy on disk: made at the first call, then read."""

import json
import os
import pathlib
import shutil
from typing import Any

import tensorflow_datasets as tfds
from absl import logging

from dynrec_jax.data import records as records_lib
from dynrec_jax.sources import (
  folder_files,
  known_layout,
  movietweetings,
  notes,
  own_folder,
  record_files,
  simulated_year,
)
from dynrec_jax.sources.asked import Asked
from dynrec_jax.storage import digests, file_locks, whole_files

# The digests of a copy's files: the last one that is written.
_SEAL = 'sha256.json'

# A class of `record_files.PartBuilder`, and what it is called with.
Builder = tuple[type[record_files.PartBuilder], dict[str, Any]]


def simulated(root: pathlib.Path, world: str, seed: int) -> Builder:
  """The builder of a simulated year, and its arguments."""
  arguments = {'data_dir': root, 'world': world, 'seed': seed}
  return simulated_year.SimulatedYear, arguments


def of_files(
  name: str,
  root: pathlib.Path,
  manual_dir: str | os.PathLike | None,
  asked: Asked,
) -> Builder:
  """The builder of a source that is made from files, and its arguments.

  Raises:
    LacksDataError: a source of two streams without the folder that divides it.
    ValueError: input files that are missing or wrong.
  """
  if name == 'movietweetings_streams' and manual_dir is None:
    raise records_lib.LacksDataError(
      'manual_dir: found nothing; right: a folder with '
      f'{" and ".join(movietweetings.URLS)} and the visual.npz that divides '
      'the films in two streams, which no download brings'
    )
  if name in ('movietweetings', 'movietweetings_streams'):
    builder_class = movietweetings.MovieTweetings
    paths = movietweetings.folder_paths(manual_dir)
    sha256 = _sha256(paths) or movietweetings.snapshot_sha256()
    arguments = {}
  elif name == 'files':
    builder_class = own_folder.Files
    paths = folder_files.folder_paths(manual_dir)
    sha256 = _sha256(paths)
    arguments = {'columns': asked.column_names}
  else:
    builder_class = known_layout.KnownLayout
    paths = known_layout.folder_paths(name, manual_dir)
    sha256 = _sha256(paths) | {'layout': digests.joined_sha256(name)}
    arguments = {'layout': name, 'asked': asked}
  if manual_dir is not None:
    _tell_unread(pathlib.Path(manual_dir).absolute(), paths)
  for key, value in asked.told().items():
    sha256[f'asked {key}'] = digests.joined_sha256(value)
  digest = digests.files_digest(sha256)
  return builder_class, arguments | {'data_dir': root / digest, 'paths': paths}


def _tell_unread(folder: pathlib.Path, paths: dict[str, pathlib.Path]) -> None:
  """What of a folder, and of where in it the data lie, is not read."""
  lie = {path.parent for path in paths.values()}
  for place in sorted({folder, *lie}):
    inner = [other for other in lie if place in other.parents]
    meant, others = folder_files.unread(place, [*paths.values(), *inner])
    told, warned = ([line] if line else [] for line in (others, meant))
    notes.log(notes.Notes(told, warned))


def _sha256(paths) -> dict[str, str]:
  """The digest of each input file by its name."""
  return {path.name: digests.file_sha256(path) for path in paths.values()}


def read(
  builder_class: type[record_files.PartBuilder],
  arguments: dict[str, Any],
  download_dir: pathlib.Path,
  strict: bool,
) -> records_lib.Records:
  """The records of a copy, which is prepared first where there is none.

  Raises:
    ValueError: strict, and a watch is of a video that is not listed.
  """
  videos_builder, users_builder = (
    _prepared(builder_class, arguments | {'config': part}, download_dir)
    for part in record_files.PARTS
  )
  for builder in (videos_builder, users_builder):
    notes.log(builder.info.metadata)
  report_unlisted(users_builder.info.metadata, strict)
  videos = record_files.videos_from_blocks(_blocks(videos_builder))
  users = record_files.users_from_blocks(_blocks(users_builder))
  return records_lib.Records(
    users.user_ids, users.watches, videos, users.tweets, users.profiles
  )


def _prepared(
  builder_class, arguments, download_dir
) -> record_files.PartBuilder:
  """A builder whose record files are whole; made here where there are none.

  One process makes a copy, others wait for it. A damaged one is made again.
  """
  tfds.disable_progress_bar()  # a job's log is no terminal
  folder = builder_class.folder_of(**arguments)
  if not _is_whole(folder):
    part = arguments['config']
    lock = folder.with_name(f'.{folder.name}.lock')
    with file_locks.turn(lock, f'{builder_class.name}, {part}'):
      _make(folder, builder_class, arguments, download_dir)
  return builder_class(**arguments)


def _make(folder, builder_class, arguments, download_dir) -> None:
  """Makes a copy, unless another process has meanwhile.

  Raises:
    OSError: it cannot be written; names the folder.
    ValueError: input files that are wrong.
  """
  if _is_whole(folder):
    return
  if folder.exists():
    logging.warning('%s is not whole: making it again', folder)
    _remove(folder)
  try:
    builder_class(**arguments).download_and_prepare(download_dir=download_dir)
  except OSError:
    # Where there are no locks another process may have made it meanwhile: its
    # content is the same, and the rename of ours then fails.
    if not _is_whole(folder):
      raise
    return
  whole_files.write_text(folder / _SEAL, json.dumps(_sha256_of(folder)))


def _remove(folder: pathlib.Path) -> None:
  """Takes a damaged copy away, whatever it has become."""
  if folder.is_dir() and not folder.is_symlink():
    shutil.rmtree(folder)
  else:
    folder.unlink()


def _is_whole(folder: pathlib.Path) -> bool:
  """Whether every file is what it was when the copy was made."""
  try:
    sealed = json.loads((folder / _SEAL).read_text('utf-8'))
    return bool(sealed) and sealed == _sha256_of(folder)
  except (OSError, ValueError):
    return False


def _sha256_of(folder: pathlib.Path) -> dict[str, str]:
  """The digest of each of a copy's files by its name."""
  return {
    path.name: digests.file_sha256(path)
    for path in sorted(folder.iterdir())
    if path.name != _SEAL
  }


def _blocks(builder: tfds.core.DatasetBuilder):
  """The record files' examples, in order."""
  return builder.as_data_source(record_files.SPLIT)


def report_unlisted(metadata, strict: bool) -> None:
  """Logs, or if strict refuses, watches of videos that are not listed."""
  count = metadata.get('unlisted_count', 0)
  if not count:
    return
  first = metadata['first_unlisted']
  if strict:
    raise ValueError(
      f'{first}, and {count - 1} more such rows; right: the id of a listed '
      'video (strict=False keeps such rows out)'
    )
  logging.warning(
    '%d watches of unlisted videos are kept out; the first: %s', count, first
  )
