"""Runs with a checkpoint of random parameters, as training leaves them."""

import csv
import json

import networks
import numpy as np
import plain_model
import worlds

from dynrec_jax import checkpoint, train
from dynrec_jax.study import identity, recommend, same_data, split_run


class Saved:
  """The paper's network, beside the same in NumPy."""

  def __init__(self, settings, folder):
    self.folder = folder
    self.settings = settings | {'workdir': str(folder / 'run')}
    self.study = worlds.Study(self.config())
    self.params = worlds.random_params(self.study.network)
    self.plain = plain_model.PlainModel(self.study, self.params)
    same_data.hold(self.config(), self.study.prepared)
    state = train.TrainState(np.int32(7), self.params, ())
    with checkpoint.Checkpointer(
      self.study.split.checkpoints,
      config=split_run.saved_config(
        self.config(), self.study.parts, self.study.split
      ),
      must_match=identity.CHECKPOINT,
    ) as saver:
      saver.save(7, state, {}, score=0.5)

  def config(self, **changes):
    return worlds.tiny_config(self.settings, mode='recommend', **changes)

  def lists(self, name, **changes):
    """What a run writes, line by line."""
    path = self.folder / 'new' / 'folders' / f'{name}.jsonl'
    config = self.config(recommend__output=str(path), **changes)
    assert recommend.recommend(config, self.study.prepared) == str(path)
    assert not path.with_suffix('.jsonl.partial').exists()
    return [json.loads(line) for line in path.read_text().splitlines()]

  def history(self, name, rows):
    """A file of new users' watches."""
    path = self.folder / f'{name}.csv'
    with open(path, 'w', newline='') as file:
      csv.writer(file).writerows([('user', 'video', 'time'), *rows])
    return str(path)


class SavedRun:
  """A study and its checkpoint; lists of it by `mode=recommend`."""

  def __init__(self, settings, folder, method='model', params=None, **changes):
    self.folder = folder
    self.method = method
    self.settings = settings | {'workdir': str(folder / 'run')}
    self.changes = changes
    self.study = worlds.Study(self.config())
    if params is None:
      params = worlds.random_params(self.study.network)
    self.params = params
    same_data.hold(self.config(), self.study.prepared)
    with checkpoint.Checkpointer(
      self.study.split.checkpoints,
      config=split_run.saved_config(
        self.config(), self.study.parts, self.study.split
      ),
      must_match=identity.CHECKPOINT,
    ) as saver:
      average = params if self.config().opt.average else None
      state = train.TrainState(np.int32(7), params, (), average)
      saver.save(7, state, {}, score=0.5)

  def config(self, **changes):
    return networks.config_of(
      self.settings, self.method, **self.changes, **changes
    )

  def lists(self, **changes):
    """What `mode=recommend` writes."""
    path = self.folder / 'lists.jsonl'
    config = self.config(
      mode='recommend', recommend__output=str(path), **changes
    )
    recommend.recommend(config, self.study.prepared)
    return [json.loads(line) for line in path.read_text().splitlines()]

  def lists_of(self, histories, **changes):
    """The same of new users' histories by user."""
    path = self.folder / 'histories.csv'
    tweets = self.settings.get('scenario') == 'cross'
    header = ('user', 'text', 'time') if tweets else ('user', 'video', 'time')
    rows = [(user, *of) for user, own in histories.items() for of in own]
    with open(path, 'w', newline='') as file:
      csv.writer(file).writerows([header, *rows])
    return self.lists(recommend__history=str(path), **changes)


def watchers(count=40):
  """Histories of new users: of any length, mixed, with ties and strangers."""
  rng = np.random.default_rng(17)
  days = worlds.START + worlds.DAY * rng.integers(0, 420, (count, 12))
  found = {}
  for user in range(count):
    videos = rng.integers(0, worlds.VIDEOS + 3, user % 13)
    times = days[user][: len(videos)]
    times[1:3] = times[:1]  # of one moment
    own = [(f'v{v}', int(t)) for v, t in zip(videos, times, strict=True)]
    found[f'w{user:02}'] = own + own[:1]
  # Nobody without a row is in a table.
  return {user: own for user, own in found.items() if own}


def authors(count=40):
  """Histories of new authors."""
  rng = np.random.default_rng(19)
  found = {}
  for user in range(count):
    days = rng.integers(0, 420, 1 + user % 6).tolist()
    own = []
    for day in days:
      words = [*worlds.WORDS[rng.integers(4)], 'Unheard', '#tide', 'GUITAR!']
      text = ' '.join(rng.permutation(words)[:4])
      own.append((text, worlds.START + day * worlds.DAY))
    found[f'w{user:02}'] = own
  return found
