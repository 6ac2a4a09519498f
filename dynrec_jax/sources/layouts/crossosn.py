"""CrossOSN-U: YouTube's watches, Twitter as a topic distribution of each user.

The publisher (NLPR, Chinese Academy of Sciences) gives profiles, what users
did with videos and the videos' metadata, and, as tweets may not be passed on,
LDA's distribution of each user's tweets. Its page names no file, so these are
written as the source `files` is, and `columns` names what is called otherwise:

watches, videos, profiles    as in `own_folder`
user_topics.{txt,tsv,csv}    a line per user, no heading: the id and K shares
                             that add up to 1, between spaces, tabs or commas

A distribution has no time. It is one tweet of its user, at `topics_time` or
else at the first watch of all.
"""

import math
import pathlib
import re
from collections.abc import Mapping

import numpy as np

from dynrec_jax.data import canonical, joins
from dynrec_jax.data import records as records_lib
from dynrec_jax.sources import (
  columns,
  folder_files,
  own_folder,
  record_files,
  table_files,
)
from dynrec_jax.sources.asked import Asked
from dynrec_jax.sources.layouts import layout_files
from dynrec_jax.sources.layouts.layout import Paths
from dynrec_jax.sources.notes import Notes

_NAMES = tuple(f'user_topics.{suffix}' for suffix in ('txt', 'tsv', 'csv'))
_BETWEEN = re.compile(r'\s*,\s*|\s+')
_ROUNDING = 0.01  # of the sum of published shares


def folder_paths(folder: pathlib.Path) -> dict[str, pathlib.Path]:
  """The folder's files by name.

  Raises:
    ValueError: a required one is missing, or there are tweets, too.
  """
  paths = folder_files.folder_paths(folder, also=_NAMES)
  if 'tweets' in paths:
    raise ValueError(
      f'{folder}: found {paths["tweets"].name}; right: user_topics.txt, or '
      'the source files, which reads tweets'
    )
  right = f'one of {", ".join(_NAMES)}, or the source files'
  return paths | {'user_topics': layout_files.one(folder, _NAMES, right)}


def videos(paths: Paths, asked: Asked, odd: Notes) -> records_lib.Videos:
  """See `own_folder.videos_from_folder`."""
  named = columns.parse(asked.column_names)
  return own_folder.videos_from_folder(paths, odd, named)


def users(
  paths: Paths, asked: Asked, odd: Notes
) -> tuple[record_files.Users, dict[str, object]]:
  """See `own_folder.users_from_folder`; and a tweet per distribution.

  Raises:
    ValueError: a wrong value; names file, row and column.
  """
  named = columns.parse(asked.column_names)
  row_of = own_folder.video_rows(paths, named)
  watchers, told = own_folder.users_from_folder(paths, row_of, odd, named)
  path = paths['user_topics']
  topics_of = topics(path)
  met = joins.join(
    'users', path.name, topics_of, paths['watches'].name, watchers.user_ids
  )
  odd.add_join(met)
  time = asked.topics_time
  if time is None:
    time = int(watchers.watches.time.min())
    odd.told.append(
      f'{path.name}: topics of {len(topics_of):,} users without a time stand '
      'at the first watch of all (topics_date says otherwise)'
    )
  return _with_topics(watchers, topics_of, time), told


def _with_topics(
  watchers: record_files.Users, topics_of: Mapping[str, np.ndarray], time: int
) -> record_files.Users:
  """The users, those who only have topics among them, and their tweets."""
  place_of = {user: place for place, user in enumerate(watchers.user_ids)}
  for user in topics_of:
    place_of.setdefault(user, len(place_of))
  count = len(topics_of)
  tweets = records_lib.Tweets(
    np.array([place_of[user] for user in topics_of], np.int32),
    np.full(count, time, np.int64),
    records_lib.object_array([''] * count),
    np.stack(list(topics_of.values())),
  )
  user_ids, watches, tweets = canonical.by_user(
    records_lib.object_array(place_of), watchers.watches, tweets
  )
  profile_of = dict(zip(watchers.user_ids, watchers.profiles, strict=True))
  return record_files.Users(
    user_ids=user_ids,
    watches=watches,
    tweets=canonical.tweets_in_order(tweets),
    profiles=records_lib.object_array(
      [profile_of.get(user, '') for user in user_ids]
    ),
  )


def topics(path: pathlib.Path) -> dict[str, np.ndarray]:
  """Each user's distribution, [K] float32.

  Raises:
    ValueError: no distribution, one of another length, or a user twice; names
      file, line, found and right.
  """
  found: dict[str, np.ndarray] = {}
  size = 0
  for number, line in enumerate(table_files.lines_of(path), 1):
    user, *texts = _BETWEEN.split(line.strip())
    shares = _shares(texts)
    size = size or len(texts)
    if shares is None or len(texts) != size or not user:
      said = f'a user and {size} shares' if number > 1 else 'a user and shares'
      raise ValueError(
        f'{path}, line {number}: found {table_files.shown(line)}; right: '
        f'{said} of 2 topics or more, 0 to 1 each, that add up to 1'
      )
    if user in found:
      raise ValueError(
        f'{path}, line {number}: found {user!r} again; right: every user once'
      )
    found[user] = shares
  if not found:
    raise ValueError(f'{path}: found no line; right: one per user')
  return found


def _shares(texts: list[str]) -> np.ndarray | None:
  """The numbers of a distribution; None if it is none."""
  try:
    numbers = [float(text) for text in texts]
  except ValueError:
    return None
  right = len(numbers) > 1 and all(0 <= share <= 1 for share in numbers)
  if not right or abs(math.fsum(numbers) - 1) > _ROUNDING:
    return None
  return np.array(numbers, np.float32)
