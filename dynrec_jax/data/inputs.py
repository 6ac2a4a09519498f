"""What the recurrent network reads: interests, then videos, as row numbers.

Paper: Sec 3.4, x_1 = T_u u and x_t = T_x(v (+) t of video t-1). A sequence is
a list of rows of one table: the catalogue's V videos first, then the interest
rows. `history_mode` (A10) decides what stands before the first prediction:

  topic_only           u_l
  topic_then_history   u_l, then the videos watched up to l
  session_chain        u_1 ... u_l, one per session
  history_only         the videos watched up to l; u_l where there is none
"""

from typing import NamedTuple

import numpy as np

from dynrec_jax.data import sequences
from dynrec_jax.data.histories import Histories, ragged_indices
from dynrec_jax.data.interests import user_interests
from dynrec_jax.data.sequences import Samples
from dynrec_jax.data.sessions import Sessions

# Of networks that read interests; `history_only` is of those that do not.
TOPIC_MODES = ('topic_only', 'topic_then_history', 'session_chain')
HISTORY_MODES = (*TOPIC_MODES, 'history_only')
_READ_HISTORY = ('topic_then_history', 'history_only')


class InterestRows(NamedTuple):
  """The interests that each sample's sequence begins with.

  Attributes:
    offsets: [S + 1] int64; sample s owns rows offsets[s]:offsets[s + 1], the
      last of which is u at the sample's own time.
    values: [R, K] float32.
  """

  offsets: np.ndarray
  values: np.ndarray


class Prefixes(NamedTuple):
  """What stands before the first prediction, ragged by sample.

  Attributes:
    row: [n] int64, sample of each input, ascending.
    token: [n] int64: a video (< V), or V + a row of `InterestRows.values`.
    counts: [S] int64, inputs of each sample.
  """

  row: np.ndarray
  token: np.ndarray
  counts: np.ndarray


def check_history_mode(history_mode: str) -> None:
  """Raises ValueError for an unknown mode."""
  if history_mode not in HISTORY_MODES:
    raise ValueError(
      f'history_mode is {history_mode!r}; valid are {", ".join(HISTORY_MODES)}'
    )


def interest_rows(
  samples: Samples,
  behaviours: Histories,
  topics: np.ndarray,
  sessions: Sessions,
  *,
  history_mode: str,
  **decay_settings,
) -> InterestRows:
  """Eq (2) for every sample; `decay_settings` are `user_interests`'."""
  check_history_mode(history_mode)
  chain = history_mode == 'session_chain'
  counts = samples.session if chain else np.ones_like(samples.session)
  offsets = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
  row, session = ragged_indices(samples.session - counts + 1, counts)
  times = sessions.borders[session]
  times[offsets[1:] - 1] = samples.time  # of a query perhaps after a border
  values = user_interests(
    behaviours, topics, samples.user[row], times, **decay_settings
  )
  return InterestRows(offsets, values)


def take_rows(rows: InterestRows, samples: np.ndarray) -> InterestRows:
  """The interest rows of the named samples, in their order."""
  counts = np.diff(rows.offsets)[samples]
  _, index = ragged_indices(rows.offsets[samples], counts)
  offsets = np.concatenate([[0], np.cumsum(counts)])
  return InterestRows(offsets, rows.values[index])


def prefixes(
  samples: Samples,
  rows: InterestRows,
  watches: Histories,
  video_count: int,
  *,
  history_mode: str,
  max_history_len: int,
) -> Prefixes:
  """The inputs of every sample up to the first prediction.

  Args:
    samples: S samples.
    rows: their interests, see `interest_rows`.
    watches: histories in which the samples' known videos stand.
    video_count: V, where the interest tokens begin.
    history_mode: one of HISTORY_MODES.
    max_history_len: latest known videos that are read, in the modes that do.

  Returns:
    The inputs; at least one per sample.
  """
  own = _read_interests(samples, rows, history_mode)
  row, index = ragged_indices(rows.offsets[:-1], own)
  token = video_count + index
  if history_mode in _READ_HISTORY:
    video_row, watch = sequences.history_indices(
      samples, max_len=max_history_len
    )
    row = np.concatenate([row, video_row])
    token = np.concatenate([token, watches.item[watch]])
    order = np.argsort(row, kind='stable')
    row, token = row[order], token[order]
  counts = np.bincount(row, minlength=len(samples.user))
  return Prefixes(row, token, counts)


def reads_history(history_mode: str) -> bool:
  """Whether known videos are inputs."""
  return history_mode in _READ_HISTORY


def longest_prefix(
  history_mode: str, *, max_history_len: int, session_count: int
) -> int:
  """How many inputs `prefixes` gives a sample at most."""
  interests = {'session_chain': session_count, 'history_only': 0}
  count = interests.get(history_mode, 1)
  if history_mode in _READ_HISTORY:
    count += max_history_len
  return max(1, count)


def prefix_counts(
  samples: Samples,
  rows: InterestRows,
  *,
  history_mode: str,
  max_history_len: int,
) -> np.ndarray:
  """[S] `prefixes`' counts, without the inputs."""
  counts = _read_interests(samples, rows, history_mode)
  if history_mode in _READ_HISTORY:
    counts = counts + np.minimum(samples.history_count, max_history_len)
  return counts


def _read_interests(
  samples: Samples, rows: InterestRows, history_mode: str
) -> np.ndarray:
  """[S] how many of a sample's interests are inputs."""
  own = np.diff(rows.offsets)
  if history_mode != 'history_only':
    return own
  return np.where(samples.history_count > 0, 0, own)
