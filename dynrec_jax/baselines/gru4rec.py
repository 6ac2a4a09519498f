"""GRU4Rec: a recurrent network over the videos watched, and nothing else."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float, Int, Key

from dynrec_jax import gru
from dynrec_jax.baselines import next_video
from dynrec_jax.recommender import Recommender, Seen


class Settings(NamedTuple):
  """The network and its training.

  Attributes:
    size: units of the state, and of a video.
    max_len: most watches that it looks back.
    dropout: share of a video's and of a state's units that is dropped.
    learning_rate: of Adam.
    epochs: passes over all watches.
    batch_size: watches of a step, about.
  """

  size: int
  max_len: int
  dropout: float
  learning_rate: float
  epochs: int
  batch_size: int


class Params(NamedTuple):
  """The weights.

  Attributes:
    video: [V + 1, H], what is read, and what states are compared with; the
      last row is the start.
    gru: the unit's.
    output: [H, H], from states to where videos lie.
  """

  video: jax.Array
  gru: gru.GRUParams
  output: jax.Array


class Gru4Rec(NamedTuple):
  """See `next_video.Network`."""

  video_count: int
  max_len: int
  size: int
  dropout: float

  def init(self, key: Key[Array, '']) -> Params:
    """Fresh parameters."""
    keys = jax.random.split(key, 3)
    glorot = jax.nn.initializers.glorot_uniform()
    return Params(
      0.1 * jax.random.normal(keys[0], (self.video_count + 1, self.size)),
      gru.init_gru(keys[1], self.size, self.size, use_bias=True),
      glorot(keys[2], (self.size, self.size)),
    )

  def states(
    self,
    params: Params,
    inputs: Int[Array, 'R T'],
    place: Int[Array, 'R T'],
    key: Key[Array, ''] | None,
  ) -> Float[Array, 'R T H']:
    """See `next_video.Network`; h_0 = 0 where a sequence begins."""
    keys = [None, None] if key is None else jax.random.split(key)
    xs = next_video.dropout(keys[0], params.video[inputs.T], self.dropout)
    gates = gru.input_gates(params.gru, xs, None)  # each [T, R, H]
    kernels = gru.recurrent_halves(params.gru.recurrent_kernel)

    def body(h, step):
      gates, begins = step
      h = jnp.where(begins, 0, h)
      h, _ = gru.open_gates(kernels, h, gates, None)
      return h, h

    begins = (place.T == 0)[..., None]  # [T, R, 1]
    _, states = lax.scan(body, jnp.zeros_like(gates[0][0]), (gates, begins))
    states = next_video.dropout(keys[1], states, self.dropout)
    return jnp.swapaxes(states @ params.output, 0, 1)

  def output_kernel(self, params: Params) -> Float[Array, 'V H']:
    """See `next_video.Network`: the videos as they are read."""
    return params.video[:-1]


def fit(seen: Seen, settings: Settings) -> Recommender:
  """Recommends what a GRU over the known watches thinks likeliest to follow.

  Paper: not one of its rows; a row of ours. The network of Hidasi et al.
    (2016), whose unit is that of Eq. (5), with biases.
  Differs: the full softmax instead of sampled ranking losses, as the paper's
    own network has it; videos are read and predicted by one table.

  Args:
    seen: all that is known of everyone's watches.
    settings: see there.

  Returns:
    The recommender; all scores are 0 if there is no watch to learn from.
  """
  network = Gru4Rec(
    seen.video_count, settings.max_len, settings.size, settings.dropout
  )
  return next_video.fit(
    seen,
    network,
    next_video.Training(
      settings.learning_rate, settings.epochs, settings.batch_size
    ),
  )
