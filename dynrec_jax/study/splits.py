"""The splits of a study: by its users at random, or by one date.

Where one date cuts the log (A41) everybody trains and everybody is tested, and
splits differ in their luck alone. How long to train is chosen at an earlier
date, by `earlier_split`.
"""

import os
from collections.abc import Mapping
from typing import NamedTuple

import ml_collections
import numpy as np

from dynrec_jax.data.histories import Histories
from dynrec_jax.data.records import LacksDataError
from dynrec_jax.data.split import UserSplit
from dynrec_jax.report import runs
from dynrec_jax.study import behaviours, studied_users, workdir
from dynrec_jax.study.prepare import Prepared
from dynrec_jax.study.studied_users import modes


class Split(NamedTuple):
  """One split of a prepared study.

  Attributes:
    number: 0 to split.seeds - 1.
    seed: of everything random in it.
    users: who trains, validates and is tested; where one date cuts the log,
      the same people train and answer.
    behaviours: what may be read of everyone in it.
    directory: of its checkpoints, metrics and lists.
    train_until: the session at whose end everybody's events end for all that
      trains; None is never.
    truth_until: the session at whose end the ground truth ends; None is never.
  """

  number: int
  seed: int
  users: UserSplit
  behaviours: Histories
  directory: str
  train_until: int | None = None
  truth_until: int | None = None

  @property
  def checkpoints(self) -> str:
    """Where its checkpoints lie."""
    return os.path.join(self.directory, 'checkpoints')

  def below(self, *names: str) -> 'Split':
    """The same split with a folder of its own below this one's."""
    return self._replace(directory=os.path.join(self.directory, *names))


def borders(
  config: ml_collections.ConfigDict, this: Split
) -> Mapping[str, int]:
  """What a split asks at: `modes`, or where its own training ends."""
  if this.train_until is None:
    return modes(config)
  return {mode: this.train_until for mode in modes(config)}


def make_split(
  config: ml_collections.ConfigDict, prepared: Prepared, number: int
) -> Split:
  """Split `number` of the config's study.

  Raises:
    ValueError: if it leaves nobody to train on, to stop training or to test.
  """
  seed = config.seed + number
  if prepared.growth is not None and number != prepared.growth.kept.split:
    raise ValueError(
      f'{config.workdir} was updated, which its split '
      f'{prepared.growth.kept.split} alone was; found split {number}; right: '
      'split.seeds=1 and recommend.split as it was'
    )
  if config.split.by == 'time':
    return _cut_split(config, prepared, number)
  users = studied_users.parts_of(config, prepared.records.user_ids, number)
  readable = behaviours.of_split(
    prepared.behaviours, prepared.records, users.train
  )
  directory = runs.split_directory(workdir.state_of(config), number)
  return Split(number, seed, users, readable, directory)


def earlier_split(
  config: ml_collections.ConfigDict, prepared: Prepared, this: Split
) -> Split:
  """What chooses the number of epochs of a split by time.

  The same people and the same luck, some sessions earlier: it trains on what
  comes before an earlier date, and its `users.valid` are asked there what they
  watched between that date and the split's own. Nothing after the latter is
  read. The split itself is then trained for as many epochs.

  Args:
    config: of the run.
    prepared: the study.
    this: see `make_split`.

  Returns:
    A split with a folder of its own below the other's.

  Raises:
    ValueError: too few sessions before the earlier date, or nobody has a
      history by then.
  """
  cut = this.train_until
  sessions_back = config.split.valid_sessions or max(1, round(cut / 4))
  earlier = cut - sessions_back
  if earlier < 2:
    raise LacksDataError(
      f'split.cut is {cut} and split.valid_sessions '
      f'{config.split.valid_sessions}: the number of epochs is chosen at the '
      f'end of session {earlier}, and training needs two sessions before it; '
      'raise split.cut'
    )
  users = _with_history(prepared, this.behaviours, earlier)
  if not len(users):
    raise LacksDataError(
      f'nobody has a history at the end of session {earlier}, where the number '
      'of epochs is chosen; raise split.cut or lower split.valid_sessions'
    )
  return this.below(runs.EARLIER)._replace(
    users=UserSplit(this.users.train, users, users[:0]),
    train_until=earlier,
    truth_until=cut,
  )


def refit_splits(this: Split) -> tuple[Split, Split]:
  """What chooses the number of epochs of a split by users, and what takes it.

  Leaks: tested users enter neither. What may be read of each user stays what it
  was: no tweet of a validation user after n_f has a topic, in the second
  either.

  Args:
    this: see `make_split`.

  Returns:
    The same split with a folder of its own below the other's, and one whose
    validation users train.
  """
  train, valid, test = this.users
  everyone = np.union1d(train, valid).astype(train.dtype)
  both = UserSplit(everyone, valid[:0], test)
  return this.below(runs.FIRST_FIT), this._replace(users=both)


def _cut_split(
  config: ml_collections.ConfigDict, prepared: Prepared, number: int
) -> Split:
  """The log up to the date, and everybody with a history asked after it."""
  cut = config.split.cut
  everyone = np.arange(len(prepared.records.user_ids), dtype=np.int32)
  readable = behaviours.of_split(
    prepared.behaviours, prepared.records, everyone
  )
  asked = _with_history(prepared, readable, cut)
  if not len(asked):
    raise LacksDataError(
      f'split.cut is {cut}, before whose end nobody has a history; raise it'
    )
  return Split(
    number,
    config.seed + number,
    UserSplit(everyone, everyone[:0], asked),
    readable,
    runs.split_directory(config.workdir, number),
    train_until=cut,
  )


def _with_history(
  prepared: Prepared, readable: Histories, session: int
) -> np.ndarray:
  """[n] int32, whose interests are made of anything by a session's end."""
  everyone = np.arange(readable.user_count, dtype=np.int32)
  ends = np.full(len(everyone), prepared.sessions.end(session))
  return everyone[readable.count_before(everyone, ends) > 0]
