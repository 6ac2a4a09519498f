"""The clock: calendar months, equal parts, borders."""

import datetime

import numpy as np
import pytest

from dynrec_jax.data import sessions

DAY = 86_400


def utc(*date) -> int:
  moment = datetime.datetime(*date, tzinfo=datetime.UTC)
  return int(moment.timestamp())


def dates(made):
  return [
    datetime.datetime.fromtimestamp(int(b), datetime.UTC).date().isoformat()
    for b in made.borders
  ]


class TestCalendarMonths:
  def test_the_papers_year(self):
    made = sessions.make_sessions(utc(2013, 6, 1), utc(2014, 5, 31), 12)
    assert dates(made) == [
      *(f'2013-{m:02}-01' for m in range(6, 13)),
      *(f'2014-{m:02}-01' for m in range(1, 7)),
    ]
    assert made.count == 12
    assert made.borders.dtype == np.int64
    # 3 and 9 months of history end with August and with February.
    short = sessions.history_sessions(made.count, sessions.SHORT_FRACTION)
    long = sessions.history_sessions(made.count, sessions.LONG_FRACTION)
    assert made.end(short) == utc(2013, 9, 1)
    assert made.end(long) == utc(2014, 3, 1)

  @pytest.mark.parametrize(
    ('first', 'last', 'calendar'),
    [
      # The last moment of the twelfth month, then the next.
      (utc(2012, 1, 31, 23, 59, 59), utc(2012, 12, 31, 23, 59, 59), True),
      (utc(2012, 1, 31, 23, 59, 59), utc(2013, 1, 1), False),
      # Twelve months long, over thirteen calendar months.
      (utc(2013, 6, 15), utc(2014, 6, 14), False),
      # Eleven calendar months.
      (utc(2013, 6, 1), utc(2014, 4, 30), False),
      (utc(2013, 6, 1), utc(2014, 5, 1), True),
      # A leap year's February and times before 1970.
      (utc(2011, 3, 31), utc(2012, 2, 29, 23, 59, 59), True),
      (utc(1968, 12, 5), utc(1969, 11, 2), True),
      (utc(2000, 1, 1), utc(2014, 1, 1), False),
    ],
  )
  def test_only_a_span_over_twelve_months(self, first, last, calendar):
    made = sessions.make_sessions(first, last, 12)
    assert made.count == 12
    assert all(d.endswith('-01') for d in dates(made)) == calendar
    assert made.borders[0] <= first
    assert made.borders[-1] > last
    if not calendar:
      assert made.borders[0] == first
      assert made.borders[-1] == last + 1

  def test_other_counts_do_not_follow_the_calendar(self):
    first, last = utc(2013, 6, 1), utc(2014, 5, 31, 23, 59, 59)
    made = sessions.make_sessions(first, last, 5)
    np.testing.assert_array_equal(np.diff(made.borders), [73 * DAY] * 5)


class TestEqualParts:
  def test_weeks_of_a_year(self):
    first = utc(2013, 6, 15)
    made = sessions.make_sessions(first, first + 364 * DAY - 1, 52)
    assert made.count == 52
    np.testing.assert_array_equal(made.borders, first + 7 * DAY * np.arange(53))

  def test_lengths_differ_by_a_second_at_most(self):
    made = sessions.make_sessions(-1003, 2000, 7)
    lengths = np.diff(made.borders)
    assert set(lengths.tolist()) == {429, 430}
    assert made.borders[0] == -1003
    assert made.borders[-1] == 2001

  def test_shortest_span(self):
    made = sessions.make_sessions(10, 13, 4)
    assert made.borders.tolist() == [10, 11, 12, 13, 14]

  @pytest.mark.parametrize(
    ('first', 'last', 'count', 'message'),
    [
      (0, 10**6, 3, '^count is 3; at least 4'),
      (0, 10**6, 0, '^count is 0'),
      (10, 12, 4, 'span 3 s, too short for 4 sessions'),
    ],
  )
  def test_refusals(self, first, last, count, message):
    with pytest.raises(ValueError, match=message):
      sessions.make_sessions(first, last, count)


class TestSessions:
  def test_a_time_on_a_border_belongs_to_the_next_session(self):
    made = sessions.Sessions(np.array([100, 110, 130, 160]))
    times = np.array([99, 100, 109, 110, 129, 130, 159, 160, 500])
    np.testing.assert_array_equal(made.of(times), [0, 1, 1, 2, 2, 3, 3, 4, 4])

  def test_every_session_holds_what_is_between_its_ends(self):
    made = sessions.make_sessions(-777, 9000, 13)
    times = np.arange(-777, 9001)
    for session in range(1, 14):
      inside = times[made.of(times) == session]
      assert inside[0] == made.end(session - 1)
      assert inside[-1] == made.end(session) - 1

  @pytest.mark.parametrize(
    ('count', 'short', 'long'),
    [(12, 3, 9), (52, 13, 39), (365, 91, 274), (4, 1, 3), (8, 2, 6)],
  )
  def test_history_sessions(self, count, short, long):
    made = sessions.make_sessions(0, 10**6, count)
    assert sessions.history_sessions(made.count, 1 / 4) == short
    assert sessions.history_sessions(made.count, 3 / 4) == long
    assert sessions.history_sessions(made.count, 0.001) == 1


class TestUnitSecs:
  MADE = sessions.make_sessions(utc(2013, 6, 15), utc(2014, 6, 14), 52)

  @pytest.mark.parametrize(
    ('unit', 'days'),
    [('day', 1), ('week', 7), ('month', 365 / 12), ('session', 364 / 52)],
  )
  def test_lengths(self, unit, days):
    got = sessions.unit_secs(unit, self.MADE)
    np.testing.assert_allclose(got, days * DAY, rtol=1e-6)

  def test_a_session_of_the_calendar_year_is_a_month(self):
    made = sessions.make_sessions(utc(2013, 6, 1), utc(2014, 5, 31), 12)
    np.testing.assert_allclose(
      sessions.unit_secs('session', made), sessions.unit_secs('month', made)
    )

  def test_unknown(self):
    with pytest.raises(ValueError, match=r"'year'.*session, month, week, day"):
      sessions.unit_secs('year', self.MADE)
