"""The files of a run's folder; only the first host writes them."""

import contextlib
import json
import os
import pathlib
import secrets
import time
from collections.abc import Iterator

import ml_collections
import numpy as np
from absl import logging

from dynrec_jax.parallel import hosts
from dynrec_jax.report import runs
from dynrec_jax.storage import file_locks, whole_files

# Of updates: which one counts, and all of them.
CURRENT, UPDATES = 'current.json', 'updates'
_LOCK = '.lock'
_SHARED = 'tune'  # the mode of which several processes share a folder
_TOKEN = '.hosts'  # what all hosts must see
_SEEN_SECS = 60.0  # as long as network folders may show what was there before
_READS = 'serve'  # the mode that, once it has begun, needs nothing of it
_OF_TRAINED = ('recommend', 'explain', 'export', 'serve', 'update')


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


def refuse_untrained(config: ml_collections.ConfigDict) -> None:
  """Raises ValueError, before anything is read, where nothing was trained.

  Of the modes that go on from a run's checkpoint. What is in it is looked at
  when the data are known.
  """
  number = config.recommend.split
  if config.mode == 'evaluate':
    if config.eval.methods and 'model' not in config.eval.methods:
      return  # others are fitted, or tell of their own folders
    number = 0
  elif config.mode not in _OF_TRAINED or config.serve.folder:
    return
  split = runs.split_directory(state_of(config), number)
  path = os.path.join(split, 'checkpoints')
  if '://' not in path and not os.path.isdir(path):
    raise ValueError(
      f'{path} is not a directory: no checkpoint to load for mode={config.mode}'
      '; right: the workdir of mode=train_and_evaluate'
      + (', and as recommend.split one of its splits' if number else '')
    )


@contextlib.contextmanager
def alone(config: ml_collections.ConfigDict) -> Iterator[None]:
  """Keeps other runs out of the folder for the block.

  Runs of mode=tune keep all others out but those of their own mode; one of
  mode=serve, which writes nothing, keeps nobody out. A folder that the block
  leaves empty goes again. Of several hosts the first one holds the folder for
  all.

  Raises:
    ValueError: another process is at it, or it is not one folder on all hosts;
      names the folder.
  """
  with contextlib.ExitStack() as stack:
    if hosts.is_writer() and config.mode != _READS:
      stack.enter_context(_held(config))
    _refuse_other_folders(config)
    yield


@contextlib.contextmanager
def _held(config: ml_collections.ConfigDict) -> Iterator[None]:
  """The folder, locked for the block."""
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


def _refuse_other_folders(config: ml_collections.ConfigDict) -> None:
  """Raises on all hosts if some do not see what the first one writes.

  Raises:
    ValueError: names the folder and the first such host.
  """
  if hosts.count() == 1:
    return
  token = hosts.gather_text(secrets.token_hex(8))[0]
  if hosts.is_writer():
    write_text(config, _TOKEN, token)
  hosts.wait_for_all('token')
  sees = hosts.gather(np.int32(_sees(config, token)))
  if hosts.is_writer():
    remove(config, _TOKEN)
  hosts.wait_for_all('token gone')
  if not sees.all():
    raise ValueError(
      f'workdir is {config.workdir!r}, where host {int(np.argmin(sees))} of '
      f'{len(sees)} does not see what host 0 writes; right: a folder that all '
      'hosts share, by its whole path'
    )


def _sees(config: ml_collections.ConfigDict, token: str) -> bool:
  """Whether the folder shows the token, soon or at once."""
  until = time.monotonic() + _SEEN_SECS
  while time.monotonic() < until:
    with contextlib.suppress(OSError):
      if pathlib.Path(config.workdir, _TOKEN).read_text().strip() == token:
        return True
    time.sleep(0.2)
  return False


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
