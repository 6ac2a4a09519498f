"""The span of a study: two dates of the config, and what lies outside them.

Dates fix it for every source. Were it told by the first and the last event, one
late watch of a tested user would move every session of everybody.
"""

import datetime

import ml_collections
import numpy as np
from absl import logging

from dynrec_jax.data import sessions, spread
from dynrec_jax.data import span as span_lib
from dynrec_jax.data.records import LacksDataError, Records
from dynrec_jax.data.sessions import Sessions
from dynrec_jax.study import event_spread
from dynrec_jax.study.naming import naming

_KEYS = ('start', 'end')
KEYS_IN_WORDS = 'span (sessions.start, sessions.end)'  # see `naming`


def make_clock(config: ml_collections.ConfigDict) -> Sessions:
  """The sessions between the dates of the config.

  Raises:
    ValueError: a date is none, the end does not come after the start, or the
      sessions do not fit in between; names the key.
  """
  of = config.sessions
  start, end = (date_secs(of[key], f'sessions.{key}') for key in _KEYS)
  if end <= start:
    raise ValueError(
      f'sessions.end is {of.end!r}; it must come after sessions.start='
      f'{of.start}'
    )
  with naming(count='sessions.L'):
    return sessions.make_sessions(start, end, of.L)


def check_dates(config: ml_collections.ConfigDict) -> None:
  """Raises for dates that make no span; only the data tell what lacks."""
  for key in _KEYS:
    if config.sessions[key]:
      date_secs(config.sessions[key], f'sessions.{key}')
  if _has_dates(config):
    make_clock(config)


def _has_dates(config: ml_collections.ConfigDict) -> bool:
  """Whether the config fixes the span."""
  return all(config.sessions[key] for key in _KEYS)


def inside(records: Records, config: ml_collections.ConfigDict) -> Records:
  """The source with the events of the span alone; tells how many lie outside.

  Raises:
    ValueError: the config names no dates; says which would hold all events.
    LacksDataError: no watch lies in the span.
  """
  if not _has_dates(config):
    raise ValueError(_asked_for(records, config))
  clock = make_clock(config)
  start, end = clock.borders[0], clock.borders[-1]
  outside = {
    'watches': _sides(records.watches.time, start, end),
    'tweets': _sides(records.tweets.time, start, end),
  }
  told = ', '.join(
    f'{before:,} {name} before and {after:,} after it'
    for name, (before, after) in outside.items()
    if before + after
  )
  if told:
    logging.info(
      'span: %s to %s; left out are %s',
      *(event_spread.date(time) for time in (start, end)),
      told,
    )
  within = span_lib.inside(records, start, end)
  if not len(within.watches.user):
    first, last = records.watches.time.min(), records.watches.time.max()
    raise LacksDataError(
      f'no watch lies from sessions.start={config.sessions.start} to '
      f'sessions.end={config.sessions.end}; those of the source are from '
      f'{event_spread.date(first)} to {event_spread.date(last)}'
    )
  return within


def date_secs(date: str, key: str) -> int:
  """Midnight UTC of an ISO date, in seconds.

  Raises:
    ValueError: it is no date; names the key.
  """
  try:
    day = datetime.datetime.fromisoformat(date)
  except ValueError:
    raise ValueError(
      f'{key} is {date!r}; right: a date as in 2013-06-01'
    ) from None
  if day.tzinfo is None:
    day = day.replace(tzinfo=datetime.UTC)
  return int(day.timestamp())


def _asked_for(records: Records, config: ml_collections.ConfigDict) -> str:
  """What is missing, and dates around the bulk of what the study reads."""
  times = event_spread.event_times(records, config)
  first, last = spread.bulk(times)
  around = sessions.enclosing_days(first, last, config.sessions.L)
  asked = ' '.join(
    f'--config.sessions.{key}={config.sessions[key] or event_spread.date(time)}'
    for key, time in zip(_KEYS, around, strict=True)
  )
  return (
    f'sessions.start is {config.sessions.start!r} and sessions.end '
    f'{config.sessions.end!r}; two dates must fix the span of the study, so '
    f'that no event moves its sessions. {_lie(records, config, first, last)}: '
    f'add {asked}'
  )


def _lie(
  records: Records, config: ml_collections.ConfigDict, first: int, last: int
) -> str:
  """Where the events lie, and which of them far from all others."""
  between = f'{event_spread.date(first)} to {event_spread.date(last)}'
  strays = event_spread.stray_rows(records, config, first, last)
  if not strays:
    return f'The events lie from {between}'
  return f'Nearly all events lie from {between}; {strays[0]}'


def _sides(times: np.ndarray, start: int, end: int) -> tuple[int, int]:
  """How many times lie before the span, and how many after it."""
  return int((times < start).sum()), int((times >= end).sum())
