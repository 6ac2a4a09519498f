"""MicroLens (Ni et al. 2023): 50K, 100K, 1M, as its readme tells of the files.

NAME_pairs.csv               user, item, timestamp in milliseconds; a comment
                             on a video, which counts as a watch
NAME_titles.csv, _title.csv, optional: item, title; with a heading or none
  _title_en.csv
NAME_likes_and_views.txt     optional: item, likes, views between tabs
tags_to_summary.csv          optional: item, category
NAME_video_features_*.npy    optional: row i is item i + 1; here or in
NAME_image_features_*.npy    extracted_modality_features, video before image

`NAME_pairs.tsv`, which has no times, makes no timeline and is not read. LMDB
files are of frames and covers, which are no features yet.
"""

import csv
import io
import pathlib
from collections.abc import Iterator, Mapping

import numpy as np

from dynrec_jax.data import records as records_lib
from dynrec_jax.sources import feature_files, table_files, text_tables, watched
from dynrec_jax.sources.asked import Asked
from dynrec_jax.sources.layouts import catalogue, layout_files, log
from dynrec_jax.sources.layouts.layout import Layout, Paths
from dynrec_jax.sources.notes import Notes
from dynrec_jax.sources.text_tables import Form

_PAIRS = '_pairs.csv'
# As the files have them, and as the readme of the 100K calls them.
_COLUMNS = (('user', 'item', 'timestamp'), ('userID', 'videoID', 'timestamp'))
_VIEWS = Form('\t', names=('item', 'likes', 'views'), is_quoted=False)
_FEATURES = 'extracted_modality_features'


def _folder_paths(folder: pathlib.Path) -> dict[str, pathlib.Path]:
  folder = layout_files.home(folder, f'*{_PAIRS}', '*_pairs.tsv')
  right = f'a folder with one MicroLens-50k{_PAIRS} or another size of it'
  if layout_files.matches(folder, '*_pairs.tsv') and not any(
    folder.glob(f'*{_PAIRS}')
  ):
    right += '; the .tsv tells no times'
  pairs = layout_files.one(folder, [f'*{_PAIRS}'], right)
  name = pairs.name.removesuffix(_PAIRS)
  paths = {'watches': pairs}
  titles = [f'{name}_{of}.csv' for of in ('titles', 'title', 'title_en')]
  layout_files.add_if_one(paths, 'titles', folder, titles)
  views = [f'{name}_likes_and_views.txt']
  layout_files.add_if_one(paths, 'views', folder, views)
  layout_files.add_if_one(paths, 'categories', folder, ['tags_to_summary.csv'])
  for kind in ('video', 'image'):
    pattern = f'{name}_{kind}_features_*.npy'
    patterns = [pattern, f'{_FEATURES}/{pattern}']
    if 'visual' not in paths:
      layout_files.add_if_one(paths, 'visual', folder, patterns)
  return paths


def _ids(paths: Paths, asked: Asked) -> list[str] | None:
  del asked  # one layout
  if 'titles' in paths:
    return list(_pairs(paths['titles'], 'title'))
  if 'views' in paths:
    return catalogue.column(paths['views'], _VIEWS, 'item')
  return None


def _videos(
  paths: Paths, asked: Asked, row_of: Mapping[str, int], odd: Notes
) -> records_lib.Videos:
  del asked
  videos = catalogue.blank(row_of)
  if 'titles' in paths:
    titles = _pairs(paths['titles'], 'title')
    _tell_breaks(paths['titles'], titles, odd)
    for video, title in titles.items():
      videos.title[row_of[video]] = title
  if 'categories' in paths:
    for video, name in _pairs(paths['categories'], 'category').items():
      if video in row_of and name:
        videos.categories[row_of[video]] = (name,)
  if 'views' in paths:
    _add_views(paths['views'], videos, row_of)
  if 'visual' not in paths:
    return videos
  odd.told.append(f'{paths["visual"].name}: the visual features')
  visual = _visual(paths['visual'], row_of)
  return videos._replace(visual=visual, has_visual=np.ones(len(row_of), bool))


def _pairs(path: pathlib.Path, what: str) -> dict[str, str]:
  """The text of each item; a heading is one if it begins with no number.

  Raises:
    ValueError: an item that is no number, or one twice; names file and line.
  """
  text = table_files.decoded_text(path)
  reader = csv.reader(io.StringIO(text, newline=''))
  found: dict[str, str] = {}
  ids: list[str] = []
  for row, values in enumerate(filter(None, reader)):
    item = values[0].strip()
    if not row and not item.isdecimal():
      continue
    if not item.isdecimal() or len(values) < 2:
      raise ValueError(
        f'{path}, line {reader.line_num}: found '
        f'{table_files.shown(",".join(values))}; right: item,{what}'
      )
    ids.append(item)
    # Files without a heading may quote no title, whatever commas it has.
    found[item] = ','.join(values[1:]).strip()
  catalogue.refuse_repeats(path, 'item', ids)
  if not found:
    raise ValueError(f'{path}: found no row; right: one per item')
  return found


def _tell_breaks(path: pathlib.Path, titles: Mapping[str, str], odd) -> None:
  """Warns of titles of several lines: a lone quote swallows rows."""
  broken = [item for item, title in titles.items() if '\n' in title]
  if broken:
    odd.warned.append(
      f'{path.name}: {len(broken):,} titles are of several lines, the first is '
      f'of the item {broken[0]}; right, if these are rows of their own: quotes '
      'doubled within a title, and the title in quotes'
    )


def _add_views(path: pathlib.Path, videos, row_of: Mapping[str, int]) -> None:
  """The views of each video."""
  wanted = ['likes', 'views']
  for piece, row in catalogue.rows(path, _VIEWS, 'item', wanted, row_of):
    numbers = catalogue.counts(piece, 'views')
    listed = row >= 0
    videos.view_count[row[listed]] = numbers[listed]


def _visual(path: pathlib.Path, row_of: Mapping[str, int]) -> np.ndarray:
  """[V, D], the features: row i of the file is of item i + 1.

  Raises:
    ValueError: an item is no number, or beyond the file's last row.
  """
  features = feature_files.matrix_from_npy(path)
  rows = np.zeros(len(row_of), np.int64)
  for video, row in row_of.items():
    number = int(video) if video.isdecimal() else 0
    if not 1 <= number <= len(features):
      raise ValueError(
        f'{path}: found {len(features)} rows, and none for the item {video!r}; '
        'right: row i for the item i + 1'
      )
    rows[row] = number - 1
  return features[rows]


def _log(paths: Paths, asked: Asked, odd: Notes) -> Iterator[log.Rows]:
  path = paths['watches']
  names = text_tables.heading(path, Form())
  columns = next((of for of in _COLUMNS if set(of) <= set(names)), _COLUMNS[0])
  return log.rows(
    path,
    Form(),
    log.LogColumns(*columns, unit='ms'),
    watched.parse(asked.watched or watched.ALL),
    odd,
  )


def _profiles(paths: Paths, asked: Asked) -> dict[str, str]:
  del paths, asked  # nothing is known of users
  return {}


LAYOUT = Layout(_folder_paths, _ids, _videos, _log, _profiles)
