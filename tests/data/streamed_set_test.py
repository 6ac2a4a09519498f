"""Samples cut from the log when asked for: those of a set that holds them."""

import jax
import numpy as np
import pytest
import small_world
from numpy.testing import assert_array_equal

from dynrec_jax.data import batches, inputs, streamed_set
from dynrec_jax.data.batch_spec import BatchSpec
from dynrec_jax.data.shared_samples import make_proposal
from dynrec_jax.data.streamed_set import Log

WORLD = small_world.make_world(video_count=65)
USERS = np.setdiff1d(np.arange(25), [2, 12, 13, 24])
MAX_LEN = 6
SPEC = BatchSpec(8, 2, 12, 2, 'zero_overlap', 5, shared_count=7)


def held(history_mode, behaviours):
  return small_world.make_training_set(
    WORLD,
    USERS,
    behaviours=behaviours,
    history_mode=history_mode,
    max_len=MAX_LEN,
    with_relevance=False,
  )


def streamed(data, behaviours, rule='unigram'):
  log = Log(
    watches=WORLD.watches,
    behaviours=behaviours,
    topics=WORLD.topics,
    clock=WORLD.sessions,
    users=USERS,
    horizon='all_after',
    max_target_len=MAX_LEN,
    next_count=5,
    history_mode=data.history_mode,
    norm='sum_weights',
    decay=data.decay,
    unit_secs=data.unit_secs,
  )
  return streamed_set.make_streamed_set(
    log,
    video_count=data.video_count,
    paired_videos=data.paired_videos,
    max_bag=data.max_bag,
    proposal_rule=rule,
  )


CASES = [(m, 'watches') for m in inputs.HISTORY_MODES]


@pytest.mark.parametrize(
  ('history_mode', 'of'), [*CASES, ('session_chain', 'behaviours')]
)
def test_batches_are_those_of_a_set_that_holds_all(
  history_mode, of, monkeypatch
):
  """All of a batch, by the same order of samples, looked at 3 users a time."""
  monkeypatch.setattr(streamed_set, '_USERS_AT_ONCE', 3)
  made_of = getattr(WORLD, of)
  data = held(history_mode, made_of)
  few = streamed(data, made_of)
  counts = np.zeros(data.video_count, int)
  for row in range(data.sample_count):
    sample = data.samples.take([row])
    first = int(sample.watch_start[0] + sample.history_count[0])
    for video in WORLD.watches.item[first : first + sample.target_count[0]]:
      counts[video] += 1
  assert_array_equal(few.totals.target_counts, counts)
  data = data._replace(
    proposal=make_proposal(counts, data.sample_count, rule='unigram')
  )
  for name in (
    'sample_count',
    'with_history',
    'sequence_len',
    'max_interest_count',
  ):
    assert getattr(few, name) == getattr(data, name), name
  assert_array_equal(
    few.take(np.array([9, 3, 9])).user, data.take(np.array([9, 3, 9])).user
  )
  assert batches.steps_per_epoch(few, SPEC) == batches.steps_per_epoch(
    data, SPEC
  )
  epoch = batches.draw_epoch(few, SPEC, 1)
  order = epoch.order[0 : len(epoch.order)]
  assert_array_equal(np.sort(order), np.arange(data.sample_count))
  same = batches.draw_epoch(data, SPEC, 1)._replace(order=order)
  last = batches.steps_per_epoch(data, SPEC) - 1
  for step in (0, 4, last):
    jax.tree.map(
      assert_array_equal,
      batches.make_batch(few, SPEC, epoch, step),
      batches.make_batch(data, SPEC, same, step),
    )


def test_nobody_has_a_sample():
  data = held('topic_only', WORLD.watches)
  few = streamed(data, WORLD.watches)
  nobody = few.log._replace(users=np.array([3]))  # has no event
  found = streamed_set.make_streamed_set(
    nobody,
    video_count=65,
    paired_videos=data.paired_videos,
    max_bag=9,
    proposal_rule=None,
  )
  assert found.sample_count == 0
  with pytest.raises(ValueError, match='there is nothing to train on'):
    batches.steps_per_epoch(found, SPEC)


def test_a_step_is_the_same_however_reached():
  data = streamed(held('topic_only', WORLD.watches), WORLD.watches)
  stream = batches.batches(data, SPEC, 0)
  per_epoch = batches.steps_per_epoch(data, SPEC)
  whole = [next(stream) for _ in range(per_epoch + 2)]
  for first in (3, per_epoch + 1):
    jax.tree.map(
      assert_array_equal, next(batches.batches(data, SPEC, first)), whole[first]
    )
