"""The catalogue cut over devices: what is cut, where it lies, how it is read.

A device holds V / n videos, one block after the other: their rows of the
softmax weights, of the features, of the decoding tables and of what the
optimiser keeps of the weights. All else lies on every device. Batches are split
over the same devices, so the collectives of `devices` serve here too. Behind
the last video stand rows of zeros, so that all devices hold as many; no softmax
and no list knows them, their gradient is 0 and they stay 0.

No gradient goes through a collective: what is read by row is frozen, and the
softmax over the cut weights makes its own (`cut_softmax`).
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from dynrec_jax.parallel import devices

_AXIS = devices._AXIS  # one axis for anchors and videos


class Cut(NamedTuple):
  """How the rows of videos are cut over devices; static.

  Attributes:
    video_count: V.
    names: ends of the paths (`recurrence/inputs`) of arrays with a row per
      video; others lie on every device.
    mesh: of one axis.
  """

  video_count: int
  names: tuple[str, ...]
  mesh: Mesh

  @property
  def device_count(self) -> int:
    """n, of all processes."""
    return self.mesh.size

  @property
  def rows_per_device(self) -> int:
    """V / n, rounded up."""
    return -(-self.video_count // self.device_count)

  @property
  def row_count(self) -> int:
    """Rows of a cut array, with those behind the last video."""
    return self.rows_per_device * self.device_count

  def specs(self, tree: Any) -> Any:
    """How each array of a tree lies on the mesh."""
    return jax.tree_util.tree_map_with_path(
      lambda path, _: self._spec(path), tree
    )

  def shardings(self, tree: Any) -> Any:
    """The same for JAX."""
    return jax.tree.map(
      lambda spec: NamedSharding(self.mesh, spec), self.specs(tree)
    )

  def place(self, tree: Any) -> Any:
    """Arrays of the host on their devices; those that lie there stay.

    Args:
      tree: of whole arrays, the same on all processes.

    Raises:
      ValueError: an array with a row per video has another number of rows.
    """
    return jax.tree_util.tree_map_with_path(self._placed, tree)

  def build(self, make: Callable[[], Any]) -> Any:
    """What `make` gives, made where it is to lie: no device holds it whole.

    Args:
      make: traced, gives a tree of whole arrays.
    """

    def padded():
      return jax.tree_util.tree_map_with_path(self._padded, make())

    shardings = self.shardings(jax.eval_shape(padded))
    return jax.jit(padded, out_shardings=shardings)()

  def template(self, tree: Any) -> Any:
    """Shapes and places of a tree of whole arrays, once it is placed.

    Args:
      tree: of arrays or `jax.ShapeDtypeStruct`.
    """

    def lying(path: Any, leaf: Any, sharding: NamedSharding):
      rows = (self.row_count,) if self._cuts(path) else leaf.shape[:1]
      return jax.ShapeDtypeStruct(
        (*rows, *leaf.shape[1:]), leaf.dtype, sharding=sharding
      )

    return jax.tree_util.tree_map_with_path(lying, tree, self.shardings(tree))

  def first_row(self) -> jax.Array:
    """int32, the first video of this device; inside of `data_parallel`."""
    return lax.axis_index(_AXIS).astype(jnp.int32) * self.rows_per_device

  def readable(self, tree: Any, *, alike: bool) -> Any:
    """The tree with its cut arrays to be read by any video's row.

    Only inside of `data_parallel`.

    Args:
      tree: a device's part.
      alike: see `CutRows`.
    """
    return jax.tree_util.tree_map_with_path(
      lambda path, x: CutRows(x, alike) if self._cuts(path) else x, tree
    )

  def _cuts(self, path: Any) -> bool:
    """Whether the array at a path has a row per video."""
    name = '/' + jax.tree_util.keystr(path, simple=True, separator='/')
    return any(name.endswith(f'/{end}') for end in self.names)

  def _spec(self, path: Any) -> PartitionSpec:
    """How the array at a path lies on the mesh."""
    return PartitionSpec(_AXIS) if self._cuts(path) else PartitionSpec()

  def _padded(self, path: Any, leaf: Any) -> Any:
    """A whole array with the rows behind the last video, if it has rows."""
    if not self._cuts(path):
      return leaf
    self._check(path, leaf)
    extra = self.row_count - self.video_count
    return jnp.pad(leaf, [(0, extra)] + [(0, 0)] * (leaf.ndim - 1))

  def _placed(self, path: Any, leaf: Any) -> jax.Array:
    """A whole array on its devices."""
    sharding = NamedSharding(self.mesh, self._spec(path))
    if getattr(leaf, 'sharding', None) == sharding:
      return leaf
    whole, shape = np.asarray(leaf), np.shape(leaf)
    if self._cuts(path):
      self._check(path, whole)
      shape = (self.row_count, *shape[1:])

    def part(index: tuple[slice, ...]) -> np.ndarray:
      held = whole[index]
      if not self._cuts(path):
        return held
      extra = self.rows_per_device - len(held)
      return np.pad(held, [(0, extra)] + [(0, 0)] * (held.ndim - 1))

    return jax.make_array_from_callback(shape, sharding, part)

  def _check(self, path: Any, leaf: Any) -> None:
    """Raises unless an array has a row per video."""
    if leaf.shape[0] != self.video_count:
      raise ValueError(
        f'{jax.tree_util.keystr(path)} has {leaf.shape[0]} rows; video_count '
        f'is {self.video_count}, and it is cut by videos'
      )


def over_all_devices(video_count: int, names: Sequence[str]) -> Cut:
  """The catalogue over all devices of all processes.

  Args:
    video_count: V.
    names: see `Cut`.

  Raises:
    ValueError: there are fewer videos than devices.
  """
  everywhere = jax.devices()
  if video_count < len(everywhere):
    raise ValueError(
      f'video_count is {video_count}, fewer than the {len(everywhere)} devices '
      'that they are cut over; right: fewer devices, or a catalogue that is on '
      'each of them'
    )
  mesh = Mesh(np.array(everywhere), (_AXIS,))
  return Cut(video_count, tuple(names), mesh)


@jax.tree_util.register_dataclass
@dataclasses.dataclass(frozen=True)
class CutRows:
  """A device's rows of a table, read as if it had all of them.

  Only inside of `data_parallel`. Each row is sent by the device that holds it,
  to the bit; no gradient goes back to it.

  Attributes:
    local: [V / n, ...], the device's own.
    alike: whether all devices ask for the same rows at a time. If not, each is
      given its own, from parts for all of them: n times the rows it asks for.
  """

  local: jax.Array
  alike: bool = dataclasses.field(metadata={'static': True})

  def __getitem__(self, ids: jax.Array) -> jax.Array:
    """The rows [*ids, ...] of some videos."""
    if not self.alike:
      asked = lax.all_gather(ids, _AXIS)  # [n, *ids]
      rows = lax.psum_scatter(self._held(asked), _AXIS)
    else:
      rows = lax.psum(self._held(ids), _AXIS)
    return lax.stop_gradient(rows.astype(self.local.dtype))

  def _held(self, ids: jax.Array) -> jax.Array:
    """The rows that this device has, 0 in the place of others."""
    count = len(self.local)
    place = ids - lax.axis_index(_AXIS).astype(ids.dtype) * count
    own = (place >= 0) & (place < count)
    rows = self.local[jnp.where(own, place, 0)]
    own = own.reshape(own.shape + (1,) * (rows.ndim - own.ndim))
    rows = jnp.where(own, rows, jnp.zeros((), rows.dtype))
    return rows.astype(jnp.int8) if rows.dtype == bool else rows


def data_parallel(
  step: Callable,
  cut: Cut | None,
  *,
  split: Sequence[bool],
  donate: Sequence[int] = (),
  results: Callable[..., Any] = lambda *args: 0,
) -> Callable:
  """`devices.data_parallel` over a cut catalogue, or that itself.

  Args:
    step: see there. Arrays that `cut` names are a device's part of them.
    cut: of the catalogue; None where every device has all of it.
    split: as there; each process gives the parts of its own devices.
    donate: as there.
    results: the arguments -> a tree of the results' names, so that cut ones are
      told; a branch without any may be one leaf. By default none is cut.

  Returns:
    The function.
  """
  if cut is None:
    return devices.data_parallel(step, split=split, donate=donate)
  parts = NamedSharding(cut.mesh, PartitionSpec(_AXIS))

  def on_device(*args):
    return step(
      *(
        jax.tree.map(lambda x: x[0], arg) if s else arg
        for arg, s in zip(args, split, strict=True)
      )
    )

  def run(*args):
    specs = tuple(
      PartitionSpec(_AXIS) if s else cut.specs(arg)
      for arg, s in zip(args, split, strict=True)
    )
    # Unchecked, as `devices` is: gradients are of a device's own sum, and what
    # must be summed is summed by hand.
    return jax.shard_map(
      on_device,
      mesh=cut.mesh,
      in_specs=specs,
      out_specs=cut.specs(results(*args)),
      check_vma=False,
    )(*args)

  program = jax.jit(run, donate_argnums=tuple(donate))

  def call(*args):
    return program(
      *(
        jax.tree.map(
          lambda x: jax.make_array_from_process_local_data(
            parts, np.asarray(x)
          ),
          arg,
        )
        if s
        else arg
        for arg, s in zip(args, split, strict=True)
      )
    )

  return call


def sum_gradients(grads: Any, cut: Cut | None) -> Any:
  """Gradients of the sum over devices, of those of each device's own sum.

  Only inside of `data_parallel`. Of a cut array every device has them already,
  of its own rows.
  """
  if cut is None:
    return devices.sum_over_devices(grads)
  return jax.tree_util.tree_map_with_path(
    lambda path, x: x if cut._cuts(path) else devices.sum_over_devices(x), grads
  )


def norm(tree: Any, cut: Cut | None) -> jax.Array:
  """The length of all arrays of a tree as one vector.

  Only inside of `data_parallel`.

  Args:
    tree: the same on all devices, but for the parts of cut arrays.
    cut: of the catalogue; None where nothing is cut.
  """
  whole, parts = [jnp.zeros(())], [jnp.zeros(())]
  for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
    of = parts if cut is not None and cut._cuts(path) else whole
    of.append(jnp.sum(leaf * leaf))
  total = sum(whole)
  if cut is not None:
    total += devices.sum_over_devices(sum(parts))
  return jnp.sqrt(total)


def best_of_all(
  ids: jax.Array, values: jax.Array
) -> tuple[jax.Array, jax.Array]:
  """The k best of all devices' k best, each [B, k], ties to the lower id.

  Only inside of `data_parallel`.

  Args:
    ids: [B, k], videos of this device, best first, ties to the lower id.
    values: [B, k], -inf where there is none.
  """
  # In the order of the devices, so of two equal values the left is the lower.
  ids, values = (
    lax.all_gather(x, _AXIS, axis=1, tiled=True) for x in (ids, values)
  )
  values, places = lax.top_k(values, values.shape[1] // lax.axis_size(_AXIS))
  return jnp.take_along_axis(ids, places, axis=1), values


def log_sum_of_all(peak: jax.Array, total: jax.Array) -> jax.Array:
  """[B], the log of a sum of exponentials over all devices' videos.

  Only inside of `data_parallel`.

  Args:
    peak: [B], this device's greatest exponent; -inf where it has no video.
    total: [B], its sum of exponentials, each less the peak.
  """
  highest = lax.pmax(peak, _AXIS)
  share = jnp.exp(peak - highest)  # 0 where this device has no video
  return highest + jnp.log(lax.psum(total * share, _AXIS))


def bytes_per_device(tree: Any) -> int:
  """How much of a tree a device holds.

  Args:
    tree: of arrays on devices.
  """
  return sum(
    int(np.prod(x.sharding.shard_shape(x.shape))) * x.dtype.itemsize
    for x in jax.tree.leaves(tree)
  )
