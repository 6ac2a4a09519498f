"""The filters against loops over sets, and by hand."""

import collections

import numpy as np
import pytest

from dynrec_jax.data import filters
from dynrec_jax.data.records import (
  Records,
  Tweets,
  Videos,
  Watches,
  no_tweets,
  object_array,
  text_tweets,
)


def watches_of(pairs) -> Watches:
  """(user, video) pairs as watches at ascending times."""
  user, video = np.array(pairs, np.int32).reshape(-1, 2).T
  return Watches(user, video, np.arange(len(user), dtype=np.int64) * 10 - 50)


def rows_of(watches) -> list[tuple[int, int, int]]:
  return list(zip(*(column.tolist() for column in watches), strict=True))


def records_of(watches, user_count, video_count, tweets=None) -> Records:
  def ids(letter, n):
    return object_array([f'{letter}{i}' for i in range(n)])

  videos = Videos(
    id=ids('v', video_count),
    title=ids('title ', video_count),
    description=ids('about ', video_count),
    tags=object_array([(f'tag {i}',) for i in range(video_count)]),
    categories=object_array([()] * video_count),
    upload_time=np.arange(video_count, dtype=np.int64),
    view_count=np.arange(video_count, dtype=np.int64) * 3,
    visual=np.arange(video_count * 2, dtype=np.float32).reshape(-1, 2),
    has_visual=np.arange(video_count) % 3 != 0,
  )
  return Records(
    user_ids=ids('u', user_count),
    watches=watches,
    videos=videos,
    tweets=no_tweets() if tweets is None else tweets,
    profiles=ids('I am ', user_count),
  )


def tweets_of(users) -> Tweets:
  users = np.array(users, np.int32)
  text = object_array([f'tweet {i}' for i in range(len(users))])
  return text_tweets(users, np.arange(len(users), dtype=np.int64), text)


def random_watches(seed) -> Watches:
  """First watches of 30 users, with a long tail of videos."""
  rng = np.random.default_rng(seed)
  pairs = []
  for user in range(30):
    videos = np.unique(rng.geometric(0.06, size=rng.integers(1, 25)) - 1)
    pairs += [(user, v) for v in rng.permutation(videos)]
  return watches_of(pairs)


def drop_loop(pairs, place, least):
  counts = collections.Counter(pair[place] for pair in pairs)
  return [pair for pair in pairs if counts[pair[place]] >= least]


def filter_loop(pairs, min_videos, min_users, fixpoint):
  """Kept rows and what each rule left, rule by rule."""
  left = [pairs]
  while True:
    before = len(pairs)
    for place, least in ((0, min_videos), (1, min_users)):
      pairs = drop_loop(pairs, place, least)
      left.append(pairs)
    if not fixpoint or len(pairs) == before:
      break
  left.append(drop_loop(pairs, 0, 2))
  counts = [
    (len({p[0] for p in rows}), len({p[1] for p in rows}), len(rows))
    for rows in left
  ]
  return left[-1], counts


class TestFirstWatches:
  def test_the_first_of_repeats_stays_in_place(self):
    watches = watches_of([(0, 2), (0, 1), (0, 2), (1, 2), (1, 2), (0, 2)])
    assert rows_of(filters.first_watches(watches)) == [
      (0, 2, -50),
      (0, 1, -40),
      (1, 2, -20),
    ]

  def test_against_a_loop(self):
    rng = np.random.default_rng(1)
    watches = watches_of(rng.integers(0, 12, size=(400, 2)))
    seen, expected = set(), []
    for row in rows_of(watches):
      if row[:2] not in seen:
        seen.add(row[:2])
        expected.append(row)
    assert len(expected) < 145
    got = filters.first_watches(watches)
    assert rows_of(got) == expected
    assert [c.dtype for c in got] == [c.dtype for c in watches]

  def test_none(self):
    assert rows_of(filters.first_watches(watches_of([]))) == []


class TestFilterWatches:
  @pytest.mark.parametrize('mode', filters.MODES)
  @pytest.mark.parametrize('seed', range(4))
  def test_against_loops_over_sets(self, mode, seed):
    watches = random_watches(seed)
    got, steps = filters.filter_watches(
      watches, min_videos_per_user=8, min_users_per_video=3, mode=mode
    )
    kept, counts = filter_loop(rows_of(watches), 8, 3, mode == 'fixpoint')
    assert rows_of(got) == kept
    assert [tuple(step)[1:] for step in steps] == counts

  def test_the_two_modes_differ_and_a_fixpoint_is_fixed(self):
    watches = random_watches(0)
    settings = {'min_videos_per_user': 8, 'min_users_per_video': 3}
    once, _ = filters.filter_watches(watches, **settings)
    fixed, _ = filters.filter_watches(watches, **settings, mode='fixpoint')
    again, _ = filters.filter_watches(once, **settings)
    assert len(again.user) < len(once.user)
    same, _ = filters.filter_watches(fixed, **settings)
    assert rows_of(same) == rows_of(fixed)
    assert np.bincount(fixed.user)[np.unique(fixed.user)].min() >= 8
    assert np.bincount(fixed.video)[np.unique(fixed.video)].min() >= 3

  def test_users_go_before_videos(self):
    # Video 0 has two users only as long as user 2, who saw one video, counts:
    # videos first would keep (0, 0).
    watches = watches_of([(0, 0), (0, 1), (1, 1), (1, 2), (0, 2), (2, 0)])
    got, steps = filters.filter_watches(
      watches, min_videos_per_user=2, min_users_per_video=2
    )
    assert rows_of(got) == [(0, 1, -40), (1, 1, -30), (1, 2, -20), (0, 2, -10)]
    assert [tuple(step)[1:] for step in steps] == [
      (3, 3, 6),
      (2, 3, 5),
      (2, 2, 4),
      (2, 2, 4),
    ]

  def test_a_user_with_one_watch_left_goes_last(self):
    # Videos 3 and 4 have one user; user 2 keeps video 0 alone.
    watches = watches_of(
      [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 3), (2, 4)]
    )
    got, steps = filters.filter_watches(
      watches, min_videos_per_user=2, min_users_per_video=2
    )
    assert set(got.user.tolist()) == {0, 1}
    assert [tuple(step)[1:] for step in steps[2:]] == [(3, 2, 5), (2, 2, 4)]

  def test_how_many_watches_must_be_left_may_be_told(self):
    pairs = [(0, 0), (1, 0), (0, 1), (1, 1), (2, 1), (2, 7)]
    rules = {'min_videos_per_user': 1, 'min_users_per_video': 2}
    got, steps = filters.filter_watches(
      watches_of(pairs), min_watches_left=1, **rules
    )
    assert set(got.user.tolist()) == {0, 1, 2}
    assert steps[-1].rule == 'users with >= 1 watches left'
    got, _ = filters.filter_watches(watches_of(pairs), **rules)
    assert set(got.user.tolist()) == {0, 1}

  def test_defaults_are_more_than_10_videos_and_at_least_3_users(self):
    def world(videos, users):
      return watches_of([(u, v) for u in range(users) for v in range(videos)])

    got, _ = filters.filter_watches(world(11, 3))
    assert len(got.user) == 33
    for too_small in (world(10, 3), world(11, 2)):
      with pytest.raises(ValueError, match='left no watch'):
        filters.filter_watches(too_small)

  def test_nothing_left_says_what_each_rule_left(self):
    watches = watches_of([(0, 0), (0, 1), (1, 2)])
    with pytest.raises(
      ValueError,
      match=r'users with >= 2 videos: 1 users, 2 videos, 2 watches; '
      r'videos with >= 2 users: 0 users, 0 videos, 0 watches',
    ):
      filters.filter_watches(
        watches, min_videos_per_user=2, min_users_per_video=2
      )

  def test_no_watch_at_all(self):
    with pytest.raises(ValueError, match='left no watch'):
      filters.filter_watches(watches_of([]))

  def test_unknown_mode(self):
    with pytest.raises(ValueError, match=r"'twice'.*single_pass, fixpoint"):
      filters.filter_watches(random_watches(0), mode='twice')

  def test_log_lines_tell_what_each_rule_removed(self):
    watches = watches_of([(0, 0), (0, 1), (1, 1), (1, 2), (0, 2), (2, 0)])
    _, steps = filters.filter_watches(
      watches, min_videos_per_user=2, min_users_per_video=2
    )
    assert filters.removed(steps) == [
      'before the filters: 3 users, 3 videos, 6 watches',
      'users with >= 2 videos: 2 users, 3 videos, 5 watches '
      '(removed 1 users, 0 videos, 1 watches)',
      'videos with >= 2 users: 2 users, 2 videos, 4 watches '
      '(removed 0 users, 1 videos, 1 watches)',
      'users with >= 2 watches left: 2 users, 2 videos, 4 watches '
      '(removed 0 users, 0 videos, 0 watches)',
    ]


class TestFilterUsersByTweets:
  def test_more_than_100_tweets(self):
    watches = watches_of([(0, 0), (1, 0), (1, 1), (2, 1), (3, 0)])
    tweets = tweets_of([0] * 100 + [1] * 101 + [2] * 102)
    got, step = filters.filter_users_by_tweets(
      records_of(watches, 4, 2, tweets)
    )
    assert got.user.tolist() == [1, 1, 2]
    assert tuple(step) == ('users with >= 101 tweets', 2, 2, 3)

  def test_without_tweets_nobody_stays(self):
    got, step = filters.filter_users_by_tweets(
      records_of(watches_of([(0, 0)]), 1, 1), min_tweets=1
    )
    assert rows_of(got) == []
    assert tuple(step)[1:] == (0, 0, 0)


class TestCompleteVideos:
  def test_both_modalities_are_needed(self):
    watches = watches_of([(0, 0), (0, 1), (1, 2), (1, 4), (0, 5)])
    has_text = np.array([True, True, False, True, True, False])
    # Visual features: videos 1, 2, 4, 5; both: 1 and 4.
    got, step = filters.complete_videos(records_of(watches, 2, 6), has_text)
    assert rows_of(got) == [(0, 1, -40), (1, 4, -20)]
    assert tuple(step)[1:] == (2, 2, 2)


class TestCompact:
  def test_renumbers_everything_that_names_a_user_or_a_video(self):
    watches = watches_of([(1, 4), (1, 2), (3, 4), (3, 5)])
    tweets = tweets_of([0, 1, 1, 2, 3])
    records = records_of(watches, 5, 6, tweets)
    got = filters.compact(records, watches)
    assert got.user_ids.tolist() == ['u1', 'u3']
    assert got.profiles.tolist() == ['I am 1', 'I am 3']
    assert rows_of(got.watches) == [
      (0, 1, -50),
      (0, 0, -40),
      (1, 1, -30),
      (1, 2, -20),
    ]
    assert got.watches.user.dtype == got.watches.video.dtype == np.int32
    assert got.videos.id.tolist() == ['v2', 'v4', 'v5']
    assert got.videos.tags.tolist() == [('tag 2',), ('tag 4',), ('tag 5',)]
    assert got.videos.visual.tolist() == [[4, 5], [8, 9], [10, 11]]
    assert got.videos.has_visual.tolist() == [True, True, True]
    assert got.tweets.user.tolist() == [0, 0, 1]
    assert got.tweets.text.tolist() == ['tweet 1', 'tweet 2', 'tweet 4']
    assert got.tweets.time.tolist() == [1, 2, 4]

  def test_a_full_source_stays_as_it_is(self):
    watches = watches_of([(0, 1), (1, 0)])
    got = filters.compact(records_of(watches, 2, 2), watches)
    assert rows_of(got.watches) == rows_of(watches)
    assert got.videos.id.tolist() == ['v0', 'v1']

  def test_videos_that_nobody_watched_may_stay(self):
    watches = watches_of([(0, 4), (2, 1)])
    records = records_of(watches, 3, 6)
    got = filters.compact(records, watches, np.array([1, 3, 4]))
    assert got.videos.id.tolist() == ['v1', 'v3', 'v4']
    assert got.user_ids.tolist() == ['u0', 'u2']
    assert rows_of(got.watches) == [(0, 2, -50), (1, 0, -40)]
    assert got.watches.video.dtype == np.int32
