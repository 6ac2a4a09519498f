"""Videos drawn by mm-LDA's own story, for the tests of topic models."""

from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.optimize import linear_sum_assignment


class Planted(NamedTuple):
  theta: np.ndarray  # [V, K]
  phi: tuple[np.ndarray, np.ndarray]  # [K, W] of text, [K, X] of visual words
  text: sparse.csr_matrix
  visual: sparse.csr_matrix


def planted_videos(
  seed=0,
  *,
  videos=240,
  topics=4,
  text_words=40,
  visual_words=48,
  lengths=(24, 16),
  concentration=0.15,
  size_ratio=1.0,
):
  """Every topic has words of its own, and some that others have too.

  The largest topic has `size_ratio` times the videos of the smallest, those
  between stand in geometric progression.
  """
  rng = np.random.default_rng(seed)
  sizes = size_ratio ** -np.linspace(0, 1, topics)
  theta = rng.dirichlet(concentration * sizes / sizes.mean(), videos)
  phi = tuple(
    rng.dirichlet(np.full(n, 0.1), topics) for n in (text_words, visual_words)
  )
  counts = [
    sparse.csr_matrix(
      np.stack([rng.multinomial(n, row @ p / (row @ p).sum()) for row in theta])
    )
    for p, n in zip(phi, lengths, strict=True)
  ]
  return Planted(theta, phi, *counts)


def noise(counts, seed=9):
  """As many words per video, all alike."""
  rng = np.random.default_rng(seed)
  flat = np.full(counts.shape[1], 1 / counts.shape[1])
  lengths = np.asarray(counts.sum(axis=1)).ravel()
  return sparse.csr_matrix(
    np.stack([rng.multinomial(n, flat) for n in lengths])
  )


def nothing(counts):
  return sparse.csr_matrix(counts.shape, dtype=counts.dtype)


def matched_cosine(weights, phi):
  """The worst cosine of a true topic with the found one matched to it."""
  found = weights.T / np.linalg.norm(weights, axis=0)[:, None]
  true = phi / np.linalg.norm(phi, axis=1)[:, None]
  cosine = true @ found.T
  rows, columns = linear_sum_assignment(-cosine)
  return cosine[rows, columns].min()
