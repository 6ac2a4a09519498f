"""The paper's network: one forward pass, in training and in serving."""

import jax.numpy as jnp
import networks
import numpy as np
import pytest
import worlds

from dynrec_jax.features import catalogue
from dynrec_jax.models import dynamic, network

pytestmark = pytest.mark.usefixtures('quick_compile')
MODES = {
  'topic_only': {},
  'topic_then_history': {'model.softmax_bias': True},
  'session_chain': {
    'model.gru_bias': True,
    'model.embed_norm': 'loss_only',
    'interest.norm': 'count',
  },
}
STEPS = 6  # of training


@pytest.fixture(scope='module', params=MODES)
def trained(request, tiny_settings, quick_compile):
  """A study and its parameters after some steps of training."""
  del quick_compile
  changes = MODES[request.param] | {'model.history_mode': request.param}
  study = worlds.Study(worlds.tiny_config(tiny_settings | changes))
  return study, networks.trained(study, STEPS)[0]


def test_serving_s_states_and_logits_are_the_training_pass_s(trained):
  networks.assert_serving_is_training(*trained)


def test_the_same_states_when_only_some_videos_are_embedded(trained):
  """Training embeds a batch's videos, serving the whole catalogue, once."""
  study, params = trained
  batch, _ = networks.anchors_of(study, 0)
  theta = study.network.theta.bind({'params': params})
  features = catalogue.Features(*map(jnp.asarray, study.features))
  _, some = dynamic.embed_videos(
    theta, features.take(batch.sequences.video_ids)
  )
  _, all_of_them = dynamic.embed_videos(theta, features)
  np.testing.assert_allclose(
    some, all_of_them[batch.sequences.video_ids], atol=1e-6
  )


def test_it_is_a_network_without_arrays(trained):
  networks.assert_it_is_a_network(trained[0], network.Network)
