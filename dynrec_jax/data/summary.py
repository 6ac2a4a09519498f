"""What a study was made of, in a number per user and table, and per video.

Small enough to keep beside what was learned, and enough to say in words what
has changed since.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dynrec_jax.data.records import Records, Tweets
from dynrec_jax.storage import digests

# Each table's fields; what names its rows comes first.
_OF_USERS = {
  'users': ('user',),
  'watches': ('user', 'watch_count', 'watches'),
  'tweets': ('user', 'tweet_count', 'tweets'),
  'profiles': ('user', 'profile'),
}
_OF_VIDEOS = {
  'videos': ('video', 'texts', 'upload_time', 'view_count'),
  'features': ('video', 'feature'),
}
TABLES = (*_OF_USERS, *_OF_VIDEOS)


class Summary(NamedTuple):
  """A number stands for what it was made of: equal if that is, else another.

  Attributes:
    user: [U] uint64, of the id.
    watch_count: [U] int64.
    watches: [U] uint64, of all watches, whatever their order.
    tweet_count: [U] int64.
    tweets: [U] uint64, of all tweets, whatever their order.
    profile: [U] uint64.
    video: [V] uint64, of the id.
    texts: [V] uint64, of title, description, tags and categories.
    upload_time: [V] int64, itself.
    view_count: [V] int64, itself.
    feature: [V] uint64, of the vectors that are given.
  """

  user: np.ndarray
  watch_count: np.ndarray
  watches: np.ndarray
  tweet_count: np.ndarray
  tweets: np.ndarray
  profile: np.ndarray
  video: np.ndarray
  texts: np.ndarray
  upload_time: np.ndarray
  view_count: np.ndarray
  feature: np.ndarray


def summarise(records: Records, *features: np.ndarray) -> Summary:
  """The summary of a study.

  Args:
    records: what the filters left of its source, in its span.
    *features: [V, D] vectors that come with the source or beside it.
  """
  watches, tweets, videos = records.watches, records.tweets, records.videos
  count = len(records.user_ids)
  video = digests.numbers(videos.id)
  of_watches = digests.mixed(video[watches.video], watches.time)
  words = zip(
    videos.title,
    videos.description,
    videos.tags,
    videos.categories,
    strict=True,
  )
  return Summary(
    user=digests.numbers(records.user_ids),
    watch_count=np.bincount(watches.user, minlength=count),
    watches=_sums(of_watches, watches.user, count),
    tweet_count=np.bincount(tweets.user, minlength=count),
    tweets=_sums(_of_tweets(tweets), tweets.user, count),
    profile=digests.numbers(records.profiles),
    video=video,
    texts=digests.numbers(map(repr, words)),
    upload_time=videos.upload_time,
    view_count=videos.view_count,
    feature=digests.mixed(*map(_of_rows, features)),
  )


def table_digests(summary: Summary) -> dict[str, str]:
  """A short digest of each of `TABLES`, also of the order of its rows."""
  return {
    table: digests.fingerprint(*(getattr(summary, name) for name in fields))
    for table, fields in (_OF_USERS | _OF_VIDEOS).items()
  }


def changes(before: Summary, now: Summary, tables: Sequence[str]) -> list[str]:
  """What has changed, in words: a text for each table in which anything has.

  Args:
    before: of what something was made.
    now: of what there is.
    tables: some of `TABLES`.
  """
  old, new = table_digests(before), table_digests(now)
  found: dict[str, list[str]] = {}
  for table in tables:
    if old[table] == new[table]:
      continue
    words = _WORDS[table](before, now)
    key = (_OF_USERS | _OF_VIDEOS)[table][0]
    if not words and not any(_come_and_gone(before, now, key)):
      words = ['in another order']
    found[table] = words
  if 'users' in found and 'watches' in found:  # who came, with what they did
    both = found['watches'] + found.pop('users')
    found['watches'] = list(dict.fromkeys(both))
  return [f'{table}: {", ".join(of)}' for table, of in found.items() if of]


def _users(before: Summary, now: Summary) -> list[str]:
  """Who came and who went."""
  come, gone = _come_and_gone(before, now, 'user')
  words = [f'{counted(come, "user")} new'] if come else []
  if gone:
    words.append(f'{gone:,} gone' if come else f'{counted(gone, "user")} gone')
  return words


def _events(
  before: Summary, now: Summary, count: str, digest: str
) -> list[str]:
  """What known users did since; of as many events, that they are others."""
  old, new = _known(before, now, 'user')
  more = getattr(now, count)[new] - getattr(before, count)[old]
  other = getattr(now, digest)[new] != getattr(before, digest)[old]
  return [
    f'{words} of {counted(int(who.sum()), "known user")}'
    for who, words in (
      (more > 0, f'{more[more > 0].sum():,} new'),
      (more < 0, f'{-more[more < 0].sum():,} gone'),
      ((more == 0) & other, 'others'),
    )
    if who.any()
  ]


def _videos(before: Summary, now: Summary) -> list[str]:
  """Which came, went, or are described otherwise."""
  come, gone = _come_and_gone(before, now, 'video')
  words = [f'{come:,} new'] if come else []
  words += [f'{gone:,} gone'] if gone else []
  for field in _OF_VIDEOS['videos'][1:]:
    count = _other_count(before, now, 'video', field)
    name = field.replace('_', ' ').removesuffix('s')
    words += [f'{count:,} with another {name}'] if count else []
  return words


def _profiles(before: Summary, now: Summary) -> list[str]:
  """How many known users describe themselves otherwise."""
  count = _other_count(before, now, 'user', 'profile')
  return [f'others of {counted(count, "known user")}'] if count else []


def _features(before: Summary, now: Summary) -> list[str]:
  """How many known videos have another vector."""
  count = _other_count(before, now, 'video', 'feature')
  return [f'others of {counted(count, "known video")}'] if count else []


_WORDS: Mapping[str, Callable[[Summary, Summary], list[str]]] = {
  'users': _users,
  'watches': lambda *of: _events(*of, 'watch_count', 'watches'),
  'tweets': lambda *of: _events(*of, 'tweet_count', 'tweets'),
  'profiles': _profiles,
  'videos': _videos,
  'features': _features,
}


def _known(
  before: Summary, now: Summary, key: str
) -> tuple[np.ndarray, np.ndarray]:
  """Where those stand that are in both, before and now."""
  _, old, new = np.intersect1d(
    getattr(before, key), getattr(now, key), return_indices=True
  )
  return old, new


def _come_and_gone(before: Summary, now: Summary, key: str) -> tuple[int, int]:
  """How many are new, and how many are no more."""
  known = len(_known(before, now, key)[0])
  return len(getattr(now, key)) - known, len(getattr(before, key)) - known


def _other_count(before: Summary, now: Summary, key: str, field: str) -> int:
  """How many of those that are in both have another number."""
  old, new = _known(before, now, key)
  return int((getattr(before, field)[old] != getattr(now, field)[new]).sum())


def counted(count: int, name: str) -> str:
  """`1 user`, `3 users`."""
  return f'{count:,} {name}' + ('' if count == 1 else 's')


def _sums(numbers: np.ndarray, user: np.ndarray, count: int) -> np.ndarray:
  """[U] uint64, each user's sum, of rows in order of users."""
  ends = np.cumsum(np.bincount(user, minlength=count))
  total = np.append(np.uint64(0), np.cumsum(numbers, dtype=np.uint64))
  return total[ends] - total[np.append(0, ends[:-1])]


def _of_tweets(tweets: Tweets) -> np.ndarray:
  """[n] uint64, of time, text and topics."""
  return digests.mixed(
    tweets.time, digests.numbers(tweets.text), _of_rows(tweets.topics)
  )


def _of_rows(rows: np.ndarray) -> np.ndarray:
  """[n] uint64, of the bytes of each row."""
  if not rows.shape[1]:
    return np.zeros(len(rows), np.uint64)
  kind = f'{rows.dtype.name} {rows.shape[1]} '.encode()
  return digests.numbers(kind + row.tobytes() for row in rows)
