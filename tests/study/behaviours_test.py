"""What interests are made of in the cross network, and what may be read."""

import csv
import json

import numpy as np
import pytest
import worlds

from dynrec_jax import checkpoint, train
from dynrec_jax.data import sequences
from dynrec_jax.study import (
  behaviours,
  filtered,
  identity,
  prepare,
  recommend,
  same_data,
  split_run,
  splits,
  training_data,
)

pytestmark = pytest.mark.usefixtures('quick_compile')

BORDER = worlds.START + 273 * worlds.DAY  # 1 October


def study_of(root, rows=None, tweets=None, topics=None, **changes):
  """A cross-network study of a folder of its own."""
  folder = worlds.write_tweets(
    worlds.write_folder(root / 'folder', rows), tweets
  )
  if topics is not None:
    np.save(folder / 'tweet_topics.npy', topics)
  settings = worlds.tiny_settings(folder, root) | worlds.CROSS
  return worlds.Study(worlds.tiny_config(settings, **changes))


@pytest.fixture(scope='module')
def cross(tmp_path_factory, quick_compile):
  del quick_compile
  return study_of(tmp_path_factory.mktemp('cross'))


def test_a_tweet_is_one_topic_or_none(cross):
  topics = cross.prepared.behaviours.topics
  np.testing.assert_array_equal(topics[:4], np.eye(4))
  np.testing.assert_array_equal(topics[4], np.zeros(4))
  events = cross.split.behaviours
  count = len(worlds.tweets())
  assert len(events.item) == count
  held_out = np.setdiff1d(np.arange(worlds.USERS), cross.split.users.train)
  owner = np.repeat(np.arange(worlds.USERS), np.diff(events.offsets))
  hidden = np.isin(owner, held_out) & (events.time >= BORDER)
  assert hidden.any()
  np.testing.assert_array_equal(events.item == 4, hidden)


def test_tastes_have_topics_of_their_own(cross):
  """Words of four tastes are disjoint, so that most topics are pure."""
  events = cross.split.behaviours
  owner = np.repeat(np.arange(worlds.USERS), np.diff(events.offsets))
  told = events.item < 4
  table = np.zeros((worlds.TASTES, 4))
  np.add.at(table, (owner[told] % worlds.TASTES, events.item[told]), 1)
  assert table.max(axis=1).sum() > 0.7 * told.sum()


def test_queries_know_tweets_and_no_watch(cross):
  users = cross.split.users.test
  queries, later = training_data.make_questions(
    cross.config, cross.prepared, cross.split, users, 9
  )
  assert splits.modes(cross.config) == {'cross': 9}
  assert not queries.forbidden_videos()[1].any()
  said = [
    (user, text)
    for user, time, text in worlds.tweets()
    if user in users and time < BORDER
  ]
  speaker = np.repeat(users, np.diff(queries.behaviours.offsets))
  assert list(zip(speaker.tolist(), queries.texts, strict=True)) == said
  row = np.repeat(np.arange(len(users)), np.diff(later.offsets))
  target = later.item
  wanted = [
    (user, f'v{video}')
    for user, video, time in worlds.watches()
    if user in users and time >= BORDER
  ]
  ids = cross.prepared.records.videos.id[target]
  assert list(zip(users[row].tolist(), ids, strict=True)) == wanted


def training_content(study):
  data = study.data
  samples = data.samples._replace(watch_start=np.zeros(0))
  related = data.relevance
  return [
    *samples,
    *sequences.targets_of(data.samples, data.watches),
    *data.interest_rows,
    *(related.users, related.partner, related.rel, related.overlap),
  ]


def lists_of(study, params):
  queries, _ = training_data.make_questions(
    study.config, study.prepared, study.split, study.split.users.test, 9
  )
  return study.parts.predictor.recommender(params)(queries, 5).ids


def test_nothing_of_a_test_user_but_early_tweets_is_read(cross, tmp_path):
  """Their watches are dealt out anew and their later tweets rewritten."""
  test = set(cross.split.users.test.tolist())
  rng = np.random.default_rng(3)
  rows = [list(row) for row in worlds.watches()]
  mine = [row for row in rows if row[0] in test]
  for user in test:
    own = [row for row in mine if row[0] == user]
    times = sorted(rng.choice(360, size=len(own), replace=False).tolist())
    videos = rng.permutation([row[1] for row in own]).tolist()
    for row, day, video in zip(own, times, videos, strict=True):
      row[1:] = video, worlds.START + day * worlds.DAY
  tweets = [
    (user, time, 'yacht yacht' if user in test and time >= BORDER else text)
    for user, time, text in worlds.tweets()
  ]
  other = study_of(tmp_path, rows, tweets)
  assert rows != [list(row) for row in worlds.watches()]
  for one, two in zip(
    training_content(cross), training_content(other), strict=True
  ):
    np.testing.assert_array_equal(one, two)
  params = worlds.random_params(cross.network)
  np.testing.assert_array_equal(
    lists_of(cross, params), lists_of(other, params)
  )


def test_a_split_trains_and_is_tested(cross, tmp_path):
  config = cross.config.copy_and_resolve_references()
  config.workdir = str(tmp_path)
  split = splits.make_split(config, cross.prepared, 0)
  assert split_run.train_split(config, cross.parts, split, lambda step: False)
  worlds.write_lists(config, cross.parts, split)
  assert worlds.tested(split) == {
    ('cross', method) for method in ('random', 'popularity', 'model')
  }
  # Users who tweet and have watched nothing yet skip Eq (4) alone.
  assert (cross.data.samples.history_count == 0).any()


def test_topic_vectors_of_the_source_are_read_as_they_are(tmp_path):
  rows = worlds.tweets()
  topics = np.random.default_rng(1).dirichlet(np.ones(3), len(rows))
  topics = topics.astype(np.float16)
  study = study_of(tmp_path, topics=topics)
  made_of = study.prepared.behaviours
  assert made_of.known is None
  events = study.split.behaviours
  records, outside = study.prepared.records, study.prepared.outside
  served = behaviours.for_serving(made_of, records, outside.tweets, None)
  for one, two in zip(events, served.histories, strict=True):
    np.testing.assert_array_equal(one, two)
  np.testing.assert_array_equal(made_of.topics, served.topics)
  order = [
    i for u in range(worlds.USERS) for i, row in enumerate(rows) if row[0] == u
  ]
  np.testing.assert_array_equal(made_of.topics[events.item], topics[order])
  assert study.network.theta.topic_count == 3
  lists = lists_of(study, worlds.random_params(study.network))
  assert lists.shape == (len(study.split.users.test), 5)
  with pytest.raises(ValueError, match='this source brings topic vectors'):
    behaviours.reader_of_new_users(made_of, None)


@pytest.mark.parametrize('brings_topics', [False, True])
def test_tweets_outside_the_span_are_read_for_today_alone(
  brings_topics, tmp_path
):
  """Nothing is fitted on them; today they have topics, in order of time."""
  rows = worlds.tweets()
  topics = np.random.default_rng(1).dirichlet(np.ones(3), len(rows))
  topics = topics.astype(np.float16)
  start, end = (worlds.START + day * worlds.DAY for day in (31, 304))
  study = study_of(
    tmp_path,
    topics=topics if brings_topics else None,
    sessions__start='2023-02-01',
    sessions__end='2023-11-01',
    filter__min_videos_per_user=3,
    filter__min_users_per_video=1,
  )
  prepared = study.prepared
  made_of, records, outside = (
    prepared.behaviours,
    prepared.records,
    prepared.outside,
  )
  place = {name: i for i, name in enumerate(records.user_ids)}
  kept = [
    (place[f'u{user}'], time, text, i)
    for i, (user, time, text) in enumerate(rows)
    if f'u{user}' in place
  ]
  kept.sort(key=lambda row: row[:2])
  inside = [row for row in kept if start <= row[1] < end]
  assert 0 < len(inside) < len(kept) - 50
  assert records.tweets.time.tolist() == [row[1] for row in inside]
  train = study.split.users.train
  served = behaviours.for_serving(made_of, records, outside.tweets, train)
  assert served.histories.time.tolist() == [row[1] for row in kept]
  assert served.texts.tolist() == [row[2] for row in kept]
  at = np.array([start <= row[1] < end for row in kept])
  nothing = type(outside.tweets)(*(column[:0] for column in outside.tweets))
  alone = behaviours.for_serving(made_of, records, nothing, train)
  np.testing.assert_array_equal(
    served.topics[served.histories.item[at]],
    alone.topics[alone.histories.item],
  )
  if brings_topics:
    want = topics[[row[3] for row in kept]]
    np.testing.assert_array_equal(served.topics[served.histories.item], want)
    return
  assert (served.histories.item < 4).all()
  # A taste's words are of one topic, inside and outside.
  taste = np.array([int(records.user_ids[row[0]][1:]) % 4 for row in kept])
  for own in range(4):
    found = served.histories.item[~at & (taste == own)]
    most = np.bincount(served.histories.item[at & (taste == own)]).argmax()
    assert np.mean(found == most) > 0.6


def test_users_need_their_tweets_and_what_goes_is_told(cross, monkeypatch):
  count = {user: 0 for user in range(worlds.USERS)}
  for user, _, _ in worlds.tweets():
    count[user] += 1
  kept = [user for user in count if count[user] >= 7]
  lines = []
  monkeypatch.setattr(
    filtered.logging, 'debug', lambda text, *values: lines.append(text % values)
  )
  config = cross.config.copy_and_resolve_references()
  config.filter.min_tweets_per_user = 7
  records = filtered.study_records(config).records
  assert set(records.user_ids) == {f'u{user}' for user in kept}
  gone = worlds.USERS - len(kept)
  (line,) = [x for x in lines if x.startswith('users with >= 7 tweets: ')]
  assert f'{len(kept)} users, ' in line
  assert f'(removed {gone} users, ' in line
  config.filter.min_tweets_per_user = 101
  message = 'lower filter.min_tweets_per_user: the most that a user has is 8$'
  with pytest.raises(ValueError, match=message):
    filtered.study_records(config)


def test_a_source_without_tweets_is_an_error(tmp_path):
  folder = worlds.write_folder(tmp_path / 'folder')
  settings = worlds.tiny_settings(folder, tmp_path) | worlds.CROSS
  with pytest.raises(ValueError, match='scenario=cross reads tweets, and'):
    prepare.prepare(worlds.tiny_config(settings))


def test_new_authors_get_what_known_ones_with_the_same_past_get(
  cross, tmp_path
):
  """A held-out user and a stranger with the same words and days."""
  config = cross.config.copy_and_resolve_references()
  config.workdir = str(tmp_path)
  split = splits.make_split(config, cross.prepared, 0)
  params = worlds.random_params(cross.network)
  same_data.hold(config, cross.prepared)
  with checkpoint.Checkpointer(
    split.checkpoints,
    config=split_run.saved_config(config, cross.parts, split),
    must_match=identity.CHECKPOINT,
  ) as saver:
    state = train.TrainState(np.int32(7), params, ())
    saver.save(7, state, {}, score=0.5)
  config.mode, config.eval.mask_history = 'recommend', False
  everyone = read_lists(config, cross.prepared)
  assert list(everyone) == [f'u{i}' for i in range(worlds.USERS)]
  taste = 2
  last = worlds.START + 300 * worlds.DAY
  path = tmp_path / 'new.csv'
  with open(path, 'w', newline='') as file:
    table = csv.writer(file)
    table.writerow(['user', 'time', 'text'])
    for day in range(4):
      words = ' '.join(worlds.WORDS[taste][:3])
      table.writerow(['new', last + day * worlds.DAY, words])
    table.writerow(['mute', last, 'unheard of'])
  config.recommend.history = str(path)
  found = read_lists(config, cross.prepared)
  assert list(found) == ['new', 'mute']
  assert all(len(set(videos)) == 5 for videos in found.values())
  # Nothing is known of `mute`: all first videos are alike.
  assert found['mute'][0] == 'v0'
  # `new` speaks of one taste alone, as many of that taste's users do.
  fans = [everyone[f'u{u}'] for u in range(taste, worlds.USERS, 4)]
  assert found['new'] in fans


def read_lists(config, prepared):
  path = recommend.recommend(config, prepared)
  with open(path, encoding='utf-8') as file:
    rows = [json.loads(line) for line in file]
  return {row['user']: row['videos'] for row in rows}


def cut_study(root, **changes):
  """A cross-network study by time."""
  changes = {key.replace('.', '__'): v for key, v in worlds.BY_TIME.items()} | (
    changes
  )
  return study_of(root, worlds.cut_watches(), **changes)


def test_nobody_s_tweets_after_a_cut_are_fitted(tmp_path, monkeypatch):
  """Also where lists are made for today: there they get topics, no more."""
  study = cut_study(tmp_path)
  made_of, records = study.prepared.behaviours, study.prepared.records
  monkeypatch.setattr(behaviours.border_fit, 'fit_later', None)
  everyone = study.split.users.train
  readable = behaviours.of_split(made_of, records, everyone)
  late = readable.time >= worlds.CUT
  assert late.any()
  np.testing.assert_array_equal(readable.item == 4, late)
  before = [x.copy() for x in made_of.known.state.counts]
  outside = study.prepared.outside.tweets
  today = behaviours.for_serving(made_of, records, outside, everyone).histories
  np.testing.assert_array_equal(today.item[~late], readable.item[~late])
  assert (today.item[late] < 4).any()
  for one, two in zip(before, made_of.known.state.counts, strict=True):
    np.testing.assert_array_equal(one, two)
  words = set(made_of.known.vocabulary)
  assert words <= {word for row in worlds.WORDS for word in row}


def test_vectors_of_tweets_after_a_cut_are_not_told(tmp_path):
  rows = worlds.tweets()
  topics = np.random.default_rng(1).dirichlet(np.ones(3), len(rows))
  prints = []
  for number in range(2):
    study = cut_study(tmp_path / str(number), topics=topics.astype(np.float16))
    made_of = study.prepared.behaviours
    late = made_of.histories.time >= worlds.CUT
    at = (study.config, study.prepared, study.split)
    seen = training_data.make_seen(*at, 6)
    queries, _ = training_data.make_questions(*at, study.split.users.test, 6)
    for told in (seen.topics, queries.topics):
      assert not told[made_of.histories.item[late]].any()
      np.testing.assert_array_equal(
        told[made_of.histories.item[~late]],
        made_of.topics[made_of.histories.item[~late]],
      )
    assert made_of.topics[made_of.histories.item[late]].all()
    prints.append(study.prepared.fingerprint)
    after = [time >= worlds.CUT for _, time, _ in rows]
    topics[after] = topics[after][:, ::-1]
  assert prints[0] == prints[1]
