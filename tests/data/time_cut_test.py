"""A log cut at one date, against loops over lists of events."""

import numpy as np
import pytest

from dynrec_jax.data import filters, time_cut
from dynrec_jax.data.records import (
  MISSING_TIME,
  Records,
  Videos,
  Watches,
  object_array,
  text_tweets,
)

CUT = 500
VIDEOS = 30


def records_of(rows, user_count, tweets=()) -> Records:
  """(user, video, time) rows as a source whose users may have no watch."""
  user, video, time = np.array(sorted(rows), np.int64).reshape(-1, 3).T
  order = np.lexsort((time, user))
  empty = object_array([()] * VIDEOS)
  names = object_array(f'v{video}' for video in range(VIDEOS))
  return Records(
    user_ids=object_array(f'u{user}' for user in range(user_count)),
    watches=Watches(
      user[order].astype(np.int32), video[order].astype(np.int32), time[order]
    ),
    videos=Videos(
      id=names,
      title=names,
      description=names,
      tags=empty,
      categories=empty,
      upload_time=np.full(VIDEOS, MISSING_TIME),
      view_count=np.arange(VIDEOS),
      visual=np.zeros((VIDEOS, 1), np.float32),
      has_visual=np.zeros(VIDEOS, bool),
    ),
    tweets=text_tweets(
      np.array([u for u, _ in tweets], np.int32),
      np.array([t for _, t in tweets], np.int64),
      object_array(f'{u} at {t}' for u, t in tweets),
    ),
    profiles=object_array([''] * user_count),
  )


def random_rows(seed):
  """First watches of 20 users; a third of the videos is watched late alone."""
  rng = np.random.default_rng(seed)
  rows = []
  for user in range(20):
    for video in rng.permutation(VIDEOS)[: rng.integers(1, 12)].tolist():
      low = CUT if video % 3 == 0 else 0
      rows.append((user, video, int(rng.integers(low, 1000))))
  return rows


def cut_of(records, described, **rules):
  """As `study` uses it."""
  training, _ = filters.filter_watches(
    time_cut.before(records, CUT).watches, min_watches_left=1, **rules
  )
  return time_cut.with_later(records, training, CUT, described)


def named(cut):
  """(user, video, time) by the source's own ids."""
  records = cut.records
  watches = records.watches
  return {
    (records.user_ids[u], records.videos.id[v], t)
    for u, v, t in zip(*(c.tolist() for c in watches), strict=True)
  }


def cut_loop(rows, described, min_videos, min_users):
  """Users, known videos, new videos and rows, by sets."""
  early = [row for row in rows if row[2] < CUT]
  count = {u: len([1 for row in early if row[0] == u]) for u, _, _ in rows}
  early = [row for row in early if count[row[0]] >= min_videos]
  known = {
    v for _, v, _ in rows if len([1 for r in early if r[1] == v]) >= min_users
  }
  users = {u for u, v, _ in early if v in known}
  watched = {v for _, v, t in rows if t < CUT}
  new = {v for v in range(VIDEOS) if v not in watched and described[v]}
  kept = {
    (f'u{u}', f'v{v}', t)
    for u, v, t in rows
    if u in users and (v in known or v in new)
  }
  return users, known, new, kept


@pytest.mark.parametrize('seed', range(4))
def test_against_a_loop(seed):
  rows = random_rows(seed)
  described = np.random.default_rng(seed).random(VIDEOS) < 0.7
  rules = {'min_videos_per_user': 3, 'min_users_per_video': 2}
  cut = cut_of(records_of(rows, 20), described, **rules)
  users, known, new, kept = cut_loop(rows, described, 3, 2)
  assert known
  assert new
  assert 0 < len(users) < 20
  assert set(cut.records.user_ids) == {f'u{u}' for u in users}
  ids = cut.records.videos.id
  assert set(ids[cut.known_videos]) == {f'v{v}' for v in known}
  assert set(ids[~cut.known_videos]) == {f'v{v}' for v in new}
  assert named(cut) == kept
  assert any(t >= CUT for _, _, t in kept)
  # Rows stay in order of (user, time), which histories need.
  watches = cut.records.watches
  order = np.lexsort((watches.time, watches.user))
  np.testing.assert_array_equal(order, np.arange(len(order)))


def test_no_later_event_decides_who_or_what_stays():
  rows = random_rows(9)
  early = [row for row in rows if row[2] < CUT]
  rng = np.random.default_rng(1)
  others = [
    (int(rng.integers(26)), video, int(rng.integers(CUT, 1000)))
    for video in range(VIDEOS)
  ]
  seen = {(u, v) for u, v, _ in early}
  others = [row for row in others if row[:2] not in seen]
  described = np.arange(VIDEOS) % 5 != 0
  found = [
    cut_of(records_of(r, 26), described, min_videos_per_user=2)
    for r in (rows, early, early + others)
  ]
  assert len({frozenset(named(cut)) for cut in found}) == 3
  for cut in found[1:]:
    for a, b in (
      (cut.records.user_ids, found[0].records.user_ids),
      (cut.records.videos.id, found[0].records.videos.id),
      (cut.known_videos, found[0].known_videos),
    ):
      np.testing.assert_array_equal(a, b)


def test_an_event_at_the_second_of_the_cut_comes_after_it():
  rows = [(0, 0, CUT - 1), (1, 0, CUT - 1), (0, 1, CUT), (1, 1, CUT - 1)]
  rows += [(0, 2, CUT)]
  records = records_of(rows, 2, tweets=[(0, CUT - 1), (0, CUT), (1, CUT - 2)])
  early = time_cut.before(records, CUT)
  assert early.watches.time.tolist() == [CUT - 1] * 3
  assert early.tweets.text.tolist() == ['0 at 499', '1 at 498']
  described = np.arange(VIDEOS) < 4
  cut = time_cut.with_later(records, early.watches, CUT, described)
  # 1 was watched before by one of them, 2 by nobody, 3 by nobody ever.
  assert cut.records.videos.id.tolist() == ['v0', 'v1', 'v2', 'v3']
  assert cut.known_videos.tolist() == [True, True, False, False]
  assert len(cut.records.tweets.text) == 3


def test_a_video_too_rare_before_is_on_neither_side():
  """Watched once before and often after: the filter says no, so it goes."""
  rows = [(u, 0, u) for u in range(4)] + [(0, 1, 9)]
  rows += [(u, 1, CUT + u) for u in range(1, 4)]
  cut = cut_of(
    records_of(rows, 4),
    np.ones(VIDEOS, bool),
    min_videos_per_user=1,
    min_users_per_video=2,
  )
  assert 'v1' not in cut.records.videos.id
  assert cut.known_videos.sum() == 1
  assert len(cut.records.videos.id) == VIDEOS - 1
  assert set(named(cut)) == {(f'u{u}', 'v0', u) for u in range(4)}
