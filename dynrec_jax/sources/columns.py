"""What other people call the columns: `user=uid,video=item_id,time=ts:ms`.

A name is of the watches, unless a table stands before it (`videos.id=item_id`).
After a colon stands the unit of a time: `s`, `ms`, `us`, or `iso` for text such
as 2013-06-01T12:30:00+02:00 (UTC where no zone is told).
"""

import datetime
import types
from collections.abc import Mapping
from typing import NamedTuple

UNITS = ('s', 'ms', 'us', 'iso')
PER_SECOND = {'s': 1, 'ms': 1_000, 'us': 1_000_000}
# The columns of each table, by their own names.
NAMES: Mapping[str, tuple[str, ...]] = {
  'watches': ('user', 'video', 'time'),
  'videos': (
    *('id', 'title', 'description', 'tags', 'categories', 'upload_time'),
    'view_count',
  ),
  'tweets': ('user', 'time', 'text'),
  'profiles': ('user', 'text'),
}
# The same of RecBole's atomic files.
RECBOLE: Mapping[str, tuple[str, ...]] = {
  'watches': ('user', 'video', 'time'),
  'videos': ('id', 'title', 'description', 'tags', 'categories', 'visual'),
  'profiles': ('user',),
}
_TIMES = ('time', 'upload_time')
_FORM = 'such as user=uid,video=item_id,time=ts:ms,videos.id=item_id'


class Named(NamedTuple):
  """What a file calls a column.

  Attributes:
    column: the name in the file.
    unit: of a time, one of `UNITS`; '' is what the reader expects.
  """

  column: str
  unit: str = ''


Mapped = Mapping[str, Mapping[str, Named]]
NONE: Mapped = types.MappingProxyType({})


def parse(text: str, names: Mapping[str, tuple[str, ...]] = NAMES) -> Mapped:
  """The file's column by table and own name; {} of ''.

  Args:
    text: see above.
    names: the columns that may be named, by table.

  Raises:
    ValueError: an unknown table or name, one twice, or a unit of no time.
  """
  mapped: dict[str, dict[str, Named]] = {}
  for part in filter(None, (part.strip() for part in text.split(','))):
    own, sign, column = (piece.strip() for piece in part.partition('='))
    table, dot, name = own.rpartition('.')
    table = table if dot else 'watches'
    if not sign or not column:
      raise ValueError(f'column_names: found {part!r}; right: {_FORM}')
    if name not in names.get(table, ()):
      right = ', '.join(
        f'{table}.{name}' for table, names in names.items() for name in names
      )
      raise ValueError(f'column_names: found {own!r}; right: {right}')
    known = mapped.setdefault(table, {})
    if name in known:
      raise ValueError(f'column_names: found {own!r} twice; right: once')
    known[name] = _named(part, name, column)
  for table, known in mapped.items():
    _refuse_shared(table, known)
  return mapped


def iso_seconds(text: str) -> int:
  """The seconds of an ISO time, rounded down; UTC where it tells no zone.

  Raises:
    ValueError: it is none; says what is right.
  """
  try:
    moment = datetime.datetime.fromisoformat(text)
  except ValueError:
    raise ValueError('a time as in 2013-06-01T12:30:00+00:00') from None
  if moment.tzinfo is None:
    moment = moment.replace(tzinfo=datetime.UTC)
  since = moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
  return since // datetime.timedelta(seconds=1)


def _refuse_shared(table: str, known: Mapping[str, Named]) -> None:
  """Raises for a column that is named for two things."""
  first: dict[str, str] = {}
  for name, (column, _) in known.items():
    if first.setdefault(column, name) != name:
      raise ValueError(
        f'column_names: found {column!r} as {table}.{first[column]} and '
        f'{table}.{name}; right: each column once'
      )


def _named(part: str, name: str, column: str) -> Named:
  """A column and the unit behind it; a colon may be of the name itself."""
  head, colon, unit = column.rpartition(':')
  if not colon or unit not in UNITS:
    return Named(column)
  if name not in _TIMES:
    raise ValueError(
      f'column_names: found {part!r}; right: a unit behind '
      f'{" or ".join(_TIMES)} alone'
    )
  return Named(head, unit)
