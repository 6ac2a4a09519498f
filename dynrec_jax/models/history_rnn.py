"""The variants RNN and RNN-Sem: past videos through one GRU, no interest.

Paper: Sec 4.3 and Figure 3. x_t = t of video t-1 (RNN), or its v (+) t in the
semantic space (RNN-Sem); the state after an input predicts the next video by
Eq (7).
Differs: without u nothing tells who the user is, so the videos known of a user
are read first, and the loss is on those after them. In the cross network none
is known, and the first input is made of the user's tweets (A27).
"""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array

from dynrec_jax import gru
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
from dynrec_jax.models.theta import (
  OUTPUT_ROWS,
  check_embed_norm,
  embed_features,
  output_layer,
  output_names,
  semantic_kernels,
)

# What is read first of a user without watches (A27): the mean text feature of
# the tweets, or a learned vector, the same for everybody.
CROSS_FIRST = ('tweet_text', 'bos')
# `nothing`: watches are read, and a user without any begins with zeros.
FIRST_INPUTS = (*CROSS_FIRST, 'nothing')


class TextTheta(nn.Module):
  """RNN's parameters: U_*, W_*, T_p, and a start where it is learned.

  Attributes:
    video_count: V.
    text_size: of t.
    hidden_size: H.
    first: what stands where no video has been read, one of FIRST_INPUTS.
    gru_bias: biases in Eq (5); the paper has none.
    softmax_bias: biases in Eq (7); the paper has none.
  """

  video_count: int
  text_size: int
  hidden_size: int = 300
  first: str = 'nothing'
  gru_bias: bool = False
  softmax_bias: bool = False

  @property
  def input_size(self) -> int:
    """D, of what the GRU reads."""
    return self.text_size

  def setup(self):
    """Declares the parameters."""
    if self.first not in FIRST_INPUTS:
      raise ValueError(
        f'first is {self.first!r}; valid are {", ".join(FIRST_INPUTS)}'
      )
    self.declare_maps()
    size = self.input_size
    self.gru = self.param(
      'gru', gru.init_gru, size, self.hidden_size, use_bias=self.gru_bias
    )
    self.output_kernel, self.output_bias = output_layer(
      self, self.video_count, self.hidden_size, use_bias=self.softmax_bias
    )
    if self.first == 'bos':
      # Of about unit length, as videos are.
      normal = nn.initializers.normal(size**-0.5)
      self.start = self.param('start', normal, (size,))

  def declare_maps(self) -> None:
    """What videos are mapped with: t is read as it is."""

  def read_videos(
    self, features: Features
  ) -> tuple[ContentEmbedding | None, Array]:
    """Videos in the semantic space, if it has one, and [M, D] as read."""
    text = features.text.astype(jnp.float32)
    return None, jnp.where(features.has_text[:, None], text, 0)

  def read_texts(self, texts: Array) -> Array:
    """[R, D] of text features [R, Dt] without a video."""
    return texts

  def read_firsts(self, interests: Array) -> Array:
    """[R, D] of the sequences' interests: text features, where they count."""
    if self.first == 'tweet_text':
      return self.read_texts(interests)
    start = self.start if self.first == 'bos' else 0.0
    return jnp.broadcast_to(start, (len(interests), self.input_size))

  def __call__(self) -> None:
    """Declares all: `init(key)` makes it, `bind` gives the maps."""


class SemanticTheta(TextTheta):
  """RNN-Sem's parameters: RNN's, T_v and T_t.

  Attributes:
    visual_size: of v.
    embed_size: E.
    embed_norm: 'everywhere' (A30) or 'loss_only'.
  """

  visual_size: int = 1
  embed_size: int = 300
  embed_norm: str = 'everywhere'

  @property
  def input_size(self) -> int:
    """Of v (+) t."""
    return 2 * self.embed_size

  def declare_maps(self) -> None:
    """T_v and T_t."""
    check_embed_norm(self.embed_norm)
    self.kernels = semantic_kernels(
      self, self.visual_size, self.text_size, self.embed_size
    )

  def read_videos(
    self, features: Features
  ) -> tuple[ContentEmbedding | None, Array]:
    """Videos in the semantic space, and their v (+) t."""
    embedding = embed_features(
      self.kernels, *features, embed_norm=self.embed_norm
    )
    return embedding, embedding.content

  def read_texts(self, texts: Array) -> Array:
    """0 (+) T_t t: as of videos without an image."""
    count = len(texts)
    nothing = jnp.zeros((count, self.visual_size))
    known = jnp.ones(count, bool)
    _, read = self.read_videos(Features(nothing, texts, ~known, known))
    return read


class HistoryRnn(NamedTuple):
  """A network of `network.Network` that reads videos alone.

  Attributes:
    theta: the shell that declares the parameters.
  """

  theta: TextTheta

  one_state = False
  reads_history = False
  reads_interest = True  # of whoever has watched nothing
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

  def of_rows(self, count: int) -> 'HistoryRnn':
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
    del history, key  # no interest to compare it with; nothing is random
    theta = self._bound(params)
    embedding, videos = theta.read_videos(features.take(sequences.video_ids))
    states = recurrence.scan_sequences(
      theta.gru,
      videos,
      theta.read_firsts(sequences.interests),
      sequences,
      product_dtype=product_dtype,
    )
    return Forward(
      states=states,
      output_kernel=theta.output_kernel,
      output_bias=theta.output_bias,
      embedding=embedding,
      interests=None,
      content_interests=None,
    )

  def tables(self, params: Any, features: Features) -> DecodeTables:
    """See `network.Network`."""
    theta = self._bound(params)
    _, videos = theta.read_videos(features)
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
    theta = self._bound(params)
    states = recurrence.scan_sequences(
      theta.gru,
      tables.recurrence.inputs[sequences.video_ids],
      theta.read_firsts(sequences.interests),
      sequences,
      whole_steps=True,
    )
    return states[sequences.last]

  def score_parts(
    self, params: Any, tables: DecodeTables, states: Array, ids: Array
  ) -> dict[str, Array]:
    """See `network.Network`."""
    del params
    return score_parts.of_sequence(tables, self.read_video, states, ids)

  def _bound(self, params: Any) -> TextTheta:
    """The maps with these parameters."""
    return self.theta.bind({'params': params})
