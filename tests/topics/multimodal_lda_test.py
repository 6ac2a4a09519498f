"""Videos' topics from documents and visual words, as `prepare` calls it."""

import numpy as np
import pytest
from scipy import sparse
from themed_texts import planted

from dynrec_jax.topics import count_blocks
from dynrec_jax.topics.multimodal_lda import folded_in, multimodal_lda
from dynrec_jax.topics.text_lda import text_lda
from dynrec_jax.topics.variational_topics import FORMS

pytestmark = pytest.mark.usefixtures('quick_compile')


@pytest.fixture(autouse=True)
def one_class(monkeypatch):
  """One class of widths compiles a third as much; others test several."""
  monkeypatch.setattr(count_blocks, '_CLASS_ENDS', (1.0,))


def visual_of(themes, seed=0, tokens=10):
  """Six visual words of each theme."""
  rng = np.random.default_rng(seed)
  rows = np.repeat(np.arange(len(themes)), tokens)
  words = themes[rows] * 6 + rng.integers(0, 6, len(rows))
  return sparse.csr_matrix(
    (np.ones(len(rows), np.int64), (rows, words)), shape=(len(themes), 18)
  )


def fit(documents, visual, **settings):
  settings = {'topic_count': 3, 'seed': 0, 'min_df': 2, **settings}
  return multimodal_lda(documents, visual, **settings)


def check_themes(topics, themes):
  mean = np.stack([topics[themes == t].mean(axis=0) for t in range(3)])
  assert sorted(mean.argmax(axis=1)) == [0, 1, 2]
  np.testing.assert_array_equal(
    topics.argmax(axis=1), mean.argmax(axis=1)[themes]
  )


@pytest.mark.parametrize('form', FORMS)
def test_without_visual_words_it_is_text_lda(form):
  documents, _ = planted(60)
  empty = sparse.csr_matrix((60, 0), dtype=np.int64)
  found = fit(documents, empty, form=form, pass_count=5)
  text = text_lda(documents, topic_count=3, seed=0, min_df=2, pass_count=5)
  np.testing.assert_allclose(found.topics, text.topics, atol=1e-4)
  np.testing.assert_array_equal(found.top_words, text.top_words)
  np.testing.assert_array_equal(found.has_topics, text.has_topics)


@pytest.mark.parametrize('form', FORMS)
def test_each_video_is_read_by_what_it_has(form):
  documents, themes = planted(90)
  visual = visual_of(themes).tolil()
  visual[:15] = 0  # text alone
  documents[15:30] = [''] * 15  # images alone
  documents[5] = 'the of 1999'  # nothing
  # As with any local search a start may join two themes; seed 0 does.
  found = fit(documents, visual.tocsr(), form=form, seed=2)
  assert found.topics.shape == (90, 3)
  assert found.topics.dtype == np.float32
  assert found.top_words.shape == (3, 10)
  there = np.arange(90) != 5
  np.testing.assert_array_equal(found.has_topics, there)
  np.testing.assert_array_equal(found.topics[5], 0)
  np.testing.assert_allclose(found.topics[there].sum(1), 1, rtol=1e-5)
  check_themes(found.topics[there], themes[there])


def test_images_alone():
  _, themes = planted(60)
  found = fit([''] * 60, visual_of(themes))
  assert found.has_topics.all()
  np.testing.assert_array_equal(found.top_words, '')
  check_themes(found.topics, themes)


def test_stored_zeros_are_no_words():
  _, themes = planted(30)
  visual = visual_of(themes)
  visual.data[:] = 0
  with pytest.raises(ValueError, match='none of the 30 documents has a word'):
    fit([''] * 30, visual)


def test_a_heavier_image_outvotes_the_text():
  documents, themes = planted(90)
  other = (themes + 1) % 3
  mixed = visual_of(np.where(np.arange(90) < 9, other, themes))
  light, heavy = (
    fit(documents, mixed, visual_weight=weight, seed=2).topics
    for weight in (0.1, 4.0)
  )
  for topics, winner in ((light, themes), (heavy, other)):
    mean = np.stack([topics[9:][themes[9:] == t].mean(0) for t in range(3)])
    np.testing.assert_array_equal(
      topics[:9].argmax(1), mean.argmax(1)[winner[:9]]
    )


def test_another_number_of_videos_is_refused():
  documents, themes = planted(30)
  with pytest.raises(ValueError, match=r'visual words are of 30 videos.*of 29'):
    fit(documents[:29], visual_of(themes))


def test_an_unknown_form_is_refused():
  documents, themes = planted(30)
  with pytest.raises(ValueError, match="topic model 'plsa' is unknown"):
    fit(documents, visual_of(themes), form='plsa')


@pytest.mark.parametrize('form', FORMS)
def test_other_videos_are_folded_in(form):
  """Fold-in of a learned video's words gives its own topics."""
  documents, themes = planted(60)
  visual = visual_of(themes)
  alone = fit(documents, visual, form=form, pass_count=8)
  more = [*documents, documents[7], 'newword', documents[8]]
  words = sparse.vstack([visual, visual[7], visual[0] * 0, visual[2] * 9])
  found = fit(
    more, words.tocsr(), form=form, pass_count=8, fit_on=np.arange(63) < 60
  )
  np.testing.assert_array_equal(found.topics[:60], alone.topics)
  np.testing.assert_array_equal(found.top_words, alone.top_words)
  np.testing.assert_allclose(found.topics[60], alone.topics[7], atol=1e-3)
  np.testing.assert_array_equal(found.has_topics[60:], [True, False, True])


@pytest.mark.parametrize('form', FORMS)
def test_a_kept_model_folds_in_as_the_fit_does(form):
  """Each video by its own words, whoever stands beside it."""
  documents, themes = planted(60)
  more = [*documents, documents[7], 'newword', documents[8]]
  visual = visual_of(themes)
  words = sparse.vstack([visual, visual[7], visual[0] * 0, visual[2] * 9])
  words = words.tocsr()
  found = fit(more, words, form=form, pass_count=8, fit_on=np.arange(63) < 60)
  kept = type(found.model)(*map(np.asarray, found.model))  # as from a file
  topics, has_topics = folded_in(kept, more[60:], words[60:])
  np.testing.assert_allclose(topics, found.topics[60:], atol=1e-5)
  np.testing.assert_array_equal(has_topics, [True, False, True])
  alone, _ = folded_in(kept, more[62:], words[62:])
  np.testing.assert_allclose(alone[0], topics[2], atol=1e-5)
  nothing = sparse.csr_matrix((1, 0), dtype=np.int64)
  assert folded_in(kept, ['newword'], nothing)[1].tolist() == [False]
