"""Decayed bags of watches against loops; training's are serving's."""

import math

import numpy as np
import small_world
from numpy.testing import assert_allclose, assert_array_equal

from dynrec_jax.data import batches, histories, query_inputs, sequences
from dynrec_jax.data import watch_bags as bags_
from dynrec_jax.data.batch_spec import BatchSpec

WORLD = small_world.make_world(video_count=65)
BORDERS = WORLD.sessions.borders
V = 65
USERS = np.setdiff1d(np.arange(25), [2, 12, 13, 24])
DECAY = {'decay': small_world.DECAY, 'unit_secs': small_world.UNIT_SECS}
MANY = 1000  # more than anybody watched


def expected(user, session):
  """[V] sum of exp(-decay * age), and how many watches it is of."""
  out, count = np.zeros(V), 0
  for time, video in WORLD.events[user]:
    if time < BORDERS[session]:
      age = (BORDERS[session] - time) / small_world.UNIT_SECS
      out[video] += math.exp(-small_world.DECAY * age)
      count += 1
  return out, count


def test_bags_and_counts_against_a_loop():
  users, session = np.array([3, 0, 11, 3, 7]), np.array([2, 12, 1, 9, 5])
  samples = sequences.samples_at(WORLD.watches, users, session, WORLD.sessions)
  bags = bags_.watch_bags(samples, WORLD.watches, max_count=MANY, **DECAY)
  found = bags_.as_table(bags, np.arange(V)[::-1], (5, V + 2))
  found *= bags.newest[:, None]
  counts = bags_.counts(bags, 5)
  assert (found.dtype, counts.dtype) == (np.float32, np.float32)
  want = [expected(*at) for at in zip(users, session, strict=True)]
  assert_allclose(found[:, :V][:, ::-1], [x for x, _ in want], rtol=1e-6)
  assert not found[:, V:].any()
  assert counts.tolist() == [n for _, n in want]
  assert counts.max() > 0


def training_rows(data, spec):
  """(user, session) -> an anchor's weights by catalogue id, and the count."""
  out = {}
  epoch = batches.draw_epoch(data, spec, 0)
  for step in range(batches.steps_per_epoch(data, spec)):
    batch = batches.make_batch(data, spec, epoch, step)
    size = spec.batch_size
    chosen = epoch.order[step * size : (step + 1) * size]
    per_device = size // spec.device_count
    for row, sample in enumerate(chosen):
      at = divmod(row, per_device)
      history = batch.history
      by_video = np.zeros(V, np.float32)
      table = batch.sequences.video_ids[at[0]]
      np.add.at(by_video, table, history.weights[at] * history.newest[at])
      key = int(data.samples.user[sample]), int(history.session[at])
      assert key[1] == data.samples.session[sample]
      out[key] = by_video, float(history.counts[at])
    exists = batch.sample_where
    assert not batch.history.session[~exists].any()
    assert not batch.history.weights[~exists].any()
  return out


def serving_rows(users, session):
  """The same of queries."""
  time = BORDERS[session]
  known = query_inputs.QueryRows(
    session=session,
    time=time,
    watches=histories.rows_before(WORLD.watches, users, time)[0],
    behaviours=histories.rows_before(WORLD.watches, users, time)[0],
    topics=WORLD.topics,
    clock=WORLD.sessions,
  )
  blocks = query_inputs.query_blocks(
    known,
    query_inputs.InputSettings('topic_only', 3, MANY, norm='count', **DECAY),
    video_count=V,
    row_count=4,
    with_history=True,
  )
  out = {}
  for number, (inputs, history) in enumerate(blocks):
    assert history.weights.shape == (4, len(inputs.video_ids))
    rows = range(4 * number, min(4 * number + 4, len(users)))
    for row, query in enumerate(rows):
      by_video = np.zeros(V, np.float32)
      weights = history.weights[row] * history.newest[row]
      np.add.at(by_video, inputs.video_ids, weights)
      key = int(users[query]), int(history.session[row])
      out[key] = by_video, float(history.counts[row])
  return out


def test_a_sample_and_a_query_have_the_same_bag():
  """Bit for bit, though tables and neighbours differ."""
  data = small_world.make_training_set(WORLD, USERS)
  spec = BatchSpec(8, 2, 12, 2, 'less_than_pos', 3)
  trained = training_rows(data, spec)
  assert len(trained) == len(data.samples.user) > 20
  users, session = (np.array(x, np.int32) for x in zip(*trained, strict=True))
  served = serving_rows(users, session)
  assert set(served) == set(trained)
  for key, (weights, count) in trained.items():
    assert_array_equal(served[key][0], weights)
    assert served[key][1] == count
    want, known = expected(*key)
    assert_allclose(weights, want, rtol=1e-6)
    assert count == known


def bags_at(events, time, *, decay=0.5, max_count=MANY):
  """The bag of one user at a moment, ages in days."""
  known, _ = histories.rows_before(
    small_world.table([events]), np.array([0]), np.array([time])
  )
  samples = sequences.Samples(
    user=np.array([0]),
    session=np.array([1]),
    time=np.array([time]),
    watch_start=np.array([0]),
    history_count=np.diff(known.offsets),
    target_count=np.array([0]),
  )
  return bags_.watch_bags(
    samples, known, decay=decay, unit_secs=86_400, max_count=max_count
  )


def test_ages_are_told_from_the_newest_watch():
  day = 86_400
  bags = bags_at([(0, 3), (2 * day, 1), (5 * day, 8)], 9 * day)
  assert bags.video.tolist() == [3, 1, 8]
  assert_allclose(bags.weight, np.exp([-2.5, -1.5, 0]), rtol=1e-12)
  assert_allclose(bags.newest, np.exp([-2.0]), rtol=1e-12)


def test_nothing_that_was_watched_weighs_nothing():
  """However long ago: 0 is what was not watched."""
  day, far = 86_400, 4_000_000_000
  bags = bags_at([(0, 3), (5 * day, 8)], far)
  assert bags.newest == [0]
  assert_allclose(bags.weight, np.exp([-2.5, 0]), rtol=1e-12)
  stretched = bags_at([(0, 3), (far, 8)], far + 1)
  table = bags_.as_table(stretched, np.arange(9), (1, 9))
  assert table[0, 8] == 1
  assert 0 < table[0, 3] < 1e-37


def test_a_bag_holds_the_latest_alone():
  events = [(second, second) for second in range(20)]
  bags = bags_at(events, 100, max_count=7)
  assert bags.video.tolist() == list(range(13, 20))
  assert bags_.counts(bags, 1) == [7]
  whole = bags_at(events, 100)
  assert_array_equal(bags.weight, whole.weight[13:])
  assert_array_equal(bags.newest, whole.newest)
