"""What a layout's module gives, and the records that are made of it."""

import pathlib
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np

from dynrec_jax.data import canonical, joins
from dynrec_jax.data import records as records_lib
from dynrec_jax.sources import notes, record_files
from dynrec_jax.sources.asked import Asked
from dynrec_jax.sources.layouts import log
from dynrec_jax.sources.notes import Notes

Paths = Mapping[str, pathlib.Path]
_NAMED = 2  # ids of a side that the other lacks


class Layout(NamedTuple):
  """How a data set is read.

  Attributes:
    folder_paths: the files of a folder by name.
    ids: the ids of the catalogue, or None where no table lists videos: those
      of the log then.
    videos: the catalogue, given the row of each id.
    log: the watches.
    profiles: what is known of users, by id.
  """

  folder_paths: Callable[[pathlib.Path], dict[str, pathlib.Path]]
  ids: Callable[[Paths, Asked], list[str] | None]
  videos: Callable[[Paths, Asked, Mapping[str, int], Notes], records_lib.Videos]
  log: Callable[[Paths, Asked, Notes], Iterator[log.Rows]]
  profiles: Callable[[Paths, Asked], dict[str, str]]


def videos(
  layout: Layout, paths: Paths, asked: Asked, odd: Notes
) -> records_lib.Videos:
  """The catalogue, in the order of the ids.

  Raises:
    ValueError: a wrong value; names file, row and column.
  """
  ids = layout.ids(paths, asked)
  if ids is None:
    row_of: dict[str, int] = {}
    # What the log leaves out is told with the users.
    found = layout.log(paths, asked, notes.no_notes())
    log.collected(found, {}, row_of, is_listed=False)
    _refuse_none(paths, row_of)
    ids = list(row_of)
  return layout.videos(paths, asked, _in_order(ids), odd)


def users(
  layout: Layout, paths: Paths, asked: Asked, odd: Notes
) -> tuple[record_files.Users, dict[str, object]]:
  """The users whom the log and their table name, in the order of their ids.

  Returns:
    The users with watches of listed videos only, and of the other watches
    their number (`unlisted_count`) and the first (`first_unlisted`).

  Raises:
    ValueError: a wrong value; names file, row and column.
  """
  ids = layout.ids(paths, asked)
  user_of: dict[str, int] = {}
  row_of = _in_order(ids or [])
  found = layout.log(paths, asked, odd)
  watches, unlisted = log.collected(
    found, user_of, row_of, is_listed=ids is not None
  )
  if ids is None:
    names = records_lib.object_array(row_of)
    order = canonical.id_order(names)
    place = np.argsort(order).astype(np.int32)
    watches = watches._replace(video=place[watches.video])
    row_of = _in_order(names)
  else:
    _tell_join(watches, unlisted, row_of, odd)
  _refuse_none(paths, watches.user)
  profile_of = layout.profiles(paths, asked)
  if profile_of:
    odd.add_join(
      joins.join('users', 'profiles', profile_of, 'the log', user_of)
    )
  for user in profile_of:
    user_of.setdefault(user, len(user_of))
  user_ids, watches = canonical.by_user(
    records_lib.object_array(user_of), watches
  )
  made = record_files.Users(
    user_ids=user_ids,
    watches=canonical.watches_in_order(
      watches, records_lib.object_array(row_of)
    ),
    tweets=records_lib.no_tweets(),
    profiles=records_lib.object_array(
      [profile_of.get(user, '') for user in user_ids]
    ),
  )
  told = {'unlisted_count': unlisted.count, 'first_unlisted': unlisted.first}
  return made, told


def _in_order(ids) -> dict[str, int]:
  """The row of each id, in the order of the ids."""
  names = records_lib.object_array(ids)
  ordered = names[canonical.id_order(names)]
  return {name: row for row, name in enumerate(ordered)}


def _tell_join(watches, unlisted: log.Unlisted, row_of, odd: Notes) -> None:
  """How the videos of the log and of the catalogue met.

  Raises:
    ValueError: none of them did.
  """
  is_met = np.zeros(len(row_of), bool)
  is_met[watches.video] = True
  alone = [
    name
    for name, _ in zip(
      (name for name, met in zip(row_of, is_met, strict=True) if not met),
      range(_NAMED),
      strict=False,
    )
  ]
  met = joins.of_counts(
    'videos',
    int(is_met.sum()),
    ('the log', len(unlisted.ids), unlisted.ids[:_NAMED]),
    ('the catalogue', int((~is_met).sum()), alone),
  )
  if met.is_empty:
    raise ValueError(
      f'{unlisted.first}, and no id of the log is of a listed video: '
      f'{met.shown}; right: the same ids, spelled alike'
    )
  odd.add_join(met)


def _refuse_none(paths: Paths, rows) -> None:
  """Raises where no row counts as a watch."""
  if not len(rows):
    raise ValueError(
      f'{next(iter(paths.values()))}: found no row that counts as a watch; '
      'right: one or more (watched says which rows count)'
    )
