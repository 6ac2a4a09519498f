"""Text features without training: TF-IDF, reduced to its main directions."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from dynrec_jax.data.records import NoWordsError

# Below this length a row is rounding noise, not text.
_MIN_LENGTH = 1e-5


class TfidfModel(NamedTuple):
  """What makes vectors of texts, as arrays that can be kept.

  Attributes:
    words: [] str, the vocabulary, a word a line.
    idf: [W] float32.
    directions: [r, W] float32; [0, W] leaves the weights as they are.
    size: numbers per vector.
  """

  words: np.ndarray
  idf: np.ndarray
  directions: np.ndarray
  size: int

  def encode(self, documents: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Features of texts that nothing was fitted to, and where there is one."""
    size = int(self.size)
    if not len(documents):
      return _masked(np.zeros((0, size), np.float32), size)
    words = str(self.words).split('\n')
    vectorizer = _vectorizer(vocabulary={w: i for i, w in enumerate(words)})
    vectorizer.idf_ = self.idf
    weights = vectorizer.transform(documents)
    if not len(self.directions):
      return _masked(weights.toarray(), size)
    return _masked(weights @ self.directions.T, size)


class TfidfVectors(NamedTuple):
  """What `tfidf_svd` gives.

  Attributes:
    features: [V, size] float32, 0 where there is no text.
    has_text: [V] bool, False for documents without any word that counts.
    model: of the same words, weights and directions.
  """

  features: np.ndarray
  has_text: np.ndarray
  model: TfidfModel

  @property
  def encode(self) -> Callable[[Sequence[str]], tuple[np.ndarray, np.ndarray]]:
    """Other texts -> the same two of them."""
    return self.model.encode


def tfidf_svd(
  documents: Sequence[str],
  *,
  size: int = 300,
  seed: int,
  min_df: int = 2,
) -> TfidfVectors:
  """A vector for every document, alike where the words are.

  Differs: the paper takes the pooled layer of a text CNN, also 300 numbers;
    this needs no labels, no word vectors and seconds.

  Words are runs of two or more letters or digits, without accents and English
  stop words, weighted by (1 + log count) * idf. The vectors keep the lengths
  that the reduction gives them, at most 1.

  Args:
    documents: one text per video.
    size: numbers per vector. If the vocabulary (or the number of documents) is
      smaller, the columns behind it are 0.
    seed: of the randomised decomposition.
    min_df: in how many documents a word must stand to count.

  Returns:
    The vectors, and what makes them of other texts.

  Raises:
    NoWordsError: no document has a word that counts.
  """
  from sklearn.decomposition import TruncatedSVD

  vectorizer = _vectorizer(min_df=min_df)
  try:
    weights = vectorizer.fit_transform(documents)
  except ValueError as error:
    raise NoWordsError(
      f'none of the {len(documents)} documents has a word for text features: '
      f'right are words that stand in {min_df} or more of them'
    ) from error
  if min(weights.shape) <= size:
    reduced, directions = _rotate(weights)
  else:
    svd = TruncatedSVD(size, random_state=seed)
    reduced = svd.fit_transform(weights)
    directions = svd.components_
  model = TfidfModel(
    words=np.array('\n'.join(vectorizer.get_feature_names_out())),
    idf=vectorizer.idf_,
    directions=directions,
    size=size,
  )
  return TfidfVectors(*_masked(reduced, size), model)


def _vectorizer(**settings):
  """Texts to weights; a word's weight grows with its rarity."""
  from sklearn.feature_extraction.text import TfidfVectorizer

  return TfidfVectorizer(
    stop_words='english',
    strip_accents='unicode',
    sublinear_tf=True,
    dtype=np.float32,
    **settings,
  )


def _masked(reduced, size):
  """[V, size] features without noise, and where there is text."""
  has_text = np.linalg.norm(reduced, axis=1) > _MIN_LENGTH
  features = np.zeros((len(reduced), size), np.float32)
  features[:, : reduced.shape[1]] = np.where(has_text[:, None], reduced, 0)
  return features, has_text


def _rotate(weights):
  """All directions of a small matrix [V, W]: as it is, or [V, V] if W > V.

  And the directions [V, W]; none of a matrix as it is.
  """
  if weights.shape[1] <= weights.shape[0]:
    return weights.toarray(), np.zeros((0, weights.shape[1]), np.float32)
  left, length, right = np.linalg.svd(weights.toarray(), full_matrices=False)
  return left * length, right
