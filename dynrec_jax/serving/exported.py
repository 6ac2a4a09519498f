"""The lists of any number of queries as one function that outlives this code.

The function reads plain rectangles and packs them as `query_inputs` does on the
host. It makes lists in blocks of `predict.ROWS` rows, as `predict` does: in a
product of another shape a row's sums may run in another order.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import export, lax
from jaxtyping import Array

from dynrec_jax.data import inputs, query_inputs
from dynrec_jax.data.batch import History
from dynrec_jax.data.packed import Sequences
from dynrec_jax.data.query_inputs import Sizes
from dynrec_jax.models.network import Network
from dynrec_jax.predict import ROWS, Predictor, generator

# Where they can be lowered for, else fewer.
PLATFORMS = ('cpu', 'cuda', 'tpu')
Named = Mapping[str, Any]


class Exported(NamedTuple):
  """A function without Python.

  Attributes:
    code: the serialised StableHLO of (weights, inputs) -> ids, log P.
    weights: the arrays that it reads, by name.
    inputs: the shape and dtype of each input, by name: 'b' queries, 'm' known
      videos, any number of both.
    platforms: that it runs on.
  """

  code: bytes
  weights: dict[str, np.ndarray]
  inputs: dict[str, tuple[str, str]]
  platforms: tuple[str, ...]


class Reading(NamedTuple):
  """What is read of a query, at its greatest.

  Attributes:
    interests: interests of a query.
    interest_size: K, of u.
    max_len: latest watches read one after the other; 0 where none is.
    max_bag: latest watches in a bag.
    session_count: L, as many sessions have ended.
  """

  interests: int
  interest_size: int
  max_len: int
  max_bag: int
  session_count: int


def export_lists(
  predictor: Predictor,
  params: Any,
  k: int,
  *,
  session_count: int,
  interest_size: int,
  platforms: Sequence[str] = PLATFORMS,
) -> Exported:
  """A trained network's lists, as `Predictor.recommender` makes them.

  Weights and inputs that change nothing are left out.

  Args:
    predictor: of the network.
    params: its parameters.
    k: how many videos a list has at most.
    session_count: L; lists are made at the end of the last session.
    interest_size: K, of u.
    platforms: wanted; those that it cannot be lowered for are left out.
  """
  network, settings = predictor.network, predictor.settings
  reading = reading_of(predictor, session_count, interest_size)
  sizes = query_inputs.block_sizes(
    settings.inputs, session_count, network.video_count, ROWS
  )
  both = {'params': params, 'tables': predictor.tables(params)}
  weights, treedef = _named(both), jax.tree.structure(both)
  shapes = {name: _spec(x) for name, x in weights.items()}

  def block(apart: Callable, weights: Named, asked: Named):
    plan = _Plan(
      network,
      settings.method,
      settings.inputs.history_mode,
      reading,
      sizes,
      k,
      apart,
    )
    leaves = [
      weights[name] if name in weights else jnp.zeros(of.shape, of.dtype)
      for name, of in shapes.items()  # zeros change nothing
    ]
    return _block_lists(
      plan, **jax.tree.unflatten(treedef, leaves), asked=asked
    )

  def lists(weights: Named, asked: Named) -> tuple[Array, Array]:
    make = functools.partial(block, lax.optimization_barrier, weights)
    return _in_blocks(make, asked)

  asked = _input_shapes(reading)
  own, read = _kept(functools.partial(block, lambda x: x), weights, asked)
  weights = {name: weights[name] for name in own}
  return _exported(
    lists, weights, {name: asked[name] for name in read}, platforms
  )


def reading_of(
  predictor: Predictor, session_count: int, interest_size: int
) -> Reading:
  """What the predictor's network reads of a query."""
  own = predictor.settings.inputs
  interests = inputs.longest_prefix(
    own.history_mode, max_history_len=0, session_count=session_count
  )
  read = own.max_len if inputs.reads_history(own.history_mode) else 0
  return Reading(interests, interest_size, read, own.max_bag, session_count)


def _named(tree: Any) -> dict[str, Any]:
  """A tree's arrays by the way to each."""
  leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
  return {
    jax.tree_util.keystr(path, simple=True, separator='.'): leaf
    for path, leaf in leaves
  }


def _input_shapes(reading: Reading) -> dict[str, tuple[str, Any]]:
  """All that a network may read: its shape, 'b' rows, and its dtype."""
  of = reading
  return {
    'interests': (f'b, {of.interests}, {of.interest_size}', np.float32),
    'watches': (f'b, {of.max_len}', np.int32),
    'watch_count': ('b', np.int32),
    'bag': (f'b, {of.max_bag}', np.int32),
    'bag_weights': (f'b, {of.max_bag}', np.float32),
    'bag_newest': ('b', np.float32),
    'known': ('b, m', np.int32),
  }


def _specs(asked: Named) -> dict[str, jax.ShapeDtypeStruct]:
  """Symbolic shapes, all of one scope."""
  scope = export.SymbolicScope(['b >= 1', 'm >= 1'])
  return {
    name: jax.ShapeDtypeStruct(export.symbolic_shape(shape, scope=scope), dtype)
    for name, (shape, dtype) in asked.items()
  }


def _kept(
  block: Callable, weights: Named, asked: Named
) -> tuple[list[str], list[str]]:
  """The weights and the inputs that a block's lists follow from."""
  specs = (
    {name: _spec(x) for name, x in weights.items()},
    {
      name: jax.ShapeDtypeStruct(_fixed(shape), dtype)
      for name, (shape, dtype) in asked.items()
    },
  )
  found = export.export(jax.jit(block), platforms=['cpu'])(*specs)
  names = list(_named(specs))
  kept = {names[place] for place in found.module_kept_var_idx}
  return (
    [name for name in weights if f'0.{name}' in kept],
    [name for name in asked if f'1.{name}' in kept],
  )


def _spec(x: Any) -> jax.ShapeDtypeStruct:
  return jax.ShapeDtypeStruct(x.shape, x.dtype)


def _exported(
  lists: Callable, weights: Named, asked: Named, platforms: Sequence[str]
) -> Exported:
  """The function of what is kept, for all platforms that know it."""
  specs = {name: _spec(x) for name, x in weights.items()}, _specs(asked)
  jitted = jax.jit(lists)
  try:
    found = export.export(jitted, platforms=platforms)(*specs)
  except NotImplementedError:  # somewhere an operation has no rule
    known = [x for x in platforms if _is_known(jitted, specs, x)]
    found = export.export(jitted, platforms=known)(*specs)
  return Exported(
    bytes(found.serialize()),
    {name: np.asarray(x) for name, x in weights.items()},
    {
      name: (shape, np.dtype(dtype).name)
      for name, (shape, dtype) in asked.items()
    },
    tuple(found.platforms),
  )


def _is_known(jitted: Callable, specs: Any, platform: str) -> bool:
  """Whether a function can be lowered for a platform."""
  try:
    export.export(jitted, platforms=[platform])(*specs)
  except NotImplementedError:
    return False
  return True


def _in_blocks(make: Callable, asked: Named) -> tuple[Array, Array]:
  """Block by block; the last one is filled up with its last row."""
  count = next(iter(asked.values())).shape[0]
  blocks = (count + ROWS - 1) // ROWS
  place = jnp.arange(blocks)[:, None] * ROWS + jnp.arange(ROWS)
  place = jnp.minimum(place, count - 1)
  found = lax.map(make, {name: x[place] for name, x in asked.items()})
  row = jnp.arange(count)
  return tuple(x[row // ROWS, row % ROWS] for x in found)


class _Plan(NamedTuple):
  """What is the same for all blocks; `apart` keeps programs apart."""

  network: Network
  method: str
  history_mode: str
  reading: Reading
  sizes: Sizes
  k: int
  apart: Callable


def _block_lists(
  plan: _Plan, params: Any, tables: Any, asked: Named
) -> tuple[Array, Array]:
  """The lists of a block's rows.

  What `predict` compiles apart is kept apart, so that no sum is made another
  way.
  """
  network = plan.network
  asked = plan.apart(
    {
      name: asked[name]
      if name in asked
      else jnp.zeros(_fixed(shape), dtype)  # which changes nothing
      for name, (shape, dtype) in _input_shapes(plan.reading).items()
    }
  )
  history = None
  if network.reads_history:
    history = _history(asked, plan.reading, network.video_count)
  firsts = plan.apart((_sequences(asked, plan), history))
  states = plan.apart(network.first_states(params, tables, *firsts))
  make = generator(network, plan.method)
  return make(tables, states, asked['known'], k=plan.k)


def _fixed(shape: str) -> tuple[int, ...]:
  """The shape of a block; of known videos there is one."""
  sizes = {'b': ROWS, 'm': 1}
  return tuple(sizes.get(x) or int(x) for x in shape.split(', '))


def _history(asked: Named, reading: Reading, video_count: int) -> History:
  """Bags over all videos; entries of no weight are behind the catalogue."""
  rows = jnp.arange(ROWS)[:, None]
  place = jnp.where(asked['bag_weights'] > 0, asked['bag'], video_count)
  weights = jnp.zeros((ROWS, video_count), jnp.float32)
  weights = weights.at[rows, place].set(asked['bag_weights'], mode='drop')
  return History(
    newest=asked['bag_newest'],
    weights=weights,
    counts=jnp.sum(asked['bag_weights'] > 0, axis=1).astype(jnp.float32),
    session=jnp.full(ROWS, reading.session_count, jnp.int32),
  )


def _sequences(asked: Named, plan: _Plan) -> Sequences:
  """A block's first inputs, in arrays of the shapes that the host makes."""
  network, reading, sizes = plan.network, plan.reading, plan.sizes
  counts, width = asked['watch_count'], reading.max_len
  interests = jnp.arange(ROWS * reading.interests).reshape(ROWS, -1)
  watched = jnp.arange(ROWS * width).reshape(ROWS, width)
  table = asked['watches'].reshape(-1)
  if network.reads_history or network.video_count <= ROWS * width:
    table, watched = jnp.arange(network.video_count), asked['watches']
  size = network.video_count if network.reads_history else sizes.videos
  tokens = jnp.concatenate([interests + size, watched], axis=1)
  lengths = jnp.full(ROWS, reading.interests)
  if plan.history_mode == 'history_only':
    has = counts > 0
    first = jnp.where(has[:, None], watched, interests + size)
    tokens = first if width else interests + size
    lengths = jnp.where(has, counts, 1)
  elif width:
    lengths = lengths + counts
  packed, step_counts, last = _packed(tokens, lengths, sizes)
  return Sequences(
    video_ids=table[:size].astype(jnp.int32),
    interests=asked['interests'].reshape(-1, reading.interest_size),
    inputs=packed,
    step_counts=step_counts,
    last=last,
  )


def _packed(
  tokens: Array, lengths: Array, sizes: Sizes
) -> tuple[Array, Array, Array]:
  """`data.packed.Packing`: inputs, rows at each step, and last places."""
  rank = jnp.argsort(jnp.argsort(-lengths, stable=True))
  step = jnp.arange(sizes.steps)
  running = lengths[:, None] > step  # [B, T]
  step_counts = jnp.sum(running, axis=0)
  starts = jnp.cumsum(step_counts) - step_counts
  place = jnp.where(running, starts + rank[:, None], sizes.inputs)
  packed = jnp.zeros(sizes.inputs, jnp.int32)
  packed = packed.at[place].set(tokens[:, : sizes.steps], mode='drop')
  last = starts[jnp.maximum(lengths - 1, 0)] + rank
  return packed, step_counts.astype(jnp.int32), last.astype(jnp.int32)
