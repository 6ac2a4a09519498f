"""What every door is made of: sizes, padding, places."""

import jax
import numpy as np
import pytest
import worlds

from dynrec_jax.models.dynamic import Dynamic
from dynrec_jax.models.history_rnn import HistoryRnn
from dynrec_jax.models.plus import Plus
from dynrec_jax.models.static_dnn import StaticDnn
from dynrec_jax.parallel import devices
from dynrec_jax.study import parts, video_facts


def test_the_network_has_the_sizes_of_the_data(study, tiny_settings):
  config = worlds.tiny_config(
    tiny_settings,
    model__embed_size=5,
    model__D_h=7,
    model__gru_bias=True,
    model__softmax_bias=True,
  )
  network = parts.make_network(config, study.prepared)
  assert network.video_count == worlds.VIDEOS
  shapes = jax.eval_shape(lambda: network.init(jax.random.key(0)))
  assert shapes['visual_kernel'].shape == (12, 5)
  assert shapes['text_kernel'].shape == (9, 5)
  assert shapes['interest_kernel'].shape == (4, 5)
  assert shapes['output_kernel'].shape == (worlds.VIDEOS, 7)
  assert shapes['output_bias'].shape == (worlds.VIDEOS,)
  assert shapes['gru'].bias.shape == (21,)


@pytest.mark.parametrize(
  ('name', 'kind', 'inputs'),
  [
    ('dynamic', Dynamic, 5),
    ('rnn', HistoryRnn, 9),
    ('rnn_sem', HistoryRnn, 10),
    ('static_dnn', StaticDnn, None),
  ],
)
def test_the_config_names_the_network(name, kind, inputs, study, tiny_settings):
  """x_t is in the interest space, t (9 numbers), or v (+) t (twice 5)."""
  config = worlds.tiny_config(
    tiny_settings,
    model__network=name,
    model__embed_size=5,
    model__D_h=7,
    model__softmax_bias=True,
  )
  network = parts.make_network(config, study.prepared)
  assert type(network) is kind
  assert network.video_count == worlds.VIDEOS
  shapes = jax.eval_shape(lambda: network.init(jax.random.key(0)))
  assert shapes['output_kernel'].shape == (worlds.VIDEOS, 7)
  assert shapes['output_bias'].shape == (worlds.VIDEOS,)
  assert 'start' not in shapes
  assert 'layer_4_kernel' not in shapes
  if inputs is None:
    assert shapes['layer_1_kernel'].shape == (5, 7)
    assert shapes['layer_3_kernel'].shape == (7, 7)
    assert shapes['interest_kernel'].shape == (4, 5)
  else:
    assert shapes['gru'].input_kernel.shape == (inputs, 21)
  assert ('visual_kernel' in shapes) == (name != 'rnn')
  assert ('video_kernel' in shapes) == (name in ('dynamic', 'static_dnn'))


@pytest.mark.parametrize('scenario', ['single', 'cross'])
@pytest.mark.parametrize('interest', [False, True])
def test_plus_reads_what_its_scenario_has(
  scenario, interest, study, tiny_settings
):
  """Where watches are hidden, the interests; elsewhere those if asked for."""
  config = worlds.tiny_config(
    tiny_settings,
    model__network='plus',
    scenario=scenario,
    plus__members=3,
    plus__hidden=7,
    plus__content='all',
    plus__interest=interest,
    plus__input_dropout=0.1,
    plus__dropout=0.2,
    plus__row_dropout=0.4,
  )
  found = parts.make_network(config, study.prepared)
  content = video_facts.content_columns(study.prepared)
  assert found == Plus(
    video_count=worlds.VIDEOS,
    session_count=12,
    content_size=content.shape[1],
    interest_size=4,
    hidden_size=7,
    members=3,
    content='all',
    reads_watches=scenario == 'single',
    reads_interest=scenario == 'cross' or interest,
    input_dropout=0.1,
    dropout=0.2,
    row_dropout=0.4,
  )


@pytest.mark.parametrize('first', ['tweet_text', 'bos'])
def test_a_start_is_learned_in_the_cross_network(first, study, tiny_settings):
  config = worlds.tiny_config(
    tiny_settings,
    model__network='rnn',
    scenario='cross',
    variants__cross_first=first,
  )
  network = parts.make_network(config, study.prepared)
  shapes = jax.eval_shape(lambda: network.init(jax.random.key(0)))
  assert ('start' in shapes) == (first == 'bos')


@pytest.mark.parametrize(('width', 'stored'), [(12, 12), (1024, 1040)])
def test_features_lie_on_every_device_and_are_padded(width, stored, study):
  """Rows a multiple of 4 KiB apart get some zeros; others stay as they are."""
  features = study.prepared.features
  visual = np.tile(features.visual, (1, 1024 // 12 + 1))[:, :width]
  prepared = study.prepared._replace(features=features._replace(visual=visual))
  made = parts.make_parts(study.config, prepared)
  assert made.prepared is prepared
  assert made.features.visual.shape == (worlds.VIDEOS, stored)
  np.testing.assert_array_equal(made.features.visual[:, :width], visual)
  assert not np.any(made.features.visual[:, width:])
  for column in made.features:
    assert len(column.devices()) == devices.device_count()


def test_the_predictor_reads_queries_as_training_does(study, tiny_settings):
  config = worlds.tiny_config(
    tiny_settings,
    model__history_mode='session_chain',
    interest__norm='l2',
    interest__decay=0.7,
    interest__time_unit='week',
    seq__max_target_len=3,
    decode__method='topk_first',
  )
  found = parts.make_parts(config, study.prepared).predictor.settings
  assert found.method == 'topk_first'
  assert found.inputs == ('session_chain', 3, 0.7, 7 * 86_400.0, 'l2')
  assert found.inputs.history_mode == 'session_chain'
  assert found.inputs.max_len == 3
  assert found.inputs.unit_secs == 7 * 86_400
