"""Features of the videos' texts, by the encoder that the config names.

An encoder is fitted to the known videos alone, and describes other texts too.
Everything is cached on disk under a hash of its inputs and settings.
"""

import json
import pathlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import ml_collections
import numpy as np
from absl import logging

from dynrec_jax.data import joins
from dynrec_jax.data.records import NoWordsError, Records, Videos
from dynrec_jax.features import catalogue, documents, text_cnn, word_vectors
from dynrec_jax.features.tfidf_svd import (
  TfidfModel,
  TfidfVectors,
  tfidf_svd,
)
from dynrec_jax.sources import feature_files, notes
from dynrec_jax.storage import cache, digests
from dynrec_jax.study import places
from dynrec_jax.study.naming import naming

_MODEL = 'model.'  # what stored results call an encoder's arrays
# text.word_vectors: this file where it is, in full or a cut of it.
GOOGLE_NEWS = 'googlenews'
_GOOGLE_NEWS_FILES = (
  # The whole before any cut.
  'GoogleNews-vectors-negative300.bin',
  'GoogleNews-vectors-negative300.bin.gz',
  'GoogleNews-vectors-negative300*.bin',
  'GoogleNews-vectors-negative300*.bin.gz',
)


class TextEncoder(NamedTuple):
  """How the config's encoder is fitted to the catalogue's texts.

  Attributes:
    name: of its stored results.
    texts: [V] all videos', as it reads them.
    inputs: all that its results follow from, beside the settings.
    settings: what else it depends on.
    fit: to the known videos alone; gives their `features` and `has_text`, and
      `encode` of other texts.
  """

  name: str
  texts: Sequence[str]
  inputs: Sequence[Any]
  settings: dict[str, Any]
  fit: Callable[[], text_cnn.TextFeatures | TfidfVectors]


def text_features(
  records: Records,
  texts: list[str],
  config: ml_collections.ConfigDict,
  fit_on: np.ndarray | None,
) -> dict[str, np.ndarray]:
  """'text' [V, D] and 'has_text' [V] by the encoder that the config names.

  Zeros, and a line that says so, where no video has a text that counts.
  """
  if config.text.encoder == 'given':
    return _given_text(records, config)
  encoder = _text_encoder(records, texts, config, fit_on)
  try:
    found = _encoded(encoder, config, fit_on)
    return {name: found[name] for name in ('text', 'has_text')}
  except NoWordsError as error:
    logging.warning(
      'features: %s; read are text.fields=%s; the text half is zero',
      error,
      ','.join(config.text.fields),
    )
  count = len(records.videos.id)
  text = np.zeros((count, config.text.size), np.float32)
  return {'text': text, 'has_text': np.zeros(count, bool)}


def fitted_model(
  records: Records, texts: list[str], config: ml_collections.ConfigDict
) -> dict[str, np.ndarray]:
  """What made `text_features` of all videos, for `encode_by`.

  None of features that are given, or of texts without a word.
  """
  if config.text.encoder == 'given':
    return {}
  encoder = _text_encoder(records, texts, config, None)
  try:
    found = _encoded(encoder, config, None)
  except NoWordsError:
    return {}
  return {
    name.removeprefix(_MODEL): array
    for name, array in found.items()
    if name.startswith(_MODEL)
  }


def encode_by(
  model: Mapping[str, np.ndarray],
  texts: Sequence[str],
  config: ml_collections.ConfigDict,
) -> tuple[np.ndarray, np.ndarray]:
  """[n, D] texts by a kept encoder, scaled as networks read, and [n] masks.

  Args:
    model: of `fitted_model`; without any, nothing is known of a text.
    texts: as the encoder reads them, see `read_texts`.
    config: of the run.
  """
  if not model or not len(texts):
    shape = len(texts), config.text.size
    return np.zeros(shape, np.float32), np.zeros(len(texts), bool)
  if config.text.encoder == 'kim_cnn':
    found, has_text = _kept_cnn(model, config).encode(texts)
  else:
    found, has_text = TfidfModel(**model).encode(texts)
  if config.features.l2:
    found = catalogue.unit_blocks(found, ())
  return found, has_text


def read_texts(
  records: Records, texts: list[str], config: ml_collections.ConfigDict
) -> list[str]:
  """[V] the videos' texts as the config's encoder reads them."""
  if config.text.encoder != 'kim_cnn':
    return texts
  return texts_to_encode(records.videos, config)


def _kept_cnn(
  model: Mapping[str, np.ndarray], config: ml_collections.ConfigDict
) -> text_cnn.CnnEncoder:
  """The text CNN; word vectors of a file are read there."""
  weights = dict(model)
  most_words, scale = int(weights.pop('most_words')), weights.pop('scale')
  words, vectors = weights.pop('words', None), weights.pop('vectors', None)
  if words is None:
    vectors = word_vectors.load_word_vectors(word_vectors_file(config))
  else:
    rows = {word: i for i, word in enumerate(json.loads(str(words)))}
    vectors = word_vectors.WordVectors(rows, vectors)
  return text_cnn.CnnEncoder(weights, vectors, most_words, float(scale))


def _arrays_of(
  model: TfidfModel | text_cnn.CnnEncoder, *, own_words: bool
) -> dict[str, np.ndarray]:
  """An encoder as arrays; word vectors of a file stay there."""
  if isinstance(model, TfidfModel):
    return model._asdict()
  weights, vectors, most_words, scale = model
  found = dict(weights) | {'most_words': most_words, 'scale': scale}
  if own_words:
    words = sorted(vectors.rows, key=vectors.rows.get)
    found |= {'words': json.dumps(words), 'vectors': vectors.vectors}
  return found


def _encoded(
  encoder: TextEncoder,
  config: ml_collections.ConfigDict,
  fit_on: np.ndarray | None,
) -> dict[str, np.ndarray]:
  """Everybody's features, and the model under names of its own."""
  return cache.cached(
    places.cache_dir(config),
    encoder.name,
    encoder.inputs,
    encoder.settings,
    lambda: _encode_all(encoder, fit_on),
    version='2',
  )


def _encode_all(
  encoder: TextEncoder, fit_on: np.ndarray | None
) -> dict[str, np.ndarray]:
  """Texts that it was fitted to, and by it the others; the model of all."""
  found = encoder.fit()
  if fit_on is None:
    model = _arrays_of(found.model, own_words='word_size' in encoder.settings)
    return {
      'text': found.features,
      'has_text': found.has_text,
      **{f'{_MODEL}{name}': array for name, array in model.items()},
    }
  others = [encoder.texts[row] for row in np.flatnonzero(~fit_on)]
  text = np.zeros((len(fit_on), found.features.shape[1]), np.float32)
  has_text = np.zeros(len(fit_on), bool)
  text[fit_on], has_text[fit_on] = found.features, found.has_text
  text[~fit_on], has_text[~fit_on] = found.encode(others)
  return {'text': text, 'has_text': has_text}


def encode_tweets(
  records: Records,
  texts: list[str],
  tweets: Sequence[str],
  config: ml_collections.ConfigDict,
  known_videos: np.ndarray | None = None,
) -> np.ndarray:
  """[n, D] tweets by the encoder of the videos' texts, fitted to those alone.

  Args:
    records: the filtered source.
    texts: [V] the videos'.
    tweets: [n].
    config: of the run; `text.encoder=given` encodes nothing.
    known_videos: [V] bool, whose texts it is fitted to; None is all.

  Returns:
    Scaled as the videos' features; rows of 0 where no word counts.
  """
  encoder = _text_encoder(records, texts, config, proper_part(known_videos))

  def compute():
    return {'text': encoder.fit().encode(tweets)[0]}

  try:
    found = cache.cached(
      places.cache_dir(config),
      f'{encoder.name}_tweets',
      [*encoder.inputs, list(tweets)],
      encoder.settings,
      compute,
    )
  except NoWordsError:  # in the videos' texts, which `text_features` has told
    return np.zeros((len(tweets), config.text.size), np.float32)
  text = found['text']
  return catalogue.unit_blocks(text, ()) if config.features.l2 else text


def texts_to_encode(
  videos: Videos, config: ml_collections.ConfigDict
) -> list[str]:
  """[V] what the encoder reads of videos: the text CNN not what it names."""
  fields = config.text.fields
  if config.text.encoder == 'kim_cnn':
    fields = [field for field in fields if field != config.text.label]
  return documents.video_documents(videos, fields)


def _text_encoder(
  records: Records,
  texts: list[str],
  config: ml_collections.ConfigDict,
  fit_on: np.ndarray | None,
) -> TextEncoder:
  """The config's encoder, of those that read texts."""
  settings = {'size': config.text.size, 'seed': config.seed}
  if config.text.encoder == 'kim_cnn':
    return _kim_cnn(records, settings, config, fit_on)
  learned = _learned(texts, fit_on)
  return TextEncoder(
    'tfidf_svd',
    texts,
    read([texts], fit_on),
    settings,
    lambda: tfidf_svd(learned, **settings),
  )


def _learned(rows: Sequence[Any], fit_on: np.ndarray | None) -> list[Any]:
  """Those of the videos that something is fitted to."""
  if fit_on is None:
    return list(rows)
  return [rows[row] for row in np.flatnonzero(fit_on)]


def _given_text(
  records: Records, config: ml_collections.ConfigDict
) -> dict[str, np.ndarray]:
  """The same from a file, which may know more videos than the study."""
  path = pathlib.Path(config.text.features)
  row_of = {str(video): row for row, video in enumerate(records.videos.id)}
  found = feature_files.features_from_npz(path, 'id', row_of, all_listed=False)
  odd = notes.no_notes()
  odd.add_join(
    joins.join(
      'videos', path.name, feature_files.ids_of(path, 'id'), 'the study', row_of
    )
  )
  notes.log(odd)
  return {'text': found.rows, 'has_text': found.present}


def _kim_cnn(
  records: Records,
  settings: dict,
  config: ml_collections.ConfigDict,
  fit_on: np.ndarray | None,
) -> TextEncoder:
  """The text CNN, which must not read what it learns to name."""
  label = config.text.label
  texts = texts_to_encode(records.videos, config)
  labels = list(getattr(records.videos, label))
  path = word_vectors_file(config)
  digest = digests.file_sha256(path) if path else ''

  def fit():
    learned = _learned(texts, fit_on)
    if not documents.has_words(learned).any():
      raise NoWordsError(f'none of the {len(learned)} videos has a text')
    vectors = (
      word_vectors.load_word_vectors(path)
      if path
      else word_vectors.train_word_vectors(
        learned, size=config.text.word_size, seed=config.seed
      )
    )
    with naming(vectors='text.word_vectors', encoder='text.encoder'):
      return text_cnn.encode_texts(
        learned, _learned(labels, fit_on), vectors, **settings
      )

  own = {} if path else {'word_size': config.text.word_size}
  inputs = read([texts, labels, digest], fit_on)
  return TextEncoder('kim_cnn', texts, inputs, settings | own, fit)


def word_vectors_file(config: ml_collections.ConfigDict) -> str:
  """The file that `text.word_vectors` means; '' for vectors of the texts."""
  named = config.text.word_vectors
  if named != GOOGLE_NEWS:
    return named
  folders = [places.word_vectors_dir(config)]
  if config.data.manual_dir:
    folders.insert(0, pathlib.Path(config.data.manual_dir))
  for folder in folders:
    for pattern in _GOOGLE_NEWS_FILES:
      for path in sorted(folder.glob(pattern)):
        logging.debug('word vectors: %s', path)
        return str(path)
  logging.debug(
    'no %s in %s: word vectors are trained on the texts',
    _GOOGLE_NEWS_FILES[-2],
    ' or '.join(map(str, folders)),
  )
  return ''


def proper_part(known_videos: np.ndarray | None) -> np.ndarray | None:
  """The same, None if it is all of them."""
  if known_videos is None or known_videos.all():
    return None
  return known_videos


def read(inputs: list, fit_on: np.ndarray | None) -> list:
  """What a stored result follows from: also what was fitted on."""
  return inputs if fit_on is None else [*inputs, fit_on]
