"""Texts as counts of the words that say something, and words of topics."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from absl import logging
from scipy.sparse import csr_matrix, vstack

from dynrec_jax.data.records import NoWordsError

TOP_WORD_COUNT = 10


class KeptTopics(NamedTuple):
  """A fitted model, as arrays that can be kept.

  Attributes:
    words: [] str, the text vocabulary, a word a line.
    text_weights: see `variational_topics.TopicModel`.
    visual_weights: see there.
    form: [] str, see `variational_topics.Settings`, as the rest.
    topic_prior: see there.
    word_prior: see there.
    visual_weight: see there.
  """

  words: np.ndarray
  text_weights: np.ndarray
  visual_weights: np.ndarray
  form: np.ndarray
  topic_prior: float
  word_prior: float
  visual_weight: float


class VideoTopics(NamedTuple):
  """What a topic model of videos finds.

  Attributes:
    topics: [V, K] float32, the shares of the topics; a row's sum is 1, or 0
      where `has_topics` is False.
    has_topics: [V] bool, which videos have anything that the model reads.
    top_words: [K, 10] str, each topic's most frequent words, best first; ''
      behind the last word of a topic that has fewer.
    model: that found them; None of no words.
  """

  topics: np.ndarray
  has_topics: np.ndarray
  top_words: np.ndarray
  model: KeptTopics | None = None


def count_words(
  documents: Sequence[str],
  *,
  min_df: int,
  max_df: float,
  required: bool = True,
  fit_on: np.ndarray | None = None,
) -> tuple[csr_matrix, np.ndarray]:
  """How often each document has each word of the vocabulary.

  Words are runs of three or more letters, without accents and English stop
  words.

  Args:
    documents: one text per video.
    min_df: in how many documents a word must stand to count.
    max_df: in which share of the documents a word may stand at most.
    required: whether documents without any word that counts are an error;
      else the vocabulary is empty then.
    fit_on: [V] bool, the documents whose words count; None counts all.

  Returns:
    counts: [V, W] of int64, CSR.
    words: [W] str, in alphabetical order.

  Raises:
    NoWordsError: no document has a word that counts, and one is required.
  """
  known = np.ones(len(documents), bool) if fit_on is None else fit_on
  learned, others = (
    [text for text, side in zip(documents, known, strict=True) if side == which]
    for which in (True, False)
  )
  vectorizer = _vectorizer(min_df=min_df, max_df=max_df)
  try:
    counts = vectorizer.fit_transform(learned)
  except ValueError as error:
    if not required:
      logging.info(
        'topics: no text has a word that stands in %d or more of %d',
        min_df,
        len(learned),
      )
      return csr_matrix((len(documents), 0), dtype=np.int64), np.zeros(0, str)
    raise NoWordsError(
      f'none of the {len(learned)} documents has a word for topics: right '
      f'are words that stand in {min_df} or more and in at most {max_df:.0%} '
      'of them'
    ) from error
  if others:
    order = np.argsort(~known, kind='stable')
    place = np.argsort(order, kind='stable')
    counts = vstack([counts, vectorizer.transform(others)], 'csr')[place]
  return counts, vectorizer.get_feature_names_out().astype(str)


def count_known_words(
  documents: Sequence[str], words: Sequence[str]
) -> csr_matrix:
  """[V, W] int64, how often each document has each word of a vocabulary."""
  if not len(words):
    return csr_matrix((len(documents), 0), dtype=np.int64)
  place = {word: i for i, word in enumerate(words)}
  return _vectorizer(vocabulary=place).transform(documents)


def _vectorizer(**settings):
  """Texts to counts of their words."""
  from sklearn.feature_extraction.text import CountVectorizer

  return CountVectorizer(
    stop_words='english',
    strip_accents='unicode',
    token_pattern=r'(?u)\b[^\W\d_]{3,}\b',
    **settings,
  )


def no_topics(video_count: int, topic_count: int) -> VideoTopics:
  """What is known of videos of which there is nothing to read."""
  return VideoTopics(
    np.zeros((video_count, topic_count), np.float32),
    np.zeros(video_count, bool),
    np.full((topic_count, TOP_WORD_COUNT), ''),
  )


def top_words(counts: np.ndarray, words: np.ndarray) -> np.ndarray:
  """Each topic's most frequent words, [K, 10] of str.

  Args:
    counts: [K, W], how often each topic is expected to have said each word,
      without its prior; below half a time a word is not one of the topic's.
    words: [W].

  Returns:
    Best first, ties in the order of the vocabulary, '' behind the last.
  """
  best = np.argsort(-counts, axis=1, kind='stable')[:, :TOP_WORD_COUNT]
  said = np.take_along_axis(counts, best, axis=1) >= 0.5
  top = np.where(said, words[best], '') if len(words) else words[best]
  missing = TOP_WORD_COUNT - top.shape[1]
  return np.pad(top, ((0, 0), (0, missing)), constant_values='')
