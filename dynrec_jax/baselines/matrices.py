"""Who watched what as sparse binary matrices, users by videos."""

from typing import NamedTuple

import numpy as np
from scipy import sparse

from dynrec_jax.data import histories
from dynrec_jax.data.histories import Histories
from dynrec_jax.recommender import CannotFit, Queries, Seen


class Halves(NamedTuple):
  """Train users' watches on both sides of the border, the end of n_f.

  Attributes:
    earlier: [n, V] 1.0 where a user watched a video before the border.
    later: [n, V] 1.0 where a user watched it from the border on.
  """

  earlier: sparse.csr_matrix
  later: sparse.csr_matrix


def of_everyone(seen: Seen) -> sparse.csr_matrix:
  """[U, V] 1.0 for all that may be seen: train users' whole year among it."""
  return _binary(seen.watches, seen.video_count)


def of_train_users(seen: Seen) -> sparse.csr_matrix:
  """[n, V] 1.0 for each video that a train user watched."""
  rows, _ = histories.take_rows(seen.watches, seen.train_users)
  return _binary(rows, seen.video_count)


def of_queries(queries: Queries, video_count: int) -> sparse.csr_matrix:
  """[B, V] 1.0 for each video that a query's user is known to have watched."""
  return _binary(queries.watches, video_count)


def halves(seen: Seen) -> Halves:
  """What train users watched before and after the border.

  Raises:
    CannotFit: no train user watched anything after it.
  """
  users = seen.train_users
  border = np.full(len(users), seen.clock.end(seen.session))
  earlier, later = (
    _binary(part(seen.watches, users, border)[0], seen.video_count)
    for part in (histories.rows_before, histories.rows_from)
  )
  if not later.nnz:
    raise CannotFit(
      'no watch of a train user after the border: what is watched after '
      f'{seen.session} of {seen.clock.count} sessions cannot be learned'
    )
  return Halves(earlier, later)


def _binary(rows: Histories, video_count: int) -> sparse.csr_matrix:
  """1.0 for each video of a row, however often it stands there.

  Columns ascend within a row: sums over it do not depend on the order of time.
  """
  shape = (rows.user_count, video_count)
  ones = np.ones(len(rows.item))
  matrix = sparse.csr_matrix((ones, rows.item, rows.offsets), shape, copy=True)
  matrix.sum_duplicates()
  matrix.data[:] = 1
  return matrix
