"""Static-DNN, with each of its losses, against loops and against serving."""

import jax
import jax.numpy as jnp
import networks
import numpy as np
import plain_model
import pytest
import worlds

from dynrec_jax.data import batches, packed
from dynrec_jax.models import network, static_dnn
from dynrec_jax.study import method_config

pytestmark = [pytest.mark.usefixtures('quick_compile'), pytest.mark.slow]
LOSSES = {
  'softmax': {},
  'logistic': {'static.n_neg': 3, 'model.softmax_bias': True},
  'bpr': {'static.n_neg': 2, 'interest.norm': 'l2'},
}
SIZES = {
  'video_count': 7,
  'visual_size': 5,
  'text_size': 4,
  'topic_count': 3,
  'embed_size': 2,
  'hidden_size': 6,
}
CONTENT = {'visual_kernel', 'text_kernel'}
INTEREST = CONTENT | {'interest_kernel', 'video_kernel'}
LAYERS = {f'layer_{i}_{part}' for i in (1, 2, 3) for part in ('kernel', 'bias')}


@pytest.fixture(scope='module', params=LOSSES)
def static(request, tiny_settings, quick_compile):
  del quick_compile
  changes = LOSSES[request.param] | {'static.loss': request.param}
  return worlds.Study(networks.config_of(tiny_settings | changes, 'static_dnn'))


@pytest.fixture(scope='module')
def cross(tmp_path_factory, quick_compile):
  del quick_compile
  settings = networks.cross_settings(tmp_path_factory.mktemp('cross'))
  return worlds.Study(networks.config_of(settings, 'static_dnn'))


def lively(network):
  """Random parameters under which no layer's units are all 0."""
  params = dict(worlds.random_params(network))
  for i in (1, 2, 3):
    params[f'layer_{i}_bias'] = jnp.abs(params[f'layer_{i}_bias'])
  return params


def test_the_method_reads_plain_means(static):
  """No decay in u and u~ (SPEC Sec 8)."""
  assert static.data.decay == 0
  assert static.parts.predictor.settings.inputs.decay == 0
  assert static.parts.predictor.settings.method == 'topk_first'
  if static.config.interest.norm == 'l2':
    return
  samples, topics = static.data.samples, static.prepared.behaviours.topics
  for row in range(0, len(samples.user), 7):
    start = samples.watch_start[row]
    known = static.data.watches.item[start:][: samples.history_count[row]]
    told = topics[known][topics[known].any(axis=1)]
    want = told.mean(axis=0) if len(told) else 0
    own = static.data.interest_rows.values[row]
    np.testing.assert_allclose(own, want, rtol=1e-5)


def expected_coherence(study, plain, chosen, batch):
  """L_rec of the anchors, whichever it is, one prediction at a time."""
  samples = study.data.samples.take(chosen)
  negatives = None
  if study.config.static.loss != 'softmax':
    negatives = iter(np.asarray(batch.targets.negatives))
  total = 0.0
  for user, session in zip(samples.user, samples.session, strict=True):
    h = plain.first_state(user, session)
    scores = plain.p['output_kernel'] @ h + plain.p.get('output_bias', 0)
    for video in plain.targets(user, session):
      match study.config.static.loss:
        case 'softmax':
          total -= plain.log_probs(h)[video]
        case 'logistic':
          total += np.log1p(np.exp(-scores[video]))
          total += np.log1p(np.exp(scores[next(negatives)])).sum()
        case 'bpr':
          gap = scores[video] - scores[next(negatives)]
          total += np.log1p(np.exp(-gap)).sum()
  return total


def test_states_and_terms_equal_loops(static):
  params = lively(static.network)
  plain = plain_model.PlainStaticDnn(static, params)
  samples = static.data.samples
  at = [
    (int(u), int(s)) for u, s in zip(samples.user, samples.session, strict=True)
  ]
  for step in (0, batches.steps_per_epoch(static.data, static.spec) - 1):
    batch, chosen = networks.anchors_of(static, step)
    states, _ = networks.training_pass(static, params, batch)
    want = [h for row in chosen for h in plain.states(*at[row])]
    np.testing.assert_allclose(states, want, atol=2e-5)
    assert np.abs(want).max() > 0.1
    terms = networks.terms_of(static, params, batch)
    drawn = batches.draw_epoch(static.data, static.spec, 3).triplets
    relevance = [
      plain.relevance(*(at[x] for x in (row, p, n)))
      for row, p, n, real in zip(
        chosen,
        drawn.positive[chosen],
        drawn.negative[chosen],
        drawn.where[chosen],
        strict=True,
      )
      if real
    ]
    interest = sum(plain.interest_loss(*at[row]) for row in chosen)
    loss = expected_coherence(static, plain, chosen, batch)
    np.testing.assert_allclose(terms.coherence, loss, rtol=5e-5)
    np.testing.assert_allclose(terms.interest, interest, rtol=5e-5)
    np.testing.assert_allclose(terms.relevance, sum(relevance), rtol=5e-4)
    assert min(map(float, terms)) > 0.01


def test_serving_is_the_training_pass(static):
  params, _ = networks.trained(static, 6, learning_rate=0.05)
  networks.assert_serving_is_training(static, params)


def test_serving_is_the_training_pass_in_the_cross_network(cross):
  params, _ = networks.trained(cross, 6, learning_rate=0.05)
  networks.assert_serving_is_training(cross, params)


def test_it_is_a_network_without_arrays(static):
  networks.assert_it_is_a_network(static, network.Network)


def test_padding_counts_nothing(static):
  networks.assert_padding_counts_nothing(static, lively(static.network))


def test_lists_are_the_top_of_one_softmax(static):
  """Generation, one video after the other, gives the same: no state moves."""
  params = lively(static.network)
  plain = plain_model.PlainStaticDnn(static, params)
  found = networks.assert_lists_are_distinct(static, params)
  config = static.config.copy_and_resolve_references()
  config.decode.method = 'greedy_seq'
  study = worlds.Study(config, static.prepared)
  greedy = networks.assert_lists_are_distinct(study, params)
  np.testing.assert_array_equal(found.ids, greedy.ids)
  np.testing.assert_allclose(found.scores, greedy.scores, atol=1e-5)
  for user, ids in enumerate(found.ids):
    assert ids.tolist() == plain.generate(user, 3, 6)[0]


def test_the_parameters():
  theta = static_dnn.StaticTheta(**SIZES, softmax_bias=True)
  params = jax.eval_shape(lambda: theta.init(jax.random.key(0)))['params']
  found = {name: x.shape for name, x in networks.by_name(params).items()}
  assert found == {
    'visual_kernel': (5, 2),
    'text_kernel': (4, 2),
    'interest_kernel': (3, 2),
    'video_kernel': (4, 2),
    'layer_1_kernel': (2, 6),
    'layer_1_bias': (6,),
    'layer_2_kernel': (6, 6),
    'layer_2_bias': (6,),
    'layer_3_kernel': (6, 6),
    'layer_3_bias': (6,),
    'output_kernel': (7, 6),
    'output_bias': (7,),
  }


def test_each_term_trains_exactly_the_parameters_named(static):
  """As of the paper's network, with the layers for the GRU.

  T_x and the content reach L_int alone: the states read u and nothing else.
  """
  found = networks.gradients_of(static, lively(static.network))
  state = LAYERS | {'interest_kernel'}
  bias = {'output_bias'} if static.config.model.softmax_bias else set()
  if static.config.static.loss == 'bpr':
    assert not bias
  want = {
    'coherence': state | bias | {'output_kernel'},
    'semantic': CONTENT,
    'interest': INTEREST,
    'relevance': state,
  }
  for term, gradients in found.items():
    assert all(np.all(np.isfinite(g)) for g in gradients.values())
    trained = {name for name, g in gradients.items() if np.any(g)}
    assert trained == want[term], term


def test_each_input_s_row_is_its_sequence_s_first():
  """Sequences of 3, 1, 4 and 0 inputs, of interests 2, 0, 1 and 3."""
  lengths = np.array([3, 1, 4, 0])
  packing = packed.Packing(lengths, 5)
  row = np.repeat(np.arange(4), lengths)
  step = np.concatenate([np.arange(n) for n in lengths])
  first = 10 + np.array([2, 0, 1, 3])  # ten videos, then the interests
  token = np.where(step == 0, first[row], 7)
  inputs = packing.pack([(row, step, token)])
  sequences = packed.Sequences(
    video_ids=jnp.arange(10),
    interests=jnp.zeros((4, 3)),
    inputs=jnp.asarray(packed.pad(inputs, 12)),
    step_counts=jnp.asarray(packing.step_counts),
    last=jnp.asarray(packing.last()),
  )
  found = static_dnn.first_rows(sequences)
  places = packing.place(row, step)
  np.testing.assert_array_equal(found[places], first[row] - 10)
  assert found.shape == (12,)
  assert (found >= 0).all()
  assert (found < 4).all()
  np.testing.assert_array_equal(found[sequences.last[:3]], [2, 0, 1])


def test_it_overfits_20_samples(static, quick_compile):
  """One state for all targets: the softmax is left with their entropy."""
  del quick_compile
  users = static.split.users.train[:4]
  alone = {
    'loss.interest_weight': 0.0,
    'loss.relevance_weight': 0.0,
    'train.batch_size': 48,  # all samples in one step
  }
  config = method_config.changed(static.config, alone)
  study = worlds.Study(config, static.prepared, users=users)
  _, metrics = networks.trained(
    study, 250, optimizer='adam', learning_rate=0.02
  )
  counts = study.data.samples.target_count
  assert 15 < len(counts) < 45
  floor = 0.0
  if static.config.static.loss == 'softmax':
    floor = np.mean(counts * np.log(counts))
  first, last = (metrics[i]['loss_coherence'] - floor for i in (0, -1))
  assert last < 0.2 * first
