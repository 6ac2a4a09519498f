"""What a method gains over another in worlds that differ in one mechanism."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dynrec_jax.report import bootstrap, measured
from dynrec_jax.report.paper_tables import Cell
from dynrec_jax.report.runs import Run
from dynrec_jax.sources import simulation

# What worlds are asked to share, as a run's facts have it, and in words.
_SHARED = (
  ('lists of', 'decode', 'k'),
  ('data', 'data', 'name'),
  ('world seed', 'data', 'world_seed'),
)


class Gain(NamedTuple):
  """F of a method less F of a reference, of the same users.

  Attributes:
    value: of all users.
    drawn: [resamples] the same in every draw of users.
  """

  value: float
  drawn: np.ndarray

  @property
  def cell(self) -> Cell:
    """With its 95 % interval."""
    return measured.cell(self.value, self.drawn)


def gain(run: Run, mode: str, methods: Sequence[str], seed: int) -> Gain:
  """F of the first method less F of the second, paired over users.

  Args:
    run: of one world.
    mode: 'long', 'short' or 'cross'.
    methods: two that ran in the mode.
    seed: of the draws of users. Worlds have users of their own: draws of two
      worlds that are compared must not go together, so their seeds differ.

  Raises:
    ValueError: see `measured.sample_of`.
  """
  sample = measured.sample_of(run, mode, methods)
  drawn = bootstrap.resampled_f(
    sample.users, sample.precision, sample.recall, seed=seed
  )
  f = bootstrap.f_score(
    sample.precision.mean(axis=1), sample.recall.mean(axis=1)
  )
  return Gain(f[0] - f[1], drawn[0] - drawn[1])


def why_absent(run: Run, mode: str, methods: Sequence[str]) -> str:
  """Why a run cannot tell the gain; '' if it can."""
  for method in methods:
    if (mode, method) in run.lists:
      continue
    for skipped in run.skipped:
      if skipped[:2] == (mode, method):
        return f'{run.label(method)} in {run.name}: {skipped.why}'
    return f'{run.name} has no {method} in mode {mode}'
  return ''


def strengths(mechanism: str, runs: Sequence[Run]) -> list[float]:
  """How strong the mechanism is in each run's world.

  Args:
    mechanism: one of `simulation.MECHANISMS`.
    runs: one or more; the first one says what the others must share.

  Raises:
    ValueError: a run whose world differs in something else, or whose lists
      differ in length; names it.
  """
  first = runs[0]
  for run in runs[1:]:
    for words, part, key in _SHARED:
      found, right = (of.facts[part][key] for of in (run, first))
      if found != right:
        raise ValueError(
          f'{run.name} has {words} {found}; right: {right}, as {first.name}'
        )
    if _without(mechanism, run) != _without(mechanism, first):
      raise ValueError(
        f'{run.name} is of world {world_of(run)}; right: {world_of(first)}, '
        f'as {first.name}, but for {mechanism}'
      )
  return [
    simulation.world_from_name(world_of(run)).strengths()[mechanism]
    for run in runs
  ]


def world_of(run: Run) -> str:
  """The world as the simulation names it."""
  return run.facts['data']['world']


def _without(mechanism: str, run: Run) -> tuple[str, dict[str, float]]:
  """The preset of a run's world, and the strengths of all else."""
  world = simulation.world_from_name(world_of(run))
  preset = world_of(run).partition(':')[0]
  return preset, world.strengths() | {mechanism: 0.0}
