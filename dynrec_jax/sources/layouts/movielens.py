"""MovieLens, every size, as its readmes tell of the files.

100K          u.data between tabs; optional u.item (`|`, Latin-1), u.user
1M, 10M       ratings.dat (`::`); optional movies.dat, users.dat, tags.dat
20M, 25M,     ratings.csv; optional movies.csv, tags.csv
32M, latest

Every rating is a watch, whatever its stars. Genres are the categories. The
tags of a film are those that any user gave it at any time, most given first.
"""

import collections
import datetime
import pathlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from dynrec_jax.data import records as records_lib
from dynrec_jax.sources import text_values, watched
from dynrec_jax.sources.asked import Asked
from dynrec_jax.sources.layouts import catalogue, layout_files, log
from dynrec_jax.sources.layouts.layout import Layout, Paths
from dynrec_jax.sources.notes import Notes
from dynrec_jax.sources.text_tables import Form, Piece

_STARS = {'rating': (0.5, 5.0)}
_COLUMNS = log.LogColumns('userId', 'movieId', 'timestamp', ranges=_STARS)
_RATING = ('userId', 'movieId', 'rating', 'timestamp')
_MOVIE = ('movieId', 'title', 'genres')
_TAG = ('userId', 'movieId', 'tag', 'timestamp')
_NO_GENRE = ('unknown', '(no genres listed)')
_GENRES_100K = (
  *('unknown', 'Action', 'Adventure', 'Animation', "Children's", 'Comedy'),
  *('Crime', 'Documentary', 'Drama', 'Fantasy', 'Film-Noir', 'Horror'),
  *('Musical', 'Mystery', 'Romance', 'Sci-Fi', 'Thriller', 'War', 'Western'),
)
_DATES = ('movieId', 'title', 'release', 'video_release', 'url')
_MONTHS = (
  *('Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun'),
  *('Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'),
)
_USER = ('userId', 'gender', 'age', 'occupation', 'zip')


class _Table(NamedTuple):
  """A file of a size, and how it is written."""

  name: str
  form: Form


def _dat(name: str, columns: tuple[str, ...]) -> _Table:
  return _Table(name, Form('::', names=columns, is_quoted=False))


# The first is the one that tells the size.
_SIZES: tuple[Mapping[str, _Table], ...] = (
  {
    'watches': _Table('u.data', Form('\t', names=_RATING, is_quoted=False)),
    'videos': _Table(
      'u.item', Form('|', names=(*_DATES, *_GENRES_100K), is_quoted=False)
    ),
    'profiles': _Table(
      'u.user',
      Form(
        '|',
        names=('userId', 'age', 'gender', 'occupation', 'zip'),
        is_quoted=False,
      ),
    ),
  },
  {
    'watches': _dat('ratings.dat', _RATING),
    'videos': _dat('movies.dat', _MOVIE),
    'profiles': _dat('users.dat', _USER),
    'tags': _dat('tags.dat', _TAG),
  },
  {
    'watches': _Table('ratings.csv', Form()),
    'videos': _Table('movies.csv', Form()),
    'tags': _Table('tags.csv', Form()),
  },
)


def _folder_paths(folder: pathlib.Path) -> dict[str, pathlib.Path]:
  names = [size['watches'].name for size in _SIZES]
  right = f'the folder of one MovieLens, with its {", ".join(names)}'
  ratings = layout_files.one(folder, names, right)
  (size,) = (of for of in _SIZES if of['watches'].name == ratings.name)
  paths: dict[str, pathlib.Path] = {}
  for name, table in size.items():
    layout_files.add_if_one(paths, name, folder, [table.name])
  return paths


def _form(paths: Paths, name: str) -> Form:
  """How a file is written; old ones may be Latin-1."""
  (form,) = (
    table.form
    for size in _SIZES
    for of, table in size.items()
    if of == name and table.name == paths[name].name
  )
  if form.names and name != 'watches' and not _is_utf8(paths[name]):
    return form._replace(encoding='latin-1')
  return form


def _is_utf8(path: pathlib.Path) -> bool:
  """Whether a file's text is UTF-8."""
  try:
    path.read_bytes().decode()
  except UnicodeDecodeError:
    return False
  return True


def _ids(paths: Paths, asked: Asked) -> list[str] | None:
  del asked  # one layout
  if 'videos' not in paths:
    return None
  return catalogue.column(paths['videos'], _form(paths, 'videos'), 'movieId')


def _videos(
  paths: Paths, asked: Asked, row_of: Mapping[str, int], odd: Notes
) -> records_lib.Videos:
  del asked
  videos = catalogue.blank(row_of)
  if 'videos' in paths:
    path, form = paths['videos'], _form(paths, 'videos')
    is_100k = 'release' in form.names
    wanted = (
      'title',
      *(('release', *_GENRES_100K) if is_100k else ('genres',)),
    )
    for piece, row in catalogue.rows(path, form, 'movieId', wanted, row_of):
      titles = text_values.texts(piece, 'title')
      videos.title[row] = records_lib.object_array(titles)
      genres = _flags(piece) if is_100k else _genres(piece)
      videos.categories[row] = records_lib.object_array(genres)
      if is_100k:
        videos.upload_time[row] = _releases(piece)
  if 'tags' in paths:
    _add_tags(paths, videos, row_of, odd)
  return videos


def _genres(piece: Piece) -> list[tuple[str, ...]]:
  """The genres of `Action|Comedy`."""
  return [
    tuple(name for name in text.split('|') if name and name not in _NO_GENRE)
    for text in text_values.texts(piece, 'genres')
  ]


def _flags(piece: Piece) -> list[tuple[str, ...]]:
  """The genres whose columns hold 1."""
  flags = [
    text_values.numbers(piece, name, low=0, high=1) for name in _GENRES_100K
  ]
  return [
    tuple(
      name
      for name, flag in zip(_GENRES_100K, row, strict=True)
      if flag and name not in _NO_GENRE
    )
    for row in zip(*flags, strict=True)
  ]


def _releases(piece: Piece) -> list[int]:
  """Midnight UTC of dates as in 01-Jan-1995."""
  found = []
  for index, text in enumerate(text_values.texts(piece, 'release')):
    if not text:
      found.append(records_lib.MISSING_TIME)
      continue
    try:
      day, month, year = text.split('-')
      date = datetime.date(int(year), _MONTHS.index(month) + 1, int(day))
    except ValueError:
      raise piece.error(index, 'release', 'a date as in 01-Jan-1995') from None
    found.append(text_values.day_seconds(date.isoformat()))
  return found


def _add_tags(paths: Paths, videos, row_of: Mapping[str, int], odd) -> None:
  """The tags of each film, most given first; case and spaces do not count."""
  path, form = paths['tags'], _form(paths, 'tags')
  given: dict[int, collections.Counter[str]] = {}
  unlisted = 0
  for piece, row in catalogue.rows(path, form, 'movieId', ['tag'], row_of):
    for film, tag in zip(
      row.tolist(), text_values.texts(piece, 'tag'), strict=True
    ):
      word = ' '.join(tag.lower().split())
      unlisted += film < 0
      if film >= 0 and word:
        given.setdefault(film, collections.Counter())[word] += 1
  for film, counter in given.items():
    most = sorted(counter.items(), key=lambda pair: (-pair[1], pair[0]))
    videos.tags[film] = tuple(word for word, _ in most)
  if unlisted:
    odd.told.append(f'{path.name}: {unlisted:,} tags of other films: left out')


def _log(paths: Paths, asked: Asked, odd: Notes) -> Iterator[log.Rows]:
  condition = watched.parse(asked.watched or watched.ALL)
  form = _form(paths, 'watches')
  return log.rows(paths['watches'], form, _COLUMNS, condition, odd)


def _profiles(paths: Paths, asked: Asked) -> dict[str, str]:
  del asked
  if 'profiles' not in paths:
    return {}
  told = {name: name for name in ('age', 'gender', 'occupation')}
  form = _form(paths, 'profiles')
  return catalogue.profiles(paths['profiles'], form, 'userId', told)


LAYOUT = Layout(_folder_paths, _ids, _videos, _log, _profiles)
