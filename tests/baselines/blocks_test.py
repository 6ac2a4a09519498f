"""Rows by blocks: whole blocks only, and nobody's rows but one's own."""

import jax
import numpy as np
import pytest

from dynrec_jax.baselines import blocks

RNG = np.random.default_rng(0)
KERNEL = RNG.normal(size=(7, 333)).astype(np.float32)


@pytest.mark.parametrize('count', [0, 1, 127, 128, 129, 300])
def test_rows_of_whole_blocks(count):
  shapes = []

  def run(left, right):
    shapes.append((left.shape, right.shape))
    return left * right[:, None]

  left, right = RNG.normal(size=(count, 3)), RNG.integers(9, size=count)
  found = blocks.by_blocks(run, left, right)
  np.testing.assert_array_equal(found, left * right[:, None])
  assert found.shape == (count, 3)
  assert shapes == [((128, 3), (128,))] * max(1, -(-count // 128))


def test_a_row_alone_is_bit_for_bit_the_row_in_company():
  rows = RNG.normal(size=(300, 7)).astype(np.float32)
  product = jax.jit(lambda x: x @ KERNEL)
  want = blocks.by_blocks(product, rows)
  for place in (0, 1, 5, 126, 127, 128, 299):
    alone = blocks.by_blocks(product, rows[place : place + 1])
    np.testing.assert_array_equal(alone[0], want[place])
  np.testing.assert_array_equal(
    blocks.by_blocks(product, rows[::-1]), want[::-1]
  )
