"""Visual words: features of frames or videos as counts of cluster centres."""

import warnings

import numpy as np
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

_BATCH = 1024  # rows a k-means step
_MOST_FITTED = 50_000  # rows that centres are found on; all get a word
_AT_ONCE = 8192  # rows in float32 when words are given


def frame_words(
  features: np.ndarray,
  video: np.ndarray,
  *,
  video_count: int,
  seed: int,
  centre_count: int = 1000,
  fit_on: np.ndarray | None = None,
) -> csr_matrix:
  """One visual word per frame: the nearest of the centres of all frames.

  Args:
    features: [F, D] of the frames, all finite; any float dtype.
    video: [F] int, the video of each frame, in [0, video_count).
    video_count: V.
    seed: of the centres.
    centre_count: words; no more than there are frames.
    fit_on: [V] bool, the videos whose frames the centres are found on; None is
      all.

  Returns:
    [V, words] int64 counts; a video without frames has an empty row.

  Raises:
    ValueError: features that are not [F, D] finite floats, or a video out of
      range.
  """
  _check_features(features)
  video = np.asarray(video)
  if video.shape != features.shape[:1]:
    raise ValueError(
      f'{len(features)} frames need as many videos; got {list(video.shape)}'
    )
  wrong = np.flatnonzero((video < 0) | (video >= video_count))
  if wrong.size:
    raise ValueError(
      f'frame {wrong[0]} is of video {video[wrong[0]]}, not in [0, '
      f'{video_count})'
    )
  where = None if fit_on is None else fit_on[video]
  centres = _centres(features, centre_count, seed, where)
  return words_of_frames(features, video, centres, video_count=video_count)


def frame_centres(
  features: np.ndarray, *, seed: int, centre_count: int = 1000
) -> np.ndarray:
  """[X, D] float32, the centres that `frame_words` finds on all frames."""
  _check_features(features)
  return _centres(features, centre_count, seed)


def words_of_frames(
  features: np.ndarray,
  video: np.ndarray,
  centres: np.ndarray,
  *,
  video_count: int,
) -> csr_matrix:
  """[V, X] int64, what `frame_words` counts, by centres found before.

  Args:
    features: see `frame_words`, as `video` and `video_count`.
    video: see there.
    centres: [X, D]; none makes no word.
    video_count: see there.
  """
  if not len(centres):
    return csr_matrix((video_count, 0), dtype=np.int64)
  word = _nearest(features, centres)
  return _counted(video, word, (video_count, len(centres)))


def slice_words(
  features: np.ndarray,
  has_visual: np.ndarray,
  *,
  seed: int,
  slice_count: int = 32,
  centre_count: int = 64,
  fit_on: np.ndarray | None = None,
) -> csr_matrix:
  """One visual word per slice of a video's single vector.

  A product quantiser: the vector is cut into slices of neighbouring numbers,
  of equal widths or such as differ by one, and each slice has centres of its
  own. Word j of slice s is column s * centres + j.

  Args:
    features: [V, D] pooled features, any float dtype. Lengths count: scale
      the vectors before if they should not.
    has_visual: [V] bool; other rows are not read.
    seed: of the centres.
    slice_count: words per video; no more than D.
    centre_count: words per slice; no more than there are features.
    fit_on: [V] bool, the videos that the centres are found on; None is all.

  Returns:
    [V, slices * centres] int64 counts; a row without a feature is empty.

  Raises:
    ValueError: features that are not [V, D] floats, finite where they count,
      or a mask of another length.
  """
  if has_visual.shape != features.shape[:1]:
    raise ValueError(
      f'{len(features)} features need as many marks of which are there; got '
      f'{list(has_visual.shape)}'
    )
  learned = has_visual if fit_on is None else has_visual & fit_on
  _check_features(features[has_visual])
  centres = slice_centres(
    features[learned],
    seed=seed,
    slice_count=slice_count,
    centre_count=centre_count,
  )
  return words_of_slices(features, has_visual, centres, slice_count=slice_count)


def slice_centres(
  features: np.ndarray,
  *,
  seed: int,
  slice_count: int = 32,
  centre_count: int = 64,
) -> np.ndarray:
  """[X, D] float32, the centres of every slice, side by side as the slices are.

  Args:
    features: [n, D], all of them present.
    seed: see `slice_words`, as the rest.
    slice_count: see there.
    centre_count: see there.
  """
  _check_features(features)
  found = [
    _centres(features[:, piece], centre_count, (seed, number))
    for number, piece in enumerate(_pieces(features.shape[1], slice_count))
  ]
  return np.concatenate(found, axis=1)


def words_of_slices(
  features: np.ndarray,
  has_visual: np.ndarray,
  centres: np.ndarray,
  *,
  slice_count: int,
) -> csr_matrix:
  """[V, slices * X] int64, what `slice_words` counts, by centres found before.

  Args:
    features: see `slice_words`, as `has_visual` and `slice_count`.
    has_visual: see there.
    centres: see `slice_centres`; none makes no word.
    slice_count: see there.
  """
  rows, size = np.flatnonzero(has_visual), len(centres)
  if not len(rows) or not size:
    return csr_matrix((len(features), 0), dtype=np.int64)
  present = features[rows]
  pieces = _pieces(features.shape[1], slice_count)
  columns = [
    _nearest(present[:, piece], centres[:, piece]) + size * number
    for number, piece in enumerate(pieces)
  ]
  return _counted(
    np.tile(rows, len(pieces)),
    np.concatenate(columns),
    (len(features), size * len(pieces)),
  )


def _pieces(width, slice_count):
  """The columns of every slice."""
  return np.array_split(np.arange(width), max(1, min(slice_count, width)))


def _check_features(features):
  """Raises unless the rows are finite floats."""
  if features.ndim != 2 or features.dtype.kind != 'f':
    raise ValueError(
      f'features are {features.dtype} {list(features.shape)}; expected floats '
      '[rows, D]'
    )
  bad = ~np.isfinite(features)
  if bad.any():
    row, column = np.argwhere(bad)[0]
    raise ValueError(
      f'feature {row}, column {column}: found {features[row, column]}; '
      'expected a finite number'
    )


def _centres(rows, centre_count, seed, where=None):
  """[X, D] centres of the rows where `where` says so, or of all."""
  from sklearn.cluster import MiniBatchKMeans
  from sklearn.exceptions import ConvergenceWarning

  source = np.arange(len(rows)) if where is None else np.flatnonzero(where)
  if not rows.size or not len(source):
    return np.zeros((0, rows.shape[1]), np.float32)
  size = min(centre_count, len(source))
  state = np.random.SeedSequence(seed).generate_state(1)[0]
  means = MiniBatchKMeans(
    size, batch_size=_BATCH, n_init=1, random_state=int(state)
  )
  # One thread: the same words on any machine, and for so small a problem the
  # fastest; on a busy one threads that wait for each other take 30 x longer.
  with warnings.catch_warnings(), threadpool_limits(1):
    # Equal rows leave centres without any: those words just do not occur.
    warnings.simplefilter('ignore', ConvergenceWarning)
    means.fit(_as_float32(rows[source[_sample(len(source), seed)]]))
  return means.cluster_centers_


def _nearest(rows, centres):
  """[n] int64, the nearest centre of each row."""
  from sklearn.metrics import pairwise_distances_argmin

  with threadpool_limits(1):
    words = [
      pairwise_distances_argmin(
        _as_float32(rows[start : start + _AT_ONCE]), centres
      )
      for start in range(0, len(rows), _AT_ONCE)
    ]
  return np.concatenate([np.zeros(0, np.int64), *words])


def _as_float32(rows):
  return np.ascontiguousarray(rows, dtype=np.float32)


def _sample(count, seed):
  """Which of the rows the centres are found on: all, or so many at random."""
  if count <= _MOST_FITTED:
    return slice(None)
  rng = np.random.default_rng(seed)
  return np.sort(rng.choice(count, _MOST_FITTED, replace=False))


def _counted(row, column, shape):
  """Counts of the pairs, CSR."""
  return csr_matrix((np.ones(len(row), np.int64), (row, column)), shape=shape)
