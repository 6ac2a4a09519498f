"""Documents of planted themes."""

import itertools

import numpy as np

WORDS = [
  [f'{theme}{"".join(p)}' for p in itertools.product('abcd', repeat=2)]
  for theme in ('sea', 'war', 'music')
]


def planted(count=120, seed=0, length=25):
  """Documents of one theme each, with a few words of another."""
  rng = np.random.default_rng(seed)
  themes = np.arange(count) % 3
  documents = []
  for theme in themes:
    main = rng.choice(WORDS[theme], size=length)
    other = rng.choice(WORDS[(theme + 1) % 3], size=3)
    documents.append(' '.join([*main, *other]))
  return documents, themes
