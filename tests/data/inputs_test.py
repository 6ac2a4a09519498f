"""What stands before the first prediction, in each history mode."""

import numpy as np
import pytest
import small_world

from dynrec_jax.data import inputs, sequences

WORLD = small_world.make_world()
BORDERS = WORLD.sessions.borders
V = 41
# Users with and without a history, at various sessions.
USERS = np.array([7, 3, 0, 11, 5, 7], np.int32)
SESSIONS = np.array([12, 9, 3, 1, 9, 2], np.int32)
QUERIES = sequences.samples_at(WORLD.watches, USERS, SESSIONS, WORLD.sessions)


def rows_of(samples, history_mode):
  return inputs.interest_rows(
    samples,
    WORLD.behaviours,
    WORLD.topics,
    WORLD.sessions,
    history_mode=history_mode,
    decay=0.2,
    unit_secs=86400.0,
    norm='sum_weights',
  )


def expected_interest(user, session):
  return small_world.expected_interest(
    WORLD.tweets[user],
    WORLD.topics,
    BORDERS[session],
    0.2,
    86400,
    'sum_weights',
  )


def expected_prefix(user, session, history_mode, max_history_len):
  """Vectors (interests) and ints (videos)."""
  first = session
  if history_mode == 'session_chain':
    first = 1
  past = [v for t, v in WORLD.events[user] if t < BORDERS[session]]
  if history_mode == 'history_only' and past:
    return past[-max_history_len:]
  out = [expected_interest(user, s) for s in range(first, session + 1)]
  if history_mode == 'topic_then_history':
    out += past[-max_history_len:]
  return out


@pytest.mark.parametrize('history_mode', inputs.HISTORY_MODES)
@pytest.mark.parametrize('max_history_len', [2, 50])
def test_against_a_loop(history_mode, max_history_len):
  rows = rows_of(QUERIES, history_mode)
  got = inputs.prefixes(
    QUERIES,
    rows,
    WORLD.watches,
    V,
    history_mode=history_mode,
    max_history_len=max_history_len,
  )
  assert (np.diff(got.row) >= 0).all()
  counts = inputs.prefix_counts(
    QUERIES, rows, history_mode=history_mode, max_history_len=max_history_len
  )
  np.testing.assert_array_equal(counts, got.counts)
  for place, (user, session) in enumerate(zip(USERS, SESSIONS, strict=True)):
    tokens = got.token[got.row == place]
    expected = expected_prefix(user, session, history_mode, max_history_len)
    assert got.counts[place] == len(tokens) == len(expected)
    for token, value in zip(tokens, expected, strict=True):
      if isinstance(value, int):
        assert token == value
      else:
        assert V <= token < V + len(rows.values)
        np.testing.assert_allclose(
          rows.values[token - V], value, rtol=2e-5, atol=1e-7
        )


@pytest.mark.parametrize('history_mode', inputs.HISTORY_MODES)
def test_the_last_row_is_the_samples_own_interest(history_mode):
  rows = rows_of(QUERIES, history_mode)
  assert rows.offsets[-1] == len(rows.values)
  for place, (user, session) in enumerate(zip(USERS, SESSIONS, strict=True)):
    np.testing.assert_allclose(
      rows.values[rows.offsets[place + 1] - 1],
      expected_interest(user, session),
      rtol=2e-5,
      atol=1e-7,
    )


@pytest.mark.parametrize('history_mode', inputs.HISTORY_MODES)
@pytest.mark.parametrize('chosen', [[4, 0, 0, 2], [1], []])
def test_take_rows_keeps_each_samples_own(history_mode, chosen):
  rows = rows_of(QUERIES, history_mode)
  got = inputs.take_rows(rows, np.array(chosen, int))
  assert len(got.offsets) == len(chosen) + 1
  assert got.offsets[-1] == len(got.values)
  for place, sample in enumerate(chosen):
    np.testing.assert_array_equal(
      got.values[got.offsets[place] : got.offsets[place + 1]],
      rows.values[rows.offsets[sample] : rows.offsets[sample + 1]],
    )


def test_unknown_mode():
  message = "'all'.*topic_only, topic_then_history, session_chain, "
  with pytest.raises(ValueError, match=message):
    rows_of(QUERIES, 'all')
  with pytest.raises(ValueError, match=message):
    inputs.check_history_mode('all')
  inputs.check_history_mode('session_chain')
