"""What `mode=update` keeps of a study beside its parameters, and where.

A run's folder gets `updates/`, a folder for each state that an update leaves,
and `current.json`, which says which of them is the one to read. Such a folder
is a run's folder itself: checkpoints, `data.json` and `data.npz`, and here
`kept.npz`. So a state is there whole, or the one before it is.

Content of what was known is kept as numbers, with the models that made them: a
video that comes later is described by these, and nothing is fitted again.
"""

import json
import os
import pathlib
from collections.abc import Mapping
from typing import NamedTuple

import ml_collections
import numpy as np

from dynrec_jax.data import summary
from dynrec_jax.data.records import Records
from dynrec_jax.data.summary import Summary
from dynrec_jax.storage import digests, whole_files
from dynrec_jax.study import workdir
from dynrec_jax.topics.topic_state import TopicState
from dynrec_jax.topics.twitter_lda import TopicCounts
from dynrec_jax.topics.word_counts import KeptTopics

_FILE = 'kept.npz'
_NUMBERS = ('until', 'split')


class KeptVideos(NamedTuple):
  """Content of V videos, and what describes others alike.

  Attributes:
    text: [V, D] float32 text features as networks read them; [V, 0] where the
      study brings its own.
    has_text: [V] bool.
    text_model: arrays of the encoder; none where no video had a word.
    topics: [V, K] float32; [V, 0] where nothing reads topics of videos.
    top_words: [K, n] str, the topics' words.
    topic_model: None where no video had a word.
    centres: [X, D] of visual words; [0, 0] where there are none.
    of_frames: [] bool, whether they are of frames.
    basis: [D, r] of visual features; [0, 0] of none.
    columns: what `plus` is told by, see `study.video_facts`; empty for others.
  """

  text: np.ndarray
  has_text: np.ndarray
  text_model: Mapping[str, np.ndarray]
  topics: np.ndarray
  top_words: np.ndarray
  topic_model: KeptTopics | None
  centres: np.ndarray
  of_frames: np.ndarray
  basis: np.ndarray
  columns: Mapping[str, np.ndarray]


class KeptTweets(NamedTuple):
  """Tweets' topics, and what the next day of tweets is fitted with.

  Attributes:
    border: n_f, seconds; days are counted from it.
    first_day: the number of the day that begins there.
    vocabulary: words.
    topic: [n] int16, of the study's tweets in their order.
    state: after the last day; users are the study's.
  """

  border: int
  first_day: int
  vocabulary: list[str]
  topic: np.ndarray
  state: TopicState


class Kept(NamedTuple):
  """A study as an update left it, or as the first one finds it.

  Attributes:
    until: seconds, before when everything is learned.
    split: the one that goes on.
    fingerprint: see `prepare.Prepared`.
    summary: of its users and videos, in their order, see there.
    videos: see `KeptVideos`.
    tweets: None where interests are made of watches, or where the source
      brings the tweets' topics.
  """

  until: int
  split: int
  fingerprint: str
  summary: Summary
  videos: KeptVideos
  tweets: KeptTweets | None


class Growth(NamedTuple):
  """How a study goes on from what was kept.

  Attributes:
    kept: of the study so far.
    until: seconds; what is read ends there.
    joins: whether others may join; if not, who and what is there is read.
  """

  kept: Kept
  until: int
  joins: bool

  def known(self, records: Records) -> tuple[np.ndarray, np.ndarray]:
    """[U] and [V] bool, which of a source's users and videos are kept."""
    before = self.kept.summary
    users = np.isin(digests.numbers(records.user_ids), before.user)
    return users, np.isin(digests.numbers(records.videos.id), before.video)

  def places(self, records: Records) -> tuple[np.ndarray, np.ndarray]:
    """Where the kept users and videos stand in the grown study.

    Raises:
      ValueError: one of them is no more.
    """
    before = self.kept.summary
    sides = (
      ('user', before.user, digests.numbers(records.user_ids)),
      ('video', before.video, digests.numbers(records.videos.id)),
    )
    for name, old, new in sides:
      gone = int((~np.isin(old, new)).sum())
      if gone:
        raise ValueError(
          f'{summary.counted(gone, name)} of the study gone from the log since '
          'its last update; right: the same log, grown'
        )
    users, videos = (_places(old, new) for _, old, new in sides)
    return users, videos


def _places(old: np.ndarray, new: np.ndarray) -> np.ndarray:
  """[n] where each of the old numbers stands among the new ones."""
  order = np.argsort(new)
  return order[np.searchsorted(new[order], old)]


def of_folder(config: ml_collections.ConfigDict) -> Growth | None:
  """How to read the study of a folder that was updated; None of any other."""
  kept = read(config)
  return None if kept is None else Growth(kept, kept.until, False)


def refuse_updated(
  config: ml_collections.ConfigDict, *, measures: bool
) -> None:
  """Raises in a folder that `mode=update` has gone on with.

  Args:
    config: of the run.
    measures: whether what is there is only measured, which a state's own folder
      can be.

  Raises:
    ValueError: says which folder is right.
  """
  state = workdir.state_of(config)
  is_run = state == config.workdir
  if is_run and (measures or not pathlib.Path(state, _FILE).exists()):
    return
  raise ValueError(
    f'{config.workdir} holds a run that mode=update has gone on with; right: '
    f'another workdir, or to measure it mode=evaluate with workdir={state}'
  )


def read(config: ml_collections.ConfigDict) -> Kept | None:
  """What the folder's last update kept; None if it has had none.

  Raises:
    ValueError: the file is damaged.
  """
  path = pathlib.Path(workdir.state_of(config), _FILE)
  try:
    arrays = whole_files.read_arrays(path)
    return _from_arrays(arrays)
  except FileNotFoundError:
    return None
  except (KeyError, TypeError) as error:
    raise ValueError(
      f'{path} lacks {error}: it is damaged, or of another version; right: '
      'another workdir'
    ) from error


def write(folder: str | os.PathLike[str], kept: Kept) -> None:
  """What an update keeps, whole or not at all."""
  whole_files.write_arrays(pathlib.Path(folder, _FILE), _to_arrays(kept))


def _to_arrays(kept: Kept) -> dict[str, np.ndarray]:
  """Everything by dotted name."""
  found = {
    'fingerprint': np.array(kept.fingerprint),
    **{name: np.array(getattr(kept, name), np.int64) for name in _NUMBERS},
    **_below('summary', kept.summary._asdict()),
  }
  videos = kept.videos._asdict()
  model = videos.pop('topic_model')
  for name in ('text_model', 'columns'):
    found |= _below(name, videos.pop(name))
  found |= _below('videos', videos)
  if model is not None:
    found |= _below('topic_model', model._asdict())
  if kept.tweets is not None:
    border, first_day, vocabulary, topic, state = kept.tweets
    about = [border, first_day, state.next_day]
    found |= _below('counts', state.counts._asdict())
    found |= {
      'tweets.about': np.array(about, np.int64),
      'tweets.vocabulary': np.array(json.dumps(vocabulary)),
      'tweets.topic': topic,
    }
  return found


def _from_arrays(arrays: Mapping[str, np.ndarray]) -> Kept:
  """`_to_arrays` undone."""
  model = _under('topic_model', arrays)
  videos = KeptVideos(
    **_under('videos', arrays),
    topic_model=KeptTopics(**model) if model else None,
    text_model=_under('text_model', arrays),
    columns=_under('columns', arrays),
  )
  tweets = None
  if 'tweets.about' in arrays:
    border, first_day, next_day = arrays['tweets.about'].tolist()
    counts = TopicCounts(**_under('counts', arrays))
    tweets = KeptTweets(
      border,
      first_day,
      json.loads(str(arrays['tweets.vocabulary'])),
      arrays['tweets.topic'],
      TopicState(next_day, counts),
    )
  return Kept(
    **{name: int(arrays[name]) for name in _NUMBERS},
    fingerprint=str(arrays['fingerprint']),
    summary=Summary(**_under('summary', arrays)),
    videos=videos,
    tweets=tweets,
  )


def _below(
  name: str, arrays: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
  """The arrays under a section's name."""
  return {f'{name}.{key}': np.asarray(of) for key, of in arrays.items()}


def _under(
  name: str, arrays: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
  """`_below` undone."""
  start = f'{name}.'
  return {
    key.removeprefix(start): of
    for key, of in arrays.items()
    if key.startswith(start)
  }
