"""Topics of videos from their text words and their visual words."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix

from dynrec_jax.topics.variational_topics import (
  Counts,
  Settings,
  TopicModel,
  document_topics,
  equal_mass_weight,
  has_words,
)
from dynrec_jax.topics.video_start import START_COUNT, fit_from_starts
from dynrec_jax.topics.word_counts import (
  KeptTopics,
  VideoTopics,
  count_known_words,
  count_words,
  top_words,
)


def multimodal_lda(
  documents: Sequence[str],
  visual_words: csr_matrix,
  *,
  topic_count: int,
  seed: int,
  form: str = 'mm_lda',
  min_df: int = 5,
  max_df: float = 0.5,
  topic_prior: float = 0.2,
  word_prior: float = 0.02,
  visual_weight: float | None = None,
  pass_count: int = 25,
  start_count: int = START_COUNT,
  fit_on: np.ndarray | None = None,
) -> VideoTopics:
  """The shares of topics in every video, and the topics' text words.

  Paper: a video's topics come from a multimodal topic model of its text and
    visual words; which one is not clear from the print (A35).
  Differs: a video with neither kind of word has no topics, see `text_lda`.

  mm-LDA: every word, of text or image, draws its own topic from the video's.
  Corr-LDA: visual words do; a text word takes the topic of a visual word of
  its video, drawn uniformly, so topics are those of what is seen. Where a
  video has no visual word, its text words draw from the video's topics; where
  it has no text, its visual words speak alone. Without any visual word both
  are `text_lda`.

  Args:
    documents: one text per video; words are those of `count_words`.
    visual_words: [V, X] counts, see `visual_words`; no entries in the rows of
      videos without a visual feature.
    topic_count: K.
    seed: of the topics' starts.
    form: 'mm_lda' or 'corr_lda'.
    min_df: in how many documents a text word must stand to count.
    max_df: in which share of the documents a text word may stand at most.
    topic_prior: Dirichlet parameter of a video's topics.
    word_prior: Dirichlet parameter of a topic's words, of either kind.
    visual_weight: how many text words a visual word counts as; None gives
      both kinds equal mass, see `equal_mass_weight`.
    pass_count: passes over the videos.
    start_count: starts, see `fit_from_starts`.
    fit_on: [V] bool, the videos that text words and topics are learned from;
      others are folded in. None learns from all.

  Returns:
    Topics (the posterior mean of theta), their mask, their text words, and what
    `folded_in` reads.

  Raises:
    ValueError: no video has a word of either kind, or the counts or settings
      fit no model.
  """
  visual_words = checked_visual_words(visual_words, len(documents))
  text, words = count_words(
    documents,
    min_df=min_df,
    max_df=max_df,
    required=not visual_words.nnz,
    fit_on=fit_on,
  )
  counts = Counts(text, visual_words)
  has_topics = has_words(counts)
  known = has_topics if fit_on is None else has_topics & fit_on
  learned = _rows(counts, known)
  if visual_weight is None:
    visual_weight = equal_mass_weight(learned)
  settings = Settings(
    form,
    topic_count,
    topic_prior=topic_prior,
    word_prior=word_prior,
    visual_weight=visual_weight,
    pass_count=pass_count,
  )
  model = fit_from_starts(learned, settings, seed=seed, start_count=start_count)
  topics = np.zeros((len(documents), topic_count), np.float32)
  for where in (known, has_topics & ~known):
    if where.any():
      gamma = document_topics(model, _rows(counts, where)).gamma
      topics[where] = gamma / gamma.sum(axis=1, keepdims=True)
  said = model.text_weights.T - word_prior
  kept = KeptTopics(
    words=np.array('\n'.join(words)),
    text_weights=model.text_weights,
    visual_weights=model.visual_weights,
    form=np.array(form),
    topic_prior=topic_prior,
    word_prior=word_prior,
    visual_weight=visual_weight,
  )
  return VideoTopics(topics, has_topics, top_words(said, words), kept)


def folded_in(
  kept: KeptTopics, documents: Sequence[str], visual_words: csr_matrix
) -> tuple[np.ndarray, np.ndarray]:
  """Topics of videos that a model was not fitted on, each by its own words.

  Args:
    kept: the model.
    documents: one text per video.
    visual_words: [V, X] counts of the model's visual words; [V, 0] of none.

  Returns:
    [V, K] float32 topics, 0 where [V] bool says that no word is known.
  """
  words = [word for word in str(kept.words).split('\n') if word]
  visual_words = checked_visual_words(visual_words, len(documents))
  if not visual_words.shape[1]:
    size = len(kept.visual_weights)
    visual_words = csr_matrix((len(documents), size), dtype=np.int64)
  counts = Counts(count_known_words(documents, words), visual_words)
  settings = Settings(
    str(kept.form),
    kept.text_weights.shape[1],
    topic_prior=float(kept.topic_prior),
    word_prior=float(kept.word_prior),
    visual_weight=float(kept.visual_weight),
  )
  model = TopicModel(
    settings, kept.text_weights, kept.visual_weights, np.zeros(0)
  )
  has_topics = has_words(counts)
  topics = np.zeros((len(documents), settings.topic_count), np.float32)
  if has_topics.any():
    gamma = document_topics(model, _rows(counts, has_topics)).gamma
    topics[has_topics] = gamma / gamma.sum(axis=1, keepdims=True)
  return topics, has_topics


def _rows(counts: Counts, where: np.ndarray) -> Counts:
  """The words of some videos."""
  return Counts(*(kind[where] for kind in counts))


def checked_visual_words(
  visual_words: csr_matrix, video_count: int
) -> csr_matrix:
  """The counts without stored zeros.

  Raises:
    ValueError: another number of videos.
  """
  if visual_words.shape[0] != video_count:
    raise ValueError(
      f'visual words are of {visual_words.shape[0]} videos, texts of '
      f'{video_count}; expected the same videos'
    )
  visual_words = csr_matrix(visual_words, copy=True)
  visual_words.eliminate_zeros()
  return visual_words
