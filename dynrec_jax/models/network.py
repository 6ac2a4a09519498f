"""What a network gives to the losses, to decoding and to the loop.

The loops know this page and no network: a new one is a room beside `dynamic`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import jax
from jaxtyping import Array

from dynrec_jax.data.batch import History
from dynrec_jax.data.packed import Sequences
from dynrec_jax.features.catalogue import Features


class ContentEmbedding(NamedTuple):
  """Videos in the semantic space.

  Attributes:
    visual: [M, E] v_e = T_v v, zeros where the modality is missing.
    text: [M, E] t_e = T_t t, zeros where the modality is missing.
    content: [M, 2E] what Eq (3) and the network read of a video: the two side
      by side, each of unit length unless `embed_norm` is 'loss_only'.
  """

  visual: Array
  text: Array
  content: Array


class Forward(NamedTuple):
  """One pass over packed sequences; None where a network has no such thing.

  Attributes:
    states: [P, H] after every input; anything behind the last one.
    output_kernel: [V, H], T_p.
    output_bias: [V], or None: the paper has none.
    embedding: of the sequences' videos, for Eq (1).
    interests: [R, E], T_u u of the sequences' interests, for Eq (4).
    content_interests: [B, E], T_x u~ of the anchors, for Eq (4).
  """

  states: Array
  output_kernel: Array
  output_bias: Array | None
  embedding: ContentEmbedding | None
  interests: Array | None
  content_interests: Array | None


class DecodeTables(NamedTuple):
  """What a checkpoint comes down to for recommending.

  Attributes:
    recurrence: what the network's `read_video` reads, any pytree.
    output_kernel: [V, H], T_p.
    output_bias: [V], or None: the paper has none.
  """

  recurrence: Any
  output_kernel: Array
  output_bias: Array | None = None


# Tables, states [B, H] and [B] videos -> the states after reading them. A
# module's function, so that equal networks share a compiled program.
ReadVideo = Callable[[DecodeTables, Array, Array], Array]


class Network(Protocol):
  """Parameters are plain pytrees, made by `init` and handed in everywhere.

  A network is hashable and holds no array: programs are compiled for it.
  """

  @property
  def video_count(self) -> int:
    """V."""

  @property
  def read_video(self) -> ReadVideo:
    """The next states, once a video has been picked."""

  def init(self, key: jax.Array) -> Any:
    """Fresh parameters."""

  def forward(
    self,
    params: Any,
    features: Features,
    sequences: Sequences,
    history: History | None,
    *,
    product_dtype: Any,
  ) -> Forward:
    """The pass that the losses are of.

    Args:
      params: the parameters.
      features: of the whole catalogue.
      sequences: one device's share.
      history: what Eq (3) reads; None if nobody asks for it.
      product_dtype: of the operands of the recurrent products; None is
        float32.
    """

  def tables(self, params: Any, features: Features) -> DecodeTables:
    """What decoding reads of the catalogue; made once per parameters."""

  def first_states(
    self, params: Any, tables: DecodeTables, sequences: Sequences
  ) -> Array:
    """[B, H], the states that predict the first videos.

    Args:
      params: the parameters.
      tables: made of the same parameters.
      sequences: first inputs, see `data.query_inputs`; `last` is [B].
    """
