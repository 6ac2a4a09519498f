"""The catalogue's frozen features: what they are, their scaling and padding."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Array

_ROWS_AT_ONCE = 8192  # in float32; frames of many videos are gigabytes


class Features(NamedTuple):
  """The catalogue's frozen features, on the host or on the device.

  Attributes:
    visual: [V, Dv] float16 or float32.
    text: [V, Dt] float16 or float32.
    has_visual: [V] bool.
    has_text: [V] bool.
  """

  visual: Array
  text: Array
  has_visual: Array
  has_text: Array

  def take(self, video_ids: Array) -> 'Features':
    """The rows of the named videos."""
    return Features(*(column[video_ids] for column in self))


def padded(features: Features) -> Features:
  """Visual features with zero columns where their row stride is a bad one.

  Rows a multiple of 4 KiB apart fall into the same cache sets: a product over
  gathered rows of 8,192 float32 then takes a third longer.
  """
  visual = features.visual
  if visual.shape[1] * visual.dtype.itemsize % 4096:
    return features
  return features._replace(visual=np.pad(visual, ((0, 0), (0, 16))))


def unit_blocks(features: np.ndarray, widths: Sequence[int]) -> np.ndarray:
  """Every block of every row at unit length.

  Paper: silent. The fc6 features of VGG19 and C3D have norms of about 100 and
  different scales; gradient descent would see little else (A20).

  Args:
    features: [V, D], finite.
    widths: of the blocks, which together are D; () is one block.

  Returns:
    [V, D], of the same dtype; a block of zeros stays.

  Raises:
    ValueError: if a width is not positive or they do not add up to D.
  """
  widths = tuple(widths) or (features.shape[1],)
  if min(widths) < 1 or sum(widths) != features.shape[1]:
    raise ValueError(
      f'widths is {widths}, {sum(widths)} in all; the features have '
      f'{features.shape[1]} numbers'
    )
  out = np.empty_like(features)
  start = 0
  for width in widths:
    for row in range(0, len(features), _ROWS_AT_ONCE):
      place = slice(row, row + _ROWS_AT_ONCE), slice(start, start + width)
      block = features[place].astype(np.float32)
      norm = np.linalg.norm(block, axis=1, keepdims=True)
      out[place] = block / np.where(norm > 0, norm, 1)
    start += width
  return out
