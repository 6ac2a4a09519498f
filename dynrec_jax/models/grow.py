"""A state for a catalogue that has grown: rows for videos that came later.

Old rows go with their videos to where these stand now, and so does what the
optimiser knows of them; all that has no row for each video stays as it is.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from dynrec_jax.models.network import VideoRows


def grown_leaves(
  saved: Mapping[str, np.ndarray],
  wanted: Mapping[str, Any],
  rows: Mapping[str, VideoRows],
  place: np.ndarray,
  *,
  is_moments: bool = False,
) -> dict[str, np.ndarray]:
  """The arrays of a tree of parameters, or of what mirrors it, grown.

  Args:
    saved: by name, such as `output_kernel` or `1/0/mu/output_kernel`.
    wanted: name -> what has the shape and dtype of the grown tree's array.
    rows: see `network.Network.growing`.
    place: [V] where each of the videos stands now.
    is_moments: whether the arrays are the optimiser's, of which a video that
      came later has zeros: nothing is known of its gradients.

  Returns:
    An array for each name of `wanted`.

  Raises:
    ValueError: other names, or an array whose size changes in another way.
  """
  if saved.keys() != wanted.keys():
    other = sorted(saved.keys() ^ wanted.keys())
    raise ValueError(f'the saved state and the grown one differ in {other[0]}')
  found = {}
  for name, like in wanted.items():
    own = [rows[part] for part in name.split('/') if part in rows]
    array = np.asarray(saved[name])
    if own:
      start = 'zeros' if is_moments else own[0].start
      size = like.shape[own[0].axis]
      array = _grown(array, own[0].axis, start, place, size)
    if array.shape != like.shape or array.dtype != like.dtype:
      raise ValueError(
        f'{name}: saved {array.dtype}{list(array.shape)}, the grown state '
        f'needs {like.dtype}{list(like.shape)}'
      )
    found[name] = array
  return found


def _grown(
  array: np.ndarray, axis: int, start: str, place: np.ndarray, size: int
) -> np.ndarray:
  """The array with its rows where they belong, and new ones at their start."""
  rows = np.moveaxis(array, axis, 0)
  fresh = np.zeros_like(rows[0])
  if start == 'mean':
    fresh = rows.mean(axis=0, dtype=np.float64).astype(array.dtype)
  out = np.broadcast_to(fresh, (size, *fresh.shape)).copy()
  out[place] = rows
  return np.ascontiguousarray(np.moveaxis(out, 0, axis))
