"""One stage: a Beam pipeline over tasks, whose results are combined in files.

A task is small, as is all that it gives to Beam: facts, which are added up,
and counts of blocks of videos, which are summed by their key. Rows of events
never go that way, see `spill`.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
import numpy as np
from absl import logging
from apache_beam.options.pipeline_options import (
  PipelineOptions,
  StandardOptions,
)
from apache_beam.runners import runner as runner_lib

from dynrec_jax.preparation import columns, files

_COUNTS = 'counts'


class Counts(NamedTuple):
  """How many of the rows that a rule left each video of a block has.

  Attributes:
    rule: of `users.Left`.
    block: of the catalogue.
    counts: [size] int64.
  """

  rule: str
  block: int
  counts: np.ndarray


# A name, and a number (summed), a list (joined, in no order), or of `first` the
# least: what a task found out.
Facts = dict[str, Any]
# Of a task; what is shared by all is bound to it.
Work = Callable[[Any], Iterator[Facts | Counts]]


class Runner(NamedTuple):
  """Where stages run.

  Attributes:
    options: Beam's, as on a command line: `--runner=FlinkRunner` and so on.
  """

  options: tuple[str, ...]

  def pipeline_options(self) -> PipelineOptions:
    """All options in Beam's form."""
    return PipelineOptions(list(self.options))

  def runner(self) -> runner_lib.PipelineRunner:
    """What runs a pipeline; on one machine the runner in Python itself.

    What Beam calls `DirectRunner` looks on the net for another one first.
    """
    options = self.pipeline_options().view_as(StandardOptions)
    name = options.runner or 'DirectRunner'
    if name in ('DirectRunner', 'direct'):
      name = 'FnApiRunner'
    if name == 'FnApiRunner':
      from apache_beam.runners.portability import fn_api_runner

      return fn_api_runner.FnApiRunner()
    return runner_lib.create_runner(name)


class Results(NamedTuple):
  """What a stage's tasks have found.

  Attributes:
    facts: of all of them.
    counts: [V] int64 by rule.
  """

  facts: Facts
  counts: dict[str, np.ndarray]


def run(
  name: str,
  work: Work,
  tasks: Sequence[Any],
  runner: Runner,
  folder: str,
  video_count: int = 0,
) -> Results:
  """Does all tasks, wherever the runner does them.

  Args:
    name: of the stage.
    work: what is done, a function that can be pickled.
    tasks: what it is called with.
    runner: where.
    folder: for the results.
    video_count: V, of the counts.

  Raises:
    ValueError: a task met a wrong input; the first of all of these.
    OSError: the runner gave up.
  """
  logging.debug('%s: %d tasks', name, len(tasks))
  into = files.join(folder, name)
  options = runner.pipeline_options()
  pipeline = beam.Pipeline(runner=runner.runner(), options=options)
  found = (
    pipeline
    | 'Tasks' >> beam.Create(list(tasks))
    | 'Spread' >> beam.Reshuffle()
    | name
    >> beam.FlatMap(_sorted_out, work).with_outputs(_COUNTS, main='facts')
  )
  _ = (
    found.facts
    | 'Facts' >> beam.CombineGlobally(_AllFacts())
    | 'StoreFacts' >> beam.Map(_store_facts, into)
  )
  _ = (
    found[_COUNTS]
    | 'Sum' >> beam.CombinePerKey(_Sum())
    | 'StoreCounts' >> beam.Map(_store_counts, into)
  )
  with giving_up(name):
    pipeline.run().wait_until_finish()
  facts = files.read_json(files.join(into, 'facts.json'))
  if 'wrong' in facts:
    raise ValueError(facts['wrong'][-1])
  return Results(facts, _read_counts(into, video_count))


@contextlib.contextmanager
def giving_up(name: str) -> Iterator[None]:
  """Whatever a runner fails with, as an OSError that names the stage."""
  try:
    yield
  except Exception as error:  # every runner has its own
    told = ' '.join(str(error).split())
    raise OSError(f'the stage {name} of the pipeline failed: {told}') from error


def _sorted_out(task, work: Work) -> Iterator[Any]:
  """What a task yields, counts under their tag; an error is a fact, too."""
  try:
    for found in work(task):
      if isinstance(found, Counts):
        pair = (found.rule, found.block), found.counts
        yield beam.pvalue.TaggedOutput(_COUNTS, pair)
      else:
        yield found
  except ValueError as error:
    column = error.column if isinstance(error, columns.WrongRow) else -1
    place = getattr(task, 'place', (0, 0))
    yield {'wrong': [place[0], column, place[1], str(error)]}


class _AllFacts(beam.CombineFn):
  """Adds facts up."""

  def create_accumulator(self) -> Facts:
    return {}

  def add_input(self, mutable_accumulator: Facts, element: Facts) -> Facts:
    for name, value in element.items():
      if name in mutable_accumulator:
        value = _added(name, mutable_accumulator[name], value)
      mutable_accumulator[name] = value
    return mutable_accumulator

  def merge_accumulators(self, accumulators: Iterable[Facts]) -> Facts:
    found: Facts = {}
    for one in accumulators:
      self.add_input(found, one)
    return found

  def extract_output(self, accumulator: Facts) -> Facts:
    return accumulator


def _added(name: str, one, other):
  """Two facts of a name as one: of what is first the least, else a sum."""
  if name == 'wrong' or name.startswith('first'):
    return min(one, other)
  return one + other


class _Sum(beam.CombineFn):
  """The sum of arrays."""

  def create_accumulator(self):
    return 0

  def add_input(self, mutable_accumulator, element):
    return mutable_accumulator + element

  def merge_accumulators(self, accumulators):
    return sum(accumulators)

  def extract_output(self, accumulator):
    return accumulator


def _store_facts(facts: Facts, folder: str) -> None:
  files.write_json(files.join(folder, 'facts.json'), facts)


def _store_counts(
  summed: tuple[tuple[str, int], np.ndarray], folder: str
) -> None:
  (rule, block), counts = summed
  path = files.join(folder, f'counts-{rule}-{block}.npz')
  files.write_arrays(path, counts=counts)


def _read_counts(folder: str, video_count: int) -> dict[str, np.ndarray]:
  """[V] by rule, of what `_store_counts` stored."""
  found: dict[str, np.ndarray] = {}
  for path in files.listed(folder):
    name = path.rpartition('/')[2]
    if not name.startswith('counts-') or not name.endswith('.npz'):
      continue
    _, rule, block = name.removesuffix('.npz').split('-')
    counts = files.read_arrays(path)['counts']
    start = int(block) * len(counts)
    whole = found.setdefault(rule, np.zeros(video_count, np.int64))
    whole[start : start + len(counts)] = counts[: video_count - start]
  return found
