"""Texts whose words tell their labels, and vectors of the words."""

import numpy as np

from dynrec_jax.features.word_vectors import WordVectors


def vectors_of(words, size=16, seed=0):
  rng = np.random.default_rng(seed)
  return WordVectors(
    {word: row for row, word in enumerate(words)},
    rng.standard_normal((len(words), size)).astype(np.float32),
  )


THEMES = ('sea', 'sky', 'wood')
VECTORS = vectors_of(
  [f'{theme}{i}' for theme in (*THEMES, 'any') for i in range(12)]
)


def planted(count=240, seed=0):
  """Texts of 3-20 words, a third of them the label's own."""
  rng = np.random.default_rng(seed)
  texts, labels = [], []
  for i in range(count):
    length = int(rng.integers(3, 21))
    themes = np.where(rng.random(length) < 0.4, THEMES[i % 3], 'any')
    themes[0] = THEMES[i % 3]
    words = [f'{theme}{rng.integers(12)}' for theme in themes]
    texts.append(' '.join(words))
    labels.append((THEMES[i % 3].upper(),))
  return texts, labels
