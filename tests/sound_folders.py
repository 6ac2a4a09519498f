"""Sound folders of the source `files`, made from seeds."""

import json
import pathlib
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

START = 1_672_531_200  # 1 January 2023
YEAR_SECS = 365 * 86_400
_STYLES = ('v{}', '{}', 'vidéo {}', 'a,"{}"', '0{}')


class Tables(NamedTuple):
  """A sound folder's content, by columns.

  Attributes:
    watches: user, video, time.
    videos: id, title, view_count.
    tweets: user, time, text.
  """

  watches: dict[str, list]
  videos: dict[str, list]
  tweets: dict[str, list]


def sound_tables(seed: int) -> Tables:
  """Twelve users, nine videos, each watched; ids of one of several styles."""
  rng = np.random.default_rng(seed)
  style = _STYLES[seed % len(_STYLES)]
  videos = [style.format(n) for n in rng.permutation(90)[:9]]
  users = [f'u{n}' for n in rng.permutation(99)[:12]]
  pairs = [(u, v) for u in users for v in rng.permutation(videos)[:4].tolist()]
  pairs += [(users[0], v) for v in videos]
  times = START + rng.integers(0, YEAR_SECS, len(pairs))
  watches = {
    'user': [u for u, _ in pairs],
    'video': [v for _, v in pairs],
    'time': times.tolist(),
  }
  catalogue = {
    'id': videos,
    'title': [f'title {n}, "{n}"' for n in range(9)],
    'view_count': rng.integers(0, 99, 9).tolist(),
  }
  tweets = {
    'user': users[:5],
    'time': times[:5].tolist(),
    'text': [f'hello {n}' for n in range(5)],
  }
  return Tables(watches, catalogue, tweets)


def write(folder: pathlib.Path, name: str, columns, suffix: str = 'csv'):
  """One table, in place of what there is of it."""
  for old in folder.glob(f'{name}.*'):
    old.unlink()
  path = folder / f'{name}.{suffix}'
  if suffix == 'parquet':
    pa.parquet.write_table(pa.table(columns), path)
  elif suffix == 'csv':
    pa.csv.write_csv(pa.table(columns), path)
  else:
    rows = zip(*columns.values(), strict=True)
    lines = [json.dumps(dict(zip(columns, r, strict=True))) for r in rows]
    path.write_text(''.join(f'{line}\n' for line in lines))
  return path


def write_sound(folder: pathlib.Path, tables: Tables) -> None:
  """All tables, as CSV, and features of all videos but the last."""
  folder.mkdir(parents=True)
  for name, columns in tables._asdict().items():
    write(folder, name, columns)
  ids = tables.videos['id'][:-1]
  feature = np.arange(2 * len(ids), dtype=np.float32).reshape(-1, 2)
  np.savez(folder / 'visual.npz', id=np.array(ids), feature=feature)


def facts(records) -> tuple:
  """Who watched what when and which videos there are, in no order."""
  w, v = records.watches, records.videos
  watched = zip(
    records.user_ids[w.user], v.id[w.video], w.time.tolist(), strict=True
  )
  features = [
    tuple(row.tolist()) if has else None
    for row, has in zip(v.visual, v.has_visual, strict=True)
  ]
  known = zip(v.id, v.title, v.view_count.tolist(), features, strict=True)
  return sorted(watched), sorted(known, key=lambda row: row[0])
