"""What of a source lies inside the span of a study, and what outside it.

Paper: Sec 4.1, one year. The study reads nothing outside its span; who makes
lists for today reads both.
"""

from typing import NamedTuple

import numpy as np

from dynrec_jax.data import filters, records
from dynrec_jax.data.records import Records, Tweets, Watches


class Outside(NamedTuple):
  """Events of a study's users that lie before its span or after it.

  Attributes:
    watches: of the study's users and videos, as positions in it.
    tweets: of its users.
  """

  watches: Watches
  tweets: Tweets


def inside(source: Records, start: int, end: int) -> Records:
  """The source with the events of start <= time < end alone."""
  return source._replace(
    watches=_rows(source.watches, _within(source.watches.time, start, end)),
    tweets=_rows(source.tweets, _within(source.tweets.time, start, end)),
  )


def outside(source: Records, studied: Records, start: int, end: int) -> Outside:
  """What `inside` leaves out, of those whom a study keeps.

  Args:
    source: the whole.
    studied: what the filters left of it, renumbered.
    start: of the span, seconds.
    end: of the span.
  """
  user = _positions(source.user_ids, studied.user_ids)
  video = _positions(source.videos.id, studied.videos.id)
  watches, tweets = source.watches, source.tweets
  watches = watches._replace(
    user=user[watches.user], video=video[watches.video]
  )
  tweets = tweets._replace(user=user[tweets.user])
  left = (watches.user >= 0) & (watches.video >= 0)
  return Outside(
    _rows(watches, left & ~_within(watches.time, start, end)),
    _rows(tweets, (tweets.user >= 0) & ~_within(tweets.time, start, end)),
  )


def all_watches(inside: Watches, outside: Watches) -> Watches:
  """Both, each user's first of each video, in order of (user, time)."""
  both = records.joined(inside, outside)  # which have no time in common
  return filters.first_watches(records.in_order(both))


def _positions(source: np.ndarray, studied: np.ndarray) -> np.ndarray:
  """[n] int32, where each id of the source stands in the study; -1 is not."""
  place = {name: i for i, name in enumerate(studied)}
  return np.fromiter((place.get(name, -1) for name in source), np.int32)


def _within(times: np.ndarray, start: int, end: int) -> np.ndarray:
  """[n] bool, which times lie inside."""
  return (times >= start) & (times < end)


def _rows(table, where: np.ndarray):
  """The rows of every column where the mask says so."""
  return type(table)(*(column[where] for column in table))
