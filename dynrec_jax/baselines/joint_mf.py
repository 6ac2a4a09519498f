"""Watches by a linear map from what users say, learned with video factors."""

import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse
from jax.scipy.sparse.linalg import cg
from jaxtyping import Array, Float, Int

_STEPS = 5  # of conjugate gradients, for W and for Q in each sweep
_TOLERANCE = 1e-6  # of a system's right side


class Factors(NamedTuple):
  """What is learned.

  Attributes:
    transfer: W, from K numbers about a user to F factors.
    videos: Q, the videos' factors.
  """

  transfer: Float[Array, 'K F']
  videos: Float[Array, 'V F']


class _Watches(NamedTuple):
  """P watches of n users.

  Attributes:
    about: t_u of each user.
    user: row of each watch.
    video: of each watch.
    zero_weight: z_u of each user.
  """

  about: Float[Array, 'n K']
  user: Int[Array, ' P']
  video: Int[Array, ' P']
  zero_weight: Float[Array, ' n']


def joint_mf(
  about: np.ndarray,
  watches: scipy.sparse.csr_matrix,
  *,
  factors: int,
  negatives: float,
  regularization: float,
  seed: int,
  sweeps: int = 50,
) -> Factors:
  """W and Q such that t_u' W q_v tells watches from videos left alone.

  Paper: none; our reading of SCA's transfer matrix (A37),
    min over W, Q of
      sum over watches (u, v) of (1 - t_u' W q_v)^2
      + sum over other pairs (u, v) of z_u (t_u' W q_v)^2
      + regularization (|W|^2 + |Q|^2),
    z_u = negatives * watches of u / videos that u left alone: what so many
    zeros drawn for each watch weigh on average, without the noise of a draw.

  W and Q are solved for in turn. Each is a least-squares problem, and conjugate
  gradients start from the last solution, so that the objective never rises. W
  and Q share one regularization because only the product of two would matter.

  Args:
    about: [n, K] t_u of the users that are learned from.
    watches: [n, V], 1 where user n watched video v.
    factors: F.
    negatives: zeros for each watch, >= 0.
    regularization: > 0, in units of a watch's error.
    seed: of the first W and Q.
    sweeps: over W and Q. The sum then lies within 1 % of where it ends.

  Returns:
    W and Q; zeros if there is no watch.
  """
  shapes = (about.shape[1], factors), (watches.shape[1], factors)
  if not watches.nnz:
    return Factors(*map(jnp.zeros, shapes))
  counts = np.diff(watches.indptr)
  left_alone = np.maximum(watches.shape[1] - counts, 1)
  data = _Watches(
    jnp.asarray(about, jnp.float32),
    jnp.asarray(np.repeat(np.arange(len(counts)), counts)),
    jnp.asarray(watches.indices),
    jnp.asarray(negatives * counts / left_alone, jnp.float32),
  )
  drawn = map(jax.random.normal, jax.random.split(jax.random.key(seed)), shapes)
  start = Factors(*(x / np.sqrt(factors) for x in drawn))
  return _solved(start, data, regularization, sweeps=sweeps)


@functools.partial(jax.jit, static_argnames='sweeps')
def _solved(
  start: Factors,
  data: _Watches,
  regularization: Float[Array, ''],
  *,
  sweeps: int,
) -> Factors:
  """W and Q after all sweeps."""
  better = functools.partial(cg, tol=_TOLERANCE, maxiter=_STEPS)

  def sweep(now: Factors, _):
    transfer, _ = better(
      *_transfer_system(now.videos, data, regularization), now.transfer
    )
    videos, _ = better(
      *_video_system(transfer, now.videos, data, regularization), now.videos
    )
    return Factors(transfer, videos), None

  return jax.lax.scan(sweep, start, length=sweeps)[0]


# A linear map and what it must give: half the gradient is their difference.
_System = tuple[Callable[[Array], Array], Array]


def _transfer_system(
  videos: Float[Array, 'V F'], data: _Watches, regularization
) -> _System:
  """Of W, for these video factors."""
  watched = videos[data.video]  # [P, F]
  gram = videos.T @ videos
  zero, add = data.zero_weight, _adder(data.user, len(data.about))

  def apply(transfer):
    users = data.about @ transfer  # [n, F]
    scores = jnp.sum(users[data.user] * watched, axis=1)
    more = (1 - zero[data.user]) * scores
    pull = zero[:, None] * (users @ gram) + add(more[:, None] * watched)
    return data.about.T @ pull + regularization * transfer

  return apply, data.about.T @ add(watched)


def _video_system(
  transfer: Float[Array, 'K F'],
  videos: Float[Array, 'V F'],
  data: _Watches,
  regularization,
) -> _System:
  """Of Q, for this W; a system of its own for each video."""
  users = data.about @ transfer  # [n, F]
  watchers = users[data.user]  # [P, F]
  gram = users.T @ (data.zero_weight[:, None] * users)
  add = _adder(data.video, len(videos))

  def apply(videos):
    scores = jnp.sum(watchers * videos[data.video], axis=1)
    more = (1 - data.zero_weight[data.user]) * scores
    pull = videos @ gram + add(more[:, None] * watchers)
    return pull + regularization * videos

  return apply, add(watchers)


def _adder(row: Int[Array, ' P'], count: int) -> Callable[[Array], Array]:
  """[P, F] -> [count, F], the sums of each row's values."""
  return lambda values: jax.ops.segment_sum(values, row, num_segments=count)
