"""A log cut at one date: who and what the part before it leaves in a study.

Paper: none; its users are split at random. Here everything before the date
trains and everything after it tests, of the same users (A41).
"""

from typing import NamedTuple

import numpy as np

from dynrec_jax.data import filters
from dynrec_jax.data.records import Records, Watches


class CutRecords(NamedTuple):
  """A study that is cut at a date.

  Attributes:
    records: its users and catalogue, with the events of both sides.
    known_videos: [V] bool, which videos the users watched before the date;
      nobody watched the others by then.
  """

  records: Records
  known_videos: np.ndarray


def before(records: Records, time: int) -> Records:
  """The source with the events before a moment alone."""
  watches, tweets = records.watches, records.tweets
  return records._replace(
    watches=_rows(watches, watches.time < time),
    tweets=_rows(tweets, tweets.time < time),
  )


def with_later(
  records: Records, training: Watches, time: int, described: np.ndarray
) -> CutRecords:
  """The study that the filtered training part makes, and what came after.

  Leaks: users and catalogue follow from the training part and from what the
  source says of its videos. No later event decides who or what stays.

  Args:
    records: the source, first watches only.
    training: what the filters left of its watches before `time`.
    time: the date, seconds; an event at this second comes after it.
    described: [V] bool, videos of the source whose content is known.

  Returns:
    The users and videos of `training`, with all their watches, and the
    described videos that nobody of the whole source watched before `time`.
    Watches of other videos are on neither side.
  """
  unseen = np.ones(len(records.videos.id), bool)
  unseen[records.watches.video[records.watches.time < time]] = False
  known = np.zeros_like(unseen)
  known[training.video] = True
  stays = known | (unseen & described)
  users = np.zeros(len(records.user_ids), bool)
  users[training.user] = True
  rows = users[records.watches.user] & stays[records.watches.video]
  videos = np.flatnonzero(stays)
  watches = _rows(records.watches, rows)
  return CutRecords(filters.compact(records, watches, videos), known[videos])


def _rows(table, where: np.ndarray):
  """The rows of every column where the mask says so."""
  return type(table)(*(column[where] for column in table))
