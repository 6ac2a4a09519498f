"""The Popularity baseline on counts made by hand."""

import numpy as np
import pytest
import small_world

from dynrec_jax.baselines import popularity
from dynrec_jax.baselines.popularity import Settings
from dynrec_jax.data.sessions import Sessions

# Videos by user. 3: three users; 1: two users; 4: two users, one of them
# thrice; 0: one user, four times; 2 and 5: nobody.
VIDEOS = [[3, 1], [3, 4, 4, 4], [3, 1], [4], [], [0, 0, 0, 0]]
BY_VIEWS = Settings('view_count')


def watches_of(videos):
  return small_world.table([list(enumerate(row)) for row in videos])


def by_watchers(**changes):
  seen = small_world.seen_of(watches_of(VIDEOS), video_count=6, **changes)
  return popularity.fit(seen, Settings())


def by_view_count(counts):
  seen = small_world.seen_of(
    watches_of(VIDEOS), video_count=len(counts), view_count=counts
  )
  return popularity.fit(seen, BY_VIEWS)


def queries(known, **changes):
  return small_world.queries_knowing(known, **changes)


def test_counts_users_not_watches_and_breaks_ties_by_id():
  lists = by_watchers()(queries([[], []]), 6)
  assert lists.ids.dtype == np.int32
  np.testing.assert_array_equal(lists.ids, [[3, 1, 4, 0, 2, 5]] * 2)
  np.testing.assert_array_equal(lists.scores, [[3, 2, 2, 1, 0, 0]] * 2)


def test_watchers_are_counted_once_each():
  seen = small_world.seen_of(watches_of(VIDEOS), video_count=7)
  counts = popularity.watcher_counts(seen)
  np.testing.assert_array_equal(counts, [1, 2, 0, 3, 2, 0, 0])


def test_only_train_users_count():
  """Users 1, 3 and 5: video 4 twice, 3 and 0 once each."""
  lists = by_watchers(train_users=[5, 1, 3])(queries([[]]), 6)
  np.testing.assert_array_equal(lists.ids, [[4, 0, 3, 1, 2, 5]])
  np.testing.assert_array_equal(lists.scores, [[2, 1, 1, 0, 0, 0]])


def test_order_of_users_and_watches_does_not_matter():
  videos = [row[::-1] for row in VIDEOS[::-1]]
  seen = small_world.seen_of(watches_of(videos), video_count=6)
  lists = popularity.fit(seen, Settings())(queries([[]]), 6)
  np.testing.assert_array_equal(lists.ids, [[3, 1, 4, 0, 2, 5]])


def test_known_videos_are_skipped():
  lists = by_watchers()(queries([[3, 4], [], [5, 2, 0, 5]]), 3)
  np.testing.assert_array_equal(lists.ids, [[1, 0, 2], [3, 1, 4], [3, 1, 4]])


def test_known_videos_may_be_allowed():
  lists = by_watchers()(queries([[3], [1, 3]], mask_known=False), 2)
  np.testing.assert_array_equal(lists.ids, [[3, 1]] * 2)


def test_too_few_videos_end_in_none():
  lists = by_watchers()(queries([[0, 1, 2, 3], [0, 1, 2, 3, 4, 5]]), 4)
  np.testing.assert_array_equal(lists.ids, [[4, 5, -1, -1], [-1] * 4])
  np.testing.assert_array_equal(lists.scores[0], [2, 0, -np.inf, -np.inf])
  ids = by_watchers()(queries([[]]), 8).ids
  np.testing.assert_array_equal(ids, [[3, 1, 4, 0, 2, 5, -1, -1]])


def test_by_view_count():
  # Below 0 all are unknown.
  lists = by_view_count([7, -5, 90, 7, 0, -1])(queries([[]]), 6)
  np.testing.assert_array_equal(lists.ids, [[2, 0, 3, 4, 1, 5]])
  lists = by_view_count([2**40, 2**40 + 1])(queries([[]]), 2)
  np.testing.assert_array_equal(lists.ids, [[1, 0]])


def test_many_ties_stay_in_order():
  lists = by_view_count(np.arange(1000) % 3)(queries([[]]), 1000)
  want = [*range(2, 1000, 3), *range(1, 1000, 3), *range(0, 1000, 3)]
  np.testing.assert_array_equal(lists.ids, [want])


def test_no_view_count_is_refused():
  with pytest.raises(ValueError, match='which none of the 3 videos has'):
    by_view_count([-1, -1, -1])


def test_unknown_source_is_refused():
  seen = small_world.seen_of(watches_of(VIDEOS), video_count=6)
  with pytest.raises(ValueError, match="'likes'; valid are train, view_count"):
    popularity.fit(seen, Settings('likes'))


def test_a_window_counts_what_was_watched_of_late():
  """Of sessions of 10 s: n_f ends at 30 s, half a session begins at 25 s."""
  watches = small_world.table(
    [
      [(24, 0), (25, 1)],  # just too early, just in time
      [(5, 0), (29, 2)],
      [(29, 2), (30, 3)],  # n_f is over
      [(24, 0), (26, 1)],
      [(27, 2)],
    ]
  )
  seen = small_world.seen_of(watches, video_count=4)
  seen = seen._replace(
    session=3, clock=Sessions(np.arange(0, 50, 10, dtype=np.int64))
  )
  ask = queries([[]])
  late = popularity.fit(seen, Settings(window=0.5))(ask, 4)
  np.testing.assert_array_equal(late.ids, [[2, 1, 0, 3]])
  np.testing.assert_array_equal(late.scores, [[3, 2, 0, 0]])
  whole = popularity.fit(seen, Settings(window=0.0))(ask, 4)
  np.testing.assert_array_equal(whole.scores, [[3, 3, 2, 1]])


def test_a_window_below_0_is_refused():
  seen = small_world.seen_of(watches_of(VIDEOS), video_count=6)
  with pytest.raises(ValueError, match=r'window is -1; .* at least 0'):
    popularity.fit(seen, Settings(window=-1))
