"""The config as plain arguments."""

import jax.numpy as jnp
import numpy as np
import optax
import pytest
import worlds

from dynrec_jax.study import settings, training_data

DAY = 86_400


@pytest.mark.parametrize(
  ('preset', 'own', 'expected'),
  [
    ('paper', {}, ('sgd', 'sum')),
    ('practical', {}, ('adam', 'mean')),
    ('paper', {'opt.name': 'adam'}, ('adam', 'sum')),
    ('practical', {'loss.reduction': 'full_sum'}, ('adam', 'full_sum')),
  ],
)
def test_a_preset_gives_what_is_not_named(preset, own, expected, tiny_settings):
  config = worlds.tiny_config(tiny_settings | {'opt.preset': preset} | own)
  found = [settings.preset_value(config, key) for key in ('name', 'reduction')]
  assert tuple(found) == expected


def test_the_optimiser_is_the_config_s(tiny_settings):
  """theta - lr (g + 2 lambda_4 theta)."""
  config = worlds.tiny_config(
    tiny_settings,
    opt__preset='paper',
    opt__learning_rate=0.5,
    loss__weight_decay=0.1,
  )
  optimizer = settings.make_optimizer(config)
  params = {'x': jnp.array([[3.0, -2.0]])}
  updates, _ = optimizer.update(
    {'x': jnp.array([[1.0, 0.0]])}, optimizer.init(params), params
  )
  found = optax.apply_updates(params, updates)['x']
  want = [[3 - 0.5 * 1.6, -2 + 0.5 * 0.4]]
  np.testing.assert_allclose(found, want, rtol=1e-6)


@pytest.mark.parametrize(
  ('unit', 'days'), [('session', 365 / 12), ('week', 7), ('month', 365 / 12)]
)
def test_ages_are_told_in_the_config_s_unit(unit, days, tiny_settings, study):
  """The year of the study has 360 days and some hours from end to end."""
  config = worlds.tiny_config(
    tiny_settings, interest__time_unit=unit, interest__decay=0.3
  )
  found = settings.decay(config, study.prepared)
  assert found['decay'] == 0.3
  if unit == 'session':
    borders = study.prepared.sessions.borders
    days = (borders[-1] - borders[0]) / DAY / 12
  assert found['unit_secs'] == pytest.approx(days * DAY)


def test_batches_are_as_the_config_has_them(tiny_settings, monkeypatch):
  monkeypatch.setattr(settings.devices, 'device_count', lambda: 4)
  config = worlds.tiny_config(
    tiny_settings,
    train__batch_size=12,
    sem__batch_size=20,
    sem__n_neg=3,
    rel__negative='less_than_pos',
  )
  monkeypatch.setattr(settings.devices, 'own_devices', lambda: range(2, 4))
  spec = settings.batch_spec(config, 7)
  rest = (0, 'drawn', 0, True, range(2, 4))
  assert spec == (12, 4, 20, 3, 'less_than_pos', 7, *rest)
  config.rel.partners = 'in_batch'
  assert settings.batch_spec(config, 7).partners == 'in_batch'
  config.sem.negative = 'in_batch'
  assert settings.batch_spec(config, 7).negative_count == 0
  config.loss.semantic_weight = 0.0
  assert settings.batch_spec(config, 7).semantic_batch_size == 0


def test_the_objective_is_as_the_config_has_it(tiny_settings):
  config = worlds.tiny_config(
    tiny_settings,
    loss__semantic_weight=0.1,
    loss__interest_weight=0.5,
    loss__relevance_weight=0.0,
    loss__semantic_margin=0.4,
    loss__relevance_margin=0.6,
    model__product_dtype='bfloat16',
  )
  found = settings.objective_settings(config)
  assert found.wanted == (True, True, False)
  assert settings.loss_weights(config) == (0.1, 0.5, 0.0)
  assert (found.semantic_margin, found.relevance_margin) == (0.4, 0.6)
  assert not found.in_batch_negatives
  assert found.product_dtype == jnp.bfloat16
  config.model.product_dtype = 'float32'
  assert settings.objective_settings(config).product_dtype is None


@pytest.mark.parametrize('loss', ['softmax', 'logistic', 'bpr'])
def test_static_dnn_has_its_loss_and_its_negatives(loss, tiny_settings):
  config = worlds.tiny_config(tiny_settings, static__loss=loss, static__n_neg=4)
  assert settings.objective_settings(config).coherence == 'softmax'
  assert settings.batch_spec(config, 7).unseen_count == 0
  config.model.network = 'static_dnn'
  assert settings.objective_settings(config).coherence == loss
  count = 0 if loss == 'softmax' else 4
  assert settings.batch_spec(config, 7).unseen_count == count


def test_static_dnn_may_keep_its_own_loss_alone(tiny_settings, study):
  """A29: of the others no weight is left, no video, no partner."""
  config = worlds.tiny_config(tiny_settings, static__keep_aux=False)
  assert all(settings.loss_weights(config))  # the key is Static-DNN's alone
  config.model.network = 'static_dnn'
  assert settings.loss_weights(config) == (0, 0, 0)
  assert settings.objective_settings(config).wanted == (False,) * 3
  assert settings.batch_spec(config, 7).semantic_batch_size == 0
  data = training_data.make_training_set(config, study.prepared, study.split)
  assert data.relevance is None
  config.static.keep_aux = True
  assert settings.loss_weights(config) == (0.2, 0.4, 0.2)


def test_tables_of_simulated_data_say_so(tiny_settings):
  config = worlds.tiny_config(tiny_settings)
  assert settings.origin_note(config) == ''
  config.data.name, config.data.world = 'simulated_year', 'small:no_drift'
  note = settings.origin_note(config)
  assert 'Simulated data (simulated_year, world small:no_drift, seed 6)' in note


def test_a_softmax_over_a_sample_is_of_every_network(tiny_settings):
  """But where another loss than a softmax is asked for (A28)."""
  config = worlds.tiny_config(
    tiny_settings, loss__shared=99, loss__proposal='uniform'
  )
  assert settings.batch_spec(config, 7).shared_count == 0
  assert settings.proposal_rule(config) is None
  config.loss.coherence = 'sampled_softmax'
  for network in ('dynamic', 'rnn', 'rnn_sem', 'static_dnn'):
    config.model.network = network
    found = settings.objective_settings(config).coherence
    assert found == 'sampled_softmax'
    assert settings.proposal_rule(config) == 'uniform'
    spec = settings.batch_spec(config, 7)
    assert (spec.shared_count, spec.unseen_count) == (99, 0)
    assert spec.in_batch_candidates
  config.loss.in_batch = False
  assert not settings.batch_spec(config, 7).in_batch_candidates
  config.static.loss = 'bpr'
  assert settings.objective_settings(config).coherence == 'bpr'
  spec = settings.batch_spec(config, 7)
  assert (spec.shared_count, spec.unseen_count) == (0, config.static.n_neg)
