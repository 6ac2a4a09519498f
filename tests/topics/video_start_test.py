"""Where a video topic model begins: nothing planted is lost."""

import numpy as np
import pytest
from planted_videos import matched_cosine, nothing, planted_videos
from scipy import sparse

from dynrec_jax.topics import count_blocks, video_start
from dynrec_jax.topics.variational_topics import (
  FORMS,
  Counts,
  Settings,
  equal_mass_weight,
  fit_topics,
)
from dynrec_jax.topics.video_start import fit_from_starts, group_videos


@pytest.fixture(autouse=True)
def one_class(monkeypatch):
  """One class of widths compiles a third as much; others test several."""
  monkeypatch.setattr(count_blocks, '_CLASS_ENDS', (1.0,))


def lost(seed, starts=2, form='mm_lda', *, text_alone=False, **sizes):
  """Whether a fit misses a planted topic of either kind of words."""
  planted = planted_videos(seed, size_ratio=4, **sizes)
  visual = nothing(planted.visual) if text_alone else planted.visual
  counts = Counts(planted.text, visual)
  settings = Settings(
    form,
    len(planted.phi[0]),
    visual_weight=equal_mass_weight(counts),
    pass_count=25,
  )
  model = fit_from_starts(counts, settings, seed=seed, start_count=starts)
  least = matched_cosine(model.text_weights, planted.phi[0])
  if not text_alone:
    least = min(least, matched_cosine(model.visual_weights, planted.phi[1]))
  return least <= 0.8


SMALL = {'videos': 400, 'topics': 6, 'text_words': 100, 'visual_words': 100}


@pytest.mark.usefixtures('quick_compile')
@pytest.mark.parametrize(
  'form',
  [pytest.param(f, marks=pytest.mark.slow) for f in FORMS[1:]] + [FORMS[0]],
)
def test_no_planted_topic_is_lost(form):
  assert not any(lost(seed, form=form, **SMALL) for seed in range(2))


@pytest.mark.usefixtures('quick_compile')
def test_text_alone():
  assert not lost(1, text_alone=True, **SMALL)


@pytest.mark.slow
@pytest.mark.parametrize(
  ('topics', 'videos', 'words'), [(10, 1000, 300), (20, 2000, 400)]
)
def test_nine_of_ten_runs_keep_every_topic(topics, videos, words):
  sizes = {'topics': topics, 'videos': videos, 'concentration': 0.05}
  sizes |= {'text_words': words, 'visual_words': words}
  assert sum(lost(seed, **sizes) for seed in range(10)) <= 1
  assert sum(lost(seed, starts=0, **sizes) for seed in range(4)) >= 2


def counts_and_settings(videos=60):
  planted = planted_videos(videos=videos, topics=3)
  return Counts(planted.text, planted.visual), Settings(
    'mm_lda', 3, pass_count=2
  )


@pytest.mark.usefixtures('quick_compile')
def test_the_start_of_the_lowest_perplexity_goes_on(monkeypatch):
  counts, settings = counts_and_settings()
  scores, starts, held = iter((9.0, 4.0, 7.0)), [], []
  made = video_start.video_start

  def remember(*args, **kwargs):
    starts.append(made(*args, **kwargs))
    return starts[-1]

  def score(model, test, **kwargs):
    held.append(test.text.shape[0])
    return next(scores)

  monkeypatch.setattr(video_start, 'video_start', remember)
  monkeypatch.setattr(video_start, 'video_perplexity', score)
  model = fit_from_starts(counts, settings, seed=5, start_count=3)
  assert held == [6, 6, 6]
  expected = fit_topics(counts, settings, seed=5, start=starts[1])
  np.testing.assert_array_equal(model.text_weights, expected.text_weights)


@pytest.mark.usefixtures('quick_compile')
def test_no_start_is_the_random_one_and_seeds_repeat():
  counts, settings = counts_and_settings()
  none, random, one, again = (
    model.text_weights
    for model in (
      fit_from_starts(counts, settings, seed=3, start_count=0),
      fit_topics(counts, settings, seed=3),
      fit_from_starts(counts, settings, seed=3, start_count=2),
      fit_from_starts(counts, settings, seed=3, start_count=2),
    )
  )
  np.testing.assert_array_equal(none, random)
  np.testing.assert_array_equal(one, again)
  assert (one != none).any()


@pytest.mark.usefixtures('quick_compile')
def test_fewer_videos_than_topics():
  counts = Counts(
    sparse.csr_matrix(np.eye(4, dtype=np.int64) * 3),
    sparse.csr_matrix((4, 0), dtype=np.int64),
  )
  settings = Settings('mm_lda', 6, pass_count=2)
  model = fit_from_starts(counts, settings, seed=0, start_count=2)
  assert np.isfinite(model.text_weights).all()
  assert model.text_weights.shape == (4, 6)


def test_groups_are_of_like_words():
  """Two themes without a word in common, and one odd short video."""
  rng = np.random.default_rng(0)
  theme = np.arange(40) % 2
  words = np.zeros((41, 21))
  for row, kind in enumerate(theme):
    np.add.at(words[row], rng.integers(0, 10, 12) + 10 * kind, 1)
  words[40, 20] = 1  # a word of its own is no group's direction
  label = group_videos(sparse.csr_matrix(words), 2, seed=0)
  assert len(set(label[:40][theme == 0])) == 1
  assert len(set(label[:40][theme == 1])) == 1
  assert label[0] != label[1]
