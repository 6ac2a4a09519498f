"""A service for the tests of updates: a tiny run, and a log that goes on.

The run ends on day 300. Until then nobody has seen video 39 and user 59 is not
there; both come later.
"""

import datetime
import pathlib

import jax
import numpy as np
import worlds

from dynrec_jax import checkpoint, train
from dynrec_jax.study import (
  identity,
  prepare,
  same_data,
  settings,
  split_run,
  update,
  workdir,
)

END = 300
NEW_USER, NEW_VIDEO = 59, 39


def rows() -> list[tuple[int, int, int]]:
  """(user, video, time) of the whole log."""
  end = worlds.START + END * worlds.DAY
  found = [
    row
    for row in worlds.watches()
    if row[2] >= end or (row[0] != NEW_USER and row[1] != NEW_VIDEO)
  ]
  videos = (1, 2, 33, 35, 36, NEW_VIDEO)
  found += [
    (NEW_USER, video, end + day * worlds.DAY + 60)
    for day, video in enumerate(videos)
  ]
  found += [(u, NEW_VIDEO, end + u * worlds.DAY + 61) for u in (3, 7)]
  return sorted(dict.fromkeys(found), key=lambda row: (row[0], row[2]))


def date(day: int) -> str:
  """As the config has it, of a day of the year."""
  return (datetime.date(2023, 1, 1) + datetime.timedelta(day)).isoformat()


class Service:
  """A run with a checkpoint of random numbers, as a training leaves it."""

  def __init__(self, root: pathlib.Path, **changes):
    self.root, self.changes = root, changes
    self.write(END)
    config = self.config()
    self.study = worlds.Study(config)
    same_data.hold(config, self.study.prepared)
    self.state = self._random_state(config)
    self.save(self.state)

  def config(self, **more):
    """Of a mode; `__` stands for a dot."""
    base = worlds.tiny_settings(self.root / 'folder', self.root) | {
      'sessions.L': 10,
      'sessions.end': date(END),
      'filter.min_users_per_video': 2,
    }
    return worlds.tiny_config(base | self.changes, **more)

  def write(self, day: int, watches=None, tweets=None) -> None:
    """The log up to a day."""
    end = worlds.START + day * worlds.DAY
    watches = rows() if watches is None else watches
    folder = worlds.write_folder(
      self.root / 'folder', [row for row in watches if row[2] < end]
    )
    if self.changes.get('scenario') == 'cross':
      tweets = worlds.tweets() if tweets is None else tweets
      worlds.write_tweets(folder, [row for row in tweets if row[1] < end])

  def update(self, day: int, **more) -> str | None:
    """Learns up to a day, of the log as it is."""
    more = {'updates__until': date(day), 'updates__epochs': 1} | more
    return update.update(self.config(mode='update', **more))

  def prepared(self):
    """The study as lists are made of it."""
    return prepare.prepare(self.config(mode='recommend'))

  def leaves(self):
    """What is served now, by name."""
    folder = pathlib.Path(self.current(), 'split_0', 'checkpoints')
    return checkpoint.load_leaves(folder, lambda found: None).state

  def current(self) -> str:
    """The folder of the state that counts."""
    return workdir.state_of(self.config())

  def save(self, state) -> None:
    """The run's only checkpoint."""
    study = self.study
    with checkpoint.Checkpointer(
      study.split.checkpoints,
      config=split_run.saved_config(study.config, study.parts, study.split),
      must_match=identity.CHECKPOINT,
    ) as saver:
      saver.save(7, state, {}, score=0.5)

  def _random_state(self, config):
    state = train.init_state(
      self.study.network,
      settings.make_optimizer(config),
      0,
      averaged=config.opt.average > 0,
    )
    rng = np.random.default_rng(5)
    drawn = jax.tree.map(
      lambda x: (
        np.abs(rng.normal(0, 0.1, x.shape)).astype(x.dtype)
        if np.ndim(x)
        else np.asarray(7, x.dtype)
      ),
      state,
    )
    return drawn
