"""A service's days: what is learned, what stays, what is refused."""

import itertools
import json
import pathlib
import shutil

import jax
import numpy as np
import pytest
import service
import worlds
from service import END, NEW_USER, NEW_VIDEO, Service

from dynrec_jax import checkpoint
from dynrec_jax import train as train_lib
from dynrec_jax.study import (
  filtered,
  kept,
  later_set,
  prepare,
  recommend,
  splits,
  training_data,
  update,
  workdir,
)
from dynrec_jax.study.train_and_evaluate import train_and_evaluate
from dynrec_jax.topics import border_fit

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures('quick_compile')]


@pytest.fixture(scope='module')
def first(tmp_path_factory, quick_compile):
  """A run that nobody has updated; tests take copies."""
  del quick_compile
  return Service(tmp_path_factory.mktemp('service'))


@pytest.fixture
def run(first, tmp_path):
  return copied(first, tmp_path / 'own')


def copied(first, root):
  shutil.copytree(first.root, root)
  new = object.__new__(Service)
  new.__dict__ |= first.__dict__ | {'root': root}
  return new


def place(ids, prepared):
  """Where each id stands in the study."""
  found = {name: i for i, name in enumerate(prepared.records.videos.id)}
  return np.array([found[name] for name in ids])


def test_what_is_learned_and_what_stays(run):
  before = run.study.prepared
  run.write(310)
  told = run.update(310)
  assert told == (
    '2023-10-28 to 2023-11-07: watches: 10 new of 10 known users, 1 user new; '
    'videos: 1 new; 1 epoch of 21 samples for what is new and 0 others'
  )
  after = run.prepared()
  assert f'u{NEW_USER}' in after.records.user_ids
  assert f'v{NEW_VIDEO}' in after.records.videos.id
  rows = place(before.records.videos.id, after)
  for now, then in zip(after.features, before.features, strict=True):
    np.testing.assert_array_equal(now[rows], then)
  np.testing.assert_array_equal(
    after.behaviours.topics[rows], before.behaviours.topics
  )
  # The new video has the words of its taste, and so their topics.
  own = place([f'v{NEW_VIDEO}'], after)[0]
  alike = place([f'v{v}' for v in range(30, 39)], after)
  assert after.features.has_text[own]
  near = after.features.text[own] @ after.features.text.T
  assert near[alike].max() > 0.8
  path = recommend.recommend(run.config(mode='recommend'), after)
  lines = pathlib.Path(path).read_text().splitlines()
  lists = [json.loads(line) for line in lines]
  assert [row['user'] for row in lists] == list(after.records.user_ids)
  leaves = run.leaves()
  assert leaves['step'] == 7 + 3
  assert leaves['params/output_kernel'].shape == (40, 8)
  moved = np.abs(
    leaves['params/output_kernel'][rows] - run.state.params['output_kernel']
  )
  assert 0 < moved.max() < 0.1  # three steps of 0.003 by Adam


def test_samples_are_of_the_new_days(run):
  run.write(320)
  run.update(305)
  run.update(320)
  config = run.config(mode='update', updates__replay=1.0)
  growth = kept.Growth(kept.read(config), worlds.START + 330 * worlds.DAY, True)
  run.write(330)
  prepared = prepare.of_source(config, filtered.load_source(config), growth)
  this = splits.make_split(config, prepared, 0)
  since = worlds.START + 320 * worlds.DAY
  data, count, _ = later_set.make_later_set(config, prepared, this)
  samples, watches = data.samples, data.watches
  first = samples.watch_start + samples.history_count
  at = watches.time[first]
  assert (at >= samples.time).all()
  assert len(samples.user) == 2 * count  # as many others
  assert (samples.time == since).sum() > 0
  assert set(samples.user) <= set(this.users.train)
  expected = {
    user
    for user in this.users.train
    for t in watches.time[watches.offsets[user] : watches.offsets[user + 1]]
    if t >= since
  }
  assert set(samples.user[samples.time == since]) == expected


def test_earlier_samples_are_there_as_often_as_they_are_new(run, monkeypatch):
  """Of who joined all; of others by the share of what they now predict."""
  run.write(310)
  config = run.config(mode='update')
  source = filtered.load_source(config)
  before = update._first(config, source)
  end = worlds.START + 310 * worlds.DAY
  growth = kept.Growth(before, end, True)
  prepared = prepare.of_source(config, source, growth)
  this = splits.make_split(config, prepared, 0)
  counts, rounds, seeds = {}, 300, itertools.count()
  make_rng = np.random.default_rng
  monkeypatch.setattr(
    later_set.np.random, 'default_rng', lambda _: make_rng(next(seeds))
  )
  for _ in range(rounds):
    samples = later_set.make_later_set(config, prepared, this).data.samples
    for key in zip(samples.user, samples.time, strict=True):
      counts[key] = counts.get(key, 0) + 1
  users, videos = growth.known(prepared.records)
  events, found = prepared.watches, {}
  for user in this.users.train:
    own = range(events.offsets[user], events.offsets[user + 1])
    for border in (*prepared.sessions.borders[1:], before.until):
      ahead = [i for i in own if events.time[i] >= border]
      target = ahead[: config.seq.max_target_len]
      if not ahead or len(ahead) == len(own):
        continue
      new = [
        events.time[i] >= before.until
        or not (users[user] and videos[events.item[i]])
        for i in target
      ]
      found[user, border] = sum(new) / len(new)
  shares = {key: share for key, share in found.items() if share}
  assert {1.0} < set(shares.values())
  assert counts.keys() <= shares.keys()
  for key, share in shares.items():
    error = 5 * np.sqrt(share * (1 - share) / rounds)
    assert abs(counts.get(key, 0) / rounds - share) <= error


def test_terms_are_balanced_as_in_a_training(run, monkeypatch):
  """Of few samples few videos: a day does not learn content above all."""
  seen, balanced = [], train_lib.balanced

  def spy(step_fn, balance, seed):
    seen.append(balance.populations)
    return balanced(step_fn, balance, seed)

  monkeypatch.setattr(train_lib, 'balanced', spy)
  run.write(310)
  run.update(310)
  (anchors,) = seen
  prepared = run.prepared()
  this = splits.make_split(run.config(), prepared, 0)
  whole = training_data.make_training_set(run.config(), prepared, this)
  watches, users = prepared.watches, this.users.train
  since = np.full(len(users), worlds.START + 300 * worlds.DAY)
  known = watches.count_before(users, since)
  later = np.diff(watches.offsets)[users] > known
  samples = whole.sample_count + (later & (known > 0)).sum()
  assert anchors.coherence < samples
  np.testing.assert_allclose(
    anchors.semantic / anchors.coherence, len(whole.paired_videos) / samples
  )


def test_nothing_new_does_nothing(run):
  run.write(310)
  run.update(310)
  folder = pathlib.Path(run.config().workdir)
  before = {p: p.stat().st_mtime_ns for p in folder.rglob('*') if p.is_file()}
  assert run.update(310).startswith('nothing new: ')
  # The last event's own day may go on: it is left for later.
  assert run.update(310, updates__until='').startswith('nothing new: ')
  after = {p: p.stat().st_mtime_ns for p in folder.rglob('*') if p.is_file()}
  assert after == before


def test_a_kill_leaves_the_old_state_and_the_same_command_goes_on(
  run, first, tmp_path, monkeypatch
):
  whole = copied(first, tmp_path / 'whole')
  for of in (run, whole):
    of.write(330)
  settings = {'updates__epochs': 2, 'train__save_every_steps': 1}
  polled = []

  def requested(self, step):
    polled.append(step)
    return len(polled) == 3

  with monkeypatch.context() as patch:
    patch.setattr(checkpoint.StopRequest, 'requested', requested)
    assert run.update(330, **settings) is None
  assert run.current() == run.config().workdir
  assert run.leaves()['step'] == 7
  run.update(330, **settings)
  whole.update(330, **settings)
  one, other = run.leaves(), whole.leaves()
  assert one.keys() == other.keys()
  for name in one:
    np.testing.assert_array_equal(one[name], other[name])


def test_a_kill_before_the_last_file_leaves_the_old_state(run, monkeypatch):
  run.write(310)

  def killed(*of):
    raise KeyboardInterrupt

  with monkeypatch.context() as patch:
    patch.setattr(workdir, 'write_text', killed)
    with pytest.raises(KeyboardInterrupt):
      run.update(310)
  assert run.current() == run.config().workdir
  assert len(run.prepared().records.videos.id) == 39
  run.update(310)
  assert len(run.prepared().records.videos.id) == 40


def test_two_states_are_kept(run):
  run.write(330)
  for day in (305, 310, 320, 330):
    run.update(day)
  found = sorted(p.name for p in pathlib.Path(run.current()).parent.iterdir())
  assert [name[:10] for name in found] == [service.date(320), service.date(330)]


@pytest.mark.parametrize('updated', [False, True])
def test_a_log_that_lost_something_is_refused(updated, run):
  run.write(320)
  if updated:
    run.update(310)
  lost = service.rows()
  lost.remove(next(row for row in lost if row[0] == 5))
  run.write(320, lost)
  told = 'has changed since; watches: 1 gone of 1 known user. Right: the log'
  with pytest.raises(ValueError, match=told):
    run.update(320)


def test_a_text_that_changed_is_refused_and_views_may_change(run):
  run.write(310)
  path = run.root / 'folder' / 'videos.csv'
  table = path.read_text()
  path.write_text(table.replace(',1000,', ',2000,', 1))
  assert run.update(305).startswith('2023-10-28 to 2023-11-02: ')
  lines = table.splitlines()
  lines[2] = lines[2].replace(lines[2].split(',')[1], 'kazoo kazoo')
  path.write_text('\n'.join(lines) + '\n')
  with pytest.raises(ValueError, match=r'videos: .*1 with another text'):
    run.update(310)


def test_an_updated_run_is_not_trained_on(run):
  run.write(310)
  run.update(310)
  prepared = run.prepared()
  for train in (True, False):
    with pytest.raises(
      ValueError, match='mode=update has gone on with'
    ) as told:
      train_and_evaluate(run.config(), prepared, lambda s: False, train=train)
  state = run.current()
  assert state in str(told.value)
  measured = run.config(
    mode='evaluate', workdir=state, eval__methods=('model',)
  )
  table = train_and_evaluate(
    measured, prepare.prepare(measured), lambda s: False, train=False
  )
  assert '| long | dynrec' in table


def test_days_that_the_log_may_not_hold_yet_are_told(run, caplog):
  run.write(310)
  run.update(320)
  assert (
    'and the last event of the log is of 2023-11-06: the days' in caplog.text
  )
  run.write(320)
  with pytest.raises(
    ValueError, match=r'changed since; watches: [0-9]+ new of'
  ):
    run.update(330)


def test_a_date_that_cuts_the_log_is_refused(run):
  with pytest.raises(ValueError, match=r'split\.by is time'):
    run.update(310, split__by='time')


@pytest.mark.parametrize('network', ['plus', 'static_dnn'])
def test_other_networks(network, tmp_path):
  changes = {'model.network': network, 'opt.average': 0.9}
  if network == 'plus':
    none = ('relevance', 'semantic', 'interest')
    changes |= {f'loss.{name}_weight': 0.0 for name in none}
    changes |= {'plus.mean': 'border', 'plus.calendar': 'rates'}
  run = Service(tmp_path, **changes)
  run.write(310)
  run.update(310)
  leaves = run.leaves()
  assert all(np.isfinite(of).all() for of in jax.tree.leaves(leaves))
  prepared = run.prepared()
  path = recommend.recommend(run.config(mode='recommend'), prepared)
  assert len(pathlib.Path(path).read_text().splitlines()) == 60


def test_tweets_of_new_days_alone_are_fitted(tmp_path):
  """Day by day as if all had been there, while nobody joins."""
  watches = [row for row in service.rows() if row[0] != NEW_USER]
  run = Service(tmp_path, **worlds.CROSS)
  before = run.study.split.behaviours
  for day in (END + 7, END + 8, END + 20):
    run.write(day, watches)
    run.update(day)
  after = run.prepared()
  now = splits.make_split(run.config(), after, 0).behaviours
  for user in range(before.user_count):
    old = before.items_of(user)
    np.testing.assert_array_equal(now.items_of(user)[: len(old)], old)
  # A training anew of the same span finds the same topics.
  anew = run.config(
    sessions__end=service.date(END + 20), workdir=str(tmp_path / 'anew')
  )
  anew.sessions.L = 10
  border = after.behaviours.known.border
  whole = prepare.prepare(anew)
  known = run.study.prepared.behaviours.known
  full = border_fit.fit_known(
    whole.records.tweets,
    worlds.START,
    border,
    known.settings._replace(directory=None),
    user_count=len(whole.records.user_ids),
  )
  users = splits.make_split(run.config(), after, 0).users.train
  full = border_fit.fit_later(full, users)
  np.testing.assert_array_equal(full.topic, after.behaviours.known.topic)
  np.testing.assert_array_equal(
    full.state.counts.topic_word, after.behaviours.known.state.counts.topic_word
  )


def test_what_cannot_be_gone_on_with_is_refused_at_once(monkeypatch):
  def refused(told, **changes):
    with pytest.raises(ValueError, match=told):
      update.update(worlds.tiny_config({}, mode='update', **changes))

  refused('^parallel.catalogue is sharded', parallel__catalogue='sharded')
  refused('^split.by is time', split__by='time')
  monkeypatch.setattr(update.hosts, 'count', lambda: 2)
  refused('^mode is update in a run of 2 hosts')
