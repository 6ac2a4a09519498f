"""Where a video topic model's fit begins: groups of videos, joined and chosen.

From a random start variational Bayes keeps true topics in one, or spread over
all. Videos whose words lie in the same directions are grouped first, into half
as many groups again as there are topics; a few passes make topics of them, and
topics that the joint law holds for one are joined.
"""

import math

import numpy as np
from scipy import sparse

from dynrec_jax.topics.held_out import video_perplexity
from dynrec_jax.topics.joined_topics import Side, join_topics, joined
from dynrec_jax.topics.variational_topics import (
  Counts,
  Settings,
  TopicModel,
  document_topics,
  fit_topics,
  has_words,
)

START_COUNT = 1
_SPARE = 1.5  # groups per topic
_PASSES = 5  # over the groups' topics, before they are joined
_SEEDINGS = 3  # of k-means
_HELD_OUT = 10  # one video in so many
_SMALLEST = 1e-12


def fit_from_starts(
  counts: Counts, settings: Settings, *, seed: int, start_count: int
) -> TopicModel:
  """Fits the topics from the start of the lowest held-out perplexity.

  Differs: the paper names no start. With one start nothing is held out; with
    more, one video in ten is until a start is chosen.

  Args:
    counts: words, whole numbers; videos without any are left alone.
    settings: the model.
    seed: of the starts and of the fit.
    start_count: starts; 0 is scikit-learn's random one, and so is it where
      there are too few videos or words to group.

  Returns:
    The model.

  Raises:
    ValueError: as `fit_topics`.
  """
  start = _chosen(counts, settings, seed, start_count)
  return fit_topics(counts, settings, seed=seed, start=start)


def _chosen(counts, settings, seed, start_count):
  """[W + X, K] parameters to begin with, or None."""
  rows = np.flatnonzero(has_words(counts))
  counts = Counts(*(kind[rows] for kind in counts))
  train, test = _held_out(counts) if start_count > 1 else (counts, None)
  if not start_count or min(_words(train, settings).shape) <= 2:
    return None
  starts = [
    video_start(train, settings, seed=seed + number)
    for number in range(start_count if test else 1)
  ]
  if len(starts) == 1:
    return starts[0]
  split = counts.text.shape[1]
  scores = [
    video_perplexity(
      TopicModel(settings, start[:split], start[split:], np.zeros(0)),
      test,
      seed=seed,
    )
    for start in starts
  ]
  return starts[int(np.argmin(scores))]


def video_start(counts: Counts, settings: Settings, *, seed: int) -> np.ndarray:
  """One start.

  Args:
    counts: words; every video has one.
    settings: the model.
    seed: of the groups' seedings and of the passes.

  Returns:
    [W + X, K] Dirichlet parameters of the topics' words.
  """
  prior = settings.word_prior
  k = settings.topic_count
  label = group_videos(
    _words(counts, settings), math.ceil(_SPARE * k), seed=seed
  )
  many = settings._replace(
    form='mm_lda',
    topic_count=max(k, int(label.max()) + 1),
    pass_count=_PASSES,
    tolerance=0.0,
  )
  member = np.zeros((len(label), many.topic_count))
  member[np.arange(len(label)), label] = 1
  words = _words(counts, settings).T @ member
  model = fit_topics(counts, many, seed=seed, start=words + prior)
  gamma = document_topics(model, counts).gamma
  text, visual = (
    np.maximum(table - prior, 0)
    for table in (model.text_weights, model.visual_weights)
  )
  sides = [
    Side(text, prior, True),
    Side(visual, prior, True),
    Side(
      np.maximum(gamma - settings.topic_prior, 0), settings.topic_prior, False
    ),
  ]
  label = join_topics([side for side in sides if len(side.counts)], k)
  return joined(np.concatenate([text, visual]), label) + prior


def group_videos(
  words: sparse.csr_matrix, group_count: int, *, seed: int
) -> np.ndarray:
  """[D] groups of rows that use like words.

  k-means of unit rows in the leading singular directions of the counts, each
  divided by the roots of its row's and column's sum. The mean sum is added to
  either, so that rare words and short rows have no direction to themselves.

  Args:
    words: [D, W] counts; no row is empty.
    group_count: groups at most.
    seed: of k-means.
  """
  # Only this needs them, and they are slow to import.
  from scipy.sparse.linalg import svds
  from sklearn.cluster import KMeans

  length = np.asarray(words.sum(axis=1)).ravel()
  often = np.asarray(words.sum(axis=0)).ravel()
  scaled = sparse.diags_array(1 / np.sqrt(length + length.mean())) @ words
  scaled = scaled @ sparse.diags_array(1 / np.sqrt(often + often.mean()))
  size = min(scaled.shape)
  left, strength, _ = svds(
    scaled, k=min(group_count, size - 1), v0=np.ones(size)
  )
  place = left * strength
  norm = np.linalg.norm(place, axis=1, keepdims=True)
  place /= np.maximum(norm, _SMALLEST)
  groups = KMeans(
    min(group_count, len(place)), n_init=_SEEDINGS, random_state=seed
  )
  return groups.fit(place, sample_weight=length).labels_


def _words(counts, settings):
  """[D, W + X] float64, visual words at their weight."""
  kinds = [counts.text, counts.visual * settings.visual_weight]
  return sparse.hstack(kinds, format='csr', dtype=np.float64)


def _held_out(counts):
  """All videos but every tenth, and these; all and None where few have two."""
  rich = np.zeros(counts.text.shape[0], bool)
  for kind in counts:
    rich |= np.asarray(kind.sum(axis=1)).ravel() > 1
  out = np.zeros(len(rich), bool)
  out[np.flatnonzero(rich)[_HELD_OUT - 1 :: _HELD_OUT]] = True
  if not out.any():
    return counts, None
  return tuple(Counts(*(kind[side] for kind in counts)) for side in (~out, out))
