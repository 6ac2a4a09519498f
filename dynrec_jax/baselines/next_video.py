"""Networks that read a sequence and predict each next video: fit and ask.

What GRU4Rec and SASRec share. Sequences lie one behind the other in rows of
one length, so that hardly a place is padding and one compiled shape serves
them all.
"""

import functools
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jaxtyping import Array, Float, Int, Key

from dynrec_jax import softmax
from dynrec_jax.baselines import blocks, top_k
from dynrec_jax.data import batches, histories
from dynrec_jax.data.histories import Histories
from dynrec_jax.recommender import Queries, Recommender, Seen

_ADAM = optax.scale_by_adam()


class Network(Protocol):
  """What reads sequences; its fields are static, equal ones compile once.

  Attributes:
    video_count: V. The id V is the start, which every sequence begins with.
    max_len: T, places of a row.
  """

  video_count: int
  max_len: int

  def init(self, key: Key[Array, '']) -> Any:
    """Fresh parameters."""

  def states(
    self,
    params: Any,
    inputs: Int[Array, 'R T'],
    place: Int[Array, 'R T'],
    key: Key[Array, ''] | None,
  ) -> Float[Array, 'R T H']:
    """The state after each input, which predicts the next video.

    Args:
      params: as `init` makes them.
      inputs: videos, or the start.
      place: of each in its own sequence; a 0 begins one, which reads nothing
        of what stands left of it.
      key: of dropout; None drops nothing.
    """

  def output_kernel(self, params: Any) -> Float[Array, 'V H']:
    """What a state is multiplied with for the logits."""


class Training(NamedTuple):
  """How a network is fitted.

  Attributes:
    learning_rate: of Adam.
    epochs: passes over all sequences.
    batch_size: watches of a step, about.
  """

  learning_rate: float
  epochs: int
  batch_size: int


class Rows(NamedTuple):
  """R rows of T places that hold all sequences, cut into windows of T.

  Attributes:
    inputs: [R, T] int32, what stands before each target; V is the start.
    targets: [R, T] int32, the videos watched.
    place: [R, T] int32, place in its own window; 0 begins a window, and is
      in places that hold nothing.
    where: [R, T] bool, places that hold something.
  """

  inputs: np.ndarray
  targets: np.ndarray
  place: np.ndarray
  where: np.ndarray


class Fit(NamedTuple):
  """What a step changes: the parameters, and Adam's means."""

  params: Any
  moments: Any


def fit(seen: Seen, network: Network, training: Training) -> Recommender:
  """Recommends what a network thinks likeliest to follow a history.

  Args:
    seen: everyone's known watches are learned from.
    network: the network.
    training: how.

  Returns:
    The recommender; without a watch to learn from all scores are 0.
  """
  if not len(seen.watches.item):
    return top_k.all_equal(seen.video_count)
  rows = pack(seen.watches, network.video_count, network.max_len)
  params = network.init(jax.random.key(seen.seed))
  state = Fit(params, _ADAM.init(params))
  for epoch in range(training.epochs):
    order, step_count = _order((seen.seed, epoch), rows, training.batch_size)
    key = jax.random.fold_in(jax.random.key(seen.seed), epoch + 1)
    state = _run_epoch(
      network, state, rows, order, step_count, key, training.learning_rate
    )
  return recommender(network, state.params)


def pack(watches: Histories, video_count: int, max_len: int) -> Rows:
  """All sequences in rows, the longest first, each where it fits tightest.

  Args:
    watches: the sequences.
    video_count: V, which is the start's id.
    max_len: T. A longer sequence is cut; a window of it that is not the first
      begins with the video before it, and with nothing else of what came
      before.
  """
  counts = np.diff(watches.offsets)
  owner, cut = histories.ragged_indices(
    np.zeros_like(counts), -(-counts // max_len)
  )
  start = watches.offsets[owner] + cut * max_len
  length = np.minimum(watches.offsets[owner + 1] - start, max_len)
  row, column = _places(length, max_len)
  window, index = histories.ragged_indices(start, length)
  place = index - start[window]
  at = row[window], column[window] + place
  shape = (int(row.max(initial=0)) + 1, max_len)
  rows = Rows(
    *(np.zeros(shape, np.int32) for _ in range(3)), np.zeros(shape, bool)
  )
  is_first = np.isin(index, watches.offsets)
  rows.inputs[at] = np.where(is_first, video_count, watches.item[index - 1])
  rows.targets[at] = watches.item[index]
  rows.place[at] = place
  rows.where[at] = True
  return rows


def _places(length: np.ndarray, max_len: int) -> tuple[np.ndarray, np.ndarray]:
  """The row and the first column of each window: best fit, longest first."""
  row, column = np.zeros_like(length), np.zeros_like(length)
  room = [[] for _ in range(max_len + 1)]  # rows, by how much room they have
  count = 0
  for window in np.argsort(-length, kind='stable').tolist():
    size = int(length[window])
    left = next((x for x in range(size, max_len) if room[x]), max_len)
    if left < max_len:
      row[window] = room[left].pop()
    else:
      row[window], count = count, count + 1
    column[window] = max_len - left
    room[left - size].append(row[window])
  return row, column


def _order(
  seed: tuple[int, int], rows: Rows, batch_size: int
) -> tuple[np.ndarray, int]:
  """[S, B] rows of each step of an epoch, and how many steps count.

  What follows the last row, R, is none. S is of few sizes.
  """
  count, max_len = rows.inputs.shape
  size = max(1, round(batch_size / max_len))
  step_count = -(-count // size)
  order = np.full((batches.bucket_size(step_count, count), size), count)
  order.reshape(-1)[:count] = np.random.default_rng(seed).permutation(count)
  return order.astype(np.int32), step_count


def loss(
  network: Network, params: Any, rows: Rows, key: Key[Array, ''] | None
) -> Float[Array, '']:
  """Mean over what was watched of -log softmax(E h)[video], E the kernel."""
  states = network.states(params, rows.inputs, rows.place, key)
  where = rows.where.reshape(-1)
  total = softmax.fused_coherence_loss(
    states.reshape(-1, states.shape[-1]),
    network.output_kernel(params),
    rows.targets.reshape(-1),
    where=where,
  )
  return total / jnp.maximum(1, jnp.sum(where))


@functools.partial(jax.jit, static_argnums=0, donate_argnums=1)
def _run_epoch(
  network: Network,
  state: Fit,
  rows: Rows,
  order: jax.Array,
  step_count: int,
  key: Key[Array, ''],
  learning_rate: float,
) -> Fit:
  """A step of Adam for each of the first step_count rows of `order`."""

  def step(number, state):
    own = order[number]
    batch = jax.tree.map(
      lambda x: jnp.take(x, own, 0, mode='fill', fill_value=0), rows
    )
    grads = jax.grad(loss, argnums=1)(
      network, state.params, batch, jax.random.fold_in(key, number)
    )
    updates, moments = _ADAM.update(grads, state.moments)
    params = jax.tree.map(
      lambda x, update: x - learning_rate * update, state.params, updates
    )
    return Fit(params, moments)

  return jax.lax.fori_loop(0, step_count, step, state)


def recommender(network: Network, params: Any) -> Recommender:
  """Scores by the logits after the latest T of the start and the history."""

  def score(queries: Queries) -> np.ndarray:
    inputs, last = latest(queries.watches, network.video_count, network.max_len)
    return blocks.by_blocks(
      functools.partial(_scores, network, params), inputs, last
    )

  return top_k.by_scores(score, network.video_count)


def latest(
  watches: Histories, video_count: int, max_len: int
) -> tuple[np.ndarray, np.ndarray]:
  """[B, T] the latest T of the start and each row's videos, and their last."""
  counts = np.diff(watches.offsets)
  kept = np.minimum(counts, max_len)
  row, index = histories.ragged_indices(watches.offsets[1:] - kept, kept)
  inputs = np.zeros((len(counts), max_len), np.int32)
  shift = (counts < max_len).astype(np.int64)  # the start stands before them
  inputs[shift > 0, 0] = video_count
  inputs[row, histories.within(row, kept) + shift[row]] = watches.item[index]
  return inputs, kept + shift - 1


@functools.partial(jax.jit, static_argnums=0)
def _scores(network, params, inputs, last):
  """[B, V] logits after the input at `last`; what follows is not read."""
  place = jnp.broadcast_to(jnp.arange(inputs.shape[1]), inputs.shape)
  states = network.states(params, inputs, place, None)
  own = states[jnp.arange(len(last)), last]
  return own @ network.output_kernel(params).T


def dropout(
  key: Key[Array, ''] | None, x: Float[Array, '*shape'], rate: float
) -> Float[Array, '*shape']:
  """Numbers set to 0 at a rate, the others scaled up to keep the mean."""
  if key is None or not rate:
    return x
  kept = jax.random.bernoulli(key, 1 - rate, x.shape)
  return jnp.where(kept, x / (1 - rate), 0)
