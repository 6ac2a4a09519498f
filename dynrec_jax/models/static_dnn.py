"""The variant Static-DNN: an interest, three layers, one softmax.

Paper: Sec 4.3 and Figure 3. T_u u, without decay, through three fully connected
ReLU layers in the place of the GRU, then T_p. One state stands for all videos
after l.
Differs: the layers have biases, as ReLU layers do; Eq (5) and (7) have none.
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from dynrec_jax.data.batch import History
from dynrec_jax.data.packed import Sequences
from dynrec_jax.data.video_facts import VideoFacts
from dynrec_jax.features.catalogue import Features
from dynrec_jax.models import score_parts
from dynrec_jax.models.network import DecodeTables, Forward, ReadVideo
from dynrec_jax.models.theta import (
  OUTPUT_ROWS,
  InterestMaps,
  glorot,
  output_layer,
  output_names,
)

LAYER_COUNT = 3


class StaticTheta(InterestMaps):
  """T_v, T_t, T_u, T_x, the layers and T_p."""

  def setup(self):
    """Declares the parameters."""
    super().setup()
    sizes = (self.embed_size, *LAYER_COUNT * (self.hidden_size,))
    self.layers = [
      (
        self.param(f'layer_{i}_kernel', glorot, sizes[i - 1 : i + 1]),
        self.param(f'layer_{i}_bias', nn.initializers.zeros, sizes[i : i + 1]),
      )
      for i in range(1, LAYER_COUNT + 1)
    ]
    self.output_kernel, self.output_bias = output_layer(
      self, self.video_count, self.hidden_size, use_bias=self.softmax_bias
    )

  def map_layers(self, x: Float[Array, 'R E']) -> Float[Array, 'R H']:
    """The last layer's units."""
    for kernel, bias in self.layers:
      x = nn.relu(x @ kernel + bias)
    return x


class StaticDnn(NamedTuple):
  """The network of `network.Network` without a sequence.

  It reads the first input alone, which must be an interest.

  Attributes:
    theta: the shell that declares the parameters.
    interest_norm: N_e of Eq (3).
  """

  theta: StaticTheta
  interest_norm: str

  one_state = True
  reads_history = False
  reads_interest = True
  frozen = frozenset()
  growing = OUTPUT_ROWS

  @property
  def video_count(self) -> int:
    """V."""
    return self.theta.video_count

  @property
  def video_rows(self) -> frozenset[str]:
    """T_p and its bias."""
    return output_names(self.theta.softmax_bias)

  def of_rows(self, count: int) -> 'StaticDnn':
    """See `network.Network`."""
    return self._replace(theta=self.theta.clone(video_count=count))

  @property
  def read_video(self) -> ReadVideo:
    """See `network.Network`."""
    return read_video

  def init(self, key: jax.Array, facts: VideoFacts | None = None) -> Any:
    """Fresh parameters; nothing is counted."""
    del facts
    return self.theta.init(key)['params']

  def forward(
    self,
    params: Any,
    features: Features,
    sequences: Sequences,
    history: History | None,
    *,
    product_dtype: Any,
    key: jax.Array | None = None,
  ) -> Forward:
    """See `network.Network`."""
    del product_dtype, key  # no product is recurrent, nothing is random
    theta = self._bound(params)
    embedding = theta.embed(*features.take(sequences.video_ids))
    interests = theta.map_interests(sequences.interests)
    content_interests = None
    if history is not None:
      content_interests = theta.content_interests(
        embedding, history, norm=self.interest_norm
      )
    return Forward(
      states=theta.map_layers(interests)[_own_rows(sequences)],
      output_kernel=theta.output_kernel,
      output_bias=theta.output_bias,
      embedding=embedding,
      interests=interests,
      content_interests=content_interests,
    )

  def tables(self, params: Any, features: Features) -> DecodeTables:
    """See `network.Network`."""
    del features  # a state is not changed by a video
    theta = self._bound(params)
    return DecodeTables(None, theta.output_kernel, theta.output_bias)

  def first_states(
    self,
    params: Any,
    tables: DecodeTables,
    sequences: Sequences,
    history: History | None = None,
  ) -> Array:
    """See `network.Network`."""
    del history
    theta = self._bound(params)
    own = sequences.interests[_own_rows(sequences)]
    return theta.map_layers(theta.map_interests(own))

  def score_parts(
    self, params: Any, tables: DecodeTables, states: Array, ids: Array
  ) -> dict[str, Array]:
    """See `network.Network`."""
    del params
    found = score_parts.of_sequence(tables, self.read_video, states, ids)
    return {name: of for name, of in found.items() if name != 'list'}

  def _bound(self, params: Any) -> StaticTheta:
    """The maps with these parameters."""
    return self.theta.bind({'params': params})


def _own_rows(sequences: Sequences) -> Array:
  """[S] the interest that each sequence begins with."""
  return first_rows(sequences)[sequences.last.ravel()]


def first_rows(sequences: Sequences) -> Array:
  """[P] the interest that each input's sequence begins with.

  A step's inputs stand in the order of step 0's, so an input's sequence is told
  by its place within the step; behind the last input it is any.
  """
  ends = jnp.cumsum(sequences.step_counts)
  place = jnp.arange(sequences.inputs.size)
  step = jnp.searchsorted(ends, place, side='right')
  starts = ends - sequences.step_counts
  rank = place - starts.at[step].get(mode='clip')
  token = sequences.inputs.at[rank].get(mode='clip')
  last = len(sequences.interests) - 1
  return jnp.clip(token - sequences.video_ids.size, 0, last)


def read_video(tables: DecodeTables, h: Array, ids: Array) -> Array:
  """[B, H] the states as they are: no video changes them."""
  del tables, ids
  return h
