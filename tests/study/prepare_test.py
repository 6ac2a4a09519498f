"""From a folder to a study: what is kept, counted and named."""

import datetime

import numpy as np
import pytest
import worlds

from dynrec_jax.study import prepare

UTC = datetime.UTC


def secs(*date):
  return int(datetime.datetime(*date, tzinfo=UTC).timestamp())


def told(monkeypatch):
  """(level, line) of all that is logged."""
  lines = []
  for level in ('info', 'debug'):
    monkeypatch.setattr(
      prepare.logging,
      level,
      lambda text, *values, level=level: lines.append((level, text % values)),
    )
  return lines


def test_what_is_prepared(study):
  prepared = study.prepared
  assert len(prepared.records.user_ids) == worlds.USERS
  assert len(prepared.video_texts) == worlds.VIDEOS
  assert prepared.tweet_texts is None
  assert prepared.behaviours.histories is prepared.watches
  has = prepared.features.has_visual
  assert np.flatnonzero(~has).tolist() == list(worlds.NO_VISUAL)
  has = prepared.features.has_text
  assert np.flatnonzero(~has).tolist() == list(worlds.NO_TEXT)


def test_one_line_tells_what_is_studied_and_what_went(
  tiny_settings, monkeypatch
):
  """Users 0, 4, 8, ... have 6 videos or 7: some go at 7 or more."""
  lines = told(monkeypatch)
  config = worlds.tiny_config(tiny_settings, filter__min_videos_per_user=8)
  records, _ = prepare.study_records(config)
  users, watches = len(records.user_ids), len(records.watches.user)
  assert 0 < users < worlds.USERS
  (line,) = [
    text
    for level, text in lines
    if level == 'info' and text.startswith('data: ')
  ]
  gone = len(worlds.watches()) - watches
  assert line == (
    f'data: {users} users, {len(records.videos.id)} videos, {watches} watches '
    f'of files; repeats and filters removed {worlds.USERS - users} users, '
    f'{worlds.VIDEOS - len(records.videos.id)} videos and {gone} watches'
  )
  rules = [text for level, text in lines if level == 'debug']
  assert any(text.startswith('users with >= 8 videos: ') for text in rules)
  assert any(text.startswith('videos with >= 3 users: ') for text in rules)


def test_dates_of_the_config_fix_the_span(tiny_settings, study):
  config = worlds.tiny_config(
    tiny_settings | {'sessions.start': '2023-01-01', 'sessions.L': 4},
    sessions__end='2023-12-31T00:00:00+00:00',
  )
  clock = prepare.make_clock(study.prepared.records, config)
  assert clock.count == 4
  assert clock.borders[0] == secs(2023, 1, 1)
  assert clock.borders[-1] == secs(2023, 12, 31)
  assert prepare.known_until(clock) == clock.borders[3]
  config.sessions.start = config.sessions.end = ''
  clock = prepare.make_clock(study.prepared.records, config)
  times = study.prepared.records.watches.time
  assert (clock.borders[0], clock.borders[-1]) == (times.min(), times.max() + 1)


def test_dates_without_a_zone_are_utc():
  assert prepare.date_secs('2013-06-01', 'k') == secs(2013, 6, 1)
  two_east = prepare.date_secs('2013-06-01T02:00+02:00', 'k')
  assert two_east == secs(2013, 6, 1)
  with pytest.raises(ValueError, match=r"^k is 'June'; right: '' or a date as"):
    prepare.date_secs('June', 'k')


def test_the_fingerprint_is_of_content_and_catalogue(study):
  """Another feature, topic or id is another study's."""
  prepared = study.prepared
  records, features = prepared.records, prepared.features

  def fingerprint(records=records, features=features, topics=None):
    made_of = prepared.behaviours
    if topics is not None:
      made_of = made_of._replace(topics=topics)
    return prepare._fingerprint(records, features, made_of)

  found = {prepared.fingerprint, fingerprint()}
  assert len(found) == 1
  assert len(prepared.fingerprint) == 16
  ids = records.videos.id.copy()
  ids[3] = 'other'
  videos = records.videos._replace(id=ids)
  found.add(fingerprint(records=records._replace(videos=videos)))
  for name in ('visual', 'text'):
    changed = getattr(features, name).copy()
    changed[5, 1] += 1
    found.add(fingerprint(features=features._replace(**{name: changed})))
  topics = prepared.behaviours.topics.copy()
  topics[7, 0] += 0.5
  found.add(fingerprint(topics=topics))
  assert len(found) == 5
