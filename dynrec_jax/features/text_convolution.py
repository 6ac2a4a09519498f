"""The network of Kim (2014) and its convolution, maximum over time included."""

from collections.abc import Sequence

import flax.linen as nn
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from dynrec_jax.typed import typed

WIDTHS = (3, 4, 5)  # words that a filter reads


@typed
def window_maxima(
  ids: Int[Array, 'B T'],
  words: Float[Array, 'W D'],
  kernels: Sequence[Float[Array, '_ D M']],
) -> Float[Array, 'B F']:
  """The largest answer of every filter over all windows that touch the text.

  A window of w words may hang over either end, where it reads zeros; so a text
  of one word has w windows, and neither its neighbours in the batch nor the
  padding change a number. Kim's code pads both ends, too.

  A filter meets each different word once, not each place it stands at; a loop
  over the places adds up windows and keeps the largest, as long as the longest
  text is; and the gradient passes through the winning windows alone (of equal
  ones, the first). That is a fraction of a plain convolution's arithmetic, and
  one compiled program for texts of all lengths.

  Args:
    ids: rows of `words`, 0 behind the end of a text.
    words: word vectors; row 0 is zeros.
    kernels: one [w, D, M] for each width w.

  Returns:
    The maxima, F = M numbers for each kernel, in their order; meaningless for a
    text without words.
  """
  # Each filter's word k against each word: [W, sum of w * M].
  answers = words @ jnp.concatenate(
    [k for kernel in kernels for k in kernel], axis=1
  )
  shapes = [(kernel.shape[0], kernel.shape[2]) for kernel in kernels]
  ends = _winning_ends(ids, jax.lax.stop_gradient(answers), shapes)
  maxima, column = [], 0
  for (width, maps), end in zip(shapes, ends, strict=True):
    places = jnp.pad(ids, ((0, 0), (width - 1, width - 1)))
    total = 0
    for k in range(width):
      winners = jnp.take_along_axis(places, end + k, axis=1)  # [B, M]
      columns = column + jnp.arange(maps)
      total += answers.at[winners, columns].get(mode='promise_in_bounds')
      column += maps
    maxima.append(total)
  return jnp.concatenate(maxima, axis=-1)


def _winning_ends(ids, answers, shapes):
  """For each width [B, M] int32: the place where the best window ends."""
  lengths = jnp.sum(ids > 0, axis=1)[:, None]
  longest = max(width for width, _ in shapes)
  row_count = len(ids)
  padded = jnp.pad(ids, ((0, 0), (0, longest - 1)))

  def read_place(place, carry):
    word = jax.lax.dynamic_index_in_dim(padded, place, 1, keepdims=False)
    found = answers.at[word].get(mode='promise_in_bounds')
    out, column = [], 0
    for (width, maps), (sums, top, end) in zip(shapes, carry, strict=True):
      parts = found[:, column : column + width * maps]
      parts = parts.reshape(row_count, width, maps)
      column += width * maps
      # sums[:, k]: a window that has read k + 1 words; the front reads zeros.
      full = sums[:, -1] + parts[:, -1]
      started = jnp.pad(sums[:, :-1], ((0, 0), (1, 0), (0, 0)))
      better = (full > top) & (place < lengths + width - 1)
      top, end = jnp.where(better, full, top), jnp.where(better, place, end)
      out.append((started + parts[:, :-1], top, end))
    return out

  start = [
    (
      jnp.zeros((row_count, width - 1, maps)),
      jnp.full((row_count, maps), -jnp.inf),
      jnp.zeros((row_count, maps), jnp.int32),
    )
    for width, maps in shapes
  ]
  last = jnp.max(lengths) + longest - 1
  found = jax.lax.fori_loop(0, last, read_place, start)
  return [end for _, _, end in found]


class TextCnn(nn.Module):
  """The network; its word vectors are an argument, as they are not trained.

  Attributes:
    word_size: D, numbers per word vector.
    map_count: M, filters of each width.
    class_count: C.
    dropout_rate: share of the features that a training step leaves out.
  """

  word_size: int
  map_count: int
  class_count: int
  dropout_rate: float = 0.5

  def setup(self):
    """Declares the parameters."""
    size = self.map_count * len(WIDTHS)
    self.kernels = [
      self.param(
        f'kernel_{width}',
        nn.initializers.he_uniform(),
        (width, self.word_size, self.map_count),
      )
      for width in WIDTHS
    ]
    self.bias = self.param('bias', nn.initializers.zeros, (size,))
    self.head = self.param(
      'head', nn.initializers.glorot_uniform(), (size, self.class_count)
    )
    self.head_bias = self.param(
      'head_bias', nn.initializers.zeros, (self.class_count,)
    )
    self.dropout = nn.Dropout(self.dropout_rate)

  def pool(
    self, ids: Int[Array, 'B T'], words: Float[Array, 'W D']
  ) -> Float[Array, 'B F']:
    """The features: 3M numbers a text, 0 for a text without words."""
    maxima = window_maxima(ids, words, self.kernels)
    # ReLU grows with its argument: after the maximum it costs less.
    return jnp.where(ids[:, :1] > 0, nn.relu(maxima + self.bias), 0)

  def __call__(
    self,
    ids: Int[Array, 'B T'],
    words: Float[Array, 'W D'],
    *,
    deterministic: bool,
  ) -> Float[Array, 'B C']:
    """The classes' logits; dropout unless deterministic."""
    pooled = self.dropout(self.pool(ids, words), deterministic=deterministic)
    return pooled @ self.head + self.head_bias
