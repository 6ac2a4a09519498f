"""From a folder to a study: what is kept, counted and named."""

import datetime

import numpy as np
import pytest
import worlds

from dynrec_jax.features import catalogue
from dynrec_jax.features.tfidf_svd import tfidf_svd
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
  assert prepared.video_topics is prepared.behaviours.topics
  assert prepared.behaviours.histories is prepared.watches
  has = prepared.features.has_visual
  assert np.flatnonzero(~has).tolist() == list(worlds.NO_VISUAL)
  has = prepared.features.has_text
  assert np.flatnonzero(~has).tolist() == list(worlds.NO_TEXT)


def test_videos_have_topics_in_the_cross_network_if_a_method_asks(
  tmp_path, quick_compile
):
  """And the catalogue is the same, asked or not."""
  folder = worlds.write_tweets(worlds.write_folder(tmp_path / 'folder'))
  config = worlds.tiny_config(
    worlds.tiny_settings(folder, tmp_path) | worlds.CROSS
  )
  none = prepare.prepare(config)
  assert none.video_topics is None
  config.eval.methods = ('sca',)
  assert prepare.prepare(config).video_topics is None
  for asked in ('sca', 'sca_topic_ridge'):
    config.eval.methods = (asked,)
    config.sca.variant = 'topic_ridge' if asked == 'sca' else 'joint_mf'
    some = prepare.prepare(config)
    assert some.video_topics.shape == (worlds.VIDEOS, 4)
    assert some.fingerprint == none.fingerprint
  sums = some.video_topics.sum(axis=1)
  assert np.flatnonzero(sums == 0).tolist() == list(worlds.NO_TEXT)


def test_one_line_tells_what_is_studied_and_what_went(
  tiny_settings, monkeypatch
):
  """Users 0, 4, 8, ... have 6 videos or 7: some go at 7 or more."""
  lines = told(monkeypatch)
  config = worlds.tiny_config(tiny_settings, filter__min_videos_per_user=8)
  records = prepare.study_records(config).records
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
  assert prepare.known_until(clock, config) == clock.borders[3]
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


def time_config(tmp_path, rows=None, **changes):
  """The tiny study cut at the end of June, with other values."""
  folder = worlds.write_folder(
    tmp_path / 'folder', rows or worlds.cut_watches()
  )
  settings = worlds.tiny_settings(folder, tmp_path) | worlds.BY_TIME
  return worlds.tiny_config(settings, **changes)


def test_filters_count_what_comes_before_the_date(tmp_path, monkeypatch):
  lines = told(monkeypatch)
  studied = prepare.study_records(time_config(tmp_path))
  records = studied.records
  early = [row for row in worlds.cut_watches() if row[2] < worlds.CUT]
  count = {u: len([1 for row in early if row[0] == u]) for u, _, _ in early}
  early = [row for row in early if count[row[0]] >= 3]
  kept = {v for _, v, _ in early if len([1 for r in early if r[1] == v]) >= 2}
  users = {u for u, v, _ in early if v in kept}
  assert set(records.user_ids) == {f'u{user}' for user in users}
  ids = records.videos.id
  assert set(ids[studied.known_videos]) == {f'v{video}' for video in kept}
  assert set(ids[~studied.known_videos]) == {'v5', 'v8', 'v19', 'v32'}
  before = sum(v in kept for _, v, _ in early)
  after = int((records.watches.time >= worlds.CUT).sum())
  (line,) = [x for _, x in lines if x.startswith('data: ')]
  assert line == (
    f'data: {len(users)} users, {len(ids)} videos, 4 of them watched by nobody '
    f'before, {before} watches before 2023-07-01 00:00:00 UTC and {after} '
    'after it of files; filters count what is before'
  )
  rules = [text for level, text in lines if level == 'debug']
  assert any(text.startswith('users with >= 3 videos: ') for text in rules)
  assert any('users with >= 1 watches left: ' in text for text in rules)


@pytest.mark.parametrize(
  ('known_by', 'expected'),
  [
    (('description',), set()),
    (('title',), {'v5', 'v19', 'v32'}),
    (('visual',), {'v5', 'v8', 'v19', 'v32'}),
    (('categories',), {'v5', 'v8', 'v19', 'v25', 'v32'}),
  ],
)
def test_new_videos_stay_if_they_are_known(tmp_path, known_by, expected):
  """v8 has no title, v25 neither a title nor an image."""
  config = time_config(tmp_path, split__new_videos=known_by)
  studied = prepare.study_records(config)
  ids = studied.records.videos.id
  assert set(ids[~studied.known_videos]) == expected


def test_new_videos_need_what_all_need(tmp_path):
  config = time_config(
    tmp_path, split__new_videos=('categories',), data__require_visual=True
  )
  studied = prepare.study_records(config)
  ids = studied.records.videos.id
  assert set(ids[~studied.known_videos]) == {'v5', 'v19', 'v32'}
  assert studied.blocks == ()


def test_the_clock_is_that_of_the_other_protocol(tmp_path):
  """Of the whole span, whatever comes before the date."""
  changes = {'sessions__start': '', 'sessions__end': ''}
  config = time_config(tmp_path, **changes)
  by_time = prepare.study_records(config)
  config.split.by = 'users'
  by_user = prepare.study_records(config)
  np.testing.assert_array_equal(
    by_time.sessions.borders, by_user.sessions.borders
  )
  assert by_user.known_videos.all()


def test_content_of_new_videos_is_not_learned_from(tmp_path):
  config = time_config(tmp_path)
  prepared = prepare.prepare(config)
  known = prepared.known_videos
  texts = [
    t for t, side in zip(prepared.video_texts, known, strict=True) if side
  ]
  alone = tfidf_svd(texts, size=9, seed=0).features
  features = prepared.features.text[known]
  np.testing.assert_array_equal(features, catalogue.unit_blocks(alone, ()))
  assert prepared.features.has_text[~known].any()
  assert len(prepared.features.text) == len(known) > known.sum()


def test_no_watch_before_the_date_is_an_error(tmp_path):
  rows = [row for row in worlds.watches() if row[2] >= worlds.CUT]
  with pytest.raises(ValueError, match=r'^split\.cut is 6; no watch is before'):
    prepare.study_records(time_config(tmp_path, rows))
