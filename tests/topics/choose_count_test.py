"""The number of topics: the rule on hand-made tables, and on planted ones."""

import numpy as np
import pytest
from planted_videos import planted_videos
from scipy import sparse

from benchmarks.planted_tweets import planted_tweets
from dynrec_jax.topics import choose_count, count_blocks
from dynrec_jax.topics.choose_count import Trial, choose_trial, settled_sweeps
from dynrec_jax.topics.held_out import halves, video_perplexity
from dynrec_jax.topics.variational_topics import Counts, Settings, TopicModel

pytestmark = pytest.mark.usefixtures('quick_compile')


@pytest.fixture(autouse=True)
def one_class(monkeypatch):
  """One class of widths compiles a third as much; others test several."""
  monkeypatch.setattr(count_blocks, '_CLASS_ENDS', (1.0,))


@pytest.mark.parametrize(
  ('rows', 'chosen'),
  [
    ([(10, 900.0, 30), (20, 800.0, 30), (30, 700.0, 30)], 2),
    # 707 = 1.01 * 700 is within 1 %, a little more is not.
    ([(10, 900.0, 30), (20, 707.0, 90), (30, 700.0, 5)], 1),
    ([(10, 900.0, 30), (20, 707.1, 5), (30, 700.0, 90)], 2),
    # The order of the rows says nothing; more topics never win a tie.
    ([(30, 700.0, 5), (20, 700.0, 90)], 1),
    # Several fits of one K: fewer sweeps, then lower perplexity.
    ([(20, 701.0, 40), (20, 703.0, 20), (30, 700.0, 1)], 1),
    ([(20, 703.0, 20), (20, 701.0, 20), (30, 700.0, 1)], 1),
    ([(20, 900.0, 1), (20, 701.0, 20), (30, 700.0, 1)], 1),
    ([(70, 5.0, 3)], 0),
  ],
)
def test_rule(rows, chosen):
  trials = [Trial(*row, seconds=float(-i)) for i, row in enumerate(rows)]
  assert choose_trial(trials) is trials[chosen]
  assert choose_trial(reversed(trials)) is trials[chosen]


def test_rule_refuses_what_has_no_best():
  with pytest.raises(ValueError, match='needs a trial; got none'):
    choose_trial([])
  with pytest.raises(ValueError, match='the perplexity at 20 topics is nan'):
    choose_trial([Trial(10, 5.0, 1, 0.0), Trial(20, float('nan'), 1, 0.0)])


@pytest.mark.parametrize(
  ('scores', 'settled'),
  [
    ([100.0, 90.0, 89.99], 40),  # 0.0001 of 90 in 20 sweeps
    ([100.0, 99.95, 90.0], 20),  # 0.0005 in 10 sweeps, first of all
    ([100.0, 90.0, 80.0], 40),  # never
  ],
)
def test_settled_sweeps(scores, settled):
  assert settled_sweeps((10, 20, 40), scores) == settled


def test_halves_share_every_document():
  rng = np.random.default_rng(0)
  counts = sparse.csr_matrix(rng.poisson(0.8, (50, 12)))
  first, second = halves(counts, seed=3)
  np.testing.assert_array_equal((first + second).toarray(), counts.toarray())
  total = np.asarray(counts.sum(axis=1)).ravel()
  np.testing.assert_array_equal(
    np.asarray(second.sum(axis=1)).ravel(), total // 2
  )
  again, other = halves(counts, seed=3)[0], halves(counts, seed=4)[0]
  np.testing.assert_array_equal(first.toarray(), again.toarray())
  assert (first != other).nnz


def model_of(text, visual, form, weight):
  settings = Settings(form, text.shape[1], 0.2, visual_weight=weight)
  return TopicModel(
    settings, text.astype(np.float32), visual.astype(np.float32), np.zeros(1)
  )


def test_perplexity_of_flat_topics_is_the_size_of_the_vocabulary():
  model = model_of(np.ones((6, 3)), np.ones((4, 3)), 'mm_lda', 1.0)
  text = sparse.csr_matrix(np.full((5, 6), 2))
  nothing = sparse.csr_matrix((5, 4), dtype=np.int64)
  score = video_perplexity(model, Counts(text, nothing), seed=0)
  assert score == pytest.approx(6, rel=1e-6)
  both = Counts(text, sparse.csr_matrix(np.full((5, 4), 2)))
  # Six scored words of 1/6 and, weighing double, four of 1/4.
  heavy = model._replace(settings=model.settings._replace(visual_weight=2.0))
  expected = np.exp((6 * np.log(6) + 8 * np.log(4)) / 14)
  assert video_perplexity(heavy, both, seed=0) == pytest.approx(expected)


def test_corr_lda_scores_text_by_the_topics_of_visual_words():
  """Topics without a word in common: all visual words are topic 0's."""
  text = np.array([[8.0, 1e-6], [1e-6, 8.0]])
  model = model_of(text, text.copy(), 'corr_lda', 1.0)
  text_words = sparse.csr_matrix([[4, 0]])
  visual_words = sparse.csr_matrix([[6, 0]])
  counts = Counts(text_words, visual_words)
  # Two text words of probability 1, three visual ones of E[theta_0], where
  # gamma_0 = alpha + 3.
  theta = 3.2 / 3.4
  assert video_perplexity(model, counts, seed=0) == pytest.approx(
    np.exp(-3 * np.log(theta) / 5), rel=1e-4
  )
  mixed = model._replace(settings=model.settings._replace(form='mm_lda'))
  theta = 5.2 / 5.4  # two text words speak for topic 0 too, and are scored so
  assert video_perplexity(mixed, counts, seed=0) == pytest.approx(
    1 / theta, rel=1e-4
  )


def test_perplexity_needs_two_words():
  model = model_of(np.ones((2, 3)), np.ones((2, 3)), 'mm_lda', 1.0)
  one = sparse.csr_matrix([[1, 0], [0, 1]])
  with pytest.raises(ValueError, match='needs a video with two words'):
    video_perplexity(model, Counts(one, one), seed=0)


def as_documents(text):
  """Texts of made-up words with the given counts."""
  names = [f'word{chr(97 + i // 26)}{chr(97 + i % 26)}' for i in range(64)]
  return [
    ' '.join(np.repeat(names[: text.shape[1]], row)) for row in text.toarray()
  ]


def choose_videos(form, **settings):
  planted = planted_videos(0, videos=240, topics=4)
  return choose_count.choose_video_topics(
    as_documents(planted.text),
    planted.visual,
    form=form,
    held_out_share=0.25,
    min_df=2,
    max_df=1.0,
    **settings,
  )


@pytest.mark.slow
def test_planted_videos_ask_for_their_topics():
  choice = choose_videos('mm_lda', seed=0, topic_counts=(2, 4, 6))
  assert [t.topic_count for t in choice.trials] == [2, 4, 6]
  two, four, six = (t.perplexity for t in choice.trials)
  assert choice.chosen.topic_count == 4
  assert four < 0.95 * two
  assert four < 1.01 * six
  assert all(2 <= t.sweeps < 100 for t in choice.trials)
  assert all(t.seconds > 0 for t in choice.trials)


def test_videos_repeat_with_the_seed():
  one, same, other = (
    choose_videos('mm_lda', seed=seed, topic_counts=(3,), pass_limit=2)
    for seed in (0, 0, 1)
  )
  assert one.chosen[:3] == same.chosen[:3]
  assert one.chosen.perplexity != other.chosen.perplexity


def test_a_stopped_search_goes_on_where_it_was(tmp_path, monkeypatch):
  real, tried = choose_count.fit_from_starts, []

  def fit(counts, settings, **kwargs):
    tried.append(settings.topic_count)
    if tried == [2, 3]:
      raise KeyboardInterrupt
    return real(counts, settings, **kwargs)

  monkeypatch.setattr(choose_count, 'fit_from_starts', fit)
  settings = {'topic_counts': (2, 3), 'pass_limit': 2, 'cache_dir': tmp_path}
  with pytest.raises(KeyboardInterrupt):
    choose_videos('mm_lda', seed=0, **settings)
  choice = choose_videos('mm_lda', seed=0, **settings)
  assert tried == [2, 3, 3]
  again = choose_videos('mm_lda', seed=0, **settings)
  assert again == choice
  assert tried == [2, 3, 3]
  kinds = [type(x) for x in choice.chosen]
  assert kinds == [int, float, int, float]
  for changes in ({'seed': 1}, {'seed': 0, 'word_prior': 0.1}):
    tried[:] = [0]
    choose_videos('mm_lda', **settings, **changes)
    assert tried == [0, 2, 3]


@pytest.mark.slow
def test_planted_tweets_ask_for_their_topics(tmp_path):
  corpus, _ = planted_tweets(
    0,
    tweet_count=1500,
    word_count=120,
    user_count=60,
    topic_count=4,
    day_count=3,
    mean_length=8,
  )
  settings = {
    'word_count': 120,
    'seed': 1,
    'held_out_share': 0.25,
    'sweep_counts': (15, 30),
    'cache_dir': tmp_path,
  }
  choice = choose_count.choose_tweet_topics(
    corpus, topic_counts=(2, 4), **settings
  )
  assert choice.chosen.topic_count == 4
  assert all(t.sweeps == 30 for t in choice.trials)
  again = choose_count.choose_tweet_topics(
    corpus, topic_counts=(4,), **settings
  )
  assert again.chosen == choice.trials[1]  # seconds too: it was kept


def test_too_few_to_hold_out():
  with pytest.raises(ValueError, match='of 4 videos with words holds 0 out'):
    choose_count.choose_video_topics(
      ['cat dog', 'cat dog', 'dog cat', 'cat', ''],
      sparse.csr_matrix((5, 0), dtype=np.int64),
      seed=0,
      min_df=1,
      max_df=1.0,
    )


def test_sweep_counts_ascend():
  corpus, _ = planted_tweets(
    0,
    tweet_count=9,
    word_count=5,
    user_count=4,
    topic_count=2,
    day_count=1,
    mean_length=3,
  )
  with pytest.raises(ValueError, match='expected two or more, ascending'):
    choose_count.choose_tweet_topics(
      corpus, word_count=5, seed=0, sweep_counts=(50, 25)
    )
