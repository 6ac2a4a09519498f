"""What a user's tweets are about, time left out: mean topics, or words.

Rows are sparse and meet other matrices in sparse products, which add up each
row alone: a user's scores are the same to the last bit whoever else asks.
"""

import itertools
from collections.abc import Sequence

import numpy as np
import scipy.sparse

from dynrec_jax.data import interests
from dynrec_jax.data.histories import Histories
from dynrec_jax.features import documents
from dynrec_jax.recommender import CannotFit, Seen

_MIN_DOCUMENTS = 2  # with a word, for it to count


def require_topics(seen: Seen) -> None:
  """Raises CannotFit if no tweet of anyone has a topic."""
  if not seen.topics[seen.behaviours.item].any():
    raise CannotFit(
      f'none of the {len(seen.behaviours.item)} tweets has a topic; right: '
      'tweets with topic vectors, or with words that the topic model counts'
    )


def require_texts(seen: Seen) -> None:
  """Raises CannotFit if no tweet of anyone has a text."""
  if seen.texts is None or not documents.has_words(seen.texts).any():
    raise CannotFit(
      'no tweet has a text; right: tweets with texts, not with topic vectors '
      'alone'
    )


def mean_topics(
  behaviours: Histories, topics: np.ndarray
) -> scipy.sparse.csr_matrix:
  """[B, K] float64, the mean topic vector of each row's tweets.

  Tweets without a topic are left out; a row without any other is 0.
  """
  rows = np.arange(behaviours.user_count)
  after_all = int(behaviours.time.max(initial=0)) + 1
  means = interests.user_interests(
    behaviours,
    topics,
    rows,
    np.full(len(rows), after_all),
    decay=0,
    unit_secs=1,
    norm='sum_weights',
  )
  return scipy.sparse.csr_matrix(means.astype(np.float64))


def unit_rows(rows: scipy.sparse.csr_matrix) -> scipy.sparse.csr_matrix:
  """Each row at unit length; one of zeros as it is."""
  lengths = np.sqrt(rows.multiply(rows).sum(axis=1).A1)
  scale = 1 / np.where(lengths > 0, lengths, 1)
  return scipy.sparse.diags(scale, format='csr') @ rows


def tweet_documents(behaviours: Histories, texts: np.ndarray) -> list[str]:
  """The texts of each row's tweets, one a line."""
  ends = behaviours.offsets.tolist()
  return ['\n'.join(texts[a:b]) for a, b in itertools.pairwise(ends)]


def fit_words(texts: Sequence[str]) -> 'TfidfVectorizer':
  """TF-IDF of words, (1 + log count) * idf, as rows of unit length.

  Words are runs of two or more letters or digits, without accents and English
  stop words, that stand in two of the documents or more.

  Raises:
    CannotFit: there is no such word.
  """
  from sklearn.feature_extraction.text import TfidfVectorizer

  vectorizer = TfidfVectorizer(
    min_df=_MIN_DOCUMENTS,
    stop_words='english',
    strip_accents='unicode',
    sublinear_tf=True,
  )
  try:
    return vectorizer.fit(texts)
  except ValueError as error:
    raise CannotFit(
      f'none of the {len(texts)} documents has a word that stands in '
      f'{_MIN_DOCUMENTS} of them or more ({error})'
    ) from error
