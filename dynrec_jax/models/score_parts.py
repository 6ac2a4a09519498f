"""What a video's score is made of: parts that add up to its logit.

A logit is a product, so it says nothing alone: every part is told as how much
more it gives the video than the mean over the catalogue. Parts of a video then
add up to its logit less the mean logit.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from dynrec_jax.models.network import DecodeTables, ReadVideo

# Names of parts, in the order to tell them in.
PARTS = ('clock', 'content', 'history', 'list', 'video')


def share(
  kernel: Float[Array, 'V H'],
  states: Float[Array, 'B *k H'],
  ids: Int[Array, 'B k'],
) -> Float[Array, 'B k']:
  """(kernel_v - mean of all) . state, of each row's videos.

  Args:
    kernel: a row per video.
    states: a row's own, or one for each of its videos.
    ids: [B, k] videos.
  """
  rows = kernel[ids] - jnp.mean(kernel, axis=0)
  if states.ndim == 2:
    states = states[:, None]
  return jnp.einsum('bkh,bkh->bk', rows, jnp.broadcast_to(states, rows.shape))


def of_sequence(
  tables: DecodeTables,
  read_video: ReadVideo,
  states: Float[Array, 'B H'],
  ids: Int[Array, 'B k'],
) -> dict[str, Array]:
  """The parts of a network that reads what it has picked.

  Paper: Eq (7) of h_t; h_1 is made of the user, h_t - h_1 of the videos that
    stand above in the list.

  Args:
    tables: the checkpoint's.
    read_video: the network's, or one that reads nothing where all videos are
      picked of h_1.
    states: h_1.
    ids: the videos in the order they were picked.

  Returns:
    'history', what is known of the user; 'list', the videos above; 'video',
    the bias of Eq (7), where there is one.
  """
  each, state = [], states
  for place in range(ids.shape[1]):
    each.append(state)
    state = read_video(tables, state, ids[:, place])
  later = jnp.stack(each, axis=1) - states[:, None]
  found = {
    'history': share(tables.output_kernel, states, ids),
    'list': share(tables.output_kernel, later, ids),
  }
  if tables.output_bias is not None:
    bias = tables.output_bias
    found['video'] = bias[ids] - jnp.mean(bias)
  return found
