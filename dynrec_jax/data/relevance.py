"""Who is relevant to whom: Jaccard overlap of watch lists, and its triplets.

Paper: Sec 3.4. Rel(i, j) = |L_i and L_j| / |L_i or L_j| on the watch lists of
train users over the whole span (A11).
"""

from typing import NamedTuple

import numpy as np
import scipy.sparse

from dynrec_jax.data.histories import Histories
from dynrec_jax.data.sequences import Samples

POSITIVES = ('topk10', 'threshold', 'all_pairs')
NEGATIVES = ('zero_overlap', 'less_than_pos')
_TOP_K = 10
_THRESHOLD = 0.05
_ROWS = 1024  # users whose overlaps are dense at a time
_PAIRS = 4096  # pairs of users whose lists are intersected at a time
_TRIES = 16  # redraws of a negative before its row is looked at whole


class Relevance(NamedTuple):
  """Watch lists of train users and their candidate positives.

  Attributes:
    users: [U'] the train users that have a sample, ascending.
    lists: [U', V] binary CSR matrix of their watches.
    offsets: [U' + 1] int64 into the two below.
    partner: [m] int32, positions in `users`, of descending Rel in a row.
    rel: [m] float64, Rel of the pair.
    overlap: [U', ceil(U' / 8)] uint8, bits of row i: the users with Rel > 0,
      and user i. Negatives are tried against it.
  """

  users: np.ndarray
  lists: scipy.sparse.csr_matrix
  offsets: np.ndarray
  partner: np.ndarray
  rel: np.ndarray
  overlap: np.ndarray


class Triplets(NamedTuple):
  """Partners of S samples for one epoch.

  Attributes:
    positive: [S] int32 samples, 0 where there is none.
    negative: [S] int32 samples, 0 where there is none.
    where: [S] bool, samples that have both.
  """

  positive: np.ndarray
  negative: np.ndarray
  where: np.ndarray


def find_relevant(
  watches: Histories,
  users: np.ndarray,
  video_count: int,
  *,
  positive: str = 'topk10',
) -> Relevance:
  """The candidate positives of each user.

  Args:
    watches: whose whole span is compared.
    users: train users; no other user's watches are read.
    video_count: V.
    positive: 'topk10' the 10 most similar users with Rel > 0, 'threshold'
      those with Rel >= 0.05, 'all_pairs' all with Rel > 0. Ties: lower user.

  Returns:
    The candidates.

  Raises:
    ValueError: for an unknown rule.
  """
  if positive not in POSITIVES:
    raise ValueError(
      f'positive is {positive!r}; valid are {", ".join(POSITIVES)}'
    )
  users = np.unique(users)
  lists = _watch_matrix(watches, users, video_count)
  counts, partners, rels, overlaps = [], [], [], []
  for start in range(0, len(users), _ROWS):
    rel = _jaccard(lists, np.arange(start, min(start + _ROWS, len(users))))
    for row, values in enumerate(rel):
      values[start + row] = 1
      overlaps.append(np.packbits(values > 0))
      values[start + row] = 0
      chosen = _candidates(values, positive)
      counts.append(len(chosen))
      partners.append(chosen)
      rels.append(values[chosen])
  offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
  return Relevance(
    users,
    lists,
    offsets,
    np.concatenate([*partners, []]).astype(np.int32),
    np.concatenate([*rels, []]),
    np.array(overlaps, np.uint8).reshape(len(users), -(-len(users) // 8)),
  )


def draw_triplets(
  relevance: Relevance,
  samples: Samples,
  rng: np.random.Generator,
  *,
  negative: str = 'zero_overlap',
) -> Triplets:
  """One positive and one negative partner for every sample.

  Paper: Sec 3.4, negatives random and redrawn every epoch. The positive is
  drawn in proportion to Rel, the negative uniformly from users with Rel = 0
  ('zero_overlap') or with a lower Rel than the positive ('less_than_pos')
  (A12). A partner stands in with its sample of the same session, else of its
  nearest one, the earlier of two (A13).

  Args:
    relevance: the candidates.
    samples: in order of (user, session), of the users in `relevance`.
    rng: of this (seed, epoch).
    negative: the rule.

  Returns:
    The triplets; samples without a positive or a negative are masked.

  Raises:
    ValueError: for an unknown rule.
  """
  check_negative(negative)
  anchor = np.searchsorted(relevance.users, samples.user)
  pos, pos_rel = _draw_positives(relevance, anchor, rng)
  has_pos = pos >= 0
  bound = np.zeros(len(anchor)) if negative == 'zero_overlap' else pos_rel
  neg = np.full(len(anchor), -1)
  neg[has_pos] = _draw_negatives(
    relevance, anchor[has_pos], bound[has_pos], rng
  )
  where = has_pos & (neg >= 0)
  nearest = nearest_samples(samples, relevance.users)
  session = samples.session
  return Triplets(
    np.where(where, nearest[pos, session], 0).astype(np.int32),
    np.where(where, nearest[neg, session], 0).astype(np.int32),
    where,
  )


def draw_positives(
  relevance: Relevance,
  samples: Samples,
  rows: np.ndarray,
  nearest: np.ndarray,
  rng: np.random.Generator,
) -> np.ndarray:
  """[n] the positive samples of some samples, as `draw_triplets` draws them.

  Args:
    relevance: the candidates.
    samples: all of them.
    rows: [n] those whose positives are wanted.
    nearest: `nearest_samples` of all.
    rng: of this (seed, epoch).

  Returns:
    Samples; -1 where a user has no candidate.
  """
  anchor = np.searchsorted(relevance.users, samples.user[rows])
  user, _ = _draw_positives(relevance, anchor, rng)
  return np.where(user >= 0, nearest[user, samples.session[rows]], -1)


def candidate_rel(relevance: Relevance, users: np.ndarray) -> np.ndarray:
  """[n, n] float64, Rel of each user's candidates among some users, else 0.

  Args:
    relevance: the candidates.
    users: [n] positions in `relevance.users`, some perhaps twice.
  """
  count = len(relevance.users)
  table = scipy.sparse.csr_matrix(
    (relevance.rel, relevance.partner, relevance.offsets), shape=(count, count)
  )
  return table[users][:, users].toarray()


def may_be_negative(
  relevance: Relevance, users: np.ndarray, bound: np.ndarray
) -> np.ndarray:
  """[n, n] bool, whether a column's user may be the negative of a row's.

  Args:
    relevance: watch lists and who overlaps.
    users: [n] positions in `relevance.users`.
    bound: [n] 0 wants Rel = 0, another number a lower Rel than that.
  """
  bits = relevance.overlap[users][:, users // 8] >> (7 - users % 8)
  fits = bits & 1 == 0
  if bound.any():
    rel = _jaccard(relevance.lists[users], np.arange(len(users)))
    fits |= rel < bound[:, None]
  return fits


def nearest_samples(samples: Samples, users: np.ndarray) -> np.ndarray:
  """[U', L + 1] int32: each user's sample nearest to each session (A13)."""
  sessions = np.arange(int(samples.session.max(initial=0)) + 1)
  first = np.searchsorted(samples.user, users)
  last = np.searchsorted(samples.user, users, side='right')
  out = np.zeros((len(users), len(sessions)), np.int32)
  for row, (start, end) in enumerate(zip(first, last, strict=True)):
    own = samples.session[start:end]
    gap = np.abs(own[None, :] - sessions[:, None])
    out[row] = start + np.argmin(gap, axis=1)
  return out


def check_negative(negative: str) -> None:
  """Raises ValueError for an unknown rule."""
  if negative not in NEGATIVES:
    raise ValueError(
      f'negative is {negative!r}; valid are {", ".join(NEGATIVES)}'
    )


def _watch_matrix(watches, users, video_count) -> scipy.sparse.csr_matrix:
  """[U', V], 1 where the user watched the video at any time."""
  rows = [np.unique(watches.items_of(user)) for user in users]
  indptr = np.concatenate([[0], np.cumsum([len(row) for row in rows])])
  indices = np.concatenate([*rows, np.zeros(0, np.int32)])
  data = np.ones(len(indices), np.float32)
  shape = (len(users), video_count)
  return scipy.sparse.csr_matrix((data, indices, indptr), shape=shape)


def _jaccard(lists: scipy.sparse.csr_matrix, rows: np.ndarray) -> np.ndarray:
  """[len(rows), U'] float64, Rel of the rows with every user."""
  size = np.diff(lists.indptr).astype(np.float64)
  both = (lists[rows] @ lists.T).toarray().astype(np.float64)
  return both / np.maximum(size[rows, None] + size - both, 1)


def _pair_rel(lists, a: np.ndarray, b: np.ndarray) -> np.ndarray:
  """[n] float64, Rel of each pair."""
  size = np.diff(lists.indptr).astype(np.float64)
  both = np.empty(len(a))
  for start in range(0, len(a), _PAIRS):
    some = slice(start, start + _PAIRS)
    both[some] = lists[a[some]].multiply(lists[b[some]]).sum(axis=1).ravel()
  return both / np.maximum(size[a] + size[b] - both, 1)


def _candidates(rel: np.ndarray, positive: str) -> np.ndarray:
  """Positions of one user's candidates, of descending Rel."""
  order = np.argsort(-rel, kind='stable')
  if positive == 'topk10':
    order = order[:_TOP_K]
  floor = _THRESHOLD if positive == 'threshold' else np.nextafter(0, 1)
  return order[rel[order] >= floor]


def _draw_positives(relevance, anchor, rng) -> tuple[np.ndarray, np.ndarray]:
  """A position in `users` for each anchor, drawn by Rel, and its Rel."""
  total = np.concatenate([[0.0], np.cumsum(relevance.rel)])
  low = total[relevance.offsets[anchor]]
  high = total[relevance.offsets[anchor + 1]]
  draw = low + rng.random(len(anchor)) * (high - low)
  has = relevance.offsets[anchor + 1] > relevance.offsets[anchor]
  last = relevance.offsets[anchor + 1] - 1
  at = np.clip(
    np.searchsorted(total, draw, side='right') - 1,
    relevance.offsets[anchor],
    last,
  )
  at = np.where(has, at, 0)
  if not len(relevance.partner):
    return np.full(len(anchor), -1), np.zeros(len(anchor))
  return (
    np.where(has, relevance.partner[at], -1),
    np.where(has, relevance.rel[at], 0.0),
  )


def _draw_negatives(relevance, anchor, bound, rng) -> np.ndarray:
  """A uniform user of Rel 0 (bound 0) or Rel < bound for each; -1 if none."""
  out = np.full(len(anchor), -1)
  left = np.arange(len(anchor))
  for _ in range(_TRIES):
    if not len(left):
      return out
    drawn = rng.integers(len(relevance.users), size=len(left))
    fits = _are_negatives(relevance, anchor[left], drawn, bound[left])
    out[left[fits]] = drawn[fits]
    left = left[~fits]
  for i in left:  # users who overlap with nearly everyone
    choices = _negatives_of(relevance, anchor[i], bound[i])
    if len(choices):
      out[i] = choices[rng.integers(len(choices))]
  return out


def _are_negatives(relevance, anchor, drawn, bound) -> np.ndarray:
  """[n] bool, whether each drawn user may be the negative of its anchor."""
  bits = relevance.overlap[anchor, drawn // 8] >> (7 - drawn % 8)
  fits = bits & 1 == 0
  unsure = np.flatnonzero(~fits & (bound > 0))  # the anchor's own Rel is 1
  rel = _pair_rel(relevance.lists, anchor[unsure], drawn[unsure])
  fits[unsure] = rel < bound[unsure]
  return fits


def _negatives_of(relevance, anchor: int, bound: float) -> np.ndarray:
  """All users who may be the negative of one anchor."""
  if bound > 0:
    rel = _jaccard(relevance.lists, np.array([anchor]))[0]
    return np.flatnonzero(rel < bound)
  count = len(relevance.users)
  return np.flatnonzero(
    np.unpackbits(relevance.overlap[anchor], count=count) == 0
  )
