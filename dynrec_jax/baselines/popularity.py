"""The same list for everyone: what most people watched."""

from typing import NamedTuple

import numpy as np

from dynrec_jax.baselines import top_k
from dynrec_jax.recommender import CannotFit, Recommender, Seen

SOURCES = ('train', 'view_count')


class Settings(NamedTuple):
  """What is counted.

  Attributes:
    source: 'train' users that watched a video, or the catalogue's own
      'view_count' (A26).
  """

  source: str = 'train'


def fit(seen: Seen, settings: Settings) -> Recommender:
  """Recommends the k most popular videos that are allowed.

  Paper: Tables 1 and 2, row Popularity.
  Differs: the printed precision, twice that of Random, suggests that the paper
    ranked by the catalogue's view counts; `source` offers both.

  Args:
    seen: train users' watches, or the catalogue.
    settings: what is counted.

  Returns:
    The recommender; ties go to the lower id, unknown counts come last.

  Raises:
    ValueError: an unknown source.
    CannotFit: not one view count is known.
  """
  if settings.source == 'train':
    score = watcher_counts(seen)
  elif settings.source == 'view_count':
    score = _view_counts(seen.videos.view_count)
  else:
    raise ValueError(
      f'source is {settings.source!r}; valid are {", ".join(SOURCES)}'
    )
  score = score.astype(np.float64)
  return top_k.by_scores(
    lambda queries: np.broadcast_to(score, (queries.count, len(score))),
    len(score),
  )


def watcher_counts(seen: Seen) -> np.ndarray:
  """[V] int64, how many different train users watched each video."""
  counts = np.zeros(seen.video_count, np.int64)
  for user in seen.train_users:
    counts[np.unique(seen.watches.items_of(user))] += 1
  return counts


def _view_counts(view_count: np.ndarray) -> np.ndarray:
  """The catalogue's counts, -1 where unknown."""
  if not (view_count >= 0).any():
    raise CannotFit(
      f'source is view_count, which none of the {len(view_count)} videos has; '
      'right: train, or videos with a view_count'
    )
  return np.maximum(view_count, -1)
