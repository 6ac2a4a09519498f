"""Random lists: the floor every method must clear."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class RandomRecommender(NamedTuple):
  """Recommends k videos uniformly, none twice.

  Paper: Table 1, row Random.

  Attributes:
    video_count: the catalogue's size V; ids are 0 to V - 1.
    seed: with a user's position it fixes the user's list.
  """

  video_count: int
  seed: int

  def recommend(
    self,
    histories: Sequence[np.ndarray],
    k: int,
    exclude: Sequence[np.ndarray] | None = None,
  ) -> np.ndarray:
    """Lists for a batch of users.

    Args:
      histories: per user the ids of the videos known to be watched; only
        their number is read.
      k: the lists' length.
      exclude: per user the ids not to recommend; None excludes none.

    Returns:
      [B, k] int32 video ids; -1 where a user has fewer than k videos left.

    Raises:
      ValueError: `exclude` is for another number of users.
    """
    if exclude is None:
      exclude = [np.zeros(0, np.int32)] * len(histories)
    lists = np.full((len(histories), k), -1, np.int32)
    rows = zip(lists, exclude, strict=True)
    for position, (row, excluded) in enumerate(rows):
      rng = np.random.default_rng((self.seed, position))
      allowed = np.setdiff1d(np.arange(self.video_count), excluded)
      count = min(k, len(allowed))
      row[:count] = rng.choice(allowed, size=count, replace=False)
    return lists
