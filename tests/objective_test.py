"""Eq (9) on real batches, against loops over the batch's samples."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import plain_model
import pytest
import worlds

from dynrec_jax import objective, train
from dynrec_jax.data import batches
from dynrec_jax.losses import LossTerms, LossWeights

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
  batch: batches.Batch


def make_case(study):
  epoch = batches.draw_epoch(study.data, study.spec, 1)
  step = batches.steps_per_epoch(study.data, study.spec) - 1
  batch = batches.make_batch(study.data, study.spec, epoch, step)
  batch = batches.Batch(*(x[0] for x in batch))
  return Case(study, worlds.random_params(study.model), epoch, step, batch)


def terms_of(case, batch=None, settings=None):
  """The library's sums."""
  settings = settings or case.study.settings
  batch = jax.tree.map(jnp.asarray, batch or case.batch)
  features = objective.Features(*map(jnp.asarray, case.study.prepared.features))
  return _run(case.study.model, settings)(case.params, features, batch)


@functools.cache
def _run(model, settings):
  """Compiled once for all batches of a study."""
  return jax.jit(
    lambda params, features, batch: objective.loss_terms(
      model, params, features, batch, settings
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
    case.epoch.anchor_where.sum(),
    sum(x is not None for x in interest),
    len(relevance),
  )
  return sums, counts, sum(lengths)


def semantic_triples(case):
  """(video, visual negative, text negative) of Eq (1) in this step."""
  anchors = case.epoch.anchors[case.step][case.epoch.anchor_where]
  if case.study.config.sem.negative == 'in_batch':
    return [(a, b, b) for a in anchors for b in anchors if a != b]
  visual, text = (
    x[case.step] for x in (case.epoch.negative_visual, case.epoch.negative_text)
  )
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
  used = batch.step_counts.sum()
  table_size = len(batch.video_ids) + len(batch.interests)

  def junk(values, where, high):
    drawn = rng.integers(1, high, values.shape).astype(values.dtype)
    return np.where(
      where.reshape(where.shape + (1,) * (values.ndim - where.ndim)),
      values,
      drawn,
    )

  videos = len(batch.video_ids)
  other = batch._replace(
    inputs=junk(batch.inputs, np.arange(len(batch.inputs)) < used, table_size),
    positions=junk(batch.positions, batch.target_where, used),
    targets=junk(batch.targets, batch.target_where, worlds.VIDEOS),
    last=np.where(
      np.stack(
        [batch.sample_where, batch.relevance_where, batch.relevance_where]
      ),
      batch.last,
      5,
    ),
    interest_rows=junk(batch.interest_rows, batch.sample_where, 20),
    history_weights=junk(batch.history_weights, batch.sample_where, 9),
    history_counts=junk(batch.history_counts, batch.sample_where, 9),
    semantic_anchors=junk(batch.semantic_anchors, batch.semantic_where, videos),
  )
  assert not np.array_equal(other.inputs, batch.inputs)
  assert not np.array_equal(other.targets, batch.targets)
  assert not np.array_equal(other.history_weights, batch.history_weights)
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
  batch = base.batch._replace(
    history_weights=base.batch.history_weights.copy(),
    history_counts=base.batch.history_counts.copy(),
  )
  batch.history_weights[row] = 0
  batch.history_counts[row] = 0
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
  settings = base.study.settings._replace(weights=LossWeights(0, 0, 0))
  broken = base.batch._replace(
    semantic_anchors=base.batch.semantic_anchors * 0,
    history_weights=base.batch.history_weights * np.nan,
  )
  want, _ = terms_of(base)
  found, _ = terms_of(base, broken, settings)
  np.testing.assert_array_equal(found.coherence, want.coherence)
  assert [float(x) for x in found[1:]] == [0, 0, 0]


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


@pytest.mark.parametrize(
  ('width', 'dtype', 'wider'),
  [
    (1024, np.float32, 1040),
    (2048, np.float16, 2064),
    (1024, np.float16, 1024),
    (12, np.float32, 12),
  ],
)
def test_rows_4_kib_apart_are_moved(width, dtype, wider):
  visual = np.ones((3, width), dtype)
  has = np.ones(3, bool)
  found = objective.padded(objective.Features(visual, visual, has, has))
  assert found.visual.shape == (3, wider)
  assert found.visual.dtype == dtype
  np.testing.assert_array_equal(found.visual[:, :width], visual)
  assert not np.any(found.visual[:, width:])
  assert found.text is visual


def test_padded_features_change_nothing(base):
  features = base.study.prepared.features
  wide = np.pad(features.visual, ((0, 0), (0, 5)))
  wide = features._replace(visual=jnp.asarray(wide))
  wide = objective.Features(*map(jnp.asarray, wide))
  run = _run(base.study.model, base.study.settings)
  found, _ = run(base.params, wide, jax.tree.map(jnp.asarray, base.batch))
  np.testing.assert_allclose(found, terms_of(base)[0], rtol=1e-6)
