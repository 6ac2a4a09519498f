"""Files that appear whole or not at all: the one way to write one.

Whatever happens while a file is written, a reader finds the old one or the
new one. Processes that write the same file do not meet: each has a part of
its own, beside the file, until it is whole.
"""

import contextlib
import os
import pathlib
import shutil
import tempfile
import uuid
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import IO

import numpy as np

# What a damaged .npz raises, depending on where it is damaged.
_DAMAGE = (
  OSError,
  EOFError,
  ValueError,
  KeyError,
  AttributeError,
  TypeError,
  NotImplementedError,
  RuntimeError,
  SyntaxError,
  zipfile.BadZipFile,
  zlib.error,
)


@contextlib.contextmanager
def whole_file(
  path: str | os.PathLike[str], *, binary: bool = False
) -> Iterator[IO]:
  """An open file that takes its place at the end of the block.

  It is on disk by then. A block that raises leaves what was there before.

  Args:
    path: of the file; missing folders are made.
    binary: bytes instead of UTF-8 text.

  Yields:
    The file to write to.

  Raises:
    OSError: the file cannot be written, as on a full disk or where a folder
      has its name; names `path`.
  """
  target = pathlib.Path(path)
  part = target.with_name(f'.{target.name}.{new_name()}.part')
  try:
    with _naming(target, part):
      target.parent.mkdir(parents=True, exist_ok=True)
      with _created(part, binary) as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
      os.replace(part, target)
  except BaseException:
    with contextlib.suppress(OSError):
      part.unlink()
    raise


def new_name() -> str:
  """Letters and digits that nobody else has as a name."""
  return uuid.uuid4().hex[:12]


@contextlib.contextmanager
def scratch_folder() -> Iterator[pathlib.Path]:
  """A folder on this machine that is gone at the end of the block."""
  with tempfile.TemporaryDirectory(prefix='dynrec-jax-') as folder:
    yield pathlib.Path(folder)


@contextlib.contextmanager
def whole_folder(path: str | os.PathLike[str]) -> Iterator[pathlib.Path]:
  """A new folder that takes a place at the end of the block.

  What was there before goes then, with all that is in it. A block that raises
  leaves it, and so does a process that ends: at worst, between two renames, it
  lies beside its place, as `.NAME.*.old`.

  Args:
    path: where it is to be; missing folders above it are made.

  Yields:
    The folder to write to, empty, beside the place.

  Raises:
    OSError: it cannot be written; names `path`.
  """
  target = pathlib.Path(path).absolute()
  mark = f'.{target.name}.{new_name()}'
  part, old = (target.with_name(f'{mark}.{end}') for end in ('part', 'old'))
  try:
    with _naming(target, part):
      target.parent.mkdir(parents=True, exist_ok=True)
      part.mkdir()
      yield part
      for file in part.rglob('*'):
        if file.is_file():
          _to_disk(file)
      _take_place(part, target, old)
  finally:
    shutil.rmtree(part, ignore_errors=True)
    if target.exists():
      shutil.rmtree(old, ignore_errors=True)


def _take_place(
  part: pathlib.Path, target: pathlib.Path, old: pathlib.Path
) -> None:
  """Renames a folder to where another may be, which goes back on an error."""
  with contextlib.suppress(FileNotFoundError):
    os.rename(target, old)
  try:
    os.rename(part, target)
  except OSError:
    with contextlib.suppress(FileNotFoundError):
      os.rename(old, target)
    raise


def _to_disk(path: pathlib.Path) -> None:
  """Waits until a file's bytes are on disk."""
  with path.open('rb') as file:
    os.fsync(file.fileno())


def write_text(path: str | os.PathLike[str], text: str) -> None:
  """A text file, see `whole_file`; the text gets a line break at its end."""
  write_lines(path, [text])


def write_lines(path: str | os.PathLike[str], lines: Iterable[str]) -> None:
  """A text file of lines, see `whole_file`.

  Args:
    path: of the file.
    lines: each gets a line break at its end.
  """
  with whole_file(path) as file:
    file.writelines(line + '\n' for line in lines)


def write_arrays(
  path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray]
) -> None:
  """An .npz file, see `whole_file`."""
  with whole_file(path, binary=True) as file:
    np.savez(file, **arrays)


def read_arrays(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
  """What `write_arrays` wrote.

  Raises:
    FileNotFoundError: no such file.
    ValueError: the file is damaged, or no file; names it.
  """
  try:
    with np.load(path, allow_pickle=False) as stored:
      return {key: stored[key] for key in stored.files}
  except FileNotFoundError:
    raise
  except _DAMAGE as error:
    raise ValueError(f'{path} cannot be read ({error})') from error


def _created(part: pathlib.Path, binary: bool) -> IO:
  """A new file with the rights that any new file gets."""
  return part.open('xb') if binary else part.open('x', encoding='utf-8')


@contextlib.contextmanager
def _naming(target: pathlib.Path, part: pathlib.Path) -> Iterator[None]:
  """Makes errors of the part, or of no file, name the target alone."""
  try:
    yield
  except OSError as error:
    if error.filename is not None and str(error.filename) != str(part):
      raise
    reason = error.strerror or str(error)
    if isinstance(error, IsADirectoryError):
      reason = 'a folder is where a file is to be written'
    raise OSError(error.errno, reason, str(target)) from error
