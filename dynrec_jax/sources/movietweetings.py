"""The source `movietweetings`: who rated which film on Twitter, and when.

The 100K snapshot of MovieTweetings (Dooms, De Pessemier, Martens, CrowdRec
2013), half a year of real tweets. A rating counts as a watch. A folder of
one's own may add texts (`content.jsonl`) and features (`visual.npz`).
"""

import datetime
import pathlib
import re
from collections.abc import Mapping

import numpy as np
import tensorflow_datasets as tfds
from absl import logging
from tensorflow_datasets.core.download import downloader

from dynrec_jax.data import canonical
from dynrec_jax.data import records as records_lib
from dynrec_jax.sources import (
  checked_tables,
  feature_files,
  record_files,
  table_files,
)
from dynrec_jax.storage import digests

_FOLDER = (
  'https://raw.githubusercontent.com/sidooms/MovieTweetings/'
  '4d8280a3f1ea83e3e23f13d1710d19f43564274f/snapshots/100K/'
)
URLS = {name: _FOLDER + name for name in ('ratings.dat', 'movies.dat')}
_RETRIES = 5  # 6 s of pauses
_OPTIONAL = ('content.jsonl', 'visual.npz')

_RATING = re.compile(r'(\d+)::(\d+)::(\d+)::(\d+)', re.ASCII)
_MOVIE = re.compile(r'(\d+)::(.*\S.*)::(|[^:|]+(?:\|[^:|]+)*)', re.ASCII)
_CONTENT = {
  'imdb': table_files.Column('id'),
  'overview': table_files.Column('text'),
  'tagline': table_files.Column('text'),
  'keywords': table_files.Column('texts'),
  'release_date': table_files.Column('text', False),
}


class MovieTweetings(record_files.PartBuilder):
  """The snapshot as two record sets, `users` and `videos`."""

  name = 'movietweetings'
  # Since 1.2.0 lines in another order give the same copy.
  VERSION = tfds.core.Version('1.2.0')

  def _split_generators(self, dl_manager):
    paths = self.paths or _downloaded(dl_manager)
    return {record_files.SPLIT: self._generate_examples(paths)}

  def _generate_examples(self, paths: Mapping[str, pathlib.Path]):
    if self.builder_config.name == 'videos':
      yield from record_files.video_blocks(videos_from_folder(paths))
    else:
      yield from record_files.user_blocks(users_from_folder(paths))


def folder_paths(
  manual_dir: str | pathlib.Path | None,
) -> dict[str, pathlib.Path]:
  """The folder's files by name; none if there is no folder: then download.

  Raises:
    ValueError: no such folder, or ratings.dat or movies.dat is not in it.
  """
  if manual_dir is None:
    return {}
  folder = pathlib.Path(manual_dir).absolute()
  for name, url in URLS.items():
    if not (folder / name).is_file():
      raise ValueError(
        f'manual_dir: found no {name} in {folder}; right: a folder with '
        f'{" and ".join(URLS)}, for instance from {url}'
      )
  names = [*URLS, *(n for n in _OPTIONAL if (folder / n).is_file())]
  return {name: folder / name for name in names}


def snapshot_sha256() -> dict[str, str]:
  """The registered SHA-256 of each file that a download brings."""
  infos = MovieTweetings.url_infos
  return {name: infos[url].checksum for name, url in URLS.items()}


def videos_from_folder(
  paths: Mapping[str, pathlib.Path],
) -> records_lib.Videos:
  """The films in the order of their ids.

  Args:
    paths: by name; content.jsonl and visual.npz may be absent.

  Returns:
    Every film: title with its year, description = overview and tagline, tags
    = keywords, categories = genres, upload time = midnight of the release.

  Raises:
    ValueError: a malformed line; names file, line, found, right.
  """
  ids, titles, genres = zip(*_movies(paths['movies.dat']), strict=True)
  row_of = _film_rows(paths['movies.dat'], ids)
  description, tags, upload_time = _content(paths.get('content.jsonl'), row_of)
  visual = feature_files.no_features(len(ids))
  if 'visual.npz' in paths:
    rows = {str(film): row for film, row in row_of.items()}
    visual = feature_files.features_from_npz(paths['visual.npz'], 'imdb', rows)
  videos = records_lib.Videos(
    id=records_lib.object_array(ids),
    title=records_lib.object_array(titles),
    description=records_lib.object_array(description),
    tags=records_lib.object_array(tags),
    categories=records_lib.object_array(genres),
    upload_time=np.array(upload_time, np.int64),
    view_count=np.full(len(ids), records_lib.MISSING_COUNT, np.int64),
    visual=visual.rows,
    has_visual=visual.present,
  )
  return records_lib.select_videos(videos, canonical.id_order(videos.id))


def users_from_folder(paths: Mapping[str, pathlib.Path]) -> record_files.Users:
  """The users in the order of their numbers, with their ratings as watches.

  Args:
    paths: by name; needs ratings.dat and movies.dat.

  Returns:
    Every user that rated; no tweets of their own, no profiles.

  Raises:
    ValueError: a malformed line; names file, line, found, right.
  """
  path = paths['movies.dat']
  films = records_lib.object_array(film for film, _, _ in _movies(path))
  row_of = _film_rows(path, films)
  ratings = np.array(_ratings(paths['ratings.dat'], row_of), np.int64)
  numbers, user = np.unique(ratings[:, 0], return_inverse=True)
  order = canonical.id_order(films)
  video = np.argsort(order)[ratings[:, 1]]
  watches = records_lib.Watches(
    user.astype(np.int32), video.astype(np.int32), ratings[:, 2]
  )
  return record_files.Users(
    user_ids=records_lib.object_array(map(str, numbers.tolist())),
    watches=canonical.watches_in_order(watches, films[order]),
    tweets=records_lib.no_tweets(),
    profiles=records_lib.object_array([''] * len(numbers)),
  )


def _downloaded(dl_manager) -> dict[str, pathlib.Path]:
  """The two files from the net, verified against checksums.tsv."""
  # Ten retries with growing pauses keep who has no net waiting for minutes.
  downloader.MAX_RETRIES = _RETRIES
  try:
    paths = {n: pathlib.Path(p) for n, p in dl_manager.download(URLS).items()}
    damaged = [
      n for n, sha in snapshot_sha256().items() if not _is(paths[n], sha)
    ]
    if damaged:  # since they came
      for name in damaged:
        logging.warning('%s is not whole: fetching it again', paths[name])
        paths[name].unlink(missing_ok=True)
      paths = {n: pathlib.Path(p) for n, p in dl_manager.download(URLS).items()}
  except Exception as error:
    raise ValueError(
      'MovieTweetings could not be downloaded '
      f'({table_files.in_a_line(error)}). Get these two files by hand, put '
      'them into one folder and set config.data.manual_dir to that folder: '
      f'{" and ".join(URLS.values())}'
    ) from error
  return paths


def _is(path: pathlib.Path, sha256: str) -> bool:
  """Whether a file is there and has this digest."""
  return path.is_file() and digests.file_sha256(path) == sha256


def _movies(path: pathlib.Path) -> list[tuple[str, str, tuple[str, ...]]]:
  """(id, title, genres) per line."""
  movies = []
  for line, text in enumerate(table_files.lines_of(path), 1):
    match = _MOVIE.fullmatch(text)
    if not match:
      raise _line_error(path, line, text, 'id::title (year)::Genre|Genre')
    genres = tuple(match[3].split('|')) if match[3] else ()
    movies.append((match[1], match[2], genres))
  if not movies:
    raise ValueError(f'{path}: found no line; right: one line per film')
  return movies


def _film_rows(path: pathlib.Path, ids) -> dict[int, int]:
  """The row of each film by its number."""
  row_of: dict[int, int] = {}
  for row, film in enumerate(ids):
    if row_of.setdefault(int(film), row) != row:
      first = row_of[int(film)] + 1
      right = f'every film once (first in line {first})'
      raise _line_error(path, row + 1, film, right)
  return row_of


def _ratings(path: pathlib.Path, row_of: Mapping[int, int]):
  """(user, film's row, time) per line; the rating itself is only checked."""
  ratings = []
  for line, text in enumerate(table_files.lines_of(path), 1):
    match = _RATING.fullmatch(text)
    if not match:
      raise _line_error(path, line, text, 'user::film::rating::unix seconds')
    user, film, rating, time = map(int, match.groups())
    if rating > 10:
      raise _line_error(path, line, text, 'a rating from 0 to 10')
    if film not in row_of:
      raise _line_error(path, line, text, 'a film that movies.dat lists')
    if not time < checked_tables.LATEST_SECOND:
      raise _line_error(path, line, text, 'a time in seconds, before year 3000')
    if user >= 2**63:
      raise _line_error(path, line, text, 'a user number below 2**63')
    ratings.append((user, row_of[film], time))
  if not ratings:
    raise ValueError(f'{path}: found no line; right: one line per rating')
  return ratings


def _content(path: pathlib.Path | None, row_of: Mapping[int, int]):
  """Descriptions, tags and release times of all films."""
  count = len(row_of)
  description, tags = [''] * count, [()] * count
  upload_time = [records_lib.MISSING_TIME] * count
  if path is None:
    return description, tags, upload_time
  table = checked_tables.read_table(path, _CONTENT)
  column = {
    name: checked_tables.checked(table, name, spec)
    for name, spec in _CONTENT.items()
  }
  seen: set[int] = set()
  for line in range(table.row_count):
    film = column['imdb'][line]
    row = row_of.get(int(film)) if film.isdecimal() else None
    if row is None or row in seen:
      right = 'a film that movies.dat lists, each film once'
      raise _line_error(path, line + 1, film, right)
    seen.add(row)
    texts = (column['overview'][line], column['tagline'][line])
    description[row] = ' '.join(filter(None, texts))
    tags[row] = column['keywords'][line]
    upload_time[row] = _seconds(path, line + 1, column['release_date'][line])
  return description, tags, upload_time


def _seconds(path: pathlib.Path, line: int, date: str | None) -> int:
  """Midnight UTC of an ISO date; negative before 1970."""
  if date is None:
    return records_lib.MISSING_TIME
  try:
    day = datetime.date.fromisoformat(date)
  except ValueError:
    right = 'release_date null or as in 1999-12-31'
    raise _line_error(path, line, date, right) from None
  return (day - datetime.date(1970, 1, 1)).days * 86_400


def _line_error(path, line: int, found: str, right: str) -> ValueError:
  found = table_files.shown(found)
  return ValueError(f'{path}, line {line}: found {found}; right: {right}')
