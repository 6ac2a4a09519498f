"""The softmax over a cut catalogue; `catalogue_test` has it on many devices."""

import cut_checks
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from dynrec_jax import softmax
from dynrec_jax.parallel import catalogue
from dynrec_jax.parallel.cut_softmax import cut_coherence_loss

pytestmark = pytest.mark.usefixtures('quick_compile')


def over_one_device(weights, rows, **settings):
  """Loss and gradients of T_p and states, where nothing is to be exchanged."""
  states, targets, mass, where = (x[0] for x in rows)

  def step(weights):
    def loss(kernel, states):
      return cut_coherence_loss(
        states,
        kernel,
        targets,
        video_count=len(weights['output_kernel']),
        where=where,
        weights=mass,
        **settings,
      )

    return jax.value_and_grad(loss, (0, 1))(weights['output_kernel'], states)

  cut = cut_checks.cut_over_all(len(weights['output_kernel']))
  run = catalogue.data_parallel(step, cut, split=(False,))
  return run(weights)


def test_products_of_another_dtype_round_as_in_the_whole():
  weights, rows = cut_checks.problem(19)
  states, targets, mass, where = (x[0] for x in rows)

  def loss(kernel, states):
    return softmax.fused_coherence_loss(
      states, kernel, targets, where=where, weights=mass,
      product_dtype=jnp.bfloat16,
    )  # fmt: skip

  kernel = weights['output_kernel']
  want = jax.value_and_grad(loss, (0, 1))(kernel, states)
  got = over_one_device(weights, rows, product_dtype=jnp.bfloat16)
  for x, y in zip(*map(jax.tree.leaves, (got, want)), strict=True):
    np.testing.assert_allclose(x, y, rtol=1e-2, atol=1e-2)
  exact = over_one_device(weights, rows)
  assert abs(got[0] - want[0]) < 0.2 * abs(exact[0] - want[0])


def test_far_apart_logits_are_no_trouble():
  weights, rows = cut_checks.problem(19)
  weights['output_kernel'] = weights['output_kernel'] * 1e4
  got = over_one_device(weights, rows)
  assert all(np.isfinite(x).all() for x in jax.tree.leaves(got))


def test_no_row_counts():
  weights, rows = cut_checks.problem(19)
  rows = (rows[0] * np.nan, *rows[1:3], rows[3] & False)
  for x in jax.tree.leaves(over_one_device(weights, rows)):
    assert not np.asarray(x).any()


def test_chunks_have_rows():
  with pytest.raises(ValueError, match=r'^chunk_size is 0, must be 1 or more'):
    over_one_device(*cut_checks.problem(3), chunk_size=0)
