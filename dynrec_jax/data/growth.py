"""Who and what joins a study whose log has grown.

Who is in it stays, however little was done since. Others join once they pass
the study's own filters, which count all that they ever did.
"""

from typing import NamedTuple

import numpy as np

from dynrec_jax.data import filters
from dynrec_jax.data.records import Records, Watches


class Members(NamedTuple):
  """Users and videos of a source.

  Attributes:
    users: [U] bool.
    videos: [V] bool.
  """

  users: np.ndarray
  videos: np.ndarray


def with_joined(
  watches: Watches,
  known: Members,
  may_join: Members,
  *,
  min_videos_per_user: int,
  min_users_per_video: int,
  mode: str,
) -> np.ndarray:
  """[n] bool, the watches that a study has once others have joined.

  With nobody known they are those of `filters.filter_watches`. What has joined
  passes in any longer log, so a log that grows in two steps ends as in one.

  Args:
    watches: first watches only, of the source.
    known: who is in the study and stays in it.
    may_join: who may be counted at all.
    min_videos_per_user: see `filters.filter_watches`, as the rest.
    min_users_per_video: see there.
    mode: see there.
  """
  user, video = watches.user, watches.video
  users, videos = known
  may = Members(*(a | b for a, b in zip(known, may_join, strict=True)))
  left = may.users[user] & may.videos[video]

  def enough(of: np.ndarray, least: int, count: int) -> np.ndarray:
    return np.bincount(of[left], minlength=count) >= least

  while True:
    before = left.sum()
    left &= (users | enough(user, min_videos_per_user, len(users)))[user]
    left &= (videos | enough(video, min_users_per_video, len(videos)))[video]
    if mode == 'single_pass' or left.sum() == before:
      return left & (users | enough(user, 2, len(users)))[user]


def old_part(records: Records, known: Members, time: int) -> Records:
  """What a study was before it grew, if the log is what it was.

  Args:
    records: the grown study.
    known: who and what was in it.
    time: before when it ended.
  """
  watches, tweets = records.watches, records.tweets
  rows = known.users[watches.user] & known.videos[watches.video]
  rows &= watches.time < time
  early = tweets.time < time
  records = records._replace(
    tweets=type(tweets)(*(column[early] for column in tweets))
  )
  own = Watches(*(column[rows] for column in watches))
  return filters.compact(records, own, np.flatnonzero(known.videos))
