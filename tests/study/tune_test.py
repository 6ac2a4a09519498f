"""The search for every method's settings: budget, choice, going on, sharing."""

import contextlib
import json
import pathlib
import threading

import ml_collections
import numpy as np
import pytest

from dynrec_jax.parallel import hosts
from dynrec_jax.recommender import CannotFit
from dynrec_jax.step_watch import NonFiniteLossError
from dynrec_jax.storage import file_locks
from dynrec_jax.study import (
  keys,
  methods,
  split_run,
  splits,
  training_data,
  tune,
)
from dynrec_jax.study.methods import Method

pytestmark = pytest.mark.usefixtures('quick_compile')
RATES = (0.001, 0.01, 0.05)


def never(step):
  return False


@pytest.fixture
def config(study, tmp_path, monkeypatch):
  """A study of the model and a baseline with two keys."""
  found = dict(methods.METHODS) | {
    'picky': Method(
      'Picky', ('single',), 'popularity', {}, ('pop.source', 'sem.n_neg')
    )
  }
  monkeypatch.setattr(methods, 'METHODS', found)
  grids = {
    'pop.source': ('train', 'view_count'),
    'sem.n_neg': (1, 2),
    'opt.learning_rate': RATES,
  }
  declared = {
    name: key._replace(grid=grids.get(name, key.grid))
    for name, key in keys.KEYS.items()
  }
  monkeypatch.setattr(keys, 'KEYS', declared)
  config = study.config.copy_and_resolve_references()
  config.workdir, config.train.max_epochs = str(tmp_path), 1
  config.eval.methods = ('model', 'picky', 'random')
  return config


def chosen(config):
  return json.loads(pathlib.Path(config.workdir, 'tuned.json').read_text())


@pytest.mark.slow
def test_the_best_on_validation_users_at_both_borders(config, study):
  """Each trial by hand, from a fit of its own."""
  text = tune.tune(config, study.prepared, never)
  prepared = study.prepared
  this = splits.make_split(config, prepared, 0)
  want = {}
  for source in ('train', 'view_count'):
    config.pop.source = source
    each = []
    for session in (3, 9):
      seen = training_data.make_seen(config, prepared, this, session)
      questions = training_data.make_questions(
        config, prepared, this, this.users.valid, session
      )
      scored = split_run.score(
        config, methods.fit('popularity', config, seen, None), questions
      )
      each.append(split_run.measures(config, scored)['f_score'])
    want[source] = np.mean(each)
  assert want['train'] != want['view_count']
  best = max(want, key=want.get)
  found = chosen(config)['picky']
  # Of the two points that tie, the earlier.
  assert found['settings'] == {'pop.source': best, 'sem.n_neg': 1}
  assert found['f_score'] == pytest.approx(want[best], abs=1e-12)
  assert text.count('| Picky |') == 4
  assert text.count('| dynrec |') == len(RATES)
  assert text.count('**') == 4
  assert 'random' not in chosen(config)
  assert pathlib.Path(config.workdir, 'tuning.md').read_text() == f'{text}\n'


@pytest.mark.slow
def test_a_network_s_trial_is_its_training_s_best(config, study, tmp_path):
  config.eval.methods = ('model',)
  tune.tune(config, study.prepared, never)
  scores = {}
  for rate in RATES:
    own = config.copy_and_resolve_references()
    own.opt.learning_rate, own.workdir = rate, str(tmp_path / str(rate))
    this = splits.make_split(own, study.prepared, 0)
    split_run.train_split(own, study.parts, this, never)
    scores[rate] = split_run.load_params(own, study.parts, this).score
  best = max(scores, key=scores.get)
  assert len(set(scores.values())) > 1
  assert chosen(config)['model'] == {
    'settings': {'opt.learning_rate': best},
    'f_score': scores[best],
  }
  left = pathlib.Path(config.workdir, 'tuning').rglob('checkpoints')
  assert list(left) == []


@pytest.mark.slow
def test_trials_stop_by_the_likelihood_and_are_compared_by_f(
  config, study, tmp_path
):
  """Without a refit: with `train.refit` or not they are the same trials."""
  config.eval.methods, config.train.max_epochs = ('model',), 3
  config.train.stop_by, config.train.refit = 'likelihood', True
  tune.tune(config, study.prepared, never)
  scores = {}
  for rate in RATES:
    own = config.copy_and_resolve_references()
    own.opt.learning_rate, own.workdir = rate, str(tmp_path / str(rate))
    this = splits.make_split(own, study.prepared, 0)
    assert split_run.stop_early(own, study.parts, this, never)
    found = split_run.load_params(own, study.parts, this)
    assert found.score == found.metrics['log_likelihood'] < 0
    scores[rate] = found.metrics['f_score']
  best = max(scores, key=scores.get)
  expected = {'settings': {'opt.learning_rate': best}, 'f_score': scores[best]}
  assert chosen(config) == {'model': expected}
  config.train.refit = False
  with pytest.MonkeyPatch.context() as patch:
    patch.delattr(split_run, 'stop_early')  # nothing is tried again
    tune.tune(config, study.prepared, never)
  assert chosen(config) == {'model': expected}


def test_a_stop_keeps_what_was_tried(config, study, monkeypatch):
  """And the search goes on with the rest."""
  asked = []

  def later(step):
    asked.append(step)
    return len(asked) > 60

  assert tune.tune(config, study.prepared, later) is None
  assert not pathlib.Path(config.workdir, 'tuned.json').exists()
  folder = pathlib.Path(config.workdir, 'tuning')
  assert list(folder.rglob('*.claim')) == []
  done = len(list(folder.rglob('*.json')))
  assert done
  fitted, real = [], split_run.stop_early

  def count(*args):
    fitted.append(args)
    return real(*args)

  monkeypatch.setattr(split_run, 'stop_early', count)
  tune.tune(config, study.prepared, never)
  assert len(fitted) < len(RATES)
  before = chosen(config)
  tune.tune(config, study.prepared, never)
  assert chosen(config) == before
  assert len(fitted) < len(RATES)


def test_two_processes_share_the_trials(config, study, monkeypatch):
  """Each point is fitted once, and both end with the same choice."""
  config.eval.methods = ('picky',)
  fitted, real, lock = [], methods.fit, threading.Lock()
  monkeypatch.setattr(tune, '_POLL_SECS', 0.01)

  def count(name, own, seen, network):
    with lock:
      fitted.append((own.pop.source, own.sem.n_neg, seen.session))
    return real(name, own, seen, network)

  monkeypatch.setattr(methods, 'fit', count)
  texts = [None, None]

  def run(place):
    texts[place] = tune.tune(config, study.prepared, never)

  threads = [threading.Thread(target=run, args=(i,)) for i in range(2)]
  for thread in threads:
    thread.start()
  for thread in threads:
    thread.join()
  assert len(fitted) == len(set(fitted)) == 4 * 2
  assert texts[0] == texts[1] is not None


def test_all_that_is_free_is_tried_before_another_is_waited_for(
  config, study, monkeypatch
):
  """Another process is at the first method's only trial."""
  monkeypatch.setattr(tune, '_POLL_SECS', 0.01)
  config.eval.methods = ('item_knn', 'picky')
  config.tune.trials = 2
  tune.tune(config, study.prepared, never)
  folder = pathlib.Path(config.workdir, 'tuning')
  first, *_ = sorted(
    path
    for path in folder.rglob('item_knn/*.json')
    if path.name != 'settings.json'
  )
  for path in folder.rglob('*.json'):
    if path == first or path.parent.name == 'picky':
      path.unlink()
  order, real = [], methods.fit

  def note(name, *args):
    order.append(name)
    held.close()  # the other process dies as soon as this one is busy
    return real(name, *args)

  monkeypatch.setattr(methods, 'fit', note)
  held, polls = contextlib.ExitStack(), []
  held.enter_context(file_locks.held(first.with_suffix('.claim')))

  def after_a_while(step):
    polls.append(step)
    return len(polls) > 500

  assert tune.tune(config, study.prepared, after_a_while) is not None
  assert list(dict.fromkeys(order)) == ['picky', 'item_knn']


def test_the_same_budget_for_all(config):
  """At most `tune.trials` points, the run's own among them."""
  every = tune.trial_points(config, 'picky')
  assert len(every) == 4
  config.tune.trials = 3
  config.pop.source, config.sem.n_neg = 'view_count', 2
  some = tune.trial_points(config, 'picky')
  assert len(some) == 3
  assert some == [point for point in every if point in some]
  assert {'pop.source': 'view_count', 'sem.n_neg': 2} in some
  assert tune.trial_points(config, 'picky') == some
  config.tune.trials = 1
  assert tune.trial_points(config, 'picky') == [
    {'pop.source': 'view_count', 'sem.n_neg': 2}
  ]
  config.sem.n_neg = 7  # not in the grid
  config.tune.trials = 4
  assert tune.trial_points(config, 'picky') == every


def test_what_cannot_run_is_told_and_not_chosen(config, study, monkeypatch):
  config.eval.methods = ('model', 'picky')
  real = methods.fit

  def fit(name, own, seen, network):
    if own.pop.source == 'view_count':
      raise CannotFit('no view count')
    return real(name, own, seen, network)

  def diverge(*args):
    raise NonFiniteLossError('not finite')

  monkeypatch.setattr(methods, 'fit', fit)
  monkeypatch.setattr(split_run, 'stop_early', diverge)
  text = tune.tune(config, study.prepared, never)
  assert text.count('not run: no view count') == 2
  assert text.count('not run: diverged: not finite') == len(RATES)
  assert list(chosen(config)) == ['picky']
  assert chosen(config)['picky']['settings']['pop.source'] == 'train'


def test_trials_of_other_settings_are_refused(config, study):
  config.eval.methods = ('picky',)
  tune.tune(config, study.prepared, never)
  config.decode.k = 3
  with pytest.raises(ValueError, match=r'decode\.k: saved 5, now 3'):
    tune.tune(config, study.prepared, never)


def test_what_was_chosen_is_used_where_asked(config, study):
  assert tune.read_chosen(config) == {}
  config.tune.chosen = f'{config.workdir}/tuned.json'
  with pytest.raises(
    ValueError, match=r"^tune\.chosen is '.*tuned\.json', no s"
  ):
    tune.read_chosen(config)
  config.eval.methods = ('picky',)
  tune.tune(config, study.prepared, never)
  assert set(tune.read_chosen(config)['picky']) == {'pop.source', 'sem.n_neg'}
  pathlib.Path(config.workdir, 'tuned.json').write_text('[1]')
  with pytest.raises(ValueError, match=r'tuned\.json: damaged'):
    tune.read_chosen(config)
  assert isinstance(config, ml_collections.ConfigDict)


def test_hosts_of_one_run_do_not_tune(config, study, monkeypatch):
  """They would wait for each other inside of different trials."""
  monkeypatch.setattr(hosts, 'count', lambda: 2)
  with pytest.raises(ValueError, match=r'^mode is tune in a run of 2 hosts; '):
    tune.tune(config, study.prepared, never)
