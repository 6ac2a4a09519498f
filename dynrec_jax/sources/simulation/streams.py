"""Seeded random streams and the few draws that every mechanism shares."""

import statistics
import zlib

import numpy as np


def stream(seed: int, *names: str) -> np.random.Generator:
  """A generator of its own for each (seed, names), equal in every process.

  Worlds that differ in one mechanism's strength therefore share every other
  draw: the same users wake on the same days, the same videos are born.
  """
  words = [zlib.crc32(name.encode()) for name in names]
  return np.random.default_rng([seed, *words])


def scaled_probability(probability: float, strength: float) -> float:
  """The chance that at least one of `strength` tries succeeds.

  0 at strength 0, `probability` at 1, and below 1 at any strength, so that a
  dose-response curve never leaves the valid range.
  """
  return 1.0 - (1.0 - probability) ** strength


def stratified_normal(rng: np.random.Generator, count: int) -> np.ndarray:
  """[count] normal draws, one from each of `count` equal parts, shuffled.

  Their histogram hardly changes with the seed, so neither do counts that a
  threshold on them makes.
  """
  parts = (np.arange(count) + rng.uniform(1e-9, 1, count)) / count
  inverse = statistics.NormalDist().inv_cdf
  return rng.permutation([inverse(part) for part in parts])


def inverse_cdf(cumulative: np.ndarray, draws: np.ndarray) -> np.ndarray:
  """[n] indices: row i of `cumulative` [n, K] (ends near 1) cut at draws[i]."""
  found = (cumulative < draws[:, None]).sum(axis=1)
  return np.minimum(found, cumulative.shape[1] - 1).astype(np.int32)


def pick_weighted(
  weights: np.ndarray, draws: np.ndarray, block: int = 128
) -> np.ndarray:
  """[n] columns, column c of row i with chance weights[i, c] / sum(weights[i]).

  Args:
    weights: [n, C] float32, not negative. A row of zeros gives -1.
    draws: [n] float64 in [0, 1).
    block: columns per block; whole blocks are passed over by their sums.
  """
  rows, columns = weights.shape
  pad = -columns % block
  if pad:
    weights = np.pad(weights, ((0, 0), (0, pad)))
  blocks = weights.reshape(rows, -1, block)
  sums = np.cumsum(blocks.sum(axis=2, dtype=np.float64), axis=1)  # [n, blocks]
  target = draws * sums[:, -1]
  which = (sums <= target[:, None]).sum(axis=1)
  which = np.minimum(which, sums.shape[1] - 1)
  row = np.arange(rows)
  before = np.where(which > 0, sums[row, which - 1], 0.0)
  inner = np.cumsum(blocks[row, which], axis=1, dtype=np.float64)  # [n, block]
  # Rounding may leave the target a hair above its own block's sum.
  rest = np.minimum(target - before, inner[:, -1] * (1 - 1e-9))
  column = which * block + (inner <= rest[:, None]).sum(axis=1)
  return np.where(sums[:, -1] > 0, column, -1).astype(np.int64)
