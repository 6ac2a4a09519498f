"""theta, and what each loss term trains of it."""

import jax
import jax.numpy as jnp
import networks
import numpy as np
import pytest
import worlds

from dynrec_jax.losses import LossTerms
from dynrec_jax.models.dynamic import Dynamic
from dynrec_jax.models.theta import Theta

SIZES = {
  'video_count': 7,
  'visual_size': 5,
  'text_size': 4,
  'topic_count': 3,
  'embed_size': 2,
  'hidden_size': 6,
}
THETA = {
  'visual_kernel': (5, 2),
  'text_kernel': (4, 2),
  'interest_kernel': (3, 2),
  'video_kernel': (4, 2),
  'gru/input_kernel': (2, 18),
  'gru/recurrent_kernel': (6, 18),
  'output_kernel': (7, 6),
}
# SPEC: which parameters each term trains.
CONTENT = {'visual_kernel', 'text_kernel'}
INTEREST = CONTENT | {'interest_kernel', 'video_kernel'}
STATE = INTEREST | {'gru/input_kernel', 'gru/recurrent_kernel'}
TRAINED = {
  'coherence': STATE | {'output_kernel'},
  'semantic': CONTENT,
  'interest': INTEREST,
  'relevance': STATE,
}


def shapes_of(**changes):
  model = Theta(**SIZES, **changes)
  params = jax.eval_shape(lambda: model.init(jax.random.key(0)))
  assert set(params) == {'params'}
  return {
    name: x.shape for name, x in networks.by_name(params['params']).items()
  }


def test_the_parameters_are_exactly_theta():
  assert shapes_of() == THETA


def test_biases_only_where_asked_for():
  assert shapes_of(gru_bias=True) == THETA | {'gru/bias': (18,)}
  assert shapes_of(softmax_bias=True) == THETA | {'output_bias': (7,)}


def test_initial_values():
  """Glorot uniform; orthogonal recurrent gates (A19); biases 0."""
  model = Theta(**SIZES, gru_bias=True, softmax_bias=True)
  params = networks.by_name(model.init(jax.random.key(1))['params'])
  for name in set(THETA) - {'gru/recurrent_kernel'}:
    rows, columns = THETA[name]
    gates = 3 if name == 'gru/input_kernel' else 1
    bound = np.sqrt(6 / (rows + columns / gates))
    largest = np.abs(params[name]).max()
    assert 0.5 * bound < largest <= bound, name
  for gate in np.split(params['gru/recurrent_kernel'], 3, axis=1):
    np.testing.assert_allclose(gate @ gate.T, np.eye(6), atol=1e-5)
  assert not np.any(params['gru/bias'])
  assert not np.any(params['output_bias'])
  again = model.init(jax.random.key(1))['params']
  jax.tree.map(np.testing.assert_array_equal, networks.by_name(again), params)


def embed(embed_norm, dtype=np.float32):
  model = Theta(**SIZES, embed_norm=embed_norm)
  params = worlds.random_params(Dynamic(model, 'sum_weights'))
  rng = np.random.default_rng(0)
  visual = rng.normal(size=(4, 5)).astype(dtype)
  text = rng.normal(size=(4, 4)).astype(dtype)
  has_visual = jnp.array([True, True, False, False])
  has_text = jnp.array([True, False, True, False])
  theta = model.bind({'params': params})
  found = theta.embed(jnp.array(visual), jnp.array(text), has_visual, has_text)
  v = visual.astype(np.float64) @ np.asarray(
    params['visual_kernel'], np.float64
  )
  t = text.astype(np.float64) @ np.asarray(params['text_kernel'], np.float64)
  v[2:] = 0
  t[[1, 3]] = 0
  return found, v, t


@pytest.mark.parametrize('dtype', [np.float32, np.float16])
def test_a_missing_modality_is_a_zero_half(dtype):
  found, v, t = embed('loss_only', dtype)
  np.testing.assert_allclose(found.visual, v, atol=1e-5)
  np.testing.assert_allclose(found.text, t, atol=1e-5)
  np.testing.assert_allclose(
    found.content, np.concatenate([v, t], axis=1), atol=1e-5
  )
  assert found.content.dtype == np.float32


def test_everywhere_means_unit_halves():
  found, v, t = embed('everywhere')
  v[:2] /= np.linalg.norm(v[:2], axis=1, keepdims=True)
  t[[0, 2]] /= np.linalg.norm(t[[0, 2]], axis=1, keepdims=True)
  np.testing.assert_allclose(
    found.content, np.concatenate([v, t], axis=1), atol=1e-5
  )
  # Eq (1) normalises by itself: it gets the vectors as they are.
  np.testing.assert_allclose(found.visual, embed('loss_only')[1], atol=1e-5)


def test_unknown_embed_norm_is_an_error():
  model = Theta(**SIZES, embed_norm='nowhere')
  with pytest.raises(
    ValueError, match="'nowhere'; valid are everywhere, loss_"
  ):
    model.init(jax.random.key(0))


@pytest.fixture(scope='module')
def gradients(study, quick_compile):
  """Per term, the gradient of its sum over a batch, by parameter."""
  del quick_compile
  params = worlds.random_params(study.network)
  return networks.gradients_of(study, params)


@pytest.mark.parametrize('term', LossTerms._fields)
def test_each_term_trains_exactly_the_parameters_of_the_paper(term, gradients):
  trained = {name for name, g in gradients[term].items() if np.any(g)}
  assert trained == TRAINED[term]
  assert all(np.all(np.isfinite(g)) for g in gradients[term].values())
  for name in trained & {'gru/input_kernel', 'gru/recurrent_kernel'}:
    for gate in np.split(gradients[term][name], 3, axis=1):
      assert np.all(np.any(gate, axis=1)), name  # z, r and candidate, all rows
