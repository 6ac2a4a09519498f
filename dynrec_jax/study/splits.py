"""The random splits of a study's users."""

import os
from typing import NamedTuple

import ml_collections

from dynrec_jax.data import sessions, split
from dynrec_jax.data.histories import Histories
from dynrec_jax.data.split import UserSplit
from dynrec_jax.report import runs
from dynrec_jax.study import behaviours
from dynrec_jax.study.prepare import Prepared

# How much of the span is known of held-out users, by mode of a scenario.
MODES = {
  'single': {
    'long': sessions.LONG_FRACTION,
    'short': sessions.SHORT_FRACTION,
  },
  'cross': {'cross': sessions.LONG_FRACTION},
}


class Split(NamedTuple):
  """One split of a prepared study.

  Attributes:
    number: 0 to split.seeds - 1.
    seed: of everything random in it.
    users: who trains, validates and is tested.
    behaviours: what may be read of everyone in it.
    directory: of its checkpoints, metrics and lists.
  """

  number: int
  seed: int
  users: UserSplit
  behaviours: Histories
  directory: str

  @property
  def checkpoints(self) -> str:
    """Where its checkpoints lie."""
    return os.path.join(self.directory, 'checkpoints')


def make_split(
  config: ml_collections.ConfigDict, prepared: Prepared, number: int
) -> Split:
  """Split `number` of the config's study.

  Raises:
    ValueError: if it leaves nobody to train on, to stop training or to test.
  """
  seed = config.seed + number
  users = split.split_users(
    len(prepared.records.user_ids),
    seed=seed,
    test_frac=config.split.test_frac,
    valid_frac=config.train.val_frac,
  )
  for key, part in (
    ('split.test_frac', users.test),
    ('train.val_frac', users.valid),
  ):
    if not len(part):
      count = len(prepared.records.user_ids)
      raise ValueError(f'{key} of {count} users is nobody; raise it')
  readable = behaviours.of_split(
    prepared.behaviours, prepared.records, users.train
  )
  directory = runs.split_directory(config.workdir, number)
  return Split(number, seed, users, readable, directory)
