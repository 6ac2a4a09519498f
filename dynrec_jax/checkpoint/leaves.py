"""A state as flat, named and checksummed arrays on the host.

The form in which `checkpoint` stores a state: independent of devices,
shardings and container classes.
"""

import zlib
from collections.abc import Iterable, Mapping
from typing import Any

import jax
import numpy as np

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


def host_copies(tree: Any) -> dict[str, np.ndarray]:
  """Copies every leaf to memory that no later computation writes to.

  Args:
    tree: arrays that this process holds whole.

  Raises:
    ValueError: a leaf lies partly on other processes.
  """
  copies = {}
  for name, leaf in flatten(tree).items():
    if isinstance(leaf, jax.Array) and not (
      leaf.is_fully_addressable or leaf.is_fully_replicated
    ):
      raise ValueError(
        f'leaf {name} is spread over processes ({leaf.sharding}); gather it '
        'before saving'
      )
    copies[name] = np.array(leaf, copy=True, order='C')
  return copies


def describe(leaf: np.ndarray) -> dict[str, Any]:
  """Gives shape, dtype and checksum, as json.

  CRC-32 finds every change of up to 32 neighbouring bits for certain and
  any other with odds of 1 to 4e9, at more than twice the speed of a SHA.
  """
  content = np.ascontiguousarray(leaf).reshape(-1).view(np.uint8)
  return {
    'shape': list(leaf.shape),
    'dtype': str(leaf.dtype),
    'crc32': zlib.crc32(content),
  }


def damage(
  leaves: Mapping[str, np.ndarray], described: Mapping[str, Mapping[str, Any]]
) -> list[str]:
  """Lists the leaves that are not what `describe` said when they were saved.

  Args:
    leaves: as read.
    described: as saved.
  """
  found = {name: describe(np.asarray(leaf)) for name, leaf in leaves.items()}
  names = sorted(found.keys() | described.keys())
  return [name for name in names if found.get(name) != described.get(name)]


def refuse_other_shapes(
  template: Any, described: Mapping[str, Mapping[str, Any]], where: str
) -> None:
  """Raises unless saved leaves fit a template in name, shape and dtype.

  Args:
    template: tree of arrays or `jax.ShapeDtypeStruct`.
    described: what `describe` gave for each saved leaf.
    where: names the checkpoint in the message.

  Raises:
    ValueError: naming each leaf that differs, what is saved and what this
      run needs.
  """
  needed = {name: _type_of(leaf) for name, leaf in flatten(template).items()}
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


def fill(template: Any, leaves: Mapping[str, np.ndarray]) -> Any:
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


def _place(value: np.ndarray, like: Any) -> Any:
  if isinstance(like, np.ndarray | np.generic):
    return value
  if isinstance(like, int | float):
    return value.item()
  return jax.device_put(value, getattr(like, 'sharding', None))


def _type_of(leaf: Any) -> str:
  if not hasattr(leaf, 'dtype'):
    leaf = np.asarray(leaf)
  return _type_text(leaf.dtype, leaf.shape)


def _type_text(dtype: Any, shape: Iterable[int]) -> str:
  return f'{dtype}[{",".join(map(str, shape))}]'
