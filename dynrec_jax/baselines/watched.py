"""What train users watched, as the matrix that collaborative methods read."""

import numpy as np
import scipy.sparse

from dynrec_jax.data import histories
from dynrec_jax.recommender import Seen


def train_watches(seen: Seen) -> scipy.sparse.csr_matrix:
  """[n, V] float32: 1 where train user n watched video v, however often."""
  rows, _ = histories.take_rows(seen.watches, seen.train_users)
  ones = np.ones(len(rows.item), np.float32)
  shape = len(seen.train_users), seen.video_count
  matrix = scipy.sparse.csr_matrix((ones, rows.item, rows.offsets), shape=shape)
  matrix.sum_duplicates()
  matrix.data[:] = 1
  return matrix
