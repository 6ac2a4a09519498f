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
    made = sessions.make_sessions(utc(2013, 6, 1), utc(2014, 6, 1), 12)
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
    ('start', 'end', 'calendar'),
    [
      (utc(2012, 1, 1), utc(2013, 1, 1), True),
      # A second more, a second less, a day later, twelve months in thirteen.
      (utc(2012, 1, 1), utc(2013, 1, 1) + 1, False),
      (utc(2012, 1, 1), utc(2013, 1, 1) - 1, False),
      (utc(2012, 1, 2), utc(2013, 1, 1), False),
      (utc(2013, 6, 15), utc(2014, 6, 15), False),
      # Eleven calendar months, and twenty-four.
      (utc(2013, 6, 1), utc(2014, 5, 1), False),
      (utc(2013, 6, 1), utc(2015, 6, 1), False),
      # A leap year's February and times before 1970.
      (utc(2011, 3, 1), utc(2012, 3, 1), True),
      (utc(1968, 12, 1), utc(1969, 12, 1), True),
    ],
  )
  def test_only_a_span_of_twelve_months(self, start, end, calendar):
    made = sessions.make_sessions(start, end, 12)
    assert made.count == 12
    assert all(d.endswith('-01') for d in dates(made)) == calendar
    assert (made.borders[0], made.borders[-1]) == (start, end)
    if not calendar:
      assert np.ptp(np.diff(made.borders)) <= 1

  def test_other_counts_do_not_follow_the_calendar(self):
    made = sessions.make_sessions(utc(2013, 6, 1), utc(2014, 6, 1), 5)
    np.testing.assert_array_equal(np.diff(made.borders), [73 * DAY] * 5)


class TestEqualParts:
  def test_weeks_of_a_year(self):
    start = utc(2013, 6, 15)
    made = sessions.make_sessions(start, start + 364 * DAY, 52)
    assert made.count == 52
    np.testing.assert_array_equal(made.borders, start + 7 * DAY * np.arange(53))

  def test_lengths_differ_by_a_second_at_most(self):
    made = sessions.make_sessions(-1003, 2001, 7)
    lengths = np.diff(made.borders)
    assert set(lengths.tolist()) == {429, 430}
    assert made.borders[0] == -1003
    assert made.borders[-1] == 2001

  def test_shortest_span(self):
    made = sessions.make_sessions(10, 14, 4)
    assert made.borders.tolist() == [10, 11, 12, 13, 14]

  @pytest.mark.parametrize(
    ('start', 'end', 'count', 'message'),
    [
      (0, 10**6, 3, '^count is 3; at least 4'),
      (0, 10**6, 0, '^count is 0'),
      (10, 13, 4, 'span is 3 s, too short for 4 sessions'),
    ],
  )
  def test_refusals(self, start, end, count, message):
    with pytest.raises(ValueError, match=message):
      sessions.make_sessions(start, end, count)


class TestEnclosingDays:
  @pytest.mark.parametrize(
    ('first', 'last', 'count', 'start', 'end'),
    [
      # Of L = 12 twelve months that are touched are whole.
      (utc(2012, 1, 31, 23), utc(2012, 12, 1), 12, (2012, 1, 1), (2013, 1, 1)),
      (utc(2012, 1, 31, 23), utc(2013, 1, 1), 12, (2012, 1, 31), (2013, 1, 2)),
      (utc(2012, 1, 31, 23), utc(2012, 12, 1), 6, (2012, 1, 31), (2012, 12, 2)),
      (
        utc(2013, 2, 28, 14),
        utc(2013, 9, 1, 20),
        12,
        (2013, 2, 28),
        (2013, 9, 2),
      ),
      # The first and the last second of a day, and a single event.
      (utc(2013, 3, 1), utc(2013, 5, 2) - 1, 12, (2013, 3, 1), (2013, 5, 2)),
      (utc(2013, 3, 1), utc(2013, 5, 2), 12, (2013, 3, 1), (2013, 5, 3)),
      (utc(1969, 3, 1, 4), utc(1969, 3, 1, 4), 12, (1969, 3, 1), (1969, 3, 2)),
    ],
  )
  def test_whole_days_hold_all(self, first, last, count, start, end):
    found = sessions.enclosing_days(first, last, count)
    assert found == (utc(*start), utc(*end))


class TestSessions:
  def test_a_time_on_a_border_belongs_to_the_next_session(self):
    made = sessions.Sessions(np.array([100, 110, 130, 160]))
    times = np.array([99, 100, 109, 110, 129, 130, 159, 160, 500])
    np.testing.assert_array_equal(made.of(times), [0, 1, 1, 2, 2, 3, 3, 4, 4])

  def test_every_session_holds_what_is_between_its_ends(self):
    made = sessions.make_sessions(-777, 9001, 13)
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
    made = sessions.make_sessions(utc(2013, 6, 1), utc(2014, 6, 1), 12)
    np.testing.assert_allclose(
      sessions.unit_secs('session', made), sessions.unit_secs('month', made)
    )

  def test_unknown(self):
    with pytest.raises(ValueError, match=r"'year'.*session, month, week, day"):
      sessions.unit_secs('year', self.MADE)


class TestGrown:
  def test_months_go_on_as_months(self):
    year = sessions.make_sessions(utc(2013, 6, 1), utc(2014, 6, 1), 12)
    for last, count in (((2014, 6, 30), 12), ((2014, 7, 1), 13)):
      grown = sessions.grown(year, utc(*last))
      assert grown.count == count
      np.testing.assert_array_equal(grown.borders[:13], year.borders)
    grown = sessions.grown(year, utc(2015, 3, 2))
    assert dates(grown)[13:] == [
      *(f'2014-{m:02}-01' for m in range(7, 13)),
      *(f'2015-{m:02}-01' for m in range(1, 4)),
    ]

  def test_equal_parts_go_on_as_long(self):
    """10 parts of 7,003 s: a border lies at 7003 n / 10, cut to a second."""
    made = sessions.make_sessions(0, 7_003, 10)
    grown = sessions.grown(made, 7_003 + 1_400)
    assert grown.borders.tolist()[9:] == [6302, 7003, 7703, 8403]
    assert sessions.grown(made, 7_702).borders.tolist() == made.borders.tolist()
