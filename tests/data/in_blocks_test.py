"""Steps' draws made by the block."""

import numpy as np

from dynrec_jax.data.in_blocks import InBlocks


def test_each_step_has_its_row_and_a_block_is_made_once_in_order():
  made = []

  def make(block, steps):
    made.append((block, steps))
    rows = 100 * block + np.arange(steps)
    return rows, np.stack([rows, -rows], axis=1)

  found = InBlocks(make, count=7, size=3)
  assert made == []
  for step in range(7):
    one, two = found[step]
    want = 100 * (step // 3) + step % 3
    assert one == want
    assert two.tolist() == [want, -want]
  assert made == [(0, 3), (1, 3), (2, 1)]
  assert found[1][0] == 1  # gone back to: made again, the same
  assert made[3:] == [(0, 3)]
