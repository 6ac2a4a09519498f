"""The one door to every data source."""

import os
import pathlib

import tensorflow_datasets as tfds
from absl import logging

from dynrec_jax.data import records as records_lib
from dynrec_jax.sources import (
  movietweetings,
  own_folder,
  record_files,
  simulated_year,
  simulation,
  two_streams,
)
from dynrec_jax.storage import digests

NAMES = ('simulated_year', 'movietweetings', 'movietweetings_streams', 'files')
SIMULATED = ('simulated_year',)


def load_source(
  name: str,
  *,
  data_dir: str | os.PathLike | None,
  manual_dir: str | os.PathLike | None,
  strict: bool = False,
  world: str = 'small',
  world_seed: int = simulation.DEFAULT_SEED,
) -> records_lib.Records:
  """A whole data source in memory, prepared on disk at the first call.

  The prepared copy is named after the content of its input files, so changed
  inputs are prepared anew and equal ones are reused.

  Args:
    name: one of `NAMES`.
    data_dir: where prepared copies and downloads go; None: `dynrec_jax` in
      $XDG_CACHE_HOME or ~/.cache.
    manual_dir: the folder of the input files. None downloads `movietweetings`;
      `files` needs it, `movietweetings_streams` too, as features do not come
      with the download.
    strict: whether a watch of a video that is not listed is an error; else
      such watches are kept out, counted and logged.
    world: of `simulated_year`, see `simulation.world_from_name`.
    world_seed: of `simulated_year`.

  Returns:
    The source's records.

  Raises:
    ValueError: an unknown name, or input files that are missing or wrong.
  """
  root = data_root(data_dir)
  if name == 'simulated_year':
    builder_class = simulated_year.SimulatedYear
    arguments = {'data_dir': root, 'world': world, 'seed': world_seed}
  else:
    builder_class, arguments = _of_files(name, root, manual_dir)
  videos_builder, users_builder = (
    _prepared(builder_class, arguments | {'config': part}, root / 'downloads')
    for part in record_files.PARTS
  )
  _report_unlisted(users_builder.info.metadata, strict)
  videos = record_files.videos_from_blocks(_blocks(videos_builder))
  users = record_files.users_from_blocks(_blocks(users_builder))
  records = records_lib.Records(
    users.user_ids, users.watches, videos, users.tweets, users.profiles
  )
  if name == 'movietweetings_streams':
    return two_streams.two_streams(records)
  return records


def _of_files(name: str, root: pathlib.Path, manual_dir):
  """The builder of a source that is made from files, and its arguments."""
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
  elif name == 'files':
    builder_class = own_folder.Files
    paths = own_folder.folder_paths(manual_dir)
    sha256 = _sha256(paths)
  else:
    raise ValueError(f'name: found {name!r}; right: {", ".join(NAMES)}')
  digest = digests.files_digest(sha256)
  return builder_class, {'data_dir': root / digest, 'paths': paths}


def _sha256(paths) -> dict[str, str]:
  """The digest of each input file by its name."""
  return {path.name: digests.file_sha256(path) for path in paths.values()}


def data_root(data_dir: str | os.PathLike | None) -> pathlib.Path:
  """Where prepared copies go: `data_dir`, or the user's cache if None."""
  if data_dir is not None:
    return pathlib.Path(data_dir).expanduser()
  cache = os.environ.get('XDG_CACHE_HOME') or '~/.cache'
  return pathlib.Path(cache).expanduser() / 'dynrec_jax'


def _prepared(
  builder_class, arguments, download_dir
) -> record_files.PartBuilder:
  """A builder whose record files are complete."""
  tfds.disable_progress_bar()  # a job's log is no terminal
  builder = builder_class(**arguments)
  try:
    builder.download_and_prepare(download_dir=download_dir)
  except OSError:
    # Another process may have finished the same copy meanwhile: its content
    # is the same, and the rename of ours then fails.
    builder = builder_class(**arguments)
    if not builder.is_prepared():
      raise
  return builder


def _blocks(builder: tfds.core.DatasetBuilder):
  """The record files' examples, in order."""
  return builder.as_data_source(record_files.SPLIT)


def _report_unlisted(metadata, strict: bool) -> None:
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
