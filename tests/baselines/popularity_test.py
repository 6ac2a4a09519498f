"""The Popularity baseline on counts made by hand."""

import numpy as np
import pytest

from dynrec_jax.baselines import popularity

# Video 3: three users; 1: two users; 4: two users, one of them thrice;
# 0: one user, four times; 2 and 5: nobody.
WATCHES = [
  *[(0, 3), (1, 3), (2, 3), (0, 1), (2, 1)],
  *[(1, 4), (1, 4), (1, 4), (3, 4), (5, 0), (5, 0), (5, 0), (5, 0)],
]
USER, VIDEO = np.array(WATCHES, np.int32).T


def by_watchers():
  return popularity.popularity_by_watchers(USER, VIDEO, 6)


def users(count):
  return [np.zeros(0, np.int32)] * count


def test_counts_users_not_watches_and_breaks_ties_by_id():
  lists = by_watchers().recommend(users(2), 6)
  assert lists.dtype == np.int32
  np.testing.assert_array_equal(lists, [[3, 1, 4, 0, 2, 5]] * 2)


def test_order_of_watches_does_not_matter():
  order = np.random.default_rng(0).permutation(len(USER))
  got = popularity.popularity_by_watchers(USER[order], VIDEO[order], 6)
  np.testing.assert_array_equal(got.order, by_watchers().order)


def test_excluded_videos_are_skipped():
  exclude = [np.array([3, 4]), np.array([], int), np.array([5, 2, 0, 5])]
  lists = by_watchers().recommend(users(3), 3, exclude)
  np.testing.assert_array_equal(lists, [[1, 0, 2], [3, 1, 4], [3, 1, 4]])


def test_history_alone_excludes_nothing():
  lists = by_watchers().recommend([np.array([3])], 1)
  np.testing.assert_array_equal(lists, [[3]])


def test_too_few_videos_end_in_none():
  exclude = [np.array([0, 1, 2, 3]), np.arange(6)]
  lists = by_watchers().recommend(users(2), 4, exclude)
  np.testing.assert_array_equal(lists, [[4, 5, -1, -1], [-1] * 4])
  np.testing.assert_array_equal(
    by_watchers().recommend(users(1), 8)[0, 6:], [-1, -1]
  )


def test_by_view_count():
  counts = np.array([7, -1, 90, 7, 0, -5], np.int64)
  got = popularity.popularity_by_view_count(counts)
  np.testing.assert_array_equal(got.order, [2, 0, 3, 4, 1, 5])
  huge = popularity.popularity_by_view_count(np.array([2**40, 2**40 + 1]))
  np.testing.assert_array_equal(huge.order, [1, 0])


def test_many_ties_stay_in_order():
  counts = np.arange(1000) % 3
  got = popularity.popularity_by_view_count(counts).order
  want = [*range(2, 1000, 3), *range(1, 1000, 3), *range(0, 1000, 3)]
  np.testing.assert_array_equal(got, want)


def test_no_view_count_is_refused():
  with pytest.raises(ValueError, match='none of the 3 videos'):
    popularity.popularity_by_view_count(np.full(3, -1))


@pytest.mark.parametrize('video', [-1, 6])
def test_unknown_video_is_refused(video):
  with pytest.raises(ValueError, match=f'watch 1 has video id {video}, .*5'):
    popularity.popularity_by_watchers(np.array([0, 1]), np.array([0, video]), 6)


def test_another_number_of_users_is_refused():
  with pytest.raises(ValueError, match='shorter'):
    by_watchers().recommend(users(2), 1, [np.array([1])])
