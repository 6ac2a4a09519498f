"""Topics of videos from their words alone: latent Dirichlet allocation."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from sklearn.decomposition import LatentDirichletAllocation
from sklearn.feature_extraction.text import CountVectorizer

TOP_WORD_COUNT = 10


class TextTopics(NamedTuple):
  """What `text_lda` finds.

  Attributes:
    topics: [V, K] float32, the shares of the topics; a row's sum is 1, or 0
      where `has_topics` is False.
    has_topics: [V] bool, which documents have a word of the vocabulary.
    top_words: [K, 10] str, each topic's most probable words, best first; ''
      behind the last word of a vocabulary that is smaller.
  """

  topics: np.ndarray
  has_topics: np.ndarray
  top_words: np.ndarray


def text_lda(
  documents: Sequence[str],
  *,
  topic_count: int,
  seed: int,
  min_df: int = 5,
  max_df: float = 0.5,
  topic_prior: float = 0.2,
  word_prior: float = 0.02,
  pass_count: int = 25,
) -> TextTopics:
  """The shares of topics in every document, and the topics' words.

  Differs: the paper's video topics come from text and visual words together,
    these from text alone. A document without words has no topics, not the
    prior's equal shares: as a behaviour in Eq. (2) it should be masked, for
    equal shares would say an interest in everything.

  Words are runs of three or more letters, without accents and English stop
  words. The fit is variational Bayes over all documents at once: online steps
  are faster, but on a few thousand short texts leave topics without documents.

  Args:
    documents: one text per video.
    topic_count: K.
    seed: of the topics' random start.
    min_df: in how many documents a word must stand to count.
    max_df: in which share of the documents a word may stand at most.
    topic_prior: Dirichlet parameter of a document's topics. Small, as a video
      has a few dozen words; yet large enough that topics do not die out.
    word_prior: Dirichlet parameter of a topic's words.
    pass_count: passes over the documents.

  Returns:
    Topics, their mask and their words.

  Raises:
    ValueError: no document has a word that counts.
  """
  vectorizer = CountVectorizer(
    min_df=min_df,
    max_df=max_df,
    stop_words='english',
    strip_accents='unicode',
    token_pattern=r'(?u)\b[^\W\d_]{3,}\b',
  )
  try:
    counts = vectorizer.fit_transform(documents)
  except ValueError as error:
    raise ValueError(
      f'none of the {len(documents)} documents has a word for topics: expected'
      f' words that stand in {min_df} or more and in at most {max_df:.0%} of'
      f' them ({error})'
    ) from error
  has_topics = np.asarray(counts.sum(axis=1)).ravel() > 0
  lda = LatentDirichletAllocation(
    topic_count,
    doc_topic_prior=topic_prior,
    topic_word_prior=word_prior,
    learning_method='batch',
    max_iter=pass_count,
    random_state=seed,
  )
  topics = np.zeros((len(documents), topic_count), np.float32)
  topics[has_topics] = lda.fit_transform(counts[has_topics])
  return TextTopics(
    topics, has_topics, _top_words(lda, vectorizer.get_feature_names_out())
  )


def _top_words(lda, words):
  best = np.argsort(-lda.components_, axis=1, kind='stable')
  top = words.astype(str)[best[:, :TOP_WORD_COUNT]]  # [K, <= 10]
  missing = TOP_WORD_COUNT - top.shape[1]
  return np.pad(top, ((0, 0), (0, missing)), constant_values='')
