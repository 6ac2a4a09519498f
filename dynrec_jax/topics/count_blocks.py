"""Counts of words as blocks of documents of about the same length."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_matrix

# A class of widths is compiled once; these shares of the documents, in order
# of length, end a class.
_CLASS_ENDS = (0.6, 0.92, 1.0)


class Tokens(NamedTuple):
  """Distinct words of padded documents.

  Attributes:
    ids: [blocks, B, W] int32; 0 in padding.
    counts: [blocks, B, W] float, how often, or how much; 0 in padding.
  """

  ids: np.ndarray
  counts: np.ndarray


class CountBlocks(NamedTuple):
  """Documents of one class of widths.

  Attributes:
    document: [blocks, B] int64, rows of the counts; their number in padding.
    tokens: one entry per kind of word that was packed.
  """

  document: np.ndarray
  tokens: tuple[Tokens, ...]


def pack_counts(
  *counts: csr_matrix, block_size: int, dtype: np.dtype
) -> list[CountBlocks]:
  """Blocks of all documents, shortest first.

  Args:
    *counts: [D, W] each, of the same documents: one kind of word or several.
      The first decides who shares a block.
    block_size: documents a block, B. They are iterated together until the
      slowest is done, and stand in a core's cache meanwhile.
    dtype: of the counts on the device.

  Returns:
    One entry per class of widths; none if there is no document.
  """
  lengths = np.diff(counts[0].indptr)
  order = np.argsort(lengths, kind='stable')
  ends = np.ceil(np.array(_CLASS_ENDS) * len(order)).astype(int)
  starts = np.concatenate([[0], ends[:-1]])
  return [
    _pack_class(counts, order[start:end], block_size, dtype)
    for start, end in zip(starts, ends, strict=True)
    if end > start
  ]


def unpack_rows(
  blocks: list[CountBlocks], rows: list[np.ndarray], document_count: int
) -> np.ndarray:
  """[D, K] from one [blocks, B, K] per class."""
  out = np.zeros((document_count + 1, rows[0].shape[-1]), rows[0].dtype)
  for block, row in zip(blocks, rows, strict=True):
    out[block.document] = row
  return out[:-1]


def _pack_class(counts, documents, block_size, dtype):
  """One class: whole blocks, the last filled up with empty documents."""
  total = counts[0].shape[0]
  size = -(-len(documents) // block_size) * block_size
  padded = np.full(size, total, np.int64)
  padded[: len(documents)] = documents
  tokens = [_pad(kind, documents, size, dtype) for kind in counts]
  return CountBlocks(
    padded.reshape(-1, block_size),
    tuple(
      Tokens(*(x.reshape(-1, block_size, x.shape[1]) for x in kind))
      for kind in tokens
    ),
  )


def _pad(counts, documents, size, dtype):
  """[size, W] words of the named documents, W a multiple of eight."""
  rows = counts[documents]
  lengths = np.diff(rows.indptr)
  width = max(8, -(-int(lengths.max()) // 8) * 8)
  ids = np.zeros((size, width), np.int32)
  amounts = np.zeros((size, width), dtype)
  row = np.repeat(np.arange(len(documents)), lengths)
  column = np.arange(len(row)) - rows.indptr[:-1][row]
  ids[row, column] = rows.indices
  amounts[row, column] = rows.data
  return Tokens(ids, amounts)
