"""What a request asks for: bytes in, checked values or one reason out."""

import json
import math
from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from dynrec_jax.data.records import MISSING_TIME

# Seconds since 1970: the ends of the years 1 and 2999, as in files.
EARLIEST, LATEST = -62_135_596_800, 32_503_680_000
_SHOWN = 60  # characters of what was found
_TIME = 'a whole number of seconds since 1970 UTC, in years 1970 to 2999'


class BadRequest(ValueError):
  """A request that cannot be answered, and the HTTP status that says so."""

  def __init__(self, reason: str, status: int = 400):
    super().__init__(reason)
    self.status = status


class Asked(NamedTuple):
  """One list that is wanted.

  Attributes:
    user: one of the data; '' of somebody new.
    history: of somebody new: what was watched or written, and when, seconds.
    k: how many videos at most.
  """

  user: str
  history: tuple[tuple[str, int], ...]
  k: int


class NewVideo(NamedTuple):
  """A video that nobody has watched: its content.

  Attributes:
    id: its own, unique.
    title: '' if it has none.
    description: '' if it has none.
    tags: any number.
    categories: any number.
    upload_time: seconds, or MISSING_TIME.
    visual: its feature, as the source's are; () if it has none.
  """

  id: str
  title: str
  description: str
  tags: tuple[str, ...]
  categories: tuple[str, ...]
  upload_time: int
  visual: tuple[float, ...]


class Limits(NamedTuple):
  """What a request may be.

  Attributes:
    events: what histories are of: 'watches' or 'tweets'; '' where somebody new
      cannot be asked about.
    most_events: of a history.
    most_videos: of a list.
    visual_size: of a video's feature; 0 where requests can bring none.
  """

  events: str
  most_events: int
  most_videos: int
  visual_size: int = 0


def parse_asked(body: bytes, limits: Limits) -> Asked:
  """A body of POST /recommend.

  Raises:
    BadRequest: names the field, what was found and what is right.
  """
  fields = _object(_json(body), 'the body')
  _known(fields, ('user', 'k', limits.events), 'the body')
  k = fields.get('k', limits.most_videos)
  if not _is_whole(k, 1, limits.most_videos + 1):
    right = f'a whole number from 1 to {limits.most_videos}'
    _wrong('k', k, right)
  named = [name for name in ('user', limits.events) if name in fields]
  if len(named) != 1:
    wanted = ' or '.join(x for x in ('user', limits.events) if x)
    _wrong('the body', sorted(fields), f'one of the fields {wanted}')
  if named == ['user']:
    return Asked(_text(fields['user'], 'user'), (), k)
  return Asked('', _history(fields[limits.events], limits), k)


def parse_videos(body: bytes, limits: Limits) -> list[NewVideo]:
  """A body of POST /videos.

  Raises:
    BadRequest: as `parse_asked`.
  """
  fields = _object(_json(body), 'the body')
  _known(fields, ('videos',), 'the body')
  rows = _list(fields.get('videos'), 'videos', limits.most_events)
  if not rows:
    _wrong('videos', rows, 'one video or more')
  videos = [_video(row, f'videos[{i}]', limits) for i, row in enumerate(rows)]
  ids = [video.id for video in videos]
  for place, name in enumerate(ids):
    if ids.index(name) < place:
      _wrong(f'videos[{place}].id', name, 'every id once')
  return videos


def _json(body: bytes) -> Any:
  """The value of a JSON text, without numbers that JSON does not know."""

  def never(name: str) -> NoReturn:
    raise ValueError(f'{name} is no number of JSON')

  try:
    return json.loads(body, parse_constant=never)
  except RecursionError:
    raise BadRequest('the body is nested too deeply') from None
  except ValueError as error:
    raise BadRequest(f'the body is not JSON: {str(error)[:200]}') from None


def _history(value: Any, limits: Limits) -> tuple[tuple[str, int], ...]:
  """The events of somebody new."""
  name = limits.events
  what = 'video' if name == 'watches' else 'text'
  found = []
  for i, row in enumerate(_list(value, name, limits.most_events)):
    place = f'{name}[{i}]'
    fields = _object(row, place)
    _known(fields, (what, 'time'), place)
    text = _text(
      fields.get(what), f'{place}.{what}', may_be_empty=what == 'text'
    )
    time = fields.get('time')
    if not _is_whole(time, 0, LATEST):
      _wrong(f'{place}.time', time, _TIME)
    found.append((text, time))
  return tuple(found)


def _video(value: Any, place: str, limits: Limits) -> NewVideo:
  """One new video."""
  fields = _object(value, place)
  _known(fields, NewVideo._fields, place)
  texts = {
    name: _text(fields.get(name, ''), f'{place}.{name}', may_be_empty=True)
    for name in ('title', 'description')
  }
  lists = {
    name: tuple(
      _text(text, f'{place}.{name}[{i}]')
      for i, text in enumerate(
        _list(fields.get(name, []), f'{place}.{name}', limits.most_events)
      )
    )
    for name in ('tags', 'categories')
  }
  time = fields.get('upload_time')
  if time is None:
    time = MISSING_TIME
  elif not _is_whole(time, EARLIEST, LATEST):
    _wrong(f'{place}.upload_time', time, _TIME.replace('1970 to', '1 to'))
  return NewVideo(
    id=_text(fields.get('id'), f'{place}.id'),
    upload_time=time,
    visual=_visual(fields.get('visual'), f'{place}.visual', limits),
    **texts,
    **lists,
  )


def _visual(value: Any, place: str, limits: Limits) -> tuple[float, ...]:
  """A feature; () of none."""
  if value is None:
    return ()
  size = limits.visual_size
  right = f'{size} finite numbers' if size else 'nothing: videos here have none'
  numbers = _list(value, place, max(size, 1))
  if not size or len(numbers) != size:
    _wrong(place, f'{len(numbers)} numbers', right)
  for i, number in enumerate(numbers):
    real = isinstance(number, int | float) and not isinstance(number, bool)
    if not real or not abs(number) < 1e30 or math.isnan(number):
      _wrong(f'{place}[{i}]', number, right)
  return tuple(map(float, numbers))


def _object(value: Any, place: str) -> dict[str, Any]:
  if not isinstance(value, dict):
    _wrong(place, value, 'an object')
  return value


def _list(value: Any, place: str, most: int) -> Sequence[Any]:
  if not isinstance(value, list):
    _wrong(place, value, 'a list')
  if len(value) > most:
    raise BadRequest(
      f'{place}: found {len(value):,} entries; right: {most:,} at most', 413
    )
  return value


def _text(value: Any, place: str, *, may_be_empty: bool = False) -> str:
  if not isinstance(value, str) or not (value or may_be_empty):
    _wrong(place, value, 'text' if may_be_empty else 'text that is not empty')
  return value


def _known(fields: dict[str, Any], names: Sequence[str], place: str) -> None:
  """Raises for a field that nothing reads."""
  for name in fields:
    if name not in names:
      right = ', '.join(x for x in names if x)
      _wrong(place, name, f'the fields {right}')


def _is_whole(value: Any, low: int, high: int) -> bool:
  return type(value) is int and low <= value < high


def _wrong(place: str, found: Any, right: str) -> NoReturn:
  shown = repr(found)
  if len(shown) > _SHOWN:
    shown = f'{shown[:_SHOWN]}...'
  raise BadRequest(f'{place}: found {shown}; right: {right}')
