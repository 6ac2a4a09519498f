"""The model's parameters, theta of the paper, as a thin Flax shell.

Paper: Sec 3. theta = {T_v, T_t, T_u, T_x, U_*, W_*, T_p}. The shell declares
them and maps arrays with them; the equations are in level 0.
"""

import flax.linen as nn
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Num

from dynrec_jax import gru
from dynrec_jax.losses import unit
from dynrec_jax.models.network import ContentEmbedding

EMBED_NORMS = ('everywhere', 'loss_only')

# T_*, as kernels that rows are multiplied with from the left.
_glorot = nn.initializers.glorot_uniform()


class Theta(nn.Module):
  """theta and the maps it defines.

  Attributes:
    video_count: V.
    visual_size: of v.
    text_size: of t.
    topic_count: K, of u.
    embed_size: E, of the semantic and of the interest space.
    hidden_size: H.
    embed_norm: 'everywhere' (A30) or 'loss_only'.
    gru_bias: biases in Eq (5); the paper has none.
    softmax_bias: biases in Eq (7); the paper has none.
  """

  video_count: int
  visual_size: int
  text_size: int
  topic_count: int
  embed_size: int = 300
  hidden_size: int = 300
  embed_norm: str = 'everywhere'
  gru_bias: bool = False
  softmax_bias: bool = False

  def setup(self):
    """Declares theta."""
    if self.embed_norm not in EMBED_NORMS:
      raise ValueError(
        f'embed_norm is {self.embed_norm!r}; valid are {", ".join(EMBED_NORMS)}'
      )
    size = self.embed_size
    self.visual_kernel = self.param(
      'visual_kernel', _glorot, (self.visual_size, size)
    )
    self.text_kernel = self.param(
      'text_kernel', _glorot, (self.text_size, size)
    )
    self.interest_kernel = self.param(
      'interest_kernel', _glorot, (self.topic_count, size)
    )
    self.video_kernel = self.param('video_kernel', _glorot, (2 * size, size))
    self.gru = self.param(
      'gru', gru.init_gru, size, self.hidden_size, use_bias=self.gru_bias
    )
    self.output_kernel = self.param(
      'output_kernel', _glorot, (self.video_count, self.hidden_size)
    )
    self.output_bias = None
    if self.softmax_bias:
      self.output_bias = self.param(
        'output_bias', nn.initializers.zeros, (self.video_count,)
      )

  def embed(
    self,
    visual: Num[Array, 'M Dv'],
    text: Num[Array, 'M Dt'],
    has_visual: Bool[Array, 'M'],
    has_text: Bool[Array, 'M'],
  ) -> ContentEmbedding:
    """Videos in the semantic space, v_e = T_v v and t_e = T_t t.

    Differs: a missing modality is a zero half, so the video enters through the
    other one. Zero columns behind `visual_size` are allowed, see
    `catalogue.padded`.
    """
    # The frozen features may be stored in half precision; products are not.
    extra = visual.shape[1] - self.visual_kernel.shape[0]
    visual_kernel = jnp.pad(self.visual_kernel, ((0, extra), (0, 0)))
    visual_embedding = visual.astype(jnp.float32) @ visual_kernel
    text_embedding = text.astype(jnp.float32) @ self.text_kernel
    halves = [
      jnp.where(has_visual[:, None], visual_embedding, 0),
      jnp.where(has_text[:, None], text_embedding, 0),
    ]
    inputs = halves
    if self.embed_norm == 'everywhere':
      inputs = [unit(half) for half in halves]
    return ContentEmbedding(*halves, jnp.concatenate(inputs, axis=-1))

  def map_interests(
    self, interests: Float[Array, 'R K']
  ) -> Float[Array, 'R E']:
    """T_u u."""
    return interests @ self.interest_kernel

  def map_videos(self, content: Float[Array, 'M F']) -> Float[Array, 'M E']:
    """T_x (v (+) t)."""
    return content @ self.video_kernel

  def __call__(self) -> None:
    """Declares theta: `init(key)` makes it, `bind` gives the maps."""
