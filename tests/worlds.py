"""A tiny study for the tests of the loops: 60 users, 40 videos, one year.

Four tastes of ten videos; users watch their own taste's videos for the most
part, so that there are relevant and irrelevant pairs of users. Some videos
have no image, some no text, one has neither.
"""

import csv
import datetime
import pathlib

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np

from configs import default
from dynrec_jax import train
from dynrec_jax.data.records import Watches
from dynrec_jax.study import (
  methods,
  prepare,
  settings,
  split_lists,
  splits,
  training_data,
)
from dynrec_jax.study.contenders import Contender
from dynrec_jax.study.parts import make_parts
from dynrec_jax.study.training_data import make_training_set

USERS, VIDEOS, TASTES = 60, 40, 4
NO_VISUAL = (3, 17, 25)
NO_TEXT = (8, 25)
START = int(datetime.datetime(2023, 1, 1, tzinfo=datetime.UTC).timestamp())
DAY = 86_400
WORDS = [
  ['apple', 'berry', 'cherry', 'dates', 'elder'],
  ['fiddle', 'guitar', 'harp', 'kazoo', 'lute'],
  ['maths', 'number', 'order', 'proof', 'query'],
  ['river', 'stream', 'tide', 'water', 'yacht'],
]


def watches() -> list[tuple[int, int, int]]:
  """(user, video, time) of everyone, users in order, times ascending."""
  rng = np.random.default_rng(7)
  rows = []
  for user in range(USERS):
    own = np.arange(10) + 10 * (user % TASTES)
    seen = list(rng.permutation(own)[: 6 + user % 4])
    if user % 5 == 0:
      seen.append((seen[0] + 10) % VIDEOS)
    days = np.sort(rng.choice(360, size=len(seen), replace=False))
    rows += [
      (user, int(video), START + int(day) * DAY + 3600 * (user % 24))
      for video, day in zip(seen, days, strict=True)
    ]
  return rows


def write_folder(folder: pathlib.Path, rows=None) -> pathlib.Path:
  """The study as a folder that the source `files` reads.

  Its watches are `watches()` if none are given.
  """
  folder.mkdir(parents=True, exist_ok=True)
  rng = np.random.default_rng(11)
  with open(folder / 'watches.csv', 'w', newline='') as file:
    table = csv.writer(file)
    table.writerow(['user', 'video', 'time'])
    for user, video, time in watches() if rows is None else rows:
      table.writerow([f'u{user}', f'v{video}', time])
  with open(folder / 'videos.csv', 'w', newline='') as file:
    table = csv.writer(file)
    table.writerow(['id', 'title', 'view_count', 'categories'])
    for video in range(VIDEOS):
      words = rng.permutation(WORDS[video // 10])[:3]
      title = '' if video in NO_TEXT else ' '.join(words)
      kind = WORDS[video // 10][0]
      table.writerow([f'v{video}', title, 1000 - 7 * video, kind])
  has = [v for v in range(VIDEOS) if v not in NO_VISUAL]
  taste = np.eye(TASTES)[np.array(has) // 10].repeat(3, axis=1)
  np.savez(
    folder / 'visual.npz',
    id=np.array([f'v{v}' for v in has]),
    feature=(taste + rng.normal(0, 0.4, taste.shape)).astype(np.float32),
  )
  return folder


def tweets() -> list[tuple[int, int, str]]:
  """(user, time, text) of everyone but user 4: words of the own taste."""
  rng = np.random.default_rng(13)
  rows = []
  for user in range(USERS):
    count = 0 if user == 4 else 6 + user % 3
    days = np.sort(rng.choice(360, size=count, replace=False))
    for day in days.tolist():
      words = rng.permutation(WORDS[user % TASTES])[:3]
      rows.append((user, START + day * DAY + 7200, ' '.join(words)))
  return rows


def write_tweets(folder: pathlib.Path, rows=None) -> pathlib.Path:
  """Tweets beside the study, `tweets()` if none are given."""
  with open(folder / 'tweets.csv', 'w', newline='') as file:
    table = csv.writer(file)
    table.writerow(['user', 'time', 'text'])
    for user, time, text in tweets() if rows is None else rows:
      table.writerow([f'u{user}', time, text])
  return folder


# What makes a cross-network study of the folder with tweets.
CROSS = {
  'scenario': 'cross',
  'topics.tweet_count': 4,
  'topics.least_tweets': 2,
  'topics.first_sweeps': 30,
  'topics.day_sweeps': 5,
  'topics.mode_count': 3,
}


# What makes a study by time of the folder: July comes after the cut.
BY_TIME = {
  'split.by': 'time',
  'split.cut': 6,
  'split.new_videos': ('title', 'visual'),
  'filter.min_videos_per_user': 3,
  'filter.min_users_per_video': 2,
}
CUT = int(datetime.datetime(2023, 7, 1, tzinfo=datetime.UTC).timestamp())
# Nobody watches these before the cut; of the last nothing is known.
NEW = (5, 8, 19, 32, 25)


def cut_watches() -> list[tuple[int, int, int]]:
  """`watches()` but for those of `NEW` videos before the cut."""
  return [row for row in watches() if row[1] not in NEW or row[2] >= CUT]


def tiny_settings(folder: pathlib.Path, root: pathlib.Path) -> dict:
  """Config values that make a study of the folder small, by dotted key."""
  return {
    'data.name': 'files',
    'data.manual_dir': str(folder),
    'data.data_dir': str(root / 'cache'),
    'workdir': str(root / 'run'),
    'filter.min_videos_per_user': 4,
    'sessions.start': '2023-01-01',
    'sessions.end': '2024-01-01',
    'split.seeds': 1,
    'seq.max_target_len': 6,
    'text.encoder': 'tfidf_svd',
    'text.size': 9,
    'text.word_size': 6,
    'topics.yt': 'text_lda',  # the others compile for seconds
    'topics.count': 4,
    'model.embed_size': 8,
    'model.D_h': 8,
    'sem.batch_size': 8,
    'train.batch_size': 8,
    'train.max_epochs': 2,
    'train.patience': 5,
    'train.log_every_steps': 1,
    'opt.preset': 'practical',
    'opt.learning_rate': 0.01,
    'fpmc.factors': 4,
    'fpmc.epochs': 2,
    'gru4rec.size': 8,
    'gru4rec.max_len': 6,
    'gru4rec.epochs': 2,
    'sasrec.size': 8,
    'sasrec.blocks': 1,
    'sasrec.max_len': 6,
    'sasrec.epochs': 2,
  }


def tiny_config(settings: dict, **changes) -> ml_collections.ConfigDict:
  """The default config with the settings, then `changes`, `__` for a dot."""
  c = default.get_config()
  changes = {key.replace('__', '.'): value for key, value in changes.items()}
  c.update_from_flattened_dict(settings | changes)
  return c


class Study:
  """A prepared study and everything that a training run is made of."""

  def __init__(self, config, prepared=None, users=None):
    self.config = config
    self.prepared = prepared or prepare.prepare(config)
    self.split = splits.make_split(config, self.prepared, 0)
    if users is not None:
      self.split = self.split._replace(
        users=self.split.users._replace(train=users)
      )
    self.parts = make_parts(config, self.prepared)
    self.network, self.features = self.parts.network, self.parts.features
    self.data = make_training_set(config, self.prepared, self.split)
    self.spec = settings.batch_spec(config, self.split.seed)
    self.settings = settings.objective_settings(config)
    self.balance = train.Balance(
      settings.loss_weights(config), train.populations_of(self.data)
    )


def as_watches(rows) -> Watches:
  """A table of watches from (time, video) of each user, in order."""
  flat = [(user, v, t) for user, row in enumerate(rows) for t, v in row]
  user, video, time = np.array(flat, np.int64).T
  return Watches(user.astype(np.int32), video.astype(np.int32), time)


def write_lists(config, parts, split, *, anew=True):
  """Every method's lists of a split; networks are those of the parts."""
  contenders = [
    Contender(name, config, parts) for name in methods.chosen(config)
  ]
  return split_lists.test_split(
    config,
    contenders,
    split,
    stop_requested=lambda step: False,
    anew=anew,
  )


def tested(split) -> set[tuple[str, str]]:
  """(mode, method) of all lists that testing a split left."""
  files = pathlib.Path(split.directory, 'lists').glob('*/*.jsonl')
  return {(path.parent.name, path.stem) for path in files}


def make_queries(study, users, session, *, watches=None, mask_known=True):
  """Queries at the end of sessions; interests are made of the watches."""
  prepared = study.prepared
  watches = watches or prepared.watches
  known = training_data.Known(
    watches, watches, None, prepared.records.profiles, prepared.sessions
  )
  return training_data.make_queries(
    known,
    prepared.behaviours.topics,
    np.asarray(users, np.int32),
    session,
    mask_known=mask_known,
  )


def random_params(network, seed: int = 3):
  """Parameters without a zero, biases among them."""
  shapes = jax.eval_shape(lambda: network.init(jax.random.key(0)))
  rng = np.random.default_rng(seed)
  return jax.tree.map(
    lambda x: jnp.asarray(rng.normal(0, 0.5, x.shape), x.dtype), shapes
  )
