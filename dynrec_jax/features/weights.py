"""Weight files of public networks: found, checked, and laid out for Flax.

The weights cannot be part of this package. `WeightFile` says which public file
a network takes; the errors say it where the file is missing.
"""

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from dynrec_jax.features.torch_files import read_torch_file
from dynrec_jax.storage import digests


class WeightFile(NamedTuple):
  """A public file of weights.

  Attributes:
    name: of the file as published.
    source: where to get it, in words.
    sha256: the first digits of its checksum, '' if none is known.
  """

  name: str
  source: str
  sha256: str

  def described(self) -> str:
    """The file, where to get it and its checksum, for messages."""
    checksum = f'; its sha256 begins {self.sha256}' if self.sha256 else ''
    return f'{self.name} ({self.source}{checksum})'


class State(NamedTuple):
  """A state dict and the file that it came from, for messages.

  Attributes:
    path: of the file.
    arrays: by the name that the file gives.
  """

  path: str
  arrays: Mapping[str, np.ndarray]


def read_state(path: str | os.PathLike | None, wanted: WeightFile) -> State:
  """The arrays of a weight file, .safetensors or a PyTorch file.

  Args:
    path: the file, or None if the user named none.
    wanted: what should lie there. A file of that very name must have its
      checksum.

  Returns:
    The arrays.

  Raises:
    ValueError: no such file, not the published one, or not readable.
  """
  described = wanted.described()
  if path is None or not pathlib.Path(path).is_file():
    found = 'no path' if path is None else f'no file {path}'
    raise ValueError(f'weights: found {found}; right: {described}')
  if pathlib.Path(path).name == wanted.name:
    digest = digests.file_sha256(path)
    if not digest.startswith(wanted.sha256):
      raise ValueError(
        f'{path}: found sha256 {digest[:16]}...; right: {described}'
      )
  safe = pathlib.Path(path).suffix == '.safetensors'
  arrays = _read_safetensors(path) if safe else read_torch_file(path)
  return State(str(path), arrays)


def _read_safetensors(path) -> dict[str, np.ndarray]:
  try:
    from safetensors import SafetensorError
    from safetensors.numpy import load_file
  except ImportError as error:
    raise ImportError(
      f"{path}: reading it needs pip install 'dynrec_jax[extract]'"
    ) from error
  try:
    return load_file(path)
  except (SafetensorError, KeyError, TypeError, OSError) as error:
    raise ValueError(
      f'{path}: found {error}; right: a .safetensors file of weights'
    ) from error


def check_names(
  state: State, names: Sequence[str], ignored: Sequence[str] = ()
) -> None:
  """Refuses a state dict that lacks arrays or has others.

  Args:
    state: what was read.
    names: that the network needs.
    ignored: prefixes of names that may be there too.

  Raises:
    ValueError: naming the first array that is missing or not known.
  """
  missing = [name for name in names if name not in state.arrays]
  wanted = set(names)
  others = [
    name
    for name in state.arrays
    if name not in wanted and not name.startswith(tuple(ignored))
  ]
  right = f'right: arrays {names[0]!r} to {names[-1]!r}'
  if missing:
    found = f'found {others[0]!r} and ' if others else ''
    raise ValueError(
      f'{state.path}: {found}no {missing[0]!r} (and {len(missing) - 1} more of'
      f' {len(names)} arrays are missing); {right}'
    )
  if others:
    raise ValueError(
      f'{state.path}: found {others[0]!r}, which this network lacks (and'
      f' {len(others) - 1} more); {right}'
    )


def array(state: State, name: str, shape: tuple[int, ...]) -> np.ndarray:
  """The named array as float32.

  Args:
    state: what was read.
    name: as in the file.
    shape: that it must have.

  Raises:
    ValueError: missing, of another shape, no floats, or not finite.
  """
  found = state.arrays.get(name)
  right = f'{name!r}, floats {list(shape)}'
  if found is None:
    raise ValueError(f'{state.path}: found no {name!r}; right: {right}')
  if found.shape != tuple(shape) or found.dtype.kind not in 'fV':
    raise ValueError(
      f'{state.path}: found {name!r}, {found.dtype} {list(found.shape)};'
      f' right: {right}'
    )
  found = found.astype(np.float32)
  if not np.isfinite(found).all():
    raise ValueError(
      f'{state.path}: found {name!r} with numbers that are not finite;'
      f' right: {right}'
    )
  return found


def conv(
  state: State, name: str, shape: tuple[int, ...]
) -> dict[str, np.ndarray]:
  """A convolution with bias: PyTorch's [O, C, ...] as Flax's [..., C, O].

  Args:
    state: what was read.
    name: of the layer in the file.
    shape: [..., C, O] of the kernel in Flax.
  """
  *window, inputs, outputs = shape
  kernel = array(state, f'{name}.weight', (outputs, inputs, *window))
  return {
    'kernel': np.ascontiguousarray(np.moveaxis(kernel, (1, 0), (-2, -1))),
    'bias': array(state, f'{name}.bias', (outputs,)),
  }


def dense(
  state: State, name: str, grid: tuple[int, ...], outputs: int
) -> dict[str, np.ndarray]:
  """A full layer behind a flattened map: rows reordered to channels last.

  Args:
    state: what was read.
    name: of the layer in the file.
    grid: [..., C] of the map in Flax, the channels last.
    outputs: O.
  """
  *window, channels = grid
  inputs = int(np.prod(grid))
  kernel = array(state, f'{name}.weight', (outputs, inputs))
  kernel = np.moveaxis(kernel.reshape(outputs, channels, *window), 1, -1)
  return {
    'kernel': np.ascontiguousarray(kernel.reshape(outputs, inputs).T),
    'bias': array(state, f'{name}.bias', (outputs,)),
  }
