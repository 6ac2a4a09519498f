"""The source `files`: a folder of your own tables and features.

watches.{parquet,csv,jsonl}   user, video, time
videos.{parquet,csv,jsonl}    id; optional: title, description, tags,
                              categories, upload_time, view_count
tweets.{parquet,csv,jsonl}    optional: user, time, text
tweet_topics.npy              optional: [tweets, K], rows as in tweets; then
                              tweets needs no text
profiles.{parquet,csv,jsonl}  optional: user, text
visual.npy                    optional: [videos, D], rows as in videos
visual.npz                    or: id [n], feature [n, D]
"""

import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow_datasets as tfds

from dynrec_jax.data import canonical
from dynrec_jax.data import records as records_lib
from dynrec_jax.sources import checked_tables, feature_files, record_files

_Column = checked_tables.Column
_SPECS = {
  'watches': {
    'user': _Column('id'),
    'video': _Column('id'),
    'time': _Column('time'),
  },
  'videos': {
    'id': _Column('id'),
    'title': _Column('text', False, ''),
    'description': _Column('text', False, ''),
    'tags': _Column('texts', False, ()),
    'categories': _Column('texts', False, ()),
    'upload_time': _Column('any_time', False, records_lib.MISSING_TIME),
    'view_count': _Column('count', False, records_lib.MISSING_COUNT),
  },
  'tweets': {
    'user': _Column('id'),
    'time': _Column('time'),
    'text': _Column('text'),
  },
  'profiles': {'user': _Column('id'), 'text': _Column('text')},
}
_REQUIRED = ('watches', 'videos')
# The same table where vectors say what the tweets are about.
_TWEETS_WITH_TOPICS = _SPECS['tweets'] | {'text': _Column('text', False, '')}
# What is an event, by its table.
EVENTS = {'watches': _SPECS['watches'], 'tweets': _TWEETS_WITH_TOPICS}
_FEATURE_SUFFIXES = {'visual': ('npy', 'npz'), 'tweet_topics': ('npy',)}


class Files(record_files.PartBuilder):
  """A user's own folder as two record sets, `users` and `videos`."""

  name = 'files'
  # Since 1.2.0 rows in another order give the same copy.
  VERSION = tfds.core.Version('1.2.0')

  def _split_generators(self, dl_manager):
    return {record_files.SPLIT: self._generate_examples(self.paths)}

  def _generate_examples(self, paths: Mapping[str, pathlib.Path]):
    if self.builder_config.name == 'videos':
      yield from record_files.video_blocks(videos_from_folder(paths))
      return
    users, unlisted = users_from_folder(paths, video_rows(paths))
    self.info.metadata.update(unlisted)
    yield from record_files.user_blocks(users)


def folder_paths(
  manual_dir: str | pathlib.Path | None,
) -> dict[str, pathlib.Path]:
  """The folder's data files by name.

  Args:
    manual_dir: where they lie.

  Returns:
    Path by 'watches', 'videos', 'tweets', 'tweet_topics', 'profiles',
    'visual'; all but the first two only if they exist. Files with suffixes of
    no data are left alone.

  Raises:
    ValueError: no such folder, a required file is missing, two files are for
      the same thing, or a data file has a name that means nothing.
  """
  if manual_dir is None or not pathlib.Path(manual_dir).is_dir():
    raise ValueError(
      f'manual_dir: found {str(manual_dir or "")!r}; right: the folder that '
      'holds watches.csv, videos.csv and so on (or .parquet, .jsonl)'
    )
  folder = pathlib.Path(manual_dir).absolute()
  suffixes = dict.fromkeys(_SPECS, checked_tables.SUFFIXES) | _FEATURE_SUFFIXES
  data = {suffix for valid in suffixes.values() for suffix in valid}
  paths: dict[str, pathlib.Path] = {}
  for path in sorted(folder.iterdir()):
    if path.suffix[1:] not in data or path.name.startswith('.'):
      continue
    if path.suffix[1:] not in suffixes.get(path.stem, ()):
      right = [f'{n}.{{{",".join(s)}}}' for n, s in suffixes.items()]
      raise ValueError(
        f'{path}: found a data file of unknown name; right: {", ".join(right)}'
      )
    if not path.is_file():
      raise ValueError(f'{path}: found a folder; right: one file')
    if path.stem in paths:
      other = paths[path.stem].name
      raise ValueError(f'{folder}: found {other} and {path.name}; right: one')
    paths[path.stem] = path
  for name in _REQUIRED:
    if name not in paths:
      raise ValueError(
        f'{folder}: found no {name} file; right: {name}.csv, {name}.parquet '
        f'or {name}.jsonl'
      )
  if 'tweet_topics' in paths and 'tweets' not in paths:
    raise ValueError(
      f'{folder}: found {paths["tweet_topics"].name} and no tweets file; '
      "right: tweets.csv (or .parquet, .jsonl) with each row's user and time"
    )
  return paths


def video_rows(paths: Mapping[str, pathlib.Path]) -> dict[str, int]:
  """The row of each video by its id, in the order of the ids.

  Raises:
    ValueError: an id twice, or none at all.
  """
  found = _unique_rows(_table(paths['videos'], 'videos'), 'videos', 'id')
  ids = records_lib.object_array(found)
  ordered = ids[canonical.id_order(ids)]
  return {video: row for row, video in enumerate(ordered)}


def videos_from_folder(
  paths: Mapping[str, pathlib.Path],
) -> records_lib.Videos:
  """The catalogue, in the order of the ids.

  Args:
    paths: what `folder_paths` gave.

  Returns:
    Every video of the file, with its features where there are any.

  Raises:
    ValueError: a wrong value; names file, row and column.
  """
  table = _table(paths['videos'], 'videos')
  row_of = _unique_rows(table, 'videos', 'id')
  column = {
    name: checked_tables.checked(table, name, spec)
    for name, spec in _SPECS['videos'].items()
    if name != 'id'
  }
  visual = _visual(paths.get('visual'), row_of)
  as_objects = records_lib.object_array
  videos = records_lib.Videos(
    id=as_objects(row_of),
    title=as_objects(column['title']),
    description=as_objects(column['description']),
    tags=as_objects(column['tags']),
    categories=as_objects(column['categories']),
    upload_time=np.array(column['upload_time'], np.int64),
    view_count=np.array(column['view_count'], np.int64),
    visual=visual.rows,
    has_visual=visual.present,
  )
  return records_lib.select_videos(videos, canonical.id_order(videos.id))


def users_from_folder(
  paths: Mapping[str, pathlib.Path], row_of: Mapping[str, int]
) -> tuple[record_files.Users, dict[str, object]]:
  """The users whom watches, tweets and profiles name, in order of their ids.

  Args:
    paths: what `folder_paths` gave.
    row_of: what `video_rows` gave.

  Returns:
    The users with watches of listed videos only, and of the other watches
    their number (`unlisted_count`) and the first (`first_unlisted`).

  Raises:
    ValueError: a wrong value; names file, row and column.
  """
  user_of: dict[str, int] = {}
  watches, unlisted = _watches(paths['watches'], user_of, row_of)
  tweets = tweets_from_file(
    paths.get('tweets'), paths.get('tweet_topics'), user_of
  )
  profile_of = _profiles(paths.get('profiles'), user_of)
  user_ids, watches, tweets = canonical.by_user(
    records_lib.object_array(user_of), watches, tweets
  )
  users = record_files.Users(
    user_ids=user_ids,
    watches=canonical.watches_in_order(
      watches, records_lib.object_array(row_of)
    ),
    tweets=canonical.tweets_in_order(tweets),
    profiles=records_lib.object_array(
      [profile_of.get(user, '') for user in user_ids]
    ),
  )
  return users, unlisted


def watches_from_file(
  path: pathlib.Path, row_of: Mapping[str, int]
) -> tuple[np.ndarray, records_lib.Watches, int]:
  """One table of watches on its own, such as the histories of new users.

  Args:
    path: a .parquet, .csv or .jsonl file with user, video and time.
    row_of: row of each known video by its id, all rows in order.

  Returns:
    The users in order of their ids, the watches of known videos in order of
    (user, time), and how many watches were of other videos.

  Raises:
    ValueError: no such file or a wrong value; names file, row and column.
  """
  if path.suffix[1:] not in checked_tables.SUFFIXES or not path.is_file():
    raise ValueError(
      f'{path}: found no such file; right: a .csv, .jsonl or .parquet file '
      'with the columns user, video, time'
    )
  user_of: dict[str, int] = {}
  watches, unlisted = _watches(path, user_of, row_of)
  users, watches = canonical.by_user(records_lib.object_array(user_of), watches)
  watches = canonical.watches_in_order(
    watches, records_lib.object_array(row_of)
  )
  return users, watches, unlisted['unlisted_count']


def _watches(path, user_of, row_of):
  """The watches of listed videos, as in the file, and what was kept out."""
  table = _table(path, 'watches')
  if not table.row_count:
    raise ValueError(f'{path}: found no row; right: one row per watch')
  user = _positions(table, 'watches', user_of)
  videos = _values(table, 'watches', 'video')
  video = np.array([row_of.get(v, -1) for v in videos], np.int32)
  time = np.array(_values(table, 'watches', 'time'), np.int64)
  listed = video >= 0
  unlisted = {'unlisted_count': int(np.sum(~listed)), 'first_unlisted': ''}
  if unlisted['unlisted_count']:
    row = int(np.argmin(listed))
    found = checked_tables.shown(videos[row])
    unlisted['first_unlisted'] = (
      f"{path.name}, row {row + 1}, column 'video': found {found}"
    )
  watches = records_lib.Watches(user[listed], video[listed], time[listed])
  return watches, unlisted


def tweets_from_file(
  path: pathlib.Path | None,
  topics_path: pathlib.Path | None,
  user_of: dict[str, int],
) -> records_lib.Tweets:
  """One table of tweets, in the order of the file; none without a file.

  Args:
    path: a .parquet, .csv or .jsonl file with user, time and text.
    topics_path: a .npy file of topic vectors, one row per tweet; the table
      then needs no text.
    user_of: position of each user by id; new users are added at the end.

  Raises:
    ValueError: no such file or a wrong value; names file, row and column.
  """
  if path is None:
    return records_lib.no_tweets()
  if path.suffix[1:] not in checked_tables.SUFFIXES or not path.is_file():
    raise ValueError(
      f'{path}: found no such file; right: a .csv, .jsonl or .parquet file '
      'with the columns user, time, text'
    )
  spec = _TWEETS_WITH_TOPICS if topics_path else _SPECS['tweets']
  table = checked_tables.read_table(path, spec)
  values = {
    name: checked_tables.checked(table, name, column)
    for name, column in spec.items()
  }
  tweets = records_lib.text_tweets(
    _rows_of(values['user'], user_of),
    np.array(values['time'], np.int64),
    records_lib.object_array(values['text']),
  )
  if topics_path is None:
    return tweets
  vectors = feature_files.rows_from_npy(topics_path, table.row_count, 'tweet')
  if (vectors < 0).any():
    row, column = np.argwhere(vectors < 0)[0]
    raise ValueError(
      f'{topics_path}, the array, row {row + 1}, column {column + 1}: found '
      f'{vectors[row, column]}; right: a share of a topic, 0 or more'
    )
  return tweets._replace(topics=vectors)


def _profiles(path, user_of) -> dict[str, str]:
  """The profiles by user; adds the users that only have one."""
  if path is None:
    return {}
  table = _table(path, 'profiles')
  users = _unique_rows(table, 'profiles', 'user')
  for user in users:
    user_of.setdefault(user, len(user_of))
  return dict(zip(users, _values(table, 'profiles', 'text'), strict=True))


def _visual(path, row_of) -> feature_files.FeatureRows:
  """The features, from whichever file there is."""
  if path is None:
    return feature_files.no_features(len(row_of))
  if path.suffix == '.npy':
    return feature_files.features_from_npy(path, len(row_of))
  return feature_files.features_from_npz(path, 'id', row_of)


def _table(path: pathlib.Path, name: str) -> checked_tables.Table:
  return checked_tables.read_table(path, _SPECS[name])


def _values(table: checked_tables.Table, name: str, column: str) -> list:
  return checked_tables.checked(table, column, _SPECS[name][column])


def _positions(table, name: str, user_of: dict[str, int]) -> np.ndarray:
  """The users' positions, new users added at the end."""
  return _rows_of(_values(table, name, 'user'), user_of)


def _rows_of(users: list[str], user_of: dict[str, int]) -> np.ndarray:
  """The same of a column of users."""
  positions = [user_of.setdefault(user, len(user_of)) for user in users]
  return np.array(positions, np.int32)


def _unique_rows(table, name: str, column: str) -> dict[str, int]:
  """Row from 0 by value of a column that must not repeat one."""
  values = _values(table, name, column)
  rows = {value: row for row, value in enumerate(values)}
  if len(rows) < len(values):
    first: dict[str, int] = {}
    for row, value in enumerate(values, 1):
      if first.setdefault(value, row) != row:
        raise ValueError(
          f'{table.path}, row {row}, column {column!r}: found '
          f'{checked_tables.shown(value)} again (first in row {first[value]}); '
          'right: every value once'
        )
  if not rows and name in _REQUIRED:
    raise ValueError(f'{table.path}: found no row; right: one row per video')
  return rows
