"""What a network reads of queries, unpacked and against plain Python."""

import jax
import numpy as np
import pytest
import small_world

from dynrec_jax.data import histories, inputs, query_inputs

WORLD = small_world.make_world()
BORDERS = WORLD.sessions.borders
V = len(WORLD.topics)
MAX_LEN = 3
MAX_BAG = 9
ROWS = 4  # a block's
# Users with and without watches or tweets, twice, at various sessions.
USERS = np.array([7, 3, 0, 11, 5, 7, 8, 20, 2, 14, 3], np.int32)
SESSIONS = np.array([12, 9, 3, 1, 9, 2, 6, 12, 5, 4, 1], np.int32)
MODES = inputs.HISTORY_MODES


def settings(history_mode):
  return query_inputs.InputSettings(
    history_mode=history_mode,
    max_len=MAX_LEN,
    max_bag=MAX_BAG,
    decay=small_world.DECAY,
    unit_secs=small_world.UNIT_SECS,
    norm='count',
  )


def known_of(
  users=USERS,
  sessions=SESSIONS,
  watches=WORLD.watches,
  behaviours=WORLD.behaviours,
):
  times = BORDERS[sessions]
  return query_inputs.QueryRows(
    session=sessions,
    time=times,
    watches=histories.rows_before(watches, users, times)[0],
    behaviours=histories.rows_before(behaviours, users, times)[0],
    topics=WORLD.topics,
    clock=WORLD.sessions,
  )


def query_blocks(known, history_mode, row_count=ROWS, **asked):
  return list(
    query_inputs.query_blocks(
      known,
      settings(history_mode),
      video_count=V,
      row_count=row_count,
      **asked,
    )
  )


def blocks_of(known, history_mode, row_count=ROWS):
  """First inputs alone."""
  blocks = query_blocks(known, history_mode, row_count)
  assert {block.history for block in blocks} <= {None}
  return [block.sequences for block in blocks]


def expected_inputs(user, session, history_mode):
  """A query's interests as vectors and videos as numbers."""
  first = 1 if history_mode == 'session_chain' else session
  out = [
    small_world.expected_interest(
      WORLD.tweets[user],
      WORLD.topics,
      BORDERS[step],
      small_world.DECAY,
      small_world.UNIT_SECS,
      'count',
    )
    for step in range(first, session + 1)
  ]
  past = [v for time, v in WORLD.events[user] if time < BORDERS[session]]
  if history_mode == 'history_only' and past:
    return past[-MAX_LEN:]
  if history_mode == 'topic_then_history':
    out += past[-MAX_LEN:]
  return out


def unpacked(block, lengths):
  """Each sequence's inputs, read step by step from the longest on."""
  lengths = lengths + [0] * (len(block.last) - len(lengths))
  order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
  out = [[] for _ in lengths]
  place = 0
  for step, count in enumerate(block.step_counts):
    running = [row for row in order if lengths[row] > step]
    assert len(running) == count
    for row in running:
      if lengths[row] == step + 1:
        assert block.last[row] == place
      out[row].append(resolved(block, block.inputs[place]))
      place += 1
  assert place == sum(lengths)
  assert not block.inputs[place:].any()
  return out


def resolved(block, token):
  """A video's number, or an interest's values."""
  table_size = len(block.video_ids)
  if token < table_size:
    return int(block.video_ids[token])
  return block.interests[token - table_size]


def all_inputs(blocks, lengths, row_count=ROWS):
  """Of all queries, block after block."""
  out = []
  for number, block in enumerate(blocks):
    own = lengths[number * row_count : (number + 1) * row_count]
    out += unpacked(block, own)[: len(own)]
  return out


@pytest.mark.parametrize('history_mode', MODES)
@pytest.mark.parametrize('row_count', [1, ROWS, 11, 16])
def test_every_query_against_a_loop(history_mode, row_count):
  wanted = [
    expected_inputs(user, session, history_mode)
    for user, session in zip(USERS, SESSIONS, strict=True)
  ]
  blocks = blocks_of(known_of(), history_mode, row_count)
  assert len(blocks) == -(-len(USERS) // row_count)
  found = all_inputs(blocks, [len(want) for want in wanted], row_count)
  assert len(found) == len(wanted)
  for got, want in zip(found, wanted, strict=True):
    assert [type(x) for x in got] == [type(x) for x in want]
    for one, other in zip(got, want, strict=True):
      np.testing.assert_allclose(one, other, rtol=2e-5, atol=1e-7)


def test_the_cases_are_worth_it():
  """Histories that are cut, short and empty; interests of zeros."""
  known = known_of()
  counts = np.diff(known.watches.offsets)
  assert counts.max() > MAX_LEN
  assert 0 in counts
  assert set(counts) & set(range(1, MAX_LEN))
  assert not expected_inputs(8, 6, 'topic_only')[0].any()


@pytest.mark.parametrize('history_mode', MODES)
def test_blocks_have_equal_shapes_and_what_a_scan_needs(history_mode):
  blocks = blocks_of(known_of(), history_mode)
  shapes = [[(x.shape, x.dtype) for x in block] for block in blocks]
  assert shapes == [shapes[0]] * 3
  longest = {
    'topic_only': 1,
    'topic_then_history': 4,
    'session_chain': 12,
    'history_only': 3,
  }
  assert blocks[0].step_counts.shape == (longest[history_mode],)
  for block in blocks:
    video_ids, interests, tokens, step_counts, last = block
    assert {x.dtype for x in (video_ids, tokens, step_counts, last)} == {
      np.dtype(np.int32)
    }
    assert interests.dtype == np.float32
    assert last.shape == (ROWS,)
    # The scan reads whole steps: room for one behind the last input.
    assert len(tokens) >= step_counts.sum() + ROWS
    assert (np.diff(step_counts) <= 0).all()
    assert tokens.max() < len(video_ids) + len(interests)
    assert (last >= 0).all()
    assert (last < len(tokens)).all()


def test_a_table_holds_each_video_of_its_block_once():
  blocks = blocks_of(known_of(), 'topic_then_history')
  for number, block in enumerate(blocks):
    rows = slice(number * ROWS, (number + 1) * ROWS)
    videos = {
      video
      for user, session in zip(USERS[rows], SESSIONS[rows], strict=True)
      for video in expected_inputs(user, session, 'topic_then_history')[1:]
    }
    table = block.video_ids.tolist()
    assert table[: len(videos)] == sorted(videos)
    assert not any(table[len(videos) :])
    assert len(table) == ROWS * MAX_LEN


@pytest.mark.parametrize('history_mode', ['topic_only', 'session_chain'])
def test_without_histories_there_is_no_video(history_mode):
  for block in blocks_of(known_of(), history_mode):
    assert block.video_ids.shape == (0,)


@pytest.mark.parametrize('history_mode', MODES)
def test_the_last_block_is_filled_with_empty_queries(history_mode):
  """Of 11 queries, 3 are in the last of three blocks."""
  block = blocks_of(known_of(), history_mode)[-1]
  assert block.step_counts[0] == 3
  lengths = [
    len(expected_inputs(user, session, history_mode))
    for user, session in zip(USERS[8:], SESSIONS[8:], strict=True)
  ]
  rows = unpacked(block, lengths)
  assert rows[3] == []
  assert len(rows) == ROWS


@pytest.mark.parametrize('history_mode', MODES)
def test_nobody(history_mode):
  nobody = np.zeros(0, np.int32)
  assert blocks_of(known_of(nobody, nobody), history_mode) == []


def other_items(rows, user_times, *, later):
  """The events with other items from (or up to) each user's time on."""
  owner = np.repeat(np.arange(rows.user_count), np.diff(rows.offsets))
  changed = (rows.time >= user_times[owner]) == later
  assert changed.any()
  return rows._replace(item=np.where(changed, (rows.item + 1) % V, rows.item))


@pytest.mark.parametrize('history_mode', MODES)
def test_what_lies_after_a_query_s_time_is_not_in_it(history_mode):
  users, sessions = np.arange(25), 3 + np.arange(25) % 5
  want = blocks_of(known_of(users, sessions), history_mode)
  for later in (True, False):
    watches, behaviours = (
      other_items(rows, BORDERS[sessions], later=later)
      for rows in (WORLD.watches, WORLD.behaviours)
    )
    found = blocks_of(
      known_of(users, sessions, watches, behaviours), history_mode
    )
    same = [
      np.array_equal(one, other)
      for a, b in zip(want, found, strict=True)
      for one, other in zip(a, b, strict=True)
    ]
    assert all(same) == later


@pytest.mark.parametrize('with_history', [False, True])
@pytest.mark.parametrize('history_mode', MODES)
def test_shapes_do_not_tell_who_asks(history_mode, with_history):
  """Else a sum over them would not be the same to the last bit."""
  shapes = set()
  for users in ([7], [3], [0, 7, 3], USERS):
    users = np.array(users, np.int32)
    known = known_of(users, np.full(len(users), 9, np.int32))
    for block in query_blocks(known, history_mode, with_history=with_history):
      leaves = [*block.sequences, *(block.history or ())]
      shapes.add(tuple(x.shape for x in leaves))
  assert len(shapes) == 1


@pytest.mark.parametrize('history_mode', MODES)
def test_alone_or_in_company(history_mode):
  lengths = [
    len(expected_inputs(user, session, history_mode))
    for user, session in zip(USERS, SESSIONS, strict=True)
  ]
  together = all_inputs(blocks_of(known_of(), history_mode), lengths)
  for place, length in enumerate(lengths):
    own = slice(place, place + 1)
    known = known_of(USERS[own], SESSIONS[own])
    alone = unpacked(blocks_of(known, history_mode)[0], [length])[0]
    assert len(alone) == len(together[place])
    for one, other in zip(alone, together[place], strict=True):
      np.testing.assert_array_equal(one, other)


def test_without_any_watch_at_all():
  """The cross network's held-out users: an interest, and nothing else."""
  known = known_of()._replace(watches=histories.no_events(len(USERS)))
  lengths = [1] * len(USERS)
  want = all_inputs(blocks_of(known_of(), 'topic_only'), lengths)
  found = all_inputs(blocks_of(known, 'topic_then_history'), lengths)
  np.testing.assert_array_equal(found, want)


def test_unknown_mode():
  with pytest.raises(ValueError, match=r"'all'.*topic_only, "):
    blocks_of(known_of(), 'all')


@pytest.mark.parametrize('history_mode', MODES)
def test_histories_leave_the_inputs_as_they_are(history_mode):
  """Only the table holds every video; `watch_bags_test` has the bags."""
  lengths = [
    len(expected_inputs(user, session, history_mode))
    for user, session in zip(USERS, SESSIONS, strict=True)
  ]
  want = all_inputs(blocks_of(known_of(), history_mode), lengths)
  blocks = query_blocks(known_of(), history_mode, with_history=True)
  found = all_inputs([block.sequences for block in blocks], lengths)
  for got, own in zip(found, want, strict=True):
    for one, other in zip(got, own, strict=True):
      np.testing.assert_array_equal(one, other)
  for block in blocks:
    assert block.history.weights.shape == (ROWS, V)
    assert {x.shape for x in block.history[1:]} == {(ROWS,)}
    np.testing.assert_array_equal(block.sequences.video_ids, np.arange(V))
  last = blocks[-1].history  # of 11 queries the twelfth is padding
  assert last.session.tolist() == [*SESSIONS[8:], 0]
  assert not last.weights[3].any()
  assert last.counts[3] == 0


def test_a_history_without_any_watch():
  known = known_of()._replace(watches=histories.no_events(len(USERS)))
  for block in query_blocks(known, 'topic_only', with_history=True):
    assert not block.history.weights.any()
    assert not block.history.newest.any()
    assert not block.history.counts.any()


def test_interests_that_nobody_reads_are_not_made():
  """Not even where they could not be: all else is as with them."""
  known = known_of()
  lost = known._replace(behaviours=None)
  with_u = query_blocks(known, 'topic_only', with_history=True)
  without = query_blocks(
    lost, 'topic_only', with_history=True, with_interest=False
  )
  assert len(with_u) == len(without)
  for own, other in zip(with_u, without, strict=True):
    assert own.sequences.interests.any()
    zeros = np.zeros_like(own.sequences.interests)
    expected = own._replace(sequences=own.sequences._replace(interests=zeros))
    jax.tree.map(np.testing.assert_array_equal, other, expected)
