"""What users' bags of watches add to the hidden units of `plus`.

  E_n'(x - m) + A_n'Q'(x - m), of every member n

x is the decayed bag over the root of its sum, m the mean of such bags, of all
train samples or of those at the same border; Q what the videos are about.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int

from dynrec_jax.data.batch import History
from dynrec_jax.models.dropout import drop_videos

# Which samples' bags m is the mean of: all, or those at the same border.
MEANS = ('all', 'border')
# What is learned for them.
LEARNED = frozenset(['input', 'content_input'])


class BagTables(NamedTuple):
  """What follows from the parameters alone, to serve.

  Attributes:
    kernel: [V, N H], E_n(v) + Q(v) A_n side by side.
    offset: [N H], m times the kernel; [L, N H] where each border has an m.
  """

  kernel: Array
  offset: Array


def make_tables(params: Any, has_content: Sequence[bool]) -> BagTables:
  """The tables of all members.

  Args:
    params: of `plus`.
    has_content: [N] whether a member reads content.
  """
  kernels = [
    own + params['content'] @ about if has else own
    for own, about, has in zip(
      params['input'], params['content_input'], has_content, strict=True
    )
  ]
  kernel = jnp.concatenate(kernels, axis=1)
  return BagTables(kernel, params['mean_bag'].T @ kernel)


def of_tables(tables: BagTables, history: History) -> Array:
  """[B, N H], of one product.

  Args:
    tables: their kernel of the history's videos.
    history: of the queries.
  """
  return _scaled(history) @ tables.kernel - _at_border(tables.offset, history)


def in_step(
  params: Any,
  ids: Int[Array, 'M'],
  history: History,
  keys: Sequence[jax.Array],
  has_content: Sequence[bool],
  *,
  rate: float,
) -> list[Array]:
  """[N] of [B, H], of a training step, where each member's own bag is thinned.

  What a video is about is read of whole bags.

  Args:
    params: of `plus`.
    ids: the history's videos.
    history: of the anchors.
    keys: [N], of each member.
    has_content: [N] whether a member reads content.
    rate: share of a bag's videos that is left out.
  """
  bag, mean, content = _scaled(history), params['mean_bag'].T, params['content']
  about = bag @ content[ids] - _at_border(mean @ content, history)
  sums = []
  for n, key in enumerate(keys):
    kernel = params['input'][n]
    kept = drop_videos(key, bag, ids, rate=rate)
    own = kept @ kernel[ids] - _at_border(mean @ kernel, history)
    if has_content[n]:
      own += about @ params['content_input'][n]
    sums.append(own)
  return sums


def _scaled(history: History) -> Array:
  """[B, M] x, over the root of its sum."""
  total = jnp.maximum(jnp.sum(history.weights, axis=1), 1)  # a watch or more
  return history.weights * jnp.sqrt(history.newest / total)[:, None]


def _at_border(of_means: Array, history: History) -> Array:
  """What follows from m, of each row's: [n], or of [L, n] -> [B, n]."""
  return of_means if of_means.ndim == 1 else of_means[history.session - 1]
