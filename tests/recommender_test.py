"""The one contract: what may be listed, and parts of queries."""

import numpy as np
import pytest
import small_world

from dynrec_jax.data import histories
from dynrec_jax.data.records import object_array
from dynrec_jax.recommender import Queries, Seen

WORLD = small_world.make_world()
CLOCK = WORLD.sessions
# User 3 never has a watch, 8 no tweet; others have few or many by then.
USERS = np.array([7, 3, 0, 11, 5, 7, 8, 20], np.int32)
SESSIONS = np.array([12, 9, 3, 1, 9, 2, 6, 12], np.int32)


def text_of(user, time, item):
  return f'{user} said {item} at {time}'


def queries_of(*, mask_known=True, with_texts=True) -> Queries:
  """Of both streams; every tweet's text names its user, time and topic."""
  times = CLOCK.borders[SESSIONS]
  behaviours, index = histories.rows_before(WORLD.behaviours, USERS, times)
  texts = object_array(
    text_of(user, *event)
    for user, row in enumerate(WORLD.tweets)
    for event in row
  )
  return Queries(
    users=USERS,
    session=SESSIONS,
    time=times,
    watches=histories.rows_before(WORLD.watches, USERS, times)[0],
    behaviours=behaviours,
    topics=WORLD.topics,
    texts=texts[index] if with_texts else None,
    profiles=object_array(f'I am {user}' for user in USERS),
    clock=CLOCK,
    mask_known=mask_known,
  )


def before(events, user, session):
  return [pair for pair in events[user] if pair[0] < CLOCK.borders[session]]


def rows_of(table):
  """Lists of (time, item)."""
  return [
    list(
      zip(
        table.time[start:end].tolist(),
        table.item[start:end].tolist(),
        strict=True,
      )
    )
    for start, end in zip(table.offsets[:-1], table.offsets[1:], strict=True)
  ]


def test_forbidden_videos():
  ids, where = queries_of().forbidden_videos()
  known = [
    [video for _, video in before(WORLD.events, user, session)]
    for user, session in zip(USERS, SESSIONS, strict=True)
  ]
  assert ids.shape == where.shape == (8, max(map(len, known)))
  assert (ids.dtype, where.dtype) == (np.int32, np.bool_)
  assert [
    row[real].tolist() for row, real in zip(ids, where, strict=True)
  ] == known
  assert [] in known


def test_nothing_is_forbidden_without_the_mask():
  queries = queries_of(mask_known=False)
  assert len(queries.watches.item)
  assert not queries.forbidden_videos()[1].any()


def test_forbidden_videos_of_nobody_and_of_users_without_watches():
  for count in (0, 2):
    ids, where = small_world.queries_knowing([[]] * count).forbidden_videos()
    assert ids.shape == where.shape
    assert len(ids) == count
    assert not where.any()


@pytest.mark.parametrize(
  'rows',
  [
    slice(2, 5),
    slice(None),
    slice(5, 100),
    slice(None, None, -3),
    slice(4, 4),
    np.array([6, 0, 3]),
    np.array([1, 1, 5, 0, 5, 5]),
    np.array([-1, 2]),
    np.array([], int),
    SESSIONS > 8,
  ],
  ids=str,
)
def test_take(rows):
  taken = queries_of().take(rows)
  chosen = [int(i) for i in np.arange(8)[rows]]
  users, sessions = USERS[chosen], SESSIONS[chosen]
  assert taken.count == len(chosen)
  np.testing.assert_array_equal(taken.users, users)
  np.testing.assert_array_equal(taken.session, sessions)
  np.testing.assert_array_equal(
    taken.time, [CLOCK.borders[session] for session in sessions]
  )
  assert taken.profiles.tolist() == [f'I am {user}' for user in users]
  pairs = list(zip(users, sessions, strict=True))
  assert rows_of(taken.watches) == [before(WORLD.events, *p) for p in pairs]
  assert rows_of(taken.behaviours) == [before(WORLD.tweets, *p) for p in pairs]
  assert taken.texts.tolist() == [
    text_of(user, *event)
    for user, session in pairs
    for event in before(WORLD.tweets, user, session)
  ]
  assert taken.topics is WORLD.topics
  assert taken.clock is CLOCK
  assert taken.mask_known


def test_take_of_watches_has_no_texts_and_keeps_the_mask():
  queries = queries_of(with_texts=False, mask_known=False)
  taken = queries.take(slice(1, 3))
  assert taken.texts is None
  assert not taken.mask_known
  assert not taken.forbidden_videos()[1].any()


def test_take_again():
  """Parts of parts are parts: blocks within a shuffled order."""
  order = np.array([4, 7, 1, 0, 2, 7])
  twice = queries_of().take(order).take(slice(1, 4))
  once = queries_of().take(np.array([7, 1, 0]))
  for name in ('users', 'session', 'time', 'texts', 'profiles'):
    np.testing.assert_array_equal(getattr(twice, name), getattr(once, name))
  for name in ('watches', 'behaviours'):
    assert rows_of(getattr(twice, name)) == rows_of(getattr(once, name))


def test_taking_leaves_the_whole_as_it_was():
  queries = queries_of()
  taken = queries.take(np.array([2, 0]))
  taken.users[:] = -1
  taken.watches.item[:] = -1
  np.testing.assert_array_equal(queries.users, USERS)
  assert queries.watches.item.min() >= 0


def test_sizes():
  seen = small_world.seen_of(WORLD.watches, video_count=41)
  assert isinstance(seen, Seen)
  assert seen.video_count == 41
  assert queries_of().count == 8
