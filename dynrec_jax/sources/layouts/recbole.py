"""RecBole's atomic files: `NAME.inter`, and `NAME.item` and `NAME.user`.

Values stand between tabs, a heading tells each column's name and type
(`user_id:token`), sequences have a space between their values. Every row of
the `.inter` is a watch. Of the `.item` the first column of each list below is
read, and its only `float_seq` as the visual feature; the `.user` makes
profiles. `columns` names others.
"""

import pathlib
from collections.abc import Iterator, Mapping

import numpy as np

from dynrec_jax.data import records as records_lib
from dynrec_jax.sources import columns as columns_lib
from dynrec_jax.sources import table_files, text_tables, text_values, watched
from dynrec_jax.sources.asked import Asked
from dynrec_jax.sources.columns import Named
from dynrec_jax.sources.layouts import catalogue, layout_files, log
from dynrec_jax.sources.layouts.layout import Layout, Paths
from dynrec_jax.sources.notes import Notes
from dynrec_jax.sources.text_tables import Form

_FORM = Form(delimiter='\t', is_quoted=False)
_TYPES = ('token', 'token_seq', 'float', 'float_seq')
_OWN = {
  'watches': {'user': 'user_id', 'video': 'item_id', 'time': 'timestamp'},
  'videos': {'id': 'item_id'},
  'profiles': {'user': 'user_id'},
}
# By what names the data sets of RecBole call them.
_ALSO = {
  'title': ('title', 'movie_title', 'item_name', 'name'),
  'description': ('description',),
  'tags': ('tags',),
  'categories': ('categories', 'category', 'genres', 'genre', 'class'),
}


def _folder_paths(folder: pathlib.Path) -> dict[str, pathlib.Path]:
  """The interactions, and the tables of the same name."""
  right = 'a folder with one NAME.inter, and NAME.item and NAME.user if any'
  inter = layout_files.one(folder, ['*.inter'], right)
  paths = {'watches': inter}
  for name, suffix in (('videos', '.item'), ('profiles', '.user')):
    path = inter.with_suffix(suffix)
    if path.is_file():
      paths[name] = path
  return paths


def _types(path: pathlib.Path) -> dict[str, str]:
  """The type of each column by its name.

  Raises:
    ValueError: a column has none; names the file and the column.
  """
  types = {}
  for head in text_tables.heading(path, _FORM):
    name, colon, kind = head.rpartition(':')
    if not colon or ':' in name or kind not in _TYPES:
      raise ValueError(
        f'{path}, heading: found {table_files.shown(head)}; right: NAME:TYPE, '
        f'between tabs; types are {", ".join(_TYPES)}'
      )
    types[name] = kind
  return types


def _named(
  path: pathlib.Path, table: str, own: str, asked: Asked
) -> tuple[str, str]:
  """The heading of a column that must be there, and its unit.

  Raises:
    ValueError: it is not; lists what the file has.
  """
  mapped = _mapped(table, asked)
  named = mapped.get(own) or Named(_OWN[table][own])
  types = _types(path)
  if named.column not in types:
    raise ValueError(
      f'{path}: found no column {named.column!r} (columns: '
      f'{", ".join(types)}); right: {_told(table, own)}=NAME in column_names, '
      'NAME one of these'
    )
  return f'{named.column}:{types[named.column]}', named.unit or 's'


def _mapped(table: str, asked: Asked) -> Mapping[str, Named]:
  """What a file calls the columns of a table, where `columns` says it."""
  mapped = columns_lib.parse(asked.column_names, columns_lib.RECBOLE)
  return mapped.get(table, {})


def _told(table: str, own: str) -> str:
  """How `columns` calls a column."""
  return own if table == 'watches' else f'{table}.{own}'


def _ids(paths: Paths, asked: Asked) -> list[str] | None:
  if 'videos' not in paths:
    return None
  path = paths['videos']
  return catalogue.column(path, _FORM, _named(path, 'videos', 'id', asked)[0])


def _fields(path: pathlib.Path, asked: Asked) -> dict[str, str]:
  """The headings of what is read of videos, by own name.

  Raises:
    ValueError: `columns` names one that is not there.
  """
  types = _types(path)
  mapped = _mapped('videos', asked)
  vectors = [name for name, kind in types.items() if kind == 'float_seq']
  also = _ALSO | {'visual': tuple(vectors) if len(vectors) == 1 else ()}
  found = {}
  for own, names in also.items():
    if own in mapped and mapped[own].column not in types:
      raise ValueError(
        f'{path}: found no column {mapped[own].column!r} (columns: '
        f'{", ".join(types)}); right: videos.{own}=NAME in column_names, NAME '
        'one of these'
      )
    if own in mapped:
      names = (mapped[own].column,)
    name = next((name for name in names if name in types), None)
    if name:
      found[own] = f'{name}:{types[name]}'
  return found


def _videos(
  paths: Paths, asked: Asked, row_of: Mapping[str, int], odd: Notes
) -> records_lib.Videos:
  videos = catalogue.blank(row_of)
  if 'videos' not in paths:
    return videos
  path = paths['videos']
  key, _ = _named(path, 'videos', 'id', asked)
  fields = _fields(path, asked)
  _tell(path, {'id': key, **fields}, odd)
  vectors: dict[int, np.ndarray] = {}
  for piece, row in catalogue.rows(
    path, _FORM, key, [*fields.values()], row_of
  ):
    for own, head in fields.items():
      said = text_values.texts(piece, head)
      if own == 'visual':
        vectors |= _vectors(piece, head, row, vectors)
      elif own in ('tags', 'categories'):
        lists = [_list(text, head) for text in said]
        getattr(videos, own)[row] = records_lib.object_array(lists)
      else:
        getattr(videos, own)[row] = records_lib.object_array(said)
  if not vectors:
    return videos
  shape = (len(row_of), len(next(iter(vectors.values()))))
  visual, present = np.zeros(shape, np.float32), np.zeros(len(row_of), bool)
  visual[list(vectors)] = np.stack(list(vectors.values()))
  present[list(vectors)] = True
  return videos._replace(visual=visual, has_visual=present)


def _list(text: str, head: str) -> tuple[str, ...]:
  """The values of a sequence; a token is one, spaces and all."""
  if head.endswith('_seq'):
    return tuple(text.split())
  return (text,) if text else ()


def _vectors(
  piece, head: str, row: np.ndarray, before
) -> dict[int, np.ndarray]:
  """The visual features of a piece by the videos' rows; '' is none.

  Raises:
    ValueError: no numbers, or not as many as before.
  """
  found: dict[int, np.ndarray] = {}
  size = len(next(iter(before.values()))) if before else 0
  for index, text in enumerate(text_values.texts(piece, head)):
    if not text:
      continue
    try:
      vector = np.array(text.split(), np.float32)
    except ValueError:
      vector = np.zeros(0)
    size = size or len(vector)
    if not len(vector) or not np.isfinite(vector).all() or len(vector) != size:
      right = 'finite numbers with spaces between them'
      right += f', {size} of them as before' if size else ''
      raise piece.error(index, head, right)
    found[int(row[index])] = vector
  return found


def _tell(path: pathlib.Path, fields: Mapping[str, str], odd: Notes) -> None:
  """Which columns are read as what, and which are not."""
  heads = text_tables.heading(path, _FORM)
  read = ', '.join(f'{head} is the {own}' for own, head in fields.items())
  rest = ', '.join(head for head in heads if head not in fields.values())
  odd.told.append(f'{path.name}: {read}' + (f'; not read: {rest}' * bool(rest)))


def _log(paths: Paths, asked: Asked, odd: Notes) -> Iterator[log.Rows]:
  path = paths['watches']
  user, _ = _named(path, 'watches', 'user', asked)
  video, _ = _named(path, 'watches', 'video', asked)
  time, unit = _named(path, 'watches', 'time', asked)
  condition = watched.parse(asked.watched or watched.ALL)
  if condition:  # by its name alone
    kind = _types(path).get(condition.column)
    if kind:
      condition = condition._replace(column=f'{condition.column}:{kind}')
  columns = log.LogColumns(user, video, time, unit)
  return log.rows(path, _FORM, columns, condition, odd)


def _profiles(paths: Paths, asked: Asked) -> dict[str, str]:
  if 'profiles' not in paths:
    return {}
  path = paths['profiles']
  key, _ = _named(path, 'profiles', 'user', asked)
  told = {
    f'{name}:{kind}': name
    for name, kind in _types(path).items()
    if kind.startswith('token') and f'{name}:{kind}' != key
  }
  return catalogue.profiles(path, _FORM, key, told)


LAYOUT = Layout(_folder_paths, _ids, _videos, _log, _profiles)
