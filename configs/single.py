"""The single-network study on MovieTweetings: history and target are watches.

  python -m dynrec_jax.main --config=configs/single.py

Variants are the argument: `--config=configs/single.py:paper`.
"""

import ml_collections

from configs import default

VARIANTS = ('practical', 'paper', 'no_relevance', 'files')


def get_config(variant: str = 'practical') -> ml_collections.ConfigDict:
  """MovieTweetings, one of VARIANTS."""
  c = default.get_config()
  c.workdir = f'runs/single_{variant}'
  c.data.name = 'movietweetings'
  c.text.fields = ('title', 'description', 'tags', 'categories')
  c.opt.preset = 'practical'
  if variant == 'paper':
    c.opt.preset = 'paper'
  elif variant == 'no_relevance':
    c.loss.relevance_weight = 0.0
  elif variant == 'files':
    c.data.name = 'files'
  elif variant != 'practical':
    raise ValueError(
      f'unknown variant {variant!r}; valid are {", ".join(VARIANTS)}'
    )
  return c
