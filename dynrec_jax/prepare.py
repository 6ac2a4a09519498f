"""From a source of raw records to everything a study reads, of any split.

Records, filters, sessions; then what is computed from content (topics, text
features), which is cached on disk under a hash of its inputs and settings.
"""

import contextlib
import hashlib
import sys
from typing import NamedTuple

import ml_collections
import numpy as np
from absl import logging

from dynrec_jax import cache
from dynrec_jax.data import filters, histories, sessions, sources
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.records import Records
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.features import blocks, documents
from dynrec_jax.features.tfidf_svd import tfidf_svd
from dynrec_jax.objective import Features
from dynrec_jax.topics.text_lda import text_lda

ENCODERS = ('tfidf_svd',)
TOPIC_MODELS = ('text_lda',)


class Prepared(NamedTuple):
  """What all splits of a study share.

  Attributes:
    records: the filtered source.
    watches: of all users.
    behaviours: what interests are made of; here the watches.
    topics: [R, K] topic vectors of the behaviours' items.
    features: of the catalogue, on the host.
    sessions: the clock.
    fingerprint: of the catalogue and all content vectors; a checkpoint fits
      no other.
  """

  records: Records
  watches: Histories
  behaviours: Histories
  topics: np.ndarray
  features: Features
  sessions: Sessions
  fingerprint: str


def prepare(config: ml_collections.ConfigDict) -> Prepared:
  """Loads, filters and describes the source that the config names.

  Raises:
    ValueError: for malformed data or if the filters leave nothing; the message
      names file, row or key.
  """
  records = _filtered(_load(config), config)
  watches = histories.watch_histories(records.watches, len(records.user_ids))
  texts = documents.video_documents(records.videos, config.text.fields)
  features = _features(records, texts, config)
  topics = _topics(texts, config)
  clock = sessions.make_sessions(
    int(watches.time.min()), int(watches.time.max()), config.sessions.L
  )
  return Prepared(
    records,
    watches,
    watches,
    topics,
    features,
    clock,
    _fingerprint(records, features, topics),
  )


def _load(config) -> Records:
  """The raw source."""
  # TFDS prints what it does; standard output is for results.
  with contextlib.redirect_stdout(sys.stderr):
    records = sources.load_source(
      config.data.name,
      data_dir=config.data.data_dir or None,
      manual_dir=config.data.manual_dir or None,
      strict=config.data.strict,
    )
  if not len(records.watches.user):
    raise ValueError(f'the source {config.data.name!r} holds no watch')
  return records


def _filtered(records: Records, config) -> Records:
  """The users and videos of the study; logs what every rule removed."""
  watches = filters.first_watches(records.watches)
  logging.info(
    'first watches of a video: %d of %d watches',
    len(watches.user),
    len(records.watches.user),
  )
  records = records._replace(watches=watches)
  if config.data.require_visual:
    has_text = documents.has_words(
      documents.video_documents(records.videos, config.text.fields)
    )
    watches, step = filters.complete_videos(records, has_text)
    logging.info('%s', filters.describe(step))
  watches, steps = filters.filter_watches(
    watches,
    min_videos_per_user=config.filter.min_videos_per_user,
    min_users_per_video=config.filter.min_users_per_video,
    mode=config.filter.mode,
  )
  for line in filters.removed(steps):
    logging.info('%s', line)
  return filters.compact(records, watches)


def _features(records: Records, texts: list[str], config) -> Features:
  """Visual and text features with the masks of what is there."""

  def compute():
    text, has_text = tfidf_svd(texts, size=config.text.size, seed=config.seed)
    return {'text': text, 'has_text': has_text}

  found = cache.cached(
    _cache_dir(config),
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


def _topics(texts: list[str], config) -> np.ndarray:
  """[V, K] topic vectors of the videos."""

  def compute():
    found = text_lda(texts, topic_count=config.topics.count, seed=config.seed)
    return {'topics': found.topics}

  settings = {'count': config.topics.count, 'seed': config.seed}
  found = cache.cached(
    _cache_dir(config), config.topics.yt, [texts], settings, compute
  )
  return found['topics']


def _cache_dir(config) -> str:
  """Where computed content lies."""
  return str(
    sources.data_root(config.data.cache_dir or config.data.data_dir or None)
  )


def _fingerprint(
  records: Records, features: Features, topics: np.ndarray
) -> str:
  """A short digest of the catalogue and its content vectors."""
  digest = hashlib.blake2b(digest_size=8)
  digest.update('\0'.join(records.videos.id).encode())
  for array in (*features, topics):
    digest.update(np.ascontiguousarray(array).tobytes())
  return digest.hexdigest()
