"""Data parallelism over devices: only this room names pmap and collectives.

State enters and leaves replicated, batches are split on axis 0. Gradients of a
local sum are summed over devices outside of the differentiated function:
differentiating through a psum would scale them by the device count.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

_AXIS = 'devices'


def device_count() -> int:
  """Devices of this process."""
  return jax.local_device_count()


def data_parallel(
  step: Callable, *, split: Sequence[bool], donate: Sequence[int] = ()
) -> Callable:
  """`step` on every device at once, jitted.

  Args:
    step: its results must be equal on all devices, see `sum_over_devices`.
    split: for each argument, whether axis 0 is split over devices (and gone
      inside) or the argument is the same on all of them.
    donate: arguments whose buffers the results may take over.

  Returns:
    The function; its results come once, not per device.
  """
  return jax.pmap(
    step,
    axis_name=_AXIS,
    in_axes=tuple(0 if s else None for s in split),
    out_axes=None,
    donate_argnums=tuple(donate),
  )


def sum_over_devices(tree: Any) -> Any:
  """Sums every leaf over devices; only inside of `data_parallel`."""
  return jax.lax.psum(tree, _AXIS)


def all_rows(rows: jax.Array) -> jax.Array:
  """All devices' rows of axis 0, in the order of the devices.

  Only inside of `data_parallel`. May be differentiated through: a row's
  gradient is the sum over the local losses of all devices, so that gradients
  of these, summed over devices, are those of the sum.

  Args:
    rows: a device's own.
  """
  return jax.lax.all_gather(rows, _AXIS, tiled=True)


def row_numbers(count: int) -> jax.Array:
  """[count] int32, a device's rows of axis 0 as numbered over all devices.

  Only inside of `data_parallel`, of an argument that is split over devices.

  Args:
    count: the device's rows.
  """
  first = jax.lax.axis_index(_AXIS).astype(jnp.int32) * count
  return first + jnp.arange(count, dtype=jnp.int32)


def replicate(tree: Any) -> Any:
  """The arrays on every device, so that steps need not copy them."""
  mesh = Mesh(np.array(jax.local_devices()), (_AXIS,))
  return jax.device_put(tree, NamedSharding(mesh, PartitionSpec()))
