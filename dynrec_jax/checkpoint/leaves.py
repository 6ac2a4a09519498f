"""A state as flat, named and checksummed arrays.

The form in which `checkpoint` stores a state: independent of devices,
shardings and container classes.
"""

import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np

from dynrec_jax.checkpoint import cut_leaves

_SUM = 'sum64'  # the checksum of a cut leaf, in its description
_SHOWN = 8  # differences that one error message lists


def flatten(tree: Any) -> dict[str, Any]:
  """Gives the leaves of a tree under names such as `params/topic_kernel`.

  Args:
    tree: nested containers of arrays or `jax.ShapeDtypeStruct`; `None` and
      empty containers have no leaf.

  Raises:
    ValueError: two leaves have the same name, as from a key with a slash.
  """
  leaves = {}
  for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]:
    name = jax.tree_util.keystr(path, simple=True, separator='/')
    if name in leaves:
      raise ValueError(f'two leaves of the state are named {name!r}')
    leaves[name] = leaf
  return leaves


def host_copies(tree: Any) -> dict[str, np.ndarray | jax.Array]:
  """Copies every whole leaf to memory that no later computation writes to.

  Args:
    tree: arrays that this process holds whole, or that are cut over devices.
      A cut one stays as it is: it may be larger than a host, and Orbax copies
      this host's shards of it before a save returns.
  """
  return {
    name: leaf
    if cut_leaves.is_cut(leaf)
    else np.array(leaf, copy=True, order='C')
    for name, leaf in flatten(tree).items()
  }


def describe(
  leaves: Mapping[str, np.ndarray | jax.Array],
  cut: Iterable[str] | None = None,
  cut_rows: int | None = None,
) -> dict[str, dict[str, Any]]:
  """Gives shape, dtype and checksum of each leaf, as json.

  CRC-32 finds every change of up to 32 neighbouring bits for certain and
  any other with odds of 1 to 4e9, at more than twice the speed of a SHA. It
  needs the leaf whole; for cut ones see `cut_leaves.checksums`.

  Args:
    leaves: by their names.
    cut: names of those that count as cut; None looks at the leaves.
    cut_rows: of cut leaves, rows that count; zeros may stand behind them, so
      that devices hold as many. The sums do not change with them, nor does
      what is said of the shape. None counts all.
  """
  if cut is None:
    cut = [name for name, leaf in leaves.items() if cut_leaves.is_cut(leaf)]
  sums = cut_leaves.checksums({name: leaves[name] for name in cut})
  # An array that was cut and is whole on the host has its rows alone.
  padded = {n for n in sums if isinstance(leaves[n], jax.Array)}
  return {
    name: {
      'shape': list(_shape_of(leaf, cut_rows if name in padded else None)),
      'dtype': str(leaf.dtype),
      **({_SUM: sums[name]} if name in sums else {'crc32': _crc32(leaf)}),
    }
    for name, leaf in leaves.items()
  }


def in_shards(description: Mapping[str, Any]) -> bool:
  """Whether a leaf was cut when it was saved."""
  return _SUM in description


def damage(
  leaves: Mapping[str, np.ndarray | jax.Array],
  described: Mapping[str, Mapping[str, Any]],
  cut_rows: int | None = None,
) -> list[str]:
  """Lists the leaves that are not what `describe` said when they were saved.

  Args:
    leaves: as read.
    described: as saved.
    cut_rows: see `describe`.
  """
  cut = [n for n in leaves if in_shards(described[n])]
  found = describe(leaves, cut, cut_rows)
  names = sorted(found.keys() | described.keys())
  return [name for name in names if found.get(name) != described.get(name)]


def refuse_other_shapes(
  template: Any,
  described: Mapping[str, Mapping[str, Any]],
  where: str,
  cut_rows: int | None = None,
) -> None:
  """Raises unless saved leaves fit a template in name, shape and dtype.

  Args:
    template: tree of arrays or `jax.ShapeDtypeStruct`.
    described: what `describe` gave for each saved leaf.
    where: names the checkpoint in the message.
    cut_rows: see `describe`.

  Raises:
    ValueError: naming each leaf that differs, what is saved and what this
      run needs.
  """
  needed = {
    name: _type_of(leaf, cut_rows) for name, leaf in flatten(template).items()
  }
  saved = {
    name: _type_text(d['dtype'], d['shape']) for name, d in described.items()
  }
  differing = [
    f'{name}: saved {saved.get(name, "nothing")}, '
    f'this run needs {needed.get(name, "nothing")}'
    for name in sorted(needed.keys() | saved.keys())
    if needed.get(name) != saved.get(name)
  ]
  if differing:
    raise ValueError(
      f'{where} does not fit the state of this run: {listing(differing)}'
    )


def fill(template: Any, leaves: Mapping[str, np.ndarray | jax.Array]) -> Any:
  """Builds the template's tree from flat leaves, each on its device.

  Args:
    template: tree of arrays or `jax.ShapeDtypeStruct`. A leaf goes where the
      template's sharding says, a numpy leaf stays on the host.
    leaves: fit the template, as `refuse_other_shapes` checks.
  """
  placed = [_place(leaves[name], t) for name, t in flatten(template).items()]
  return jax.tree.unflatten(jax.tree.structure(template), placed)


def nest(leaves: Mapping[str, np.ndarray]) -> dict[str, Any]:
  """Builds nested dicts from flat names, for use without a template."""
  tree: dict[str, Any] = {}
  for name, leaf in leaves.items():
    *parents, last = name.split('/')
    node = tree
    for parent in parents:
      node = node.setdefault(parent, {})
    node[last] = leaf
  return tree


def listing(lines: Iterable[str]) -> str:
  """Joins what an error message lists, cut at a readable length."""
  lines = list(lines)
  more = len(lines) - _SHOWN
  tail = f'; and {more} more' if more > 0 else ''
  return '; '.join(lines[:_SHOWN]) + tail


def _crc32(leaf: np.ndarray) -> int:
  return zlib.crc32(np.ascontiguousarray(leaf).reshape(-1).view(np.uint8))


def _place(value: np.ndarray | jax.Array, like: Any) -> Any:
  if isinstance(value, jax.Array):  # read where it belongs
    return value
  if isinstance(like, np.ndarray | np.generic):
    return value
  if isinstance(like, int | float):
    return value.item()
  if cut_leaves.is_cut(like):
    return cut_leaves.cut_as(value, like)
  return jax.device_put(value, getattr(like, 'sharding', None))


def _type_of(leaf: Any, cut_rows: int | None) -> str:
  if not hasattr(leaf, 'dtype'):
    leaf = np.asarray(leaf)
  rows = cut_rows if cut_leaves.is_cut(leaf) else None
  return _type_text(leaf.dtype, _shape_of(leaf, rows))


def _shape_of(leaf: Any, rows: int | None) -> tuple[int, ...]:
  return leaf.shape if rows is None else (rows, *leaf.shape[1:])


def _type_text(dtype: Any, shape: Iterable[int]) -> str:
  return f'{dtype}[{",".join(map(str, shape))}]'
