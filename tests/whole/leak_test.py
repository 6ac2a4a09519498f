"""What must not be read is changed, and nothing may follow.

Test users' watches after n_f (the cross network: all of their watches) and
every behaviour after t are replaced by others; another number of them, too.
"""

import jax
import numpy as np
import pytest
import small_world
from numpy.testing import assert_array_equal

from dynrec_jax.data import (
  batches,
  histories,
  inputs,
  interests,
  query_inputs,
  sequences,
)
from dynrec_jax.data.batch_spec import BatchSpec
from dynrec_jax.study import training_data

WORLD = small_world.make_world(user_count=30)
BORDERS = WORLD.sessions.borders
V = 41
TEST = np.array([0, 4, 7, 9, 15, 22, 29], np.int32)
TRAIN = np.setdiff1d(np.arange(30), TEST)
SPEC = BatchSpec(8, 2, 12, 2, 'less_than_pos', 3)


def edited(events, users, after, count=9):
  """These users' events from a moment on replaced by others."""
  rng = np.random.default_rng(after % 1000)
  out = []
  for user, row in enumerate(events):
    if user in users:
      kept = [pair for pair in row if pair[0] < after]
      times = np.sort(rng.integers(after, BORDERS[-1], size=user % count + 1))
      times[0] = after  # on the border: it is not known
      row = kept + [(int(t), int(rng.integers(V))) for t in times]
    out.append(row)
  return out


def with_watches(events):
  return WORLD._replace(events=events, watches=small_world.table(events))


def training_content(world, behaviours, history_mode):
  """All that a training run is handed, without places in flat arrays."""
  data = small_world.make_training_set(
    world, TRAIN, behaviours=behaviours, history_mode=history_mode
  )
  samples = data.samples._replace(watch_start=np.zeros(0))
  related = data.relevance
  stream = batches.batches(data, SPEC)
  steps = 2 * batches.steps_per_epoch(data, SPEC)
  return [
    *samples,
    *sequences.targets_of(data.samples, world.watches),
    *data.interest_rows,
    *(related.users, related.offsets, related.partner, related.rel),
    *(related.lists.toarray(), related.overlap),
    *(field for _ in range(steps) for field in jax.tree.leaves(next(stream))),
  ]


def query_content(world, behaviours, history_mode, session):
  """All that a test user's recommendation is made from."""
  known = training_data.Known(
    world.watches,
    behaviours,
    None,
    np.full(30, '', object),
    world.sessions,
  )
  queries = training_data.make_queries(
    known, world.topics, TEST, session, mask_known=True
  )
  blocks = query_inputs.query_blocks(
    query_inputs.QueryRows(
      session=queries.session,
      time=queries.time,
      watches=queries.watches,
      behaviours=queries.behaviours,
      topics=queries.topics,
      clock=queries.clock,
    ),
    query_inputs.InputSettings(
      history_mode=history_mode,
      max_len=6,
      max_bag=100,
      decay=small_world.DECAY,
      unit_secs=small_world.UNIT_SECS,
      norm='sum_weights',
    ),
    video_count=V,
    row_count=4,
    with_history=True,
  )
  return [*jax.tree.leaves(list(blocks)), *queries.forbidden_videos()]


def assert_all_equal(one, two):
  assert len(one) == len(two)
  for a, b in zip(one, two, strict=True):
    assert_array_equal(a, b)


@pytest.mark.parametrize('session', [3, 9])
@pytest.mark.parametrize('history_mode', inputs.HISTORY_MODES)
class TestSingleNetwork:
  """Watches after n_f = 3 (short) and 9 (long)."""

  def test_training_reads_nothing(self, session, history_mode):
    other = with_watches(edited(WORLD.events, TEST, BORDERS[session]))
    assert_all_equal(
      *(training_content(w, w.watches, history_mode) for w in (WORLD, other))
    )

  def test_queries_read_nothing_but_the_truth(self, session, history_mode):
    other = with_watches(edited(WORLD.events, TEST, BORDERS[session]))
    one, two = (
      query_content(w, w.watches, history_mode, session) for w in (WORLD, other)
    )
    assert_all_equal(one, two)
    later = [
      histories.rows_from(w.watches, TEST, np.full(len(TEST), BORDERS[session]))
      for w in (WORLD, other)
    ]
    counts = [np.diff(rows.offsets) for rows, _ in later]
    assert (counts[0] != counts[1]).any()  # the edit is real


class TestCrossNetwork:
  """Test users' watches are hidden altogether; tweets count up to n_f."""

  @pytest.mark.parametrize('history_mode', ['topic_only', 'session_chain'])
  def test_watches_of_test_users_are_not_read_at_all(self, history_mode):
    other = with_watches(edited(WORLD.events, TEST, int(BORDERS[0])))
    assert_all_equal(
      *(
        training_content(w, WORLD.behaviours, history_mode)
        for w in (WORLD, other)
      )
    )
    assert_all_equal(
      *(
        query_content(
          w._replace(watches=histories.no_events(30)),
          WORLD.behaviours,
          history_mode,
          9,
        )
        for w in (WORLD, other)
      )
    )

  @pytest.mark.parametrize('history_mode', ['topic_only', 'session_chain'])
  def test_tweets_after_the_history_are_not_read(self, history_mode):
    tweets = small_world.table(edited(WORLD.tweets, TEST, BORDERS[9]))
    assert_all_equal(
      *(
        training_content(WORLD, t, history_mode)
        for t in (WORLD.behaviours, tweets)
      )
    )
    assert_all_equal(
      *(
        query_content(WORLD, t, history_mode, 9)
        for t in (WORLD.behaviours, tweets)
      )
    )


@pytest.mark.parametrize('session', range(1, 12))
def test_an_interest_reads_nothing_after_its_time(session):
  everyone = np.arange(30, dtype=np.int32)
  end = BORDERS[session]
  tables = [
    WORLD.watches,
    small_world.table(edited(WORLD.events, everyone, end)),
  ]

  def at(table, time):
    return interests.user_interests(
      table,
      WORLD.topics,
      everyone,
      np.full(30, time),
      decay=0.1,
      unit_secs=small_world.UNIT_SECS,
      norm='sum_weights',
    )

  assert_array_equal(*(at(table, end) for table in tables))
  # A second later the event on the border is known: the edit is real.
  one, two = (at(table, end + 1) for table in tables)
  assert (one != two).any()


def test_content_interest_reads_nothing_after_its_time():
  """Eq (3)'s weights of samples of session 4, all later watches edited."""
  end = BORDERS[4]
  weights = []
  for events in (WORLD.events, edited(WORLD.events, TRAIN, end)):
    world = with_watches(events)
    data = small_world.make_training_set(world, TRAIN, with_relevance=False)
    rows = np.flatnonzero(data.samples.session == 4)
    by_user = {}
    spec = SPEC._replace(batch_size=1, device_count=1)
    epoch = batches.draw_epoch(data, spec, 0)
    for row in rows:
      epoch = epoch._replace(order=np.array([row]))
      batch = batches.make_batch(data, spec, epoch, 0)
      by_video = np.zeros(V)
      ids = batch.sequences.video_ids[0]
      history = batch.history
      weight = history.weights[0, 0] * history.newest[0, 0]
      np.add.at(by_video, ids, weight)
      by_user[int(data.samples.user[row])] = by_video
    weights.append(by_user)
  one, two = weights
  common = sorted(one.keys() & two.keys())
  assert len(common) > 10
  for user in common:
    assert_array_equal(one[user], two[user])
