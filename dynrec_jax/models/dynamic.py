"""The paper's network: an interest, then videos, through one GRU.

Paper: Sec 3.4. x_1 = T_u u, x_t = T_x (v (+) t of video t-1); the state after
an input predicts the next video by Eq (7).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from dynrec_jax import gru, interest, packed_gru
from dynrec_jax.data.batch import History
from dynrec_jax.data.packed import Sequences
from dynrec_jax.features.catalogue import Features
from dynrec_jax.models.network import (
  ContentEmbedding,
  DecodeTables,
  Forward,
  ReadVideo,
)
from dynrec_jax.models.theta import Theta


class Recurrence(NamedTuple):
  """What a GRU goes on from, video by video.

  One of `inputs` and `products` is given, the other is None.

  Attributes:
    params: the GRU's weights.
    inputs: [V, E], what it reads after each video.
    products: [V, 3H], `inputs` times the input kernel, made once by
      `fold_inputs`: faster, but 3.6 GB at a million videos.
  """

  params: gru.GRUParams
  inputs: Array | None
  products: Array | None


class Dynamic(NamedTuple):
  """The network of `network.Network` that the paper proposes.

  Attributes:
    theta: the shell that declares the parameters.
    interest_norm: N_e of Eq (3).
  """

  theta: Theta
  interest_norm: str

  @property
  def video_count(self) -> int:
    """V."""
    return self.theta.video_count

  @property
  def read_video(self) -> ReadVideo:
    """See `network.Network`."""
    return read_video

  def init(self, key: jax.Array) -> Any:
    """Fresh parameters."""
    return self.theta.init(key)['params']

  def forward(
    self,
    params: Any,
    features: Features,
    sequences: Sequences,
    history: History | None,
    *,
    product_dtype: Any,
  ) -> Forward:
    """See `network.Network`."""
    theta = self._bound(params)
    embedding, videos = embed_videos(theta, features.take(sequences.video_ids))
    interests, states = read_sequences(
      theta, videos, sequences, product_dtype=product_dtype
    )
    content_interests = None
    if history is not None:
      content_interests = self._content_interests(theta, embedding, history)
    return Forward(
      states=states,
      output_kernel=theta.output_kernel,
      output_bias=theta.output_bias,
      embedding=embedding,
      interests=interests,
      content_interests=content_interests,
    )

  def tables(self, params: Any, features: Features) -> DecodeTables:
    """See `network.Network`."""
    theta = self._bound(params)
    _, videos = embed_videos(theta, features)
    return DecodeTables(
      recurrence=Recurrence(theta.gru, inputs=videos, products=None),
      output_kernel=theta.output_kernel,
      output_bias=theta.output_bias,
    )

  def first_states(
    self, params: Any, tables: DecodeTables, sequences: Sequences
  ) -> Array:
    """See `network.Network`."""
    videos = tables.recurrence.inputs[sequences.video_ids]
    _, states = read_sequences(self._bound(params), videos, sequences)
    return states[sequences.last]

  def _bound(self, params: Any) -> Theta:
    """The maps with these parameters."""
    return self.theta.bind({'params': params})

  def _content_interests(
    self, theta: Theta, embedding: ContentEmbedding, history: History
  ) -> Array:
    """T_x u~, Eq (3)."""
    content = interest.weighted_interest(
      history.weights,
      embedding.content,
      norm=self.interest_norm,
      count=history.counts,
    )
    return theta.map_videos(content)


def embed_videos(
  theta: Theta, features: Features
) -> tuple[ContentEmbedding, Array]:
  """Videos in the semantic space, and [M, E] as the GRU reads them."""
  embedding = theta.embed(*features)
  return embedding, theta.map_videos(embedding.content)


def read_sequences(
  theta: Theta,
  videos: Array,
  sequences: Sequences,
  *,
  product_dtype: Any = None,
) -> tuple[Array, Array]:
  """The forward pass, of training and of serving.

  Args:
    theta: the maps.
    videos: [M, E] the sequences' videos, see `embed_videos`.
    sequences: what is read.
    product_dtype: of the operands of the GRU's products; None is float32.

  Returns:
    [R, E] T_u u of the interests; [P, H] the state after every input.
  """
  interests = theta.map_interests(sequences.interests)
  states = packed_gru.gru_scan_packed_table(
    theta.gru,
    jnp.concatenate([videos, interests]),
    sequences.inputs,
    sequences.step_counts,
    row_count=sequences.last.size,
    product_dtype=product_dtype,
  )
  return interests, states


def read_video(tables: DecodeTables, h: Array, ids: Array) -> Array:
  """[B, H] the states after one video each: one step of Eq (5)."""
  params, inputs, products = tables.recurrence
  if products is None:
    return gru.gru_step(params, h, inputs[ids])
  return gru.gru_step_products(params, h, products[ids])


@jax.jit
def fold_inputs(tables: DecodeTables) -> DecodeTables:
  """The same tables with the GRU's input products made once.

  Args:
    tables: with `inputs`.

  Returns:
    Tables with `products` in their place.
  """
  params, inputs, _ = tables.recurrence
  products = inputs @ params.input_kernel
  return tables._replace(recurrence=Recurrence(params, None, products))
