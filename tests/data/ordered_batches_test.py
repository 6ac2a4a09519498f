"""Batches to measure on: every sample once, in order, in one shape."""

import jax
import numpy as np
import pytest
from fake_hosts import FakeHosts

from dynrec_jax.data import batches, ordered_batches, sequences
from dynrec_jax.parallel import hosts


def make(study, groups, *, batch_size=8, device_count=1):
  return ordered_batches.ordered_batches(
    study.data, groups, batch_size=batch_size, device_count=device_count
  )


def targets_in(batch):
  """(anchors, videos) that a batch predicts, device after device."""
  found = []
  for device in range(len(batch.sample_where)):
    own = jax.tree.map(lambda x, i=device: x[i], batch)
    found += own.targets.videos[own.targets.where].tolist()
  return int(batch.sample_where.sum()), found


@pytest.mark.parametrize('device_count', [1, 4])
def test_every_sample_once_in_its_group_s_order(study, device_count):
  groups = [np.array([30, 2, 17]), np.arange(40, 61), np.array([5])]
  found = make(study, groups, device_count=device_count)
  assert [len(group) for group in found] == [1, 3, 1]
  for rows, group in zip(groups, found, strict=True):
    counts, videos = zip(*map(targets_in, group), strict=True)
    assert sum(counts) == len(rows)
    _, want = sequences.targets_of(
      study.data.samples.take(rows), study.data.watches
    )
    assert [v for own in videos for v in own] == want.tolist()


def test_one_shape_serves_all(study):
  found = make(study, [np.array([0]), np.arange(100)])
  shapes = {
    str(jax.tree.map(lambda x: (x.shape, x.dtype), batch))
    for group in found
    for batch in group
  }
  assert len(shapes) == 1
  assert len(found[1]) == 13


def test_nothing_is_drawn(study):
  (batch,), *_ = make(study, [np.arange(8)])
  assert batch.semantic is None
  assert batch.targets.negatives is None
  assert not batch.relevance_where.any()


def test_a_batch_is_what_training_reads(study):
  """Of the same samples, less their partners."""
  drawn = batches.draw_epoch(study.data, study.spec, 0)
  rows = drawn.order[: study.spec.batch_size]
  theirs = batches.make_batch(study.data, study.spec, drawn, 0)
  (ours,), *_ = make(study, [rows])
  for batch in (theirs, ours):
    assert batch.sample_where.all()
  real = theirs.targets.where
  np.testing.assert_array_equal(ours.targets.where, real)
  np.testing.assert_array_equal(
    ours.targets.videos[real], theirs.targets.videos[real]
  )
  np.testing.assert_array_equal(ours.history.counts, theirs.history.counts)
  own = [
    batch.sequences.interests[0][batch.interest_rows[0]]
    for batch in (theirs, ours)
  ]
  np.testing.assert_array_equal(*own)


def test_hosts_make_their_devices_shares_of_the_same_batches(
  study, monkeypatch
):
  groups = [np.array([30, 2, 17]), np.arange(40, 61)]
  whole = make(study, groups, device_count=4)

  def host(index):
    return ordered_batches.ordered_batches(
      study.data,
      groups,
      batch_size=8,
      device_count=4,
      own_devices=range(2 * index, 2 * index + 2),
      most=hosts.most_of_all,
    )

  parts = FakeHosts(monkeypatch, 2).run(host)
  joined = jax.tree.map(lambda *x: np.concatenate(x), *parts)
  jax.tree.map(np.testing.assert_array_equal, joined, whole)
