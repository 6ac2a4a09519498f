"""Recommendation by the trained network: k videos, one after another.

The catalogue is walked in chunks with a running best, so that a million
videos need no [B, V] array. Nothing here knows a checkpoint or a config.
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Bool, Float, Int

from dynrec_jax.models.network import DecodeTables, ReadVideo
from dynrec_jax.parallel import catalogue
from dynrec_jax.parallel.catalogue import Cut
from dynrec_jax.typed import typed

# Scores held at once if the caller names no chunk size: 16 MiB of float32.
_SCORES_AT_ONCE = 1 << 22
# A chunk's rows of the kernel are copied: this many stay in a core's reach.
_CHUNK_VIDEOS = 2048
# The id where no video is left.
_NONE = -1


@functools.partial(
  jax.jit,
  static_argnames=('read_video', 'k', 'mask_generated', 'chunk_size', 'cut'),
)
@typed
def greedy_decode(
  tables: DecodeTables,
  state: Float[Array, 'B H'],
  known: Int[Array, 'B M'],
  *,
  read_video: ReadVideo,
  k: int,
  known_where: Bool[Array, 'B M'] | None = None,
  mask_generated: bool = True,
  chunk_size: int | None = None,
  cut: Cut | None = None,
) -> tuple[Int[Array, 'B k'], Float[Array, 'B k']]:
  """The k most likely videos, each given those before it.

  Paper: Sec. 3.4, v_t = argmax Eq. (8) of h_t; h_(t+1) reads v_t.

  Args:
    tables: the checkpoint's tables.
    state: h_1, the state that predicts the first video.
    known: videos of each user that must not be recommended; an id outside
      [0, V) stands for none.
    read_video: the network's, see `network.Network`.
    k: how many videos.
    known_where: entries of `known` that count; None counts every one.
    mask_generated: never recommends a video twice; Eq. (8) forbids nothing,
      but precision at k needs k different videos (A22).
    chunk_size: videos scored at once; None chooses it by the rows.
    cut: of a catalogue over devices, inside of `catalogue.data_parallel`: the
      tables are a device's part, with what `read_video` reads as
      `catalogue.CutRows`; all else is the same on all devices, and so are the
      results. None where the tables are whole.

  Returns:
    The videos in the order they are generated, ties to the lower id, and
    log P of Eq. (8), which masks do not change. Where no video is left (or
    scores are not numbers): id -1, log P -inf.

  Raises:
    ValueError: k or chunk_size is not positive.
  """
  size = _chunk_size(tables, state, k, chunk_size)
  video_count = _video_count(tables, cut)
  known = _banned(video_count, known, known_where)
  chosen = jnp.full((state.shape[0], k), video_count)

  def body(carry, step):
    h, chosen = carry
    banned = jnp.concatenate([known, chosen.astype(known.dtype)], axis=1)
    ids, log_p = _top_videos(tables, h, banned, 1, size, cut)
    if mask_generated:
      filled = jnp.where(ids < 0, video_count, ids)
      chosen = lax.dynamic_update_slice_in_dim(chosen, filled, step, axis=1)
    h = read_video(tables, h, jnp.maximum(ids[:, 0], 0))  # -1 reads any
    return (h, chosen), (ids[:, 0], log_p[:, 0])

  _, (ids, log_p) = lax.scan(body, (state, chosen), jnp.arange(k))
  return ids.T, log_p.T


@functools.partial(jax.jit, static_argnames=('k', 'chunk_size', 'cut'))
@typed
def topk_first(
  tables: DecodeTables,
  state: Float[Array, 'B H'],
  known: Int[Array, 'B M'],
  *,
  k: int,
  known_where: Bool[Array, 'B M'] | None = None,
  chunk_size: int | None = None,
  cut: Cut | None = None,
) -> tuple[Int[Array, 'B k'], Float[Array, 'B k']]:
  """The k most likely first videos, a list instead of a sequence.

  Paper: Eq. (8) of h_1 alone.
  Differs: the paper generates step by step; this is the alternative.

  Args:
    tables: as in `greedy_decode`.
    state: as in `greedy_decode`.
    known: as in `greedy_decode`.
    k: how many videos.
    known_where: as in `greedy_decode`.
    chunk_size: as in `greedy_decode`.
    cut: as in `greedy_decode`.

  Returns:
    As `greedy_decode`, most likely first.

  Raises:
    ValueError: k or chunk_size is not positive.
  """
  size = _chunk_size(tables, state, k, chunk_size)
  banned = _banned(_video_count(tables, cut), known, known_where)
  return _top_videos(tables, state, banned, k, size, cut)


def _video_count(tables, cut):
  """V, of all devices together."""
  return tables.output_kernel.shape[0] if cut is None else cut.video_count


def _chunk_size(tables, state, k, chunk_size):
  """Videos scored at once, at most all of them."""
  if k < 1:
    raise ValueError(f'k is {k}, must be 1 or more')
  if chunk_size is None:
    chunk_size = max(1, _SCORES_AT_ONCE // max(1, state.shape[0]))
    if chunk_size < tables.output_kernel.shape[0]:
      chunk_size = min(chunk_size, _CHUNK_VIDEOS)
  if chunk_size < 1:
    raise ValueError(f'chunk_size is {chunk_size}, must be 1 or more')
  return min(chunk_size, tables.output_kernel.shape[0])


def _banned(video_count, known, where):
  """Known ids, with V (dropped by every mask) for what does not count."""
  counts = (known >= 0) & (known < video_count)
  if where is not None:
    counts &= where
  return jnp.where(counts, known, video_count)


def _top_videos(tables, h, banned, k, size, cut):
  """The k best videos that are not banned, and their log P, each [B, k]."""
  if cut is None:
    (ids, logits), (peak, norm) = _walk(tables, h, banned, k, size)
    log_sum = peak + jnp.log(norm)
  else:
    first = cut.first_row()
    real = cut.video_count - first  # rows behind it are no video's
    best, sums = _walk(tables, h, banned - first, k, size, real)
    ids, logits = catalogue.best_of_all(best[0] + first, best[1])
    log_sum = catalogue.log_sum_of_all(*sums)
  found = logits > -jnp.inf
  log_p = logits - log_sum[:, None]
  return jnp.where(found, ids, _NONE), jnp.where(found, log_p, -jnp.inf)


def _walk(tables, h, banned, k, size, real=None):
  """The k best rows with their logits; the peak and sum of exponentials."""
  video_count = tables.output_kernel.shape[0]
  lowest = jnp.full((h.shape[0], k), -jnp.inf, h.dtype)
  best = (jnp.full(lowest.shape, _NONE, jnp.int32), lowest)
  carry = (best, (lowest[:, 0], jnp.zeros_like(lowest[:, 0])))
  if size == video_count:
    return _visit(tables, h, banned, carry, None, size, real)
  return lax.fori_loop(
    0,
    -(-video_count // size),
    lambda i, c: _visit(tables, h, banned, c, i * size, size, real),
    carry,
  )


def _visit(tables, h, banned, carry, begin, size, real):
  """Takes one chunk of the catalogue, from `begin`, into the running best."""
  (ids, values), (peak, norm) = carry
  # The last chunk starts early, to be as wide as the others.
  start = (
    0
    if begin is None
    else jnp.minimum(begin, tables.output_kernel.shape[0] - size)
  )
  logits = _logits(tables, h, start, size)
  if begin is not None:
    seen = start + jnp.arange(size) < begin
    logits = jnp.where(seen, -jnp.inf, logits)
  if real is not None:
    logits = jnp.where(start + jnp.arange(size) < real, logits, -jnp.inf)
  peak, norm = _log_sum(logits, peak, norm)
  rows = jnp.arange(h.shape[0])[:, None]
  places = jnp.where(banned < start, size, banned - start)
  open_ = logits.at[rows, places].set(-jnp.inf, mode='drop')
  top, places = _top(open_, min(values.shape[1], size))
  values = jnp.concatenate([values, top], axis=1)
  ids = jnp.concatenate([ids, places + start], axis=1)
  values, places = _top(values, ids.shape[1] - top.shape[1])
  return (jnp.take_along_axis(ids, places, axis=1), values), (peak, norm)


def _logits(tables, h, start, size):
  """Scores [B, size] of the videos from `start` on."""
  kernel, bias = tables.output_kernel, tables.output_bias
  if size < kernel.shape[0]:
    kernel = lax.dynamic_slice_in_dim(kernel, start, size)
  logits = jnp.einsum('bh,vh->bv', h, kernel)
  if bias is None:
    return logits
  return logits + lax.dynamic_slice_in_dim(bias, start, size)


def _log_sum(logits, peak, norm):
  """The running sum of exp(logits - peak), both [B], with these taken in."""
  higher = jnp.maximum(peak, jnp.max(logits, axis=-1))
  # A device behind the last video has none: its sum is 0.
  shift = jnp.where(higher == -jnp.inf, 0, higher)
  exps = jnp.exp(logits - shift[:, None])
  return higher, norm * jnp.exp(peak - shift) + jnp.sum(exps, axis=-1)


def _top(values, k):
  """The k largest of each row and where they are, ties to the left."""
  if k > 1:
    return lax.top_k(values, k)
  # On a CPU several times faster than argmax.
  best = jnp.max(values, axis=1, keepdims=True)
  last = values.shape[1] - 1
  place = jnp.arange(last + 1, dtype=jnp.int32)
  first = jnp.min(jnp.where(values == best, place, last), axis=1, keepdims=True)
  return best, first
