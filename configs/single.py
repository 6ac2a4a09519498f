"""The single-network study: history and target are a user's watches.

  python -m dynrec_jax.main --config=configs/single.py

trains on a simulated year (no download, a minute on two CPU cores). Real data:

  python -m dynrec_jax.main --config=configs/single.py:movietweetings
  python -m dynrec_jax.main --config=configs/single.py:files \
    --config.data.manual_dir=FOLDER \
    --config.sessions.start=2013-06-01 --config.sessions.end=2014-06-01

In the place of `files` stand data sets that are read as they lie: `recbole`,
`microlens`, `kuairand`, `kuairec`, `movielens`, `crossosn`. Other variants are
in `variants.py`; commas join them, as in
`configs/single.py:movietweetings,paper`.
"""

import ml_collections

from configs import default, variants
from dynrec_jax.sources import load

VARIANTS = variants.VARIANTS


def get_config(variant: str = '') -> ml_collections.ConfigDict:
  """A simulated year, or what the variant names."""
  c = default.get_config()
  c.scenario = 'single'
  variants.apply(c, variant)
  # Logs may be of any size, and ridge holds videos x videos.
  if c.data.name not in load.OF_FOLDERS:
    c.eval.methods = ('random', 'popularity', 'item_knn', 'ridge', 'model')
  return c
