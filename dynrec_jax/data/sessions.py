"""The year cut into sessions, and the clock that ages are told in.

Paper: Sec 4.1 cuts the year into L equal sessions (L is not given; 12 months
here, so that the 3 and 9 months of history end on a border).
"""

import datetime
from typing import NamedTuple

import numpy as np

DAY_SECS = 86_400
MONTH_DAYS = 365 / 12
LEAST_COUNT = 4  # sessions, so that a quarter of the span is one
TIME_UNITS = ('session', 'month', 'week', 'day')
SHORT_FRACTION = 1 / 4  # n_f = 3 of 12 months
LONG_FRACTION = 3 / 4  # n_f = 9 of 12 months


class Sessions(NamedTuple):
  """L sessions: session l (1..L) holds borders[l - 1] <= time < borders[l].

  Attributes:
    borders: [L + 1] int64 seconds.
  """

  borders: np.ndarray

  @property
  def count(self) -> int:
    """L."""
    return len(self.borders) - 1

  def end(self, session: int) -> int:
    """The moment that session `session` (1..L) ends."""
    return int(self.borders[session])

  def up_to(self, session: int) -> 'Sessions':
    """The first sessions alone."""
    return Sessions(self.borders[: session + 1])

  def of(self, times: np.ndarray) -> np.ndarray:
    """The session (1..L) of each time; 0 before the span, L + 1 after it."""
    return np.searchsorted(self.borders, times, side='right')


def make_sessions(start: int, end: int, count: int) -> Sessions:
  """L sessions over a span.

  Twelve sessions over twelve whole calendar months are these months (A4); all
  others are equal parts of the span. No behaviour moves a border.

  Args:
    start: when the span begins, seconds.
    end: when it ends; a behaviour at this second comes after it.
    count: L, at least 4, so that a quarter of the span is a session.

  Returns:
    The sessions; border times are whole seconds.

  Raises:
    ValueError: if count < 4 or the span is shorter than count seconds.
  """
  if count < LEAST_COUNT:
    raise ValueError(f'count is {count}; at least {LEAST_COUNT} are needed')
  if end - start < count:
    raise ValueError(
      f'the span is {end - start} s, too short for {count} sessions'
    )
  months = _enclosing_months(start, end - 1)
  if count == len(months) - 1 == 12 and (start, end) == (months[0], months[-1]):
    return Sessions(np.array(months, np.int64))
  span = end - start
  borders = start + span * np.arange(count + 1, dtype=np.int64) // count
  return Sessions(borders)


def grown(clock: Sessions, time: int) -> Sessions:
  """The clock with the sessions that have ended since, up to a moment.

  Borders that it has stay where they are, so that a session keeps its number.
  Months go on as months, others are as long as before.

  Args:
    clock: of `make_sessions`.
    time: a session that ends after it is not among them.
  """
  start, end = clock.end(0), clock.end(clock.count)
  borders = clock.borders.tolist()
  is_months = borders == _enclosing_months(start, end - 1)
  while True:
    number = len(borders)
    following = start + (end - start) * number // clock.count
    if is_months:
      following = _enclosing_months(borders[-1], borders[-1])[1]
    if following > time:
      return Sessions(np.array(borders, np.int64))
    borders.append(following)


def enclosing_days(first: int, last: int, count: int) -> tuple[int, int]:
  """Where a span of whole days around behaviours begins and ends (UTC).

  Args:
    first: time of the first behaviour, seconds.
    last: time of the last one.
    count: L; if behaviours touch twelve calendar months and L is 12, the span
      is of whole months.
  """
  months = _enclosing_months(first, last)
  if count == len(months) - 1 == 12:
    return months[0], months[-1]
  return first // DAY_SECS * DAY_SECS, (last // DAY_SECS + 1) * DAY_SECS


def history_sessions(session_count: int, fraction: float) -> int:
  """n_f: how many of a test user's L sessions are known, at least one."""
  return max(1, round(session_count * fraction))


def unit_secs(unit: str, sessions: Sessions) -> float:
  """Seconds in one unit of age (A9).

  Raises:
    ValueError: for an unknown unit.
  """
  if unit == 'session':
    return float(sessions.borders[-1] - sessions.borders[0]) / sessions.count
  days = {'month': MONTH_DAYS, 'week': 7.0, 'day': 1.0}
  if unit not in days:
    raise ValueError(f'unit is {unit!r}; valid are {", ".join(TIME_UNITS)}')
  return days[unit] * DAY_SECS


def _enclosing_months(first: int, last: int) -> list[int]:
  """Starts of the calendar months (UTC) around the span, and the last's end."""
  utc = datetime.UTC
  start = datetime.datetime.fromtimestamp(first, utc)
  month = datetime.datetime(start.year, start.month, 1, tzinfo=utc)
  borders = [int(month.timestamp())]
  while borders[-1] <= last and len(borders) <= 13:
    month = (month + datetime.timedelta(days=32)).replace(day=1)
    borders.append(int(month.timestamp()))
  return borders
