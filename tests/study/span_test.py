"""The span of a study: dates that are asked for, and what they leave out."""

import datetime
import re

import numpy as np
import pytest
import worlds

from dynrec_jax.data import records
from dynrec_jax.data.records import LacksDataError
from dynrec_jax.study import prepare, span

UTC = datetime.UTC


def secs(*date):
  return int(datetime.datetime(*date, tzinfo=UTC).timestamp())


def source(watched, tweeted=()):
  """One user's watches and tweets at these times."""
  times = np.array(watched, np.int64)
  users = np.zeros(len(times), np.int32)
  said = np.array(tweeted, np.int64)
  return records.Records(
    records.object_array(['x']),
    records.Watches(users, np.arange(len(times), dtype=np.int32), times),
    None,
    records.text_tweets(
      np.zeros(len(said), np.int32),
      said,
      records.object_array(['w'] * len(said)),
    ),
    records.object_array(['']),
  )


def config_of(start='2013-06-01', end='2014-06-01', **changes):
  return worlds.tiny_config(
    {'sessions.start': start, 'sessions.end': end}, **changes
  )


def test_dates_of_the_config_fix_the_span():
  clock = span.make_clock(
    config_of('2023-01-01', '2023-12-31T00:00:00+00:00', sessions__L=4)
  )
  assert clock.count == 4
  assert clock.borders[0] == secs(2023, 1, 1)
  assert clock.borders[-1] == secs(2023, 12, 31)
  config = config_of('2023-01-01', '2023-12-31', sessions__L=4)
  assert prepare.known_until(clock, config) == clock.borders[3]


@pytest.mark.parametrize(
  ('start', 'end', 'message'),
  [
    ('June', '2014-06-01', r"^sessions\.start is 'June'; right: a date as in"),
    (
      '2013-06-01',
      '2013-13-01',
      r"^sessions\.end is '2013-13-01'; right: a da",
    ),
    (
      '2013-06-01',
      '2013-06-01',
      r"^sessions\.end is '2013-06-01'; it must come after sessions\.start=2",
    ),
    ('2013-06-01T00:00:00', '2013-06-01T00:00:11', 'span is 11 s, too short'),
  ],
)
def test_dates_that_make_no_span(start, end, message):
  with pytest.raises(ValueError, match=message):
    span.make_clock(config_of(start, end))


def test_dates_without_a_zone_are_utc():
  assert span.date_secs('2013-06-01', 'k') == secs(2013, 6, 1)
  two_east = span.date_secs('2013-06-01T02:00+02:00', 'k')
  assert two_east == secs(2013, 6, 1)


@pytest.mark.parametrize(
  ('start', 'end', 'scenario', 'line'),
  [
    (
      '',
      '',
      'single',
      "sessions.start is '' and sessions.end ''; two dates must fix the span "
      'of the study, so that no event moves its sessions. The events lie from '
      '2013-05-03 to 2013-12-31: add --config.sessions.start=2013-05-03 '
      '--config.sessions.end=2014-01-01',
    ),
    # What is set stays; tweets are events where they are read.
    (
      '2013-05-01',
      '',
      'cross',
      "sessions.start is '2013-05-01' and sessions.end ''; two dates must fix "
      'the span of the study, so that no event moves its sessions. The events '
      'lie from 2013-02-02 to 2014-01-09: add --config.sessions.start='
      '2013-05-01 --config.sessions.end=2014-02-01',
    ),
  ],
)
def test_dates_are_asked_for_with_those_that_hold_all(
  start, end, scenario, line
):
  """Twelve months that are touched are proposed as a whole."""
  found = source(
    [secs(2013, 5, 3, 7), secs(2013, 12, 31, 23, 59)],
    [secs(2013, 2, 2), secs(2014, 1, 9)],
  )
  config = config_of(start, end, scenario=scenario)
  with pytest.raises(ValueError, match=f'^{re.escape(line)}$') as told:
    span.inside(found, config)
  assert not isinstance(told.value, LacksDataError)  # no study is left out


def test_what_is_proposed_leaves_nothing_out(monkeypatch):
  lines = logged(monkeypatch)
  found = source([secs(2013, 5, 3, 7), secs(2013, 12, 31, 23, 59, 59)])
  config = config_of('2013-05-03', '2014-01-01')
  assert len(span.inside(found, config).watches.user) == 2
  assert lines == []


def logged(monkeypatch):
  lines = []
  monkeypatch.setattr(
    span.logging, 'info', lambda text, *values: lines.append(text % values)
  )
  return lines


def test_what_is_left_out_is_counted(monkeypatch):
  lines = logged(monkeypatch)
  start, end = secs(2013, 6, 1), secs(2014, 6, 1)
  found = source(
    [0, start - 1, start, end - 1, end, end + 1, end + 2], [start, end]
  )
  within = span.inside(found, config_of())
  assert within.watches.time.tolist() == [start, end - 1]
  assert within.tweets.time.tolist() == [start]
  assert lines == [
    'span: 2013-06-01 to 2014-06-01; left out are 2 watches before and 3 after '
    'it, 0 tweets before and 1 after it'
  ]


def test_a_span_without_a_watch():
  found = source([secs(2011, 6, 1), secs(2012, 6, 1)])
  with pytest.raises(
    LacksDataError,
    match=r'^no watch lies from sessions\.start=2013-06-01 to sessions\.end='
    r'2014-06-01; those of the source are from 2011-06-01 to 2012-06-01$',
  ):
    span.inside(found, config_of())
