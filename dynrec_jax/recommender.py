"""The one contract of everything that recommends, the model included.

`Seen` is what a method may be fitted on, `Queries` what it may know of the
users it recommends to. Neither holds what held-out users do after n_f, so no
method can read it.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from dynrec_jax.data import histories, sequences
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.records import Videos
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.features.catalogue import Features


class CannotFit(ValueError):
  """A method cannot use the data at hand; says what they lack."""


class Queries(NamedTuple):
  """Users to recommend to, and all that is known of them.

  Row i of `watches` and of `behaviours` is query i's, and ends before `time`.

  Attributes:
    users: [B] int32, who asks: a position among the users of the data.
    session: [B] int32, sessions that have ended.
    time: [B] int64 seconds, the end of what is known.
    watches: what each is known to have watched, oldest first; empty in the
      cross network.
    behaviours: what interests are made of, oldest first: the watches, or the
      tweets. Items are rows of `topics`.
    topics: [R, K] float32, what behaviours are about.
    texts: [n] object (str), the tweet behind each behaviour; None of watches.
    profiles: [B] object (str), self-descriptions, '' where there is none.
    clock: the sessions.
    mask_known: whether known videos may be in no list (A23).
  """

  users: np.ndarray
  session: np.ndarray
  time: np.ndarray
  watches: Histories
  behaviours: Histories
  topics: np.ndarray
  texts: np.ndarray | None
  profiles: np.ndarray
  clock: Sessions
  mask_known: bool

  @property
  def count(self) -> int:
    """B."""
    return len(self.users)

  def forbidden_videos(self) -> tuple[np.ndarray, np.ndarray]:
    """[B, M] int32 videos that may be in no list, and their [B, M] mask."""
    counts = np.diff(self.watches.offsets)
    row = np.repeat(np.arange(self.count), counts)
    ids, where = sequences.padded(row, self.watches.item, self.count)
    return ids, where & self.mask_known

  def take(self, rows: slice | np.ndarray) -> 'Queries':
    """The named queries, in their order."""
    rows = np.arange(self.count)[rows]
    behaviours, index = histories.take_rows(self.behaviours, rows)
    return self._replace(
      users=self.users[rows],
      session=self.session[rows],
      time=self.time[rows],
      watches=histories.take_rows(self.watches, rows)[0],
      behaviours=behaviours,
      texts=None if self.texts is None else self.texts[index],
      profiles=self.profiles[rows],
    )


class Lists(NamedTuple):
  """What was recommended.

  Attributes:
    ids: [B, k] int32 videos, best first, none twice; -1 where none is left.
    scores: [B, k] float32 beside them, -inf where none is left; None of a
      method that has no scores.
  """

  ids: np.ndarray
  scores: np.ndarray | None


# B queries and the lists' length k -> lists; a query gets the one that it gets
# alone.
Recommender = Callable[[Queries, int], Lists]


class Seen(NamedTuple):
  """What a method may be fitted on when lists are made at the end of n_f.

  Train users' rows are whole. Held-out users' end at n_f; in the cross network
  their watches are not there at all. Where one date cuts the log, everybody
  trains, and all rows end at it (A41): `session` is then its session, and
  nobody has done anything after n_f yet.

  Attributes:
    train_users: [n] int32, who trains.
    session: n_f, in sessions.
    watches: of all U users.
    behaviours: of all U users: the watches, or the tweets. Items are rows of
      `topics`.
    topics: [R, K] float32, what behaviours are about.
    texts: [n] object (str), the tweet behind each behaviour; None of watches.
    profiles: [U] object (str), self-descriptions.
    videos: the catalogue.
    video_texts: [V] str, the catalogue's documents.
    video_topics: [V, L] float32, what the videos are about; None where no
      method asks for it.
    features: of the catalogue, on the host.
    clock: the sessions.
    seed: of everything random.
    known_videos: [V] bool, the videos whose content may be learned from
      (vocabularies, weights of words); the others may only be described by
      what was learned. All of them (A6), but where one date cuts the log.
  """

  train_users: np.ndarray
  session: int
  watches: Histories
  behaviours: Histories
  topics: np.ndarray
  texts: np.ndarray | None
  profiles: np.ndarray
  videos: Videos
  video_texts: Sequence[str]
  video_topics: np.ndarray | None
  features: Features
  clock: Sessions
  seed: int
  known_videos: np.ndarray

  @property
  def video_count(self) -> int:
    """V."""
    return len(self.videos.id)
