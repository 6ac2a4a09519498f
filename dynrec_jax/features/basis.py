"""Features told by fewer numbers: coordinates in a basis of their span.

V rows of D numbers lie in at most V dimensions, often in far fewer. With an
orthonormal basis B [D, r] of them, X = Z B' and T_v X = (T_v B) Z: a network
that learns T_v B from Z does the same with r numbers a video in place of D.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

# What T_v is learned in: the features as they are, or a basis of their span.
BASES = ('given', 'span')
_BLOCK = 256  # directions found at a time
# More directions than these are not put in order unless some are to be left
# out: it takes time as their number cubed.
_TURNED = 2048
# What is left out of the squared lengths counts as float32's own rounding:
# an error of 4e-7 in a feature of unit length.
_ROUNDING = 1.6e-13


class Basis(NamedTuple):
  """An orthonormal basis of features, as far as they are kept.

  Attributes:
    vectors: [D, r] float32, B; the directions of most energy first, unless
      there are thousands and all are kept.
    kept: share of the features' energy, the sum of squared lengths, that their
      coordinates have.
  """

  vectors: np.ndarray
  kept: float

  def coordinates(self, features: np.ndarray) -> np.ndarray:
    """[n, r] float32, Z of any videos' features [n, D].

    What stands at right angles to the basis is dropped, of a video that came
    later than the basis as well. Training has not taught T_v anything about it:
    its gradient there is 0, as no video that was learned from has a part there.
    """
    return features.astype(np.float32) @ self.vectors


def find_basis(features: np.ndarray, kept: float = 1.0) -> Basis | None:
  """A basis of the rows, by random products until nothing is left.

  Halko, Martinsson and Tropp (2011), Algorithm 4.2: random sums of the rows,
  less what the basis has of them, tell both what is left and where to go on.

  Args:
    features: [V, D], finite.
    kept: share of the energy to keep, in (0, 1]; 1 leaves out float32's
      rounding alone.

  Returns:
    The basis; None if it would not be smaller than D.

  Raises:
    ValueError: kept is not in (0, 1].
  """
  if not 0 < kept <= 1:
    raise ValueError(f'kept is {kept}; it must lie in (0, 1]')
  rows = features.astype(np.float32)
  energy = float(np.sum(np.square(rows, dtype=np.float32), dtype=np.float64))
  if not energy:
    return Basis(np.eye(rows.shape[1], 1, dtype=np.float32), 1.0)
  left = max(1 - kept, _ROUNDING) * energy
  blocks = list(_blocks(rows, left, sharpen=kept < 1))
  vectors = np.concatenate(blocks, axis=1)
  if kept < 1 or vectors.shape[1] <= _TURNED:
    vectors = _leading(rows, vectors, energy, left)
  if vectors.shape[1] >= rows.shape[1]:
    return None
  got = np.sum(np.square(rows @ vectors), dtype=np.float64)
  return Basis(vectors, min(1.0, float(got / energy)))


def _blocks(
  rows: np.ndarray, left: float, *, sharpen: bool
) -> Iterator[np.ndarray]:
  """Orthonormal [D, b] arrays until the energy outside of them is `left`."""
  rng = np.random.default_rng(0)
  most, size = min(rows.shape), 0
  found = np.zeros((rows.shape[1], 0), np.float32)
  while size < most:
    count = min(_BLOCK, most - size)
    drawn = rng.standard_normal((_BLOCK, len(rows)), np.float32) @ rows
    drawn = _outside(found, drawn)
    if np.sum(np.square(drawn), dtype=np.float64) / _BLOCK <= left:
      return
    if sharpen:  # towards the directions of most energy
      drawn = _outside(found, (drawn @ rows.T) @ rows)
    if count < _BLOCK:  # all that is left: the best of more draws than it has
      drawn = np.linalg.svd(drawn, full_matrices=False)[2]
    block = np.linalg.qr(drawn[:count].T)[0]
    block = np.linalg.qr(_outside(found, block.T).T)[0]
    found = np.concatenate([found, block], axis=1)
    size += count
    yield block


def _outside(found: np.ndarray, drawn: np.ndarray) -> np.ndarray:
  """What vectors [n, D] have at right angles to a basis."""
  for _ in range(2):  # the second time takes off the first one's rounding
    drawn = drawn - (drawn @ found) @ found.T
  return drawn


def _leading(
  rows: np.ndarray, vectors: np.ndarray, energy: float, left: float
) -> np.ndarray:
  """The basis turned to its directions of most energy, and no more than asked.

  At least one stays.
  """
  inside = (rows @ vectors).astype(np.float64)
  values, turn = np.linalg.eigh(inside.T @ inside)
  values, turn = np.maximum(values[::-1], 0), turn[:, ::-1]
  outside = energy - values.sum()
  if outside < 1e-6 * energy:  # a difference of rounding
    outside = 0.0
  after = outside + np.append(np.cumsum(values[:0:-1])[::-1], 0.0)
  size = 1 + int(np.argmax(after <= left)) if after[-1] <= left else len(values)
  return (vectors @ turn[:, :size]).astype(np.float32)
