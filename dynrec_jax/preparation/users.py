"""One range of users: their events in order, and which of them a rule keeps.

The same rules as `data/filters`, on arrays of one range; only how many users a
video has is not known here, and comes as a mask of the videos that have enough.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from dynrec_jax.data import canonical
from dynrec_jax.data.records import Tweets, Watches
from dynrec_jax.preparation.rules import Rules


class UserRange(NamedTuple):
  """The users of a range, by their place in it.

  Attributes:
    watches: all of listed videos, in order of (user, time); `video` is a
      position in the catalogue.
    first: [n] bool, a user's first watch of a video within the span.
    tweet_count: [U] int64, tweets that the filters count.
  """

  watches: Watches
  first: np.ndarray
  tweet_count: np.ndarray


def user_range(
  watches: Watches,
  tweets: Tweets,
  user_count: int,
  numbers_of: Callable[[np.ndarray], np.ndarray],
  rules: Rules,
) -> UserRange:
  """A range of users from its events in any order.

  Args:
    watches: of listed videos.
    tweets: of the same users.
    user_count: of the range.
    numbers_of: see `canonical.watches_drawn`.
    rules: say what the span is, and what comes before the cut.
  """
  watches = canonical.watches_drawn(watches, numbers_of)
  span = np.flatnonzero(in_span(watches.time, rules))
  pairs = watches.user[span].astype(np.int64) << 32 | watches.video[span]
  _, places = np.unique(pairs, return_index=True)
  first = np.zeros(len(watches.user), bool)
  first[span[places]] = True
  counted = in_span(tweets.time, rules) & before_cut(tweets.time, rules)
  tweet_count = np.bincount(tweets.user[counted], minlength=user_count)
  return UserRange(watches, first, tweet_count)


def in_span(times: np.ndarray, rules: Rules) -> np.ndarray:
  """[n] bool, which times the study reads."""
  return (times >= rules.start) & (times < rules.end)


def before_cut(times: np.ndarray, rules: Rules) -> np.ndarray:
  """[n] bool, which times the filters count."""
  if rules.cut is None:
    return np.ones(len(times), bool)
  return times < rules.cut


def begun(
  found: UserRange, rules: Rules, complete: np.ndarray | None
) -> Iterator[tuple[str, np.ndarray]]:
  """What the rules leave that are used once, before those that count.

  Args:
    found: the range.
    rules: of the study.
    complete: [V] bool, see `Rules.require_visual`; None where it is off.

  Yields:
    What there is before the filters, then what each rule that is on leaves:
    its name, and [n] bool of the watches.
  """
  rows = found.first & before_cut(found.watches.time, rules)
  yield 'before', rows
  if complete is not None:
    rows = rows & complete[found.watches.video]
    yield 'complete', rows
  if rules.min_tweets_per_user:
    enough = found.tweet_count >= rules.min_tweets_per_user
    rows = rows & enough[found.watches.user]
    yield 'tweets', rows


def active(found: UserRange, rows: np.ndarray, least: int) -> np.ndarray:
  """[n] bool, those of the rows whose users have so many of them."""
  user = found.watches.user
  count = np.bincount(user[rows], minlength=len(found.tweet_count))
  return rows & (count >= least)[user]


def passed(
  found: UserRange,
  rules: Rules,
  start: np.ndarray,
  before: np.ndarray,
  now: np.ndarray,
) -> np.ndarray:
  """[n] bool, what the rules on users, then on videos have left by now.

  That is all there is to a round: fewer videos never make a user active, so
  who was, follows from the videos that there were.

  Args:
    found: the range.
    rules: of the study.
    start: [n] bool, what the rounds begin with.
    before: [V] bool, the videos that there were before the last round.
    now: [V] bool, those after it.
  """
  video = found.watches.video
  rows = active(found, start & before[video], rules.min_videos_per_user)
  return rows & now[video]


def video_counts(found: UserRange, rows: np.ndarray, size: int):
  """How many of the rows each video has, by blocks of the catalogue.

  Args:
    found: the range.
    rows: [n] bool.
    size: of videos in a block.

  Yields:
    The number of a block and [size] int64; blocks without any are left out.
  """
  videos = np.sort(found.watches.video[rows])
  if not len(videos):
    return
  blocks = videos // size
  names, starts = np.unique(blocks, return_index=True)
  for block, part in zip(names, np.split(videos, starts[1:]), strict=True):
    yield int(block), np.bincount(part - block * size, minlength=size)
