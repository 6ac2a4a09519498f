"""A network trained on a split: kept, stopped, scored at every border."""

import functools
import pathlib

import jax
import numpy as np
import plain_model
import pytest

from dynrec_jax import checkpoint, metric_log, train
from dynrec_jax.data import batches
from dynrec_jax.models import clock
from dynrec_jax.report import runs
from dynrec_jax.study import (
  identity,
  method_config,
  settings,
  split_run,
  splits,
  training_data,
  video_facts,
)
from dynrec_jax.study.parts import make_parts

pytestmark = pytest.mark.usefixtures('quick_compile')


@pytest.fixture(scope='module')
def trained(study, tmp_path_factory, quick_compile):
  """A config, its parts and a split that was trained."""
  del quick_compile
  config = study.config.copy_and_resolve_references()
  config.workdir = str(tmp_path_factory.mktemp('split_run'))
  this = splits.make_split(config, study.prepared, 0)
  assert split_run.train_split(config, study.parts, this, lambda step: False)
  return config, study.parts, this


def test_what_is_trained_is_left_alone(trained):
  config, parts, this = trained
  before = split_run.load_params(config, parts, this)
  lines = pathlib.Path(this.directory, 'metrics.jsonl').read_text()

  def stop(step):
    raise AssertionError('trained again')

  assert split_run.train_split(config, parts, this, stop)
  after = split_run.load_params(config, parts, this)
  assert after.step == before.step
  jax.tree.map(np.testing.assert_array_equal, after.state, before.state)
  assert pathlib.Path(this.directory, 'metrics.jsonl').read_text() == lines


def test_a_stop_is_told(study, tmp_path):
  config = study.config.copy_and_resolve_references()
  config.workdir = str(tmp_path)
  this = splits.make_split(config, study.prepared, 0)
  stopped = split_run.train_split(
    config, study.parts, this, lambda step: step == 2
  )
  assert stopped is False
  config.model.embed_norm = 'loss_only'
  with pytest.raises(ValueError, match='another config: model'):
    split_run.train_split(config, study.parts, this, lambda step: True)


def test_validation_looks_at_every_border(trained):
  """Its F is the mean of those of the long and the short mode (A3)."""
  config, parts, this = trained
  found = split_run.load_params(config, parts, this)
  recommend = parts.predictor.recommender(found.state)
  each = []
  for mode, session in (('long', 9), ('short', 3)):
    questions = training_data.make_questions(
      config, parts.prepared, this, this.users.valid, session
    )
    scored = split_run.score(config, recommend, questions)
    of_mode = split_run.measures(config, scored)
    each.append(of_mode['f_score'])
    for name, value in of_mode.items():
      assert found.metrics[f'{mode}/{name}'] == value
  assert each[0] != each[1]
  assert found.score == pytest.approx(sum(each) / 2, abs=1e-12)
  records = metric_log.read_metrics(f'{this.directory}/metrics.jsonl')
  logged = [r['valid/f_score'] for r in records if 'valid/f_score' in r]
  assert found.score == max(logged)


def test_splits_share_a_compiled_step(trained, tmp_path):
  """With other weights too, as a search has them; equal to one's own step."""
  config, parts, this = trained
  step = split_run.make_step(config, parts)
  ends = []
  for number, weight in enumerate((0.2, 0.7)):
    own = config.copy_and_resolve_references()
    own.loss.semantic_weight = weight
    for shared in (step, None):
      at = this._replace(directory=str(tmp_path / f'{number}_{shared is None}'))
      assert split_run.stop_early(own, parts, at, lambda step: False, shared)
      ends.append(split_run.load_params(own, parts, at).state)
  for one, two in (ends[:2], ends[2:]):
    jax.tree.map(np.testing.assert_array_equal, one, two)
  leaves = [
    np.concatenate([x.ravel() for x in jax.tree.leaves(e)]) for e in ends
  ]
  assert not np.array_equal(leaves[0], leaves[2])


def never(step):
  return False


def changed(study, folder, **changes):
  """The tiny study's config with other values, its parts and its split."""
  changes = {key.replace('__', '.'): value for key, value in changes.items()}
  config = method_config.changed(
    study.config, changes | {'workdir': str(folder)}
  )
  return config, study.parts, splits.make_split(config, study.prepared, 0)


def valid_of(directory):
  """What validation measured, epoch after epoch."""
  found = metric_log.read_metrics(f'{directory}/metrics.jsonl')
  return [r for r in found if 'valid/f_score' in r]


def check_equal(a, b):
  jax.tree.map(np.testing.assert_array_equal, a, b)


@pytest.mark.slow
def test_a_likelihood_may_stop_the_training(study, tmp_path):
  """The mean of both borders' means, beside F, on the kept parameters."""
  at = changed(study, tmp_path, train__stop_by='likelihood')
  config, _, this = at
  assert split_run.train_split(*at, never)
  found = split_run.load_params(*at)
  plain = plain_model.PlainModel(study, found.state)
  means = {}
  for mode, session in (('long', 9), ('short', 3)):
    each = [
      (plain.coherence(user, session), len(plain.targets(user, session)))
      for user in this.users.valid.tolist()
      if plain.known(user, session) and plain.targets(user, session)
    ]
    costs, counts = np.sum(each, axis=0)
    means[mode] = -costs / counts
    name = f'{mode}/log_likelihood'
    assert found.metrics[name] == pytest.approx(means[mode], abs=1e-4)
  assert found.score == found.metrics['log_likelihood']
  assert found.score == pytest.approx(np.mean(list(means.values())), abs=1e-4)
  assert means['long'] != means['short']
  valid = valid_of(this.directory)
  scores = [r['valid/log_likelihood'] for r in valid]
  assert found.score == max(scores) < 0
  assert len(scores) == config.train.max_epochs
  assert {'valid/long/f_score', 'valid/short/log_likelihood'} <= set(valid[0])
  # The fit itself is the same, whatever stops it.
  plainly = changed(study, tmp_path / 'f', train__stop_by='f_score')
  assert split_run.train_split(*plainly, never)
  for one, other in zip(valid, valid_of(plainly[2].directory), strict=True):
    assert one['valid/f_score'] == other['valid/f_score']
    assert 'valid/log_likelihood' not in other
  config.train.stop_by = 'f_score'
  with pytest.raises(ValueError, match=r'train\.stop_by: saved "likelihood"'):
    split_run.load_params(*at)


REFIT = {'train__refit': True, 'train__max_epochs': 2}


@pytest.fixture(scope='module')
def refitted(study, tmp_path_factory, quick_compile):
  """A split trained twice, and how often its loops asked whether to stop."""
  del quick_compile
  at = changed(study, tmp_path_factory.mktemp('refit'), **REFIT)
  asked = []
  assert split_run.train_split(*at, lambda step: bool(asked.append(step)))
  return at, asked


def latest(at, first=False):
  """The newest state of a split, or of its first fit."""
  config, parts, this = at
  if first:
    this = this.below(runs.FIRST_FIT)
  state = train.init_state(parts.network, settings.make_optimizer(config), 0)
  with checkpoint.Checkpointer(
    this.checkpoints,
    config=split_run.saved_config(config, parts, this),
    must_match=identity.CHECKPOINT,
  ) as saver:
    return saver.restore_latest(state)


def test_a_refit_is_a_fit_of_train_and_validation_users(refitted):
  """Step by step, without the loop, for as many epochs as were chosen."""
  (config, parts, this), asked = refitted
  first = split_run.load_params(config, parts, this.below('first_fit'))
  scores = [r['valid/f_score'] for r in valid_of(f'{this.directory}/first_fit')]
  assert first.score == max(scores)
  epochs = scores.index(max(scores)) + 1
  users = np.concatenate([this.users.train, this.users.valid])
  both = this._replace(users=this.users._replace(train=users))
  data = training_data.make_training_set(config, parts.prepared, both)
  assert set(data.samples.user.tolist()) == set(users.tolist())
  assert not set(users.tolist()) & set(this.users.test.tolist())
  spec = settings.batch_spec(config, this.seed)
  balance = train.Balance(
    settings.loss_weights(config), train.populations_of(data)
  )
  step_fn = train.balanced(
    split_run.make_step(config, parts), balance, this.seed
  )
  optimizer = settings.make_optimizer(config)
  state = train.init_state(parts.network, optimizer, this.seed)
  steps = epochs * batches.steps_per_epoch(data, spec)
  stream = batches.batches(data, spec)
  for _ in range(steps):
    state, _ = step_fn(state, parts.features, next(stream))
  found = split_run.load_params(config, parts, this)
  assert found.step == steps
  check_equal(found.state, state.params)
  # The first fit never saw them, and had fewer samples.
  alone = training_data.make_training_set(config, parts.prepared, this)
  per_epoch = batches.steps_per_epoch(alone, spec)
  assert per_epoch < batches.steps_per_epoch(data, spec)
  assert asked == [*range(per_epoch * config.train.max_epochs), *range(steps)]
  assert valid_of(this.directory) == []


@pytest.mark.slow
@pytest.mark.parametrize('killed', [False, True])
@pytest.mark.parametrize('place', ['in the first', 'between', 'in the second'])
def test_a_refit_goes_on_from_anywhere(
  place, killed, refitted, study, tmp_path
):
  whole, asked = refitted
  border = asked.index(0, 1)
  stop_at = {
    'in the first': border - 3,
    'between': border,
    'in the second': border + 3,
  }[place]
  at = changed(study, tmp_path, **REFIT, train__save_every_steps=2)
  calls = []

  def stop(step):
    calls.append(step)
    if len(calls) - 1 < stop_at:
      return False
    if killed:
      raise KeyboardInterrupt
    return True

  if killed:
    with pytest.raises(KeyboardInterrupt):
      split_run.train_split(*at, stop)
  else:
    assert split_run.train_split(*at, stop) is False
  assert split_run.train_split(*at, never)
  for first in (True, False):
    found, want = latest(at, first), latest(whole, first)
    assert (found.step, found.position) == (want.step, want.position)
    check_equal(found.state, want.state)


def test_what_is_refitted_is_left_alone(refitted):
  at, _ = refitted
  before = split_run.load_params(*at)

  def stop(step):
    raise AssertionError('trained again')

  assert split_run.train_split(*at, stop)
  check_equal(split_run.load_params(*at).state, before.state)


def test_a_refit_s_checkpoint_is_no_other_s(refitted, trained):
  for (config, parts, this), saved in ((refitted[0], 'true'), (trained, 'fal')):
    config = config.copy_and_resolve_references()
    config.train.refit = not config.train.refit
    with pytest.raises(ValueError, match=rf'train\.refit: saved {saved}'):
      split_run.load_params(config, parts, this)


def test_lists_read_the_average(study, tmp_path):
  at = changed(study, tmp_path, opt__average=0.9, train__max_epochs=1)
  config, parts, this = at
  assert split_run.train_split(*at, never)
  found = split_run.load_params(*at)
  raw, average = (
    checkpoint.load_for_inference(this.checkpoints, found.state, subtree=name)
    for name in ('params', 'average')
  )
  check_equal(found.state, average.state)
  assert not np.array_equal(
    raw.state['output_kernel'], average.state['output_kernel']
  )
  recommend = parts.predictor.recommender(found.state)
  asked = split_run.questions_at_borders(config, parts, this, this.users.valid)
  scores = split_run.scores_at_borders(config, lambda _: recommend, asked)
  assert scores == found.metrics
  config.opt.average = 0.0
  with pytest.raises(ValueError, match=r'opt\.average: saved 0\.9, now 0\.0'):
    split_run.load_params(*at)


@pytest.fixture
def facts_made(monkeypatch):
  """Whether each facts that were made serve anybody, in order."""
  few = functools.partial(clock.Training, max_steps=30)
  monkeypatch.setattr(clock, 'Training', few)
  made, real = [], split_run.make_facts

  def make(*args, serves):
    made.append(serves)
    return real(*args, serves=serves)

  monkeypatch.setattr(split_run, 'make_facts', make)
  return made


def plus_at(study, folder, **changes):
  """The network `plus`, its parts and a split."""
  changes = {key.replace('__', '.'): value for key, value in changes.items()}
  small = {'plus.members': 2, 'plus.hidden': 4, 'train.max_epochs': 1}
  small |= {'train.batch_size': 16, 'train.save_every_steps': 2}
  config = method_config.of_method(study.config, 'plus', {})
  config = method_config.changed(
    config, small | changes | {'workdir': str(folder)}
  )
  own = make_parts(config, study.prepared)
  return config, own, splits.make_split(config, study.prepared, 0)


@pytest.mark.slow
def test_facts_are_made_once_for_each_fit(study, tmp_path, facts_made):
  """A fit that goes on reads them where it left them."""
  whole, asked = plus_at(study, tmp_path / 'whole'), []
  assert split_run.train_split(*whole, lambda step: bool(asked.append(step)))
  # The first fit is asked at borders, where all is told.
  assert facts_made == [False, True]
  facts_made.clear()
  at = plus_at(study, tmp_path / 'parts')
  # Stopped at step 5 of the first fit, then at step 3 of the second.
  for polls in (5, asked.index(0, 1) - 5 + 3):
    calls = []

    def stop(step, calls=calls, polls=polls):
      calls.append(step)
      return len(calls) > polls

    assert not split_run.train_split(*at, stop)
  assert split_run.train_split(*at, never)
  assert facts_made == [False, True]
  for first in (True, False):
    found, want = latest_of(at, first), latest_of(whole, first)
    assert (found.step, found.position) == (want.step, want.position)
    check_equal(found.state, want.state)
  params = split_run.load_params(*at).state
  assert params['calendar'].any()
  assert np.ptp(np.asarray(params['calendar'])[:, -1]) > 0
  assert split_run.train_split(*at, never)  # what is complete is left alone
  assert facts_made == [False, True]


def latest_of(at, first):
  """The newest state of one of two fits, with its average."""
  config, parts, this = at
  if first:
    this = this.below(runs.FIRST_FIT)
  template = train.init_state(
    parts.network, settings.make_optimizer(config), 0, averaged=True
  )
  with checkpoint.Checkpointer(
    this.checkpoints,
    config=split_run.saved_config(config, parts, this),
    must_match=identity.CHECKPOINT,
  ) as saver:
    return saver.restore_latest(template)


@pytest.mark.slow
def test_a_fit_without_a_refit_serves(study, tmp_path, facts_made):
  at = plus_at(study, tmp_path, train__refit=False)
  assert split_run.train_split(*at, never)
  assert facts_made == [True]
  config, parts, this = at
  data = training_data.make_training_set(config, parts.prepared, this)
  want = video_facts.make_facts(config, parts.prepared, this, data, serves=True)
  params = split_run.load_params(*at).state
  for name, value in want._asdict().items():
    np.testing.assert_array_equal(params[name], value)


@pytest.mark.slow
def test_networks_that_keep_no_facts_ask_for_none(study, tmp_path, facts_made):
  at = changed(study, tmp_path, train__max_epochs=1)
  assert split_run.train_split(*at, never)
  assert facts_made == []


def save_as_of_old(at, state):
  """A checkpoint of a version without the youngest keys."""
  config, parts, this = at
  saved = dict(split_run.saved_config(config, parts, this))
  for name in identity.ABSENT:
    section, _, key = name.partition('.')
    saved[section] = {k: v for k, v in saved[section].items() if k != key}
  old = [name for name in identity.CHECKPOINT if name not in identity.ABSENT]
  with checkpoint.Checkpointer(
    this.checkpoints, config=saved, must_match=old
  ) as saver:
    position = {'epoch': 0, 'best_score': -1.0, 'best_epoch': 0}
    saver.save(0, state, position)


def test_a_checkpoint_of_an_earlier_version_is_gone_on_from(study, tmp_path):
  """Where the keys that it lacks are at their defaults, and only there."""
  assert {'train.stop_by', 'train.refit', 'opt.average'} <= set(identity.ABSENT)
  at = config, parts, this = changed(study, tmp_path, train__max_epochs=1)
  state = train.init_state(
    parts.network, settings.make_optimizer(config), this.seed
  )
  save_as_of_old(at, state)
  check_equal(split_run.load_params(*at).state, state.params)
  for name, value, shown in (
    ('train.stop_by', 'likelihood', '"f_score"'),
    ('train.refit', True, 'false'),
    ('opt.average', 0.5, '0.0'),
  ):
    other = method_config.changed(config, {name: value})
    message = rf'{name}: saved {shown}'
    with pytest.raises(ValueError, match=message):
      split_run.load_params(other, parts, this)
    if name != 'train.refit':
      with pytest.raises(ValueError, match=message):
        split_run.stop_early(other, parts, this, never)
  assert split_run.train_split(*at, never)
  fresh = changed(study, tmp_path / 'fresh', train__max_epochs=1)
  assert split_run.train_split(*fresh, never)
  found, want = split_run.load_params(*at), split_run.load_params(*fresh)
  check_equal(found.state, want.state)
  assert found.score == want.score
