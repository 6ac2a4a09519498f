"""Which users, videos and watches a study keeps.

Paper: Sec 4.1. Users with more than 10 videos stay, then videos with at least
3 users; the cross-network study first asks for more than 100 tweets. The rules
are pure functions over arrays; every step says how much it left.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dynrec_jax.data import records as records_lib
from dynrec_jax.data.records import LacksDataError, Records, Watches

MODES = ('single_pass', 'fixpoint')


class FilterStep(NamedTuple):
  """What one rule left.

  Attributes:
    rule: the rule in words.
    users: how many users still have a watch.
    videos: how many videos still have a watch.
    watches: how many watches remain.
  """

  rule: str
  users: int
  videos: int
  watches: int


def first_watches(watches: Watches) -> Watches:
  """Each user's first watch of each video, in the order given.

  Paper: silent; we recommend unseen videos, so a repeat is no target (A2).
  """
  pairs = np.stack([watches.user, watches.video], axis=1)
  _, first = np.unique(pairs, axis=0, return_index=True)
  return _take(watches, np.sort(first))


def filter_watches(
  watches: Watches,
  *,
  min_videos_per_user: int = 11,
  min_users_per_video: int = 3,
  mode: str = 'single_pass',
  min_watches_left: int = 2,
) -> tuple[Watches, list[FilterStep]]:
  """The watches of active users and of videos that several users saw.

  Paper: Sec 4.1, users with more than 10 videos, then videos with at least 3
  users. Users who are then left with fewer than 2 watches go too: they have no
  history or no future (A1).

  Args:
    watches: first watches only, see `first_watches`.
    min_videos_per_user: distinct videos a user needs.
    min_users_per_video: distinct users a video needs.
    mode: 'single_pass' applies each rule once in that order; 'fixpoint'
      repeats both until neither removes anything.
    min_watches_left: watches a user needs once both rules have been used.

  Returns:
    The kept watches and what each step left.

  Raises:
    ValueError: for an unknown mode, or if nothing is left.
  """
  if mode not in MODES:
    raise ValueError(f'mode is {mode!r}; valid are {", ".join(MODES)}')
  steps = [count_left('before the filters', watches)]
  while True:
    before = len(watches.user)
    watches = _drop_rare(watches, 'user', min_videos_per_user)
    steps.append(
      count_left(f'users with >= {min_videos_per_user} videos', watches)
    )
    watches = _drop_rare(watches, 'video', min_users_per_video)
    steps.append(
      count_left(f'videos with >= {min_users_per_video} users', watches)
    )
    if mode == 'single_pass' or len(watches.user) == before:
      break
  watches = _drop_rare(watches, 'user', min_watches_left)
  steps.append(
    count_left(f'users with >= {min_watches_left} watches left', watches)
  )
  if not len(watches.user):
    raise nothing_left(steps, min_watches_left)
  return watches, steps


def nothing_left(
  steps: Sequence[FilterStep], min_watches_left: int
) -> LacksDataError:
  """The error of filters that leave nothing, for the steps that they took."""
  return LacksDataError(
    'the filters left no watch; what each rule left: '
    + '; '.join(describe(step) for step in steps)
    + f'. {_advice(steps, min_watches_left)}'
  )


def _advice(steps: Sequence[FilterStep], min_watches_left: int) -> str:
  """What is right instead, where the last of the steps left nothing."""
  if steps[-2].watches:
    return (
      f'Right: users with {min_watches_left} watches or more of different '
      'videos that stay, as one makes a history and another a future'
    )
  return 'Lower min_videos_per_user or min_users_per_video'


def filter_users_by_tweets(
  records: Records, *, min_tweets: int = 101
) -> tuple[Watches, FilterStep]:
  """The watches of users with enough tweets (Sec 4.1: more than 100)."""
  count = np.bincount(records.tweets.user, minlength=len(records.user_ids))
  watches = _take(records.watches, count[records.watches.user] >= min_tweets)
  return watches, count_left(f'users with >= {min_tweets} tweets', watches)


def complete_videos(
  records: Records, has_text: np.ndarray
) -> tuple[Watches, FilterStep]:
  """The watches of videos that have a visual feature and a text."""
  complete = records.videos.has_visual & has_text
  watches = _take(records.watches, complete[records.watches.video])
  return watches, count_left('videos with a visual feature and a text', watches)


def compact(
  records: Records, watches: Watches, videos: np.ndarray | None = None
) -> Records:
  """The source cut down to the users and videos of `watches`, renumbered.

  Positions keep their order. Tweets and profiles of users that go, go too.

  Args:
    records: the source.
    watches: what is left of its watches.
    videos: [n] ascending, those that stay; None keeps the watched ones alone.
  """
  users, user = np.unique(watches.user, return_inverse=True)
  if videos is None:
    videos = np.unique(watches.video)
  video = np.searchsorted(videos, watches.video)
  new_user = np.full(len(records.user_ids), -1, np.int32)
  new_user[users] = np.arange(len(users), dtype=np.int32)
  tweets = _take(records.tweets, new_user[records.tweets.user] >= 0)
  return Records(
    user_ids=records.user_ids[users],
    watches=Watches(
      user.astype(np.int32), video.astype(np.int32), watches.time
    ),
    videos=records_lib.select_videos(records.videos, videos),
    tweets=tweets._replace(user=new_user[tweets.user]),
    profiles=records.profiles[users],
  )


def describe(step: FilterStep) -> str:
  """The step as one line of a log."""
  return (
    f'{step.rule}: {step.users:,} users, {step.videos:,} videos, '
    f'{step.watches:,} watches'
  )


def removed(steps: Sequence[FilterStep]) -> list[str]:
  """One log line per step: what is left, and what this step took away."""
  lines = [describe(steps[0])]
  for before, after in itertools.pairwise(steps):
    lines.append(
      f'{describe(after)} (removed {before.users - after.users:,} users, '
      f'{before.videos - after.videos:,} videos, '
      f'{before.watches - after.watches:,} watches)'
    )
  return lines


def count_left(rule: str, watches: Watches) -> FilterStep:
  """How many users, videos and watches are there once a rule has been used."""
  return FilterStep(
    rule,
    len(np.unique(watches.user)),
    len(np.unique(watches.video)),
    len(watches.user),
  )


def _drop_rare(watches: Watches, column: str, min_count: int) -> Watches:
  """Drops the rows whose user or video occurs in fewer than min_count rows."""
  ids = getattr(watches, column)
  count = np.bincount(ids) if len(ids) else np.zeros(0, int)
  return _take(watches, count[ids] >= min_count)


def _take(table, rows):
  """The named rows of every column."""
  return type(table)(*(column[rows] for column in table))
