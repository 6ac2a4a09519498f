"""SASRec: self-attention over the videos watched, and nothing else."""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, Key

from dynrec_jax.baselines import next_video
from dynrec_jax.recommender import Recommender, Seen

_EPSILON = 1e-6  # beside a variance
_FAR = -1e9  # a logit of weight 0


class Settings(NamedTuple):
  """The network and its training.

  Attributes:
    size: units of a video and of every layer.
    blocks: of attention and two dense layers.
    heads: of attention; they divide `size`.
    max_len: most watches that it looks back.
    dropout: share of units and of attention that is dropped.
    learning_rate: of Adam.
    epochs: passes over all watches.
    batch_size: watches of a step, about.
  """

  size: int
  blocks: int
  heads: int
  max_len: int
  dropout: float
  learning_rate: float
  epochs: int
  batch_size: int


class Norm(NamedTuple):
  """Of a layer norm: [H] each."""

  scale: jax.Array
  shift: jax.Array


class Block(NamedTuple):
  """One block.

  Attributes:
    before_attention: its norm.
    query_key_value: [H, 3H].
    joined: [H, H], what heads found, put together.
    before_dense: its norm.
    hidden: [H, H] and `hidden_bias` [H].
    output: [H, H] and `output_bias` [H].
  """

  before_attention: Norm
  query_key_value: jax.Array
  joined: jax.Array
  before_dense: Norm
  hidden: jax.Array
  hidden_bias: jax.Array
  output: jax.Array
  output_bias: jax.Array


class Params(NamedTuple):
  """The weights.

  Attributes:
    video: [V + 1, H], what is read, and what states are compared with; the
      last row is the start.
    place: [T, H], of a sequence.
    blocks: first to last.
    last: the norm of the states.
  """

  video: jax.Array
  place: jax.Array
  blocks: tuple[Block, ...]
  last: Norm


class SasRec(NamedTuple):
  """See `next_video.Network`."""

  video_count: int
  max_len: int
  size: int
  blocks: int
  heads: int
  dropout: float

  def init(self, key: Key[Array, '']) -> Params:
    """Fresh parameters."""
    keys = jax.random.split(key, 2 + self.blocks)
    small = jax.nn.initializers.normal(0.02)
    return Params(
      small(keys[0], (self.video_count + 1, self.size)),
      small(keys[1], (self.max_len, self.size)),
      tuple(_init_block(key, self.size) for key in keys[2:]),
      _init_norm(self.size),
    )

  def states(
    self,
    params: Params,
    inputs: Int[Array, 'R T'],
    place: Int[Array, 'R T'],
    key: Key[Array, ''] | None,
  ) -> Float[Array, 'R T H']:
    """See `next_video.Network`."""
    keys = [None] * (1 + self.blocks)
    if key is not None:
      keys = jax.random.split(key, 1 + self.blocks)
    x = params.video[inputs] * math.sqrt(self.size) + params.place[place]
    x = next_video.dropout(keys[0], x, self.dropout)
    visible = visible_places(place)
    for block, own in zip(params.blocks, keys[1:], strict=True):
      x = run_block(
        block, x, visible, own, heads=self.heads, dropout=self.dropout
      )
    return layer_norm(params.last, x)

  def output_kernel(self, params: Params) -> Float[Array, 'V H']:
    """See `next_video.Network`: the videos as they are read."""
    return params.video[:-1]


def fit(seen: Seen, settings: Settings) -> Recommender:
  """Recommends what attention to the known watches finds likeliest to follow.

  Paper: not one of its rows; a row of ours. The network of Kang and McAuley
    (2018).
  Differs: the full softmax instead of one sampled negative; every norm stands
    before its layer; places are counted from the start of a sequence.

  Args:
    seen: all that is known of everyone's watches.
    settings: see there.

  Returns:
    The recommender; all scores are 0 if there is no watch to learn from.

  Raises:
    ValueError: the heads do not divide the size.
  """
  if settings.size % settings.heads:
    raise ValueError(
      f'heads is {settings.heads}; right: a divisor of {settings.size}'
    )
  network = SasRec(
    seen.video_count,
    settings.max_len,
    settings.size,
    settings.blocks,
    settings.heads,
    settings.dropout,
  )
  return next_video.fit(
    seen,
    network,
    next_video.Training(
      settings.learning_rate, settings.epochs, settings.batch_size
    ),
  )


def visible_places(place: Int[Array, 'R T']) -> Bool[Array, 'R T T']:
  """Whether a place (first T) reads another: of its sequence, not behind it."""
  sequence = jnp.cumsum(place == 0, axis=1)
  same = sequence[:, :, None] == sequence[:, None, :]
  return same & jnp.tri(place.shape[1], dtype=bool)


def run_block(
  block: Block,
  x: Float[Array, 'R T H'],
  visible: Bool[Array, 'R T T'],
  key: Key[Array, ''] | None,
  *,
  heads: int,
  dropout: float,
) -> Float[Array, 'R T H']:
  """x + attention(norm(x)), and then x + dense(norm(x))."""
  keys = [None] * 4 if key is None else jax.random.split(key, 4)
  found = attend(
    block,
    layer_norm(block.before_attention, x),
    visible,
    keys[0],
    heads,
    dropout,
  )
  x = x + next_video.dropout(keys[1], found, dropout)
  hidden = layer_norm(block.before_dense, x) @ block.hidden + block.hidden_bias
  hidden = next_video.dropout(keys[2], jax.nn.relu(hidden), dropout)
  output = hidden @ block.output + block.output_bias
  return x + next_video.dropout(keys[3], output, dropout)


def attend(block, x, visible, key, heads, dropout):
  """softmax(q k / sqrt(d)) v over the visible places, of all heads at once."""
  rows, places, size = x.shape
  parts = (x @ block.query_key_value).reshape(
    rows, places, 3, heads, size // heads
  )
  query, keys, values = (parts[:, :, i] for i in range(3))
  logits = jnp.einsum('rqhd,rkhd->rhqk', query, keys)
  logits = logits / math.sqrt(size // heads)
  weights = jax.nn.softmax(jnp.where(visible[:, None], logits, _FAR))
  weights = next_video.dropout(key, weights, dropout)
  found = jnp.einsum('rhqk,rkhd->rqhd', weights, values)
  return found.reshape(rows, places, size) @ block.joined


def layer_norm(
  norm: Norm, x: Float[Array, '*rows H']
) -> Float[Array, '*rows H']:
  """Vectors of mean 0 and variance 1, scaled and shifted."""
  centred = x - jnp.mean(x, axis=-1, keepdims=True)
  variance = jnp.mean(centred * centred, axis=-1, keepdims=True)
  return centred * jax.lax.rsqrt(variance + _EPSILON) * norm.scale + norm.shift


def _init_norm(size: int) -> Norm:
  return Norm(jnp.ones(size), jnp.zeros(size))


def _init_block(key: Key[Array, ''], size: int) -> Block:
  """Glorot matrices, each of query, key and value for itself."""
  glorot = jax.nn.initializers.glorot_uniform()
  matrices = [glorot(k, (size, size)) for k in jax.random.split(key, 6)]
  return Block(
    _init_norm(size),
    jnp.hstack(matrices[:3]),
    matrices[3],
    _init_norm(size),
    matrices[4],
    jnp.zeros(size),
    matrices[5],
    jnp.zeros(size),
  )
