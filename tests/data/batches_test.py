"""Batches taken apart again and compared with plain loops."""

import collections
import itertools
import math

import jax
import numpy as np
import pytest
import small_world
from fake_hosts import FakeHosts
from numpy.testing import assert_allclose, assert_array_equal

from dynrec_jax.data import (
  batches,
  inputs,
  semantic_rows,
  sequences,
  shared_samples,
)
from dynrec_jax.data.batch import Batch
from dynrec_jax.data.batch_spec import PARTNERS, BatchSpec
from dynrec_jax.parallel import hosts

WORLD = small_world.make_world(video_count=65)
USERS = np.setdiff1d(np.arange(25), [2, 12, 13, 24])
V, MAX_LEN = 65, 6
SPEC = BatchSpec(
  batch_size=8,
  device_count=1,
  semantic_batch_size=12,
  negative_count=3,
  negative='zero_overlap',
  seed=5,
)
CASES = [(m, 'events') for m in inputs.HISTORY_MODES] + [
  ('topic_only', 'tweets'),
  ('session_chain', 'tweets'),
  ('history_only', 'tweets'),  # where some have tweets alone
]


def data_of(history_mode='topic_only', behaviours='events', **changed):
  library = WORLD.watches if behaviours == 'events' else WORLD.behaviours
  return small_world.make_training_set(
    WORLD,
    USERS,
    behaviours=library,
    history_mode=history_mode,
    max_len=MAX_LEN,
    **changed,
  )


def expected_of(behaviours='events'):
  return small_world.expected_samples(
    WORLD.events,
    getattr(WORLD, behaviours),
    WORLD.sessions.borders,
    USERS,
    'all_after',
    MAX_LEN,
  )


def expected_sequence(sample, history_mode, behaviours='events'):
  """All inputs: interests as vectors, videos as ints; and the prefix length."""
  first = 1 if history_mode == 'session_chain' else sample.session
  prefix = [
    small_world.expected_interest(
      getattr(WORLD, behaviours)[sample.user],
      WORLD.topics,
      WORLD.sessions.borders[session],
      small_world.DECAY,
      small_world.UNIT_SECS,
      'sum_weights',
    )
    for session in range(first, sample.session + 1)
  ]
  past = [video for _, video in sample.history][-MAX_LEN:]
  if history_mode == 'history_only' and past:
    prefix = past
  if history_mode == 'topic_then_history':
    prefix += past
  return prefix + sample.target[:-1], len(prefix)


class Share:
  """One device's part of a batch, unpacked."""

  def __init__(self, batch: Batch, device: int):
    self.batch = jax.tree.map(lambda column: column[device], batch)
    counts = self.batch.sequences.step_counts
    assert (np.diff(counts) <= 0).all()  # the longest stand first
    starts = np.cumsum(counts) - counts
    self.cell = {
      int(starts[step]) + rank: (rank, step)
      for step in range(len(counts))
      for rank in range(counts[step])
    }
    self.sequences = collections.defaultdict(list)
    for place in range(int(counts.sum())):
      rank, step = self.cell[place]
      assert len(self.sequences[rank]) == step
      self.sequences[rank].append(
        self.value(self.batch.sequences.inputs[place])
      )

  def value(self, token):
    """A video's catalogue id or an interest."""
    size = len(self.batch.sequences.video_ids)
    if token < size:
      return int(self.batch.sequences.video_ids[token])
    return self.batch.sequences.interests[token - size]

  def rank(self, role, anchor) -> int:
    """The sequence of an anchor (0), positive (1) or negative (2)."""
    rank, step = self.cell[int(self.batch.sequences.last[role, anchor])]
    assert step == len(self.sequences[rank]) - 1
    return rank

  def predictions(self):
    """{rank: [(step, target)]} in the order they stand in."""
    found = collections.defaultdict(list)
    where = self.batch.targets.where
    for place, target in zip(
      self.batch.targets.positions[where],
      self.batch.targets.videos[where],
      strict=True,
    ):
      rank, step = self.cell[int(place)]
      found[rank].append((step, int(target)))
    return found


def assert_same_sequence(got, expected):
  assert len(got) == len(expected)
  for a, b in zip(got, expected, strict=True):
    if isinstance(b, int):
      assert a == b
    else:
      assert_allclose(a, b, rtol=2e-5, atol=1e-7)


def expected_weights(sample):
  """Eq (3)'s weight of every video of the catalogue."""
  out = np.zeros(V)
  end = WORLD.sessions.borders[sample.session]
  for time, video in sample.history:
    age = (end - time) / small_world.UNIT_SECS
    out[video] += math.exp(-small_world.DECAY * age)
  return out


def catalogue_weights(share, anchor):
  """The anchor's weights by catalogue id; padding must weigh nothing."""
  out = np.zeros(V)
  history = share.batch.history
  weights = history.weights[anchor] * history.newest[anchor]
  np.add.at(out, share.batch.sequences.video_ids, weights)
  return out


class TestMakeBatch:
  @pytest.mark.parametrize(('history_mode', 'behaviours'), CASES)
  @pytest.mark.parametrize('device_count', [1, 4])
  def test_against_a_loop(self, history_mode, behaviours, device_count):
    data = data_of(history_mode, behaviours)
    samples = expected_of(behaviours)
    spec = SPEC._replace(device_count=device_count)
    epoch = batches.draw_epoch(data, spec, 2)
    partners = epoch.triplets
    per_device = spec.batch_size // device_count
    with_partners = 0
    for step in range(batches.steps_per_epoch(data, spec)):
      batch = batches.make_batch(data, spec, epoch, step)
      for device in range(device_count):
        share = Share(batch, device)
        predictions = share.predictions()
        sequence_count = 0
        for b in range(per_device):
          place = step * spec.batch_size + device * per_device + b
          exists = place < len(samples)
          assert share.batch.sample_where[b] == exists
          if not exists:
            assert not share.batch.relevance_where[b]
            assert not share.batch.history.weights[b].any()
            assert share.batch.history.counts[b] == 0
            assert share.batch.history.session[b] == 0
            continue
          index = epoch.order[place]
          trio = [index, partners.positive[index], partners.negative[index]]
          assert share.batch.relevance_where[b] == partners.where[index]
          roles = 3 if partners.where[index] else 1
          for role in range(roles):
            expected, _ = expected_sequence(
              samples[trio[role]], history_mode, behaviours
            )
            rank = share.rank(role, b)
            assert_same_sequence(share.sequences[rank], expected)
          sequence_count += roles
          with_partners += roles == 3
          sample = samples[index]
          expected, prefix = expected_sequence(sample, history_mode, behaviours)
          assert predictions.pop(share.rank(0, b)) == [
            (prefix - 1 + j, video) for j, video in enumerate(sample.target)
          ]
          assert share.batch.history.session[b] == sample.session
          mine = share.batch.targets.rows == b
          mine &= share.batch.targets.where
          assert share.batch.targets.videos[mine].tolist() == sample.target
          own = share.batch.sequences.interests[share.batch.interest_rows[b]]
          if history_mode != 'history_only' or not sample.history:
            at = prefix - 1 if history_mode == 'session_chain' else 0
            assert_allclose(own, expected[at], rtol=2e-5, atol=1e-7)
          assert share.batch.history.counts[b] == len(sample.history)
          assert_allclose(
            catalogue_weights(share, b), expected_weights(sample), rtol=1e-5
          )
        assert not predictions  # partners add no L_rec
        assert sequence_count == len(share.sequences)
    assert len(samples) / 2 < with_partners < len(samples)

  def test_shapes_and_types(self):
    data = data_of()
    epoch = batches.draw_epoch(data, SPEC, 0)
    batch = batches.make_batch(data, SPEC, epoch, 1)
    floats = {'sequences/interests', 'history/weights', 'history/newest'}
    floats.add('history/counts')
    for path, column in jax.tree_util.tree_leaves_with_path(batch):
      name = jax.tree_util.keystr(path, simple=True, separator='/')
      kind = np.int32
      if name in floats:
        kind = np.float32
      elif name.endswith('where'):
        kind = bool
      assert column.dtype == kind, name
      assert column.shape[0] == 1
    assert batch.sequences.step_counts.shape == (1, data.sequence_len)
    assert batch.sequences.interests.shape == (1, 24, 6)
    assert (
      batch.targets.positions.shape
      == batch.targets.videos.shape
      == (1, 8 * MAX_LEN)
    )
    assert batch.sequences.last.shape == (1, 3, 8)
    assert batch.semantic.negative_text.shape == (1, 12, 3)

  def test_room_for_one_more_step_of_all_sequences(self, monkeypatch):
    monkeypatch.setattr(batches, '_SMALLEST', 4)  # hardly any padding
    data = data_of()
    room = []
    for step in range(batches.steps_per_epoch(data, SPEC)):
      epoch = batches.draw_epoch(data, SPEC, 0)
      batch = batches.make_batch(data, SPEC, epoch, step)
      room.append(
        batch.sequences.inputs.shape[1] - int(batch.sequences.step_counts.sum())
      )
      assert not batch.sequences.inputs[
        0, batch.sequences.step_counts.sum() :
      ].any()
    assert 24 <= min(room) < 32

  @pytest.mark.parametrize('device_count', [1, 4])
  def test_each_prediction_has_the_negatives_drawn_for_it(self, device_count):
    data = data_of()
    spec = SPEC._replace(device_count=device_count, unseen_count=2)
    samples, epoch = expected_of(), batches.draw_epoch(data, spec, 1)
    starts = np.cumsum([0] + [len(sample.target) for sample in samples])
    per_device = spec.batch_size // device_count
    for step in range(batches.steps_per_epoch(data, spec)):
      batch = batches.make_batch(data, spec, epoch, step)
      for device in range(device_count):
        first = step * spec.batch_size + device * per_device
        rows = epoch.order[first : first + per_device]
        want = [epoch.unseen.videos[starts[r] : starts[r + 1]] for r in rows]
        targets = jax.tree.map(lambda x, d=device: x[d], batch.targets)
        assert targets.negatives.shape == (len(targets.where), 2)
        found = targets.negatives[targets.where]
        assert_array_equal(found, np.concatenate([*want, found[:0]]))
        videos = [v for r in rows for v in samples[r].target]
        assert targets.videos[targets.where].tolist() == videos

  @pytest.mark.parametrize('device_count', [1, 4])
  def test_each_prediction_has_its_sample_s_weight(self, device_count):
    data = data_of()
    weights = np.arange(1, 1 + len(data.samples.user), dtype=np.float32)
    spec = SPEC._replace(device_count=device_count)
    epoch = batches.draw_epoch(data, spec, 1)
    for step in range(batches.steps_per_epoch(data, spec)):
      plain = batches.make_batch(data, spec, epoch, step)
      assert plain.targets.weights is None
      batch = batches.make_batch(
        data._replace(target_weights=weights), spec, epoch, step
      )
      rows, where, found = (
        getattr(batch.targets, name) for name in ('rows', 'where', 'weights')
      )
      assert found.dtype == np.float32
      assert not found[~where].any()
      per_device = spec.batch_size // device_count
      first = step * spec.batch_size + per_device * np.arange(device_count)
      places = (first[:, None] + rows)[where]
      assert_array_equal(found[where], weights[epoch.order[places]])
      batch = batch._replace(targets=batch.targets._replace(weights=None))
      jax.tree.map(assert_array_equal, plain, batch)

  @pytest.mark.parametrize('device_count', [1, 4])
  def test_candidates_hold_the_batch_s_targets_and_what_is_drawn(
    self, device_count
  ):
    """By loops over the epoch; the same on every device, and for 1 and 4."""
    data, samples = data_of(), expected_of()
    counts = np.bincount([v for s in samples for v in s.target], minlength=V)
    data = data._replace(
      proposal=shared_samples.make_proposal(
        counts, len(samples), rule='uniform'
      )
    )
    spec = SPEC._replace(device_count=device_count, shared_count=15)
    one = spec._replace(device_count=1)
    epoch, per_device = batches.draw_epoch(data, spec, 1), 8 // device_count
    last = batches.steps_per_epoch(data, spec) - 1
    for step in (0, last):
      batch = batches.make_batch(data, spec, epoch, step)
      found = batch.candidates
      whole = batches.make_batch(data, one, epoch, step).candidates
      rows = epoch.order[8 * step : 8 * step + 8]
      rng = np.random.default_rng((SPEC.seed, 1, 4, step))
      drawn = shared_samples.draw(data.proposal, 15, rng).tolist()
      seen = [v for row in rows for v in samples[row].target]
      videos = sorted({*drawn, *seen})
      others = (len(rows) - 1) / (len(samples) - 1)
      weights = [
        (drawn.count(v) + seen.count(v)) / (15 / V + others * counts[v])
        for v in videos
      ]
      for device in range(device_count):
        assert_array_equal(found.videos[device], whole.videos[0])
        assert_array_equal(found.log_weights[device], whole.log_weights[0])
        assert found.videos[device, : len(videos)].tolist() == videos
        np.testing.assert_allclose(
          found.log_weights[device, : len(videos)],
          np.log(weights),
          atol=1e-5,
        )
        assert (np.diff(found.videos[device]) > 0).all()
        targets = batch.targets.videos[device][batch.targets.where[device]]
        places = found.targets[device][batch.targets.where[device]]
        assert_array_equal(found.videos[device][places], targets)
        own = rows[device * per_device : (device + 1) * per_device]
        assert len(targets) == sum(len(samples[row].target) for row in own)

  def test_candidates_change_nothing_else(self):
    data = data_of()
    plain = batches.make_batch(data, SPEC, batches.draw_epoch(data, SPEC, 0), 1)
    assert plain.candidates is None
    counts = np.ones(V)
    data = data._replace(
      proposal=shared_samples.make_proposal(counts, 9, rule='unigram')
    )
    spec = SPEC._replace(shared_count=9)
    batch = next(batches.batches(data, spec, 1))
    fills_up = batch.candidates.videos[0] >= V
    assert fills_up.any()
    assert (batch.candidates.log_weights[0] < -1e29)[fills_up].all()
    jax.tree.map(assert_array_equal, plain.targets, batch.targets)

  def test_negatives_change_nothing_else(self):
    data = data_of()
    for epoch in (0, 1):
      one, two = (
        batches.make_batch(data, s, batches.draw_epoch(data, s, epoch), 2)
        for s in (SPEC, SPEC._replace(unseen_count=3))
      )
      assert one.targets.negatives is None
      two = two._replace(targets=two.targets._replace(negatives=None))
      jax.tree.map(assert_array_equal, one, two)

  def test_real_predictions_come_first(self):
    data = data_of()
    epoch = batches.draw_epoch(data, SPEC, 0)
    for step in range(batches.steps_per_epoch(data, SPEC)):
      where = batches.make_batch(data, SPEC, epoch, step).targets.where[0]
      assert (np.diff(where.astype(int)) <= 0).all()

  def test_the_table_holds_what_occurs_once_each(self):
    data = data_of('topic_then_history')
    epoch = batches.draw_epoch(data, SPEC, 0)
    batch = Share(batches.make_batch(data, SPEC, epoch, 0), 0).batch
    share = Share(batches.make_batch(data, SPEC, epoch, 0), 0)
    occurs = {
      v for s in share.sequences.values() for v in s if isinstance(v, int)
    }
    for b in range(8):
      occurs |= set(np.flatnonzero(catalogue_weights(share, b)).tolist())
    for column in (
      batch.semantic.anchors,
      batch.semantic.negative_visual,
      batch.semantic.negative_text,
    ):
      occurs |= set(batch.sequences.video_ids[column].ravel().tolist())
    count = len(occurs)
    assert_array_equal(batch.sequences.video_ids[:count], sorted(occurs))
    assert_array_equal(batch.sequences.video_ids[count:], 0)
    assert not batch.history.weights[:, count:].any()

  def test_semantic_rows_are_the_epochs(self):
    data = data_of()
    for device_count in (1, 4):
      spec = SPEC._replace(device_count=device_count)
      epoch = batches.draw_epoch(data, spec, 1)
      batch = batches.make_batch(data, spec, epoch, 3)
      for rows, drawn in zip(
        batch.semantic[:3],
        epoch.semantic[3][:3],
        strict=True,
      ):
        got = [
          batch.sequences.video_ids[d][rows[d]] for d in range(device_count)
        ]
        assert_array_equal(np.concatenate(got), drawn)
      assert_array_equal(batch.semantic.where, batch.semantic.pool_where)
      assert_array_equal(batch.semantic.where.ravel(), epoch.semantic[3][3])

  def test_in_batch_every_device_holds_all_and_counts_its_own(self):
    # 9 videos for 12 rows: the last 3 do not exist.
    data = data_of(paired_videos=np.arange(3, 12))
    spec = SPEC._replace(device_count=4, negative_count=0)
    epoch = batches.draw_epoch(data, spec, 0)
    batch = batches.make_batch(data, spec, epoch, 2)
    for d in range(4):
      anchors = batch.sequences.video_ids[d][batch.semantic.anchors[d]]
      assert_array_equal(anchors, epoch.semantic[2][0])
      assert sorted(anchors[:9]) == list(range(3, 12))
      assert_array_equal(batch.semantic.pool_where[d], np.arange(12) < 9)
    assert batch.semantic.negative_visual.shape == (4, 12, 0)
    assert_array_equal(batch.semantic.where.sum(axis=0), np.arange(12) < 9)
    assert_array_equal(batch.semantic.where.sum(axis=1), [3, 3, 3, 0])

  @pytest.mark.parametrize('paired', [[], [7]])
  def test_fewer_than_two_paired_videos_give_no_anchor(self, paired):
    data = data_of(paired_videos=paired)
    for negative_count in (0, 3):
      spec = SPEC._replace(negative_count=negative_count)
      epoch = batches.draw_epoch(data, spec, 0)
      batch = batches.make_batch(data, spec, epoch, 0)
      assert not batch.semantic.where.any()
      assert not batch.semantic.pool_where.any()
      assert batch.semantic.anchors.shape == (1, 12)
      assert batch.semantic.anchors.max() < batch.sequences.video_ids.shape[1]

  def test_without_rows_there_is_no_semantic_part(self):
    """And no video of it in the table; all else stays as it is."""
    data = data_of()
    spec = SPEC._replace(semantic_batch_size=0)
    (whole, bare) = (
      batches.make_batch(data, s, batches.draw_epoch(data, s, 0), 1)
      for s in (SPEC, spec)
    )
    assert bare.semantic is None
    one, two = Share(whole, 0), Share(bare, 0)
    assert one.predictions() == two.predictions()
    for rank, row in one.sequences.items():
      assert_same_sequence(two.sequences[rank], row)
    assert len(np.unique(two.batch.sequences.video_ids)) < len(
      np.unique(one.batch.sequences.video_ids)
    )

  def test_without_relevance_anchors_stand_alone(self):
    data = data_of(with_relevance=False)
    epoch = batches.draw_epoch(data, SPEC, 0)
    batch = batches.make_batch(data, SPEC, epoch, 0)
    assert not batch.relevance_where.any()
    assert batch.sample_where.all()
    assert len(Share(batch, 0).sequences) == 8

  def test_without_partners_no_room_is_kept_for_them(self):
    data = data_of(with_relevance=False)
    epoch = batches.draw_epoch(data, SPEC, 0)
    batch = batches.make_batch(data, SPEC, epoch, 0)
    assert batch.partners is None
    assert batch.sequences.last.shape == (1, 1, 8)
    assert batch.sequences.interests.shape == (1, 8, 6)

  @pytest.mark.parametrize('device_count', [1, 4])
  def test_partners_among_the_anchors(self, device_count):
    """Rows of the whole minibatch; nobody has a sequence of its own."""
    data = data_of()
    spec = SPEC._replace(device_count=device_count, partners='in_batch')
    samples, count = expected_of(), 0
    epoch = batches.draw_epoch(data, spec, 2)
    per_device = spec.batch_size // device_count
    for step in range(batches.steps_per_epoch(data, spec)):
      batch = batches.make_batch(data, spec, epoch, step)
      rows = epoch.order[step * 8 : step * 8 + 8]
      assert batch.sequences.last.shape == (device_count, 1, per_device)
      assert batch.partners.dtype == np.int32
      assert batch.partners.min() >= 0
      assert batch.partners.max() < len(rows)
      where = batch.relevance_where.ravel()
      assert_array_equal(where[: len(rows)], epoch.triplets.where[rows])
      assert not where[len(rows) :].any()
      partners = np.concatenate(list(batch.partners), axis=1)  # [2, 8]
      for b in np.flatnonzero(where):
        near, far = rows[partners[:, b]]
        assert near == epoch.triplets.positive[rows[b]]
        assert far == epoch.triplets.negative[rows[b]]
        count += 1
      for device in range(device_count):
        share = Share(batch, device)
        own = rows[device * per_device : (device + 1) * per_device]
        assert len(share.sequences) == len(own)
        for b, row in enumerate(own):
          expected, _ = expected_sequence(samples[row], 'topic_only')
          got = share.sequences[share.rank(0, b)]
          assert_same_sequence(got, expected)
    # In groups of 2, of users few of whom overlap with nobody.
    assert count > len(samples) / 4

  def test_partners_by_an_unknown_rule(self):
    spec = SPEC._replace(partners='all')
    with pytest.raises(ValueError, match=r"'all'; valid are drawn, in_batch$"):
      batches.draw_epoch(data_of(), spec, 0)

  def test_longest_sequence_and_most_interests(self):
    for mode in inputs.HISTORY_MODES:
      data = data_of(mode)
      sizes = [expected_sequence(s, mode)[0] for s in expected_of()]
      assert data.sequence_len == max(map(len, sizes))
      assert data.max_interest_count == (11 if mode == 'session_chain' else 1)


class TestEpochs:
  def test_partners_in_the_batch_change_nothing_else_that_is_drawn(self):
    data = data_of()
    spec = SPEC._replace(unseen_count=2)
    one = batches.draw_epoch(data, spec, 3)
    two = batches.draw_epoch(data, spec._replace(partners='in_batch'), 3)
    assert sorted(two.order) == sorted(one.order)
    assert (two.order != one.order).any()
    jax.tree.map(assert_array_equal, one.semantic[1], two.semantic[1])
    jax.tree.map(assert_array_equal, one.unseen, two.unseen)
    # Without the loss there is nothing to put together.
    alone = data_of(with_relevance=False)
    for s in (spec, spec._replace(partners='in_batch')):
      found = batches.draw_epoch(alone, s, 3)
      assert_array_equal(found.order, one.order)

  def test_every_sample_once_per_epoch(self):
    data = data_of()
    per_epoch = batches.steps_per_epoch(data, SPEC)
    assert per_epoch == math.ceil(len(data.samples.user) / 8)
    assert len(data.samples.user) % 8  # the last batch is not full
    expected = collections.Counter(
      (tuple(s.target), len(s.history)) for s in expected_of()
    )
    stream = batches.batches(data, SPEC)
    for _ in range(2):
      seen = collections.Counter()
      for step in range(per_epoch):
        share = Share(next(stream), 0)
        found = share.predictions()
        real = np.flatnonzero(share.batch.sample_where)
        if step == per_epoch - 1:
          assert_array_equal(real, np.arange(len(data.samples.user) % 8))
        for b in real:
          target = tuple(video for _, video in found[share.rank(0, b)])
          seen[target, int(share.batch.history.counts[b])] += 1
      assert seen == expected

  def test_a_step_is_the_same_however_reached(self):
    data = data_of()
    per_epoch = batches.steps_per_epoch(data, SPEC)
    stream = batches.batches(data, SPEC)
    whole = [next(stream) for _ in range(2 * per_epoch + 3)]
    for first in (0, 1, per_epoch - 1, per_epoch, 2 * per_epoch + 1):
      resumed = batches.batches(data, SPEC, first)
      for step in (first, first + 1):
        got = next(resumed)
        jax.tree.map(assert_array_equal, got, whole[step])

  def test_draws_depend_on_seed_and_epoch_alone(self):
    data = data_of()
    draws = [
      batches.draw_epoch(data, SPEC._replace(seed=seed), epoch)
      for seed, epoch in ((5, 0), (5, 0), (5, 1), (6, 0))
    ]
    flat = [[d.order, *d.triplets[:2], *d.semantic[1][:3]] for d in draws]
    for column in range(6):
      one, same, epoch, seed = (d[column] for d in flat)
      assert_array_equal(one, same)
      assert np.mean(one != epoch) > 0.1  # some rows are masked
      assert np.mean(one != seed) > 0.1

  def test_devices_hold_the_same_rows(self):
    data = data_of('topic_then_history')

    def content(device_count):
      spec = SPEC._replace(device_count=device_count)
      out = []
      for step, batch in zip(
        range(5), batches.batches(data, spec), strict=False
      ):
        for d in range(device_count):
          share = Share(batch, d)
          found = share.predictions()
          for b in np.flatnonzero(share.batch.sample_where):
            roles = range(3 if share.batch.relevance_where[b] else 1)
            out.append(
              (
                step,
                found[share.rank(0, b)],
                [
                  [np.asarray(v).tolist() for v in share.sequences[rank]]
                  for rank in (share.rank(r, b) for r in roles)
                ],
                catalogue_weights(share, b).tolist(),
              )
            )
      return out

    one = content(1)
    assert one == content(2) == content(4) == content(8)

  def test_no_sample(self):
    data = data_of(with_relevance=False)
    data = data._replace(samples=data.samples.take(slice(0, 0)))
    with pytest.raises(ValueError, match='nothing to train on'):
      batches.steps_per_epoch(data, SPEC)
    with pytest.raises(ValueError, match='nothing to train on'):
      next(batches.batches(data, SPEC))

  def test_next_session_targets(self):
    data = data_of(horizon='next_session')
    epoch = batches.draw_epoch(data, SPEC, 0)
    row, target = sequences.targets_of(data.samples, data.watches)
    share = Share(batches.make_batch(data, SPEC, epoch, 0), 0)
    found = share.predictions()
    for b in range(8):
      own = target[row == epoch.order[b]].tolist()
      assert [video for _, video in found[share.rank(0, b)]] == own


class TestDrawSemantic:
  VIDEOS = np.array([2, 3, 5, 7, 11, 13, 17], np.int32)

  def draw(self, steps, rows, negative_count=2, seed=0, videos=VIDEOS):
    return semantic_rows.draw_semantic(
      videos, (steps, rows), negative_count, np.random.default_rng(seed)
    )

  def test_anchors_are_distinct_in_a_step_and_run_through_all(self):
    anchors, *_, where = self.draw(300, 3)
    assert where.all()
    for pair in anchors.reshape(-1, 6):  # one order serves two steps
      assert len(set(pair.tolist())) == 6
    counts = collections.Counter(anchors.ravel().tolist())
    assert set(counts) == set(self.VIDEOS.tolist())
    # Each order leaves one of 7 out: 150 orders, 150 - 21.4, sd 4.3.
    assert all(abs(c - 128.6) < 22 for c in counts.values())

  def test_negatives_are_other_videos_uniformly(self):
    anchors, visual, text, _ = self.draw(3000, 3)
    assert visual.shape == text.shape == (3000, 3, 2)
    for drawn in (visual, text):
      assert (drawn != anchors[..., None]).all()
      for anchor in self.VIDEOS:
        counts = collections.Counter(drawn[anchors == anchor].ravel().tolist())
        others = set(self.VIDEOS.tolist()) - {int(anchor)}
        assert set(counts) == others
        mean = sum(counts.values()) / 6
        assert all(abs(c - mean) < 5 * math.sqrt(mean) for c in counts.values())
    assert 0.7 < np.mean(visual != text) < 0.95  # 5 of 6

  def test_fewer_videos_than_rows(self):
    anchors, visual, _, where = self.draw(4, 9)
    assert_array_equal(where, np.arange(9) < 7)
    for row in anchors:
      assert sorted(row[:7]) == self.VIDEOS.tolist()
    assert (visual[:, :7] != anchors[:, :7, None]).all()

  def test_two_videos_are_each_others_negatives(self):
    anchors, visual, text, where = self.draw(5, 4, videos=self.VIDEOS[:2])
    assert_array_equal(where, [True, True, False, False])
    for drawn in (visual, text):
      assert_array_equal(drawn[:, :2].sum(axis=-1) + anchors[:, :2] * 2, 10)

  def test_types(self):
    *ids, where = self.draw(2, 3)
    assert [x.dtype for x in ids] == [np.int32] * 3
    assert where.dtype == bool


class TestBucketSize:
  def test_sizes(self):
    sizes = sorted({batches.bucket_size(n, 10**6) for n in range(2049)})
    assert sizes == [
      *[256, 320, 384, 448, 512, 640, 768, 896],
      *[1024, 1280, 1536, 1792, 2048],
    ]

  def test_holds_the_count_with_little_padding(self):
    for count in [0, 1, 256, 257, 512, 513, 6813, 10**6, *range(9000, 9100)]:
      size = batches.bucket_size(count, 2 * 10**6)
      assert size >= count
      assert count <= 256 or size <= 1.25 * count

  def test_the_limit_is_a_size(self):
    assert batches.bucket_size(65, 65) == 65
    assert batches.bucket_size(6000, 6144) == 6144
    assert batches.bucket_size(6700, 6814) == 6814
    assert batches.bucket_size(0, 0) == 1


def test_nearly_all_batches_have_one_shape(monkeypatch):
  """Also where training goes on from the middle; what needs more has more."""
  data = data_of('session_chain')
  usual = batches.usual_sizes(data, SPEC)
  per_epoch = batches.steps_per_epoch(data, SPEC)
  epoch = batches.draw_epoch(data, SPEC, 0)
  alone = [batches.make_batch(data, SPEC, epoch, s) for s in range(per_epoch)]

  def sizes_of(batch):
    return len(batch.sequences.video_ids[0]), len(batch.sequences.inputs[0]), 0

  assert usual == tuple(map(max, zip(*map(sizes_of, alone), strict=True)))
  for first in (0, per_epoch + 3):
    stream = batches.batches(data, SPEC, first)
    assert {sizes_of(next(stream)) for _ in range(per_epoch)} == {usual}
  monkeypatch.setattr(batches, '_LOOKED_AT', 1)
  assert batches.usual_sizes(data, SPEC) == sizes_of(alone[0])
  stream = batches.batches(data, SPEC)
  for batch in alone:
    wanted = map(max, zip(sizes_of(alone[0]), sizes_of(batch), strict=True))
    assert sizes_of(next(stream)) == tuple(wanted)


class TestUsersOfVeryManyWatches:
  """Three of them among 40 usual ones: a step costs what it reads."""

  BAG = 60

  def data_of(self, heavy, *, max_bag=BAG):
    """Of users who watch `heavy` videos each, and of usual ones."""
    first, *_, last = WORLD.sessions.borders
    events, count = [], 5000
    for user in range(43):
      rng = np.random.default_rng(user)
      size = heavy if user < 3 else 12
      times = np.sort(rng.integers(first, last, size=size))
      videos = rng.permutation(count)[:size]
      events.append(list(zip(times.tolist(), videos.tolist(), strict=True)))
    watches = small_world.table(events)
    topics = np.ones((count, 2), np.float32) / 2
    world = WORLD._replace(events=events, watches=watches, topics=topics)
    return small_world.make_training_set(
      world, range(43), max_len=MAX_LEN, max_bag=max_bag
    )

  def bytes_of(self, data):
    """Of the largest of the first batches' arrays, all of one usual size."""
    spec = SPEC._replace(device_count=1)
    usual = batches.usual_sizes(data, spec)
    epoch = batches.draw_epoch(data, spec, 0)
    found = [
      batches.make_batch(data, spec, epoch, step, usual)
      for step in range(batches.steps_per_epoch(data, spec))
    ]
    assert len(found) > 5
    return max(
      max(leaf.nbytes for leaf in jax.tree.leaves(batch)) for batch in found
    )

  def test_memory_follows_what_is_used(self):
    """Not how many watches there are: of four times as many a bucket more."""
    few, many = (self.data_of(heavy) for heavy in (1200, 4800))
    assert self.bytes_of(many) <= 1.25 * self.bytes_of(few)
    spec = SPEC._replace(device_count=1)
    used = spec.batch_size * (self.BAG + MAX_LEN) * 3
    videos, *_ = batches.usual_sizes(many, spec)
    assert videos <= 1.25 * used
    # Without an end they would.
    few, many = (self.data_of(n, max_bag=9999) for n in (1200, 4800))
    assert self.bytes_of(many) > 2 * self.bytes_of(few)

  def test_usual_users_are_read_whole(self):
    """An end that nobody reaches changes nothing."""
    spec = SPEC._replace(device_count=1)
    found = []
    for max_bag in (12, 9999):
      data = self.data_of(12, max_bag=max_bag)
      epoch = batches.draw_epoch(data, spec, 0)
      found.append(batches.make_batch(data, spec, epoch, 1))
    one, two = map(jax.tree.leaves, found)
    for a, b in zip(one, two, strict=True):
      np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize('partners', PARTNERS)
def test_hosts_make_their_devices_shares_of_the_same_batches(
  monkeypatch, partners
):
  """As large as the largest share of any host, across the end of an epoch."""
  data = data_of()
  spec = SPEC._replace(device_count=4, partners=partners)
  monkeypatch.setattr(batches, '_LOOKED_AT', 1)  # so that batches outgrow it
  monkeypatch.setattr(batches, 'bucket_size', lambda count, limit: count)
  monkeypatch.setattr(batches, '_AGREED_ON', 3)
  per_epoch = batches.steps_per_epoch(data, spec)
  count, first = per_epoch + 4, 2
  whole = list(itertools.islice(batches.batches(data, spec, first), count))
  fake = FakeHosts(monkeypatch, 2)
  turns = []

  def most(values):
    turns.append(len(values))
    return hosts.gather(values.astype(np.int32)).max(axis=0)

  def host(index):
    own = spec._replace(own_devices=range(2 * index, 2 * index + 2))
    made = batches.batches(data, own, first, most)
    return list(itertools.islice(made, count))

  parts = fake.run(host)
  shapes = {
    (of.sequences.video_ids.shape, of.sequences.inputs.shape) for of in whole
  }
  assert len(shapes) > 1
  for expected, *found in zip(whole, *parts, strict=True):
    joined = jax.tree.map(lambda *x: np.concatenate(x), *found)
    jax.tree.map(assert_array_equal, joined, expected)
  # Not of every step: the usual sizes, then a few steps' at once.
  assert len(turns) < 2 * count
