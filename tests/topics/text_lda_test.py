"""Topics from text: planted topics, empty documents, words for reports."""

import numpy as np
import pytest
from themed_texts import WORDS, planted

from dynrec_jax.topics.text_lda import text_lda

# Letters only: digits are no words.


def fit(documents, **settings):
  settings = {'topic_count': 3, 'seed': 0, 'min_df': 2, **settings}
  return text_lda(documents, **settings)


@pytest.mark.slow
def test_finds_planted_topics():
  documents, themes = planted()
  found = fit(documents)
  mean = np.stack([found.topics[themes == t].mean(axis=0) for t in range(3)])
  match = mean.argmax(axis=1)
  assert sorted(match) == [0, 1, 2]
  assert (mean.max(axis=1) > 0.7).all()
  np.testing.assert_array_equal(found.topics.argmax(axis=1), match[themes])
  for theme, topic in enumerate(match):
    assert set(found.top_words[topic]) <= set(WORDS[theme])


def test_shapes_types_and_sums():
  documents, _ = planted(30)
  found = fit(documents, topic_count=4)
  assert found.topics.shape == (30, 4)
  assert found.topics.dtype == np.float32
  assert found.top_words.shape == (4, 10)
  assert found.top_words.dtype.kind == 'U'
  np.testing.assert_allclose(found.topics.sum(axis=1), 1, rtol=1e-5)
  assert (found.topics > 0).all()


def test_document_without_words_has_no_topics_and_changes_none():
  documents, _ = planted(30)
  found = fit(documents)
  mixed = fit(['', *documents, 'the of 1999', 'unheard'])
  empty = np.isin(np.arange(33), [0, 31, 32])
  np.testing.assert_array_equal(mixed.has_topics, ~empty)
  np.testing.assert_array_equal(mixed.topics[empty], 0)
  np.testing.assert_array_equal(mixed.topics[~empty], found.topics)
  assert found.has_topics.all()


def test_equal_seeds_give_equal_topics():
  documents, _ = planted(30)
  np.testing.assert_array_equal(
    fit(documents, seed=5).topics, fit(documents, seed=5).topics
  )
  assert not np.array_equal(
    fit(documents, seed=5).topics, fit(documents, seed=6).topics
  )


def test_stop_words_accents_numbers_and_common_words():
  rows = [
    'the café and 1999 show',
    'Cafe 1999 SHOW',
    'show drama',
    'drama show',
  ]
  found = fit(rows, topic_count=2)
  words = set(found.top_words.ravel()) - {''}
  assert words == {'cafe', 'drama'}  # `show` stands in all


def test_a_topic_shows_only_words_that_it_says():
  """Each has one; the other stands in it by its prior alone."""
  found = fit(['cat', 'cat', 'dog', 'dog'], topic_count=2)
  assert found.top_words.shape == (2, 10)
  np.testing.assert_array_equal(found.top_words[:, 1:], '')
  assert set(found.top_words[:, 0]) == {'cat', 'dog'}


@pytest.mark.parametrize('documents', [['', ''], ['one', 'two'], ['12', '12']])
def test_no_words_at_all_is_refused(documents):
  with pytest.raises(ValueError, match='none of the 2 documents has a word'):
    fit(documents)


def test_other_documents_are_read_by_the_learned_topics():
  documents, themes = planted(60)
  fit_on = np.arange(60) % 5 != 2
  learned = [text for text, side in zip(documents, fit_on, strict=True) if side]
  found = fit(documents, fit_on=fit_on)
  alone = fit(learned)
  np.testing.assert_array_equal(found.topics[fit_on], alone.topics)
  np.testing.assert_array_equal(found.top_words, alone.top_words)
  mean = np.stack([alone.topics[themes[fit_on] == t].mean(0) for t in range(3)])
  right = mean.argmax(axis=1)[themes]
  np.testing.assert_array_equal(found.topics.argmax(axis=1), right)
  np.testing.assert_allclose(found.topics.sum(axis=1), 1, rtol=1e-5)
  # Words that only others have say nothing.
  mixed = fit(
    [*learned, 'newword newword', 'newword other'],
    fit_on=np.arange(len(learned) + 2) < len(learned),
    min_df=1,
  )
  assert mixed.has_topics.tolist() == [True] * len(learned) + [False] * 2
  assert 'newword' not in mixed.top_words
