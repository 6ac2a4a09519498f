"""Documents in blocks: every word once, with its document."""

import numpy as np
import pytest
from scipy import sparse

from dynrec_jax.topics.count_blocks import pack_counts, unpack_rows


def random_counts(seed, documents=37, words=90):
  rng = np.random.default_rng(seed)
  dense = rng.poisson(rng.gamma(0.2, 1.0, (documents, 1)), (documents, words))
  dense[5] = 0
  return dense


@pytest.mark.parametrize('block_size', [1, 4, 64])
def test_blocks_hold_every_count(block_size):
  first, second = random_counts(0), random_counts(1, words=8)
  blocks = pack_counts(
    sparse.csr_matrix(first),
    sparse.csr_matrix(second),
    block_size=block_size,
    dtype=np.float32,
  )
  assert len(blocks) > 1
  found = np.zeros((38, 90)), np.zeros((38, 8))
  for block in blocks:
    assert block.document.shape[1] == block_size
    for dense, tokens in zip(found, block.tokens, strict=True):
      assert tokens.ids.dtype == np.int32
      assert tokens.counts.dtype == np.float32
      assert tokens.ids.shape[:2] == block.document.shape
      row = np.broadcast_to(block.document[..., None], tokens.ids.shape)
      np.add.at(dense, (row, tokens.ids), tokens.counts)
  np.testing.assert_array_equal(found[0][:-1], first)
  np.testing.assert_array_equal(found[1][:-1], second)
  assert not found[0][-1].any()  # padding


def test_short_documents_do_not_pay_for_long_ones():
  dense = np.zeros((100, 400), int)
  dense[:, :10] = 1
  dense[7] = 1
  blocks = pack_counts(sparse.csr_matrix(dense), block_size=4, dtype=np.float32)
  widths = [block.tokens[0].ids.shape[2] for block in blocks]
  assert widths == [16, 16, 400]


def test_rows_come_back_in_order():
  blocks = pack_counts(
    sparse.csr_matrix(random_counts(2)), block_size=8, dtype=np.float32
  )
  rows = [np.stack([b.document, -b.document], axis=-1) for b in blocks]
  out = unpack_rows(blocks, rows, 37)
  np.testing.assert_array_equal(out[:, 0], np.arange(37))
  np.testing.assert_array_equal(out[:, 1], -np.arange(37))


def test_no_document():
  empty = sparse.csr_matrix((0, 4), dtype=np.int64)
  assert pack_counts(empty, block_size=4, dtype=np.float32) == []
