"""What is computed from raw content: features of videos, topics of videos.

Everything is cached on disk under a hash of its inputs and settings.
"""

from collections.abc import Sequence

import ml_collections
import numpy as np
from absl import logging
from scipy.sparse import csr_matrix

from dynrec_jax.data.records import NoWordsError, Records
from dynrec_jax.features import basis, catalogue, visual_encoder
from dynrec_jax.features.basis import Basis
from dynrec_jax.features.catalogue import Features
from dynrec_jax.parallel import hosts
from dynrec_jax.storage import cache
from dynrec_jax.study import places, text_content
from dynrec_jax.study.kept import Growth
from dynrec_jax.study.naming import naming
from dynrec_jax.topics.multimodal_lda import multimodal_lda
from dynrec_jax.topics.text_lda import text_lda
from dynrec_jax.topics.variational_topics import FORMS
from dynrec_jax.topics.visual_words import (
  frame_centres,
  slice_centres,
  words_of_frames,
  words_of_slices,
)
from dynrec_jax.topics.word_counts import VideoTopics, no_topics

MODEL = 'model.'  # what stored results call a model's arrays
OF_SOURCE = ('given', 'none')  # values of visual.encoder that read no file


def video_features(
  records: Records,
  texts: list[str],
  visual_blocks: tuple[int, ...],
  config: ml_collections.ConfigDict,
  known_videos: np.ndarray | None = None,
) -> Features:
  """Visual and text features with the masks of what is there.

  Args:
    records: the filtered source.
    texts: [V] of its videos.
    visual_blocks: widths of the blocks of its visual features.
    config: of the run.
    known_videos: [V] bool, the videos that encoders are fitted on; None is all
      (A6).
  """
  fit_on = text_content.proper_part(known_videos)
  found = text_content.text_features(records, texts, config, fit_on)
  text = found['text']
  if config.features.l2:
    text = catalogue.unit_blocks(text, ())
  return with_visual(records, text, found['has_text'], visual_blocks, config)


def with_visual(
  records: Records,
  text: np.ndarray,
  has_text: np.ndarray,
  visual_blocks: tuple[int, ...],
  config: ml_collections.ConfigDict,
) -> Features:
  """Text features as they are, visual ones of the source scaled."""
  visual, has_visual = records.videos.visual, records.videos.has_visual
  if config.visual.encoder == 'none':
    has_visual = np.zeros_like(has_visual)
  if not has_visual.any():
    visual = np.zeros((len(visual), 1), np.float32)
  elif config.features.l2:
    with naming(widths='features.visual_blocks'):
      visual = catalogue.unit_blocks(visual, visual_blocks)
  features = Features(visual, text, has_visual, has_text)
  logging.info(
    'features: of %s videos %s have a visual feature, %s a text, %s both',
    *(
      f'{count:,}'
      for count in (
        len(visual),
        features.has_visual.sum(),
        features.has_text.sum(),
        (features.has_visual & features.has_text).sum(),
      )
    ),
  )
  return features


def visual_basis(
  visual: np.ndarray,
  config: ml_collections.ConfigDict,
  growth: Growth | None = None,
) -> Basis | None:
  """The basis that networks learn T_v in; None is that of the features.

  It lies in the run's folder, beside the checkpoints that mean nothing without
  it: another machine would find one that is turned a little.

  Args:
    visual: [V, D] features as networks would read them.
    config: of the run.
    growth: of a study that has grown, which keeps its basis.
  """
  if config.features.basis == 'given':
    return None
  if growth is not None:
    vectors = growth.kept.videos.basis
    return Basis(vectors, 1.0) if vectors.size else None

  def compute():
    found = basis.find_basis(visual, config.features.kept)
    if found is None:
      return {'vectors': np.zeros((0, 0), np.float32), 'kept': 1.0}
    return found._asdict()

  def stored():
    settings = {'kept': config.features.kept}
    return cache.cached(config.workdir, 'basis', [visual], settings, compute)

  # The first host's: each would find one that is turned a little.
  arrays = hosts.arrays_of_first(stored() if hosts.is_writer() else {})
  dimensions, rank = visual.shape[1], arrays['vectors'].shape[1]
  if not rank:
    logging.info('features: %s numbers are of full rank', f'{dimensions:,}')
    return None
  logging.info(
    'features: rank %s of %s numbers, %.7f of their energy',
    f'{rank:,}',
    f'{dimensions:,}',
    arrays['kept'],
  )
  return Basis(arrays['vectors'], float(arrays['kept']))


def video_topics(
  records: Records,
  texts: list[str],
  features: Features,
  config: ml_collections.ConfigDict,
  known_videos: np.ndarray | None = None,
) -> VideoTopics:
  """Topic vectors of the videos and the topics' words.

  Args:
    records: the filtered source.
    texts: [V] of its videos.
    features: of its videos.
    config: of the run.
    known_videos: [V] bool, the videos that topics are learned from; None is
      all (A6).
  """
  fit_on = text_content.proper_part(known_videos)
  try:
    found = topics_and_model(records, texts, features, config, fit_on)
  except NoWordsError as error:
    logging.warning(
      'topics: %s (topics.yt=%s of text.fields=%s); interests are zero, and '
      'what users watched is all that is known of them',
      error,
      config.topics.yt,
      ','.join(config.text.fields),
    )
    return no_topics(len(texts), config.topics.count)
  logging.info('topics: %d of videos', config.topics.count)
  return VideoTopics(*(found[name] for name in VideoTopics._fields[:-1]))


def topics_and_model(
  records: Records,
  texts: list[str],
  features: Features,
  config: ml_collections.ConfigDict,
  fit_on: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
  """`VideoTopics`' arrays, its model's below `MODEL`, and of visual words.

  'centres' and 'of_frames', whether they are of frames, tell visual words. By
  the model that the config names; of images alone where no text is.

  Raises:
    NoWordsError: no video has a word, of text or image.
  """
  form, seed = config.topics.yt, config.seed
  settings = {
    'topic_count': config.topics.count,
    'start_count': config.topics.starts,
    'seed': seed,
  }
  slices = {'visual_slices': config.topics.visual_slices}
  has_text, has_visual = features.has_text.any(), features.has_visual.any()
  if form == 'text_lda' and has_visual and not has_text:
    logging.warning(
      'topics: of visual words, as no video has a text that topics.yt=%s reads',
      form,
    )
    form = 'mm_lda'
  if form == 'text_lda':
    inputs, slices = [texts], {}

    def compute():
      return _arrays_of(text_lda(texts, fit_on=fit_on, **settings))
  else:
    # Frames are those of the same files and networks as these means.
    inputs = [texts, features.visual, features.has_visual]
    slices['of_frames'] = _topics_read_frames(config)

    def compute():
      frames = _frames(records.videos.id, features, config)
      centres = _centres(frames, features, config, fit_on)
      words = _words(centres, frames, features, config)
      found = multimodal_lda(texts, words, form=form, fit_on=fit_on, **settings)
      return _arrays_of(found, centres, of_frames=frames is not None)

  return cache.cached(
    places.cache_dir(config),
    form,
    text_content.read(inputs, fit_on),
    settings | slices,
    compute,
    version='4',
  )


def _arrays_of(
  found: VideoTopics,
  centres: np.ndarray | None = None,
  *,
  of_frames: bool = False,
) -> dict[str, np.ndarray]:
  """What `topics_and_model` gives; no centres where only texts are read."""
  if centres is None:
    centres = np.zeros((0, 0), np.float32)
  model = found.model._asdict()
  return {
    **{name: getattr(found, name) for name in VideoTopics._fields[:-1]},
    **{f'{MODEL}{name}': array for name, array in model.items()},
    'centres': centres,
    'of_frames': of_frames,
  }


def visual_words(
  video_ids: Sequence[str],
  features: Features,
  config: ml_collections.ConfigDict,
  fit_on: np.ndarray | None = None,
) -> csr_matrix:
  """[V, X] counts; no column for a source without any visual feature.

  Of video files every sampled frame is a word; of one vector a video, and of
  still images, each slice of it is. Words are found on the videos of `fit_on`,
  on all if it is None.
  """
  frames = _frames(video_ids, features, config)
  centres = _centres(frames, features, config, fit_on)
  return _words(centres, frames, features, config)


def words_by(
  centres: np.ndarray,
  video_ids: Sequence[str],
  features: Features,
  config: ml_collections.ConfigDict,
  *,
  of_frames: bool,
) -> csr_matrix:
  """[V, X] counts by centres found before, see `visual_words`.

  Args:
    centres: see `topics_and_model`.
    video_ids: [V].
    features: of the videos.
    config: of the run.
    of_frames: whether the centres are of frames.
  """
  frames = _frames(video_ids, features, config, of_frames)
  return _words(centres, frames, features, config)


def _centres(
  frames: visual_encoder.FrameFeatures | None,
  features: Features,
  config: ml_collections.ConfigDict,
  fit_on: np.ndarray | None,
) -> np.ndarray:
  """[X, D] what visual words are the nearest of; [0, D] of nothing."""
  visual, learned = features.visual, features.has_visual
  if fit_on is not None:
    learned = learned & fit_on
  if not learned.any():
    return np.zeros((0, visual.shape[1]), np.float32)
  if frames is not None:
    logging.info('visual words of %d frames', len(frames.features))
    rows = frames.features[learned[frames.video]]
    return frame_centres(rows, seed=config.seed)
  return slice_centres(
    visual[learned], seed=config.seed, slice_count=config.topics.visual_slices
  )


def _words(
  centres: np.ndarray,
  frames: visual_encoder.FrameFeatures | None,
  features: Features,
  config: ml_collections.ConfigDict,
) -> csr_matrix:
  """[V, X] counts of the centres."""
  visual, has_visual = features.visual, features.has_visual
  if not len(centres) or not has_visual.any():
    return csr_matrix((len(visual), 0), dtype=np.int64)
  if frames is None:
    return words_of_slices(
      visual, has_visual, centres, slice_count=config.topics.visual_slices
    )
  return words_of_frames(
    frames.features, frames.video, centres, video_count=len(visual)
  )


def _frames(
  video_ids: Sequence[str],
  features: Features,
  config: ml_collections.ConfigDict,
  of_frames: bool | None = None,
) -> visual_encoder.FrameFeatures | None:
  """The sampled frames' features; None of one vector a video."""
  reads = _topics_read_frames(config) and features.has_visual.any()
  if of_frames is False or not reads:
    return None
  found = visual_encoder.frame_features(
    visual_encoder.find_videos(config.visual.folder, list(video_ids)),
    _load_encoder(config.visual),
    cache_dir=places.cache_dir(config),
  )
  still = len(found.video) <= features.has_visual.sum()
  if still and not of_frames:
    return None
  if config.features.l2:
    found = found._replace(features=catalogue.unit_blocks(found.features, ()))
  return found


def encode_videos(
  records: Records, config: ml_collections.ConfigDict
) -> tuple[Records, tuple[int, ...]]:
  """The source with visual features of its video files, and their blocks.

  With `visual.encoder=given` the features stay the source's own; with `none`
  too, so that `data.require_visual` keeps the same videos, but `video_features`
  leaves them out.

  Raises:
    ValueError: no such folder, or weights that are missing or not right.
  """
  v = config.visual
  if v.encoder in OF_SOURCE:
    return records, config.features.visual_blocks
  encoder = _load_encoder(v)
  found = visual_encoder.encode_videos(
    visual_encoder.find_videos(v.folder, list(records.videos.id)),
    encoder,
    cache_dir=places.cache_dir(config),
    keep_frames=_topics_read_frames(config),
  )
  videos = records.videos._replace(
    visual=found.features, has_visual=found.has_visual
  )
  return records._replace(videos=videos), encoder.widths


def _load_encoder(v: ml_collections.ConfigDict) -> visual_encoder.Encoder:
  """The encoder of `config.visual`."""
  return visual_encoder.load_encoder(
    v.encoder,
    vgg19_weights=v.vgg19_weights or None,
    c3d_weights=v.c3d_weights or None,
    efficientnet_lite0_weights=v.efficientnet_lite0_weights or None,
    after_relu=v.after_relu,
  )


def _topics_read_frames(config: ml_collections.ConfigDict) -> bool:
  """Whether the videos' topics are of visual words of frames."""
  return (
    config.visual.encoder not in OF_SOURCE
    and config.scenario == 'single'
    and config.topics.yt in FORMS
  )
