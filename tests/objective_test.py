"""Eq (9) on real batches, against loops over the batch's samples."""

import dataclasses
import functools
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import plain_model
import pytest
import worlds
from bag_network import HIDDEN, BagNetwork

from dynrec_jax import objective, row_updates, train
from dynrec_jax.data import batches
from dynrec_jax.data.batch import Batch
from dynrec_jax.features import catalogue
from dynrec_jax.losses import LossTerms, LossWeights
from dynrec_jax.models.network import OF_VIDEOS
from dynrec_jax.parallel.catalogue import over_all_devices

pytestmark = pytest.mark.usefixtures('quick_compile')
OTHER_PATHS = {
  'history': {
    'model.history_mode': 'topic_then_history',
    'model.embed_norm': 'loss_only',
    'model.gru_bias': True,
    'model.softmax_bias': True,
    'interest.norm': 'count',
    'sem.negative': 'in_batch',
    'sem.batch_size': 64,  # more than there are videos with both modalities
  },
  'chain': {
    'model.history_mode': 'session_chain',
    'interest.norm': 'l2',
    'sem.n_neg': 2,
  },
}


@dataclasses.dataclass
class Case:
  """A study, random parameters and the last batch of an epoch."""

  study: worlds.Study
  params: dict
  epoch: batches.Epoch
  step: int
  batch: Batch


def make_case(study):
  epoch = batches.draw_epoch(study.data, study.spec, 2)
  step = batches.steps_per_epoch(study.data, study.spec) - 1
  batch = batches.make_batch(study.data, study.spec, epoch, step)
  batch = jax.tree.map(lambda x: x[0], batch)
  return Case(study, worlds.random_params(study.network), epoch, step, batch)


def terms_of(case, batch=None, settings=None):
  """The library's sums."""
  settings = settings or case.study.settings
  batch = jax.tree.map(jnp.asarray, batch or case.batch)
  features = catalogue.Features(*map(jnp.asarray, case.study.prepared.features))
  return _run(case.study.network, settings)(case.params, features, batch)


@functools.cache
def _run(network, settings):
  """Compiled once for all batches of a study."""
  return jax.jit(
    lambda params, features, batch: objective.loss_terms(
      network, params, features, batch, settings
    )
  )


@pytest.fixture(scope='module')
def base(study):
  return make_case(study)


def expected(case):
  """The same sums and the sum of |T_u u|, by loops."""
  plain = plain_model.PlainModel(case.study, case.params)
  size = case.study.spec.batch_size
  rows = case.epoch.order[case.step * size : (case.step + 1) * size]
  samples = case.study.data.samples
  at = [
    (int(u), int(s)) for u, s in zip(samples.user, samples.session, strict=True)
  ]
  partners = case.epoch.triplets
  interest = [plain.interest_loss(*at[row]) for row in rows]
  relevance = [
    plain.relevance(
      at[row], at[partners.positive[row]], at[partners.negative[row]]
    )
    for row in rows
    if partners.where[row]
  ]
  lengths = [
    np.linalg.norm(plain.map_interest(plain.interest(*at[row]))) for row in rows
  ]
  sums = LossTerms(
    coherence=sum(plain.coherence(*at[row]) for row in rows),
    semantic=sum(plain.semantic(*triple) for triple in semantic_triples(case)),
    interest=sum(x for x in interest if x is not None),
    relevance=sum(relevance),
  )
  counts = LossTerms(
    len(rows),
    case.epoch.semantic[case.step][3].sum(),
    sum(x is not None for x in interest),
    len(relevance),
  )
  return sums, counts, sum(lengths)


def semantic_triples(case):
  """(video, visual negative, text negative) of Eq (1) in this step."""
  anchors, visual, text, exists = case.epoch.semantic[case.step]
  anchors = anchors[exists]
  if case.study.config.sem.negative == 'in_batch':
    return [(a, b, b) for a in anchors for b in anchors if a != b]
  return [
    (a, visual[i, j], text[i, j])
    for i, a in enumerate(anchors)
    for j in range(visual.shape[1])
  ]


def check_against_loops(case):
  terms, length = terms_of(case)
  want, counts, want_length = expected(case)
  for name, value, right in zip(LossTerms._fields, terms, want, strict=True):
    assert right > 0.01, f'{name} is not tested by this batch'
    np.testing.assert_allclose(value, right, rtol=3e-5, err_msg=name)
  np.testing.assert_allclose(length, want_length, rtol=3e-5)
  found = objective.term_counts(jax.tree.map(jnp.asarray, case.batch))
  assert [float(x) for x in found] == [float(x) for x in counts]
  assert 0 < counts.coherence < case.study.spec.batch_size  # some are padding
  assert counts.relevance > 0


def test_terms_equal_loops_over_the_samples(base):
  check_against_loops(base)


@pytest.mark.parametrize('name', OTHER_PATHS)
def test_terms_equal_loops_on_the_other_paths(name, tiny_settings):
  settings = tiny_settings | OTHER_PATHS[name]
  check_against_loops(make_case(worlds.Study(worlds.tiny_config(settings))))


def test_what_does_not_count_changes_nothing(base):
  batch = base.batch
  rng = np.random.default_rng(0)
  sequences, targets, history, semantic = (
    batch.sequences,
    batch.targets,
    batch.history,
    batch.semantic,
  )
  used = sequences.step_counts.sum()
  table_size = len(sequences.video_ids) + len(sequences.interests)

  def junk(values, where, high):
    drawn = rng.integers(1, high, values.shape).astype(values.dtype)
    return np.where(
      where.reshape(where.shape + (1,) * (values.ndim - where.ndim)),
      values,
      drawn,
    )

  videos = len(sequences.video_ids)
  real = np.arange(len(sequences.inputs)) < used
  partners = [batch.sample_where, batch.relevance_where, batch.relevance_where]
  other = batch._replace(
    sequences=sequences._replace(
      inputs=junk(sequences.inputs, real, table_size),
      last=np.where(np.stack(partners), sequences.last, 5),
    ),
    targets=targets._replace(
      positions=junk(targets.positions, targets.where, used),
      videos=junk(targets.videos, targets.where, worlds.VIDEOS),
    ),
    interest_rows=junk(batch.interest_rows, batch.sample_where, 20),
    history=history._replace(
      weights=junk(history.weights, batch.sample_where, 9),
      counts=junk(history.counts, batch.sample_where, 9),
    ),
    semantic=semantic._replace(
      anchors=junk(semantic.anchors, semantic.where, videos)
    ),
  )
  assert not np.array_equal(other.sequences.inputs, sequences.inputs)
  assert not np.array_equal(other.targets.videos, targets.videos)
  assert not np.array_equal(other.history.weights, history.weights)
  want, length = terms_of(base)
  found, other_length = terms_of(base, other)
  np.testing.assert_array_equal(found, want)
  np.testing.assert_array_equal(length, other_length)
  counts = [
    objective.term_counts(jax.tree.map(jnp.asarray, b)) for b in (batch, other)
  ]
  np.testing.assert_array_equal(*counts)


def test_without_a_known_watch_there_is_no_interest_loss(base):
  """As of users with tweets alone (SPEC Sec 2)."""
  row = 2
  history = base.batch.history
  history = history._replace(
    weights=history.weights.copy(), counts=history.counts.copy()
  )
  history.weights[row] = 0
  history.counts[row] = 0
  batch = base.batch._replace(history=history)
  plain = plain_model.PlainModel(base.study, base.params)
  samples = base.study.data.samples
  sample = base.epoch.order[base.step * base.study.spec.batch_size + row]
  own = plain.interest_loss(samples.user[sample], samples.session[sample])
  before, after = terms_of(base)[0], terms_of(base, batch)[0]
  np.testing.assert_allclose(before.interest - after.interest, own, rtol=1e-4)
  assert own > 0.01
  counts = objective.term_counts(jax.tree.map(jnp.asarray, batch))
  assert counts.interest == counts.coherence - 1


def test_a_term_of_weight_0_is_not_computed(base):
  settings = base.study.settings._replace(
    wanted=LossWeights(False, False, False)
  )
  history = base.batch.history
  broken = base.batch._replace(
    history=history._replace(weights=history.weights * np.nan)
  )
  want, _ = terms_of(base)
  for semantic in (broken.semantic, None):
    batch = broken._replace(semantic=semantic)
    found, _ = terms_of(base, batch, settings)
    np.testing.assert_array_equal(found.coherence, want.coherence)
    assert [float(x) for x in found[1:]] == [0, 0, 0]


def test_rows_that_a_batch_lacks_are_a_term_of_0(base):
  """What no loss of weight asks for is not made: `semantic` may be None."""
  batch = base.batch._replace(semantic=None)
  want, found = terms_of(base)[0], terms_of(base, batch)[0]
  assert float(found.semantic) == 0
  np.testing.assert_array_equal(found.coherence, want.coherence)
  counts = objective.term_counts(jax.tree.map(jnp.asarray, batch))
  assert float(counts.semantic) == 0


def test_what_a_network_lacks_is_a_term_of_0(base):
  """Networks without embeddings or interests: only Eq (8) and (6) are left."""

  class Bare(NamedTuple):
    whole: Any
    one_state = False
    reads_history = False

    def forward(self, *args, **kwargs):
      found = self.whole.forward(*args, **kwargs)
      return found._replace(
        embedding=None, interests=None, content_interests=None
      )

  batch = jax.tree.map(jnp.asarray, base.batch)
  features = catalogue.Features(*map(jnp.asarray, base.study.features))
  run = _run(Bare(base.study.network), base.study.settings)
  (found, length), want = run(base.params, features, batch), terms_of(base)[0]
  np.testing.assert_allclose(found.coherence, want.coherence, rtol=1e-6)
  np.testing.assert_allclose(found.relevance, want.relevance, rtol=1e-6)
  assert (found.semantic, found.interest, length) == (0, 0, 0)


def bag_coherence(case, network, params, weights):
  """Eq (8) of a network that reads bags, one target at a time, in float64."""
  samples, watches = case.study.data.samples, case.study.data.watches
  size = case.study.spec.batch_size
  total = 0.0
  for row in case.epoch.order[case.step * size : (case.step + 1) * size]:
    start, known = samples.watch_start[row], samples.history_count[row]
    bag = np.zeros(network.video_count)
    for place in range(start, start + known):
      age = (
        samples.time[row] - watches.time[place]
      ) / case.study.data.unit_secs
      bag[watches.item[place]] += np.exp(-case.study.data.decay * age)
    logits = params['output'] @ np.tanh(bag @ params['input'])
    logits += params['calendar'][:, samples.session[row] - 1]
    log_p = logits - np.log(np.sum(np.exp(logits)))
    first = start + known
    for video in watches.item[first : first + samples.target_count[row]]:
      total -= weights[row] * log_p[video]
  return total


@pytest.mark.parametrize('weighted', [False, True])
def test_a_network_of_one_state_reads_the_history(base, weighted):
  """Also where Eq (4) has no weight; anchors' states alone leave Eq (6) out."""
  data = base.study.data
  weights = np.ones(len(data.samples.user), np.float32)
  case = base
  if weighted:
    weights += np.arange(len(weights)) % 7
    heavy = data._replace(target_weights=weights)
    batch = batches.make_batch(heavy, base.study.spec, base.epoch, base.step)
    case = dataclasses.replace(base, batch=jax.tree.map(lambda x: x[0], batch))
  network = BagNetwork(worlds.VIDEOS, base.study.prepared.sessions.count)
  params = network.init(jax.random.key(1))
  calendar = np.arange(12) / 9 + np.arange(worlds.VIDEOS)[:, None] % 3
  params['calendar'] += calendar * (1 + np.arange(worlds.VIDEOS)[:, None] % 2)
  settings = base.study.settings._replace(
    wanted=LossWeights(False, False, True)
  )
  features = catalogue.Features(*map(jnp.asarray, base.study.prepared.features))
  batch = jax.tree.map(jnp.asarray, case.batch)
  terms, length = _run(network, settings)(params, features, batch)
  plain = {name: np.asarray(x, np.float64) for name, x in params.items()}
  assert plain['input'].shape == (worlds.VIDEOS, HIDDEN)
  want = bag_coherence(case, network, plain, weights)
  np.testing.assert_allclose(terms.coherence, want, rtol=1e-5)
  assert (terms.semantic, terms.interest, terms.relevance, length) == (0,) * 4


def known_of(case, row):
  """Videos that a sample's user watched before its border."""
  samples, watches = case.study.data.samples, case.study.data.watches
  start = samples.watch_start[row]
  return watches.item[start : start + samples.history_count[row]]


def test_known_videos_have_no_part_in_the_softmax(base):
  """As they are in no list; of networks that read the history."""
  net, size = base.study.network, base.study.spec.batch_size
  settings = base.study.settings._replace(
    wanted=LossWeights(False, False, False), mask_known=True
  )
  network = BagNetwork(worlds.VIDEOS, 12)
  params = network.init(jax.random.key(1))
  features = catalogue.Features(*map(jnp.asarray, base.study.prepared.features))
  batch = jax.tree.map(jnp.asarray, base.batch)
  terms, _ = _run(network, settings)(params, features, batch)
  samples, watches = base.study.data.samples, base.study.data.watches
  plain = {name: np.asarray(x, np.float64) for name, x in params.items()}
  total, out = 0.0, 0
  for row in base.epoch.order[base.step * size : (base.step + 1) * size]:
    known = known_of(base, row)
    bag = np.zeros(worlds.VIDEOS)
    first = samples.watch_start[row]
    for place in range(first, first + samples.history_count[row]):
      age = samples.time[row] - watches.time[place]
      age /= base.study.data.unit_secs
      bag[watches.item[place]] += np.exp(-base.study.data.decay * age)
    logits = plain['output'] @ np.tanh(bag @ plain['input'])
    logits[known] = -np.inf
    log_p = logits - np.log(np.sum(np.exp(logits)))
    first += samples.history_count[row]
    for video in watches.item[first : first + samples.target_count[row]]:
      total -= log_p[video]
    out += len(known)
  np.testing.assert_allclose(terms.coherence, total, rtol=1e-5)
  assert out > 8
  unmasked, _ = _run(network, settings._replace(mask_known=False))(
    params, features, batch
  )
  assert unmasked.coherence > terms.coherence + 1
  # Networks of a state per target, whose videos come one after the other, and
  # those that read no history do not know it.
  for mask in (False, True):
    own = base.study.settings._replace(mask_known=mask)
    found, _ = _run(net, own)(base.params, features, batch)
    np.testing.assert_array_equal(found.coherence, terms_of(base)[0].coherence)


class Members(NamedTuple):
  """Bag networks side by side, each with a kernel of its own."""

  of: BagNetwork
  one_state = True
  reads_history = True
  video_count = property(lambda self: self.of.video_count)

  def forward(self, params, *args, **kwargs):
    each = [self.of.forward(own, *args, **kwargs) for own in params]
    states, kernels = zip(
      *[(x.states, x.output_kernel) for x in each], strict=True
    )
    return each[0]._replace(
      states=jnp.stack(states), output_kernel=jnp.stack(kernels)
    )


@pytest.mark.parametrize('mask', [False, True])
def test_members_have_a_loss_each_and_share_its_mean(mask, base):
  one = BagNetwork(worlds.VIDEOS, 12)
  params = [one.init(jax.random.key(seed)) for seed in (1, 2, 3)]
  settings = base.study.settings._replace(
    wanted=LossWeights(False, False, True), mask_known=mask
  )
  features = catalogue.Features(*map(jnp.asarray, base.study.prepared.features))
  batch = jax.tree.map(jnp.asarray, base.batch)
  each = [
    float(_run(one, settings)(own, features, batch)[0].coherence)
    for own in params
  ]
  terms, _ = _run(Members(one), settings)(params, features, batch)
  np.testing.assert_allclose(terms.coherence, np.mean(each), rtol=1e-6)
  assert np.ptp(each) > 0.1
  assert terms.relevance == 0


def test_as_many_members_as_sequences_have_no_loss_of_partners(base):
  """States of members are told from states of partners by their rank."""
  one = BagNetwork(worlds.VIDEOS, 12)
  count = base.batch.sequences.last.size
  params = [one.init(jax.random.key(seed)) for seed in range(count)]
  settings = base.study.settings._replace(
    wanted=LossWeights(False, False, True)
  )
  features = catalogue.Features(*map(jnp.asarray, base.study.prepared.features))
  batch = jax.tree.map(jnp.asarray, base.batch)
  terms, _ = objective.loss_terms(
    Members(one), params, features, batch, settings
  )
  assert terms.relevance == 0


def test_weights_of_targets(base):
  """Of a network with a state per target; 1 each changes no bit."""
  where = base.batch.targets.where
  want, _ = terms_of(base)

  def coherence(weights):
    targets = base.batch.targets._replace(weights=weights)
    return terms_of(base, base.batch._replace(targets=targets))[0].coherence

  np.testing.assert_array_equal(
    coherence(where.astype(np.float32)), want.coherence
  )
  rng = np.random.default_rng(0)
  drawn = rng.uniform(0.5, 2, len(where)).astype(np.float32)
  alone = [
    coherence((np.arange(len(where)) == q).astype(np.float32))
    for q in np.flatnonzero(where)
  ]
  np.testing.assert_allclose(
    coherence(drawn), np.dot(drawn[where], alone), rtol=1e-5
  )


def test_sampled_losses_know_no_weights(base):
  targets = base.batch.targets
  targets = targets._replace(weights=targets.where.astype(np.float32))
  settings = base.study.settings._replace(coherence='bpr')
  with pytest.raises(ValueError, match='coherence is bpr, which knows no'):
    terms_of(base, base.batch._replace(targets=targets), settings)


def test_scales_of_each_reduction():
  counts = LossTerms(*jnp.array([8.0, 4.0, 5.0, 0.0]))
  population = LossTerms(100.0, 30.0, 90.0, 60.0)

  def scales(reduction):
    return [
      float(x) for x in objective.term_scales(counts, population, reduction)
    ]

  assert scales('sum') == [1, 1, 1, 1]
  np.testing.assert_allclose(scales('mean'), [1 / 8, 1 / 4, 1 / 5, 0])
  np.testing.assert_allclose(scales('full_sum'), [100 / 8, 30 / 4, 90 / 5, 0])


def test_unknown_reduction_is_an_error():
  with pytest.raises(
    ValueError, match=r"'median'; valid are sum, mean, full_sum"
  ):
    objective.term_scales(
      LossTerms(1, 1, 1, 1), LossTerms(1, 1, 1, 1), 'median'
    )


def test_populations_are_the_anchors_of_one_epoch(study):
  """So that full_sum's estimate is Eq (9) over everything."""
  data, spec = study.data, study.spec
  found = train.populations_of(data)
  epoch = batches.draw_epoch(data, spec, 0)
  total = np.zeros(4)
  for step in range(batches.steps_per_epoch(data, spec)):
    batch = batches.make_batch(data, spec, epoch, step)
    total += np.array([float(x) for x in objective.term_counts(batch)])
  assert found.coherence == total[0] == len(data.samples.user)
  assert found.interest == total[2]
  assert found.relevance == total[3]
  both = set(range(worlds.VIDEOS)) - {*worlds.NO_VISUAL, *worlds.NO_TEXT}
  assert found.semantic == len(both)


def test_padded_features_change_nothing(base):
  features = base.study.prepared.features
  wide = np.pad(features.visual, ((0, 0), (0, 5)))
  wide = features._replace(visual=jnp.asarray(wide))
  wide = catalogue.Features(*map(jnp.asarray, wide))
  run = _run(base.study.network, base.study.settings)
  found, _ = run(base.params, wide, jax.tree.map(jnp.asarray, base.batch))
  np.testing.assert_allclose(found, terms_of(base)[0], rtol=1e-6)


def sampled_study(study, *, users=None, **changes):
  """The tiny study with a softmax over a sample, and nothing beside it."""
  config = study.config.copy_and_resolve_references()
  weights = ('semantic_weight', 'interest_weight', 'relevance_weight')
  flat = {
    'loss.coherence': 'sampled_softmax',
    **{f'loss.{name}': 0.0 for name in weights},
    **{name.replace('__', '.'): value for name, value in changes.items()},
  }
  config.update_from_flattened_dict(flat)
  return worlds.Study(config, study.prepared, users)


def coherence_of(study, batch, params):
  """One device's sum of Eq (8) over a batch and its gradients."""
  network, settings = study.network, study.settings
  rows = batch.candidates.videos

  def loss(params):
    few = row_updates.Rows(network.video_rows, rows).take(params)
    of_rows = network.of_rows(len(rows))
    terms, _ = objective.loss_terms(
      of_rows, few, study.features, batch, settings
    )
    return terms.coherence

  return jax.value_and_grad(loss)(params)


def test_sampled_softmax_is_a_loop_over_what_came_up(study):
  sampled = sampled_study(study, loss__shared=12)
  case = make_case(sampled)
  found, _ = jax.jit(functools.partial(coherence_of, sampled))(
    jax.tree.map(jnp.asarray, case.batch), case.params
  )
  plain = plain_model.PlainModel(sampled, case.params)
  data, size = sampled.data, sampled.spec.batch_size
  rows = case.epoch.order[case.step * size : (case.step + 1) * size]
  batch = case.batch
  came_up = dict(
    zip(
      batch.candidates.videos.tolist(),
      batch.candidates.log_weights.tolist(),
      strict=True,
    )
  )
  assert 5 < sum(v < worlds.VIDEOS for v in came_up) < worlds.VIDEOS
  total = 0.0
  for row in rows:
    user, session = data.samples.user[row], data.samples.session[row]
    own = [int(v) for v in plain.targets(user, session)]
    for target, h in zip(own, plain.states(user, session), strict=True):
      logits = plain.log_probs(h)  # a constant apart, which falls out
      norm = sum(np.exp(logits[v]) for v in set(own))
      for video, log_weight in came_up.items():
        if video < worlds.VIDEOS and video not in own:
          norm += np.exp(logits[video] + log_weight)
      total += np.log(norm) - logits[target]
  np.testing.assert_allclose(found, total, rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize('in_batch', [True, False])
def test_mean_over_many_draws_is_the_full_gradient(study, in_batch):
  """Of whole epochs: who meets whom in a batch, and what is drawn, at random.

  The mean over epochs is the full gradient, but for a share of O(1/S) and the
  error of the mean; with four times as many draws the share is about a fourth.
  """
  bias = {}
  for shared in (10, 40):
    sampled = sampled_study(
      study,
      users=study.split.users.train[:16],
      loss__shared=shared,
      loss__in_batch=in_batch,
      model__network='static_dnn',
      train__batch_size=4,
    )
    params = jax.tree.map(
      lambda x: 0.5 * x, worlds.random_params(sampled.network)
    )
    full, found = epoch_gradients(sampled, params, epochs=80)
    off = np.sum((found.mean(axis=0) - full) ** 2) / np.sum(full**2)
    error = np.sum(found.var(axis=0, ddof=1)) / len(found) / np.sum(full**2)
    bias[shared] = np.sqrt(max(off - error, 0))  # what is not by chance
  assert 0.05 < bias[10] < 0.25
  assert bias[40] < 0.06
  assert bias[40] < 0.4 * bias[10]


def epoch_gradients(study, params, epochs):
  """The full gradient of an epoch [n], and sampled ones [epochs, n]."""
  usual = batches.usual_sizes(study.data, study.spec)
  run = jax.jit(functools.partial(coherence_of, study))
  full_settings = study.settings._replace(coherence='softmax')

  @jax.jit
  def full(batch, params):
    def loss(params):
      terms, _ = objective.loss_terms(
        study.network, params, study.features, batch, full_settings
      )
      return terms.coherence

    return jax.value_and_grad(loss)(params)

  def total(run, epoch):
    drawn = batches.draw_epoch(study.data, study.spec, epoch)
    found = 0
    for step in range(batches.steps_per_epoch(study.data, study.spec)):
      batch = batches.make_batch(study.data, study.spec, drawn, step, usual)
      batch = jax.tree.map(lambda x: x[0], batch)
      gradient = run(batch, params)[1]
      found += np.concatenate(
        [np.ravel(x) for x in jax.tree.leaves(gradient)]
      ).astype(np.float64)
    return found

  return total(full, 0), np.stack([total(run, e) for e in range(epochs)])


def test_a_catalogue_that_is_cut_is_not_read_whole(study):
  cut = over_all_devices(worlds.VIDEOS, OF_VIDEOS)

  def terms(network, **changes):
    settings = study.settings._replace(cut=cut, **changes)
    return objective.loss_terms(network, {}, study.features, None, settings)

  with pytest.raises(
    ValueError, match=r'^coherence is bpr, .* must be softmax'
  ):
    terms(study.network, coherence='bpr')
  with pytest.raises(
    ValueError, match=r'^a catalogue is cut .* clock.* are not'
  ):
    terms(Frozen())


class Frozen:
  """What `objective` asks a network first."""

  frozen = frozenset({'clock'})
