"""Koren's biased matrix factorisation, learned from watches and drawn zeros."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import sparse

from dynrec_jax.baselines import matrices, top_k
from dynrec_jax.recommender import Queries, Recommender, Seen

_STEP_SHARE = 4  # of a step's pairs there are so many users and videos
_START = 0.1  # standard deviation of the first factors


class Settings(NamedTuple):
  """How the factors are learned.

  Attributes:
    regularization: lambda below.
    learning_rate: of a pair.
    epochs: passes over all watches, each with zeros of its own.
    zeros: videos not watched that are drawn for each watch.
  """

  regularization: float = 0.02
  learning_rate: float = 0.05
  epochs: int = 20
  zeros: int = 4


class Pairs(NamedTuple):
  """What an epoch learns from.

  Attributes:
    user: [n] int32.
    video: [n] int32.
    target: [n] float32, 1 of a watch, 0 of a drawn zero.
    where: [n] bool, pairs that count: not the drawn videos that were watched.
  """

  user: np.ndarray
  video: np.ndarray
  target: np.ndarray
  where: np.ndarray


class Factors(NamedTuple):
  """p_u . q_i + b_u + b_i as one product of rows.

  Attributes:
    users: [U, D + 2], p_u, b_u, 1.
    videos: [V, D + 2], q_i, 1, b_i.
  """

  users: np.ndarray
  videos: np.ndarray


def fit(seen: Seen, factor_count: int, settings: Settings) -> Recommender:
  """Recommends by mu + b_u + b_i + p_u . q_i.

  Paper: Table 1, row LFM (Koren, Bell and Volinsky 2009): stochastic gradients
  of, per pair,

    (r - mu - b_u - b_i - p_u . q_i)^2
      + lambda (b_u^2 + b_i^2 + |p_u|^2 + |q_i|^2).

  Differs: all that is known are watches, r = 1; for each of them `zeros` videos
  are drawn anew in every epoch, r = 0 (those that the user did watch are left
  out), and mu is 1 / (1 + zeros). Queries' users are not looked up, so that
  they need not be among the users of the fit: see `fold_in`.

  Args:
    seen: all watches: train users' whole year, others' up to n_f.
    factor_count: D.
    settings: see there.

  Returns:
    The recommender. Without history, score(i) = mu + b_i. Ties go to the lower
    id.
  """
  watched = matrices.of_everyone(seen)
  videos = learned(watched, factor_count, settings, seen.seed).videos

  def score(queries: Queries) -> np.ndarray:
    known = matrices.of_queries(queries, len(videos))
    scores = np.zeros(known.shape)
    # A product for each: one of all rounds by how many there are.
    for row, user in zip(scores, fold_in(known, videos, settings), strict=True):
      np.dot(videos, user, out=row)
    return scores + mean_target(settings)

  return top_k.by_scores(score, len(videos))


def mean_target(settings: Settings) -> float:
  """mu, the mean of r."""
  return 1 / (1 + settings.zeros)


def learned(
  watched: sparse.csr_matrix, factor_count: int, settings: Settings, seed: int
) -> Factors:
  """The factors after all epochs.

  Args:
    watched: [U, V] binary.
    factor_count: D.
    settings: see there.
    seed: of first factors, order and zeros.
  """
  rng = np.random.default_rng(seed)
  spread = _START if watched.nnz else 0  # of nothing, nothing is learned
  users, videos = (
    rng.normal(0, spread, (count, factor_count)) for count in watched.shape
  )
  factors = Factors(
    *(np.pad(x, ((0, 0), (0, 2))).astype(np.float32) for x in (users, videos))
  )
  factors.users[:, -1] = 1
  factors.videos[:, -2] = 1
  # So few pairs at once that hardly a row is changed twice: as if they came one
  # after the other, and as stable, however few users or videos there are.
  size = max(1, min(watched.shape) // _STEP_SHARE)
  # Elsewhere the sums of a scatter have no order.
  with jax.default_device('cpu'):
    for _ in range(settings.epochs):
      pairs = draw_pairs(watched, settings.zeros, rng)
      rest = -len(pairs.user) % size  # do not count
      steps = Pairs(*(np.pad(x, (0, rest)).reshape(-1, size) for x in pairs))
      factors = _epoch(factors, steps, settings)
  return Factors(*(np.asarray(rows, np.float64) for rows in factors))


def draw_pairs(
  watched: sparse.csr_matrix, zeros: int, rng: np.random.Generator
) -> Pairs:
  """All watches and `zeros` draws for each, in random order.

  Args:
    watched: [U, V] binary.
    zeros: draws from all videos for each watch, equally likely; those that the
      user watched do not count.
    rng: draws.
  """
  user, video = (x.astype(np.int64) for x in watched.nonzero())
  others = np.repeat(user, zeros)
  drawn = rng.integers(watched.shape[1], size=len(others))
  cells = watched.shape[1] * user + video
  left = ~np.isin(watched.shape[1] * others + drawn, cells)
  pairs = Pairs(
    np.concatenate([user, others]).astype(np.int32),
    np.concatenate([video, drawn]).astype(np.int32),
    np.repeat(np.float32([1, 0]), [len(user), len(others)]),
    np.concatenate([np.ones(len(user), bool), left]),
  )
  order = rng.permutation(len(pairs.user))
  return Pairs(*(x[order] for x in pairs))


def descend(factors: Factors, pairs: Pairs, settings: Settings) -> Factors:
  """One step down the pairs' costs.

  With e = r - mu - b_u - b_i - p_u . q_i and the learning rate g, a pair adds

    g (e q_i - lambda p_u) to p_u,    g (e - lambda b_u) to b_u,
    g (e p_u - lambda q_i) to q_i,    g (e - lambda b_i) to b_i,

  all of them from the factors before the step.
  """
  user, video = factors.users[pairs.user], factors.videos[pairs.video]
  guess = mean_target(settings) + jnp.sum(user * video, axis=1)
  error = (pairs.target - guess)[:, None]
  rate = settings.learning_rate * pairs.where[:, None]
  of_user = rate * (error * video - settings.regularization * user)
  of_video = rate * (error * user - settings.regularization * video)
  return Factors(
    factors.users.at[pairs.user].add(of_user.at[:, -1].set(0)),
    factors.videos.at[pairs.video].add(of_video.at[:, -2].set(0)),
  )


@jax.jit
def _epoch(factors: Factors, steps: Pairs, settings: Settings) -> Factors:
  """The factors after one step after the other."""
  return jax.lax.scan(
    lambda factors, pairs: (descend(factors, pairs, settings), None),
    factors,
    steps,
  )[0]


def fold_in(
  known: sparse.csr_matrix, videos: np.ndarray, settings: Settings
) -> np.ndarray:
  """Rows of users as they would be learned, while the videos' rows stay.

  p and b_u are where the mean cost of what would be drawn is least: with h the
  known videos and w = zeros |h| / V, how often a video is drawn in an epoch,

    sum over i in h of (1 - mu - b_i - b_u - p . q_i)^2
      + w sum over i not in h of (0 - mu - b_i - b_u - p . q_i)^2
      + lambda (|h| + w (V - |h|)) (|p|^2 + b_u^2).

  Args:
    known: [B, V] binary.
    videos: [V, D + 2] as `Factors` has them.
    settings: lambda and zeros.

  Returns:
    [B, D + 2] as `Factors` has users; p and b_u are 0 without history.
  """
  inputs = videos[:, :-1]
  rest = -mean_target(settings) - videos[:, -1]  # of a zero
  gram, moment = inputs.T @ inputs, inputs.T @ rest
  users = np.zeros((known.shape[0], videos.shape[1]))
  users[:, -1] = 1
  for row, user in enumerate(users):
    own = known.indices[known.indptr[row] : known.indptr[row + 1]]
    if not len(own):
      continue
    weight = settings.zeros * len(own) / len(videos)
    pairs = len(own) + weight * (len(videos) - len(own))
    x = inputs[own]
    left = weight * gram + (1 - weight) * (x.T @ x)
    left[np.diag_indices_from(left)] += settings.regularization * pairs
    right = weight * moment + x.T @ (1 + (1 - weight) * rest[own])
    user[:-1] = np.linalg.solve(left, right)
  return users
