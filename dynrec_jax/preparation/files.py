"""Files of a pipeline, on whatever file system the runner's workers share.

All that stages hand to each other lies in such files, and only their names go
through the runner. Every file appears whole: a worker that is tried again, or
twice at once, puts the same content under the same name.
"""

import contextlib
import json
from collections.abc import Iterator
from typing import IO, Any

import numpy as np
import pyarrow as pa
from apache_beam.io.filesystem import BeamIOError, CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions

from dynrec_jax.storage import whole_files

_AS_IT_IS = CompressionTypes.UNCOMPRESSED


def use(options: PipelineOptions) -> None:
  """Tells the file systems here how they are reached, as Beam tells workers."""
  FileSystems.set_options(options)


def join(folder: str, *names: str) -> str:
  """The path of a file in a folder, on any file system."""
  return FileSystems.join(folder, *names)


def exists(path: str) -> bool:
  """Whether there is a file or a folder."""
  return FileSystems.exists(path)


def listed(folder: str) -> list[str]:
  """The paths of a folder's files, in order; [] if there is no folder."""
  (found,) = FileSystems.match([join(folder, '*')])
  return sorted(file.path for file in found.metadata_list)


def remove(path: str) -> None:
  """Takes a file, or a folder with all in it, away if it is there."""
  # Where there are no folders, a slash asks for all names that begin so.
  for name in (path, f'{path}/') if '://' in path else (path,):
    with contextlib.suppress(BeamIOError):
      FileSystems.delete([name])


@contextlib.contextmanager
def reading(path: str) -> Iterator[IO]:
  """An open file that can be read anywhere.

  Raises:
    OSError: it cannot be read; names it.
  """
  try:
    file = FileSystems.open(path, compression_type=_AS_IT_IS)
  except BeamIOError as error:
    raise OSError(f'{path}: {error}') from error
  with contextlib.closing(file):
    yield file


@contextlib.contextmanager
def writing(path: str) -> Iterator[IO]:
  """A new file that takes its place at the end of the block."""
  part = f'{path}.{whole_files.new_name()}.part'
  with contextlib.closing(
    FileSystems.create(part, compression_type=_AS_IT_IS)
  ) as file:
    yield file
  try:
    FileSystems.rename([part], [path])
  except BeamIOError:
    # Some file systems rename onto no file: another try has been here.
    if not exists(path):
      raise
    remove(part)


def write_json(path: str, value: Any) -> None:
  """A file of JSON."""
  with writing(path) as file:
    file.write(json.dumps(value, indent=2).encode())


def read_json(path: str) -> Any:
  """What `write_json` wrote."""
  with reading(path) as file:
    return json.loads(file.read())


def write_arrays(path: str, **arrays: np.ndarray) -> None:
  """An .npz file."""
  with writing(path) as file:
    np.savez(file, **arrays)


def read_arrays(path: str) -> dict[str, np.ndarray]:
  """What `write_arrays` wrote."""
  with reading(path) as file, np.load(file, allow_pickle=False) as stored:
    return {name: stored[name] for name in stored.files}


def write_table(path: str, batches: list[pa.RecordBatch | pa.Table]) -> None:
  """An Arrow file of record batches with one schema, each kept whole."""
  with (
    writing(path) as file,
    pa.ipc.new_file(pa.PythonFile(file), batches[0].schema) as sink,
  ):
    for batch in batches:
      sink.write(batch)


def read_table(path: str) -> pa.Table:
  """All batches of an Arrow file."""
  with reading(path) as file:
    return pa.ipc.open_file(pa.PythonFile(file)).read_all()
