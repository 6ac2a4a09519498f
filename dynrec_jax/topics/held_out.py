"""How well a topic model of videos foretells words it has not seen."""

import numpy as np
from scipy.sparse import csr_matrix

from dynrec_jax.topics.variational_topics import (
  Counts,
  TopicModel,
  document_topics,
)

_CHUNK = 1 << 15  # words a step when probabilities are tabulated


def halves(counts: csr_matrix, *, seed: int) -> tuple[csr_matrix, csr_matrix]:
  """Cuts every document's words into two halves at random.

  Args:
    counts: [D, W] whole numbers.
    seed: of the cut.

  Returns:
    Two matrices whose sum is `counts`; the first has the odd word.
  """
  counts = csr_matrix(counts, copy=True)
  counts.sum_duplicates()
  row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
  row = np.repeat(row, counts.data)
  word = np.repeat(counts.indices, counts.data)
  order = np.lexsort((np.random.default_rng(seed).random(len(row)), row))
  row, word = row[order], word[order]
  inside = np.arange(len(row)) - np.searchsorted(row, row, side='left')
  parts = []
  for side in (inside % 2 == 0, inside % 2 == 1):
    ones = np.ones(int(side.sum()), np.int64)
    parts.append(
      csr_matrix((ones, (row[side], word[side])), shape=counts.shape)
    )
  return parts[0], parts[1]


def video_perplexity(model: TopicModel, counts: Counts, *, seed: int) -> float:
  """exp(-log likelihood per word) of half of each held-out video's words.

  Half of a video's words of each kind fold it in; the others are scored by
  log sum_k E[theta_dk] E[phi_kw]. In Corr-LDA the text words of a video with
  visual words are scored by the mean of those words' topics instead of theta,
  as the model has it. A visual word weighs what it does in the fit.

  Args:
    model: fitted without these videos.
    counts: their words; whole numbers.
    seed: of the halves.

  Returns:
    The perplexity, at least 1.

  Raises:
    ValueError: no video has two words of one kind.
  """
  sides = [
    halves(kind, seed=(seed, i))  # a stream for each kind of word
    for i, kind in enumerate(counts)
  ]
  fold, score = (Counts(*side) for side in zip(*sides, strict=True))
  if not score.text.nnz + score.visual.nnz:
    raise ValueError(
      'perplexity needs a video with two words of one kind; got none among '
      f'{counts.text.shape[0]} videos'
    )
  settings = model.settings
  gamma = document_topics(model, fold).gamma.astype(np.float64)
  theta = gamma / gamma.sum(1, keepdims=True)
  text_theta = theta
  if settings.form == 'corr_lda':
    seen = np.asarray(fold.visual.sum(axis=1)).ravel() > 0
    of_words = np.maximum(gamma - settings.topic_prior, 0)
    total = np.where(seen, of_words.sum(1), 1)[:, None]
    text_theta = np.where(seen[:, None], of_words / total, theta)
  weight = settings.visual_weight
  total = _log_likelihood(score.text, text_theta, model.text_weights)
  total += weight * _log_likelihood(score.visual, theta, model.visual_weights)
  return float(
    np.exp(-total / (score.text.sum() + weight * score.visual.sum()))
  )


def _log_likelihood(counts, theta, weights):
  """sum_dw c_dw log sum_k theta_dk E[phi_kw]."""
  phi = weights.astype(np.float64)
  phi = phi / phi.sum(0)
  row = np.repeat(np.arange(counts.shape[0]), np.diff(counts.indptr))
  total = 0.0
  for start in range(0, counts.nnz, _CHUNK):
    part = slice(start, start + _CHUNK)
    p = np.einsum('nk,nk->n', theta[row[part]], phi[counts.indices[part]])
    total += float((counts.data[part] * np.log(p)).sum())
  return total
