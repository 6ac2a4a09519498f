"""What workers do with a range: put it in order, and ask the rules.

gather: the rows of a range, wherever they were, in order and in one place.
begin: what the rules leave that count nothing of videos.
repeat: a round of the rules that do, for the videos that are left.
finish: what is left when the rounds are over.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from dynrec_jax.data import canonical
from dynrec_jax.data.records import Watches
from dynrec_jax.features import documents
from dynrec_jax.preparation import (
  catalogue,
  files,
  ranges,
  spill,
  stored,
  users,
)
from dynrec_jax.preparation.shared import Range, Shared
from dynrec_jax.preparation.stages import Counts, Facts
from dynrec_jax.preparation.users import UserRange

BLOCK = 1 << 16  # videos whose counts are summed together
Rows = dict[str, pa.Table | None]


def gather(task: Range, shared: Shared) -> Iterator[Facts | Counts]:
  """The rows of a range in order, in files of its own."""
  spilled = stored.spilled(shared.folder)
  tables = ('watches', 'tweets', 'profiles')
  if task.table == 'videos':
    tables = ('videos', 'visual')
  rows = {name: spill.read(spilled, name, task.number) for name in tables}
  if all(found is None for found in rows.values()):
    return
  if task.table == 'videos':
    yield from _gather_videos(task.number, rows, shared)
  else:
    yield from _gather_users(task.number, rows, shared)


def _gather_users(
  number: int, rows: Rows, shared: Shared
) -> Iterator[Facts | Counts]:
  """A range of users; and how many of them are in which tables."""
  ids, codes = _coded(rows)
  tweets = canonical.tweets_in_order(
    stored.tweets_of(rows['tweets'], codes['tweets'], shared.topics_shape)
  )
  events = users.user_range(
    _watches(rows['watches'], codes['watches']),
    tweets,
    len(ids),
    lambda some: catalogue.numbers(shared.folder, some),
    shared.rules,
  )
  profiles, again = _profiles(rows['profiles'], codes['profiles'], ids)
  found = stored.Users(ids, profiles, events, tweets)
  stored.write_users(shared.folder, number, found)
  span = users.in_span(events.watches.time, shared.rules)
  yield (
    again
    | _met(codes)
    | {
      'filled': [number],
      'span_watches': int(span.sum()),
      'span_tweets': int(users.in_span(tweets.time, shared.rules).sum()),
    }
  )


def _coded(rows: Rows) -> tuple[pa.Array, dict[str, np.ndarray]]:
  """The users of all tables in order, and each table's by place."""
  none = pa.array([], pa.large_string())
  columns = [
    none if table is None else stored.whole(table.column('user'))
    for table in rows.values()
  ]
  ids, codes = ranges.coded(*columns)
  return ids, dict(zip(rows, codes, strict=True))


def _watches(rows: pa.Table | None, user: np.ndarray) -> Watches:
  """The watches in the order of their table."""
  if rows is None:
    return Watches(user, np.zeros(0, np.int32), np.zeros(0, np.int64))
  video, time = (rows.column(name).to_numpy() for name in ('video', 'time'))
  return Watches(user, video, time)


def _profiles(
  rows: pa.Table | None, user: np.ndarray, ids: pa.Array
) -> tuple[pa.Array, Facts]:
  """Each user's profile; and the first row that says one again."""
  texts = np.full(len(ids), '', object)
  if rows is None:
    return pa.array(texts.tolist(), pa.large_string()), {}
  texts[user] = rows.column('text').to_pylist()
  _, first, which = np.unique(user, return_index=True, return_inverse=True)
  again = np.flatnonzero(first[which] != np.arange(len(user)))
  facts: Facts = {}
  if len(again):
    row = rows.column('row').to_numpy()
    at = again[np.argmin(row[again])]
    name = ids[int(user[at])].as_py()
    facts['first_again'] = [int(row[at]), int(row[first[which][at]]), name]
  return pa.array(texts.tolist(), pa.large_string()), facts


def _met(codes: dict[str, np.ndarray]) -> Facts:
  """How many users each table has, and how many of them watch."""
  watch = np.unique(codes['watches'])
  facts: Facts = {'users_watches': len(watch)}
  for table in ('tweets', 'profiles'):
    found = np.unique(codes[table])
    facts[f'users_{table}'] = len(found)
    facts[f'met_{table}'] = len(np.intersect1d(watch, found))
  return facts


def _gather_videos(number: int, rows: Rows, shared: Shared) -> Iterator[Facts]:
  """A range of videos; of which enough is known, where the rules ask."""
  table = rows['videos'].sort_by('place')
  rules, shape = shared.rules, shared.visual_shape
  found = stored.videos_of(table, rows['visual'], shape)
  if shape.width:
    has = pa.array(found.has_visual)
    table = table.append_column('has_visual', has)
    table = table.append_column('visual', stored.as_column(found.visual))
  stored.write_videos(shared.folder, number, table)
  if rules.require_visual:
    words = documents.video_documents(found, rules.text_fields)
    complete = found.has_visual & documents.has_words(words)
    _write_mask(shared, 'complete', number, complete)
  if rules.cut is not None:
    described = documents.described(found, rules.new_videos)
    if rules.require_visual:
      described &= complete
    _write_mask(shared, 'described', number, described)
  yield {'has_visual': int(found.has_visual.sum())}


def _write_mask(
  shared: Shared, name: str, number: int, known: np.ndarray
) -> None:
  """A range's part of what is asked of every video."""
  files.write_arrays(shared.path(f'{name}-{number:06d}.npz'), known=known)


def begin(task: Range, shared: Shared) -> Iterator[Facts | Counts]:
  """What each of the rules leaves that count nothing of videos."""
  found = stored.read_events(shared.folder, task.number)
  for rule, rows in users.begun(found, shared.rules, _complete(shared)):
    yield from _told(found, rule, rows)
  active = users.active(found, rows, shared.rules.min_videos_per_user)
  yield from _told(found, 'users', active)
  yield {'most_tweets': [int(found.tweet_count.max(initial=0))]}


def repeat(
  task: Range, shared: Shared, before: str, now: str
) -> Iterator[Facts | Counts]:
  """What a round leaves: after the rule on videos, and that on users again.

  Args:
    task: the range.
    shared: by all.
    before: file of the videos that there were.
    now: file of those that are left.
  """
  found, rows = _round(task, shared, before, now)
  yield from _told(found, 'videos', rows)
  active = users.active(found, rows, shared.rules.min_videos_per_user)
  yield from _told(found, 'users', active)


def finish(
  task: Range, shared: Shared, before: str, now: str
) -> Iterator[Facts | Counts]:
  """What the last round leaves, and who then has watches enough."""
  found, rows = _round(task, shared, before, now)
  yield from _told(found, 'videos', rows)
  rows = users.active(found, rows, shared.rules.min_watches_left)
  yield from _told(found, 'left', rows)
  if rows.any():
    yield {'filled': [task.number]}
  files.write_arrays(
    shared.path(f'left-{task.number:06d}.npz'),
    users=np.unique(found.watches.user[rows]),
  )


def _round(task: Range, shared: Shared, before: str, now: str):
  """The range, and what of it a round has left."""
  found = stored.read_events(shared.folder, task.number)
  for _, rows in users.begun(found, shared.rules, _complete(shared)):
    start = rows
  masks = (files.read_arrays(path)['known'] for path in (before, now))
  return found, users.passed(found, shared.rules, start, *masks)


def _complete(shared: Shared) -> np.ndarray | None:
  """[V] bool, the videos that may be studied; None where all may."""
  if not shared.rules.require_visual:
    return None
  return files.read_arrays(shared.path('complete.npz'))['known']


def _told(
  found: UserRange, rule: str, rows: np.ndarray
) -> Iterator[Facts | Counts]:
  """What a rule left, as facts and as counts of videos."""
  user_count = len(np.unique(found.watches.user[rows]))
  yield {f'users_{rule}': user_count, f'watches_{rule}': int(rows.sum())}
  for block, counts in users.video_counts(found, rows, BLOCK):
    yield Counts(rule, block, counts)
