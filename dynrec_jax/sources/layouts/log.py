"""A log of watches as text, whatever its size: only what counts is kept."""

import pathlib
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from dynrec_jax.data import records as records_lib
from dynrec_jax.sources import table_files, text_tables, text_values
from dynrec_jax.sources.notes import Notes
from dynrec_jax.sources.text_tables import Form
from dynrec_jax.sources.watched import Watched

# What a file may hold beside the ids: a column and its smallest and largest.
Ranges = Mapping[str, tuple[float, float]]


class LogColumns(NamedTuple):
  """What a log calls its columns.

  Attributes:
    user: of ids.
    video: of ids.
    time: when it was.
    unit: of the time, see `columns.UNITS`.
    may_lack_time: whether rows without a time are left out, not refused.
    ranges: columns of numbers that are checked, too.
  """

  user: str
  video: str
  time: str
  unit: str = 's'
  may_lack_time: bool = False
  ranges: Ranges = types.MappingProxyType({})


class Rows(NamedTuple):
  """Watches of one file, in its order.

  Attributes:
    path: the file.
    column: of the videos.
    row: [n] int64, their numbers there.
    user: [n] ids.
    video: [n] ids.
    time: [n] int64 seconds.
  """

  path: pathlib.Path
  column: str
  row: np.ndarray
  user: pa.StringArray
  video: pa.StringArray
  time: np.ndarray


class Unlisted(NamedTuple):
  """Watches of videos that the catalogue lacks.

  Attributes:
    count: how many.
    first: which was the first, in words.
    ids: the videos, each once.
  """

  count: int
  first: str
  ids: tuple[str, ...]


def rows(
  path: pathlib.Path,
  form: Form,
  columns: LogColumns,
  watched: Watched | None,
  odd: Notes,
) -> Iterator[Rows]:
  """The watches of a file; tells what it leaves out.

  Args:
    path: the file.
    form: how it is written.
    columns: what it calls them.
    watched: which rows count; None: all.
    odd: gets lines for the log.

  Raises:
    ValueError: a missing column or a wrong value; names file, row and column.
  """
  wanted = [columns.user, columns.video, columns.time, *columns.ranges]
  if watched:
    names = text_tables.heading(path, form)
    if watched.column not in names:
      raise ValueError(
        f'watched: found {str(watched)!r}, and no such column in {path}; '
        f'right: {", ".join(names)}'
      )
    wanted.append(watched.column)
  total = counted = timeless = 0
  for piece in text_tables.pieces(path, form, wanted):
    user, video = (text_values.ids(piece, name) for name in columns[:2])
    for name, (low, high) in columns.ranges.items():
      text_values.numbers(piece, name, low=low, high=high)
    time = text_values.seconds(
      piece, columns.time, columns.unit, may_be_empty=columns.may_lack_time
    )
    keep = np.ones(len(time), bool)
    if watched:
      keep = text_values.numbers(piece, watched.column) >= watched.least
    total += len(keep)
    counted += int(keep.sum())
    has_time = time != records_lib.MISSING_TIME
    timeless += int((keep & ~has_time).sum())
    kept = np.flatnonzero(keep & has_time)
    places = pa.array(kept)
    yield Rows(
      path,
      columns.video,
      piece.first_row + kept,
      user.take(places),
      video.take(places),
      time[kept],
    )
  _tell(path, watched, (total, counted, timeless), odd)


def _tell(path, watched, counts: tuple[int, int, int], odd: Notes) -> None:
  """What was left out of a file, and why."""
  total, counted, timeless = counts
  if watched:
    odd.told.append(
      f'{path.name}: {counted:,} of {total:,} rows count as watches ({watched})'
    )
  if timeless:
    odd.told.append(f'{path.name}: {timeless:,} watches have no time: left out')


def collected(
  found: Iterable[Rows],
  user_of: dict[str, int],
  row_of: dict[str, int],
  *,
  is_listed: bool,
) -> tuple[records_lib.Watches, Unlisted]:
  """All watches, in the order of the files.

  Args:
    found: what `rows` gave, of one file or more.
    user_of: position of each user by id; new ones are added at the end.
    row_of: row of each video by id.
    is_listed: whether `row_of` holds all videos; else new ones are added.

  Returns:
    The watches of listed videos, and which were of others.
  """
  users, videos, times = [], [], []
  count, first, strays = 0, '', {}
  for piece in found:
    user = _places(piece.user, user_of, grow=True)
    video = _places(piece.video, row_of, grow=not is_listed)
    listed = video >= 0
    if not listed.all():
      others = np.flatnonzero(~listed)
      first = first or _described(piece, int(others[0]))
      count += len(others)
      names = piece.video.take(pa.array(others)).unique().to_pylist()
      strays |= dict.fromkeys(names)
    users.append(user[listed])
    videos.append(video[listed])
    times.append(piece.time[listed])
  watches = records_lib.Watches(
    np.concatenate([np.zeros(0, np.int32), *users]),
    np.concatenate([np.zeros(0, np.int32), *videos]),
    np.concatenate([np.zeros(0, np.int64), *times]),
  )
  return watches, Unlisted(count, first, tuple(strays))


def _places(
  names: pa.StringArray, place_of: dict[str, int], *, grow: bool
) -> np.ndarray:
  """[n] int32, each name's place; -1 of those that have none."""
  encoded = names.dictionary_encode()
  every = encoded.dictionary.to_pylist()
  if grow:
    for name in every:
      place_of.setdefault(name, len(place_of))
  places = np.fromiter(
    (place_of.get(name, -1) for name in every), np.int32, len(every)
  )
  return places[encoded.indices.to_numpy()]


def _described(piece: Rows, index: int) -> str:
  """A row of a video that is not listed, in words."""
  found = table_files.shown(piece.video[index].as_py())
  return (
    f'{piece.path.name}, row {piece.row[index]}, column {piece.column!r}: '
    f'found {found}'
  )
