"""What the tables report: precision, recall and F of top-K lists.

Lists are padded: a recommended id of -1 is no recommendation and never a hit,
and `where` tells which slots of the ground truth hold a video. Arguments may be
NumPy or JAX arrays; all of it can be jitted.
"""

import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Float, Int

from dynrec_jax.typed import typed


@typed
def hit_count(
  recommended: Int[ArrayLike, 'U K'],
  relevant: Int[ArrayLike, 'U M'],
  *,
  where: Bool[ArrayLike, 'U M'] | None = None,
) -> Int[Array, 'U']:
  """How many different videos a user was recommended and did watch.

  Args:
    recommended: a list of video ids per user, -1 for none.
    relevant: the videos each user watched later.
    where: slots of `relevant` that count; None counts all.

  Returns:
    The size of the intersection of the two sets, per user.
  """
  recommended, relevant = jnp.asarray(recommended), jnp.asarray(relevant)
  same = recommended[:, :, None] == relevant[:, None, :]  # [U, K, M]
  if where is not None:
    same &= jnp.asarray(where)[:, None, :]
  repeats = recommended[:, :, None] == recommended[:, None, :]  # [U, K, K]
  earlier = jnp.any(jnp.tril(repeats, k=-1), axis=-1)
  hit = jnp.any(same, axis=-1) & (recommended >= 0) & ~earlier
  return jnp.sum(hit, axis=-1, dtype=jnp.int32)


@typed
def relevant_count(
  relevant: Int[ArrayLike, 'U M'],
  *,
  where: Bool[ArrayLike, 'U M'] | None = None,
) -> Int[Array, 'U']:
  """How many different videos each user's ground truth holds.

  Args:
    relevant: the videos each user watched later.
    where: slots that count; None counts all.

  Returns:
    The size of the set, per user.
  """
  relevant = jnp.asarray(relevant)
  where = jnp.ones_like(relevant, bool) if where is None else jnp.asarray(where)
  # By id, what does not count last: a video counts where it differs from the
  # slot before it.
  order = jnp.lexsort((relevant, ~where), axis=-1)
  ids = jnp.take_along_axis(relevant, order, axis=-1)
  fresh = jnp.take_along_axis(where, order, axis=-1)
  fresh = fresh.at[:, 1:].set(fresh[:, 1:] & (ids[:, 1:] != ids[:, :-1]))
  return jnp.sum(fresh, axis=-1, dtype=jnp.int32)


@typed
def precision_at_k(hits: Int[ArrayLike, 'U'], *, k: int) -> Float[Array, 'U']:
  """The share of the K recommendations that the user watched.

  Paper: per user |recommended and watched| / K. A list cut short by -1 is
  still divided by K.

  Args:
    hits: see `hit_count`.
    k: the lists' length.

  Returns:
    Precision per user, in [0, 1].
  """
  return jnp.asarray(hits) / k


@typed
def recall_at_k(
  hits: Int[ArrayLike, 'U'], relevant: Int[ArrayLike, 'U']
) -> Float[Array, 'U']:
  """The share of the videos a user watched that were recommended.

  Paper: per user |recommended and watched| / |watched|.

  Args:
    hits: see `hit_count`.
    relevant: see `relevant_count`.

  Returns:
    Recall per user, in [0, 1]; 0 for a user who watched nothing (who should
    be left out of a mean).
  """
  return jnp.asarray(hits) / jnp.maximum(jnp.asarray(relevant), 1)


@typed
def f_score(
  precision: Float[ArrayLike, '*shape'] | int,
  recall: Float[ArrayLike, '*shape'] | int,
) -> Float[Array, '*shape']:
  """The harmonic mean of precision and recall.

  Paper: F = 2PR / (P + R). Its printed values are the F of the mean
  precision and the mean recall, not the mean of the users' F (`mean_f`).

  Args:
    precision: in [0, 1].
    recall: in [0, 1].

  Returns:
    F, 0 where both are 0.
  """
  precision, recall = jnp.asarray(precision), jnp.asarray(recall)
  total = precision + recall
  return 2 * precision * recall / jnp.where(total > 0, total, 1.0)


@typed
def mean_f(
  precision: Float[ArrayLike, 'U'],
  recall: Float[ArrayLike, 'U'],
  *,
  where: Bool[ArrayLike, 'U'] | None = None,
) -> Float[Array, '']:
  """The mean of the users' own F, never above the F of the means.

  Args:
    precision: per user.
    recall: per user.
    where: users that count; None counts all.

  Returns:
    The mean over the users that count; 0 if none does.
  """
  scores = f_score(precision, recall)
  if where is None:
    where = jnp.ones_like(scores, bool)
  total = jnp.sum(jnp.where(where, scores, 0))
  return total / jnp.maximum(jnp.sum(where), 1)
