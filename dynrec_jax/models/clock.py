"""How often each video will be watched: a forecast from what is known now.

Not in the paper, whose future work names the context of time. With s_v what is
known of video v at a moment, a_v(t) its age at a later time t and lag the time
between the two, the rate of watching at t is

  P(v | t, moment) = softmax_v(f(s_v, a_v(moment), a_v(t), lag, categories)),

f two small layers beside a linear map. Rates are of the later time, not of the
moment, so a stretch that is longer than any that was learned from is the mean
of its parts, and a video that comes out within it is what others were when
they came out.
"""

import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax
from jaxtyping import Array, Float, Key

from dynrec_jax import averaging
from dynrec_jax.data.video_clock import STATE_SIZE, VideoStates, Windows

_HIDDEN = 32
# Ages in sessions between which f bends: around coming out and far behind it.
_AGES_NOW = np.array([-4, -2, -1, -0.5, -0.25, 0, 0.25, 0.5, 1], np.float32)
_AGES_LATER = np.array([1.5, 2, 3, 4, 6, 9, 15, 30, 60, 120, 300], np.float32)
_AGES = np.concatenate([_AGES_NOW, _AGES_LATER])
_LAGS = np.array([0, 0.5, 1, 2, 3, 5], np.float32)


class Training(NamedTuple):
  """How f is fitted.

  Attributes:
    epochs: passes over the windows.
    max_steps: fewer passes where there are many windows.
    batch_size: windows of a step.
    learning_rate: of Adam.
    weight_decay: beside it, see `optax.adamw`.
    dropout: share of the first layer's units dropped in a step.
    average: decay of the parameters' average, which is what is kept.
  """

  epochs: int = 80
  max_steps: int = 600
  batch_size: int = 6
  learning_rate: float = 3e-3
  weight_decay: float = 1e-2
  dropout: float = 0.2
  average: float = 0.98


class Forecast(NamedTuple):
  """A fitted f.

  Attributes:
    params: of the layers.
    mean: [F] of the inputs, over what was learned from.
    scale: [F] their deviation.
  """

  params: Any
  mean: Array
  scale: Array


def hats(x: Float[Array, '*shape'], centers: np.ndarray) -> Array:
  """[*shape, C] how near x is to each center, linearly; they add up to 1.

  Beyond the outer centers x counts as the outer one.
  """
  centers = jnp.asarray(centers)
  x = jnp.clip(x, centers[0], centers[-1])
  right = jnp.clip(
    jnp.searchsorted(centers, x, side='right'), 1, len(centers) - 1
  )
  low, high = centers[right - 1], centers[right]
  share = (x - low) / (high - low)
  places = jnp.arange(len(centers))
  return (1 - share)[..., None] * (places == right[..., None] - 1) + share[
    ..., None
  ] * (places == right[..., None])


def inputs_of(states: VideoStates, row: Array, time: Array) -> Array:
  """[V, F] what f reads of all videos, of one moment and one later time."""
  moment = states.moment[row]
  known = states.has_upload[:, None]
  lag = hats(time - moment, _LAGS)
  return jnp.concatenate(
    [
      states.state[row],
      known * hats(time - states.upload, _AGES),
      known * hats(moment - states.upload, _AGES_NOW),
      ~known,
      jnp.broadcast_to(lag, (len(states.upload), len(_LAGS))),
      states.categories,
    ],
    axis=1,
  )


def fit(
  states: VideoStates, windows: Windows, seed: int, training: Training
) -> Forecast:
  """Learns what is watched in windows, as seen from the moments before them.

  The loss is -log P of every watch, its mean over a step's watches.

  Args:
    states: videos at the moments.
    windows: one at least.
    seed: of everything random, below 2**32.
    training: how.
  """
  states = jax.tree.map(jnp.asarray, states)
  windows = jax.tree.map(jnp.asarray, windows)
  mean, scale = _moments(states, windows)
  size = STATE_SIZE + len(_AGES) + len(_AGES_NOW) + 1 + len(_LAGS)
  params = _init(jax.random.key(seed), size + states.categories.shape[1])
  order = _order(len(windows.middle), seed, training)
  # Made out here: an argument of a compiled function is an int32.
  key = jax.random.key(seed)
  params = _descend(
    training, params, states, windows, (mean, scale), order, key
  )
  return Forecast(params, mean, scale)


def log_rates(
  forecast: Forecast, states: VideoStates, row: int, times: np.ndarray
) -> np.ndarray:
  """[V] float32, log of the mean of P(v | t, moment) over some times t.

  Args:
    forecast: see `fit`.
    states: videos at moments, of the same categories.
    row: which moment.
    times: [T] sessions since the span began, after the moment.
  """
  states = jax.tree.map(jnp.asarray, states)
  rates = _log_rates(forecast, states, row, jnp.asarray(times, jnp.float32))
  return np.asarray(rates)


def log_rates_beside(
  forecast: Forecast,
  states: VideoStates,
  others: VideoStates,
  row: int,
  times: np.ndarray,
) -> np.ndarray:
  """[M] float32, `log_rates` of other videos beside those of the softmax.

  The softmax stays over the videos that it was learned over, so that their
  rates do not change.

  Args:
    forecast: see `fit`.
    states: videos that the softmax is over.
    others: [M] others at the same moments.
    row: which moment.
    times: see `log_rates`.
  """
  states, others = (jax.tree.map(jnp.asarray, x) for x in (states, others))
  times = jnp.asarray(times, jnp.float32)
  return np.asarray(_log_rates_beside(forecast, states, others, row, times))


@jax.jit
def _log_rates(forecast, states, row, times):
  """See `log_rates`."""

  def of(time):
    return jax.nn.log_softmax(_told(forecast, states, row, time))

  found = lax.map(of, times)
  return jax.nn.logsumexp(found, axis=0) - jnp.log(len(times))


@jax.jit
def _log_rates_beside(forecast, states, others, row, times):
  """See `log_rates_beside`."""

  def of(time):
    total = jax.nn.logsumexp(_told(forecast, states, row, time))
    return _told(forecast, others, row, time) - total

  found = lax.map(of, times)
  return jax.nn.logsumexp(found, axis=0) - jnp.log(len(times))


def _told(forecast, states, row, time):
  """f, [V], of one moment and one later time."""
  inputs = (inputs_of(states, row, time) - forecast.mean) / forecast.scale
  return _scores(forecast.params, inputs, None, 0.0)


def _init(key: Key[Array, ''], size: int) -> dict[str, Array]:
  """Fresh layers: f is 0 of everything."""
  keys = jax.random.split(key)
  normal = jax.random.normal
  return {
    'first': normal(keys[0], (size, _HIDDEN)) * (2 / size) ** 0.5,
    'first_bias': jnp.zeros(_HIDDEN),
    'second': normal(keys[1], (_HIDDEN, _HIDDEN)) * _HIDDEN**-0.5,
    'second_bias': jnp.zeros(_HIDDEN),
    'last': jnp.zeros(_HIDDEN),
    'linear': jnp.zeros(size),
  }


def _scores(params, inputs, key, rate):
  """f, [V] of [V, F]."""
  hidden = jax.nn.relu(inputs @ params['first'] + params['first_bias'])
  if key is not None:
    keep = jax.random.bernoulli(key, 1 - rate, hidden.shape)
    hidden = jnp.where(keep, hidden / (1 - rate), 0)
  hidden = jnp.tanh(hidden @ params['second'] + params['second_bias'])
  return hidden @ params['last'] + inputs @ params['linear']


@jax.jit
def _moments(states, windows):
  """Mean and deviation of each input, over all videos and windows."""

  def sums(carry, window):
    inputs = inputs_of(states, *window)
    first, second = carry
    return (first + inputs.mean(0), second + (inputs**2).mean(0)), None

  size = jax.eval_shape(inputs_of, states, 0, 0.0).shape[1]
  pairs = windows.moment, windows.middle
  found, _ = lax.scan(sums, (jnp.zeros(size),) * 2, pairs)
  mean, square = (x / len(windows.middle) for x in found)
  return mean, jnp.sqrt(jnp.maximum(square - mean**2, 0)) + 1e-3


def _order(count: int, seed: int, training: Training) -> np.ndarray:
  """[steps, batch] windows: random orders one after the other."""
  rng = np.random.default_rng(seed)
  steps = max(1, count // training.batch_size)
  epochs = min(training.epochs, -(-training.max_steps // steps))
  rows = [
    np.resize(rng.permutation(count), (steps, training.batch_size))
    for _ in range(epochs)
  ]
  return np.concatenate(rows).astype(np.int32)


@functools.partial(jax.jit, static_argnums=0)
def _descend(training, params, states, windows, moments, order, key):
  """All steps of Adam; the parameters' average."""
  rule = optax.adamw(training.learning_rate, weight_decay=training.weight_decay)
  mean, scale = moments

  def loss(params, rows, key):
    def of(row, key):
      inputs = inputs_of(states, windows.moment[row], windows.middle[row])
      scores = _scores(params, (inputs - mean) / scale, key, training.dropout)
      counts = windows.counts[row]
      return -counts @ jax.nn.log_softmax(scores), counts.sum()

    total, count = jax.vmap(of)(rows, jax.random.split(key, len(rows)))
    return total.sum() / count.sum()

  def step(carry, at):
    params, state, kept = carry
    number, rows = at
    own = jax.random.fold_in(key, number)
    updates, state = rule.update(
      jax.grad(loss)(params, rows, own), state, params
    )
    params = optax.apply_updates(params, updates)
    kept = averaging.updated(kept, params, number, decay=training.average)
    return (params, state, kept), None

  numbers = 1 + jnp.arange(len(order))
  carry = params, rule.init(params), params
  (_, _, kept), _ = lax.scan(step, carry, (numbers, order))
  return kept
