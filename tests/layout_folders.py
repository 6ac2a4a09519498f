"""Folders of data sets that are read as they lie, and what is read of them."""

import pathlib
from collections.abc import Mapping
from typing import NamedTuple

from dynrec_jax.data import records as records_lib
from dynrec_jax.sources import known_layout, notes, record_files
from dynrec_jax.sources.asked import Asked

USUAL = Asked()


class Read(NamedTuple):
  """A data set in memory, and what was told of it."""

  videos: records_lib.Videos
  users: record_files.Users
  unlisted: dict[str, object]
  told: list[str]
  warned: list[str]

  def watches(self) -> list[tuple[str, str, int]]:
    """(user, video, time) of each watch, in order."""
    found = self.users.watches
    return [
      (self.users.user_ids[user], self.videos.id[video], int(time))
      for user, video, time in zip(*found, strict=True)
    ]


def write(
  folder: pathlib.Path, files: Mapping[str, str | bytes]
) -> pathlib.Path:
  """The files below a folder; text as UTF-8, lines as they are."""
  for name, content in files.items():
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(data)
  return folder


def read(layout: str, folder: pathlib.Path, asked: Asked = USUAL) -> Read:
  """What a layout reads of a folder, without a prepared copy."""
  paths = known_layout.folder_paths(layout, folder)
  odd = notes.no_notes()
  videos = known_layout.videos(layout, paths, asked, odd)
  users, unlisted = known_layout.users(layout, paths, asked, odd)
  return Read(videos, users, unlisted, *odd)
