"""Everything from a folder of tables to a prepared set, stage by stage.

Bounded by rows of a range, a piece or a fragment: all events, texts, vectors
and users. Bounded by the catalogue: ids, places, counts and masks of videos,
some 50 bytes of each, in every worker and here. Rounds of the filters are as
many as `data/filters` makes; a round reads numbers alone.
"""

import functools
import pathlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import tensorflow_datasets as tfds

from dynrec_jax.data import joins
from dynrec_jax.data.filters import FilterStep
from dynrec_jax.data.records import LacksDataError
from dynrec_jax.preparation import (
  catalogue,
  files,
  inputs,
  range_tasks,
  ranges,
  rounds,
  shards,
  stages,
  stored,
  study_set,
  tasks,
  vectors,
)
from dynrec_jax.preparation.inputs import Fragment, Inputs
from dynrec_jax.preparation.rounds import Filtered
from dynrec_jax.preparation.rules import Rules
from dynrec_jax.preparation.shared import NO_VECTORS, Range, Read, Shared
from dynrec_jax.preparation.stages import Facts, Results, Runner
from dynrec_jax.sources import folder_files, notes, prepared
from dynrec_jax.storage import whole_files

_RANGE_BYTES = 1 << 27  # of a range of videos
_TEXT_BYTES = 2_000  # of a video, about


class Prepared(NamedTuple):
  """What has been made.

  Attributes:
    steps: what every filter left.
    counts: of users, videos, watches and tweets.
    notes: see `study_set.StudySet`.
  """

  steps: tuple[FilterStep, ...]
  counts: dict[str, int]
  notes: dict[str, Any]


def prepare(
  folder: str,
  into: str,
  rules: Rules,
  runner: Runner,
  *,
  rows_per_range: int,
  strict: bool = False,
  scratch: str = '',
) -> Prepared:
  """A prepared set of what the rules leave of a folder.

  Args:
    folder: of the tables.
    into: of the set; a new one.
    rules: of the study.
    runner: where the stages run.
    rows_per_range: of users that one worker holds, about.
    strict: whether a watch of a video that is not listed is an error.
    scratch: a folder for what stages hand to each other, which goes when all
      is done; '' is one in the folder of the set.

  Raises:
    ValueError: wrong input, or a folder that holds a set.
    LacksDataError: the rules leave nothing.
    OSError: the runner gave up.
  """
  files.use(runner.pipeline_options())
  if files.exists(files.join(into, study_set.FACTS)):
    raise ValueError(
      f'prepared_dir is {into!r}, which holds a prepared study; right: another '
      'folder, or none of that name'
    )
  scratch = scratch or files.join(into, 'scratch')
  for left in (scratch, files.join(into, study_set.StudyPart.name)):
    files.remove(left)  # of a job that was killed
  # A new name: workers keep what they have read by it.
  own = files.join(scratch, whole_files.new_name())
  try:
    job = _Job(Shared(own, rules, rows_per_range), runner)
    return job.run(folder, into, strict)
  finally:
    files.remove(scratch)
    for kept in (catalogue.ids, catalogue.places, stored.spilled):
      kept.cache_clear()


class _Job:
  """One preparation: what is known by now, and the next stage."""

  def __init__(self, shared: Shared, runner: Runner):
    self._shared = shared
    self._runner = runner
    self._video_count = 0

  def run(self, folder: str, into: str, strict: bool) -> Prepared:
    """All stages, one after the other."""
    found = inputs.find(folder)
    tables = {name: inputs.fragments(found, name) for name in inputs.TABLES}
    self._survey(found, tables)
    sent = self._scatter(found, tables)
    told = _unlisted(sent, strict)
    met = self._gather(tables)
    told |= self._notes(folder, found, sent | met)._asdict()
    kept = rounds.filtered(
      self._stage, sorted(met['filled']), self._shared, self._video_count
    )
    stays = self._store_stay(kept)
    counts = self._write(into, kept, stays)
    steps = kept.steps
    if self._shared.rules.cut is None:
      in_span = steps[0]._replace(
        rule='in the span', watches=met['span_watches']
      )
      steps = (in_span, *steps)
    made = Prepared(steps, counts, told)
    self._seal(into, made)
    return made

  def _stage(self, name: str, work: Callable, of: Sequence[Any]) -> Results:
    """Runs a stage."""
    return stages.run(
      name,
      work,
      of,
      self._runner,
      self._shared.folder,
      self._video_count,
    )

  def _survey(self, found: Inputs, tables: dict[str, list[Fragment]]) -> None:
    """Finds the borders of users' ranges, and the order of the videos."""
    parts = [part for fragments in tables.values() for part in fragments]
    reads = [Read(part, number) for number, part in enumerate(parts)]
    work = functools.partial(tasks.survey, shared=self._shared)
    facts = self._stage('survey', work, reads).facts
    for table in ('videos', 'watches'):
      if not facts.get(table):
        path = found.tables[table][0]
        one = table.removesuffix('s').replace('watche', 'watch')
        raise ValueError(f'{path}: found no row; right: one row per {one}')
    self._video_count = catalogue.store(
      self._shared.folder,
      tables['videos'],
      sorted(facts['ids']),
    )
    shared, rows = self._shared, self._shared.rows_per_range
    samples = pa.array(facts['users'], pa.large_string())
    topics = found.vectors.get('tweet_topics', '')
    visual = found.vectors.get('visual', '')
    self._shared = shared._replace(
      starts=tuple(ranges.borders(samples, rows)),
      topics=topics,
      topics_shape=_shape(topics, facts.get('tweets', 0), 'tweet'),
      visual_shape=_shape(visual, self._video_count, 'video'),
    )
    width = 4 * self._shared.visual_shape.width + _TEXT_BYTES
    each = min(_RANGE_BYTES // width, rows)
    self._shared = self._shared._replace(videos_per_range=max(1, each))

  def _scatter(self, found: Inputs, tables: dict[str, list[Fragment]]) -> Facts:
    """Sends all rows to their ranges."""
    parts: list[Any] = [part for of in tables.values() for part in of]
    if 'visual' in found.vectors:
      path = found.vectors['visual']
      parts += vectors.cut(path, self._shared.visual_shape)
    reads = [Read(part, number) for number, part in enumerate(parts)]
    work = functools.partial(tasks.scatter, shared=self._shared)
    facts = self._stage('scatter', work, reads).facts
    if not facts['listed']:
      raise ValueError(
        f"{found.tables['watches'][0]}, column 'video': found no id of a video "
        f'of {found.tables["videos"][0]}; right: the same ids, spelled alike'
      )
    stored.write_spilled(self._shared.folder, facts['spilled'])
    return facts

  def _gather(self, tables: dict[str, list[Fragment]]) -> Facts:
    """Puts every range in order."""
    of = {
      'users': range(len(self._shared.starts) + 1),
      'videos': range(-(-self._video_count // self._shared.videos_per_range)),
    }
    every = [Range(table, n) for table, numbers in of.items() for n in numbers]
    work = functools.partial(range_tasks.gather, shared=self._shared)
    facts = self._stage('gather', work, every).facts
    if 'first_again' in facts:
      row, first, name = facts['first_again']
      raise ValueError(
        inputs.again(tables['profiles'], 'user', row, first, name)
      )
    if not facts['span_watches']:
      raise LacksDataError('no watch lies in the span')
    for name in ('complete', 'described'):
      self._join_masks(name)
    return facts

  def _notes(self, folder: str, found: Inputs, met: Facts) -> notes.Notes:
    """What is odd about the tables and how they meet, in lines."""
    odd = notes.Notes([], list(met.get('odd', ())))
    names = {name: _name(paths[0]) for name, paths in found.tables.items()}
    if 'visual' in found.vectors:
      count = met['featured']
      sides = (_name(found.vectors['visual']), count, names['videos'])
      odd.add_join(
        joins.join_of_counts('videos', *sides, self._video_count, count)
      )
    for table in ('tweets', 'profiles'):
      if table in names:
        sides = (names[table], met[f'users_{table}'], names['watches'])
        both = (met['users_watches'], met[f'met_{table}'])
        odd.add_join(joins.join_of_counts('users', *sides, *both))
    if '://' not in folder:
      read = [pathlib.Path(path) for path in found.paths()]
      meant, others = folder_files.unread(pathlib.Path(folder), read)
      odd.told.extend([others] if others else [])
      odd.warned.extend([meant] if meant else [])
    return odd

  def _join_masks(self, name: str) -> None:
    """What ranges of videos have asked of each, for all workers."""
    found = sorted(
      path
      for path in files.listed(self._shared.folder)
      if path.rpartition('/')[2].startswith(f'{name}-')
    )
    if found:
      known = np.concatenate(
        [files.read_arrays(path)['known'] for path in found]
      )
      files.write_arrays(self._shared.path(f'{name}.npz'), known=known)

  def _store_stay(self, kept: Filtered) -> np.ndarray:
    """[V] bool, the videos of the study; see `time_cut.with_later`."""
    known = kept.left > 0
    stays = known
    if self._shared.rules.cut is not None:
      path = self._shared.path('described.npz')
      stays = known | ((kept.before == 0) & files.read_arrays(path)['known'])
    files.write_arrays(self._shared.path('stay.npz'), stays=stays, known=known)
    return stays

  def _write(
    self, into: str, kept: Filtered, stays: np.ndarray
  ) -> dict[str, int]:
    """The parts of the set; gives how much is in them."""
    size = self._shared.videos_per_range
    videos = np.unique(np.flatnonzero(stays) // size).tolist()
    of = {
      'users': (shards.user_shard, kept.filled),
      'outside': (shards.outside_shard, kept.filled),
      'videos': (shards.video_shard, videos),
    }
    options = tfds.download.DownloadConfig(
      beam_runner=self._runner.runner(),
      beam_options=self._runner.pipeline_options(),
    )
    for part, (make, numbers) in of.items():
      builder = study_set.StudyPart(
        data_dir=into,
        config=part,
        shards=[
          functools.partial(make, number, self._shared) for number in numbers
        ],
      )
      with (
        whole_files.scratch_folder() as folder,  # for downloads: of nothing
        stages.giving_up(f'{part} of the set'),
      ):
        builder.download_and_prepare(
          download_dir=folder, download_config=options
        )
    return self._counts(kept) | {'videos': int(stays.sum())}

  def _counts(self, kept: Filtered) -> dict[str, int]:
    """How many users, watches and tweets the shards have."""
    found = {'users': 0, 'watches': 0, 'tweets': 0}
    for number in kept.filled:
      path = self._shared.path(f'written-{number:06d}.json')
      for name, count in files.read_json(path).items():
        found[name] += count
    return found

  def _seal(self, into: str, made: Prepared) -> None:
    """Says what the set is of; where this file is, all is there."""
    shapes = {
      'visual': self._shared.visual_shape,
      'topics': self._shared.topics_shape,
    }
    facts = {
      'rules': self._shared.rules._asdict(),
      'counts': made.counts,
      'steps': made.steps,
      'notes': made.notes,
    }
    facts |= {name: [of.width, of.dtype] for name, of in shapes.items()}
    files.write_json(files.join(into, study_set.FACTS), facts)


def _shape(path: str, rows: int, row_name: str) -> vectors.Shape:
  """What a file of vectors holds, one for each row of a table."""
  if not path:
    return NO_VECTORS
  found = vectors.shape(path)
  if path.endswith('.npy') and found.rows != rows:
    raise ValueError(
      f'{path}: found {found.rows} rows; right: {rows}, one per {row_name}'
    )
  return found


def _name(path: str) -> str:
  """Of a file, without its folder."""
  return path.rpartition('/')[2]


def _unlisted(sent: Facts, strict: bool) -> dict[str, Any]:
  """Which watches are kept out, as `sources/prepared` tells it."""
  if not sent.get('unlisted'):
    return {}
  told = {
    'unlisted_count': sent['unlisted'],
    'first_unlisted': sent['first_unlisted'][-1],
  }
  prepared.report_unlisted(told, strict)
  return told
