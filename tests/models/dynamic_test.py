"""The paper's network: one forward pass, in training and in serving."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import worlds

from dynrec_jax import train
from dynrec_jax.data import batches
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
  optimizer = train.make_optimizer('sgd', learning_rate=0.3, weight_decay=0.0)
  step = train.make_train_step(
    study.network,
    optimizer,
    study.settings,
    reduction='mean',
    populations=train.populations_of(study.data),
  )
  state = train.init_state(study.network, optimizer, 0)
  stream = batches.batches(study.data, study.spec)
  for _ in range(STEPS):
    state, _ = step(state, study.features, next(stream))
  return study, jax.tree.map(np.asarray, state.params)


def anchors_of(study, step):
  """A batch of one device, and which samples its anchors are."""
  epoch = batches.draw_epoch(study.data, study.spec, 3)
  batch = batches.make_batch(study.data, study.spec, epoch, step)
  size = study.spec.batch_size
  chosen = epoch.order[step * size : (step + 1) * size]
  return jax.tree.map(lambda x: jnp.asarray(x[0]), batch), chosen


def training_pass(study, params, batch):
  """The states that predict each target, and their logits, anchor by anchor."""
  forward = jax.jit(study.network.forward, static_argnames='product_dtype')(
    params, study.features, batch.sequences, batch.history, product_dtype=None
  )
  targets = batch.targets
  count = int(targets.where.sum())
  states = forward.states[targets.positions[:count]]
  logits = states @ forward.output_kernel.T
  if forward.output_bias is not None:
    logits += forward.output_bias
  return np.asarray(states), np.asarray(logits), np.asarray(targets.videos)


def first_states(study, params, tables, samples):
  """As serving makes them, of the samples' users at the samples' time."""
  queries = worlds.make_queries(study, samples.user, samples.session)
  (block,) = study.parts.predictor._inputs(queries)
  states = jax.jit(study.network.first_states)(params, tables, block)
  return states[: len(samples.user)]


def test_serving_s_states_and_logits_are_the_training_pass_s(trained):
  """The first state, then every step, fed with what was watched."""
  study, params = trained
  tables = jax.jit(study.network.tables)(params, study.features)
  for step in (0, 1):
    batch, chosen = anchors_of(study, step)
    states, logits, videos = training_pass(study, params, batch)
    samples = study.data.samples.take(chosen)
    first = first_states(study, params, tables, samples)
    # Predictions stand anchor by anchor, each in the order of its targets.
    place = 0
    for row, count in enumerate(samples.target_count):
      h = first[row : row + 1]
      for _ in range(count):
        np.testing.assert_allclose(h[0], states[place], atol=1e-6)
        own = (h @ tables.output_kernel.T)[0]
        if tables.output_bias is not None:
          own += tables.output_bias
        np.testing.assert_allclose(own, logits[place], atol=1e-6)
        ids = jnp.asarray(videos[place : place + 1])
        h = study.network.read_video(tables, h, ids)
        place += 1
    assert place == len(states) > 8
  assert np.abs(states).max() > 0.01  # trained, not all 0


def test_the_same_states_when_only_some_videos_are_embedded(trained):
  """Training embeds a batch's videos, serving the whole catalogue, once."""
  study, params = trained
  batch, _ = anchors_of(study, 0)
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
  """Programs are compiled for it: equal ones are one, and hold no data."""
  study, _ = trained
  again = worlds.Study(study.config, study.prepared).network
  assert study.network == again
  assert hash(study.network) == hash(again)
  members = [x for x in vars(network.Network) if not x.startswith('_')]
  assert {'init', 'forward', 'tables', 'first_states', 'read_video'} <= set(
    members
  )
  for name in members:
    assert hasattr(study.network, name), name
