"""How a source lies on disk once prepared: both ends of the record files.

One tensorflow-datasets example is a block of whole users (their watches,
tweets and profiles as flat columns with a count per user) or of whole videos.
A single user or video per example costs 0.1 ms each to decode: 143,000 users
took 17 s to read back, in blocks 0.4 s.
"""

import itertools
import pathlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import ClassVar, NamedTuple

import numpy as np
import tensorflow_datasets as tfds

from dynrec_jax.data import records as records_lib

PARTS = ('videos', 'users')
SPLIT = 'source'
USERS_PER_BLOCK = 256
VIDEOS_PER_BLOCK = 64

Block = dict[str, np.ndarray]


class Users(NamedTuple):
  """The `users` part of `Records`: everything but the catalogue."""

  user_ids: np.ndarray
  watches: records_lib.Watches
  tweets: records_lib.Tweets
  profiles: np.ndarray


def flat(dtype) -> tfds.features.Tensor:
  """A column of numbers, stored as raw bytes: exact, and no slow proto list."""
  return tfds.features.Tensor(shape=(None,), dtype=dtype, encoding='bytes')


_TEXT = tfds.features.Tensor(shape=(None,), dtype=np.str_)
USERS = {
  'id': _TEXT,
  'profile': _TEXT,
  'watch_count': flat(np.int64),
  'video': flat(np.int32),
  'time': flat(np.int64),
  'tweet_count': flat(np.int64),
  'tweet_time': flat(np.int64),
  'tweet_text': _TEXT,
  'tweet_topics': flat(np.uint8),  # the bytes of numbers of this dtype:
  'tweet_topics_dtype': tfds.features.Text(),
}
VIDEOS = {
  'id': _TEXT,
  'title': _TEXT,
  'description': _TEXT,
  'tag_count': flat(np.int64),
  'tags': _TEXT,
  'category_count': flat(np.int64),
  'categories': _TEXT,
  'upload_time': flat(np.int64),
  'view_count': flat(np.int64),
  'has_visual': flat(np.uint8),
  'visual': flat(np.uint8),  # the bytes of numbers of this dtype:
  'visual_dtype': tfds.features.Text(),
}


class PartBuilder(tfds.core.GeneratorBasedBuilder):
  """A source as two record sets: its users and its videos."""

  # Raise it with any change of what a builder makes of the same input files:
  # copies that an earlier version prepared are then left alone.
  VERSION = tfds.core.Version('1.2.0')
  BUILDER_CONFIGS: ClassVar = [
    tfds.core.BuilderConfig(name=part) for part in PARTS
  ]
  # Beside it lies checksums.tsv. The inherited property needs a package that
  # comes only with TensorFlow.
  code_path = tfds.core.Path(__file__)

  def __init__(self, *, paths: Mapping[str, pathlib.Path], **kwargs):
    """Takes what every builder does, and the input files by name."""
    self.paths = paths
    super().__init__(file_format='array_record', **kwargs)

  @classmethod
  def folder_of(
    cls, *, data_dir: pathlib.Path, config: str, **others: object
  ) -> pathlib.Path:
    """Where the copy of a part lies, also one that cannot be read.

    Args:
      data_dir: as the builder gets it.
      config: one of `PARTS`.
      **others: all else that the builder gets.
    """
    del others
    return pathlib.Path(data_dir) / cls.name / config / str(cls.VERSION)

  def _info(self) -> tfds.core.DatasetInfo:
    features = {'users': USERS, 'videos': VIDEOS}
    return tfds.core.DatasetInfo(
      builder=self,
      features=tfds.features.FeaturesDict(features[self.builder_config.name]),
      disable_shuffling=True,
      metadata=tfds.core.MetadataDict(),
    )


def user_blocks(users: Users) -> Iterator[tuple[int, Block]]:
  """The users in order, `USERS_PER_BLOCK` to an example, with its key."""
  watches, tweets = users.watches, users.tweets
  borders = np.arange(len(users.user_ids) + 1)
  watch_at = np.searchsorted(watches.user, borders)
  tweet_at = np.searchsorted(tweets.user, borders)
  for key, rows in _blocks(len(users.user_ids), USERS_PER_BLOCK):
    watched = slice(watch_at[rows.start], watch_at[rows.stop])
    tweeted = slice(tweet_at[rows.start], tweet_at[rows.stop])
    yield (
      key,
      {
        'id': users.user_ids[rows],
        'profile': users.profiles[rows],
        'watch_count': np.diff(watch_at[rows.start : rows.stop + 1]),
        'video': watches.video[watched],
        'time': watches.time[watched],
        'tweet_count': np.diff(tweet_at[rows.start : rows.stop + 1]),
        'tweet_time': tweets.time[tweeted],
        'tweet_text': tweets.text[tweeted],
        'tweet_topics': tweets.topics[tweeted].ravel().view(np.uint8),
        'tweet_topics_dtype': tweets.topics.dtype.name,
      },
    )


def video_blocks(videos: records_lib.Videos) -> Iterator[tuple[int, Block]]:
  """The videos in order, `VIDEOS_PER_BLOCK` to an example, with its key."""
  for key, rows in _blocks(len(videos.id), VIDEOS_PER_BLOCK):
    block = records_lib.select_videos(videos, rows)
    yield (
      key,
      {
        'id': block.id,
        'title': block.title,
        'description': block.description,
        'tag_count': _lengths(block.tags),
        'tags': _chained(block.tags),
        'category_count': _lengths(block.categories),
        'categories': _chained(block.categories),
        'upload_time': block.upload_time,
        'view_count': block.view_count,
        'has_visual': block.has_visual.astype(np.uint8),
        'visual': block.visual[block.has_visual].ravel().view(np.uint8),
        'visual_dtype': block.visual.dtype.name,
      },
    )


def users_from_blocks(blocks: Iterable[Block]) -> Users:
  """What `user_blocks` was given."""
  blocks, topics = itertools.tee(blocks)
  columns = _columns(
    {k: block[k] for k in block if not k.startswith('tweet_topics')}
    for block in blocks
  )
  user_ids = np.concatenate(columns['id'])
  users = np.arange(len(user_ids), dtype=np.int32)
  return Users(
    user_ids=user_ids,
    watches=records_lib.Watches(
      np.repeat(users, np.concatenate(columns['watch_count'])),
      np.concatenate(columns['video']),
      np.concatenate(columns['time']),
    ),
    tweets=records_lib.Tweets(
      np.repeat(users, np.concatenate(columns['tweet_count'])),
      np.concatenate(columns['tweet_time']),
      np.concatenate(columns['tweet_text']),
      _tweet_topics(topics),
    ),
    profiles=np.concatenate(columns['profile']),
  )


def _tweet_topics(blocks: Iterable[Block]) -> np.ndarray:
  """The topic vectors of all blocks' tweets, [n, K]."""
  pieces, count = [], 0
  for block in blocks:
    flat = block['tweet_topics'].view(block['tweet_topics_dtype'].decode())
    here = int(block['tweet_count'].sum())
    if flat.size:
      pieces.append(flat.reshape(here, -1))
    count += here
  if not pieces:
    return np.zeros((count, 0), flat.dtype)
  return np.concatenate(pieces)


def videos_from_blocks(blocks: Sequence[Block]) -> records_lib.Videos:
  """What `video_blocks` was given; features are copied once, block by block."""
  visual = None
  count = 0
  rest = []
  for block in blocks:
    has_visual = block['has_visual'].astype(bool)
    flat = block['visual'].view(block['visual_dtype'].decode())
    if visual is None and flat.size:
      shape = (len(blocks) * VIDEOS_PER_BLOCK, flat.size // has_visual.sum())
      visual = np.zeros(shape, flat.dtype)
    if flat.size:
      rows = count + np.flatnonzero(has_visual)
      visual[rows] = flat.reshape(len(rows), -1)
    count += len(has_visual)
    rest.append({k: block[k] for k in block if not k.startswith('visual')})
  if visual is None:
    visual = np.zeros((count, 0), flat.dtype)
  return _videos(_columns(rest), visual[:count])


def _videos(columns, visual: np.ndarray) -> records_lib.Videos:
  """The catalogue from its flat columns and its features."""
  return records_lib.Videos(
    id=np.concatenate(columns['id']),
    title=np.concatenate(columns['title']),
    description=np.concatenate(columns['description']),
    tags=_tuples(columns['tags'], columns['tag_count']),
    categories=_tuples(columns['categories'], columns['category_count']),
    upload_time=np.concatenate(columns['upload_time']),
    view_count=np.concatenate(columns['view_count']),
    visual=visual,
    has_visual=np.concatenate(columns['has_visual']).astype(bool),
  )


def _blocks(count: int, size: int) -> Iterator[tuple[int, slice]]:
  """(key, rows) of consecutive blocks."""
  for key, start in enumerate(range(0, count, size)):
    yield key, slice(start, min(start + size, count))


def _lengths(lists: np.ndarray) -> np.ndarray:
  """How many values each row's tuple has."""
  return np.fromiter(map(len, lists), np.int64, len(lists))


def _chained(lists: np.ndarray) -> np.ndarray:
  """All rows' values in one object column."""
  return records_lib.object_array([value for row in lists for value in row])


def _columns(blocks: Iterable[Block]) -> dict[str, list[np.ndarray]]:
  """Per column, its piece of every block, text as str."""
  columns: dict[str, list[np.ndarray]] = {}
  for block in blocks:
    for name, piece in block.items():
      if piece.dtype == object:  # at once: bytes and str of one block only
        piece = records_lib.object_array([text.decode() for text in piece])
      columns.setdefault(name, []).append(piece)
  return columns


def _tuples(pieces, counts) -> np.ndarray:
  """The rows' tuples from the flat column and the count per row."""
  flat = np.concatenate(pieces)
  ends = np.cumsum(np.concatenate(counts))
  return records_lib.object_array(
    [tuple(part) for part in np.split(flat, ends[:-1])]
  )
