"""What a run says of its span before it computes anything."""

import datetime

import pytest
import worlds

from dynrec_jax.study import event_spread, filtered, span

UTC = datetime.UTC
FAR = int(datetime.datetime(2100, 5, 6, tzinfo=UTC).timestamp())


@pytest.fixture
def lines(monkeypatch):
  """(level, line) of what is told of the sessions."""
  found = []
  for level in ('info', 'warning'):
    monkeypatch.setattr(
      event_spread.logging,
      level,
      lambda text, *values, level=level: found.append((level, text % values)),
    )
  return found


def of_sessions(lines):
  return [(lv, text) for lv, text in lines if text.startswith('sessions: ')]


def config_of(tmp_path, rows=None, tweets=None, **changes):
  folder = worlds.write_folder(tmp_path / 'folder', rows)
  settings = worlds.tiny_settings(folder, tmp_path)
  if tweets is not None:
    worlds.write_tweets(folder, tweets)
    settings |= worlds.CROSS
  return worlds.tiny_config(settings, **changes)


def test_one_line_tells_how_events_spread(tmp_path, lines):
  config = config_of(tmp_path)
  filtered.study_records(config)
  counts = [0] * 12
  for _, _, time in worlds.watches():
    counts[datetime.datetime.fromtimestamp(time, UTC).month - 1] += 1
  assert min(counts) > 9
  assert of_sessions(lines) == [
    (
      'info',
      'sessions: 12 from 2023-01-01 to 2024-01-01; events in each: '
      + ' '.join(map(str, counts)),
    )
  ]


def test_of_very_many_sessions_the_counts_are_summed_up(tmp_path, lines):
  filtered.study_records(config_of(tmp_path, sessions__L=100))
  line = of_sessions(lines)[0][1]
  assert line.startswith('sessions: 100 from 2023-01-01 to 2024-01-01; events ')
  assert line.endswith('; events in each: 0 to 9, in half of them 5 or more')


def warned(config, lines):
  filtered.study_records(config)
  (line,) = [text for level, text in of_sessions(lines) if level == 'warning']
  return line


def test_a_row_at_time_0_is_named_with_the_key_that_mends(tmp_path, lines):
  """In a span that was chosen to hold it, all others are in two sessions."""
  rows = worlds.watches()
  rows[70] = (*rows[70][:2], 0)
  user, video, _ = rows[70]
  config = config_of(tmp_path, rows, sessions__start='1970-01-01')
  assert warned(config, lines) == (
    'sessions: hardly any event is in sessions 2 to 11 of 12 (0 of 462); no '
    'event is from 1970-01-01 to 2023-01-02; far from all others lies '
    f"watches.csv, row 71: user 'u{user}', video 'v{video}', 1970-01-01; "
    'right: sessions.start=2023-01-01'
  )


def test_rows_in_the_far_future_and_past(tmp_path, lines):
  """The farthest are named; the rest is counted."""
  rows = worlds.watches()
  far = {9: FAR, 80: FAR + 1, 81: FAR - worlds.DAY, 200: 5}
  for place, time in far.items():
    rows[place] = (*rows[place][:2], time)
  config = config_of(
    tmp_path, rows, sessions__start='1970-01-01', sessions__end='2101-01-01'
  )
  line = warned(config, lines)
  assert 'far from all others lie watches.csv, row ' in line
  assert "watches.csv, row 81: user 'u" in line
  assert line.count('2100-05-0') == 3 + 1  # rows, and a gap's end
  assert line.endswith(
    ' and 1 more; right: sessions.start=2023-01-01 sessions.end=2024-01-01'
  )


def test_a_span_that_begins_long_before_anything(tmp_path, lines):
  """No row is wrong: the key is."""
  config = config_of(tmp_path, sessions__start='2021-01-01')
  line = warned(config, lines)
  assert 'no event is from 2021-01-01 to 2023-01-02' in line
  assert 'row' not in line
  assert line.endswith('; right: sessions.start=2023-01-01')


def test_a_hole_in_the_middle(tmp_path, lines):
  hole = worlds.START + 100 * worlds.DAY, worlds.START + 220 * worlds.DAY
  rows = [row for row in worlds.watches() if not hole[0] < row[2] < hole[1]]
  line = warned(config_of(tmp_path, rows), lines)
  assert line.startswith('sessions: hardly any event is in sessions 5 to 7 of ')
  assert line.endswith(
    'sessions.start or sessions.end can leave out what lies before or after'
  )


def test_tweets_are_events_where_they_are_read(tmp_path, lines):
  tweets = worlds.tweets()
  tweets[5] = (tweets[5][0], 7, tweets[5][2])
  config = config_of(tmp_path, tweets=tweets, sessions__start='1970-01-01')
  assert "lies tweets.csv, row 6: user 'u0', 1970-01-01;" in warned(
    config, lines
  )


def test_dates_are_proposed_around_the_bulk(tmp_path):
  """A stray row stretches no proposal, and is named."""
  rows = worlds.watches()
  rows[3] = (*rows[3][:2], FAR)
  config = config_of(tmp_path, rows, sessions__start='', sessions__end='')
  with pytest.raises(
    ValueError,
    match=r'Nearly all events lie from 2023-01-02 to 2023-12-25; far from all '
    r"others lies watches\.csv, row 4: user 'u0', video 'v\d+', 2100-05-06: "
    r'add --config\.sessions\.start=2023-01-01 --config\.sessions\.end='
    r'2024-01-01$',
  ):
    filtered.study_records(config)


def test_what_is_proposed_is_not_warned_of(tmp_path, lines):
  rows = worlds.watches()
  rows[3] = (*rows[3][:2], FAR)
  config = config_of(tmp_path, rows)
  filtered.study_records(config)
  assert [level for level, _ in of_sessions(lines)] == ['info']


def test_rows_of_a_source_without_a_folder_have_no_row(tmp_path, lines):
  config = config_of(tmp_path)
  records = filtered.load_source(config)
  config.data.name = 'movietweetings'
  times = records.watches.time.copy()
  times[4] = 0
  records = records._replace(watches=records.watches._replace(time=times))
  (line,) = event_spread.stray_rows(records, config, worlds.START, FAR)
  user = records.user_ids[records.watches.user[4]]
  assert line.startswith(f'far from all others lies watches: user {user!r}, vi')
  assert span.make_clock(config).count == 12
