"""The same list for everyone: what most people watched."""

from typing import NamedTuple

import numpy as np

from dynrec_jax.baselines import top_k
from dynrec_jax.data import histories
from dynrec_jax.recommender import CannotFit, Recommender, Seen

SOURCES = ('train', 'view_count')


class Settings(NamedTuple):
  """What is counted.

  Attributes:
    source: 'train' users that watched a video, or the catalogue's own
      'view_count' (A26).
    window: of 'train', how late a watch must be to count, in sessions before
      the end of n_f; 0 counts all.
  """

  source: str = 'train'
  window: float = 0.0


def fit(seen: Seen, settings: Settings) -> Recommender:
  """Recommends the k most popular videos that are allowed.

  Paper: Tables 1 and 2, row Popularity.
  Differs: the printed precision, twice that of Random, suggests that the paper
    ranked by the catalogue's view counts; `source` offers both. With a window
    it tells what is popular of late.

  Args:
    seen: train users' watches, or the catalogue.
    settings: what is counted.

  Returns:
    The recommender; ties go to the lower id, unknown counts come last.

  Raises:
    ValueError: an unknown source, or a window below 0.
    CannotFit: not one view count is known.
  """
  if settings.window < 0:
    raise ValueError(f'window is {settings.window}; it must be at least 0')
  if settings.source == 'train':
    score = watcher_counts(_late(seen, settings.window))
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


def _late(seen: Seen, window: float) -> Seen:
  """With the watches of a window before the end of n_f alone; 0 is all."""
  if not window:
    return seen
  end = seen.clock.end(seen.session)
  span = int(seen.clock.borders[-1]) - int(seen.clock.borders[0])
  start = end - round(window * span / seen.clock.count)
  everyone = np.arange(seen.watches.user_count)
  past, _ = histories.rows_before(
    seen.watches, everyone, np.full(len(everyone), end)
  )
  late, _ = histories.rows_from(past, everyone, np.full(len(everyone), start))
  return seen._replace(watches=late)


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
