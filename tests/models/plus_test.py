"""The network `plus` against its formula, one user and one video at a time."""

import pathlib

import jax
import jax.numpy as jnp
import networks
import numpy as np
import plain_model
import pytest
import worlds
from saved_states import run_python

from dynrec_jax import objective, predict, train
from dynrec_jax.data import batches
from dynrec_jax.data.video_facts import VideoFacts
from dynrec_jax.models import network, plus, watch_bag
from dynrec_jax.parallel import devices

pytestmark = pytest.mark.usefixtures('quick_compile')
V, L, MEMBERS, HIDDEN = worlds.VIDEOS, 12, 3, 5
SMALL = {'plus.members': MEMBERS, 'plus.hidden': HIDDEN}
NO_DROPOUT = {'input_dropout': 0.0, 'dropout': 0.0, 'row_dropout': 0.0}
OPTIONS = {
  'all': {'content': 'all', 'mean': 'all'},
  'half': {'content': 'half', 'reads_interest': True, 'mean': 'border'},
  'none': {'content': 'none', 'mean': 'all'},
  'border': {'content': 'all', 'mean': 'border'},
  'interest': {'reads_watches': False, 'reads_interest': True},
}


def study_of(settings, batch_size=8):
  config = networks.config_of(settings | SMALL, 'plus')
  config.train.batch_size = batch_size  # the method's own is larger
  return worlds.Study(config)


@pytest.fixture(scope='module')
def single(tiny_settings, quick_compile):
  del quick_compile
  return study_of(tiny_settings)


@pytest.fixture(scope='module')
def cross(tmp_path_factory, quick_compile):
  del quick_compile
  return study_of(networks.cross_settings(tmp_path_factory.mktemp('cross')))


def bag_of(study, plain, user, session):
  """x, the user's watches before the end of a session."""
  bag = np.zeros(V)
  span = plain.borders[-1] - plain.borders[0]
  for time, video in plain.known(user, session):
    age = (plain.borders[session] - time) / (span / L)
    bag[video] += np.exp(-study.config.interest.decay * age)
  return bag / np.sqrt(max(bag.sum(), 1e-6))


def expected(study, net, params, user, session):
  """[V] the logits of a user at the end of a session, in float64."""
  plain = plain_model.PlainModel(study, params)
  p, q = plain.p, plain.p['content']
  means = p['mean_bag'] if net.mean == 'all' else p['mean_bag'][:, session - 1]
  x = bag_of(study, plain, user, session) - means
  u = plain.interest(user, session) - p['mean_interest']
  logits = p['calendar'][:, session - 1].copy()
  for n in range(net.members):
    content = {'all': True, 'none': False, 'half': n % 2 == 0}[net.content]
    hidden = np.zeros(net.hidden_size)
    if net.reads_watches:
      for video in range(V):
        hidden += x[video] * p['input'][n, video]
        if content:
          hidden += x[video] * (q[video] @ p['content_input'][n])
    if net.reads_interest:
      hidden += u @ p['interest_input'][n]
    g = np.tanh(hidden)
    for video in range(V):
      row = p['output'][n, video]
      if content:
        row = row + q[video] @ p['content_output'][n]
      logits[video] += row @ g / net.members
  return logits


def run_forward(study, net, params, batch, key=None):
  """As in a training step, which has a device's rows to count."""
  features = jax.tree.map(jnp.asarray, study.prepared.features)

  def run(params, batch, key):
    return net.forward(
      params,
      features,
      batch.sequences,
      batch.history,
      product_dtype=None,
      key=key,
    )[:2]

  if key is None:
    return jax.jit(run)(params, batch, None)
  step = devices.data_parallel(run, split=(False, True, False))
  return step(params, jax.tree.map(lambda x: np.asarray(x)[None], batch), key)


@pytest.mark.parametrize('option', OPTIONS)
def test_logits_equal_the_formula(option, single):
  net = single.network._replace(**OPTIONS[option])
  params = worlds.random_params(net)
  samples = single.data.samples
  batch, chosen = networks.anchors_of(single, 1)
  states, kernel = run_forward(single, net, params, batch)
  assert states.shape == (len(chosen), MEMBERS * HIDDEN + L)
  assert kernel.shape == (V, MEMBERS * HIDDEN + L)
  logits = np.asarray(states) @ np.asarray(kernel).T
  for row, sample in enumerate(chosen):
    at = int(samples.user[sample]), int(samples.session[sample])
    want = expected(single, net, params, *at)
    np.testing.assert_allclose(logits[row], want, atol=3e-5)
    assert np.ptp(want - np.asarray(params['calendar'])[:, at[1] - 1]) > 0.1


@pytest.mark.parametrize('option', OPTIONS)
def test_a_step_that_leaves_nothing_out_equals_the_formula(option, single):
  """The members' mean; a step sums in another order than what serves."""
  net = single.network._replace(**OPTIONS[option], **NO_DROPOUT)
  params = worlds.random_params(net)
  samples = single.data.samples
  batch, chosen = networks.anchors_of(single, 1)
  states, kernels = run_forward(single, net, params, batch, jax.random.key(3))
  logits = np.einsum('nbh,nvh->bv', states, kernels) / net.members
  for row, sample in enumerate(chosen):
    at = int(samples.user[sample]), int(samples.session[sample])
    want = expected(single, net, params, *at)
    np.testing.assert_allclose(logits[row], want, atol=3e-5)


@pytest.mark.parametrize('option', OPTIONS)
def test_parts_of_scores_add_up_to_the_formula(option, single):
  """Parts less their means; 'content' where a member has some."""
  net = single.network._replace(**OPTIONS[option])
  params = worlds.random_params(net)
  queries = worlds.make_queries(single, [4, 9], 9, mask_known=False)
  predictor = predict.Predictor(
    net, single.features, single.parts.predictor.settings
  )
  ids = np.array([[3, 0, V - 1], [7, 2, 5]])
  parts = predictor.score_parts(params, queries, ids)
  wanted = {'clock', 'history', 'content'}
  if OPTIONS[option].get('content') == 'none':
    wanted.remove('content')
  assert set(parts) == wanted
  for row, user in enumerate([4, 9]):
    logits = expected(single, net, params, user, 9)
    total = sum(values[row] for values in parts.values())
    np.testing.assert_allclose(
      total, logits[ids[row]] - logits.mean(), atol=2e-4
    )
    clock = np.asarray(params['calendar'])[:, 8]
    np.testing.assert_allclose(
      parts['clock'][row], clock[ids[row]] - clock.mean(), atol=1e-5
    )


def test_members_without_dropout_are_one_when_folded(single):
  """In a step, too, which gives each a loss of its own."""
  net = single.network._replace(**NO_DROPOUT, content='half')
  params = worlds.random_params(net)
  batch, _ = networks.anchors_of(single, 0)
  one, kernel = run_forward(single, net, params, batch)
  states, kernels = run_forward(single, net, params, batch, jax.random.key(0))
  assert states.shape == (MEMBERS, 8, HIDDEN + L)
  assert kernels.shape == (MEMBERS, V, HIDDEN + L)
  each = np.einsum('nbh,nvh->nbv', states, kernels)
  np.testing.assert_allclose(each.mean(axis=0), one @ kernel.T, atol=1e-5)
  assert np.abs(each[0] - each[1]).max() > 0.1


def test_the_loss_is_the_mean_of_the_members_own(single):
  net = single.network._replace(**NO_DROPOUT)
  params = worlds.random_params(net)
  batch, _ = networks.anchors_of(single, 0)
  features = jax.tree.map(jnp.asarray, single.prepared.features)
  key, settings = jax.random.key(0), single.settings
  settings = settings._replace(mask_known=False)

  def run(params):
    terms, _ = objective.loss_terms(net, params, features, batch, settings, key)
    return terms.coherence

  states, kernels = run_forward(single, net, params, batch, key)
  targets = batch.targets
  losses = []
  for own, kernel in zip(states, kernels, strict=True):
    logits = np.asarray(own, np.float64) @ np.asarray(kernel, np.float64).T
    log_p = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    weights = np.asarray(targets.weights) * np.asarray(targets.where)
    losses.append(-(weights * log_p[targets.rows, targets.videos]).sum())
  assert losses[0] != losses[1]
  np.testing.assert_allclose(jax.jit(run)(params), np.mean(losses), rtol=1e-5)


def test_a_user_like_all_others_gets_the_calendar(single):
  params = dict(worlds.random_params(single.network))
  params['output'] *= 100  # whatever else there is to say
  plain = plain_model.PlainModel(single, params)
  user, session = 7, 9
  x = bag_of(single, plain, user, session)
  means = np.array(params['mean_bag'])
  means[:, session - 1] = x
  params['mean_bag'] = jnp.asarray(means)
  queries = networks.queries_of(single, [user], session)
  found = single.parts.predictor.recommender(params)(queries, 9).ids[0]
  column = np.asarray(params['calendar'])[:, session - 1].copy()
  column[[v for _, v in plain.known(user, session)]] = -np.inf
  np.testing.assert_array_equal(found, np.argsort(-column)[:9])
  other = networks.queries_of(single, [user + 1], session)
  assert single.parts.predictor.recommender(params)(other, 9).ids[
    0
  ].tolist() != list(found)


def test_a_video_nobody_has_watched_is_ranked_by_content(single):
  """Its free part says nothing; those of the user's taste come first."""
  net = single.network
  size = net.content_size
  zeros = {name: 0 * x for name, x in worlds.random_params(net).items()}
  taste = np.eye(size, dtype=np.float32)[np.arange(V) // 10]
  maps = np.zeros((MEMBERS, size, HIDDEN), np.float32)
  maps[:, :HIDDEN] = np.eye(HIDDEN)
  params = zeros | {
    'content': jnp.asarray(taste),
    'content_input': jnp.asarray(maps),
    'content_output': jnp.asarray(maps),
  }
  users = np.arange(worlds.USERS)
  queries = networks.queries_of(single, users, 9)
  lists = single.parts.predictor.recommender(params)(queries, 2)
  known = [queries.watches.items_of(row) for row in users]
  for row, (ids, own) in enumerate(zip(lists.ids, known, strict=True)):
    counts = np.bincount(own // 10, minlength=4)
    if len(own) and np.sum(counts == counts.max()) == 1 and counts.max() < 9:
      assert set(ids // 10) == {counts.argmax()}, row
  members = net._replace(content='none')  # which do not know it
  hidden = jax.eval_shape(lambda: members.init(jax.random.key(0)))
  assert hidden.keys() == params.keys()
  batch, _ = networks.anchors_of(single, 0)
  states, kernel = run_forward(single, members, params, batch)
  assert not np.any(states @ kernel.T)


@pytest.mark.parametrize('scenario', ['single', 'cross'])
def test_serving_is_the_training_pass(scenario, request):
  study = request.getfixturevalue(scenario)
  networks.assert_serving_is_training(
    study, worlds.random_params(study.network)
  )


def test_the_cross_network_s_logits_equal_the_formula(cross):
  """Of the interests in tweets alone."""
  net = cross.network
  assert (net.reads_watches, net.reads_interest) == (False, True)
  params = worlds.random_params(net)
  assert not {'input', 'content_input'} & set(params)
  batch, chosen = networks.anchors_of(cross, 0)
  states, kernel = run_forward(cross, net, params, batch)
  samples, p = cross.data.samples, params
  own = cross.data.interest_rows
  logits = np.asarray(states) @ np.asarray(kernel).T
  for row, sample in enumerate(chosen):
    u = own.values[own.offsets[sample + 1] - 1]
    want = np.asarray(p['calendar'])[:, samples.session[sample] - 1].copy()
    for n in range(MEMBERS):
      g = np.tanh((u - p['mean_interest']) @ p['interest_input'][n])
      kernel = p['output'][n]
      if n % 2 == 0:
        kernel = kernel + p['content'] @ p['content_output'][n]
      want += kernel @ g / MEMBERS
    np.testing.assert_allclose(logits[row], want, atol=3e-5)


def test_it_is_a_network_without_arrays(single):
  networks.assert_it_is_a_network(single, network.Network)


def test_padding_counts_nothing(single):
  networks.assert_padding_counts_nothing(
    single, worlds.random_params(single.network)
  )


def test_rows_of_padding_are_of_no_session(single):
  params = worlds.random_params(single.network)
  tables = single.network.tables(params, single.features)
  queries = networks.queries_of(single, [3, 5], 4)
  (block,) = single.parts.predictor._inputs(queries)
  states = single.network.first_states(params, tables, *block)
  calendar = np.asarray(states)[:, MEMBERS * HIDDEN :]
  want = np.zeros_like(calendar)
  want[:2, 3] = 1
  np.testing.assert_array_equal(calendar, want)


def some_facts(net, seed=1):
  rng = np.random.default_rng(seed)
  sizes = ((V, L), (V, net.content_size), net.means_shape, (net.interest_size,))
  return VideoFacts(*(rng.normal(size=s).astype(np.float32) for s in sizes))


@pytest.mark.parametrize('mean', watch_bag.MEANS)
def test_the_parameters(mean):
  net = plus.Plus(V, L, 4, 3, hidden_size=5, members=2, mean=mean)
  key = jax.random.key(0)
  facts = some_facts(net)
  params = net.init(key, facts)
  for name, value in facts._asdict().items():
    np.testing.assert_array_equal(params[name], value)
  assert net.frozen == set(VideoFacts._fields)
  learned, _ = network.split_params(net, params)
  assert {name: x.shape for name, x in learned.items()} == {
    'input': (2, V, 5),
    'output': (2, V, 5),
    'content_input': (2, 4, 5),
    'content_output': (2, 4, 5),
  }
  of_interest = net._replace(reads_interest=True).init(key, facts)
  assert of_interest['interest_input'].shape == (2, 3, 5)
  alone = net._replace(reads_interest=True, reads_watches=False)
  assert set(alone.init(key)) - net.frozen == {
    'output',
    'content_output',
    'interest_input',
  }
  # Shapes follow from the network, as a checkpoint's template needs it.
  empty = net.init(key)
  assert jax.tree.map(jnp.shape, empty) == jax.tree.map(jnp.shape, params)
  assert not any(np.any(empty[name]) for name in net.frozen)
  np.testing.assert_array_equal(empty['input'], params['input'])
  assert not np.array_equal(params['input'][0], params['input'][1])
  assert not np.array_equal(params['input'], params['output'])


@pytest.mark.parametrize('mean', watch_bag.MEANS)
def test_more_videos_leave_the_others_as_they_are(mean):
  """Their rows are of content alone, in the softmax and in the bag."""
  net = plus.Plus(V, L, 4, 3, hidden_size=5, members=2, mean=mean)
  params = net.init(jax.random.key(0), some_facts(net))
  rng = np.random.default_rng(2)
  content, rates = rng.normal(size=(3, 4)), rng.normal(size=3)
  more, grown = plus.with_videos(net, params, content, rates)
  assert more == net._replace(video_count=V + 3)
  shapes = jax.eval_shape(lambda: more.init(jax.random.key(0)))
  assert jax.tree.map(jnp.shape, grown) == jax.tree.map(jnp.shape, shapes)
  before = np.asarray(net.tables(params, None).output_kernel)
  after = np.asarray(more.tables(grown, None).output_kernel)
  np.testing.assert_array_equal(after[:V], before)
  want = content @ np.asarray(params['content_output'][0]) / 2
  np.testing.assert_allclose(after[V:, :5], want, atol=1e-6)
  assert not after[V:, 5:10].any()  # a member without content
  np.testing.assert_allclose(after[V:, -1], rates, rtol=1e-6)
  assert not grown['input'][:, V:].any()
  assert not grown['mean_bag'][V:].any()
  twice = plus.with_videos(
    *plus.with_videos(net, params, content[:1], rates[:1]),
    content[1:],
    rates[1:],
  )
  jax.tree.map(np.testing.assert_array_equal, twice, (more, grown))


def test_members_and_steps_drop_by_themselves(single):
  """Free parts at the rate of rows, of which content is never dropped."""
  net = single.network._replace(
    **NO_DROPOUT | {'row_dropout': 0.25}, members=2, content='all'
  )
  params = worlds.random_params(net)
  batch, _ = networks.anchors_of(single, 0)
  rows = []
  for seed in (0, 1):
    key = jax.random.key(seed)
    _, kernels = run_forward(single, net, params, batch, key)
    for n in range(2):
      own = np.asarray(kernels[n, :, :HIDDEN])
      free = own - params['content'] @ params['content_output'][n]
      kept = np.abs(free).max(axis=1) > 1e-4
      want = np.where(kept[:, None], params['output'][n] / 0.75, 0)
      np.testing.assert_allclose(free, want, atol=1e-5)
      rows.append(kept)
  assert 0.55 < np.mean(rows) < 0.9
  assert len({tuple(x) for x in rows}) == 4


def steps_of(study, count, optimizer='adamw'):
  """Parameters after some steps with all dropout, from facts and on."""
  net = study.network
  facts = some_facts(net, 2)
  optimizer = train.make_optimizer(
    optimizer, learning_rate=0.05, weight_decay=0.01
  )
  step = train.make_train_step(
    net, optimizer, study.settings, reduction='mean', average=0.9
  )
  step = train.balanced(step, study.balance, 3)
  state = train.init_state(net, optimizer, 3, facts, averaged=True)
  state, losses = devices.replicate(state), []
  stream = batches.batches(study.data, study.spec)
  for _ in range(count):
    state, metrics = step(state, study.features, next(stream))
    losses.append(float(metrics['loss']))
  return jax.tree.map(np.asarray, state), facts, losses


@pytest.mark.parametrize('optimizer', train.OPTIMIZERS)
def test_facts_stay_what_they_are(optimizer, single):
  state, facts, _ = steps_of(single, 3, optimizer)
  for params in (state.params, state.average):
    for name, value in facts._asdict().items():
      np.testing.assert_array_equal(params[name], value)
  fresh, _, _ = steps_of(single, 0)
  learned, _ = network.split_params(single.network, state.params)
  for name, value in learned.items():
    assert not np.array_equal(value, fresh.params[name]), name


def test_it_learns(single):
  """The same anchors again and again, with all that is dropped."""
  net = single.network
  batch, _ = networks.anchors_of(single, 0)
  optimizer = train.make_optimizer('adam', learning_rate=0.03, weight_decay=0)
  step = train.make_train_step(
    net, optimizer, single.settings, reduction='mean'
  )
  step = train.balanced(step, single.balance, 3)
  state = devices.replicate(train.init_state(net, optimizer, 3))
  batch = jax.tree.map(lambda x: np.asarray(x)[None], batch)
  losses = []
  for _ in range(60):
    state, metrics = step(state, single.features, batch)
    losses.append(float(metrics['loss']))
  # What is left is for the most part that one state has many targets.
  assert np.mean(losses[-10:]) < 0.85 * np.mean(losses[:3])


def save_steps(root, path):
  """Some steps, into a file."""
  study = study_of(worlds.tiny_settings(root / 'folder', root))
  state, _, losses = steps_of(study, 5, 'sgd')
  np.savez(path, **state.params, losses=np.array(losses))


@pytest.mark.slow
def test_2_devices_take_the_step_of_one(tiny_root, tmp_path):
  """Whatever is dropped, and whichever videos a device's table holds."""
  here = pathlib.Path(__file__).parent
  process = run_python(
    f"""
    import pathlib, sys
    sys.path[:0] = [{str(here)!r}, {str(here.parent)!r}]
    import jax, plus_test
    from dynrec_jax.parallel import devices
    assert devices.device_count() == 2
    jax.config.update('jax_disable_most_optimizations', True)
    root, here = pathlib.Path({str(tiny_root)!r}), pathlib.Path(DIRECTORY)
    plus_test.save_steps(root, here / '2.npz')
    """,
    tmp_path,
    devices=2,
    wait=False,
  )
  save_steps(tiny_root, tmp_path / '1.npz')
  output, _ = process.communicate(timeout=300)
  assert process.returncode == 0, output
  one, two = (np.load(tmp_path / name) for name in ('1.npz', '2.npz'))
  for name in one:
    np.testing.assert_allclose(
      one[name], two[name], rtol=1e-5, atol=1e-5, err_msg=name
    )
