"""How often each video was watched in each session, by those who train."""

import numpy as np

from dynrec_jax.data import histories
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.sessions import Sessions


def watch_counts(
  watches: Histories, sessions: Sessions, users: np.ndarray, video_count: int
) -> np.ndarray:
  """Watches of each video in each session.

  Args:
    watches: of all users, up to what may be read.
    sessions: the clock; watches outside of its span are left out.
    users: [n] different users whose watches count; nobody else's is read.
    video_count: V.

  Returns:
    [V, L] float32; column l - 1 is session l.
  """
  own, _ = histories.take_rows(watches, users)
  session = sessions.of(own.time)
  inside = (session >= 1) & (session <= sessions.count)
  place = own.item[inside].astype(np.int64) * sessions.count
  place += session[inside] - 1
  shape = (video_count, sessions.count)
  counts = np.bincount(place, minlength=shape[0] * shape[1])
  return counts.reshape(shape).astype(np.float32)
