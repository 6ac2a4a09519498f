"""CB: videos whose text is most like what the user writes."""

from collections.abc import Sequence

import numpy as np

from dynrec_jax.baselines import top_k, tweet_profiles
from dynrec_jax.data import histories
from dynrec_jax.data.histories import Histories
from dynrec_jax.features import documents
from dynrec_jax.recommender import CannotFit, Queries, Recommender, Seen


def fit(seen: Seen) -> Recommender:
  """Recommends videos by the words that they share with the user.

  Paper: Table 2, row CB: similarity of video text and tweet profile.
    score(v) = cos(w(d_u), w(d_v)), w the TF-IDF of words.
  Differs: what a tweet profile is stays open. d_u is all that the user wrote
    before n_f, tweets and self-description, as one document (A36).

  Which words count, and how much, is learned from the texts of known videos and
  from the documents of train users, whose tweets are those of the whole span.
  Watches are not read.

  Args:
    seen: the catalogue's texts, train users' tweets and self-descriptions.

  Returns:
    The recommender. Where no word is shared scores are 0: all of a user
    without any word.

  Raises:
    CannotFit: no tweet or no video has a text, or no word stands in two.
  """
  tweet_profiles.require_texts(seen)
  if not documents.has_words(seen.video_texts).any():
    raise CannotFit(
      f'none of the {seen.video_count} videos has a text; right: videos with '
      'titles, descriptions or tags'
    )
  users = seen.train_users
  rows, index = histories.take_rows(seen.behaviours, users)
  written = _documents(rows, seen.texts[index], seen.profiles[users])
  known = [seen.video_texts[v] for v in np.flatnonzero(seen.known_videos)]
  words = tweet_profiles.fit_words([*known, *written])
  videos = words.transform(seen.video_texts).T.tocsr()

  def score(queries: Queries) -> np.ndarray:
    asked = _documents(queries.behaviours, queries.texts, queries.profiles)
    return (words.transform(asked) @ videos).toarray()

  return top_k.by_scores(score, seen.video_count)


def _documents(
  behaviours: Histories, texts: np.ndarray, profiles: Sequence[str]
) -> list[str]:
  """Each row's tweets, and the self-description below them."""
  tweets = tweet_profiles.tweet_documents(behaviours, texts)
  return [f'{t}\n{p}' for t, p in zip(tweets, profiles, strict=True)]
