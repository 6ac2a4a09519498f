"""What every door is made of: sizes, padding, places."""

import jax
import numpy as np
import pytest
import worlds

from dynrec_jax.parallel import devices
from dynrec_jax.study import parts


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
