"""The files of a run's folder; only the first host writes them."""

import os
import pathlib

import ml_collections

from dynrec_jax.parallel import hosts
from dynrec_jax.storage import whole_files


def path_of(config: ml_collections.ConfigDict, name: str) -> str:
  """A file of the folder, which is made."""
  os.makedirs(config.workdir, exist_ok=True)
  return os.path.join(config.workdir, name)


def remove(config: ml_collections.ConfigDict, name: str) -> None:
  """Takes a file of the folder away, if it is there."""
  if hosts.is_writer():
    pathlib.Path(config.workdir, name).unlink(missing_ok=True)


def write_text(config: ml_collections.ConfigDict, name: str, text: str) -> None:
  """A text file of the folder, whole or not at all."""
  if hosts.is_writer():
    whole_files.write_text(path_of(config, name), text)
