"""The training step: updates, devices, averages; and the loop over it."""

import functools
import os
import pathlib
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import networks
import numpy as np
import optax
import pytest
import worlds
from bag_network import BagNetwork
from loop_runs import fit, latest, records
from saved_states import run_python

from dynrec_jax import checkpoint, objective, train
from dynrec_jax.data import batches
from dynrec_jax.data.batch import Candidates
from dynrec_jax.data.video_facts import VideoFacts
from dynrec_jax.features import catalogue
from dynrec_jax.losses import LossTerms, LossWeights
from dynrec_jax.models.plus import Plus
from dynrec_jax.parallel import devices
from dynrec_jax.study import split_run, training_data
from dynrec_jax.study.parts import make_network

pytestmark = pytest.mark.usefixtures('quick_compile')
TERMS = [f'loss_{name}' for name in LossTerms._fields]


@pytest.fixture(scope='module')
def sgd(study, quick_compile):
  """An optimiser and its compiled step."""
  del quick_compile
  optimizer = train.make_optimizer('sgd', learning_rate=0.3, weight_decay=0.002)
  return optimizer, make_step(study, optimizer)


def make_step(study, optimizer, *, average=0.0, **changes):
  step = train.make_train_step(
    study.network,
    optimizer,
    study.settings._replace(cut=study.parts.cut, **changes),
    reduction='mean',
    average=average,
  )
  return train.balanced(step, study.balance, seed=5)


def fresh(study, optimizer, *, averaged=False):
  return study.parts.place(
    train.init_state(study.network, optimizer, seed=5, averaged=averaged)
  )


def run_steps(study, optimizer, step_fn, count, first=0):
  """The state after `count` steps, and every step's metrics."""
  state, seen = fresh(study, optimizer), []
  stream = batches.batches(study.data, study.spec, first)
  for _ in range(count):
    state, metrics = step_fn(state, study.features, next(stream))
    seen.append({name: float(value) for name, value in metrics.items()})
  return state, seen


def check_near(a, b, **tolerance):
  jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, **tolerance), a, b)


def check_equal(a, b):
  jax.tree.map(np.testing.assert_array_equal, a, b)


def test_a_step_of_sgd_is_the_paper_s(study, sgd):
  """theta - lr (dL + 2 lambda_4 theta): |theta|^2 has no 1/2."""
  optimizer, step_fn = sgd
  batch = next(batches.batches(study.data, study.spec))
  before = jax.tree.map(np.asarray, fresh(study, optimizer).params)
  own = jax.tree.map(lambda x: jnp.asarray(x[0]), batch)
  features = catalogue.Features(*map(jnp.asarray, study.prepared.features))
  counts = objective.term_counts(own)

  @jax.jit
  def total(params):
    terms, _ = objective.loss_terms(
      study.network, params, features, own, study.settings
    )
    rec, sem, dist, rel = (t / n for t, n in zip(terms, counts, strict=True))
    return rec + 0.2 * sem + 0.4 * dist + 0.2 * rel

  loss, grads = jax.value_and_grad(total)(before)
  state, metrics = step_fn(fresh(study, optimizer), study.features, batch)
  want = jax.tree.map(lambda p, g: p - 0.3 * (g + 2 * 0.002 * p), before, grads)
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
    state.params,
    want,
  )
  assert int(state.step) == 1
  np.testing.assert_allclose(metrics['loss'], loss, rtol=1e-5)
  np.testing.assert_allclose(
    metrics['gradient_norm'], optax.tree.norm(grads), rtol=1e-5
  )
  parts = [float(metrics[name]) for name in TERMS]
  np.testing.assert_allclose(
    metrics['loss'], np.dot(parts, [1, 0.2, 0.4, 0.2]), rtol=1e-5
  )


@pytest.mark.parametrize('rule', ['sgd', 'adam', 'adamw'])
@pytest.mark.parametrize(
  ('network', 'undecayed'),
  [
    ('dynamic', {'bias', 'output_bias'}),
    ('rnn', {'bias', 'output_bias', 'start'}),
    ('rnn_sem', {'bias', 'output_bias', 'start'}),
    ('static_dnn', {*(f'layer_{i}_bias' for i in (1, 2, 3)), 'output_bias'}),
    ('plus', set()),
  ],
)
def test_matrices_decay_and_nothing_else(network, undecayed, rule, study):
  """Without a gradient, what moves is what lambda_4 moves."""
  config = study.config.copy_and_resolve_references()
  config.update_from_flattened_dict(
    {
      'model.network': network,
      'model.gru_bias': True,
      'model.softmax_bias': True,
      'variants.cross_first': 'bos',
      'scenario': 'cross' if network.startswith('rnn') else 'single',
    }
  )
  optimizer = train.make_optimizer(rule, learning_rate=0.1, weight_decay=0.3)
  made = make_network(config, study.prepared)
  params, _ = train.split_params(
    made, jax.tree.map(lambda x: x + 1, worlds.random_params(made))
  )
  nothing = jax.tree.map(jnp.zeros_like, params)
  updates, _ = optimizer.update(nothing, optimizer.init(params), params)
  moved = {
    name_of(path): bool(np.any(np.asarray(leaf)))
    for path, leaf in jax.tree_util.tree_leaves_with_path(updates)
  }
  assert {name for name, moves in moved.items() if not moves} == undecayed
  assert sum(moved.values()) >= 3


def name_of(path):
  """The last part of where a parameter stands."""
  return re.split(r"[.\[\]']+", jax.tree_util.keystr(path).strip(".[]'"))[-1]


def test_adam_sees_the_decay_too():
  params = {'x': jnp.array([[3.0, -2.0]])}
  optimizer = train.make_optimizer('adam', learning_rate=0.5, weight_decay=0.1)
  updates, _ = optimizer.update(
    {'x': jnp.array([[-0.6, 0.1]])}, optimizer.init(params), params
  )
  # Gradients -0.6 + 0.6 = 0 and 0.1 - 0.4 < 0; Adam's first step is its sign.
  np.testing.assert_allclose(updates['x'], [[0, 0.5]], atol=1e-4)


def test_adamw_decays_beside_adam():
  """Against its recursion written out: no factor 2, no scaling of the decay."""
  optimizer = train.make_optimizer('adamw', learning_rate=0.1, weight_decay=0.5)
  theta = np.array([[3.0, -2.0]])
  params = {'x': jnp.asarray(theta, jnp.float32)}
  state = optimizer.init(params)
  m, v = np.zeros((1, 2)), np.zeros((1, 2))
  for t in range(1, 5):
    gradient = np.array([[0.3 * t, -4.0 / t]])
    m, v = 0.9 * m + 0.1 * gradient, 0.999 * v + 0.001 * gradient**2
    adam = (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
    theta = theta - 0.1 * (adam + 0.5 * theta)
    updates, state = optimizer.update(
      {'x': jnp.asarray(gradient, jnp.float32)}, state, params
    )
    params = optax.apply_updates(params, updates)
    np.testing.assert_allclose(params['x'], theta, rtol=2e-5)


def test_unknown_optimizer_is_an_error():
  with pytest.raises(ValueError, match=r"'lion'; valid are sgd, adam, adamw$"):
    train.make_optimizer('lion', learning_rate=1.0, weight_decay=0.0)


ON_8_DEVICES = """
import pathlib, sys
sys.path.insert(0, sys.argv[1])
import jax, numpy as np
import train_test, worlds
from dynrec_jax import packed_gru
from dynrec_jax.parallel import devices
assert devices.device_count() == 8
packed_gru._TIERS = 2
jax.config.update('jax_disable_most_optimizations', True)
train_test.save_run(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
"""


# A softmax over a sample of the videos.
SAMPLED = {'loss__coherence': 'sampled_softmax', 'loss__shared': 10}


def save_run(root, path):
  """20 steps in both ways of drawing negatives and partners, into a file.

  And of a softmax over some of the videos.
  """
  out = {}
  for negative, changes in {
    'uniform': {},
    'in_batch': {'sem__negative': 'in_batch'},
    'partners': {'rel__partners': 'in_batch'},
    'sampled': SAMPLED,
    'sampled_cut': SAMPLED | {'parallel__catalogue': 'sharded'},
  }.items():
    settings = worlds.tiny_settings(root / 'folder', root)
    config = worlds.tiny_config(settings, **changes)
    study = worlds.Study(config)
    optimizer = train.make_optimizer(
      'sgd', learning_rate=0.3, weight_decay=0.002
    )
    # From step 40 on: step 48 ends the epoch with 5 samples on 8 devices.
    state, seen = run_steps(
      study, optimizer, make_step(study, optimizer), 20, first=40
    )
    out |= {
      f'{negative}/{jax.tree_util.keystr(path)}': leaf
      for path, leaf in jax.tree_util.tree_leaves_with_path(state.params)
    }
    for name in seen[0]:
      out[f'{negative}/{name}'] = np.array([row[name] for row in seen])
  np.savez(path, **out)


@pytest.mark.slow
def test_8_devices_equal_one(tiny_root, tmp_path, study):
  flags = os.environ.get('XLA_FLAGS', '')
  flags += ' --xla_force_host_platform_device_count=8'
  here = str(pathlib.Path(__file__).parent)
  arguments = [here, str(tiny_root), str(tmp_path / '8.npz')]
  eight = subprocess.Popen(
    [sys.executable, '-c', ON_8_DEVICES, *arguments],
    env=os.environ | {'XLA_FLAGS': flags, 'NPROC': '8'},
    stderr=subprocess.PIPE,
    text=True,
  )
  save_run(tiny_root, tmp_path / '1.npz')
  _, errors = eight.communicate(timeout=300)
  assert eight.returncode == 0, errors
  one, eight = (np.load(tmp_path / name) for name in ('1.npz', '8.npz'))
  assert set(one) == set(eight)
  for name in one:
    np.testing.assert_allclose(
      one[name], eight[name], rtol=1e-5, atol=1e-5, err_msg=name
    )
  assert not np.allclose(one['uniform/loss'], one['in_batch/loss'], rtol=1e-3)
  for name in one:  # of a catalogue that is cut, sampled rows are the same
    if name.startswith('sampled/'):
      cut = eight[name.replace('sampled/', 'sampled_cut/')]
      np.testing.assert_allclose(cut, one[name], rtol=1e-5, atol=1e-5)
  assert (one['partners/loss_relevance'] > 0).sum() > 5
  # The last batch is not full: some devices have less to do, or nothing.
  assert 0 < len(study.data.samples.user) % study.spec.batch_size < 8


def sampled_step(study, optimizer, coherence='sampled_softmax'):
  """A step, and a state with parameters without a zero."""
  step = make_step(study, optimizer, coherence=coherence)
  params = worlds.random_params(study.network)
  state = train.init_state(study.network, optimizer, 0, params=params)
  return step, devices.replicate(state)


@pytest.mark.slow
def test_a_sampled_softmax_of_all_rows_is_the_dense_step(study):
  """Twice, so that the optimiser's state counts; norms and losses as well."""
  optimizer = train.make_optimizer('adam', learning_rate=0.1, weight_decay=0.02)
  batch = next(batches.batches(study.data, study.spec))
  everything = batch._replace(
    candidates=Candidates(
      videos=np.arange(worlds.VIDEOS + 3, dtype=np.int32)[None],
      log_weights=np.array([[0.0] * worlds.VIDEOS + [-1e30] * 3], np.float32),
      targets=batch.targets.videos,
    )
  )
  pair = []
  for coherence, own in (('softmax', batch), ('sampled_softmax', everything)):
    step, state = sampled_step(study, optimizer, coherence)
    state, first = step(state, study.features, own)
    pair.append((first, *step(state, study.features, own)))
  check_near(*pair, rtol=1e-4, atol=2e-6)


@pytest.mark.slow
def test_a_sampled_step_touches_the_rows_that_came_up(tiny_root):
  """Of T_p, its bias and the moments of both; the rest moves as ever."""
  settings = worlds.tiny_settings(tiny_root / 'folder', tiny_root)
  changes = SAMPLED | {'model__softmax_bias': True, 'opt__name': 'adam'}
  study = worlds.Study(worlds.tiny_config(settings, **changes))
  optimizer = train.make_optimizer('adam', learning_rate=0.1, weight_decay=0.02)
  batch = next(batches.batches(study.data, study.spec))
  step, state = sampled_step(study, optimizer)
  before = jax.tree.map(np.array, state)  # its buffers are taken over
  after, metrics = step(state, study.features, batch)
  came_up = np.isin(np.arange(worlds.VIDEOS), batch.candidates.videos[0])
  assert 10 < came_up.sum() < worlds.VIDEOS - 5
  leaves = zip(
    jax.tree_util.tree_leaves_with_path(before),
    jax.tree.leaves(after),
    strict=True,
  )
  tables = 0
  for (path, old), new in leaves:
    moved = np.asarray(old) != np.asarray(new)
    if 'output_' in jax.tree_util.keystr(path):
      tables += 1
      moved = moved.reshape(len(moved), -1).any(axis=1)
      np.testing.assert_array_equal(moved, came_up)
    else:
      assert moved.any(), path
  assert tables == 2 * 3  # parameters and two moments
  assert np.isfinite(float(metrics['gradient_norm']))


def test_a_sampled_softmax_needs_rows_of_its_own(study):
  settings = study.settings._replace(coherence='sampled_softmax')
  optimizer = train.make_optimizer('sgd', learning_rate=1.0, weight_decay=0.0)
  plus = Plus(video_count=4, session_count=2, content_size=1, interest_size=1)
  for network, average, words in (
    (plus, 0.0, 'Plus has no output rows'),
    (study.network, 0.5, 'average is 0.5, of all parameters'),
  ):
    with pytest.raises(ValueError, match=words):
      train.make_train_step(
        network, optimizer, settings, reduction='mean', average=average
      )


@pytest.mark.parametrize('method', ['model', 'static_dnn'])
def test_partners_in_the_batch_are_the_same_triplets(method, tiny_root):
  """As with sequences of their own: same losses, and gradients into all three.

  What is drawn is the same; one layout has 3 B sequences, the other B.
  """
  settings = worlds.tiny_settings(tiny_root / 'folder', tiny_root)
  config = networks.config_of(settings, method, rel__partners='in_batch')
  study = worlds.Study(config)
  assert study.spec.partners == 'in_batch'
  optimizer = train.make_optimizer('sgd', learning_rate=1.0, weight_decay=0.0)
  last = batches.steps_per_epoch(study.data, study.spec) - 1
  epoch = batches.draw_epoch(study.data, study.spec, 2)
  # Of the relevance loss alone, from parameters that make it large.
  alone = study.balance._replace(weights=LossWeights(0.0, 0.0, 1e3))
  run = train.make_train_step(
    study.network, optimizer, study.settings, reduction='mean'
  )
  run = train.balanced(run, alone, 0)
  for step in (0, last):
    found = []
    for partners in ('in_batch', 'drawn'):
      spec = study.spec._replace(partners=partners)
      batch = batches.make_batch(study.data, spec, epoch, step)
      assert (
        batch.sequences.last.shape[1] == {'in_batch': 1, 'drawn': 3}[partners]
      )
      state = train.init_state(study.network, optimizer, 0)
      state = state.replace(params=worlds.random_params(study.network))
      state, metrics = run(devices.replicate(state), study.features, batch)
      found.append((state.params, metrics))
    assert float(found[0][1]['loss_relevance']) > 0.1
    jax.tree.map(
      lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5),
      *found,
    )


def bag_steps(study, optimizer, steps, *, rate=0.4, seed=5, state=None):
  """A network that drops out and keeps a calendar: its state, and losses."""
  shape = (worlds.VIDEOS, study.prepared.sessions.count)
  counts = np.random.default_rng(0).integers(9, size=shape)
  calendar = np.log1p(counts).astype(np.float32)
  nothing = np.zeros(0, np.float32)
  facts = VideoFacts(calendar, nothing, nothing, nothing)
  network = BagNetwork(*shape, rate=rate)
  optimizer = train.make_optimizer(
    optimizer, learning_rate=0.1, weight_decay=0.05
  )
  step = train.make_train_step(
    network, optimizer, study.settings, reduction='mean'
  )
  step = train.balanced(step, study.balance, seed)
  if state is None:
    state = train.init_state(network, optimizer, 5, facts)
  state, seen = devices.replicate(state), []
  stream = batches.batches(study.data, study.spec, int(state.step))
  for _ in range(steps):
    state, metrics = step(state, study.features, next(stream))
    seen.append(float(metrics['loss_coherence']))
  return jax.tree.map(np.asarray, state), seen, calendar


def save_bags(root, path):
  """Twelve steps with dropout, into a file."""
  settings = worlds.tiny_settings(root / 'folder', root)
  study = worlds.Study(worlds.tiny_config(settings))
  state, seen, _ = bag_steps(study, 'sgd', 12)
  np.savez(path, **state.params, loss=np.array(seen))


@pytest.mark.slow
def test_2_devices_drop_what_one_drops(tiny_root, tmp_path, study):
  here = str(pathlib.Path(__file__).parent)
  run_python(
    f"""
    import pathlib, sys
    sys.path.insert(0, {here!r})
    import train_test
    from dynrec_jax.parallel import devices
    assert devices.device_count() == 2
    root, here = pathlib.Path({str(tiny_root)!r}), pathlib.Path(DIRECTORY)
    train_test.save_bags(root, here / '2.npz')
    """,
    tmp_path,
    devices=2,
  )
  save_bags(tiny_root, tmp_path / '1.npz')
  one, two = (np.load(tmp_path / name) for name in ('1.npz', '2.npz'))
  for name in one:
    np.testing.assert_allclose(one[name], two[name], rtol=1e-5, atol=1e-5)
  _, whole, _ = bag_steps(study, 'sgd', 12, rate=0.0)
  assert not np.allclose(whole, one['loss'], rtol=1e-3)


def test_what_is_dropped_follows_from_seed_and_step(study):
  """So a run that goes on drops what it would have dropped."""
  whole, seen, _ = bag_steps(study, 'adam', 4)
  half, first, _ = bag_steps(study, 'adam', 2)
  rest, second, _ = bag_steps(study, 'adam', 2, state=half)
  check_equal(whole, rest)
  assert seen == first + second
  _, other, _ = bag_steps(study, 'adam', 4, seed=6)
  assert not np.allclose(seen, other, rtol=1e-3)


@pytest.mark.parametrize('name', train.OPTIMIZERS)
def test_frozen_parameters_stay_bit_for_bit(study, name):
  """In spite of weight decay, and without a moment of their own."""
  state, _, calendar = bag_steps(study, name, 3)
  early, _, _ = bag_steps(study, name, 1)
  np.testing.assert_array_equal(state.params['calendar'], calendar)
  for key in set(state.params) - {'calendar'}:  # these are learned
    assert not np.allclose(early.params[key], state.params[key], rtol=1e-4)
  shapes = [np.shape(x) for x in jax.tree.leaves(state.opt_state)]
  assert calendar.shape not in shapes
  fresh, _, _ = bag_steps(study, name, 0)
  for part in ('input', 'output'):
    assert not np.array_equal(fresh.params[part], state.params[part])


def test_a_template_needs_no_facts(study):
  """As checkpoints are read: shapes follow from the network."""
  state, _, calendar = bag_steps(study, 'sgd', 0)
  network = BagNetwork(*calendar.shape)
  template = jax.eval_shape(lambda: network.init(jax.random.key(0)))
  same = jax.tree.map(lambda a, b: a.shape == b.shape, template, state.params)
  assert all(jax.tree.leaves(same))
  assert template['calendar'].dtype == calendar.dtype


def test_2_and_2_steps_equal_4_bit_for_bit(short_study, sgd, tmp_path):
  optimizer, step_fn = sgd
  whole, parts = tmp_path / 'whole', tmp_path / 'parts'
  run = functools.partial(fit, step_fn, study=short_study)
  assert run(fresh(short_study, optimizer), directory=whole)
  stopped = run(
    fresh(short_study, optimizer),
    directory=parts,
    stop_requested=lambda step: step == 2,
  )
  assert stopped is False
  template = fresh(short_study, optimizer)
  found = latest(parts, short_study, template)
  assert (found.step, found.position['epoch']) == (2, 0)
  assert [r['step'] for r in records(parts)] == [1, 2]
  assert run(fresh(short_study, optimizer), directory=parts)
  a, b = (latest(d, short_study, template) for d in (whole, parts))
  assert (a.step, a.position, a.score) == (4, b.position, 0.25)
  check_equal(a.state, b.state)
  assert records(whole) == records(parts)
  assert not np.array_equal(
    a.state.params['output_kernel'], template.params['output_kernel']
  )


@pytest.fixture(scope='module')
def averaging_step(study, sgd):
  """The same updates, and an average of where they lead."""
  return make_step(study, sgd[0], average=0.8)


def test_an_average_is_kept_beside_the_parameters(
  short_study, sgd, averaging_step
):
  """Which go on as without it."""
  optimizer, step_fn = sgd
  state, plain = (
    fresh(short_study, optimizer, averaged=averaged)
    for averaged in (True, False)
  )
  assert plain.average is None
  assert plain.read is plain.params
  stream = batches.batches(short_study.data, short_study.spec)
  path = []
  for _ in range(5):
    batch = next(stream)
    state, _ = averaging_step(state, short_study.features, batch)
    plain, _ = step_fn(plain, short_study.features, batch)
    path.append(jax.tree.map(np.asarray, state.params))
  # Another program, whose products may be rounded in another order.
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6),
    state.params,
    plain.params,
  )
  weights = [0.8 ** (4 - i) for i in range(5)]
  want = jax.tree.map(
    lambda *thetas: np.average(
      np.array(thetas, np.float64), axis=0, weights=weights
    ),
    *path,
  )
  jax.tree.map(
    lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6),
    state.average,
    want,
  )
  assert state.read is state.average


def test_an_average_is_resumed_bit_for_bit_and_validated(
  short_study, sgd, averaging_step, tmp_path
):
  optimizer, _ = sgd
  whole, parts = tmp_path / 'whole', tmp_path / 'parts'
  read = []

  def validate(params):
    read.append(jax.tree.map(np.asarray, params))
    return {'f_score': 0.25}

  start = functools.partial(fresh, short_study, optimizer, averaged=True)
  run = functools.partial(
    fit, averaging_step, study=short_study, validate=validate
  )
  assert run(start(), directory=whole)
  stop = lambda step: step == 2  # noqa: E731
  assert not run(start(), directory=parts, stop_requested=stop)
  assert run(start(), directory=parts)
  a, b = (latest(d, short_study, start()) for d in (whole, parts))
  check_equal(a.state, b.state)
  assert len(read) == 2
  for params in read:
    check_equal(params, a.state.average)
  kernels = (a.state.params['output_kernel'], a.state.average['output_kernel'])
  assert not np.array_equal(*kernels)
  loaded = checkpoint.load_for_inference(
    whole / 'checkpoints', start().params, subtree='average'
  )
  check_equal(loaded.state, a.state.average)
  # Of a state without one nothing is saved that was not before.
  with pytest.raises(ValueError, match=r'average/.*: saved .*needs nothing'):
    latest(whole, short_study, fresh(short_study, optimizer))


@pytest.mark.parametrize('average', [-0.1, 1.0])
def test_an_average_that_never_moves_is_an_error(average, study, sgd):
  with pytest.raises(ValueError, match=rf'^average is {average}; .*\[0, 1\)'):
    make_step(study, sgd[0], average=average)


def test_what_is_logged(short_study, sgd, tmp_path):
  optimizer, step_fn = sgd
  validate = lambda params: {'f_score': 0.5, 'recall': 0.75}  # noqa: E731
  fit(
    step_fn,
    fresh(short_study, optimizer),
    short_study,
    tmp_path,
    validate=validate,
  )
  found = records(tmp_path, timed=True)
  steps, valid = found[:-1], found[-1]
  _, seen = run_steps(short_study, optimizer, step_fn, 4)
  assert [r['step'] for r in steps] == [1, 2, 3, 4]
  for record, metrics in zip(steps, seen, strict=True):
    assert set(TERMS) | {'loss', 'gradient_norm'} <= set(metrics)
    for name, value in metrics.items():
      assert record[f'train/{name}'] == value
  for record in steps[1:]:
    assert record['train/examples_per_sec'] > 0
  assert valid['step'] == 4
  assert (valid['valid/f_score'], valid['valid/recall']) == (0.5, 0.75)


def test_the_step_is_compiled_once(short_study, sgd, tmp_path, caplog):
  """Whatever devices the fresh state and the restored one lie on."""
  optimizer, step_fn = sgd
  run_steps(short_study, optimizer, step_fn, 1)
  jax.config.update('jax_log_compiles', True)
  try:
    with caplog.at_level('WARNING'):
      for stop in (2, None):
        fit(
          step_fn,
          train.init_state(short_study.network, optimizer, seed=5),
          short_study,
          tmp_path,
          stop_requested=lambda step, stop=stop: step == stop,
        )
  finally:
    jax.config.update('jax_log_compiles', False)
  compiled = [r.getMessage() for r in caplog.records]
  assert not [m for m in compiled if m.startswith('Compiling')]


def test_half_precision_products_follow_float32(study, sgd):
  """Every loss within 1 % over 30 steps; they fall by much more."""
  optimizer, step_fn = sgd
  half_fn = make_step(study, optimizer, product_dtype=jnp.bfloat16)
  _, full = run_steps(study, optimizer, step_fn, 30)
  _, half = run_steps(study, optimizer, half_fn, 30)
  full, half = (np.array([m['loss'] for m in x]) for x in (full, half))
  np.testing.assert_allclose(half, full, rtol=0.01)
  assert not np.array_equal(half, full)
  assert np.mean(full[-10:]) < 0.95 * np.mean(full[:10])


def test_20_samples_are_learned_by_heart(tiny_settings, study):
  """The coherence loss falls near 0; decoding gives the targets back."""
  config = worlds.tiny_config(
    tiny_settings,
    model__D_h=32,
    seq__max_target_len=4,
    train__batch_size=20,
    loss__weight_decay=0.0,
  )
  topics = np.random.default_rng(0).dirichlet(np.full(24, 0.1), worlds.VIDEOS)
  made_of = study.prepared.behaviours._replace(topics=topics.astype(np.float32))
  prepared = study.prepared._replace(behaviours=made_of)
  few = worlds.Study(config, prepared)
  # One sample of each user, with two watches known at least: of one alone, u
  # is the same for all who began with that video.
  every = few.data.samples
  fits = np.flatnonzero((every.target_count == 4) & (every.history_count > 1))
  full = fits[np.unique(every.user[fits], return_index=True)[1]][:20]
  samples = few.data.samples.take(full)
  data = few.data._replace(
    samples=samples,
    interest_rows=few.data.prefixes(full)[0],
    relevance=None,
  )
  assert len(samples.user) == 20
  optimizer = train.make_optimizer('adam', learning_rate=0.03, weight_decay=0.0)
  step_fn = train.make_train_step(
    few.network,
    optimizer,
    few.settings._replace(wanted=LossWeights(True, True, False)),
    reduction='mean',
  )
  weights = LossWeights(0.2, 0.01, 0.0)
  step_fn = train.balanced(
    step_fn, train.Balance(weights, train.populations_of(data)), seed=5
  )
  state, stream = fresh(few, optimizer), batches.batches(data, few.spec)
  costs = []
  for _ in range(500):
    state, metrics = step_fn(state, few.features, next(stream))
    costs.append(float(metrics['loss_coherence']))
  chance = 4 * np.log(worlds.VIDEOS)
  assert abs(costs[0] - chance) < 2
  assert costs[-1] < 0.1
  queries = worlds.make_queries(few, samples.user, samples.session)
  recommend = few.parts.predictor.recommender(state.params)
  ids = recommend(queries, 4).ids
  targets = [
    prepared.watches.item[start + count : start + count + 4]
    for start, count in zip(
      samples.watch_start, samples.history_count, strict=True
    )
  ]
  np.testing.assert_array_equal(ids, targets)


def test_the_predictor_reads_half_a_run_s_state(study, sgd):
  """Validation takes the step's own output, on the devices it lies on."""
  optimizer, step_fn = sgd
  state, _ = run_steps(study, optimizer, step_fn, 1)
  questions = training_data.make_questions(
    study.config, study.prepared, study.split, study.split.users.valid, 9
  )
  recommend = study.parts.predictor.recommender(state.params)
  scored = split_run.score(study.config, recommend, questions)
  assert 0 <= split_run.measures(study.config, scored)['f_score'] <= 1


@pytest.mark.slow
def test_a_streamed_run_on_sampled_rows_learns_and_goes_on(
  tiny_settings, tmp_path
):
  """Two epochs at once, and one with another after it: the same, and lower."""
  changes = SAMPLED | {
    'train__streamed': True,
    'loss__relevance_weight': 0.0,
    'opt__learning_rate': 0.03,
  }
  losses_of = {}
  for name, epochs in (('whole', (2,)), ('parts', (1, 2))):
    for count in epochs:
      config = worlds.tiny_config(
        tiny_settings | {'workdir': str(tmp_path / name)},
        train__max_epochs=count,
        **changes,
      )
      study = worlds.Study(config)
      assert split_run.train_split(
        config, study.parts, study.split, lambda step: False
      )
    found = records(pathlib.Path(study.split.directory))
    losses_of[name] = [
      r['train/loss_coherence'] for r in found if 'train/loss_coherence' in r
    ]
  assert losses_of['whole'] == losses_of['parts']
  per_epoch = batches.steps_per_epoch(study.data, study.spec)
  assert len(losses_of['whole']) == 2 * per_epoch
  first, last = np.split(np.array(losses_of['whole']), 2)
  assert np.mean(last) < 0.97 * np.mean(first)
