"""What is computed from raw content: features of videos, topics of videos.

Everything is cached on disk under a hash of its inputs and settings.
"""

import ml_collections
import numpy as np
from absl import logging

from dynrec_jax import cache
from dynrec_jax.data import sources
from dynrec_jax.data.records import Records
from dynrec_jax.features import blocks
from dynrec_jax.features.tfidf_svd import tfidf_svd
from dynrec_jax.objective import Features
from dynrec_jax.topics.text_lda import text_lda

ENCODERS = ('tfidf_svd',)
TOPIC_MODELS = ('text_lda',)


def video_features(
  records: Records, texts: list[str], config: ml_collections.ConfigDict
) -> Features:
  """Visual and text features with the masks of what is there."""

  def compute():
    text, has_text = tfidf_svd(texts, size=config.text.size, seed=config.seed)
    return {'text': text, 'has_text': has_text}

  found = cache.cached(
    cache_dir(config),
    config.text.encoder,
    [texts],
    {'size': config.text.size, 'seed': config.seed},
    compute,
  )
  visual, text = records.videos.visual, found['text']
  if not visual.shape[1]:  # a source without any visual feature
    visual = np.zeros((len(visual), 1), np.float32)
  elif config.features.l2:
    visual = blocks.unit_blocks(visual, config.features.visual_blocks)
  if config.features.l2:
    text = blocks.unit_blocks(text, ())
  features = Features(
    visual, text, records.videos.has_visual, found['has_text']
  )
  logging.info(
    'of %d videos %d have a visual feature, %d a text, %d both',
    len(visual),
    features.has_visual.sum(),
    features.has_text.sum(),
    (features.has_visual & features.has_text).sum(),
  )
  return features


def video_topics(
  texts: list[str], config: ml_collections.ConfigDict
) -> np.ndarray:
  """[V, K] topic vectors of the videos."""

  def compute():
    found = text_lda(texts, topic_count=config.topics.count, seed=config.seed)
    return {'topics': found.topics}

  settings = {'count': config.topics.count, 'seed': config.seed}
  found = cache.cached(
    cache_dir(config), config.topics.yt, [texts], settings, compute
  )
  return found['topics']


def cache_dir(config: ml_collections.ConfigDict) -> str:
  """Where computed content lies."""
  return str(
    sources.data_root(config.data.cache_dir or config.data.data_dir or None)
  )
