"""The cross-network study: history is a user's tweets, target the watches.

  python -m dynrec_jax.main --config=configs/cross.py

trains on a simulated year of two networks (no download, a minute and a half on
two CPU cores). Test users' watches are hidden: nothing but their tweets of the
first nine months is known. Real data:

  python -m dynrec_jax.main --config=configs/cross.py:movietweetings \
    --config.data.manual_dir=FOLDER
  python -m dynrec_jax.main --config=configs/cross.py:files \
    --config.data.manual_dir=FOLDER \
    --config.sessions.start=2013-06-01 --config.sessions.end=2014-06-01

`crossosn` stands in the place of `files`. `movietweetings` makes two streams of
one network: films with a poster feature are the videos, what the same users
said about all others the tweets. Variants are in `variants.py`; commas join
them.
"""

import ml_collections

from configs import default, variants
from dynrec_jax.sources import load

VARIANTS = tuple(
  name for name in variants.VARIANTS if name not in load.WITHOUT_TWEETS
)


def get_config(variant: str = '') -> ml_collections.ConfigDict:
  """A simulated year, or what the variant names."""
  c = default.get_config()
  c.scenario = 'cross'
  c.filter.min_tweets_per_user = 101  # the paper: more than 100
  variants.apply(c, variant)
  if c.data.name == 'crossosn':
    c.filter.min_tweets_per_user = 1  # a user's topics are one tweet
  if c.data.name not in load.OF_FOLDERS:
    methods = ('random', 'popularity', 'next_popularity', 'mknn', 'model')
    c.eval.methods = methods
  if c.data.name == 'movietweetings':
    c.data.name = 'movietweetings_streams'
    c.filter.min_tweets_per_user = 1  # 18,698 tweets of 1,477 users in all
    if c.opt.preset != 'paper':  # so few users: all that stay shall count
      c.filter.mode = 'fixpoint'
  return c
