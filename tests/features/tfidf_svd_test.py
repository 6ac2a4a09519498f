"""TF-IDF features against a plain loop, and their degenerate cases."""

import math
import re

import numpy as np
import pytest

from dynrec_jax.features.tfidf_svd import tfidf_svd

DOCUMENTS = [
  'shark sea boat shark shark',
  'sea boat',
  'Love letter, PARIS; café',
  'cafe paris love',
  '',
  'the of and',
  'unique',
  'shark paris sea',
]


def tfidf_loop(documents, min_df):
  """Rows of TF-IDF weights, words in alphabetical order."""
  texts = [t.lower().replace('é', 'e') for t in documents]
  words = [
    [w for w in re.findall(r'\w\w+', t) if w not in ('the', 'of', 'and')]
    for t in texts
  ]
  df = {
    w: sum(w in row for row in words) for w in {w for row in words for w in row}
  }
  vocabulary = sorted(w for w in df if df[w] >= min_df)
  out = np.zeros((len(words), len(vocabulary)))
  for i, row in enumerate(words):
    for j, word in enumerate(vocabulary):
      if word in row:
        idf = math.log((1 + len(words)) / (1 + df[word])) + 1
        out[i, j] = (1 + math.log(row.count(word))) * idf
    length = math.sqrt((out[i] ** 2).sum())
    out[i] /= length or 1
  return out


def many_documents(count=60, word_count=50):
  rng = np.random.default_rng(0)
  words = [f'word{i}' for i in range(word_count)]
  return [' '.join(rng.choice(words, size=8)) for _ in range(count)]


def test_small_vocabulary_is_kept_whole_and_padded():
  features, has_text, _ = tfidf_svd(DOCUMENTS, size=9, seed=0)
  want = tfidf_loop(DOCUMENTS, min_df=2)  # boat cafe love paris sea shark
  assert features.shape == (8, 9)
  assert features.dtype == np.float32
  np.testing.assert_allclose(features[:, :6], want, rtol=1e-5)
  np.testing.assert_array_equal(features[:, 6:], 0)
  np.testing.assert_array_equal(has_text, [1, 1, 1, 1, 0, 0, 0, 1])


@pytest.mark.parametrize('size', [300, 12])
def test_fewer_documents_than_words_keeps_all_angles(size):
  features, has_text, _ = tfidf_svd(DOCUMENTS, size=size, seed=0, min_df=1)
  want = tfidf_loop(DOCUMENTS, min_df=1)
  np.testing.assert_allclose(features @ features.T, want @ want.T, atol=1e-5)
  np.testing.assert_array_equal(has_text, [1, 1, 1, 1, 0, 0, 1, 1])
  np.testing.assert_array_equal(features[~has_text], 0)


def test_reduction_is_the_best_of_its_rank():
  documents = many_documents()
  features, *_ = tfidf_svd(documents, size=10, seed=0)
  length = np.linalg.svd(tfidf_loop(documents, 2), compute_uv=False)
  assert features.shape == (60, 10)
  np.testing.assert_allclose(
    np.linalg.norm(features, axis=0), length[:10], rtol=0.02
  )


def test_equal_seeds_give_equal_features():
  documents = many_documents()
  first, *_ = tfidf_svd(documents, size=10, seed=3)
  again, *_ = tfidf_svd(documents, size=10, seed=3)
  np.testing.assert_array_equal(first, again)


def test_empty_documents_stay_empty_after_the_reduction():
  features, has_text, _ = tfidf_svd(
    ['', *many_documents(), 'the'], size=10, seed=0
  )
  np.testing.assert_array_equal(np.flatnonzero(~has_text), [0, 61])
  np.testing.assert_array_equal(features[[0, 61]], 0)
  assert (np.abs(features[1:61]).max(axis=1) > 0.01).all()


def test_text_outside_the_main_directions_is_no_text():
  # The last two share no word with the others.
  documents = ['alpha beta gamma'] * 60 + ['lonely pair'] * 2
  features, has_text, _ = tfidf_svd(documents, size=1, seed=0)
  np.testing.assert_allclose(np.abs(features[:60]), 1, rtol=1e-5)
  np.testing.assert_array_equal(features[60:], 0)
  np.testing.assert_array_equal(has_text, [True] * 60 + [False] * 2)


@pytest.mark.parametrize(
  'documents', [['', ' '], ['the', 'of'], ['one', 'two']]
)
def test_no_text_at_all_is_refused(documents):
  with pytest.raises(ValueError, match='none of the 2 documents has a word'):
    tfidf_svd(documents, seed=0)


# A vocabulary kept whole, all angles of few documents, and a reduction.
@pytest.mark.parametrize(
  ('documents', 'settings'),
  [
    (DOCUMENTS, {'size': 9}),
    (DOCUMENTS, {'size': 12, 'min_df': 1}),
    (many_documents(), {'size': 10}),
  ],
)
def test_other_texts_are_encoded_alike(documents, settings):
  """A text like a document has its vector, whatever stands beside it."""
  found = tfidf_svd(documents, seed=0, **settings)
  others = [documents[3], 'unheard of', '', documents[0]]
  features, has_text = found.encode(others)
  assert features.dtype == np.float32
  np.testing.assert_allclose(
    features[[0, 3]], found.features[[3, 0]], atol=1e-5
  )
  assert np.abs(features[0]).max() > 0.01
  np.testing.assert_array_equal(features[1:3], 0)
  np.testing.assert_array_equal(has_text, [True, False, False, True])


def test_no_other_text_is_no_row():
  features, has_text = tfidf_svd(DOCUMENTS, size=9, seed=0).encode([])
  assert features.shape == (0, 9)
  assert has_text.shape == (0,)


@pytest.mark.parametrize('settings', [{'size': 9}, {'size': 12, 'min_df': 1}])
def test_a_model_of_arrays_encodes_alike(settings):
  model = tfidf_svd(DOCUMENTS, seed=0, **settings).model
  kept = type(model)(*map(np.asarray, model))  # as from a file
  for found, want in zip(
    kept.encode(DOCUMENTS[::-1]), model.encode(DOCUMENTS[::-1]), strict=True
  ):
    np.testing.assert_array_equal(found, want)
