"""The shards of a prepared set: what is left of each range, as examples."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from dynrec_jax.data import records
from dynrec_jax.data.records import Tweets, Watches
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.preparation import files, stored, users
from dynrec_jax.preparation.shared import Shared
from dynrec_jax.sources import record_files
from dynrec_jax.sources.record_files import Block

Examples = Iterator[tuple[int, Block]]


def user_shard(number: int, shared: Shared) -> Examples:
  """The users of a range that stay, their events in the span, the sessions."""
  clock = Sessions(np.array(shared.rules.borders, np.int64))
  found = _users(number, shared, True)
  counts = {'users': len(found.user_ids)}
  for name in ('watches', 'tweets'):
    counts[name] = len(getattr(found, name).user)
  files.write_json(shared.path(f'written-{number:06d}.json'), counts)
  for key, block in record_files.user_blocks(found):
    session = clock.of(block['time']).astype(np.int32)
    yield key, block | {'session': session}


def outside_shard(number: int, shared: Shared) -> Examples:
  """The same users, their events before and after the span."""
  yield from record_files.user_blocks(_users(number, shared, False))


def video_shard(number: int, shared: Shared) -> Examples:
  """The videos of a range that stay, and of which something is learned."""
  rows = stored.read_videos(shared.folder, number)
  places = rows.column('place').to_numpy()
  masks = files.read_arrays(shared.path('stay.npz'))
  stay = masks['stays'][places]
  known = masks['known'][places][stay].astype(np.uint8)
  rows = rows.filter(pa.array(stay))
  videos = stored.videos_of(rows, None, shared.visual_shape)
  if shared.visual_shape.width:
    has = rows.column('has_visual').to_numpy()
    vectors = stored.from_column(rows.column('visual'), shared.visual_shape)
    videos = videos._replace(visual=vectors, has_visual=has)
  size = record_files.VIDEOS_PER_BLOCK
  for key, block in record_files.video_blocks(videos):
    yield key, block | {'known': known[key * size : (key + 1) * size]}


def _users(number: int, shared: Shared, inside: bool) -> record_files.Users:
  """The users that stay, with their events inside of the span or outside."""
  found = stored.read_users(shared.folder, number, shared.topics_shape)
  left = files.read_arrays(shared.path(f'left-{number:06d}.npz'))['users']
  stays = files.read_arrays(shared.path('stay.npz'))['stays']
  user_at = np.full(len(found.ids), -1, np.int32)
  user_at[left] = np.arange(len(left), dtype=np.int32)
  video_at = np.cumsum(stays, dtype=np.int32) - 1
  watches, tweets = found.events.watches, found.tweets
  rows = (user_at[watches.user] >= 0) & stays[watches.video]
  said = user_at[tweets.user] >= 0
  if inside:
    rows &= found.events.first
    said &= users.in_span(tweets.time, shared.rules)
  else:
    rows &= ~users.in_span(watches.time, shared.rules)
    said &= ~users.in_span(tweets.time, shared.rules)
  texts = found.profiles.take(pa.array(left)).to_pylist()
  return record_files.Users(
    records.object_array(found.ids.take(pa.array(left)).to_pylist()),
    Watches(
      user_at[watches.user[rows]],
      video_at[watches.video[rows]],
      watches.time[rows],
    ),
    Tweets(
      user_at[tweets.user[said]],
      tweets.time[said],
      tweets.text[said],
      tweets.topics[said],
    ),
    records.object_array(texts if inside else [''] * len(texts)),
  )
