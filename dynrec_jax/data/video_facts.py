"""What the network `plus` is told of the catalogue, beside its features."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.sparse import linalg

from dynrec_jax.data import sequences, watch_bags
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.sequences import Samples

# What the calendar tells: how often videos are watched after a border, or that
# over the share of users to whom they are new there.
CALENDARS = ('counts', 'rates')
_CATEGORY_COUNT = 64
_WIDE = 2048  # columns
# Sessions since a video came out, between which tastes for it differ.
_AGES = np.array([-9, 0, 6, 12, 24, 60, 120, 240, 500], np.float64)


class VideoFacts(NamedTuple):
  """Of one split.

  Attributes:
    calendar: [V, L] float32, column l - 1 is the log of how often each video is
      watched after the end of session l, as far as that may be known; see
      CALENDARS.
    content: [V, C] float32, what a video is about.
    mean_bag: [V] float32, the mean of the train samples' bags, each over the
      root of its sum; or [V, L], column l - 1 that of those at the end of
      session l.
    mean_interest: [K] float32, the mean of the train samples' interests.
  """

  calendar: np.ndarray
  content: np.ndarray
  mean_bag: np.ndarray
  mean_interest: np.ndarray


def category_names(
  categories: Sequence[Sequence[str]], known: np.ndarray
) -> list[str]:
  """The commonest 64 categories, each a column.

  Args:
    categories: [V] of each video.
    known: [V] bool, videos whose categories are counted.
  """
  counts = Counter(
    name for row in np.flatnonzero(known) for name in set(categories[row])
  )
  names = sorted(counts, key=lambda name: (-counts[name], name))
  return names[:_CATEGORY_COUNT]


def category_columns(
  categories: Sequence[Sequence[str]], names: Sequence[str]
) -> np.ndarray:
  """[V, C] float32, 1 where a video is of a category.

  Args:
    categories: [V] of each video.
    names: [C], see `category_names`.
  """
  place = {name: i for i, name in enumerate(names)}
  columns = np.zeros((len(categories), len(place)), np.float32)
  for row, own in enumerate(categories):
    columns[row, [place[name] for name in own if name in place]] = 1
  return columns


def age_columns(ages: np.ndarray) -> np.ndarray:
  """[V, 9] float32, how near an age is to some, linearly; zeros if unknown.

  Args:
    ages: [V] sessions since each video came out; NaN where that is unknown.
  """
  known = ~np.isnan(ages)
  clipped = np.clip(np.where(known, ages, 0), _AGES[0], _AGES[-1])
  corners = np.eye(len(_AGES))
  found = [np.interp(clipped, _AGES, corner) for corner in corners]
  return (np.stack(found, axis=1) * known[:, None]).astype(np.float32)


class Leading(NamedTuple):
  """Directions in which features differ most.

  Attributes:
    mean: [D] float64.
    maps: [D, n] float64, onto components of deviation 1.
    count: components; where there are fewer directions, zeros follow.
  """

  mean: np.ndarray
  maps: np.ndarray
  count: int

  def columns(self, features: np.ndarray, described: np.ndarray) -> np.ndarray:
    """[M, count] float32 components.

    Args:
      features: [M, D], of any videos.
      described: [M] bool, videos that have the feature; others are zeros.
    """
    found = (features.astype(np.float64) - self.mean) @ self.maps
    found = np.where(described[:, None], found, 0).astype(np.float32)
    return np.pad(found, ((0, 0), (0, self.count - found.shape[1])))


def leading(features: np.ndarray, learned: np.ndarray, count: int) -> Leading:
  """The leading components of features.

  Args:
    features: [V, D].
    learned: [V] bool, videos that they are learned from.
    count: components.
  """
  own = features[learned].astype(np.float64)
  if len(own) < 2 or not own.size:
    size = features.shape[1]
    return Leading(np.zeros(size), np.zeros((size, 0)), count)
  mean = own.mean(axis=0)
  values, vectors = _principal(own - mean, count)
  first = np.argsort(-values, kind='stable')[:count]
  first = first[values[first] > 1e-9 * max(values.max(), 1e-30)]
  maps = vectors[:, first] / np.sqrt(values[first])
  # An eigenvector's sign is any: the largest entry is positive.
  maps *= np.sign(maps[np.abs(maps).argmax(axis=0), np.arange(maps.shape[1])])
  return Leading(mean, maps, count)


def _principal(
  centred: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
  """Variances, in any order, and directions [D, n]: all, or the largest ones.

  All take D^3 operations, minutes where features are wide.
  """
  rows, columns = centred.shape
  if columns <= _WIDE or min(rows, columns) <= count:
    return np.linalg.eigh(centred.T @ centred / rows)
  start = np.ones(min(rows, columns))  # svds' own is drawn
  _, scales, directions = linalg.svds(centred, k=count, v0=start)
  return scales**2 / rows, directions.T


def mean_bag(
  samples: Samples,
  watches: Histories,
  video_count: int,
  *,
  decay: float,
  unit_secs: float,
  max_count: int,
) -> np.ndarray:
  """[V] float32, the mean of samples' decayed bags over the root of their sums.

  Args:
    samples: S of them; zeros if there is none.
    watches: the histories in which they stand.
    video_count: V.
    decay: see `watch_bags`.
    unit_secs: see `watch_bags`.
    max_count: see `watch_bags`.
  """
  bags = watch_bags.watch_bags(
    samples,
    watches,
    decay=decay,
    unit_secs=unit_secs,
    max_count=max_count,
  )
  count = len(samples.user)
  sums = np.bincount(bags.row, bags.weight, minlength=count)
  scale = np.sqrt(bags.newest / np.maximum(sums, 1))  # a sum is 1 or more
  scaled = bags.weight * scale[bags.row]
  total = np.bincount(bags.video, scaled, minlength=video_count)
  return (total / max(count, 1)).astype(np.float32)


def log_share_unseen(
  samples: Samples, watches: Histories, video_count: int
) -> np.ndarray:
  """[V] float32, the log of the share of samples to whom a video is new.

  Of n samples, b of whose histories hold video v, log((n - b + 1/2) / (n +
  1/2)): 0 where nobody knows v.

  Args:
    samples: S of them, of different users.
    watches: the histories in which they stand.
    video_count: V.
  """
  row, index = sequences.history_indices(samples)
  # Who has watched a video twice knows it once.
  pairs = np.unique(row * video_count + watches.item[index])
  known = np.bincount(pairs % video_count, minlength=video_count)
  count = len(samples.user) + 0.5
  return np.log((count - known) / count).astype(np.float32)


def calendar_of_counts(counts: np.ndarray, until: int) -> np.ndarray:
  """[V, until - 1] float32, log(1/2 + watches after each session's end).

  Args:
    counts: [V, L], see `data.watch_counts`.
    until: the session at whose end they end.
  """
  after = np.cumsum(counts[:, :until][:, ::-1], axis=1)[:, ::-1]
  return np.log(0.5 + after[:, 1:]).astype(np.float32)
