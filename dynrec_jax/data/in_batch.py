"""Partners of Eq (6) among a batch's own samples.

Paper: Sec 3.4, triplets of a user, a relevant one and one who is not.
Differs: every sample's states are made once, as an anchor's, and serve as the
partners of other anchors of its batch, in place of two more sequences each. A
batch at random would hold a relevant user for one anchor in five or fewer, so
batches are composed: every anchor draws its positive as it would (A12, A13),
samples that drew each other are joined into groups of at most an eighth of a
batch, and batches are filled with groups at random.
"""

from typing import NamedTuple

import numpy as np

from dynrec_jax.data import relevance
from dynrec_jax.data.relevance import Relevance, Triplets
from dynrec_jax.data.sequences import Samples

_GROUPS = 8  # in a batch, if all are as large as can be
_DRAWS = 4  # of a positive, until one joins a group that has room


class _Members(NamedTuple):
  """The samples of one batch.

  Attributes:
    samples: [B].
    user: [B] positions in `Relevance.users`.
    session: [B].
    group: [B].
    share: [B] 1 by the samples of its user in all.
  """

  samples: np.ndarray
  user: np.ndarray
  session: np.ndarray
  group: np.ndarray
  share: np.ndarray


def compose(
  related: Relevance,
  samples: Samples,
  rng: np.random.Generator,
  *,
  batch_size: int,
  negative: str,
) -> tuple[np.ndarray, Triplets]:
  """An order of all samples and partners that lie in the same batch.

  A positive is the anchor's own draw, repeated a few times until its group has
  room; else one in proportion to Rel among those candidates in its batch, of a
  candidate's samples there the one of the nearest session, the earlier of two.
  A negative is one of the batch's samples of other groups whose user may be
  one; each weighs 1 by its user's samples in all, so that every user is as
  likely. It is of any session, where `relevance` takes the nearest (A13).

  Args:
    related: the candidates.
    samples: in order of (user, session), of the users in `related`.
    rng: of this (seed, epoch).
    batch_size: B.
    negative: the rule, see `relevance.draw_triplets`.

  Returns:
    The order, [S] int64, whose every B samples are a batch, and the triplets;
    samples without a positive or a negative in their batch are masked.

  Raises:
    ValueError: for an unknown rule.
  """
  relevance.check_negative(negative)
  nearest = relevance.nearest_samples(samples, related.users)
  limit = max(2, batch_size // _GROUPS)
  wishes, group = _groups(related, samples, nearest, rng, limit)
  order = _filled(group, rng, batch_size)
  user = np.searchsorted(related.users, samples.user)
  share = 1 / np.bincount(user)[user]
  partners = np.full((2, len(order)), -1)
  for start in range(0, len(order), batch_size):
    rows = order[start : start + batch_size]
    batch = _Members(
      rows, user[rows], samples.session[rows], group[rows], share[rows]
    )
    partners[:, rows] = _partners(related, batch, wishes[rows], rng, negative)
  where = (partners >= 0).all(axis=0)
  positive, negatives = np.where(where, partners, 0).astype(np.int32)
  return order, Triplets(positive, negatives, where)


def _groups(
  related: Relevance,
  samples: Samples,
  nearest: np.ndarray,
  rng: np.random.Generator,
  limit: int,
) -> tuple[np.ndarray, np.ndarray]:
  """[S] the positive that each sample drew, -1 if none, and [S] its group.

  Who drew a sample of a group without room draws again, a few times.
  """
  count = len(samples.user)
  wishes = np.full(count, -1)
  parent, size = np.arange(count), np.ones(count, int)

  def root(of: int) -> int:
    while parent[of] != of:
      parent[of] = parent[parent[of]]
      of = parent[of]
    return of

  left = np.arange(count)
  for _ in range(_DRAWS):
    drawn = relevance.draw_positives(related, samples, left, nearest, rng)
    left, drawn = left[drawn >= 0], drawn[drawn >= 0]
    outside = []
    for at in rng.permutation(len(left)):
      one, other = root(left[at]), root(drawn[at])
      if one != other and size[one] + size[other] > limit:
        outside.append(left[at])
        continue
      wishes[left[at]] = drawn[at]
      if one != other:
        parent[other] = one
        size[one] += size[other]
    left = np.sort(np.array(outside, int))
  return wishes, np.array([root(of) for of in range(count)], int)


def _filled(
  group: np.ndarray, rng: np.random.Generator, batch_size: int
) -> np.ndarray:
  """[S] samples, the groups in batches at random and none of them torn.

  Large groups are placed first; only where no batch has room for one is it
  torn.
  """
  count = len(group)
  room = np.full(-(-count // batch_size), batch_size)
  room[-1] -= batch_size * len(room) - count
  order = np.lexsort((rng.permutation(count), group))
  starts = np.flatnonzero(np.diff(group[order], prepend=-1))
  groups = np.split(order, starts[1:])
  sizes = np.diff(np.append(starts, count))
  batches: list[list[np.ndarray]] = [[] for _ in room]
  for at in np.lexsort((rng.random(len(groups)), -sizes)):
    whole = np.flatnonzero(room >= sizes[at])
    parts = [groups[at]] if len(whole) else np.split(groups[at], sizes[at])
    for part in parts:
      free = np.flatnonzero(room >= len(part))
      batch = free[rng.integers(len(free))]
      batches[batch].append(part)
      room[batch] -= len(part)
  return np.concatenate([rng.permutation(np.concatenate(b)) for b in batches])


def _partners(
  related: Relevance,
  batch: _Members,
  wishes: np.ndarray,
  rng: np.random.Generator,
  negative: str,
) -> np.ndarray:
  """[2, B] the positive and the negative sample of each, -1 where none is."""
  near = _nearest(batch)
  rel = relevance.candidate_rel(related, batch.user)
  positive = _drawn(rel * near, rng)
  granted = np.isin(wishes, batch.samples)
  column = np.argsort(batch.samples)
  found = column[np.searchsorted(batch.samples[column], wishes[granted])]
  positive[granted] = found
  bound = np.zeros(len(near))
  if negative == 'less_than_pos':
    bound = np.where(
      positive >= 0, rel[np.arange(len(rel)), np.maximum(positive, 0)], 0.0
    )
  fits = relevance.may_be_negative(related, batch.user, bound)
  fits &= batch.group[:, None] != batch.group[None, :]
  chosen = np.stack([positive, _drawn(fits * batch.share, rng)])
  return np.where(chosen >= 0, batch.samples[chosen], -1)


def _nearest(batch: _Members) -> np.ndarray:
  """[B, B] bool, of each user's samples the one nearest to a row's session."""
  gap = np.abs(batch.session[:, None] - batch.session[None, :])
  cost = gap * (int(batch.session.max()) + 1) + batch.session[None, :]
  columns = np.argsort(batch.user, kind='stable')
  starts = np.flatnonzero(np.diff(batch.user[columns], prepend=-1))
  least = np.minimum.reduceat(cost[:, columns], starts, axis=1)
  _, which = np.unique(batch.user, return_inverse=True)
  return cost == least[:, which]


def _drawn(weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
  """[B] a column of each row, in proportion to weights; -1 of a row of 0."""
  total = np.cumsum(weights, axis=1)
  most = total[:, -1]
  draw = np.minimum(rng.random(len(most)) * most, np.nextafter(most, 0))
  return np.where(most > 0, (total <= draw[:, None]).sum(axis=1), -1)
