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
  word, size = _nearest_centres(features, centre_count, seed, where)
  if not size:
    return csr_matrix((video_count, 0), dtype=np.int64)
  return _counted(video, word, (video_count, size))


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
  rows = np.flatnonzero(has_visual)
  present = features[rows]
  _check_features(present)
  where = None if fit_on is None else fit_on[rows]
  if not present.size or (where is not None and not where.any()):
    return csr_matrix((len(features), 0), dtype=np.int64)
  pieces = np.array_split(
    np.arange(features.shape[1]), min(slice_count, features.shape[1])
  )
  found = [
    _nearest_centres(present[:, piece], centre_count, (seed, number), where)
    for number, piece in enumerate(pieces)
  ]
  size = found[0][1]
  columns = [word + size * s for s, (word, _) in enumerate(found)]
  return _counted(
    np.tile(rows, len(pieces)),
    np.concatenate(columns),
    (len(features), size * len(pieces)),
  )


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


def _nearest_centres(rows, centre_count, seed, where=None):
  """[n] the centre of each row, and how many centres there are.

  Centres are found on the rows where `where` says so, or on all.
  """
  from sklearn.cluster import MiniBatchKMeans
  from sklearn.exceptions import ConvergenceWarning

  source = np.arange(len(rows)) if where is None else np.flatnonzero(where)
  if not rows.size or not len(source):
    return np.zeros(0, np.int64), 0
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
    words = [
      means.predict(_as_float32(rows[start : start + _AT_ONCE]))
      for start in range(0, len(rows), _AT_ONCE)
    ]
  return np.concatenate(words).astype(np.int64), size


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
