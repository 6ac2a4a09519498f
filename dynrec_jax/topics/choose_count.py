"""How many topics: perplexity of what was held out, for several K."""

import functools
import os
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from absl import logging
from scipy.sparse import csr_matrix

from dynrec_jax.storage import cache
from dynrec_jax.topics.held_out import video_perplexity
from dynrec_jax.topics.multimodal_lda import checked_visual_words
from dynrec_jax.topics.tweet_blocks import TweetCorpus, select_tweets
from dynrec_jax.topics.tweet_start import START_ROUNDS, find_start
from dynrec_jax.topics.tweet_topics import perplexity
from dynrec_jax.topics.twitter_lda import (
  REFERENCE,
  Hyperparameters,
  empty_counts,
  fit_tweets,
)
from dynrec_jax.topics.variational_topics import (
  Counts,
  Settings,
  equal_mass_weight,
  has_words,
)
from dynrec_jax.topics.video_start import START_COUNT, fit_from_starts
from dynrec_jax.topics.word_counts import count_words

TOPIC_COUNTS = tuple(range(10, 151, 10))
WITHIN = 0.01  # a perplexity this near to the best is as good
SETTLED = 1e-4  # relative change per sweep below which a fit has converged


class Trial(NamedTuple):
  """One fit.

  Attributes:
    topic_count: K.
    perplexity: of what was held out.
    sweeps: passes or sweeps up to a relative change below `SETTLED`; all that
      were made if it never came.
    seconds: of the fit, compilation included.
  """

  topic_count: int
  perplexity: float
  sweeps: int
  seconds: float


class CountChoice(NamedTuple):
  """All fits, and the number of topics that they speak for.

  Attributes:
    trials: in the order of the given numbers of topics.
    chosen: one of them, see `choose_trial`.
  """

  trials: tuple[Trial, ...]
  chosen: Trial


def choose_trial(trials: Iterable[Trial]) -> Trial:
  """The smallest K whose perplexity is within 1 % of the best.

  Paper: K is the one of small perplexity and fast convergence; the rule that
    weighs the two is ours, as none is printed.

  Of several fits of the chosen K (of several seeds, say) the one with fewer
  sweeps counts, then the one with the lower perplexity.

  Args:
    trials: one or more, of different K or not.

  Returns:
    The chosen one. Seconds never decide: the choice must repeat.

  Raises:
    ValueError: no trial, or a perplexity that is not finite.
  """
  trials = tuple(trials)
  if not trials:
    raise ValueError('a choice of the number of topics needs a trial; got none')
  for trial in trials:
    if not np.isfinite(trial.perplexity):
      raise ValueError(
        f'the perplexity at {trial.topic_count} topics is {trial.perplexity}'
      )
  border = min(trial.perplexity for trial in trials) * (1 + WITHIN)
  good = [trial for trial in trials if trial.perplexity <= border]
  return min(good, key=lambda t: (t.topic_count, t.sweeps, t.perplexity))


def choose_video_topics(
  documents: Sequence[str],
  visual_words: csr_matrix,
  *,
  seed: int,
  form: str = 'mm_lda',
  topic_counts: Sequence[int] = TOPIC_COUNTS,
  held_out_share: float = 0.1,
  min_df: int = 5,
  max_df: float = 0.5,
  topic_prior: float = 0.2,
  word_prior: float = 0.02,
  pass_limit: int = 100,
  start_count: int = START_COUNT,
  cache_dir: str | os.PathLike | None = None,
) -> CountChoice:
  """Fits videos at several K and scores videos that were held out.

  Args:
    documents: one text per video.
    visual_words: [V, X] counts.
    seed: of the held-out videos, their halves and every start.
    form: 'mm_lda' or 'corr_lda'; without visual words both are LDA.
    topic_counts: the K to try.
    held_out_share: of the videos with words.
    min_df: see `multimodal_lda`; the vocabulary is that of all videos.
    max_df: see there.
    topic_prior: see there; the same at every K.
    word_prior: see there.
    pass_limit: passes, should the bound not settle before.
    start_count: starts at each K, see `fit_from_starts`.
    cache_dir: where each fit's score is kept as soon as it is known; None keeps
      none.

  Returns:
    The fits and the choice; `video_perplexity` is what they are scored by.

  Raises:
    ValueError: as `multimodal_lda`, or too few videos to hold some out.
  """
  visual_words = checked_visual_words(visual_words, len(documents))
  text, _ = count_words(
    documents, min_df=min_df, max_df=max_df, required=not visual_words.nnz
  )
  counts = Counts(text, visual_words)
  rows = np.flatnonzero(has_words(counts))
  test = _held_out(len(rows), held_out_share, seed, 'videos with words')
  parts = [
    Counts(*(kind[rows[side]] for kind in counts)) for side in (~test, test)
  ]
  weight = equal_mass_weight(parts[0])

  def try_count(topic_count):
    start = time.monotonic()
    settings = Settings(
      form,
      topic_count,
      topic_prior=topic_prior,
      word_prior=word_prior,
      visual_weight=weight,
      pass_count=pass_limit,
      tolerance=SETTLED,
    )
    model = fit_from_starts(
      parts[0], settings, seed=seed, start_count=start_count
    )
    seconds = time.monotonic() - start
    score = video_perplexity(model, parts[1], seed=seed)
    return Trial(topic_count, score, len(model.bounds), seconds)

  inputs = [
    array
    for part in parts
    for kind in part
    for array in (kind.data, kind.indices, kind.indptr, list(kind.shape))
  ]
  settings = {
    'form': form,
    'seed': seed,
    'topic_prior': topic_prior,
    'word_prior': word_prior,
    'pass_limit': pass_limit,
    'start_count': start_count,
  }
  return _choice(
    _kept(cache_dir, 'video', inputs, settings, try_count, topic_count)
    for topic_count in topic_counts
  )


def choose_tweet_topics(
  corpus: TweetCorpus,
  *,
  word_count: int,
  seed: int,
  topic_counts: Sequence[int] = TOPIC_COUNTS,
  held_out_share: float = 0.1,
  priors: Hyperparameters = REFERENCE,
  sweep_counts: Sequence[int] = (25, 50, 100),
  start_rounds: int = START_ROUNDS,
  cache_dir: str | os.PathLike | None = None,
) -> CountChoice:
  """Fits tweets at several K and scores the tweets of held-out users.

  A Gibbs chain has no bound to watch. Its perplexity is taken after each of
  `sweep_counts`, all prefixes of one chain, each run from one start; the chain
  has settled at the first of them (the second, at the earliest) since whose
  predecessor the relative change per sweep is below `SETTLED`. The perplexity
  of the trial is that of the longest run.

  Args:
    corpus: tweets.
    word_count: size of the vocabulary.
    seed: of the held-out users and the chains.
    topic_counts: the K to try.
    held_out_share: of the users with tweets.
    priors: strengths of the priors; its number of topics is not read.
    sweep_counts: ascending, two or more, 10 or more each.
    start_rounds: of each K's start, see `find_start`.
    cache_dir: where each trial is kept as soon as it is done; None keeps none.

  Returns:
    The fits and the choice; `tweet_topics.perplexity` is what they are scored
    by.

  Raises:
    ValueError: too few users to hold some out, or none with two tweets.
  """
  sweep_counts = tuple(sweep_counts)
  if len(sweep_counts) < 2 or list(sweep_counts) != sorted(set(sweep_counts)):
    raise ValueError(
      f'sweep_counts are {sweep_counts}; expected two or more, ascending'
    )
  users, user = np.unique(corpus.user, return_inverse=True)
  corpus = corpus._replace(user=user.astype(np.int32))
  test = _held_out(len(users), held_out_share, seed, 'users with tweets')
  train, held = (
    select_tweets(corpus, np.flatnonzero(side[user])) for side in (~test, test)
  )
  key = jax.random.key(seed, impl='threefry2x32')

  def try_count(topic_count):
    hyper = priors._replace(topic_count=topic_count)
    sizes = {'word_count': word_count, 'user_count': len(users)}
    nothing = empty_counts(hyper, **sizes)
    began = time.monotonic()
    start = find_start(train, hyper, **sizes, key=key, round_count=start_rounds)
    fit = functools.partial(
      fit_tweets, train, nothing, hyper, key=key, start=start
    )
    scores = [
      perplexity(held, fit(sweep_count=sweeps).counts, hyper)
      for sweeps in sweep_counts
    ]
    seconds = time.monotonic() - began
    sweeps = settled_sweeps(sweep_counts, scores)
    return Trial(topic_count, scores[-1], sweeps, seconds)

  inputs = [*train, *held, word_count]
  settings = {
    'seed': seed,
    'priors': list(priors[1:]),
    'sweep_counts': list(sweep_counts),
    'start_rounds': start_rounds,
  }
  return _choice(
    _kept(cache_dir, 'tweet', inputs, settings, try_count, topic_count)
    for topic_count in topic_counts
  )


def _kept(
  cache_dir: str | os.PathLike | None,
  what: str,
  inputs: Sequence[Any],
  settings: dict[str, Any],
  try_count: Callable[[int], Trial],
  topic_count: int,
) -> Trial:
  """A trial, from the disk if it was made before."""

  def compute():
    trial = try_count(topic_count)
    logging.info(
      'K = %d: perplexity %.2f, settled after %d sweeps, %.0f s', *trial
    )
    return {'trial': np.array(trial, np.float64)}

  settings = settings | {'topic_count': topic_count}
  found = cache.cached(
    cache_dir, f'{what}_topic_count', inputs, settings, compute
  )
  kind = (int, float, int, float)
  return Trial(*(k(x) for k, x in zip(kind, found['trial'], strict=True)))


def settled_sweeps(sweep_counts: Sequence[int], scores: Sequence[float]) -> int:
  """The first count of sweeps at which scores have ceased to change.

  Args:
    sweep_counts: ascending.
    scores: the perplexity after each.

  Returns:
    The first whose relative change per sweep, since the one before, is below
    `SETTLED`; the last if there is none.
  """
  steps = np.diff(sweep_counts)
  change = np.abs(np.diff(scores)) / np.abs(scores[:-1]) / steps
  calm = np.flatnonzero(change < SETTLED)
  return int(sweep_counts[calm[0] + 1] if calm.size else sweep_counts[-1])


def _held_out(count, share, seed, what):
  """[count] bool, at least one of each side."""
  held = round(count * share)
  if not 0 < held < count:
    raise ValueError(
      f'a share of {share} of {count} {what} holds {held} out; expected at '
      'least one, and one to fit'
    )
  test = np.zeros(count, bool)
  test[np.random.default_rng(seed).permutation(count)[:held]] = True
  return test


def _choice(trials):
  """All trials with the chosen one."""
  trials = tuple(trials)
  return CountChoice(trials, choose_trial(trials))
