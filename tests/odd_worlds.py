"""Logs full of what a pipeline could get wrong, as folders of `files`.

Watches again and again, of videos that are not listed, at the same second, out
of the span; users who only tweet, or only have a profile; ids of several
lengths and alphabets; users and videos that only later rounds remove.
"""

import itertools
import pathlib

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import worlds

USERS, VIDEOS = 45, 30
ROWS, TWEETS = 700, 160
TOPICS, WIDTH = 3, 5


def user_names() -> list[str]:
  letters = ['u', 'U', 'ü', 'vv', '用']
  return [f'{letters[i % 5]}{i * 7 % 101}' for i in range(USERS)]


def video_names() -> list[str]:
  return [f'{"v" if i % 3 else "ä"}{i * 11 % 103}' for i in range(VIDEOS)]


def tables(seed: int = 0) -> dict[str, pa.Table]:
  """All tables of the log, rows in no order."""
  rng = np.random.default_rng(seed)
  users, videos = np.array(user_names()), np.array(video_names())
  # Few are active and few are popular; the rest thins out round by round.
  user = (USERS * rng.random(ROWS) ** 1.8).astype(int)
  video = (VIDEOS * rng.random(ROWS) ** 1.6).astype(int)
  named = videos[video].astype(object)
  named[rng.random(ROWS) < 0.05] = 'gone'
  days = rng.integers(-40, 400, ROWS)
  time = worlds.START + days * worlds.DAY
  watches = pa.table({'user': users[user], 'video': named, 'time': time})
  return {
    'watches': pa.concat_tables([watches, watches.slice(100, 40)]),
    'videos': _videos(rng, videos),
    'tweets': pa.table(
      {
        'user': [*users[rng.integers(3, USERS, TWEETS - 2)], 'only', 'only'],
        'time': worlds.START + rng.integers(-20, 390, TWEETS) * worlds.DAY,
        'text': [f'said {n}' for n in rng.integers(0, 40, TWEETS)],
      }
    ),
    'profiles': pa.table(
      {'user': [*users[::2], 'shy'], 'text': [f'I am {n}' for n in range(24)]}
    ),
  }


def _videos(rng, names) -> pa.Table:
  """Some without a title, some without much else."""
  order = rng.permutation(VIDEOS)
  return pa.table(
    {
      'id': names[order],
      'title': ['' if i % 6 == 0 else f'title {i}' for i in order],
      'tags': [['a', f'b{i}'][: i % 3] for i in order],
      'upload_time': pa.array(
        [None if i % 4 == 0 else worlds.START + int(i) for i in order],
        pa.int64(),
      ),
      'view_count': pa.array([int(i) for i in order], pa.int32()),
    }
  )


def write(
  folder: pathlib.Path,
  *,
  visual: str = 'npz',
  topics: bool = False,
  parts: int = 1,
  seed: int = 0,
) -> pathlib.Path:
  """The log in Parquet files.

  Args:
    folder: a new one.
    visual: 'npy' of all videos, or 'npz' of some.
    topics: whether vectors say what tweets are about.
    parts: files of each table; the source `files` itself reads one alone.
    seed: of what is drawn.
  """
  folder.mkdir(parents=True)
  found = tables(seed)
  for name, table in found.items():
    borders = np.linspace(0, len(table), parts + 1).astype(int)
    for number, (start, end) in enumerate(itertools.pairwise(borders.tolist())):
      part = f'-{number:05d}-of-{parts:05d}' if parts > 1 else ''
      pa.parquet.write_table(
        table.slice(start, end - start),
        folder / f'{name}{part}.parquet',
        row_group_size=97,
      )
  rng = np.random.default_rng((seed, 1))
  feature = rng.normal(size=(VIDEOS, WIDTH)).astype(np.float16)
  if visual == 'npy':
    np.save(folder / 'visual.npy', feature)
  else:
    some = rng.permutation(VIDEOS)[:22]
    ids = np.array(video_names())[some]
    np.savez(folder / 'visual.npz', id=ids, feature=feature[:22])
  if topics:
    shares = rng.dirichlet(np.ones(TOPICS), TWEETS).astype(np.float32)
    np.save(folder / 'tweet_topics.npy', shares)
  return folder
