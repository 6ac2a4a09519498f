"""A file system that only Beam reaches: `shelf://name` is below `ROOT`."""

import pathlib
import shutil

from apache_beam.io import filesystem
from apache_beam.io.filesystem import CompressionTypes, FileMetadata

ROOT = pathlib.Path('/nowhere')
_START = 'shelf://'


def _real(path: str) -> pathlib.Path:
  return ROOT / path.removeprefix(_START)


class Shelf(filesystem.FileSystem):
  """As an object store: folders are not there, what is in them is."""

  @classmethod
  def scheme(cls):
    return 'shelf'

  def join(self, basepath, *paths):
    return '/'.join([basepath.rstrip('/'), *paths])

  def split(self, path):
    return path.rpartition('/')[::2]

  def mkdirs(self, path):
    raise NotImplementedError

  def has_dirs(self):
    return False

  def _list(self, dir_or_prefix):
    for path in ROOT.rglob('*'):
      name = _START + path.relative_to(ROOT).as_posix()
      if path.is_file() and name.startswith(dir_or_prefix):
        yield FileMetadata(name, path.stat().st_size)

  def create(
    self,
    path,
    mime_type='application/octet-stream',
    compression_type=CompressionTypes.AUTO,
  ):
    _real(path).parent.mkdir(parents=True, exist_ok=True)
    return _real(path).open('wb')

  def open(
    self,
    path,
    mime_type='application/octet-stream',
    compression_type=CompressionTypes.AUTO,
  ):
    return _real(path).open('rb')

  def copy(self, source_file_names, destination_file_names):
    raise NotImplementedError

  def rename(self, source_file_names, destination_file_names):
    for one, other in zip(
      source_file_names, destination_file_names, strict=True
    ):
      shutil.move(_real(one), _real(other))

  def exists(self, path):
    return _real(path).is_file()

  def size(self, path):
    return _real(path).stat().st_size

  def last_updated(self, path):
    return _real(path).stat().st_mtime

  def checksum(self, path):
    raise NotImplementedError

  def metadata(self, path):
    return FileMetadata(path, self.size(path))

  def delete(self, paths):
    for path in paths:
      for found in list(self._list(path)):
        _real(found.path).unlink()
