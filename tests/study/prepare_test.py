"""From a folder to a study: what is kept, counted and named."""

import datetime

import numpy as np
import pytest
import worlds

from dynrec_jax.features import catalogue
from dynrec_jax.features.tfidf_svd import tfidf_svd
from dynrec_jax.study import filtered, prepare, splits

UTC = datetime.UTC


def secs(*date):
  return int(datetime.datetime(*date, tzinfo=UTC).timestamp())


def told(monkeypatch):
  """(level, line) of all that is logged."""
  lines = []
  for level in ('info', 'debug'):
    monkeypatch.setattr(
      filtered.logging,
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


@pytest.mark.slow
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
  records = filtered.study_records(config).records
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


def with_last_watch(rows, user, time):
  """The rows with the last watch of a user at another time."""
  last = max(i for i, row in enumerate(rows) if row[0] == user)
  return [(*row[:2], time) if i == last else row for i, row in enumerate(rows)]


@pytest.mark.parametrize('days', [-30, 30, 400])
@pytest.mark.parametrize('protocol', ['users', 'time'])
def test_a_tested_user_s_last_watch_moves_no_session(
  protocol, days, tmp_path, tiny_settings
):
  """Neither a border nor a watch of anybody else; be it the last of all."""
  rows = worlds.watches()
  config = worlds.tiny_config(tiny_settings, filter__min_videos_per_user=3)
  prepared = prepare.prepare(config)
  tested = splits.make_split(config, prepared, 0).users.test
  names = [int(prepared.records.user_ids[u][1:]) for u in tested]
  time, user = max((row[2], row[0]) for row in rows if row[0] in names)
  moved = with_last_watch(rows, user, time + days * worlds.DAY)

  def of(rows, name):
    folder = worlds.write_folder(tmp_path / name, rows)
    config.data.manual_dir = str(folder)
    config.split.by = protocol
    studied = filtered.study_records(config)
    records, clock = studied.records, studied.sessions
    found = {
      (records.user_ids[u], records.videos.id[v]): int(session)
      for u, v, session in zip(
        *records.watches[:2], clock.of(records.watches.time), strict=True
      )
    }
    others = {k: s for k, s in found.items() if k[0] != f'u{user}'}
    return clock.borders.tolist(), others, found

  one, two = of(rows, 'one'), of(moved, 'two')
  assert one[2] != two[2]
  assert one[:2] == two[:2]
  assert max(two[2].values()) <= 12


def test_nothing_outside_the_span_is_prepared(tmp_path):
  """The study of a log is that of its part between the dates."""
  rng = np.random.default_rng(2)
  start, end = secs(2023, 1, 1), secs(2024, 1, 1)
  outside = [
    (user, int(video), int(time))
    for user in range(worlds.USERS + 5)
    for video, time in zip(
      rng.permutation(worlds.VIDEOS)[:3],
      (start - 1, end, end + 300 * worlds.DAY),
      strict=True,
    )
  ]
  whole = sorted(worlds.watches() + outside, key=lambda row: (row[0], row[2]))
  found = []
  for number, rows in enumerate((worlds.watches(), whole)):
    folder = worlds.write_folder(tmp_path / str(number), rows)
    settings = worlds.tiny_settings(folder, tmp_path)
    found.append(prepare.prepare(worlds.tiny_config(settings)))
  one, two = found
  assert one.fingerprint == two.fingerprint
  for a, b in (
    (one.records.user_ids, two.records.user_ids),
    *zip(one.watches, two.watches, strict=True),
    *zip(one.records.watches, two.records.watches, strict=True),
    *zip(one.features, two.features, strict=True),
    (one.behaviours.topics, two.behaviours.topics),
    (one.sessions.borders, two.sessions.borders),
  ):
    np.testing.assert_array_equal(a, b)
  assert not len(one.outside.watches.user)
  known = [row for row in outside if row[0] < worlds.USERS]
  assert len(two.outside.watches.user) == len(known)


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
  studied = filtered.study_records(time_config(tmp_path))
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
  studied = filtered.study_records(config)
  ids = studied.records.videos.id
  assert set(ids[~studied.known_videos]) == expected


def test_new_videos_need_what_all_need(tmp_path):
  config = time_config(
    tmp_path, split__new_videos=('categories',), data__require_visual=True
  )
  studied = filtered.study_records(config)
  ids = studied.records.videos.id
  assert set(ids[~studied.known_videos]) == {'v5', 'v19', 'v32'}
  assert studied.blocks == ()


def test_the_clock_is_that_of_the_other_protocol(tmp_path):
  config = time_config(tmp_path)
  by_time = filtered.study_records(config)
  config.split.by = 'users'
  by_user = filtered.study_records(config)
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
    filtered.study_records(time_config(tmp_path, rows))
