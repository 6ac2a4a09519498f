"""A run's folder as training leaves it, without training."""

import csv
import json

import numpy as np
import plain_model
import worlds

from dynrec_jax import checkpoint, train
from dynrec_jax.study import identity, recommend, same_data, split_run


class Saved:
  """A study with a checkpoint of random parameters, as training leaves it."""

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
