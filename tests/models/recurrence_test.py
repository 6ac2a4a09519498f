"""The scan and the step of the recurrent networks, against `gru`."""

import jax
import jax.numpy as jnp
import numpy as np

from dynrec_jax import gru
from dynrec_jax.data import packed
from dynrec_jax.models import recurrence
from dynrec_jax.models.network import DecodeTables

D, H, V = 3, 4, 6


def normal(seed, *shape):
  return jnp.asarray(np.random.default_rng(seed).normal(size=shape), 'float32')


def params_of(*, use_bias):
  params = gru.init_gru(jax.random.key(0), D, H, use_bias=use_bias)
  if use_bias:
    params = params._replace(bias=normal(5, 3 * H))
  return params


def test_a_scan_is_step_after_step():
  """Two sequences: interest 1, videos 4 and 0; and interest 0."""
  params, videos, firsts = (
    params_of(use_bias=True),
    normal(1, V, D),
    normal(2, 2, D),
  )
  tokens = [[V + 1, 4, 0], [V]]
  lengths = np.array([3, 1])
  packing = packed.Packing(lengths, 3)
  row = np.array([0, 0, 0, 1])
  step = np.array([0, 1, 2, 0])
  inputs = packing.pack([(row, step, np.concatenate(tokens))])
  sequences = packed.Sequences(
    video_ids=jnp.arange(V),
    interests=firsts,
    inputs=jnp.asarray(packed.pad(inputs, 8)),
    step_counts=jnp.asarray(packing.step_counts),
    last=jnp.asarray(packing.last()),
  )
  states = recurrence.scan_sequences(params, videos, firsts, sequences)
  table = np.concatenate([videos, firsts])
  for i, own in enumerate(tokens):
    h = jnp.zeros((1, H))
    for j, token in enumerate(own):
      h = gru.gru_step(params, h, table[[token]])
      place = packing.place(np.array([i]), np.array([j]))
      np.testing.assert_allclose(states[place], h, atol=1e-6)
    np.testing.assert_allclose(states[sequences.last[i]], h[0], atol=1e-6)


def test_a_step_reads_the_video_with_and_without_products():
  for use_bias in (False, True):
    params, videos = params_of(use_bias=use_bias), normal(1, V, D)
    tables = DecodeTables(
      recurrence.Recurrence(params, videos, None), normal(3, V, H)
    )
    h, ids = normal(4, 2, H), jnp.array([5, 0])
    want = gru.gru_step(params, h, videos[ids])
    np.testing.assert_allclose(
      recurrence.read_video(tables, h, ids), want, atol=1e-6
    )
    folded = recurrence.fold_inputs(tables)
    assert folded.recurrence.inputs is None
    np.testing.assert_allclose(
      recurrence.read_video(folded, h, ids), want, atol=1e-6
    )
