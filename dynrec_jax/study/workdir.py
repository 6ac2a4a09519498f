"""The files of a run's folder; only the first host writes them."""

import contextlib
import json
import os
import pathlib
from collections.abc import Iterator

import ml_collections
from absl import logging

from dynrec_jax.parallel import hosts
from dynrec_jax.storage import file_locks, whole_files

# Of updates: which one counts, and all of them.
CURRENT, UPDATES = 'current.json', 'updates'
_LOCK = '.lock'
_SHARED = 'tune'  # the mode of which several processes share a folder


def path_of(config: ml_collections.ConfigDict, name: str) -> str:
  """A file of the folder, which is made."""
  os.makedirs(config.workdir, exist_ok=True)
  return os.path.join(config.workdir, name)


def state_of(config: ml_collections.ConfigDict) -> str:
  """The folder of what the run has learned: its own, or its last update's.

  Raises:
    ValueError: the file that says which is damaged.
  """
  path = pathlib.Path(config.workdir, CURRENT)
  try:
    name = json.loads(path.read_text('utf-8'))['folder']
    return os.path.join(config.workdir, name)
  except FileNotFoundError:
    return config.workdir
  except (ValueError, KeyError, TypeError):
    raise ValueError(
      f'{path}: damaged; right: {{"folder": "{UPDATES}/..."}}, a folder that '
      'mode=update has left'
    ) from None


@contextlib.contextmanager
def alone(config: ml_collections.ConfigDict) -> Iterator[None]:
  """Keeps other runs out of the folder for the block.

  Runs of mode=tune keep all others out but those of their own mode. A folder
  that the block leaves empty goes again.

  Raises:
    ValueError: another process is at it; names it and the folder.
  """
  if not hosts.is_writer():
    yield
    return
  is_new = not os.path.exists(config.workdir)
  path = path_of(config, _LOCK)
  try:
    with contextlib.ExitStack() as stack:
      _take(stack, path, config)
      yield
  finally:
    if is_new:
      with contextlib.suppress(OSError):  # it holds something
        os.rmdir(config.workdir)


def _take(stack: contextlib.ExitStack, path: str, config) -> None:
  """Holds the lock until the stack ends.

  Raises:
    ValueError: it is another's.
  """
  lock = file_locks.held(
    path, shared=config.mode == _SHARED, doing=f'mode={config.mode}'
  )
  try:
    free = stack.enter_context(lock)
  except OSError as error:
    if not file_locks.knows_no_locks(error):
      raise
    logging.warning(
      'workdir: no lock (%s): see that no other run writes', error
    )
    return
  if not free:
    raise ValueError(
      f'workdir is {config.workdir!r}, where {file_locks.holder(path)} is at '
      f'work; right: another workdir, or wait (several runs of mode={_SHARED} '
      'may share one)'
    )


def remove(config: ml_collections.ConfigDict, name: str) -> None:
  """Takes a file of the folder away, if it is there."""
  if hosts.is_writer():
    pathlib.Path(config.workdir, name).unlink(missing_ok=True)


def write_text(config: ml_collections.ConfigDict, name: str, text: str) -> None:
  """A text file of the folder, whole or not at all."""
  if hosts.is_writer():
    whole_files.write_text(path_of(config, name), text)
