"""What is asked of every network, whatever it is made of."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import worlds

from dynrec_jax import losses, objective, train
from dynrec_jax.data import batches, histories
from dynrec_jax.data.batch import Batch
from dynrec_jax.features import catalogue
from dynrec_jax.losses import LossTerms, LossWeights
from dynrec_jax.study import method_config, training_data


def config_of(settings, method, **changes):
  """The tiny study's config as a method of `methods.METHODS` reads it."""
  config = worlds.tiny_config(settings, **changes)
  return method_config.of_method(config, method, {})


def cross_settings(root):
  """Config values of the tiny cross-network study, which is written there."""
  folder = worlds.write_tweets(worlds.write_folder(root / 'folder'))
  return worlds.tiny_settings(folder, root) | worlds.CROSS


def trained(study, steps, *, optimizer='sgd', learning_rate=0.3):
  """Parameters after some steps, and the losses on the way."""
  optimizer = train.make_optimizer(
    optimizer, learning_rate=learning_rate, weight_decay=0.0
  )
  step = train.make_train_step(
    study.network,
    optimizer,
    study.settings,
    reduction='mean',
  )
  step = train.balanced(step, study.balance, study.split.seed)
  state = train.init_state(study.network, optimizer, 0)
  stream = batches.batches(study.data, study.spec)
  metrics = []
  for _ in range(steps):
    state, found = step(state, study.features, next(stream))
    metrics.append({name: float(value) for name, value in found.items()})
  return jax.tree.map(np.asarray, state.params), metrics


class Anchors(NamedTuple):
  """A batch of one device, and which samples its anchors are."""

  batch: Batch
  chosen: np.ndarray


def anchors_of(study, step, epoch=3):
  drawn = batches.draw_epoch(study.data, study.spec, epoch)
  batch = batches.make_batch(study.data, study.spec, drawn, step)
  size = study.spec.batch_size
  chosen = drawn.order[step * size : (step + 1) * size]
  return Anchors(jax.tree.map(lambda x: jnp.asarray(x[0]), batch), chosen)


def forward(study, params, batch):
  """The pass that the losses are of."""
  run = jax.jit(study.network.forward, static_argnames='product_dtype')
  return run(
    params, study.features, batch.sequences, batch.history, product_dtype=None
  )


def training_pass(study, params, batch):
  """The states that predict each target, and their logits, anchor by anchor."""
  found = forward(study, params, batch)
  count = int(batch.targets.where.sum())
  places = batch.targets.positions
  if study.network.one_state:
    places = batch.targets.rows
  states = found.states[places[:count]]
  logits = states @ found.output_kernel.T
  if found.output_bias is not None:
    logits += found.output_bias
  return np.asarray(states), np.asarray(logits)


def terms_of(study, params, batch):
  """The sums of Eq (9)'s terms over a batch."""
  features = catalogue.Features(*map(jnp.asarray, study.features))

  @jax.jit
  def run(params, batch):
    return objective.loss_terms(
      study.network, params, features, batch, study.settings
    )

  return run(params, batch)[0]


def queries_of(study, users, session):
  """What the study knows of users at the end of sessions."""
  prepared = study.prepared
  watches = prepared.watches
  if study.config.scenario == 'cross':
    watches = histories.no_events(watches.user_count)
  known = training_data.Known(
    watches,
    study.split.behaviours,
    prepared.tweet_texts,
    prepared.records.profiles,
    prepared.sessions,
  )
  users = np.asarray(users, np.int32)
  topics = prepared.behaviours.topics
  return training_data.make_queries(
    known, topics, users, session, mask_known=True
  )


def first_states(study, params, tables, users, session):
  """As serving makes them."""
  queries = queries_of(study, users, session)
  blocks = study.parts.predictor._inputs(queries)
  run = jax.jit(study.network.first_states)
  states = [run(params, tables, *block) for block in blocks]
  return np.concatenate(states)[: len(users)]


def assert_serving_is_training(study, params):
  """The first state, then every step, fed with what was watched."""
  tables = jax.jit(study.network.tables)(params, study.features)
  for step in (0, 1):
    batch, chosen = anchors_of(study, step)
    states, logits = training_pass(study, params, batch)
    samples = study.data.samples.take(chosen)
    first = first_states(study, params, tables, samples.user, samples.session)
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
        ids = batch.targets.videos[place : place + 1]
        h = study.network.read_video(tables, h, ids)
        place += 1
    assert place == len(states) > 8
  assert np.abs(states).max() > 0.01  # trained, not all 0


def by_name(params):
  """Leaves under names such as gru/bias."""
  named = jax.tree_util.tree_leaves_with_path(params)
  return {
    jax.tree_util.keystr(path, simple=True, separator='/'): leaf
    for path, leaf in named
  }


def gradients_of(study, params):
  """Per term, the gradient of its sum over a batch, by parameter."""
  batch, _ = anchors_of(study, 0, epoch=0)
  features = catalogue.Features(*map(jnp.asarray, study.prepared.features))

  @jax.jit
  def gradient(params, coherence, weights):
    def total(params):
      terms, _ = objective.loss_terms(
        study.network, params, features, batch, study.settings
      )
      terms = terms._replace(coherence=coherence * terms.coherence)
      return losses.unified_loss(terms, weights)

    return jax.grad(total)(params)

  weights = dict(zip(LossTerms._fields, np.eye(4), strict=True))
  return {
    name: by_name(gradient(params, row[0], LossWeights(*row[1:])))
    for name, row in weights.items()
  }


def assert_padding_counts_nothing(study, params):
  """Whatever stands behind what is real, no term and no gradient moves."""
  batch, _ = anchors_of(
    study, batches.steps_per_epoch(study.data, study.spec) - 1
  )
  assert not batch.sample_where.all()  # some anchors do not exist
  rng = np.random.default_rng(0)
  sequences, targets = batch.sequences, batch.targets
  used = int(sequences.step_counts.sum())
  size = len(sequences.video_ids) + len(sequences.interests)

  def junk(values, where, high):
    values, where = np.asarray(values), np.asarray(where)
    drawn = rng.integers(1, high, values.shape).astype(values.dtype)
    where = where.reshape(where.shape + (1,) * (values.ndim - where.ndim))
    return jnp.asarray(np.where(where, values, drawn))

  negatives = targets.negatives
  if negatives is not None:
    negatives = junk(negatives, targets.where, worlds.VIDEOS)
  real = np.arange(len(sequences.inputs)) < used
  # Networks without a relevance term have no sequences of partners.
  exists = np.stack(
    [batch.sample_where, batch.relevance_where, batch.relevance_where]
  )
  other = batch._replace(
    sequences=sequences._replace(
      inputs=junk(sequences.inputs, real, size),
      last=junk(sequences.last, exists[: len(sequences.last)], used),
    ),
    targets=targets._replace(
      positions=junk(targets.positions, targets.where, used),
      rows=junk(targets.rows, targets.where, len(batch.sample_where)),
      videos=junk(targets.videos, targets.where, worlds.VIDEOS),
      negatives=negatives,
    ),
  )
  assert not np.array_equal(other.sequences.inputs, sequences.inputs)
  features = catalogue.Features(*map(jnp.asarray, study.prepared.features))

  @jax.jit
  def run(params, batch):
    def total(params):
      terms, _ = objective.loss_terms(
        study.network, params, features, batch, study.settings
      )
      return losses.unified_loss(terms, study.balance.weights), terms

    return jax.grad(total, has_aux=True)(params)

  jax.tree.map(
    np.testing.assert_array_equal, run(params, batch), run(params, other)
  )
  assert run._cache_size() == 1  # two programs need not agree to the bit


def assert_it_is_a_network(study, protocol):
  """Programs are compiled for it: equal ones are one, and hold no data."""
  again = worlds.Study(study.config, study.prepared).network
  assert study.network == again
  assert hash(study.network) == hash(again)
  members = [x for x in vars(protocol) if not x.startswith('_')]
  assert {
    'init',
    'forward',
    'tables',
    'first_states',
    'read_video',
    'one_state',
    'reads_history',
    'reads_interest',
    'frozen',
  } <= set(members)
  for name in members:
    assert hasattr(study.network, name), name


def assert_lists_are_distinct(study, params, k=6):
  """Of everybody, with and without a history; nothing known is in them."""
  queries = queries_of(study, range(worlds.USERS), 3)
  lists = study.parts.predictor.recommender(params)(queries, k)
  ids, where = queries.forbidden_videos()
  for row, known, real in zip(lists.ids, ids, where, strict=True):
    assert len(set(row.tolist())) == k
    assert not set(row.tolist()) & set(known[real].tolist())
    assert row.min() >= 0
  return lists
