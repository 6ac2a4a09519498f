"""What the recurrent networks share: one scan to train, one step to serve."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array

from dynrec_jax import gru, packed_gru
from dynrec_jax.data.packed import Sequences
from dynrec_jax.models.network import DecodeTables


class Recurrence(NamedTuple):
  """What a GRU goes on from, video by video.

  One of `inputs` and `products` is given, the other is None.

  Attributes:
    params: the GRU's weights.
    inputs: [V, E], what it reads after each video.
    products: [V, 3H], `inputs` times the input kernel, made once by
      `fold_inputs`: faster, but 3.6 GB at a million videos.
  """

  params: gru.GRUParams
  inputs: Array | None
  products: Array | None


def scan_sequences(
  params: gru.GRUParams,
  videos: Array,
  firsts: Array,
  sequences: Sequences,
  *,
  product_dtype: Any = None,
  whole_steps: bool = False,
) -> Array:
  """The forward pass, of training and of serving.

  Args:
    params: the GRU's weights.
    videos: [M, E] the sequences' videos as it reads them.
    firsts: [R, E] the sequences' interests as it reads them.
    sequences: what is read.
    product_dtype: of the operands of the GRU's products; None is float32.
    whole_steps: whether a sequence's states must not depend on the others', as
      in serving; see `packed_gru`.

  Returns:
    [P, H] the state after every input.
  """
  return packed_gru.gru_scan_packed_table(
    params,
    jnp.concatenate([videos, firsts]),
    sequences.inputs,
    sequences.step_counts,
    row_count=sequences.last.size,
    product_dtype=product_dtype,
    whole_steps=whole_steps,
  )


def read_video(tables: DecodeTables, h: Array, ids: Array) -> Array:
  """[B, H] the states after one video each: one step of Eq (5)."""
  params, inputs, products = tables.recurrence
  if products is None:
    return gru.gru_step(params, h, inputs[ids])
  return gru.gru_step_products(params, h, products[ids])


@jax.jit
def fold_inputs(tables: DecodeTables) -> DecodeTables:
  """The same tables with the GRU's input products made once.

  Args:
    tables: with `inputs`.

  Returns:
    Tables with `products` in their place.
  """
  params, inputs, _ = tables.recurrence
  products = inputs @ params.input_kernel
  return tables._replace(recurrence=Recurrence(params, None, products))
