"""Config values: which are taken, which refused, and that each one runs."""

import json
import math
import re

import jax
import numpy as np
import pytest
import worlds
from config_lines import parse

from configs import default
from dynrec_jax import train, training_loop
from dynrec_jax.data import batches, relevance
from dynrec_jax.study import (
  check,
  keys,
  methods,
  prepare,
  settings,
  split_run,
  splits,
  training_data,
)
from dynrec_jax.study.keys import declared

VALID = {
  name: key.values.valid
  for name, key in keys.KEYS.items()
  if isinstance(key.values, declared.OneOf)
}
CHOICES = [(key, value) for key in VALID for value in VALID[key]]
RANGES = {
  name: key.values
  for name, key in keys.KEYS.items()
  if isinstance(key.values, declared.Whole | declared.Real)
}
TRIED = [name for name, key in keys.KEYS.items() if key.tries]


@pytest.mark.parametrize(('key', 'value'), CHOICES)
def test_each_choice_is_accepted(key, value):
  config = parse(f'--config.{key}={value}', '--config.visual.folder=/')
  config.visual.vgg19_weights = config.visual.c3d_weights = __file__
  config.text.features = __file__
  if value == 'prepare_at_scale':  # of tables, and into a folder
    config.data.name, config.data.manual_dir = 'files', 'in'
    config.data.prepared_dir = 'set'
  assert keys.value(config, key) == value
  check.check_config(config)


@pytest.mark.parametrize('loss', ['logistic', 'bpr'])
def test_a_likelihood_needs_a_loss_that_is_one(loss):
  config = parse(f'--config.static.loss={loss}')
  check.check_config(config)
  config.train.stop_by = 'likelihood'
  with pytest.raises(ValueError, match=rf'^static\.loss is {loss}, .*stop_by='):
    check.check_config(config)
  config.static.loss = 'softmax'
  check.check_config(config)


def test_video_files_lie_in_a_folder():
  config = parse('--config.visual.encoder=vgg19_c3d')
  with pytest.raises(
    ValueError, match=r"^visual\.folder is '', no such folder"
  ):
    check.check_config(config)


@pytest.mark.parametrize('key', ['vgg19_weights', 'c3d_weights'])
def test_missing_weights_are_named_with_where_to_get_them(key):
  config = parse(
    '--config.visual.encoder=vgg19_c3d', '--config.visual.folder=/'
  )
  config.visual.vgg19_weights = config.visual.c3d_weights = __file__
  config.visual[key] = '/no/file'
  name = 'c3d.pickle'
  if key == 'vgg19_weights':
    name = r'vgg19-dcbb9e9d\.pth .*; its sha256 begins dcbb9e9d\)'
  message = f"^visual.{key} is '/no/file', no such file; right: {name}"
  with pytest.raises(ValueError, match=message):
    check.check_config(config)
  config.visual.encoder = 'efficientnet_lite0'
  check.check_config(config)  # its weights come with a package
  config.visual.efficientnet_lite0_weights = '/no/such'
  with pytest.raises(
    ValueError, match=r'^visual\.efficientnet_lite0_weights is'
  ):
    check.check_config(config)


@pytest.mark.parametrize('value', ['(10,)', '(2, 3)'])
def test_numbers_of_topics_are_accepted(value):
  check.check_config(parse(f'--config.topics.counts={value}'))


@pytest.mark.parametrize('value', ['()', '(1, 5)', '(5.5,)'])
def test_numbers_of_topics_are_checked(value):
  with pytest.raises(ValueError, match=r'^topics\.counts is '):
    check.check_config(parse(f'--config.topics.counts={value}'))


@pytest.mark.parametrize('key', VALID)
def test_any_other_choice_is_refused(key):
  config = parse(f'--config.{key}=other')
  message = f"{key} is 'other'; valid are {', '.join(VALID[key])}"
  with pytest.raises(ValueError, match=f'^{re.escape(message)}$'):
    check.check_config(config)


@pytest.mark.parametrize('name', keys.KEYS)
@pytest.mark.parametrize('value', [None, 1.5j, {'a': 1}])
def test_a_value_of_another_kind_is_refused(name, value):
  """Every key is looked at, whatever gets past the config's own types."""
  config = parse('--config.visual.folder=/')
  with config.unlocked(), config.ignore_type():
    config.update_from_flattened_dict({name: value})
  with pytest.raises(ValueError, match=rf'^{re.escape(name)} is '):
    check.check_config(config)


def outside(key):
  """Values that must be refused, of the type that the key has."""
  low, high = RANGES[key]
  if isinstance(keys.value(default.get_config(), key), int):
    return [low - 1] + ([high + 1] if math.isfinite(high) else [])
  return [low - 1e-6, high * 1.001, math.nan, math.inf, -math.inf]


@pytest.mark.parametrize('key', RANGES)
def test_numbers_out_of_range_are_refused(key):
  for value in outside(key):
    config = parse(f'--config.{key}={value}')
    with pytest.raises(ValueError, match=rf'^{key} is .* must lie in \['):
      check.check_config(config)
  for value in RANGES[key]:
    if math.isfinite(value):
      check.check_config(parse(f'--config.{key}={value}'))


@pytest.mark.parametrize('value', ['many', '1.5', 'nan'])
def test_a_count_is_a_whole_number(value):
  with pytest.raises(Exception, match=r'batch_size'):
    parse(f'--config.train.batch_size={value}')


@pytest.mark.parametrize('fields', ["('title', 'plot')", '()'])
def test_unknown_text_fields_are_refused(fields):
  config = parse(f'--config.text.fields={fields}')
  with pytest.raises(ValueError, match=r'^text.fields is .*valid are some of'):
    check.check_config(config)


def test_text_fields_are_accepted():
  config = parse("--config.text.fields=('categories', 'title')")
  check.check_config(config)
  assert config.text.fields == ('categories', 'title')


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'text.fields': "('tags',)", 'text.label': 'tags'}, 'text.fields is'),
    ({'text.size': 100}, 'text.size is 100; of kim_cnn it must be a multiple'),
    ({'text.word_vectors': '/no/file'}, "text.word_vectors is '/no/file', no"),
  ],
)
def test_what_the_text_cnn_cannot_use_is_refused(changes, message):
  flags = [f'--config.{key}={value}' for key, value in changes.items()]
  config = parse('--config.text.encoder=kim_cnn', *flags)
  with pytest.raises(ValueError, match=f'^{message}'):
    check.check_config(config)
  config.text.encoder = 'tfidf_svd'  # which reads none of it
  check.check_config(config)


def test_text_features_lie_in_a_file():
  config = parse('--config.text.encoder=given', '--config.text.features=/no/t')
  with pytest.raises(ValueError, match=r"^text\.features is '/no/t', no such"):
    check.check_config(config)


def test_google_news_vectors_need_not_be_there():
  flags = ['--config.text.word_vectors=googlenews']
  check.check_config(parse('--config.text.encoder=kim_cnn', *flags))


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'data.world': 'huge'}, "data.world: unknown preset 'huge' in 'huge'; on"),
    ({'data.world': 'tiny:no_rain'}, "data.world: unknown change 'no_rain'"),
    ({'sessions.start': 'May'}, "sessions.start is 'May'; right: a date as in"),
    ({'sessions.end': '2013-13-01'}, "sessions.end is '2013-13-01'; right"),
    (
      {'sessions.start': '2013-06-01', 'sessions.end': '2013-06-01'},
      "sessions.end is '2013-06-01'; it must come after sessions.start=2013",
    ),
    (
      {'scenario': 'cross', 'model.history_mode': 'topic_then_history'},
      'model.history_mode is topic_then_history, which reads watches',
    ),
    (
      {'scenario': 'cross', 'topics.mode_count': 30},
      'topics.mode_count is 30; it must be at most',
    ),
  ],
)
def test_what_a_scenario_cannot_use_is_refused(changes, message):
  flags = [f'--config.{key}={value}' for key, value in changes.items()]
  with pytest.raises(ValueError, match=f'^{message}'):
    check.check_config(parse(*flags))


@pytest.mark.parametrize('key', TRIED)
@pytest.mark.parametrize(
  'values',
  ['()', '(0.2, 0.2)', '(0.2, -0.1)', '(1e7,)', "(0.2, 'a')", '(1e999,)'],
)
def test_values_to_try_are_different_numbers_in_range(key, values):
  config = parse(f'--config.{key}={values}')
  with pytest.raises(ValueError, match=rf'^{key} is .* different numbers in '):
    check.check_config(config)


@pytest.mark.parametrize('key', TRIED)
def test_values_to_try_are_accepted(key):
  config = parse(f'--config.{key}=(0, 0.25, 1)')
  check.check_config(config)
  assert keys.value(config, key) == (0, 0.25, 1)


def test_a_run_needs_a_folder():
  with pytest.raises(ValueError, match=r"^workdir is ''; it must be a folder"):
    check.check_config(parse('--config.workdir='))


# What a study does with its choices; `mode` and `data.name` are main's,
# `cv.grid` is cross_validate's; behaviours_test and content_test have the rest.
NOT_STUDIED = ('mode', 'data.name', 'cv.grid', 'scenario', 'text.label')
# The other protocol has another study, see whole/time_leak_test.
NOT_STUDIED += ('split.by',)
# These take their time, or files that are not there.
NOT_STUDIED += ('text.encoder', 'visual.encoder')
# Of networks that the tests in models/ train.
NOT_STUDIED += ('model.network', 'variants.cross_first', 'static.loss')
NOT_STUDIED += ('plus.content', 'plus.calendar', 'plus.mean')
# Of features in fewer dimensions than numbers, see parts_test.
NOT_STUDIED += ('features.basis',)
# Of a softmax over a sample, see training_data_test.
NOT_STUDIED += ('loss.proposal',)
STUDIED = [key for key in VALID if key not in NOT_STUDIED]
# Filters that take two rounds, so that a fixpoint is not a single pass.
BASE = {
  'filter.min_videos_per_user': 6,
  'filter.min_users_per_video': 9,
  'sessions.L': 8,
  'train.batch_size': 4,
  'train.max_epochs': 1,
}
PREPARING = ('filter', 'text', 'topics', 'sessions', 'data', 'features')


def recorded(config, prepared, monkeypatch):
  """All that the config hands to the layers below, as bytes."""
  seen, related = {}, relevance.find_relevant

  def remember(name, real=None):
    def call(*args, **kwargs):
      seen[name] = args if name == 'fit' else repr((args, kwargs))
      return True if real is None else real(*args, **kwargs)

    return call

  study = worlds.Study(config, prepared)
  with monkeypatch.context() as patch:
    patch.setattr(relevance, 'find_relevant', remember('related', related))
    for name in ('make_optimizer', 'make_train_step', 'balanced', 'init_state'):
      patch.setattr(train, name, remember(name))
    patch.setattr(training_loop, 'fit', remember('fit'))
    split_run.train_split(config, study.parts, study.split, None)
  _, _, data, spec, _, loop = seen.pop('fit')
  seen['loop'] = repr(loop)
  batch = next(batches.batches(data, spec))
  (session, *_) = splits.modes(config).values()
  known = training_data.make_seen(config, prepared, study.split, session)
  most = methods.fit('popularity', config, known, None)
  with monkeypatch.context() as patch:
    for name in methods.METHODS:
      if not methods.is_network(name):
        kind = methods.kind(name)
        patch.setattr(getattr(methods, kind), 'fit', lambda _, *own: own)
        seen[f'settings of {kind}'] = repr(
          methods.fit(kind, config, known, None)
        )
  queries, _ = training_data.make_questions(
    config, prepared, study.split, study.split.users.test, session
  )
  return repr(
    (
      seen,
      study.parts.predictor.settings,
      [x.tolist() for x in jax.tree.leaves(batch)],
      most(queries, 5).ids.tolist(),
    )
  )


@pytest.fixture(scope='module')
def base_prepared(tiny_settings):
  return prepare.prepare(worlds.tiny_config(tiny_settings | BASE))


# Each of these prepares the study again for every value.
ASKED = [
  pytest.param(key, marks=pytest.mark.slow)
  if key.startswith(PREPARING)
  else key
  for key in STUDIED
  if len(VALID[key]) > 1
]


@pytest.mark.parametrize('key', ASKED)
def test_each_choice_makes_a_difference(
  key, tiny_settings, base_prepared, monkeypatch, tmp_path
):
  settings = tiny_settings | BASE | {'workdir': str(tmp_path)}
  found = []
  for value in VALID[key]:
    config = worlds.tiny_config(settings | {key: value})
    prepared = base_prepared
    if key.startswith(PREPARING):
      prepared = prepare.prepare(config)
    found.append(recorded(config, prepared, monkeypatch))
  # The preset's value is one of the others.
  assert len(set(found)) == len(found) - ('preset' in VALID[key])


# Run i takes the i-th value of every key, over and over: all are run.
RUNS = max(len(VALID[key]) for key in STUDIED)
SWITCHES = [
  'data.require_visual',
  'features.l2',
  'model.gru_bias',
  'model.softmax_bias',
  'eval.mask_history',
]


def mix(run):
  chosen = {key: VALID[key] for key in STUDIED}
  chosen |= {key: (True, False) for key in SWITCHES}
  # Not all keys turn over together: half of them go backwards.
  return {
    key: values[(run if i % 2 else -run) % len(values)]
    for i, (key, values) in enumerate(chosen.items())
  }


@pytest.mark.slow
@pytest.mark.parametrize('run', range(RUNS))
def test_each_choice_runs(run, tiny_settings, tmp_path, quick_compile):
  settings = tiny_settings | BASE | mix(run) | {'workdir': str(tmp_path)}
  # What is of random batches is not of composed ones.
  settings['loss.in_batch'] = settings['rel.partners'] == 'drawn'
  config = worlds.tiny_config(settings, opt__learning_rate=1e-4)
  check.check_config(config)
  study = worlds.Study(config)
  assert split_run.train_split(
    config, study.parts, study.split, lambda step: False
  )
  worlds.write_lists(config, study.parts, study.split)
  lines = (tmp_path / 'split_0' / 'metrics.jsonl').read_text().splitlines()
  steps = [r for r in map(json.loads, lines) if 'train/loss' in r]
  assert len(steps) == batches.steps_per_epoch(study.data, study.spec)
  for name in ('coherence', 'semantic', 'interest', 'relevance'):
    values = [r[f'train/loss_{name}'] for r in steps]
    assert np.all(np.isfinite(values))
    assert np.any(np.array(values) > 0), name
  assert worlds.tested(study.split) == {
    (mode, method)
    for mode in ('long', 'short')
    for method in ('random', 'popularity', 'model')
  }


def test_a_split_without_users_is_an_error(tiny_settings, base_prepared):
  for key in ('split.test_frac', 'train.val_frac'):
    config = worlds.tiny_config(tiny_settings | BASE | {key: 0.001})
    with pytest.raises(ValueError, match=f'^{key} of .* users is nobody'):
      splits.make_split(config, base_prepared, 0)


@pytest.mark.parametrize('key', ['train.batch_size', 'sem.batch_size'])
def test_batches_are_shared_evenly_by_devices(
  key, tiny_settings, base_prepared, monkeypatch
):
  monkeypatch.setattr(settings.devices, 'device_count', lambda: 4)
  config = worlds.tiny_config(tiny_settings | {key: 6})
  split = splits.make_split(config, base_prepared, 0)
  with pytest.raises(ValueError, match=f'^{key} is 6, not a multiple of the 4'):
    settings.batch_spec(config, split.seed)


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'split.cut': 12}, 'split.cut is 12; of sessions.L=12 it must be at most'),
    ({'sessions.L': 9}, 'split.cut is 9; of sessions.L=9 it must be at most 8'),
    ({'split.cut': 3, 'split.valid_sessions': 3}, 'split.valid_sessions is 3;'),
    ({'pop.source': 'view_count'}, 'pop.source is view_count, which counts vi'),
  ],
)
def test_what_a_date_that_cuts_the_log_asks_for(changes, message):
  flags = [f'--config.{key}={value}' for key, value in changes.items()]
  check.check_config(parse(*flags))  # where users are split it is not read
  with pytest.raises(ValueError, match=f'^{message}'):
    check.check_config(parse(*flags, '--config.split.by=time'))


def test_new_videos_are_known_by_something():
  with pytest.raises(
    ValueError, match=r'^split\.new_videos is \(\); valid are'
  ):
    check.check_config(parse('--config.split.new_videos=()'))


def test_only_a_softmax_weighs_its_targets():
  config = parse('--config.seq.weight=measure')
  check.check_config(config)
  config.static.loss = 'bpr'
  with pytest.raises(
    ValueError, match=r'^seq\.weight is measure, .*static\.loss is bpr; right'
  ):
    check.check_config(config)


def test_known_videos_are_masked_in_lists_if_they_are_in_training():
  config = parse(
    '--config.loss.mask_known=True', '--config.eval.mask_history=False'
  )
  with pytest.raises(ValueError, match=r'eval\.mask_history is False'):
    check.check_config(config)


def test_what_a_catalogue_over_devices_asks_for():
  sharded = '--config.parallel.catalogue=sharded'
  for network in keys.CUT_NETWORKS:
    check.check_config(parse(sharded, f'--config.model.network={network}'))
  with pytest.raises(
    ValueError,
    match=r'^parallel\.catalogue is sharded, .* it is plus; right there: para',
  ):
    check.check_config(parse(sharded, '--config.model.network=plus'))
  flags = [sharded, '--config.static.loss=bpr']
  check.check_config(parse(*flags))  # of another network it is not read
  with pytest.raises(ValueError, match=r'static\.loss is bpr; right there: p'):
    check.check_config(parse(*flags, '--config.model.network=static_dnn'))


SAMPLED = '--config.loss.coherence=sampled_softmax'


@pytest.mark.parametrize(
  ('changes', 'words'),
  [
    (
      ['model.network=plus'],
      r'^loss\.coherence is sampled_softmax; model\.net',
    ),
    (['opt.average=0.9'], r'^opt\.average is 0\.9, .*; right there: 0$'),
    (['rel.partners=in_batch'], r'^loss\.in_batch is True, .* there: False$'),
  ],
)
def test_what_a_softmax_over_a_sample_cannot_stand_beside(changes, words):
  flags = [f'--config.{change}' for change in changes]
  check.check_config(parse(*flags))
  with pytest.raises(ValueError, match=words):
    check.check_config(parse(SAMPLED, *flags))
  if 'rel' in changes[0]:
    check.check_config(parse(SAMPLED, *flags, '--config.loss.in_batch=False'))


@pytest.mark.parametrize(
  ('change', 'words'),
  [
    (
      'loss.relevance_weight=0.2',
      r'^loss\.relevance_weight is 0\.2, .*: 0\.0$',
    ),
    ('seq.weight=measure', r'^seq\.weight is measure, .*: watch$'),
    ('static.loss=bpr', r'^static\.loss is bpr, .*: softmax$'),
    ('model.network=plus', r'^model\.network is plus, .*: False$'),
  ],
)
def test_what_asks_for_all_samples_is_not_streamed(change, words):
  flags = ['--config.train.streamed=True', '--config.loss.relevance_weight=0.0']
  check.check_config(parse(*flags))
  with pytest.raises(ValueError, match=words):
    check.check_config(parse(*flags, f'--config.{change}'))
