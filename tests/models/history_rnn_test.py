"""RNN and RNN-Sem, in both networks, against loops and against serving."""

import jax
import jax.numpy as jnp
import networks
import numpy as np
import plain_model
import pytest
import worlds

from dynrec_jax.data import batches, histories
from dynrec_jax.models import history_rnn, network
from dynrec_jax.study import method_config, text_content

pytestmark = pytest.mark.usefixtures('quick_compile')
SINGLE = {
  'rnn': {},
  'rnn_sem': {'model.softmax_bias': True, 'seq.max_target_len': 4},
}
CROSS = [
  (name, first)
  for name in ('rnn', 'rnn_sem')
  for first in history_rnn.CROSS_FIRST
]
SIZES = {'video_count': 7, 'text_size': 4, 'hidden_size': 6}
RNN = {
  'gru/input_kernel': (4, 18),
  'gru/recurrent_kernel': (6, 18),
  'output_kernel': (7, 6),
}
SEMANTIC = {'visual_size': 5, 'embed_size': 2}
RNN_SEM = RNN | {'visual_kernel': (5, 2), 'text_kernel': (4, 2)}
GRU = {'gru/input_kernel', 'gru/recurrent_kernel'}
CONTENT = {'visual_kernel', 'text_kernel'}


@pytest.fixture(scope='module', params=SINGLE)
def single(request, tiny_settings, quick_compile):
  del quick_compile
  config = networks.config_of(
    tiny_settings | SINGLE[request.param], request.param
  )
  return worlds.Study(config)


@pytest.fixture(scope='module')
def cross_settings(tmp_path_factory):
  return networks.cross_settings(tmp_path_factory.mktemp('cross'))


@pytest.fixture(scope='module')
def prepared_cross(cross_settings):
  """Of all networks of a run, one."""
  return worlds.Study(networks.config_of(cross_settings, 'model')).prepared


@pytest.fixture(scope='module', params=CROSS, ids='-'.join)
def cross(request, cross_settings, prepared_cross, quick_compile):
  del quick_compile
  name, first = request.param
  config = networks.config_of(cross_settings, name, variants__cross_first=first)
  return worlds.Study(config, prepared_cross)


class PlainCross(plain_model.PlainHistoryRnn):
  """With the tweets' features, of which `first` is the mean."""

  def __init__(self, study, params):
    super().__init__(study, params)
    texts = sorted({text for _, _, text in worlds.tweets()})
    prepared = study.prepared
    rows = text_content.encode_tweets(
      prepared.records, prepared.video_texts, texts, study.config
    )
    self.feature = dict(zip(texts, rows.astype(np.float64), strict=True))

  def first(self, user, session):
    if self.c.variants.cross_first == 'bos':
      return self.p['start']
    end = self.borders[session]
    own = [
      self.feature[text]
      for who, time, text in worlds.tweets()
      if who == user and time < end and self.feature[text].any()
    ]
    size = len(next(iter(self.feature.values())))
    mean = sum(own) / len(own) if own else np.zeros(size)
    if self.c.model.network == 'rnn':
      return mean
    half = plain_model.unit(mean @ self.p['text_kernel'])
    return np.concatenate([np.zeros(len(half)), half])


def assert_states_equal_loops(study, plain, params):
  steps = batches.steps_per_epoch(study.data, study.spec)
  for step in (0, steps - 1):
    batch, chosen = networks.anchors_of(study, step)
    states, logits = networks.training_pass(study, params, batch)
    samples = study.data.samples.take(chosen)
    want = [
      h
      for user, session in zip(samples.user, samples.session, strict=True)
      for h in plain.states(user, session)
    ]
    np.testing.assert_allclose(states, want, atol=2e-5)
    scores = [plain.log_probs(h) for h in want]
    logits = logits.astype(np.float64)
    top = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(top, scores, atol=2e-4)
    terms = networks.terms_of(study, params, batch)
    rows = zip(samples.user, samples.session, strict=True)
    total = sum(plain.coherence(*row) for row in rows)
    np.testing.assert_allclose(terms.coherence, total, rtol=3e-5)
    assert (terms.interest, terms.relevance) == (0, 0)
    has_content = study.config.model.network == 'rnn_sem'
    assert (float(terms.semantic) > 0.01) == has_content


def test_states_and_logits_equal_loops(single):
  params = worlds.random_params(single.network)
  plain = plain_model.PlainHistoryRnn(single, params)
  assert_states_equal_loops(single, plain, params)


@pytest.mark.slow
def test_states_and_logits_equal_loops_in_the_cross_network(cross):
  params = worlds.random_params(cross.network)
  assert_states_equal_loops(cross, PlainCross(cross, params), params)


@pytest.mark.parametrize('session', [1, 9])
def test_lists_equal_a_run_step_by_step(single, session):
  """Of everybody; some have watched nothing after a month."""
  params = worlds.random_params(single.network)
  plain = plain_model.PlainHistoryRnn(single, params)
  queries = networks.queries_of(single, range(worlds.USERS), session)
  assert (np.diff(queries.watches.offsets) == 0).any() == (session == 1)
  found = single.parts.predictor.recommender(params)(queries, 5)
  for user, ids, scores in zip(
    range(worlds.USERS), found.ids, found.scores, strict=True
  ):
    videos, log_p = plain.generate(user, session, 5)
    assert ids.tolist() == videos
    np.testing.assert_allclose(scores, log_p, atol=2e-4)


def test_serving_is_the_training_pass(single):
  params, _ = networks.trained(single, 6)
  networks.assert_serving_is_training(single, params)


@pytest.mark.slow
def test_serving_is_the_training_pass_in_the_cross_network(cross):
  params, _ = networks.trained(cross, 6)
  networks.assert_serving_is_training(cross, params)


def test_it_is_a_network_without_arrays(single):
  networks.assert_it_is_a_network(single, network.Network)


def test_padding_counts_nothing(single):
  params = worlds.random_params(single.network)
  networks.assert_padding_counts_nothing(single, params)


def test_lists_are_of_distinct_videos(single):
  params = worlds.random_params(single.network)
  networks.assert_lists_are_distinct(single, params)


def test_lists_are_of_distinct_videos_in_the_cross_network(cross):
  params = worlds.random_params(cross.network)
  lists = networks.assert_lists_are_distinct(cross, params)
  personal = cross.config.variants.cross_first == 'tweet_text'
  assert (len(np.unique(lists.ids, axis=0)) > 1) == personal


def test_a_user_without_watches_begins_with_zeros(single):
  """So h_1 is 0 without biases: all videos are equal, the lower id first."""
  users = [4]
  params = worlds.random_params(single.network)
  params = {k: v for k, v in params.items() if k != 'output_bias'}
  if single.config.model.softmax_bias:
    params['output_bias'] = jnp.zeros(worlds.VIDEOS)
  queries = networks.queries_of(single, users, 9)
  nothing = histories.no_events(1)
  queries = queries._replace(watches=nothing, behaviours=nothing)
  lists = single.parts.predictor.recommender(params)(queries, 1)
  assert lists.ids[0].tolist() == [0]
  np.testing.assert_allclose(lists.scores[0], -np.log(worlds.VIDEOS), rtol=1e-5)


def test_only_the_latest_watches_are_read(single):
  """`seq.max_target_len` of them, as the training reads them."""
  params = worlds.random_params(single.network)
  tables = jax.jit(single.network.tables)(params, single.features)
  limit = single.config.seq.max_target_len
  queries = networks.queries_of(single, range(worlds.USERS), 12)
  counts = np.diff(queries.watches.offsets)
  (user, *_) = np.flatnonzero(counts > limit)
  whole = networks.first_states(single, params, tables, [user], 12)
  start, end = queries.watches.offsets[user : user + 2]
  ids = queries.watches.item[end - limit : end]
  assert end - start > limit
  h = jnp.zeros((1, single.config.model.D_h))
  for video in ids:
    h = single.network.read_video(tables, h, jnp.array([video]))
  np.testing.assert_allclose(whole, h, atol=1e-6)


def shapes_of(theta):
  params = jax.eval_shape(lambda: theta.init(jax.random.key(0)))
  named = networks.by_name(params['params'])
  return {name: x.shape for name, x in named.items()}


def test_the_parameters_of_each():
  assert shapes_of(history_rnn.TextTheta(**SIZES)) == RNN
  sem = {'gru/input_kernel': (4, 18)}  # 2E = 4
  assert shapes_of(history_rnn.SemanticTheta(**SIZES, **SEMANTIC)) == (
    RNN_SEM | sem
  )


def test_biases_and_a_start_only_where_asked_for():
  found = shapes_of(
    history_rnn.TextTheta(
      **SIZES, first='bos', gru_bias=True, softmax_bias=True
    )
  )
  more = {'start': (4,), 'gru/bias': (18,), 'output_bias': (7,)}
  assert found == RNN | more
  sem = history_rnn.SemanticTheta(**(SIZES | {'text_size': 9}), **SEMANTIC)
  assert shapes_of(sem.clone(first='bos'))['start'] == (4,)
  assert 'start' not in shapes_of(sem.clone(first='tweet_text'))


def test_unknown_choices_are_errors():
  with pytest.raises(
    ValueError, match="first is 'x'; valid are tweet_text, bos, nothing"
  ):
    history_rnn.TextTheta(**SIZES, first='x').init(jax.random.key(0))
  theta = history_rnn.SemanticTheta(**SIZES, **SEMANTIC, embed_norm='x')
  with pytest.raises(ValueError, match="embed_norm is 'x'; valid are"):
    theta.init(jax.random.key(0))


def test_each_term_trains_exactly_the_parameters_named(single):
  """L_rec all of them, L_sem T_v and T_t; the other two are not there."""
  params = worlds.random_params(single.network)
  found = networks.gradients_of(single, params)
  content_of = CONTENT if single.config.model.network == 'rnn_sem' else set()
  bias = {'output_bias'} if single.config.model.softmax_bias else set()
  want = {
    'coherence': GRU | content_of | bias | {'output_kernel'},
    'semantic': content_of,
    'interest': set(),
    'relevance': set(),
  }
  for term, gradients in found.items():
    assert all(np.all(np.isfinite(g)) for g in gradients.values())
    trained = {name for name, g in gradients.items() if np.any(g)}
    assert trained == want[term], term
  assert set(found['coherence']) == want['coherence']


@pytest.mark.slow
def test_a_learned_start_is_trained(cross):
  gradients = networks.gradients_of(cross, worlds.random_params(cross.network))
  learned = cross.config.variants.cross_first == 'bos'
  assert ('start' in gradients['coherence']) == learned
  if learned:
    assert np.all(gradients['coherence']['start'])
  elif cross.config.model.network == 'rnn_sem':
    assert np.any(gradients['coherence']['text_kernel'])


@pytest.mark.slow
def test_it_overfits_20_samples(single, quick_compile):
  """Eq (8) falls towards what a tie of equal histories leaves."""
  del quick_compile
  users = single.split.users.train[:4]
  # All samples in one step.
  config = method_config.changed(single.config, {'train.batch_size': 48})
  study = worlds.Study(config, single.prepared, users=users)
  count = len(study.data.samples.user)
  assert 15 < count < 45
  _, metrics = networks.trained(
    study, 250, optimizer='adam', learning_rate=0.02
  )
  first, last = metrics[0]['loss_coherence'], metrics[-1]['loss_coherence']
  assert last < 0.1 * first
