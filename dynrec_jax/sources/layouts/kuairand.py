"""KuaiRand (Gao et al. 2022): Pure, 1K or 27K, by its documented columns.

log_standard_*.csv           user_id, video_id, time_ms; a click counts as a
                             watch: in a feed of one column it is 7 s of play,
                             or all of a shorter video
video_features_basic_*.csv   optional: video_id, tag (`12,65`), upload_dt
user_features_*.csv          optional: degrees and ranges, as the profile

Rows of `log_random_*.csv` were shown to no one's taste, and averages of
`video_features_statistic_*.csv` reach beyond any date: both are not read.
"""

import pathlib
import re
from collections.abc import Iterator, Mapping

from dynrec_jax.data import records as records_lib
from dynrec_jax.sources import text_values, watched
from dynrec_jax.sources.asked import Asked
from dynrec_jax.sources.layouts import catalogue, kuai_users, layout_files, log
from dynrec_jax.sources.layouts.layout import Layout, Paths
from dynrec_jax.sources.notes import Notes
from dynrec_jax.sources.text_tables import Form

WATCHED = 'is_click>=1'
_COLUMNS = log.LogColumns('user_id', 'video_id', 'time_ms', unit='ms')
_SIZE = re.compile(r'_(pure|1k|27k)(?:_part\d+)?\.csv', re.IGNORECASE)


def _folder_paths(folder: pathlib.Path) -> dict[str, pathlib.Path]:
  folder = layout_files.home(folder, 'log_standard_*.csv')
  logs = layout_files.matches(folder, 'log_standard_*.csv')
  sizes = {m[1].lower() for m in map(_SIZE.search, (p.name for p in logs)) if m}
  if not logs or len(sizes) > 1:
    names = ', '.join(path.name for path in logs) or 'no log_standard_*.csv'
    raise ValueError(
      f'manual_dir: found {names} in {folder}; right: the folder of KuaiRand '
      'with the log_standard_*.csv of one size'
    )
  paths = {f'watches {n}': path for n, path in enumerate(logs, 1)}
  videos = ['video_features_basic*.csv']
  layout_files.add_if_one(paths, 'videos', folder, videos)
  layout_files.add_if_one(paths, 'profiles', folder, ['user_features*.csv'])
  return paths


def _ids(paths: Paths, asked: Asked) -> list[str] | None:
  del asked  # one layout
  if 'videos' not in paths:
    return None
  return catalogue.column(paths['videos'], Form(), 'video_id')


def _videos(
  paths: Paths, asked: Asked, row_of: Mapping[str, int], odd: Notes
) -> records_lib.Videos:
  del asked, odd
  videos = catalogue.blank(row_of)
  if 'videos' not in paths:
    return videos
  wanted = ['tag', 'upload_dt']
  for piece, row in catalogue.rows(
    paths['videos'], Form(), 'video_id', wanted, row_of
  ):
    lists = catalogue.numbered(piece, 'tag')
    videos.categories[row] = records_lib.object_array(lists)
    videos.upload_time[row] = text_values.days(piece, 'upload_dt')
  return videos


def _log(paths: Paths, asked: Asked, odd: Notes) -> Iterator[log.Rows]:
  condition = watched.parse(asked.watched or WATCHED)
  for name, path in paths.items():
    if name.startswith('watches'):
      yield from log.rows(path, Form(), _COLUMNS, condition, odd)


def _profiles(paths: Paths, asked: Asked) -> dict[str, str]:
  del asked
  return kuai_users.profiles(paths.get('profiles'))


LAYOUT = Layout(_folder_paths, _ids, _videos, _log, _profiles)
