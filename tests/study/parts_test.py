"""What every door is made of: sizes, padding, places."""

import jax
import networks
import numpy as np
import pytest
import worlds

from dynrec_jax import train
from dynrec_jax.data import batches
from dynrec_jax.features import basis
from dynrec_jax.features.basis import Basis
from dynrec_jax.models import theta
from dynrec_jax.models.dynamic import Dynamic
from dynrec_jax.models.history_rnn import HistoryRnn
from dynrec_jax.models.plus import Plus
from dynrec_jax.models.static_dnn import StaticDnn
from dynrec_jax.parallel import devices
from dynrec_jax.recommender import CannotFit
from dynrec_jax.study import parts, video_columns


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
  content = video_columns.content_columns(study.prepared)
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
  assert found.inputs == (
    'session_chain',
    3,
    2000,
    0.7,
    7 * 86_400.0,
    'l2',
  )
  assert found.inputs.history_mode == 'session_chain'
  assert found.inputs.max_len == 3
  assert found.inputs.unit_secs == 7 * 86_400


@pytest.fixture(scope='module')
def wide(study):
  """The study with each visual number twice: 24 of them, of rank 12."""
  features = study.prepared.features
  twice = np.tile(features.visual.astype(np.float32), 2) * np.float32(0.5**0.5)
  return study.prepared._replace(features=features._replace(visual=twice))


@pytest.fixture
def studies(wide, tiny_settings, tmp_path):
  """A function: settings -> the study as it is given, and in its span."""

  def made(method='model', **changes):
    return [
      worlds.Study(
        networks.config_of(
          tiny_settings,
          method,
          features__basis=of,
          workdir=str(tmp_path),
          **changes,
        ),
        wide,
      )
      for of in ('given', 'span')
    ]

  return made


def run_of(study, optimizer, count=8):
  """The state after some steps, and their metrics."""
  config = study.config
  rule = train.make_optimizer(
    optimizer,
    learning_rate=0.3 if optimizer == 'sgd' else 0.01,
    weight_decay=0.01,
  )
  step = train.make_train_step(
    study.network, rule, study.settings, reduction='mean', average=0.5
  )
  step = train.balanced(step, study.balance, seed=0)
  state = devices.replicate(
    train.init_state(
      study.network,
      rule,
      3,
      averaged=True,
      params=study.parts.first_params(config, 3, None),
    )
  )
  stream, seen = batches.batches(study.data, study.spec), []
  for _ in range(count):
    state, metrics = step(state, study.features, next(stream))
    seen.append({name: float(value) for name, value in metrics.items()})
  return state, seen


def flat(metrics):
  return np.array([list(row.values()) for row in metrics])


@pytest.mark.slow
@pytest.mark.parametrize('method', ['model', 'rnn_sem', 'static_dnn'])
def test_gradient_descent_is_the_same_in_the_span(method, studies):
  """Losses, gradients, parameters and their average, decay included."""
  given, span = studies(method)
  assert given.parts.basis is None
  vectors = span.parts.basis.vectors
  assert vectors.shape == (24, 12)
  assert span.features.visual.shape == (worlds.VIDEOS, 12)
  (one, seen), (two, in_span) = run_of(given, 'sgd'), run_of(span, 'sgd')
  np.testing.assert_allclose(flat(seen), flat(in_span), rtol=1e-5, atol=1e-6)
  for params, other in ((one.params, two.params), (one.read, two.read)):
    assert other['visual_kernel'].shape[0] == 12
    turned = theta.in_basis(params, vectors)
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
      turned,
      other,
    )
  # What is at right angles was there and did nothing but decay.
  kernel = np.asarray(one.params['visual_kernel'])
  first = given.network.init(jax.random.key(3))['visual_kernel']
  outside = np.eye(24) - vectors @ vectors.T
  assert np.abs(outside @ first).max() > 0.05
  decayed = (1 - 2 * 0.01 * 0.3) ** 8 * (outside @ first)
  np.testing.assert_allclose(outside @ kernel, decayed, atol=1e-6)


@pytest.mark.slow
def test_adam_begins_the_same_and_then_takes_other_steps(studies):
  given, span = studies()
  (_, seen), (_, in_span) = run_of(given, 'adam'), run_of(span, 'adam')
  first, other = flat(seen[:1]), flat(in_span[:1])
  np.testing.assert_allclose(first, other, rtol=1e-5)  # the gradient's norm too
  assert not np.allclose(flat(seen)[1:, 0], flat(in_span)[1:, 0], rtol=1e-5)


@pytest.mark.parametrize('method', ['model', 'rnn_sem'])
def test_serving_reads_the_features_as_they_are(method, studies):
  """Lists and scores are the same; T_v is of all 24 numbers again."""
  _, span = studies(method)
  params = run_of(span, 'sgd')[0].params
  queries = networks.queries_of(span, range(worlds.USERS), 6)
  inside = span.parts.predictor.recommender(params)(queries, 5)
  served = span.parts.serving(span.config, params)(queries, 5)
  np.testing.assert_array_equal(inside.ids, served.ids)
  np.testing.assert_allclose(inside.scores, served.scores, rtol=1e-5)
  vectors = span.parts.basis.vectors
  restored = theta.over_given(params, vectors)
  assert restored['visual_kernel'].shape == (24, span.config.model.embed_size)
  # A new video is embedded by what it shares with those that were there.
  rng = np.random.default_rng(0)
  strange = (np.eye(24) - vectors @ vectors.T) @ rng.normal(size=24)
  known = span.prepared.features.visual[1]
  np.testing.assert_allclose(
    (known + strange) @ restored['visual_kernel'],
    span.parts.basis.coordinates(known[None])[0] @ params['visual_kernel'],
    atol=1e-5,
  )


def test_networks_without_t_v_are_as_they_were(studies):
  given, span = studies('rnn')
  assert span.network == given.network
  one, two = (s.parts.first_params(s.config, 3, None) for s in (given, span))
  jax.tree.map(np.testing.assert_array_equal, one, two)
  params = worlds.random_params(span.network)
  queries = networks.queries_of(span, range(9), 6)
  lists = [
    make(params)(queries, 5)
    for make in (
      given.parts.predictor.recommender,
      lambda params: span.parts.serving(span.config, params),
    )
  ]
  np.testing.assert_array_equal(lists[0].ids, lists[1].ids)


def test_the_basis_lies_with_the_run_and_is_read_again(
  studies, tmp_path, monkeypatch
):
  """Checkpoints mean nothing in another basis of the same span."""
  _, span = studies()
  assert len(list(tmp_path.glob('basis-*.npz'))) == 1
  turned = Basis(-span.parts.basis.vectors, 1.0)
  monkeypatch.setattr(basis, 'find_basis', lambda *unused: turned)
  again = parts.make_parts(span.config, span.prepared).basis
  np.testing.assert_array_equal(again.vectors, span.parts.basis.vectors)
  # Of other features, or of another share of them, it is another one.
  config = span.config.copy_and_resolve_references()
  config.features.kept = 0.9
  other = parts.make_parts(config, span.prepared).basis
  np.testing.assert_array_equal(other.vectors, turned.vectors)


def test_a_share_of_the_energy_is_fewer_directions(studies, caplog):
  caplog.set_level('INFO')
  _, span = studies(features__kept=0.9)
  rank = span.parts.basis.vectors.shape[1]
  assert rank < 12
  assert 0.9 <= span.parts.basis.kept < 1
  assert f'rank {rank} of 24 numbers' in caplog.text
  assert f'{span.parts.basis.kept:.7f} of their energy' in caplog.text


def test_features_of_full_rank_stay(study, tiny_settings, tmp_path, caplog):
  caplog.set_level('INFO')
  config = worlds.tiny_config(
    tiny_settings, features__basis='span', workdir=str(tmp_path)
  )
  for _ in range(2):  # computed, and read again
    made = parts.make_parts(config, study.prepared)
    assert made.basis is None
    np.testing.assert_array_equal(
      made.features.visual, study.prepared.features.visual
    )
  assert '12 numbers are of full rank' in caplog.text


def test_parts_of_one_study_share_the_basis(studies):
  _, span = studies()
  other = parts.make_parts(span.config, span.prepared, span.parts)
  assert other.basis is span.parts.basis
  assert other.features is span.parts.features
  assert other.network == span.network


def test_a_catalogue_over_devices_refuses_who_reads_it_whole(
  study, tiny_settings
):
  """Of several methods the others go on, see `contenders`."""
  config = worlds.tiny_config(tiny_settings, parallel__catalogue='sharded')
  made = parts.make_parts(config, study.prepared)
  assert made.cut.video_count == worlds.VIDEOS
  config.model.network = 'plus'
  with pytest.raises(
    CannotFit, match=r'^model\.network=plus reads the catalog'
  ):
    parts.make_parts(config, study.prepared, made)
  config.model.network = 'static_dnn'
  config.static.loss = 'bpr'
  with pytest.raises(CannotFit, match=r'static_dnn .* with a loss of sampled'):
    parts.make_parts(config, study.prepared, made)
