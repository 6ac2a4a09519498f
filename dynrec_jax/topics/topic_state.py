"""What daily TwitterLDA carries from day to day, and its file."""

from typing import NamedTuple

import numpy as np

from dynrec_jax.storage import digests, whole_files
from dynrec_jax.topics.tweet_blocks import TweetCorpus
from dynrec_jax.topics.twitter_lda import TopicCounts


class TopicCheckpointError(ValueError):
  """A file that is no whole checkpoint, or one of other tweets."""


class TopicState(NamedTuple):
  """All that the next day needs.

  Attributes:
    next_day: the first day not yet fitted.
    counts: statistics of the days before it.
  """

  next_day: int
  counts: TopicCounts


def save_state(
  path: str, state: TopicState, topic: np.ndarray, digest: str
) -> None:
  """Writes a checkpoint; a crash leaves the old file or the new one, whole.

  So do two processes that write the same one. Missing folders are made.

  Args:
    path: an .npz file.
    state: after the last day fitted.
    topic: [n] frozen topics of all tweets before `state.next_day`.
    digest: of the tweets and settings they come from.
  """
  arrays = {**state.counts._asdict(), 'topic': topic}
  about = {
    'next_day': np.int64(state.next_day),
    'source': np.array(digest),
    'content': np.array(_content_digest(state.next_day, arrays)),
  }
  whole_files.write_arrays(path, arrays | about)


def restore_state(path: str) -> tuple[TopicState, np.ndarray, str]:
  """Reads a checkpoint back: the state, the frozen topics, the digest.

  Raises:
    TopicCheckpointError: the file is not a whole checkpoint.
  """
  try:
    with np.load(path, allow_pickle=False) as f:
      arrays = {name: f[name] for name in (*TopicCounts._fields, 'topic')}
      next_day, source = int(f['next_day']), str(f['source'])
      content = str(f['content'])
  except Exception as e:  # zipfile, zlib and NumPy raise many kinds
    raise TopicCheckpointError(
      f'{path} is no whole topic checkpoint ({e}); delete it to start anew'
    ) from e
  if content != _content_digest(next_day, arrays):
    raise TopicCheckpointError(
      f'{path} does not match its digest: its bytes changed after it was '
      'written; delete it to start anew'
    )
  topic = arrays.pop('topic')
  return TopicState(next_day, TopicCounts(**arrays)), topic, source


def source_digest(settings: str, corpus: TweetCorpus) -> str:
  """A fingerprint of tweets, as ids, and of settings."""
  return digests.joined_sha256(settings, *corpus)


def state_digest(state: TopicState) -> str:
  """A fingerprint of a state."""
  return _content_digest(state.next_day, state.counts._asdict())


def _content_digest(next_day, arrays):
  """A fingerprint of a checkpoint's own content."""
  named = [part for name in sorted(arrays) for part in (name, arrays[name])]
  return digests.joined_sha256(str(next_day), *named)
