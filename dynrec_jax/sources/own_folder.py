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

from dynrec_jax.data import canonical, joins
from dynrec_jax.data import records as records_lib
from dynrec_jax.sources import (
  checked_tables,
  feature_files,
  notes,
  record_files,
  table_files,
)
from dynrec_jax.sources import columns as columns_lib
from dynrec_jax.sources.columns import Mapped
from dynrec_jax.sources.folder_files import REQUIRED
from dynrec_jax.sources.notes import Notes
from dynrec_jax.sources.table_files import Table

_Column = table_files.Column
SPECS = {
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
# The same table where vectors say what the tweets are about.
TWEETS_WITH_TOPICS = SPECS['tweets'] | {'text': _Column('text', False, '')}
# What is an event, by its table.
EVENTS = {'watches': SPECS['watches'], 'tweets': TWEETS_WITH_TOPICS}


class Files(record_files.PartBuilder):
  """A user's own folder as two record sets, `users` and `videos`."""

  name = 'files'
  # Since 1.2.0 rows in another order give the same copy.
  VERSION = tfds.core.Version('1.2.0')

  def __init__(self, *, columns: str = '', **kwargs):
    """Takes what every builder does, and what the files call their columns."""
    self.columns = columns_lib.parse(columns)
    super().__init__(**kwargs)

  def _split_generators(self, dl_manager):
    return {record_files.SPLIT: self._generate_examples(self.paths)}

  def _generate_examples(self, paths: Mapping[str, pathlib.Path]):
    odd = notes.no_notes()
    if self.builder_config.name == 'videos':
      videos = videos_from_folder(paths, odd, self.columns)
      yield from record_files.video_blocks(videos)
    else:
      row_of = video_rows(paths, self.columns)
      users, unlisted = users_from_folder(paths, row_of, odd, self.columns)
      self.info.metadata.update(unlisted)
      yield from record_files.user_blocks(users)
    self.info.metadata.update(odd._asdict())


def video_rows(
  paths: Mapping[str, pathlib.Path], columns: Mapped = columns_lib.NONE
) -> dict[str, int]:
  """The row of each video by its id, in the order of the ids.

  Raises:
    ValueError: an id twice, or none at all.
  """
  table = _table(paths['videos'], 'videos', notes.no_notes(), columns)
  ids = records_lib.object_array(_unique_rows(table, 'videos', 'id'))
  ordered = ids[canonical.id_order(ids)]
  return {video: row for row, video in enumerate(ordered)}


def videos_from_folder(
  paths: Mapping[str, pathlib.Path],
  odd: Notes,
  columns: Mapped = columns_lib.NONE,
) -> records_lib.Videos:
  """The catalogue, in the order of the ids.

  Args:
    paths: what `folder_paths` gave.
    odd: gets lines for the log.
    columns: what the files call them.

  Returns:
    Every video of the file, with its features where there are any.

  Raises:
    ValueError: a wrong value; names file, row and column.
  """
  table = _table(paths['videos'], 'videos', odd, columns)
  row_of = _unique_rows(table, 'videos', 'id')
  column = {
    name: checked_tables.checked(table, name, spec)
    for name, spec in SPECS['videos'].items()
    if name != 'id'
  }
  visual = _visual(paths.get('visual'), row_of)
  if 'visual' in paths:
    known = [name for name, row in row_of.items() if visual.present[row]]
    sides = (paths['visual'].name, known, table.path.name, row_of)
    odd.add_join(joins.join('videos', *sides))
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
  paths: Mapping[str, pathlib.Path],
  row_of: Mapping[str, int],
  odd: Notes,
  columns: Mapped = columns_lib.NONE,
) -> tuple[record_files.Users, dict[str, object]]:
  """The users whom watches, tweets and profiles name, in order of their ids.

  Args:
    paths: what `folder_paths` gave.
    row_of: what `video_rows` gave.
    odd: gets lines for the log.
    columns: what the files call them.

  Returns:
    The users with watches of listed videos only, and of the other watches
    their number (`unlisted_count`) and the first (`first_unlisted`).

  Raises:
    ValueError: a wrong value; names file, row and column.
  """
  user_of: dict[str, int] = {}
  watches, unlisted = _watches(
    paths['watches'], user_of, row_of, paths['videos'].name, odd, columns
  )
  watchers = list(user_of)
  tweets, authors = _tweets(
    paths.get('tweets'), paths.get('tweet_topics'), user_of, odd, columns
  )
  profile_of = _profiles(paths.get('profiles'), user_of, odd, columns)
  for name, users in (('tweets', authors), ('profiles', profile_of)):
    if name in paths:
      sides = (paths[name].name, users, paths['watches'].name, watchers)
      odd.add_join(joins.join('users', *sides))
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
  odd = notes.no_notes()
  watches, unlisted = _watches(
    path, user_of, row_of, 'the study', odd, columns_lib.NONE
  )
  notes.log(odd)
  users, watches = canonical.by_user(records_lib.object_array(user_of), watches)
  watches = canonical.watches_in_order(
    watches, records_lib.object_array(row_of)
  )
  return users, watches, unlisted['unlisted_count']


def _watches(path, user_of, row_of, listed_in: str, odd: Notes, columns):
  """The watches of listed videos, as in the file, and what was kept out.

  Raises:
    ValueError: there is none, or a wrong value.
  """
  table = _table(path, 'watches', odd, columns)
  if not table.row_count:
    raise ValueError(f'{path}: found no row; right: one row per watch')
  user = _positions(table, 'watches', user_of)
  videos = _values(table, 'watches', 'video')
  video = np.array([row_of.get(v, -1) for v in videos], np.int32)
  time = np.array(_values(table, 'watches', 'time'), np.int64)
  met = joins.join('videos', path.name, videos, listed_in, row_of)
  called = table.called('video')
  if met.is_empty:
    raise ValueError(
      f'{path}, column {called!r}: found no id of a video of {listed_in}: '
      f'{met.shown}; right: the same ids, spelled alike'
    )
  odd.add_join(met)
  listed = video >= 0
  unlisted = {'unlisted_count': int(np.sum(~listed)), 'first_unlisted': ''}
  if unlisted['unlisted_count']:
    row = int(np.argmin(listed))
    found = table_files.shown(videos[row])
    unlisted['first_unlisted'] = (
      f'{path.name}, row {row + 1}, column {called!r}: found {found}'
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
  odd = notes.no_notes()
  tweets, _ = _tweets(path, topics_path, user_of, odd, columns_lib.NONE)
  notes.log(odd)
  return tweets


def _tweets(path, topics_path, user_of, odd: Notes, columns: Mapped):
  """See `tweets_from_file`; and the user of each."""
  if path is None:
    return records_lib.no_tweets(), []
  if path.suffix[1:] not in checked_tables.SUFFIXES or not path.is_file():
    raise ValueError(
      f'{path}: found no such file; right: a .csv, .jsonl or .parquet file '
      'with the columns user, time, text'
    )
  spec = TWEETS_WITH_TOPICS if topics_path else SPECS['tweets']
  table = checked_tables.read_table(path, spec, columns.get('tweets'))
  _tell(table, odd)
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
    return tweets, values['user']
  vectors = feature_files.rows_from_npy(topics_path, table.row_count, 'tweet')
  check_shares(topics_path, vectors)
  return tweets._replace(topics=vectors), values['user']


def check_shares(
  path: pathlib.Path | str, vectors: np.ndarray, first_row: int = 1
) -> None:
  """Raises ValueError for a negative share of a topic; names its row."""
  if not (vectors < 0).any():
    return
  row, column = np.argwhere(vectors < 0)[0]
  raise ValueError(
    f'{path}, the array, row {row + first_row}, column {column + 1}: found '
    f'{vectors[row, column]}; right: a share of a topic, 0 or more'
  )


def _profiles(path, user_of, odd: Notes, columns: Mapped) -> dict[str, str]:
  """The profiles by user; adds the users that only have one."""
  if path is None:
    return {}
  table = _table(path, 'profiles', odd, columns)
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


def _table(path: pathlib.Path, name: str, odd: Notes, columns: Mapped) -> Table:
  table = checked_tables.read_table(path, SPECS[name], columns.get(name))
  _tell(table, odd)
  return table


def _tell(table: Table, odd: Notes) -> None:
  """What is odd about a table, and which of its columns are not read."""
  odd.warned.extend(table.odd)
  if table.passed_by:
    rest = table_files.in_a_line(', '.join(table.passed_by))
    odd.told.append(f'{table.path.name}: columns that are not read: {rest}')


def _values(table: Table, name: str, column: str) -> list:
  return checked_tables.checked(table, column, SPECS[name][column])


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
          f'{table.path}, row {row}, column {table.called(column)!r}: found '
          f'{table_files.shown(value)} again (first in row {first[value]}); '
          'right: every value once'
        )
  if not rows and name in REQUIRED:
    raise ValueError(f'{table.path}: found no row; right: one row per video')
  return rows
