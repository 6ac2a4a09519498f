"""An exported function, called back, against the predictor that it is of."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from dynrec_jax.data.query_inputs import InputSettings
from dynrec_jax.features.catalogue import Features
from dynrec_jax.models.static_dnn import StaticDnn, StaticTheta
from dynrec_jax.predict import Predictor, PredictSettings
from dynrec_jax.serving import exported

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures('quick_compile')]
V, K, COUNT = 11, 3, 70


@pytest.fixture(scope='module')
def predictor():
  theta = StaticTheta(V, 2, 2, K, embed_size=4, hidden_size=4)
  features = np.ones((V, 2), np.float32)
  there = np.ones(V, bool)
  settings = InputSettings('topic_only', 5, 5, 0.1, 1.0, 'count')
  return Predictor(
    StaticDnn(theta, 'count'),
    Features(features, features, there, there),
    PredictSettings(settings, 'topk_first'),
  )


@pytest.fixture(scope='module')
def params(predictor):
  return predictor.network.init(jax.random.key(0))


@pytest.fixture(scope='module')
def found(predictor, params, quick_compile):
  del quick_compile
  return exported.export_lists(
    predictor, params, 4, session_count=12, interest_size=K
  )


def test_what_changes_nothing_is_left_out(found, params):
  layers = {name for name in params if name.startswith('layer_')}
  kept = {name.split('.')[-1] for name in found.weights}
  assert kept == layers | {'interest_kernel', 'output_kernel'}
  assert found.inputs == {
    'interests': (f'b, 1, {K}', 'float32'),
    'known': ('b, m', 'int32'),
  }
  assert found.platforms == ('cpu', 'cuda', 'tpu')


def test_any_number_of_rows_gives_each_its_own_list(found, predictor, params):
  call = jax.jit(export.deserialize(bytearray(found.code)).call)
  rng = np.random.default_rng(1)
  interests = rng.normal(size=(COUNT, 1, K)).astype(np.float32)
  known = np.where(
    rng.random((COUNT, 6)) < 0.7, rng.integers(0, V, (COUNT, 6)), -1
  )
  asked = {'interests': interests, 'known': known.astype(np.int32)}
  ids, scores = map(np.asarray, call(found.weights, asked))
  assert ids.shape == scores.shape == (COUNT, 4)
  for rows in (slice(0, 1), slice(31, 33), slice(30, COUNT)):
    part = call(found.weights, {name: x[rows] for name, x in asked.items()})
    np.testing.assert_array_equal(part[0], ids[rows])
    np.testing.assert_array_equal(part[1], scores[rows])
  theta = predictor.network.theta.bind({'params': params})
  states = theta.map_layers(theta.map_interests(jnp.asarray(interests[:, 0])))
  logits = np.array(states @ params['output_kernel'].T, np.float64)
  total = np.log(np.exp(logits).sum(axis=1, keepdims=True))
  for row in range(COUNT):
    order = [v for v in np.argsort(-logits[row]) if v not in known[row]][:4]
    assert ids[row].tolist() == order
    np.testing.assert_allclose(
      scores[row], (logits - total)[row, order], rtol=1e-5, atol=1e-5
    )
