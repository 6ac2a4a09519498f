"""A study's records on disk, as a TFDS data set of three parts in shards.

`users` and `videos` are what `sources/record_files` makes of a source, of what
the filters left; every watch has its session beside it, every video whether
anything is learned from it. `outside` holds the same users' events before and
after the span. `set.json` is written last and says of which rules it all is.
"""

import json
import os
import pathlib
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core import writer

from dynrec_jax.data.filters import FilterStep
from dynrec_jax.data.records import Records
from dynrec_jax.data.span import Outside
from dynrec_jax.preparation import rules as rules_lib
from dynrec_jax.preparation.rules import Rules
from dynrec_jax.sources import record_files
from dynrec_jax.sources.record_files import Block
from dynrec_jax.storage import whole_files

PARTS = ('users', 'outside', 'videos')
FACTS = 'set.json'
# Makes the examples of a shard.
Shard = Callable[[], Iterator[tuple[int, Block]]]


class StudySet(NamedTuple):
  """What a prepared set holds.

  Attributes:
    records: of the study.
    outside: its users' events before and after the span.
    known_videos: [V] bool, what anything is learned from.
    steps: what every filter left.
    notes: lines for the log, see `sources.notes`; and of watches that were
      kept out `unlisted_count` and `first_unlisted`.
  """

  records: Records
  outside: Outside
  known_videos: np.ndarray
  steps: tuple[FilterStep, ...]
  notes: dict[str, Any]


class _ShardWriter(writer.ExampleWriter):
  """Writes a shard; where `array_record` cannot, here first, then there."""

  def write(self, path, examples):
    if '://' not in os.fspath(path):
      return super().write(path, examples)
    from dynrec_jax.preparation import files  # only workers have Beam

    with whole_files.scratch_folder() as folder:
      local = folder / 'shard'
      super().write(local, examples)
      with local.open('rb') as source, files.writing(os.fspath(path)) as sink:
        shutil.copyfileobj(source, sink)
    return None


class StudyPart(tfds.core.ShardBasedBuilder):
  """One of `PARTS`, each shard written by the worker that makes it.

  Not a `BeamBasedBuilder`, though Beam runs it: that one's writers put all
  examples through the runner once more, which on one machine is in memory.
  """

  name = 'prepared_study'
  VERSION = tfds.core.Version('1.0.0')
  BUILDER_CONFIGS: ClassVar = [
    tfds.core.BuilderConfig(name=part) for part in PARTS
  ]
  code_path = tfds.core.Path(__file__)

  def __init__(self, *, shards: Sequence[Shard] = (), **kwargs):
    """Takes what every builder does, and what makes the shards."""
    self.shards = shards
    super().__init__(file_format='array_record', **kwargs)

  def _info(self) -> tfds.core.DatasetInfo:
    features = {
      'users': record_files.USERS | {'session': record_files.flat(np.int32)},
      'outside': record_files.USERS,
      'videos': record_files.VIDEOS | {'known': record_files.flat(np.uint8)},
    }
    return tfds.core.DatasetInfo(
      builder=self,
      features=tfds.features.FeaturesDict(features[self.builder_config.name]),
      disable_shuffling=True,
    )

  def _example_writer(self):
    return _ShardWriter(self.info.file_format)

  def _shard_iterators_per_split(self, dl_manager):
    del dl_manager
    return {record_files.SPLIT: list(self.shards)}


def facts_of(folder: str) -> Mapping[str, Any]:
  """What a set says of itself.

  Raises:
    ValueError: there is no set, or it is damaged.
  """
  path = pathlib.Path(folder) / FACTS
  try:
    return json.loads(path.read_text('utf-8'))
  except FileNotFoundError:
    raise ValueError(
      f'prepared_dir is {folder!r}, which holds no {FACTS} and so no whole '
      'prepared study; right: the folder that mode=prepare_at_scale has made'
    ) from None
  except ValueError:
    raise ValueError(f'{path}: damaged; right: prepare it again') from None


def read(folder: str, rules: Rules) -> StudySet:
  """The study that a set holds.

  Args:
    folder: of the set.
    rules: what the study asks for.

  Raises:
    ValueError: there is no set, it is of other rules, or it is damaged.
  """
  facts = facts_of(folder)
  told = rules_lib.differences(rules_lib.from_json(facts['rules']), rules)
  if told:
    raise ValueError(
      f'prepared_dir is {folder!r}, which holds a study of other rules: '
      f'{told}; '
      'right: prepare it again in another folder, or ask for the same'
    )
  try:
    users, outside, videos, known = _read_parts(folder)
  except (AssertionError, OSError, RuntimeError, ValueError) as error:
    raise ValueError(
      f'{folder}: a part of the set cannot be read ({error}); right: prepare '
      'it again'
    ) from error
  visual = _shaped(videos.visual, facts['visual'])
  records = Records(
    users.user_ids,
    users.watches,
    videos._replace(visual=visual),
    _with_topics(users.tweets, facts),
    users.profiles,
  )
  _check_counts(folder, records, facts['counts'])
  return StudySet(
    records,
    Outside(outside.watches, _with_topics(outside.tweets, facts)),
    known,
    tuple(FilterStep(*step) for step in facts['steps']),
    facts['notes'],
  )


def _read_parts(folder: str):
  """Users, the same outside of the span, videos, and which are known."""
  users, outside = (
    record_files.users_from_blocks(blocks(folder, part)) for part in PARTS[:2]
  )
  of_videos = blocks(folder, 'videos')
  known = [block['known'].astype(bool) for block in of_videos]
  videos = record_files.videos_from_blocks(of_videos)
  return users, outside, videos, np.concatenate(known)


def blocks(folder: str, part: str) -> Sequence[Block]:
  """The examples of a part, in order."""
  builder = StudyPart(data_dir=folder, config=part)
  return builder.as_data_source(record_files.SPLIT)


def _with_topics(tweets, facts):
  return tweets._replace(topics=_shaped(tweets.topics, facts['topics']))


def _shaped(vectors: np.ndarray, shape: Sequence) -> np.ndarray:
  """Vectors of the source's width, also where none is left."""
  width, dtype = shape
  if vectors.shape[1] != width:
    return np.zeros((len(vectors), width), dtype)
  return vectors.astype(dtype, copy=False)


def _check_counts(folder: str, records: Records, counts) -> None:
  """Raises where not all is there that has been written."""
  found = {
    'users': len(records.user_ids),
    'videos': len(records.videos.id),
    'watches': len(records.watches.user),
    'tweets': len(records.tweets.user),
  }
  if found != counts:
    raise ValueError(
      f'{folder}: found {found}; right: {counts}, as {FACTS} says; prepare it '
      'again'
    )
