"""Content of a study that has grown: by what was fitted before, none anew."""

import json

import ml_collections
import numpy as np

from dynrec_jax.data import video_facts
from dynrec_jax.data.records import NoWordsError, Records, select_videos
from dynrec_jax.data.video_facts import Leading
from dynrec_jax.features.catalogue import Features
from dynrec_jax.study import content, text_content
from dynrec_jax.study.kept import Growth, KeptVideos
from dynrec_jax.topics import multimodal_lda
from dynrec_jax.topics.word_counts import KeptTopics, VideoTopics

_KINDS = ('text', 'visual')
_NOTHING = np.zeros((0, 0), np.float32)


def video_features(
  records: Records,
  texts: list[str],
  visual_blocks: tuple[int, ...],
  config: ml_collections.ConfigDict,
  growth: Growth,
) -> Features:
  """Visual and text features; only new videos' texts are encoded.

  Args:
    records: the grown study.
    texts: [V] of its videos.
    visual_blocks: see `content.video_features`.
    config: of the run.
    growth: what the others' are.
  """
  known = growth.kept.videos
  if not known.text.shape[1]:  # the study brings its own
    return content.video_features(records, texts, visual_blocks, config)
  place, new = _places(records, growth)
  read = text_content.read_texts(records, texts, config)
  encoded = text_content.encode_by(
    known.text_model, [read[row] for row in new], config
  )
  text = np.zeros((len(texts), known.text.shape[1]), np.float32)
  has_text = np.zeros(len(texts), bool)
  text[place], has_text[place] = known.text, known.has_text
  text[new], has_text[new] = encoded
  return content.with_visual(records, text, has_text, visual_blocks, config)


def video_topics(
  records: Records,
  texts: list[str],
  features: Features,
  config: ml_collections.ConfigDict,
  growth: Growth,
) -> VideoTopics:
  """Topics of the videos; only new ones are folded in, by the same topics.

  Args:
    records: the grown study.
    texts: [V] of its videos.
    features: of its videos.
    config: of the run.
    growth: what the others' are.
  """
  known = growth.kept.videos
  place, new = _places(records, growth)
  topics = np.zeros((len(texts), known.topics.shape[1]), np.float32)
  topics[place] = known.topics
  if known.topic_model is not None and len(new):
    words = content.words_by(
      known.centres,
      select_videos(records.videos, new).id,
      features.take(new),
      config,
      of_frames=bool(known.of_frames),
    )
    own = [texts[row] for row in new]
    topics[new], _ = multimodal_lda.folded_in(known.topic_model, own, words)
  return VideoTopics(topics, topics.any(axis=1), known.top_words)


def _places(records: Records, growth: Growth) -> tuple[np.ndarray, np.ndarray]:
  """Where the kept videos stand in the study, and where the new ones do."""
  _, place = growth.places(records)
  return place, np.delete(np.arange(len(records.videos.id)), place)


def keep(
  records: Records,
  texts: list[str],
  features: Features,
  config: ml_collections.ConfigDict,
  topics: np.ndarray | None,
) -> KeptVideos:
  """All that the study's content has fitted, for videos that come later.

  Read from the disk where it was stored when it was fitted.

  Args:
    records: a study that no update has changed.
    texts: [V] of its videos.
    features: of its videos.
    config: of the run.
    topics: [V, K] of its videos; None where nothing reads them.
  """
  given = config.text.encoder == 'given'
  basis = content.visual_basis(features.visual, config)
  model, centres, of_frames = None, _NOTHING, np.array(False)
  if topics is not None:
    found = _topic_model(records, texts, features, config)
    model, centres, of_frames = found
  return KeptVideos(
    text=np.zeros((len(texts), 0), np.float32) if given else features.text,
    has_text=features.has_text,
    text_model=text_content.fitted_model(records, texts, config),
    topics=_NOTHING if topics is None else topics,
    top_words=np.zeros((0, 0), str),
    topic_model=model,
    centres=centres,
    of_frames=of_frames,
    basis=_NOTHING if basis is None else basis.vectors,
    columns=_columns(records, features)
    if config.model.network == 'plus'
    else {},
  )


def _topic_model(
  records: Records,
  texts: list[str],
  features: Features,
  config: ml_collections.ConfigDict,
) -> tuple[KeptTopics | None, np.ndarray, np.ndarray]:
  """The model of the videos' topics, and what tells their visual words."""
  try:
    found = content.topics_and_model(records, texts, features, config)
  except NoWordsError:
    return None, _NOTHING, np.array(False)
  model = {
    name.removeprefix(content.MODEL): array
    for name, array in found.items()
    if name.startswith(content.MODEL)
  }
  return KeptTopics(**model), found['centres'], found['of_frames']


def _columns(records: Records, features: Features) -> dict[str, np.ndarray]:
  """What the columns of `study.video_facts` are made with."""
  everything = np.ones(len(records.videos.id), bool)
  names = video_facts.category_names(records.videos.categories, everything)
  found = {'categories': np.array(json.dumps(names))}
  for kind in _KINDS:
    has = getattr(features, f'has_{kind}')
    learned = video_facts.leading(getattr(features, kind), has, COMPONENTS)
    found |= {f'{kind}_mean': learned.mean, f'{kind}_maps': learned.maps}
  return found


# Of texts, and of images, that `plus` reads.
COMPONENTS = 16


def categories_of(growth: Growth) -> list[str]:
  """The categories whose columns there are."""
  return json.loads(str(growth.kept.videos.columns['categories']))


def components_of(growth: Growth) -> list[Leading]:
  """Of texts, and of images."""
  columns = growth.kept.videos.columns
  return [
    Leading(columns[f'{kind}_mean'], columns[f'{kind}_maps'], COMPONENTS)
    for kind in _KINDS
  ]
