"""The training step: its state, the optimiser, and one update on Eq (9).

Paper: Sec 4.2, SGD with learning rate 0.001. One step serves one and many
devices; all that is random in it follows from the seed and its number.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import optax

from dynrec_jax import averaging, losses, objective, row_updates
from dynrec_jax.data.batch import Batch
from dynrec_jax.data.streamed_set import AnySet
from dynrec_jax.data.video_facts import VideoFacts
from dynrec_jax.features.catalogue import Features
from dynrec_jax.losses import LossTerms, LossWeights
from dynrec_jax.models.network import Network, join_params, split_params
from dynrec_jax.objective import ObjectiveSettings
from dynrec_jax.parallel import catalogue, devices

OPTIMIZERS = ('sgd', 'adam', 'adamw')


@flax.struct.dataclass
class TrainState:
  """What a step changes.

  Attributes:
    step: updates done, int32.
    params: theta.
    opt_state: the optimiser's.
    average: of all thetas so far, see `averaging`; None if nobody keeps one.
  """

  step: jax.Array
  params: Any
  opt_state: Any
  average: Any = None

  @property
  def read(self) -> Any:
    """The theta that validation and recommending read."""
    return self.params if self.average is None else self.average


class Balance(NamedTuple):
  """How much each term of Eq (9) counts; arguments of a step, not constants.

  One compiled step serves all weights, as a search over them needs it.

  Attributes:
    weights: lambda_1 to lambda_3; 0 of a term that is not computed.
    populations: anchors of each term in one epoch, for 'full_sum'.
  """

  weights: LossWeights
  populations: LossTerms


def make_optimizer(
  name: str, *, learning_rate: float, weight_decay: float
) -> optax.GradientTransformation:
  """Gradient steps on L + weight_decay |theta|^2.

  Paper: Eq (9) has no 1/2 before |theta|^2, so its gradient is
  2 weight_decay theta. The paper's theta lists matrices alone: biases, and the
  learned start of a network without interests, are not decayed (A16).
  Differs: 'adamw' steps on L alone, by Adam, and takes
  learning_rate weight_decay theta off beside it: no factor 2, no term of
  Eq (9), and Adam's scaling leaves the decay alone.

  Raises:
    ValueError: for an unknown name.
  """
  if name not in OPTIMIZERS:
    raise ValueError(f'name is {name!r}; valid are {", ".join(OPTIMIZERS)}')
  if name == 'adamw':
    return optax.adamw(learning_rate, weight_decay=weight_decay, mask=_matrices)
  rule = optax.sgd if name == 'sgd' else optax.adam
  return optax.chain(
    optax.add_decayed_weights(2 * weight_decay, mask=_matrices),
    rule(learning_rate),
  )


def _matrices(params: Any) -> Any:
  """Which parameters are matrices; those of members stand in a stack."""
  return jax.tree.map(lambda x: jnp.ndim(x) > 1, params)


def init_state(
  network: Network,
  optimizer: optax.GradientTransformation,
  seed: int,
  facts: VideoFacts | None = None,
  *,
  averaged: bool = False,
  params: Any = None,
) -> TrainState:
  """The state before the first step.

  Args:
    network: any.
    optimizer: see `make_optimizer`.
    seed: of the initial parameters.
    facts: what the split tells of the catalogue; networks that keep it frozen
      read it.
    averaged: whether thetas' average is kept.
    params: the initial parameters; None makes them of the seed and the facts.
  """
  if params is None:
    params = network.init(jax.random.key(seed), facts)
  return TrainState(
    step=jnp.zeros((), jnp.int32),
    params=params,
    opt_state=optimizer.init(split_params(network, params)[0]),
    # Buffers of its own: a step takes those of both over.
    average=jax.tree.map(jnp.copy, params) if averaged else None,
  )


def make_train_step(
  network: Network,
  optimizer: optax.GradientTransformation,
  settings: ObjectiveSettings,
  *,
  reduction: str,
  average: float = 0.0,
) -> Callable[..., tuple[TrainState, dict]]:
  """One update on all devices.

  Args:
    network: any.
    optimizer: see `make_optimizer`.
    settings: of Eq (9); says how the catalogue is cut, if it is.
    reduction: what each term is summed or averaged over, see
      `objective.term_scales`.
    average: share of the average of thetas that a step keeps, in [0, 1); of a
      state that has none it is not read.

  Returns:
    A compiled function: state (its buffers are taken over), features, batch
    stacked over devices, balance, seed -> state, metrics on the device. What
    is random follows from the seed and the state's step alone.

  Raises:
    ValueError: average is not in [0, 1); see also `row_updates.tables`.
  """
  if not 0 <= average < 1:
    raise ValueError(f'average is {average}; it must lie in [0, 1)')
  tables = row_updates.tables(network, settings.coherence, average)
  cut = None if tables else settings.cut  # rows that are read are everywhere

  def step(
    state: TrainState,
    features: Features,
    batch: Batch,
    balance: Balance,
    seed: jax.Array,
  ):
    key = jax.random.fold_in(jax.random.key(seed), state.step)
    every, frozen = split_params(network, state.params)
    learned, opt_state, of_batch = every, state.opt_state, network
    if tables:
      rows = row_updates.Rows(tables, batch.candidates.videos, settings.cut)
      of_batch = network.of_rows(len(rows.videos))
      learned, opt_state = rows.take((every, opt_state))
    counts = devices.sum_over_devices(objective.term_counts(batch))
    scales = objective.term_scales(counts, balance.populations, reduction)

    def local_loss(learned):
      found = objective.loss_terms(
        of_batch, join_params(learned, frozen), features, batch, settings, key
      )
      return _unified(found, scales, balance.weights)

    (_, found), grads = jax.value_and_grad(local_loss, has_aux=True)(learned)
    grads = catalogue.sum_gradients(grads, cut)
    updates, opt_state = optimizer.update(grads, opt_state, learned)
    moved = optax.apply_updates(learned, updates)
    if tables:
      before = every, state.opt_state
      moved, opt_state = rows.put(before, (moved, opt_state))
    metrics = _metrics(devices.sum_over_devices(found), counts)
    metrics['gradient_norm'] = catalogue.norm(grads, cut)
    done, params = state.step + 1, join_params(moved, frozen)
    mean = _with(network, state.average, moved, done, decay=average)
    return TrainState(done, params, opt_state, mean), metrics

  return catalogue.data_parallel(
    step,
    settings.cut,
    split=(False, False, True, False, False),
    donate=(0,),
    results=lambda state, *_: (state, 'metrics'),
  )


class _Found(NamedTuple):
  """What is told of a loss, all sums over anchors."""

  loss: jax.Array
  terms: LossTerms
  interest_length: jax.Array


def _unified(
  found: tuple[LossTerms, jax.Array], scales: LossTerms, weights: LossWeights
) -> tuple[jax.Array, _Found]:
  """Eq (9) of `objective.loss_terms`, and what is told of it."""
  terms, interest_length = found
  scaled = LossTerms(*(t * s for t, s in zip(terms, scales, strict=True)))
  loss = losses.unified_loss(scaled, weights)
  return loss, _Found(loss, scaled, interest_length)


def _metrics(found: _Found, counts: LossTerms) -> dict[str, jax.Array]:
  """By the names that are logged."""
  return {
    'loss': found.loss,
    **{f'loss_{name}': x for name, x in found.terms._asdict().items()},
    'interest_length': found.interest_length / counts.coherence,
  }


def _with(
  network: Network, mean: Any, moved: Any, step: jax.Array, *, decay: float
) -> Any:
  """The average with what a step has learned; None if nobody keeps one."""
  if mean is None:
    return None
  learned, frozen = split_params(network, mean)
  learned = averaging.updated(learned, moved, step, decay=decay)
  return join_params(learned, frozen)


def balanced(step_fn: Callable, balance: Balance, seed: int) -> Callable:
  """A step of `make_train_step` with its last arguments given.

  Args:
    step_fn: the step.
    balance: of the run.
    seed: of all that is random in its steps, below 2**31.
  """
  balance = jax.tree.map(np.float32, balance)  # Python numbers are weak types
  seed = np.int32(seed)

  def step(state: TrainState, features: Features, batch: Batch):
    return step_fn(state, features, batch, balance, seed)

  return step


def populations_of(data: AnySet) -> LossTerms:
  """Anchors of each term in one pass over everything."""
  relevance_count = 0
  if data.relevance is not None:
    owner = np.searchsorted(data.relevance.users, data.samples.user)
    relevance_count = np.sum(np.diff(data.relevance.offsets)[owner] > 0)
  return LossTerms(
    coherence=float(data.sample_count),
    semantic=float(len(data.paired_videos)),
    interest=float(data.with_history),
    relevance=float(relevance_count),
  )
