"""The files of a run's folder; only the first host writes them."""

import contextlib
import fcntl
import os
import pathlib
from collections.abc import Iterator

import ml_collections

from dynrec_jax.parallel import hosts
from dynrec_jax.storage import whole_files


def path_of(config: ml_collections.ConfigDict, name: str) -> str:
  """A file of the folder, which is made."""
  os.makedirs(config.workdir, exist_ok=True)
  return os.path.join(config.workdir, name)


@contextlib.contextmanager
def alone(config: ml_collections.ConfigDict) -> Iterator[None]:
  """Keeps other runs out of the folder for the block.

  Raises:
    ValueError: another process is at it; names the folder.
  """
  if not hosts.is_writer():
    yield
    return
  with open(path_of(config, '.lock'), 'w', encoding='utf-8') as lock:
    try:
      fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
      raise ValueError(
        f'workdir is {config.workdir!r}, where another process runs; right: '
        'one at a time, or several with mode=tune, which share their trials'
      ) from error
    yield


def remove(config: ml_collections.ConfigDict, name: str) -> None:
  """Takes a file of the folder away, if it is there."""
  if hosts.is_writer():
    pathlib.Path(config.workdir, name).unlink(missing_ok=True)


def write_text(config: ml_collections.ConfigDict, name: str, text: str) -> None:
  """A text file of the folder, whole or not at all."""
  if hosts.is_writer():
    whole_files.write_text(path_of(config, name), text)
