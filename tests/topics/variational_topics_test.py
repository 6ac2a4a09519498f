"""mm-LDA and Corr-LDA: against scikit-learn, and on planted topics."""

import jax
import numpy as np
import pytest
from planted_videos import matched_cosine, noise, nothing, planted_videos
from scipy import sparse
from sklearn.decomposition import LatentDirichletAllocation

from dynrec_jax.topics import count_blocks
from dynrec_jax.topics.variational_topics import (
  FORMS,
  Counts,
  Settings,
  document_topics,
  equal_mass_weight,
  fit_topics,
)

pytestmark = pytest.mark.usefixtures('quick_compile')


@pytest.fixture(autouse=True)
def one_class(monkeypatch):
  """One class of widths compiles a third as much; others test several."""
  monkeypatch.setattr(count_blocks, '_CLASS_ENDS', (1.0,))


@pytest.fixture(scope='module')
def planted():
  return planted_videos()


def fit(text, visual, seed=1, **settings):
  counts = Counts(text, visual)
  settings = {
    'form': 'mm_lda',
    'topic_count': 4,
    'visual_weight': equal_mass_weight(counts),
    **settings,
  }
  return fit_topics(counts, Settings(**settings), seed=seed)


@pytest.mark.parametrize('form', FORMS)
def test_without_visual_words_it_is_scikit_learns(form, planted, monkeypatch):
  monkeypatch.setattr(count_blocks, '_CLASS_ENDS', (0.5, 1.0))
  text = planted.text[:80].tolil()
  text[3] = 0  # has no word: its topics are the prior's
  text = text.tocsr()
  present = np.flatnonzero(text.sum(axis=1))
  settings = {'doc_topic_prior': 0.3, 'topic_word_prior': 0.05}
  theirs = LatentDirichletAllocation(
    5, **settings, max_iter=4, max_doc_update_iter=100, random_state=7
  )
  topics = theirs.fit_transform(text[present])
  with jax.enable_x64(True):
    model = fit(
      text,
      nothing(planted.visual[:80]),
      seed=7,
      form=form,
      topic_count=5,
      topic_prior=0.3,
      word_prior=0.05,
      pass_count=4,
    )
    counts = Counts(text, nothing(planted.visual[:80]))
    found = document_topics(model, counts)
  np.testing.assert_allclose(
    model.text_weights.T, theirs.components_, rtol=1e-5
  )
  ours = found.gamma / found.gamma.sum(1, keepdims=True)
  np.testing.assert_allclose(ours[present], topics, rtol=1e-5)
  np.testing.assert_allclose(found.gamma[3], 0.3)
  # Visual topics without words are at their prior, which costs nothing.
  assert found.bound == pytest.approx(theirs.score(text[present]), rel=1e-7)


def test_float32_stays_near_float64(planted):
  with jax.enable_x64(True):
    double = fit(planted.text, planted.visual, pass_count=3)
  single = fit(planted.text, planted.visual, pass_count=3)
  assert single.text_weights.dtype == np.float32
  np.testing.assert_allclose(single.bounds, double.bounds, rtol=1e-4)
  assert matched_cosine(single.text_weights, double.text_weights.T) > 0.999


@pytest.mark.parametrize('form', FORMS)
def test_planted_topics_from_both_kinds(form, planted):
  model = fit(planted.text, planted.visual, form=form, pass_count=15)
  assert matched_cosine(model.text_weights, planted.phi[0]) > 0.9
  assert matched_cosine(model.visual_weights, planted.phi[1]) > 0.9


@pytest.mark.parametrize('form', FORMS)
@pytest.mark.parametrize('lost', [nothing, noise])
@pytest.mark.parametrize('kind', [0, 1])
def test_planted_topics_from_one_kind(kind, lost, form, planted):
  """The other kind is missing, or says nothing."""
  counts = [planted.text, planted.visual]
  counts[1 - kind] = lost(counts[1 - kind])
  model = fit(*counts, form=form, pass_count=15)
  weights = (model.text_weights, model.visual_weights)[kind]
  assert matched_cosine(weights, planted.phi[kind]) > 0.8


@pytest.mark.parametrize('form', FORMS)
def test_videos_that_lack_a_kind_are_read_by_the_other(form, planted):
  text, visual = planted.text.tolil(), planted.visual.tolil()
  text[:60] = 0
  visual[60:120] = 0
  counts = Counts(text.tocsr(), visual.tocsr())
  model = fit(*counts, form=form, pass_count=15)
  assert matched_cosine(model.text_weights, planted.phi[0]) > 0.8
  assert matched_cosine(model.visual_weights, planted.phi[1]) > 0.8
  gamma = document_topics(model, counts).gamma
  main = planted.theta.argmax(1)
  clear = planted.theta.max(1) > 0.8
  # The same topic stands for a video whichever words it has.
  for topic in range(4):
    votes = [
      set(gamma[rows][clear[rows] & (main[rows] == topic)].argmax(1))
      for rows in (slice(0, 60), slice(60, 120), slice(120, None))
    ]
    assert votes[0] == votes[1] == votes[2]
    assert len(votes[0]) == 1


@pytest.mark.parametrize('form', FORMS)
def test_bound_never_falls(form, planted):
  text, visual = planted.text[:60].tolil(), planted.visual[:60].tolil()
  visual[:20] = 0
  with jax.enable_x64(True):
    model = fit(
      text.tocsr(),
      visual.tocsr(),
      form=form,
      restart=False,
      visual_weight=1.7,
      pass_count=15,
    )
  assert len(model.bounds) == 15
  assert (np.diff(model.bounds) > -1e-7 * abs(model.bounds[0])).all()
  assert model.bounds[-1] > model.bounds[0] + 100


def test_passes_end_when_the_bound_has_settled(planted):
  model = fit(planted.text, planted.visual, tolerance=1e-3, pass_count=60)
  change = np.abs(np.diff(model.bounds) / model.bounds[:-1])
  assert 2 < len(model.bounds) < 60
  assert change[-1] < 1e-3
  assert (change[:-1] >= 1e-3).all()


def test_equal_mass():
  text = sparse.csr_matrix([[3, 0, 5], [0, 4, 0], [0, 0, 0]])
  visual = sparse.csr_matrix([[1, 1], [0, 0], [2, 0]])
  counts = Counts(text, visual)
  assert equal_mass_weight(counts) == pytest.approx(((8 + 4) / 2) / (4 / 2))
  assert equal_mass_weight(Counts(text, nothing(visual))) == 1
  assert equal_mass_weight(Counts(nothing(text), visual)) == 1


@pytest.mark.parametrize('form', FORMS)
def test_weighted_visual_words_have_the_mass_of_the_text(form, planted):
  """What topics took of either kind, beyond the prior."""
  model = fit(planted.text, planted.visual, form=form, pass_count=2)
  masses = [
    (weights - 0.02).sum()
    for weights in (model.text_weights, model.visual_weights)
  ]
  assert masses[0] == pytest.approx(240 * 24, rel=1e-4)
  assert masses[1] == pytest.approx(masses[0], rel=1e-4)


def test_a_weight_of_two_is_every_visual_word_twice(planted):
  visual = planted.visual[:40]
  twice = fit(planted.text[:40], visual * 2, visual_weight=1.0, pass_count=3)
  weighted = fit(planted.text[:40], visual, visual_weight=2.0, pass_count=3)
  np.testing.assert_allclose(
    weighted.text_weights, twice.text_weights, rtol=1e-4
  )


@pytest.mark.parametrize('form', FORMS)
def test_equal_seeds_repeat_and_others_differ(form, planted):
  counts = planted.text[:40], planted.visual[:40]
  one, same, other = (
    fit(*counts, seed=seed, form=form, pass_count=2) for seed in (3, 3, 4)
  )
  np.testing.assert_array_equal(one.text_weights, same.text_weights)
  np.testing.assert_array_equal(one.visual_weights, same.visual_weights)
  assert not np.array_equal(one.text_weights, other.text_weights)


def test_new_documents_depend_on_their_own_words_alone(planted):
  counts = Counts(planted.text[:40], planted.visual[:40])
  model = fit(*counts, form='corr_lda', pass_count=3)
  all_gamma = document_topics(model, counts).gamma
  some = Counts(*(kind[10:13] for kind in counts))
  np.testing.assert_allclose(
    document_topics(model, some).gamma, all_gamma[10:13], rtol=2e-4
  )


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'form': 'lda'}, "topic model 'lda' is unknown.*mm_lda, corr_lda"),
    ({'topic_count': 0}, 'topic_count is 0; it must be 1'),
    ({'topic_prior': 0.0}, 'topic_prior is 0.0; it must be positive'),
    ({'visual_weight': float('nan')}, 'visual_weight is nan'),
    ({'text': -1}, 'a count of text words is -1'),
    ({'visual': np.nan}, 'a count of visual words is nan'),
    ({'rows': 2}, '3 documents have text words and 2 visual words'),
    ({'text': 0, 'visual': 0}, 'none of the 3 documents has a text word'),
  ],
)
def test_what_is_refused(change, message):
  change = dict(change)
  text = np.full((3, 2), change.pop('text', 1))
  visual = np.full((change.pop('rows', 3), 2), change.pop('visual', 1))
  counts = Counts(sparse.csr_matrix(text), sparse.csr_matrix(visual))
  settings = {'form': 'mm_lda', 'topic_count': 2, **change}
  with pytest.raises(ValueError, match=message):
    fit_topics(counts, Settings(**settings), seed=0)


def test_another_vocabulary_is_refused(planted):
  counts = Counts(planted.text[:20], planted.visual[:20])
  model = fit(*counts, pass_count=1)
  with pytest.raises(ValueError, match='39 text words and 48 visual words'):
    document_topics(model, counts._replace(text=counts.text[:, :39]))
