"""The one in-memory form of every data source.

Ids are positions: user `u` is `records.user_ids[u]`, video `v` is row `v` of
`records.videos`. Times are int64 seconds since the epoch, UTC, on the host.
"""

from typing import NamedTuple

import numpy as np

# No date is this one: times before 1970 are negative and real.
MISSING_TIME = np.iinfo(np.int64).min
MISSING_COUNT = -1


class LacksDataError(ValueError):
  """A source has not what a whole study needs; says what."""


class NoWordsError(LacksDataError):
  """No text, or image, has a word that counts: nothing to learn from."""


class Watches(NamedTuple):
  """Who watched what when: one row per event, in order of (user, time).

  Attributes:
    user: [n] int32, position in `Records.user_ids`.
    video: [n] int32, row of `Records.videos`.
    time: [n] int64, seconds since the epoch. For equal times of one user see
      `canonical.watches_in_order`.
  """

  user: np.ndarray
  video: np.ndarray
  time: np.ndarray


class Videos(NamedTuple):
  """The catalogue: one row per video.

  Attributes:
    id: [V] object (str), the source's own id, unique.
    title: [V] object (str), '' where the source has none.
    description: [V] object (str), '' where the source has none.
    tags: [V] object (tuple of str).
    categories: [V] object (tuple of str).
    upload_time: [V] int64 seconds, `MISSING_TIME` where unknown.
    view_count: [V] int64, `MISSING_COUNT` where unknown.
    visual: [V, D] float16 or float32, zeros where `has_visual` is False.
      D is 0 if the source has no visual feature at all.
    has_visual: [V] bool.
  """

  id: np.ndarray
  title: np.ndarray
  description: np.ndarray
  tags: np.ndarray
  categories: np.ndarray
  upload_time: np.ndarray
  view_count: np.ndarray
  visual: np.ndarray
  has_visual: np.ndarray


class Tweets(NamedTuple):
  """The second network's events, in order of (user, time).

  Attributes:
    user: [n] int32, position in `Records.user_ids`.
    time: [n] int64 seconds.
    text: [n] object (str), '' where only topics are known.
    topics: [n, K] float16 or float32, topic vectors that the source brings;
      K is 0 if it brings none.
  """

  user: np.ndarray
  time: np.ndarray
  text: np.ndarray
  topics: np.ndarray


class Records(NamedTuple):
  """A whole data source.

  Attributes:
    user_ids: [U] object (str), the source's own ids, unique.
    watches: see `Watches`.
    videos: see `Videos`.
    tweets: see `Tweets`; no rows if the source has none.
    profiles: [U] object (str), the users' self-descriptions, '' if none.
  """

  user_ids: np.ndarray
  watches: Watches
  videos: Videos
  tweets: Tweets
  profiles: np.ndarray


def object_array(values) -> np.ndarray:
  """A 1-D object array of the values, whatever their own lengths."""
  values = list(values)
  out = np.empty(len(values), dtype=object)
  out[:] = values
  return out


def no_tweets() -> Tweets:
  """The tweets of a source that has none."""
  return text_tweets(
    np.zeros(0, np.int32), np.zeros(0, np.int64), object_array([])
  )


def text_tweets(user: np.ndarray, time: np.ndarray, text: np.ndarray) -> Tweets:
  """Tweets whose topics have to be found in their texts."""
  return Tweets(user, time, text, np.zeros((len(text), 0), np.float32))


def select_videos(videos: Videos, keep: np.ndarray) -> Videos:
  """The rows of the catalogue that `keep` (a mask or an index) names."""
  return Videos(*(column[keep] for column in videos))


def joined(one, other):
  """The rows of two tables of watches or tweets, one after the other."""
  return type(one)(
    *(np.concatenate(pair) for pair in zip(one, other, strict=True))
  )


def in_order(table):
  """The same watches or tweets in order of (user, time), ties as they came."""
  order = np.lexsort((table.time, table.user))
  return type(table)(*(column[order] for column in table))
