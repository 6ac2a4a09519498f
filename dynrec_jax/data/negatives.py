"""Videos that a user never watched, drawn for each video that is predicted."""

from typing import NamedTuple

import numpy as np

from dynrec_jax.data.histories import Histories, ragged_indices, within
from dynrec_jax.data.sequences import Samples


class Negatives(NamedTuple):
  """N videos for each target of each sample.

  Attributes:
    offsets: [S + 1] int64; sample s's targets are rows
      offsets[s]:offsets[s + 1].
    videos: [n, N] int32; -1 where there is none.
  """

  offsets: np.ndarray
  videos: np.ndarray

  def of(self, samples: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """[q, N] those of the named targets, each the place in its sample."""
    return self.videos[self.offsets[samples] + targets]


def draw_negatives(
  samples: Samples,
  watches: Histories,
  *,
  video_count: int,
  count: int,
  rng: np.random.Generator,
) -> Negatives:
  """Uniform over what the sample's user never watched, with repeats.

  Args:
    samples: S samples, of train users: all their watches are known.
    watches: of all users; only the samples' users are read.
    video_count: V.
    count: N.
    rng: of this epoch.

  Returns:
    The negatives; none for a user who watched every video.
  """
  users = np.unique(samples.user)
  starts = watches.offsets[users]
  row, index = ragged_indices(starts, watches.offsets[users + 1] - starts)
  # Each user's videos once, ascending, as row * V + video.
  own = np.unique(row * video_count + watches.item[index])
  counts = np.bincount(own // video_count, minlength=len(users))
  # How many free videos lie below each: ascending in the same way.
  free_below = own - within(own // video_count, counts)
  offsets = np.concatenate([[0], np.cumsum(samples.target_count, dtype=int)])
  owner = np.repeat(np.searchsorted(users, samples.user), samples.target_count)
  free = video_count - counts[owner]
  drawn = rng.integers(np.maximum(free, 1)[:, None], size=(len(owner), count))
  place = np.searchsorted(
    free_below, owner[:, None] * video_count + drawn, side='right'
  )
  skipped = place - (np.cumsum(counts) - counts)[owner][:, None]
  videos = np.where(free[:, None] > 0, drawn + skipped, -1)
  return Negatives(offsets, videos.astype(np.int32))
