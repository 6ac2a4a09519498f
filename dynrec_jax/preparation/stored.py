"""How ranges lie on disk between stages, and vectors in a column.

A range of users is three files: the users with their profiles, the numbers of
their watches, and their tweets; one of videos is one file.
"""

import functools
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from dynrec_jax.data import records
from dynrec_jax.data.records import Tweets, Videos, Watches
from dynrec_jax.preparation import files
from dynrec_jax.preparation.spill import Spilled
from dynrec_jax.preparation.users import UserRange
from dynrec_jax.preparation.vectors import Shape

_TEXTS = ('id', 'title', 'description')


class Users(NamedTuple):
  """A range of users as it is stored.

  Attributes:
    ids: [U] large strings, in order.
    profiles: [U] large strings.
    events: their watches, and counts of their tweets.
    tweets: in order; `user` is a place in the range.
  """

  ids: pa.Array
  profiles: pa.Array
  events: UserRange
  tweets: Tweets


def whole(column: pa.ChunkedArray) -> pa.Array:
  """A column in one piece."""
  found = column.combine_chunks()
  if isinstance(found, pa.ChunkedArray):  # of none or several chunks
    return (
      pa.concat_arrays(found.chunks)
      if found.chunks
      else pa.array([], found.type)
    )
  return found


def as_column(vectors: np.ndarray) -> pa.Array:
  """[n, D] numbers as a column of their bytes."""
  count, width = vectors.shape
  kind = pa.binary(width * vectors.dtype.itemsize)
  data = pa.py_buffer(np.ascontiguousarray(vectors))
  return pa.FixedSizeBinaryArray.from_buffers(kind, count, [None, data])


def from_column(column: pa.ChunkedArray, shape: Shape) -> np.ndarray:
  """What `as_column` was given."""
  found = whole(column)
  size = shape.width * np.dtype(shape.dtype).itemsize
  data = found.buffers()[1]
  flat = np.frombuffer(data, np.uint8)[found.offset * size :]
  flat = flat[: len(found) * size]
  return flat.view(shape.dtype).reshape(len(found), shape.width)


def no_vectors(count: int, shape: Shape) -> np.ndarray:
  """[n, D] zeros."""
  return np.zeros((count, shape.width), shape.dtype)


@functools.lru_cache(maxsize=1)
def spilled(folder: str) -> tuple[Spilled, ...]:
  """All files of rows on their way, which the driver has written down."""
  return tuple(
    Spilled(table, tuple(order), path, tuple(ranges))
    for table, order, path, ranges in files.read_json(
      files.join(folder, 'spilled.json')
    )
  )


def write_spilled(folder: str, found: list) -> None:
  """Writes them down."""
  files.write_json(files.join(folder, 'spilled.json'), found)


def write_users(folder: str, number: int, users: Users) -> None:
  """A range of users."""
  watches, tweets = users.events.watches, users.tweets
  files.write_arrays(
    _path(folder, number, 'watches.npz'),
    **watches._asdict(),
    first=users.events.first,
    tweet_count=users.events.tweet_count,
  )
  of = {'id': users.ids, 'profile': users.profiles}
  files.write_table(_path(folder, number, 'ids.arrow'), [pa.record_batch(of)])
  if not len(tweets.user):
    return
  text = pa.array(tweets.text.tolist(), pa.large_string())
  rows = {'user': tweets.user, 'time': tweets.time, 'text': text}
  if tweets.topics.shape[1]:
    rows['topics'] = as_column(tweets.topics)
  files.write_table(
    _path(folder, number, 'tweets.arrow'), [pa.record_batch(rows)]
  )


def read_events(folder: str, number: int) -> UserRange:
  """The numbers of a range of users alone."""
  found = files.read_arrays(_path(folder, number, 'watches.npz'))
  watches = Watches(*(found[name] for name in Watches._fields))
  return UserRange(watches, found['first'], found['tweet_count'])


def read_users(folder: str, number: int, topics: Shape) -> Users:
  """A whole range of users.

  Args:
    folder: where it lies.
    number: of the range.
    topics: what the topics of tweets are.
  """
  table = files.read_table(_path(folder, number, 'ids.arrow'))
  path = _path(folder, number, 'tweets.arrow')
  rows, user = None, np.zeros(0, np.int32)
  if files.exists(path):
    rows = files.read_table(path)
    user = rows.column('user').to_numpy()
  return Users(
    whole(table.column('id')),
    whole(table.column('profile')),
    read_events(folder, number),
    tweets_of(rows, user, topics),
  )


def tweets_of(rows: pa.Table | None, user: np.ndarray, topics: Shape) -> Tweets:
  """Tweets from the rows of their table, in its order.

  Args:
    rows: time, text, and topics where there are any; None is no tweet.
    user: [n] of each.
    topics: what these topics are.
  """
  if rows is None:
    return records.no_tweets()._replace(topics=no_vectors(0, topics))
  vectors = no_vectors(len(rows), topics)
  if topics.width:
    vectors = from_column(rows.column('topics'), topics)
  return Tweets(
    user,
    rows.column('time').to_numpy(),
    records.object_array(rows.column('text').to_pylist()),
    vectors,
  )


def write_videos(folder: str, number: int, rows: pa.Table) -> None:
  """A range of videos."""
  path = files.join(folder, f'videos-{number:06d}.arrow')
  files.write_table(path, rows.combine_chunks().to_batches())


def read_videos(folder: str, number: int) -> pa.Table:
  """What `write_videos` wrote."""
  return files.read_table(files.join(folder, f'videos-{number:06d}.arrow'))


def videos_of(
  rows: pa.Table, features: pa.Table | None, shape: Shape
) -> Videos:
  """Videos from the rows of their table, in its order.

  Args:
    rows: with all columns of the catalogue and their places.
    features: places and vectors of some of them.
    shape: what these vectors are.
  """
  visual = no_vectors(len(rows), shape)
  has_visual = np.zeros(len(rows), bool)
  if features is not None:
    places = rows.column('place').to_numpy()
    at = np.searchsorted(places, features.column('place').to_numpy())
    visual[at] = from_column(features.column('feature'), shape)
    has_visual[at] = True
  text = {
    name: records.object_array(rows.column(name).to_pylist()) for name in _TEXTS
  }
  lists = {
    name: records.object_array(map(tuple, rows.column(name).to_pylist()))
    for name in ('tags', 'categories')
  }
  return Videos(
    **text,
    **lists,
    upload_time=rows.column('upload_time').to_numpy(),
    view_count=rows.column('view_count').to_numpy(),
    visual=visual,
    has_visual=has_visual,
  )


def _path(folder: str, number: int, what: str) -> str:
  return files.join(folder, f'users-{number:06d}-{what}')
