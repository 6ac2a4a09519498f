"""Topics of videos from their words alone: latent Dirichlet allocation."""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_matrix

from dynrec_jax.topics.multimodal_lda import multimodal_lda
from dynrec_jax.topics.video_start import START_COUNT
from dynrec_jax.topics.word_counts import VideoTopics


def text_lda(
  documents: Sequence[str],
  *,
  topic_count: int,
  seed: int,
  min_df: int = 5,
  max_df: float = 0.5,
  topic_prior: float = 0.2,
  word_prior: float = 0.02,
  pass_count: int = 25,
  start_count: int = START_COUNT,
  fit_on: np.ndarray | None = None,
) -> VideoTopics:
  """The shares of topics in every document, and the topics' words.

  Differs: the paper's video topics come from text and visual words together,
    these from text alone. A document without words has no topics, not the
    prior's equal shares: as a behaviour in Eq. (2) it should be masked, for
    equal shares would say an interest in everything.

  Words are those of `count_words`. The fit is variational Bayes over all
  documents at once: online steps are faster, but on a few thousand short texts
  leave topics without documents.

  Args:
    documents: one text per video.
    topic_count: K.
    seed: of the topics' starts.
    min_df: in how many documents a word must stand to count.
    max_df: in which share of the documents a word may stand at most.
    topic_prior: Dirichlet parameter of a document's topics. Small, as a video
      has a few dozen words; yet large enough that topics do not die out.
    word_prior: Dirichlet parameter of a topic's words.
    pass_count: passes over the documents.
    start_count: starts, see `video_start.fit_from_starts`.
    fit_on: [V] bool, the documents that words and topics are learned from;
      others are read by these topics. None learns from all.

  Returns:
    Topics, their mask and their words.

  Raises:
    ValueError: no document has a word that counts.
  """
  return multimodal_lda(
    documents,
    csr_matrix((len(documents), 0), dtype=np.int64),
    topic_count=topic_count,
    seed=seed,
    min_df=min_df,
    max_df=max_df,
    topic_prior=topic_prior,
    word_prior=word_prior,
    pass_count=pass_count,
    start_count=start_count,
    fit_on=fit_on,
  )
