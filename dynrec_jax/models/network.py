"""What a network gives to the losses, to decoding and to the loop.

The loops know this page and no network: a new one is a room beside `dynamic`.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import jax
from jaxtyping import Array

from dynrec_jax.data.batch import History
from dynrec_jax.data.packed import Sequences
from dynrec_jax.data.video_facts import VideoFacts
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
    states: [P, H] after every input; anything behind the last one. Of a
      network of one state: [S, H], a row per sequence in the order of `last`,
      or the anchors' alone, which leaves Eq (6) out; in training also [N, B, H]
      of N members, each with a loss of its own, the mean of which counts.
    output_kernel: [V, H], T_p; of members [N, V, H].
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
    recurrence: what the network's `first_states` and `read_video` read, any
      pytree.
    output_kernel: [V, H], T_p.
    output_bias: [V], or None: the paper has none.
  """

  recurrence: Any
  output_kernel: Array
  output_bias: Array | None = None


# Ends of the paths of what has a row per video, of parameters and of what the
# optimiser keeps of them, of features and of tables: what a catalogue is cut
# by, see `parallel.catalogue`. Of networks that have no other such arrays.
OF_VIDEOS = (
  'output_kernel',
  'output_bias',
  *Features._fields,
  'recurrence/inputs',
  'recurrence/products',
)

# Tables, states [B, H] and [B] videos -> the states after reading them. A
# module's function, so that equal networks share a compiled program.
ReadVideo = Callable[[DecodeTables, Array, Array], Array]


class VideoRows(NamedTuple):
  """Where a parameter has a row for each video.

  Attributes:
    axis: of the videos.
    start: of a video that comes later: 'mean' is that of all rows, so that it
      is as probable as the mean video; 'zeros' adds nothing to its content.
  """

  axis: int
  start: str


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

  @property
  def one_state(self) -> bool:
    """Whether no video changes a state: one predicts all of an anchor's."""

  @property
  def reads_history(self) -> bool:
    """Whether states follow from the history, in serving as in training."""

  @property
  def reads_interest(self) -> bool:
    """Whether any state follows from u."""

  @property
  def frozen(self) -> frozenset[str]:
    """Top-level names of parameters that no step changes."""

  @property
  def video_rows(self) -> frozenset[str]:
    """Top-level names of learned parameters that hold a row per video.

    Those of the output layer, and none where it is made of anything else.
    """

  def of_rows(self, count: int) -> 'Network':
    """The same network with `count` rows in each of `video_rows`.

    Its `forward` takes parameters with some videos' rows alone; features and
    sequences are of the whole catalogue all the same.
    """

  @property
  def growing(self) -> Mapping[str, VideoRows]:
    """Top-level names of learned parameters that grow with the catalogue."""

  def init(self, key: jax.Array, facts: VideoFacts | None = None) -> Any:
    """Fresh parameters.

    Args:
      key: of random ones.
      facts: what a split tells of the catalogue, of networks that keep it
        frozen; None where only the shapes are wanted.
    """

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
    """The pass that the losses are of.

    Args:
      params: the parameters.
      features: of the whole catalogue.
      sequences: one device's share.
      history: of the anchors; None if neither Eq (4) nor the network asks for
        it.
      product_dtype: of the operands of the recurrent products; None is
        float32.
      key: of a training step, the same on all devices, see `dropout`; None
        leaves nothing to chance.
    """

  def tables(self, params: Any, features: Features) -> DecodeTables:
    """What decoding reads of the catalogue; made once per parameters."""

  def first_states(
    self,
    params: Any,
    tables: DecodeTables,
    sequences: Sequences,
    history: History | None = None,
  ) -> Array:
    """[B, H], the states that predict the first videos.

    Args:
      params: the parameters.
      tables: made of the same parameters.
      sequences: first inputs, see `data.query_inputs`; `last` is [B].
      history: of the queries, over all videos in their order; None unless the
        network reads it.
    """

  def score_parts(
    self, params: Any, tables: DecodeTables, states: Array, ids: Array
  ) -> dict[str, Array]:
    """What the scores of picked videos are made of.

    Args:
      params: the parameters.
      tables: made of the same parameters.
      states: see `first_states`.
      ids: [B, k] the videos in the order they were picked; where a state reads
        what was picked, all of a list from its first one on.

    Returns:
      Parts by name, of `score_parts.PARTS`: [B, k] of how much more they give
      a video than the mean over the catalogue. Together they are the logit
      less the mean logit.
    """


def split_params(network: Network, params: Any) -> tuple[Any, dict[str, Any]]:
  """What steps change, and what they leave as it is.

  Args:
    network: says what is frozen.
    params: its parameters; of a network with something frozen, by name.

  Returns:
    The parameters that are learned, and the frozen ones by name.
  """
  if not network.frozen:
    return params, {}
  frozen = {name: params[name] for name in sorted(network.frozen)}
  return {k: v for k, v in params.items() if k not in frozen}, frozen


def join_params(learned: Any, frozen: dict[str, Any]) -> Any:
  """`split_params` undone."""
  return {**learned, **frozen} if frozen else learned
