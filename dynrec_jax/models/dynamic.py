"""The paper's network: an interest, then videos, through one GRU.

Paper: Sec 3.4. x_1 = T_u u, x_t = T_x (v (+) t of video t-1); the state after
an input predicts the next video by Eq (7).
"""

from typing import Any, NamedTuple

import jax
from jaxtyping import Array

from dynrec_jax.data.batch import History
from dynrec_jax.data.packed import Sequences
from dynrec_jax.data.video_facts import VideoFacts
from dynrec_jax.features.catalogue import Features
from dynrec_jax.models import recurrence, score_parts
from dynrec_jax.models.network import (
  ContentEmbedding,
  DecodeTables,
  Forward,
  ReadVideo,
)
from dynrec_jax.models.recurrence import Recurrence
from dynrec_jax.models.theta import OUTPUT_ROWS, Theta, output_names


class Dynamic(NamedTuple):
  """The network of `network.Network` that the paper proposes.

  Attributes:
    theta: the shell that declares the parameters.
    interest_norm: N_e of Eq (3).
  """

  theta: Theta
  interest_norm: str

  one_state = False
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

  def of_rows(self, count: int) -> 'Dynamic':
    """See `network.Network`."""
    return self._replace(theta=self.theta.clone(video_count=count))

  @property
  def read_video(self) -> ReadVideo:
    """See `network.Network`."""
    return recurrence.read_video

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
    del key  # nothing is left to chance
    theta = self._bound(params)
    embedding, videos = embed_videos(theta, features.take(sequences.video_ids))
    interests, states = read_sequences(
      theta, videos, sequences, product_dtype=product_dtype
    )
    content_interests = None
    if history is not None:
      content_interests = theta.content_interests(
        embedding, history, norm=self.interest_norm
      )
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
    self,
    params: Any,
    tables: DecodeTables,
    sequences: Sequences,
    history: History | None = None,
  ) -> Array:
    """See `network.Network`."""
    del history
    videos = tables.recurrence.inputs[sequences.video_ids]
    _, states = read_sequences(
      self._bound(params), videos, sequences, whole_steps=True
    )
    return states[sequences.last]

  def score_parts(
    self, params: Any, tables: DecodeTables, states: Array, ids: Array
  ) -> dict[str, Array]:
    """See `network.Network`."""
    del params
    return score_parts.of_sequence(tables, self.read_video, states, ids)

  def _bound(self, params: Any) -> Theta:
    """The maps with these parameters."""
    return self.theta.bind({'params': params})


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
  whole_steps: bool = False,
) -> tuple[Array, Array]:
  """[R, E] T_u u of the interests; [P, H] the state after every input.

  Of training and of serving, see `recurrence.scan_sequences`.
  """
  interests = theta.map_interests(sequences.interests)
  states = recurrence.scan_sequences(
    theta.gru,
    videos,
    interests,
    sequences,
    product_dtype=product_dtype,
    whole_steps=whole_steps,
  )
  return interests, states
