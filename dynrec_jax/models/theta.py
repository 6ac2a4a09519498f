"""The model's parameters, theta of the paper, as a thin Flax shell.

Paper: Sec 3. theta = {T_v, T_t, T_u, T_x, U_*, W_*, T_p}. A shell declares
them and maps arrays with them; the equations are in level 0. Other networks'
shells stand with them and share what they share with theta.
"""

import types
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, ArrayLike, Bool, Float, Num

from dynrec_jax import gru, interest
from dynrec_jax.data.batch import History
from dynrec_jax.losses import unit
from dynrec_jax.models.network import ContentEmbedding, VideoRows

EMBED_NORMS = ('everywhere', 'loss_only')

# T_*, as kernels that rows are multiplied with from the left (A19).
glorot = nn.initializers.glorot_uniform()


# What `output_layer` declares, as `network.Network.growing` has it.
OUTPUT_ROWS = types.MappingProxyType(
  {
    'output_kernel': VideoRows(0, 'mean'),
    'output_bias': VideoRows(0, 'mean'),
  }
)


def semantic_kernels(
  shell: nn.Module, visual_size: int, text_size: int, embed_size: int
) -> tuple[Array, Array]:
  """T_v and T_t, declared in a shell."""
  return (
    shell.param('visual_kernel', glorot, (visual_size, embed_size)),
    shell.param('text_kernel', glorot, (text_size, embed_size)),
  )


def in_basis(params: Any, vectors: Float[ArrayLike, 'Dv r']) -> Any:
  """Parameters with T_v B in the place of T_v, see `basis.Basis`.

  A step of gradient descent on Eq (9) and its decay is the same in either: T_v
  is the sum of a part in the span, T_v B B', and one at right angles, whose
  gradient is 0 and which decays on its own and changes no score. It is dropped.
  Differs: Adam scales each number by its own gradients, so by it the steps
  depend on the basis; losses and gradients at the same T_v do not.

  Args:
    params: of a network with T_v.
    vectors: B, orthonormal columns.
  """
  kernel = jnp.asarray(vectors).T @ params['visual_kernel']
  return {**params, 'visual_kernel': kernel}


def over_given(params: Any, vectors: Float[ArrayLike, 'Dv r']) -> Any:
  """`in_basis` undone: T_v of the features as they are.

  It maps what a video has at right angles to the basis to 0. Before training
  the full T_v mapped that at random and no step could improve it, so a video
  that came later loses nothing that was learned.

  Args:
    params: of a network with T_v B.
    vectors: B.
  """
  kernel = jnp.asarray(vectors) @ params['visual_kernel']
  return {**params, 'visual_kernel': kernel}


def output_layer(
  shell: nn.Module, video_count: int, hidden_size: int, *, use_bias: bool
) -> tuple[Array, Array | None]:
  """T_p and its bias, declared in a shell; the paper has no bias.

  A shell may be bound to a device's rows of a catalogue that is cut.
  """

  def declared(name: str, make: Any, shape: tuple[int, ...]) -> Array:
    if shell.has_variable('params', name):  # Flax would ask for all rows
      return shell.get_variable('params', name)
    return shell.param(name, make, shape)

  kernel = declared('output_kernel', glorot, (video_count, hidden_size))
  if not use_bias:
    return kernel, None
  zeros = nn.initializers.zeros
  return kernel, declared('output_bias', zeros, (video_count,))


def output_names(use_bias: bool) -> frozenset[str]:
  """What `output_layer` declares."""
  return frozenset(['output_kernel', *(['output_bias'] if use_bias else ())])


def check_embed_norm(embed_norm: str) -> None:
  """Raises ValueError for an unknown norm."""
  if embed_norm not in EMBED_NORMS:
    raise ValueError(
      f'embed_norm is {embed_norm!r}; valid are {", ".join(EMBED_NORMS)}'
    )


def embed_features(
  kernels: tuple[Array, Array],
  visual: Num[Array, 'M Dv'],
  text: Num[Array, 'M Dt'],
  has_visual: Bool[Array, 'M'],
  has_text: Bool[Array, 'M'],
  *,
  embed_norm: str,
) -> ContentEmbedding:
  """Videos in the semantic space, v_e = T_v v and t_e = T_t t.

  Differs: a missing modality is a zero half, so the video enters through the
  other one. Zero columns behind T_v's are allowed, see `catalogue.padded`.

  Args:
    kernels: T_v and T_t.
    visual: v.
    text: t.
    has_visual: where v is known.
    has_text: where t is known.
    embed_norm: where halves have unit length: 'everywhere' (A30) or
      'loss_only'.

  Returns:
    The embedding.
  """
  visual_kernel, text_kernel = kernels
  # The frozen features may be stored in half precision; products are not.
  extra = visual.shape[1] - visual_kernel.shape[0]
  visual_kernel = jnp.pad(visual_kernel, ((0, extra), (0, 0)))
  visual_embedding = visual.astype(jnp.float32) @ visual_kernel
  text_embedding = text.astype(jnp.float32) @ text_kernel
  halves = [
    jnp.where(has_visual[:, None], visual_embedding, 0),
    jnp.where(has_text[:, None], text_embedding, 0),
  ]
  inputs = halves
  if embed_norm == 'everywhere':
    inputs = [unit(half) for half in halves]
  return ContentEmbedding(*halves, jnp.concatenate(inputs, axis=-1))


class InterestMaps(nn.Module):
  """T_v, T_t, T_u and T_x, of the networks that have interests.

  Attributes:
    video_count: V.
    visual_size: of v.
    text_size: of t.
    topic_count: K, of u.
    embed_size: E, of the semantic and of the interest space.
    hidden_size: H.
    embed_norm: 'everywhere' (A30) or 'loss_only'.
    softmax_bias: biases in Eq (7); the paper has none.
  """

  video_count: int
  visual_size: int
  text_size: int
  topic_count: int
  embed_size: int = 300
  hidden_size: int = 300
  embed_norm: str = 'everywhere'
  softmax_bias: bool = False

  def setup(self):
    """Declares the maps; a network's shell goes on to the rest of it."""
    check_embed_norm(self.embed_norm)
    size = self.embed_size
    self.visual_kernel, self.text_kernel = semantic_kernels(
      self, self.visual_size, self.text_size, size
    )
    self.interest_kernel = self.param(
      'interest_kernel', glorot, (self.topic_count, size)
    )
    self.video_kernel = self.param('video_kernel', glorot, (2 * size, size))

  def embed(
    self,
    visual: Num[Array, 'M Dv'],
    text: Num[Array, 'M Dt'],
    has_visual: Bool[Array, 'M'],
    has_text: Bool[Array, 'M'],
  ) -> ContentEmbedding:
    """See `embed_features`."""
    return embed_features(
      (self.visual_kernel, self.text_kernel),
      visual,
      text,
      has_visual,
      has_text,
      embed_norm=self.embed_norm,
    )

  def map_interests(
    self, interests: Float[Array, 'R K']
  ) -> Float[Array, 'R E']:
    """T_u u."""
    return interests @ self.interest_kernel

  def map_videos(self, content: Float[Array, 'M F']) -> Float[Array, 'M E']:
    """T_x (v (+) t)."""
    return content @ self.video_kernel

  def content_interests(
    self, embedding: ContentEmbedding, history: History, *, norm: str
  ) -> Float[Array, 'B E']:
    """T_x u~ of Eq (3), where `norm` is N_e."""
    weights = history.weights
    if norm == 'count':  # the others cancel what all weights share
      weights = weights * history.newest[:, None]
    content = interest.weighted_interest(
      weights, embedding.content, norm=norm, count=history.counts
    )
    return self.map_videos(content)

  def __call__(self) -> None:
    """Declares all: `init(key)` makes it, `bind` gives the maps."""


class Theta(InterestMaps):
  """theta and the maps it defines.

  Attributes:
    gru_bias: biases in Eq (5); the paper has none.
  """

  gru_bias: bool = False

  def setup(self):
    """Declares theta."""
    super().setup()
    self.gru = self.param(
      'gru',
      gru.init_gru,
      self.embed_size,
      self.hidden_size,
      use_bias=self.gru_bias,
    )
    self.output_kernel, self.output_bias = output_layer(
      self, self.video_count, self.hidden_size, use_bias=self.softmax_bias
    )
