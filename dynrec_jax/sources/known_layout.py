"""Sources that are read as they lie: a data set's own files, by its readme."""

import pathlib

import tensorflow_datasets as tfds

from dynrec_jax.data import records as records_lib
from dynrec_jax.sources import notes, record_files
from dynrec_jax.sources.asked import Asked
from dynrec_jax.sources.layouts import (
  crossosn,
  kuairand,
  kuairec,
  layout,
  microlens,
  movielens,
  recbole,
)
from dynrec_jax.sources.layouts.layout import Layout, Paths
from dynrec_jax.sources.notes import Notes


class KnownLayout(record_files.PartBuilder):
  """A data set as two record sets, `users` and `videos`."""

  name = 'known_layout'
  VERSION = tfds.core.Version('1.0.0')

  def __init__(self, *, layout: str, asked: Asked, **kwargs):
    """Takes what every builder does, whose files these are, and what is asked.

    Args:
      layout: a name that `folder_paths` knows.
      asked: of the source.
      **kwargs: those of `record_files.PartBuilder`.
    """
    self.layout = layout
    self.asked = asked
    super().__init__(**kwargs)

  def _split_generators(self, dl_manager):
    del dl_manager  # nothing to fetch
    return {record_files.SPLIT: self._generate_examples()}

  def _generate_examples(self):
    odd = notes.no_notes()
    if self.builder_config.name == 'videos':
      found = videos(self.layout, self.paths, self.asked, odd)
      yield from record_files.video_blocks(found)
    else:
      found, unlisted = users(self.layout, self.paths, self.asked, odd)
      self.info.metadata.update(unlisted)
      yield from record_files.user_blocks(found)
    self.info.metadata.update(odd._asdict())


def folder_paths(
  name: str, manual_dir: str | pathlib.Path | None
) -> dict[str, pathlib.Path]:
  """The files of a data set by name.

  Args:
    name: of the layout.
    manual_dir: the folder where they lie.

  Raises:
    ValueError: no such folder, or a file that must be there is not.
  """
  if manual_dir is None or not pathlib.Path(manual_dir).is_dir():
    raise ValueError(
      f'manual_dir: found {str(manual_dir or "")!r}; right: the folder that '
      f'holds the files of {name}'
    )
  folder = pathlib.Path(manual_dir).absolute()
  if name == 'crossosn':
    return crossosn.folder_paths(folder)
  return _of(name).folder_paths(folder)


def _of(name: str) -> Layout:
  """How a data set with a log of its own is read."""
  match name:
    case 'recbole':
      return recbole.LAYOUT
    case 'microlens':
      return microlens.LAYOUT
    case 'kuairand':
      return kuairand.LAYOUT
    case 'kuairec':
      return kuairec.LAYOUT
    case 'movielens':
      return movielens.LAYOUT
  raise ValueError(f'name: found {name!r}; right: a layout')


def videos(
  name: str, paths: Paths, asked: Asked, odd: Notes
) -> records_lib.Videos:
  """The catalogue of a data set, in the order of the ids.

  Args:
    name: of the layout.
    paths: what `folder_paths` gave.
    asked: of the source.
    odd: gets lines for the log.

  Raises:
    ValueError: a wrong value; names file, row and column.
  """
  if name == 'crossosn':
    return crossosn.videos(paths, asked, odd)
  return layout.videos(_of(name), paths, asked, odd)


def users(
  name: str, paths: Paths, asked: Asked, odd: Notes
) -> tuple[record_files.Users, dict[str, object]]:
  """The users of a data set, and which watches are of no listed video.

  See `videos` and `layout.users`.
  """
  if name == 'crossosn':
    return crossosn.users(paths, asked, odd)
  return layout.users(_of(name), paths, asked, odd)
