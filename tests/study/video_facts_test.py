"""What `plus` is told of a split: columns of the calendar, and no leak."""

import collections
import functools

import networks
import numpy as np
import plus_worlds
import pytest
import worlds
from numpy.testing import assert_allclose, assert_array_equal

from dynrec_jax.data import histories, inputs, video_clock
from dynrec_jax.data.records import MISSING_TIME
from dynrec_jax.models import clock
from dynrec_jax.study import (
  method_config,
  splits,
  training_data,
  video_facts,
)

pytestmark = pytest.mark.usefixtures('quick_compile')
V, L = worlds.VIDEOS, 12


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
  """Forecasts that are fitted a little."""
  few = functools.partial(clock.Training, max_steps=30)
  monkeypatch.setattr(clock, 'Training', few)


@pytest.fixture(scope='module')
def users(tiny_settings, quick_compile):
  """The tiny study, split by users."""
  del quick_compile
  return plus_worlds.plus_study(tiny_settings)


@pytest.fixture(scope='module')
def by_time(tmp_path_factory, quick_compile):
  """The tiny study, cut at the end of June."""
  del quick_compile
  root = tmp_path_factory.mktemp('time')
  folder = worlds.write_folder(root / 'folder', worlds.cut_watches())
  return plus_worlds.plus_study(
    worlds.tiny_settings(folder, root) | worlds.BY_TIME
  )


@pytest.fixture(scope='module')
def cross(tmp_path_factory, quick_compile):
  del quick_compile
  return plus_worlds.plus_study(
    networks.cross_settings(tmp_path_factory.mktemp('cross'))
  )


def facts_of(study, this=None, *, serves=True):
  this = this or study.split
  data = training_data.make_training_set(study.config, study.prepared, this)
  return video_facts.make_facts(
    study.config, study.prepared, this, data, serves=serves
  )


def counts_after(study, session, until):
  """[V] watches of train users in sessions (session, until], one by one."""
  prepared = study.prepared
  borders = prepared.sessions.borders
  found = np.zeros(len(prepared.records.videos.id))
  table = prepared.records.watches
  trains = set(study.split.users.train.tolist())
  for user, video, time in zip(*table, strict=True):
    if user in trains and borders[session] <= time < borders[until]:
      found[video] += 1
  return found


def shares_unseen(study, session, until):
  """[V] of train users with watches on both sides, one by one."""
  prepared = study.prepared
  count = len(prepared.records.videos.id)
  borders = prepared.sessions.borders
  seen = collections.defaultdict(set)
  later = set()
  trains = set(study.split.users.train.tolist())
  for user, video, time in zip(*prepared.records.watches, strict=True):
    if user in trains and time < borders[session]:
      seen[user].add(video)
    elif user in trains and time < borders[until]:
      later.add(user)
  own = [videos for user, videos in seen.items() if user in later]
  known = np.array(
    [sum(video in videos for videos in own) for video in range(count)]
  )
  return (len(own) - known + 0.5) / (len(own) + 0.5)


def shares_unseen_now(study):
  """[V] of train users, each of whom has a watch."""
  watches, users = study.prepared.watches, study.split.users.train
  known = np.zeros(V)
  for user in users:
    known[np.unique(watches.items_of(user))] += 1
  found = (len(users) - known + 0.5) / (len(users) + 0.5)
  assert 0 < found.min() < found.max() < 1
  return found


def assert_is_told(study, calendar, until, *, rates=True):
  for session in range(1, until):
    want = 0.5 + counts_after(study, session, until)
    if rates:
      shares = shares_unseen(study, session, until)
      assert np.ptp(shares) > 0
      want /= shares
    assert_allclose(calendar[:, session - 1], np.log(want), rtol=1e-5)


def test_where_users_are_split_the_year_is_told(users):
  """And what comes after it is forecast, of probability 1 together."""
  calendar = facts_of(users).calendar
  assert calendar.shape == (V, L)
  assert calendar.dtype == np.float32
  assert_is_told(users, calendar, L)
  forecast = np.exp(calendar[:, -1]) * shares_unseen_now(users)
  assert_allclose(forecast.sum(), 1, rtol=1e-5)
  assert np.ptp(np.log(forecast)) > 0.1


def test_counts_are_of_all(users):
  config = method_config.changed(users.config, {'plus.calendar': 'counts'})
  calendar = facts_of(worlds.Study(config, users.prepared)).calendar
  assert_is_told(users, calendar, L, rates=False)
  assert_allclose(np.exp(calendar[:, -1]).sum(), 1, rtol=1e-5)


def test_who_is_asked_at_borders_alone_needs_no_forecast(users, monkeypatch):
  """The last column goes on as the one before it."""
  monkeypatch.setattr(clock, 'fit', None)
  calendar = facts_of(users, serves=False).calendar
  assert_is_told(users, calendar, L)
  assert_array_equal(calendar[:, -1], calendar[:, -2])


def test_from_the_date_on_there_is_a_forecast(by_time):
  until = by_time.split.train_until
  assert until == 6
  calendar = facts_of(by_time).calendar
  assert calendar.shape[1] == L
  assert by_time.config.plus.calendar == 'rates'  # of users who are split
  assert_is_told(by_time, calendar, until, rates=False)
  for session in range(until, L + 1):
    assert_array_equal(calendar[:, session - 1], calendar[:, until - 1])
  assert_allclose(np.exp(calendar[:, until - 1]).sum(), 1, rtol=1e-5)
  still = facts_of(by_time, serves=False).calendar
  for session in range(until, L + 1):
    assert_array_equal(still[:, session - 1], calendar[:, until - 2])


@pytest.fixture
def asked(monkeypatch):
  """What forecasts are fitted on and asked for; rates are made up."""
  seen = []

  def fit(states, windows, seed, training):
    seen.append({'states': states, 'windows': windows, 'seed': seed})
    return seed

  def log_rates(fitted, states, row, times):
    own = next(x for x in seen if x['seed'] == fitted)
    own |= {'row': row, 'times': times.tolist()}
    rates = np.arange(1.0, 1 + states.state.shape[1])
    return np.log(rates[:: 1 if fitted % 2 else -1]).astype(np.float32)

  monkeypatch.setattr(clock, 'fit', fit)
  monkeypatch.setattr(clock, 'log_rates', log_rates)
  return seen


def test_moments_are_two_in_a_session_and_bounded_in_number():
  for until, want in (
    (2, [0.5, 1, 1.5]),
    (3, [1, 1.5, 2, 2.5]),
    (24, np.arange(2, 48) / 2),
  ):
    moments, width = video_facts._moments(until)
    assert_array_equal(moments, want)
    assert width == 1
  for until in (25, 52, 365, 99_999):
    moments, width = video_facts._moments(until)
    assert 40 <= len(moments) <= 48
    assert 1 <= moments[0] < until / 20
    assert moments[-1] > until - 2 * width
    assert width == max(1, until / 48)


def test_what_is_forecast_is_what_is_asked(asked, users, by_time):
  """The mean of two, from where training ends up to the truth's end."""
  earlier = splits.earlier_split(
    by_time.config, by_time.prepared, by_time.split
  )
  assert (earlier.train_until, earlier.truth_until) == (4, 6)
  cases = [
    (users, users.split, L, [12.5, 13.5]),  # plus.ahead sessions
    (by_time, by_time.split, 6, [6.5, 7.5, 8.5, 9.5, 10.5, 11.5]),
    (by_time, earlier, 4, [4.5, 5.5]),
  ]
  for study, this, until, times in cases:
    asked.clear()
    calendar = facts_of(study, this).calendar
    assert [x['times'] for x in asked] == [times] * 2
    assert [x['seed'] for x in asked] == [2 * this.seed, 2 * this.seed + 1]
    states, windows = asked[0]['states'], asked[0]['windows']
    assert states.moment.tolist() == [*np.arange(1, until, 0.5), until]
    assert asked[0]['row'] == len(states.moment) - 1
    assert windows.moment.max() < len(states.moment) - 1
    assert windows.middle.max() < until
    count = len(states.upload)
    want = np.full(count, (count + 1) / 2)
    if study is users:
      want /= shares_unseen_now(users)
    assert_allclose(calendar[:, until - 1], np.log(want), rtol=1e-5)


def test_states_are_of_train_users_and_of_what_is_known_now(asked, users):
  facts_of(users)
  states = asked[0]['states']
  upload = users.prepared.records.videos.upload_time
  assert_array_equal(states.has_upload, upload != MISSING_TIME)
  known = states.has_upload
  want = video_clock.in_sessions(upload[known], users.prepared.sessions)
  assert_allclose(states.upload[known], want, rtol=1e-6)
  assert want.min() < 0 < want.max()
  # Four kinds of ten videos, by name where they are equally common.
  assert_array_equal(states.categories, np.repeat(np.eye(4), 10, axis=0))
  total = np.expm1(states.state[-1, :, 6])
  assert_allclose(total, counts_after(users, 0, L), rtol=1e-4, atol=1e-6)


def test_without_a_watch_to_learn_from_all_are_alike(users):
  data = training_data.make_training_set(
    users.config, users.prepared, users.split
  )
  data = data._replace(watches=histories.no_events(worlds.USERS))
  data = data._replace(
    samples=data.samples.take(slice(0)),
    interest_rows=data.interest_rows._replace(
      values=data.interest_rows.values[:0],
      offsets=np.zeros(1, np.int64),
    ),
  )
  found = video_facts.make_facts(
    users.config, users.prepared, users.split, data, serves=True
  )
  assert_array_equal(found.calendar[:, -1], 0)
  assert_array_equal(found.mean_bag, 0)
  assert_array_equal(found.mean_interest, np.zeros(4))


def test_means_are_of_the_samples(users):
  found = facts_of(users, serves=False)
  data = users.data
  own = [
    data.interest_rows.values[end - 1] for end in data.interest_rows.offsets[1:]
  ]
  assert len(own) == len(data.samples.user)
  assert_allclose(found.mean_interest, np.mean(own, axis=0), rtol=1e-5)
  samples = data.samples
  for session in range(1, L):
    rows = np.flatnonzero(samples.session == session)
    assert len(rows)
    want = mean_of_bags(users, samples.user[rows], session)
    assert_allclose(found.mean_bag[:, session - 1], want, rtol=1e-4, atol=1e-7)
  # Nobody has a later watch at the end: there all who have watched count.
  want = mean_of_bags(users, users.split.users.train, L)
  assert_allclose(found.mean_bag[:, -1], want, rtol=1e-4, atol=1e-7)


def test_one_mean_is_of_all_samples(users):
  config = method_config.changed(users.config, {'plus.mean': 'all'})
  study = worlds.Study(config, users.prepared)
  samples = study.data.samples
  want, count = np.zeros(V), len(samples.user)
  for session in range(1, L):
    own = samples.user[samples.session == session]
    want += len(own) / count * mean_of_bags(users, own, session)
  found = facts_of(study).mean_bag
  assert_allclose(found, want, rtol=1e-4, atol=1e-7)


def test_a_border_without_a_sample_has_the_mean_of_all(users):
  kept = np.flatnonzero(users.data.samples.session != 5)
  data = users.data._replace(
    samples=users.data.samples.take(kept),
    interest_rows=inputs.take_rows(users.data.interest_rows, kept),
  )
  each, of_all = (
    video_facts.make_facts(
      method_config.changed(users.config, {'plus.mean': mean}),
      users.prepared,
      users.split,
      data,
      serves=False,
    ).mean_bag
    for mean in ('border', 'all')
  )
  assert_array_equal(each[:, 4], of_all)
  assert not np.array_equal(each[:, 3], of_all)


def test_where_a_date_cuts_the_log_the_mean_is_of_all(by_time):
  assert by_time.config.plus.mean == 'border'
  assert by_time.network.mean == 'all'
  assert facts_of(by_time).mean_bag.shape == (by_time.network.video_count,)


def mean_of_bags(study, users, session):
  """[V] one watch at a time; of those who have one."""
  borders, watches = study.prepared.sessions.borders, study.prepared.watches
  month = (borders[-1] - borders[0]) / L
  total, count = np.zeros(V), 0
  for user in users:
    bag = np.zeros(V)
    for place in range(watches.offsets[user], watches.offsets[user + 1]):
      age = (borders[session] - watches.time[place]) / month
      if age > 0:
        bag[watches.item[place]] += np.exp(-0.1 * age)
    if bag.any():
      total += bag / np.sqrt(bag.sum())
      count += 1
  return total / count


def assert_equal(one, two):
  for name, a, b in zip(one._fields, one, two, strict=True):
    assert_array_equal(a, b, err_msg=name)


def edited_where(study, where):
  """The study after other watches of other videos, where it may not look."""
  prepared = study.prepared
  watches = prepared.watches
  where = where & (watches.item != 0)
  assert where.any()
  other = watches._replace(item=np.where(where, 0, watches.item))
  made_of = prepared.behaviours
  if made_of.histories is watches or study.config.scenario == 'single':
    made_of = made_of._replace(histories=other)
  edited = prepared._replace(watches=other, behaviours=made_of)
  return worlds.Study(study.config, edited)


def owner(watches):
  return np.repeat(np.arange(watches.user_count), np.diff(watches.offsets))


@pytest.mark.parametrize('scenario', ['users', 'cross'])
def test_held_out_users_are_not_read(scenario, request):
  study = request.getfixturevalue(scenario)
  trains = np.isin(owner(study.prepared.watches), study.split.users.train)
  one = facts_of(study)
  assert_equal(one, facts_of(edited_where(study, ~trains)))
  other = facts_of(edited_where(study, trains))
  assert not np.array_equal(one.calendar[:, :-1], other.calendar[:, :-1])
  assert not np.array_equal(one.calendar[:, -1], other.calendar[:, -1])


@pytest.mark.parametrize('place', ['the cut', 'before it'])
def test_nothing_from_the_date_on_is_read(place, by_time):
  this = by_time.split
  if place == 'before it':
    this = splits.earlier_split(by_time.config, by_time.prepared, this)
  end = by_time.prepared.sessions.end(this.train_until)
  late = by_time.prepared.watches.time >= end
  edited = edited_where(by_time, late)
  assert_equal(facts_of(by_time, this), facts_of(edited, this))


def test_the_cross_network_has_facts_of_its_own(cross):
  """Interests are in tweets; the calendar is of train users' watches."""
  found = facts_of(cross)
  assert cross.config.plus.calendar == 'rates'  # of watches that are hidden
  assert_is_told(cross, found.calendar, L, rates=False)
  assert found.mean_interest.shape == (cross.network.interest_size,)
  assert found.mean_interest.any()
  assert found.content.shape == (
    len(cross.prepared.records.videos.id),
    cross.network.content_size,
  )


def test_the_same_split_has_the_same_facts(users):
  one = facts_of(users)
  assert_equal(one, facts_of(users))
  other = facts_of(users, users.split._replace(seed=99))
  assert not np.array_equal(one.calendar[:, -1], other.calendar[:, -1])
