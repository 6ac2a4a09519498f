"""The one order of a source's rows, which follows from what they say.

Files are tables: rows in another order are the same data, and give the same
positions, draws, ties and lists.
"""

import numpy as np

from dynrec_jax.data.records import Tweets, Watches
from dynrec_jax.storage import digests


def id_order(ids: np.ndarray) -> np.ndarray:
  """[n] int64, which id stands at each place: `v9` before `v10`.

  Args:
    ids: [n] distinct texts. Shorter ones come first, else letters decide.
  """
  order = sorted(
    range(len(ids)), key=lambda place: (len(ids[place]), ids[place])
  )
  return np.array(order, np.int64)


def by_user(user_ids: np.ndarray, *tables: Watches | Tweets) -> tuple:
  """The users in the order of their ids, and their events renumbered.

  Args:
    user_ids: [U] object (str).
    tables: events whose `user` is a position in it, in any order.

  Returns:
    The ids, then each table with its rows as they were.
  """
  order = id_order(user_ids)
  place = np.argsort(order).astype(np.int32)
  return (
    user_ids[order],
    *(table._replace(user=place[table.user]) for table in tables),
  )


def watches_in_order(watches: Watches, video_ids: np.ndarray) -> Watches:
  """The watches in order of (user, time).

  Equal times have no order of their own (A2). One is drawn for each moment,
  the same for all users: were it that of the ids, what follows would be learned
  from the ids wherever a clock ticks in days.

  Args:
    watches: in any order.
    video_ids: [V] object (str), of the rows that `video` names.
  """
  order, tied, moment = _by_time(watches)
  rows = order[tied]
  videos, place = np.unique(watches.video[rows], return_inverse=True)
  ids = digests.numbers(video_ids[videos])
  drawn = digests.mixed(ids[place], watches.time[rows])
  order[tied] = rows[np.lexsort((drawn, moment))]
  return _taken(watches, order)


def tweets_in_order(tweets: Tweets) -> Tweets:
  """The tweets in order of (user, time), of equal times by what they say."""
  order, tied, moment = _by_time(tweets)
  rows = order[tied]
  text, topics = tweets.text[rows], tweets.topics[rows]
  said = sorted(
    range(len(rows)), key=lambda i: (moment[i], text[i], topics[i].tobytes())
  )
  order[tied] = rows[np.array(said, np.int64)]
  return _taken(tweets, order)


def _by_time(
  table: Watches | Tweets,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
  """Rows by (user, time), which of them are tied, and the tied ones' moments.

  Returns:
    order: [n] rows.
    tied: [n] bool, at a place of the order: another row has its moment.
    moment: [tied], ascending, a number for each (user, time).
  """
  order = np.lexsort((table.time, table.user))
  user, time = table.user[order], table.time[order]
  same = (user[1:] == user[:-1]) & (time[1:] == time[:-1])
  tied = np.zeros(len(order), bool)
  tied[1:] |= same
  tied[:-1] |= same
  moment = np.cumsum(np.append(True, ~same))[: len(order)]
  return order, tied, moment[tied]


def _taken(table, rows: np.ndarray):
  """The named rows of every column."""
  return type(table)(*(column[rows] for column in table))
