"""Visual words: clusters found, masks, odd widths, few videos."""

import numpy as np
import pytest

from dynrec_jax.topics import visual_words
from dynrec_jax.topics.visual_words import (
  frame_centres,
  frame_words,
  slice_centres,
  slice_words,
  words_of_frames,
  words_of_slices,
)


def clustered(seed=0, videos=60, width=70, clusters=3):
  """Vectors near one of a few points, and which."""
  rng = np.random.default_rng(seed)
  points = rng.normal(size=(clusters, width))
  which = np.arange(videos) % clusters
  rows = points[which] + 0.01 * rng.normal(size=(videos, width))
  return rows.astype(np.float16), which


def everywhere(rows):
  return np.ones(len(rows), bool)


def test_every_slice_gives_one_of_its_own_words():
  rows, which = clustered()
  words = slice_words(
    rows, everywhere(rows), seed=0, slice_count=8, centre_count=3
  )
  assert words.shape == (60, 24)
  dense = words.toarray()
  per_slice = dense.reshape(60, 8, 3)
  np.testing.assert_array_equal(per_slice.sum(2), 1)
  # Videos of one cluster say the same in every slice, others differ.
  same = (per_slice.argmax(2)[:, None] == per_slice.argmax(2)).mean(2)
  np.testing.assert_array_equal(same, which[:, None] == which)


def test_a_slice_reads_its_own_columns_only():
  rows, _ = clustered(width=10)
  before = slice_words(rows, everywhere(rows), seed=0, slice_count=3)
  changed = rows.copy()
  changed[:, 4:7] = changed[::-1, 4:7]  # widths are 4, 3, 3
  after = slice_words(changed, everywhere(rows), seed=0, slice_count=3)
  size = before.shape[1] // 3
  middle = slice(size, 2 * size)
  before, after = before.toarray(), after.toarray()
  assert (before[:, middle] != after[:, middle]).any()
  before[:, middle] = after[:, middle] = 0
  np.testing.assert_array_equal(before, after)


def test_defaults_of_the_paper_sized_vector():
  rows, _ = clustered(videos=80, width=96)
  words = slice_words(rows, everywhere(rows), seed=0)
  assert words.shape == (80, 32 * 64)
  np.testing.assert_array_equal(words.sum(axis=1), 32)


def test_videos_without_a_feature_have_no_words_and_change_none():
  rows, _ = clustered()
  has = everywhere(rows)
  has[::4] = False
  rows[~has] = np.nan  # never read
  words = slice_words(rows, has, seed=0, slice_count=5, centre_count=3)
  np.testing.assert_array_equal(np.asarray(words.sum(axis=1)).ravel(), 5 * has)
  alone = slice_words(
    rows[has], everywhere(rows[has]), seed=0, slice_count=5, centre_count=3
  )
  np.testing.assert_array_equal(words[has].toarray(), alone.toarray())


@pytest.mark.parametrize(
  ('shape', 'expected'),
  [
    ((4, 100), (4, 32 * 4)),  # fewer videos than centres
    ((1, 40), (1, 32)),
    ((70, 5), (70, 5 * 64)),  # narrower than the slices
    ((70, 33), (70, 32 * 64)),  # one slice of two columns
    ((3, 0), (3, 0)),
    ((0, 40), (0, 0)),
  ],
)
def test_odd_shapes(shape, expected):
  rows = np.random.default_rng(0).normal(size=shape).astype(np.float32)
  words = slice_words(rows, everywhere(rows), seed=0)
  assert words.shape == expected
  if words.shape[1]:
    tokens = min(32, shape[1])
    np.testing.assert_array_equal(words.sum(axis=1), tokens)


def test_equal_vectors_share_a_word():
  rows = np.ones((70, 40), np.float32)
  words = slice_words(rows, everywhere(rows), seed=0).toarray()
  np.testing.assert_array_equal(words, words[:1].repeat(70, axis=0))


def test_no_video_has_a_feature():
  words = slice_words(np.zeros((3, 40)), np.zeros(3, bool), seed=0)
  assert words.shape == (3, 0)


def test_equal_seeds_repeat_and_others_differ():
  rows = np.random.default_rng(0).normal(size=(90, 40)).astype(np.float32)
  one, same, other = (
    slice_words(rows, everywhere(rows), seed=seed).toarray()
    for seed in (1, 1, 2)
  )
  np.testing.assert_array_equal(one, same)
  assert not np.array_equal(one, other)


def test_frames_are_counted_per_video():
  rows, which = clustered(videos=90)
  video = np.sort(np.random.default_rng(1).integers(0, 5, 90)) + 1
  words = frame_words(rows, video, video_count=8, seed=0, centre_count=3)
  assert words.shape == (8, 3)
  expected = np.zeros((8, 3))
  np.add.at(expected, (video, which), 1)
  found = words.toarray()
  # The centres' numbers are free: match columns by where they agree.
  order = [int((found == expected[:, [c]]).all(0).argmax()) for c in range(3)]
  assert sorted(order) == [0, 1, 2]
  np.testing.assert_array_equal(found[:, order], expected)


def test_no_frames():
  words = frame_words(
    np.zeros((0, 6), np.float32), np.zeros(0, int), video_count=4, seed=0
  )
  assert words.shape == (4, 0)


def test_what_is_refused():
  rows, _ = clustered()
  with pytest.raises(ValueError, match=r'60 features need as many marks.*\[3'):
    slice_words(rows, np.ones(3, bool), seed=0)
  with pytest.raises(ValueError, match=r'features are int64 \[2, 3\]'):
    slice_words(np.ones((2, 3), int), np.ones(2, bool), seed=0)
  bad = rows.copy()
  bad[7, 3] = np.inf
  with pytest.raises(ValueError, match='feature 7, column 3: found inf'):
    slice_words(bad, everywhere(bad), seed=0)
  with pytest.raises(ValueError, match='frame 2 is of video 9, not in'):
    frame_words(rows[:3], np.array([0, 1, 9]), video_count=9, seed=0)
  with pytest.raises(ValueError, match='60 frames need as many videos'):
    frame_words(rows, np.zeros(59, int), video_count=9, seed=0)


def test_many_frames_share_the_centres_of_a_sample(monkeypatch):
  """Centres from 40 of 300 frames; every frame still gets its word."""
  rows, _ = clustered(videos=300, clusters=3)
  video = np.arange(300) // 3
  monkeypatch.setattr(visual_words, '_MOST_FITTED', 40)
  monkeypatch.setattr(visual_words, '_AT_ONCE', 70)
  words = frame_words(rows, video, video_count=101, seed=0, centre_count=3)
  assert words.shape == (101, 3)
  assert words.sum() == 300
  assert words[100].nnz == 0
  # Each video has one frame of each cluster.
  np.testing.assert_array_equal(words[:100].toarray(), 1)


def test_other_videos_get_the_nearest_of_the_learned_words():
  rows, which = clustered()
  fit_on = np.arange(60) < 48
  settings = {'seed': 0, 'slice_count': 8, 'centre_count': 3}
  words = slice_words(rows, everywhere(rows), fit_on=fit_on, **settings)
  alone = slice_words(rows[:48], everywhere(rows[:48]), **settings)
  np.testing.assert_array_equal(words[:48].toarray(), alone.toarray())
  for row in range(48, 60):
    twin = int(which[row])  # of the same cluster
    np.testing.assert_array_equal(
      words[row].toarray(), words[twin].toarray(), str(row)
    )


def test_frames_of_other_videos_move_no_centre():
  rows, which = clustered()
  video = np.arange(60) // 2
  fit_on = np.arange(30) < 20
  settings = {'seed': 0, 'centre_count': 3}
  words = frame_words(rows, video, video_count=30, fit_on=fit_on, **settings)
  alone = frame_words(rows[:40], video[:40], video_count=20, **settings)
  np.testing.assert_array_equal(words[:20].toarray(), alone.toarray())
  far = rows.copy()
  far[40:] += 100
  moved = frame_words(far, video, video_count=30, fit_on=fit_on, **settings)
  np.testing.assert_array_equal(moved[:20].toarray(), alone.toarray())
  per_cluster = words.toarray()
  assert set(per_cluster.sum(axis=1)) == {2}
  assert len(set(which.tolist())) == words.shape[1]


def test_without_anything_to_learn_from_there_is_no_word():
  rows, _ = clustered(videos=4)
  nothing = np.zeros(4, bool)
  assert slice_words(rows, everywhere(rows), seed=0, fit_on=nothing).shape == (
    4,
    0,
  )
  words = frame_words(rows, np.arange(4), video_count=4, seed=0, fit_on=nothing)
  assert words.shape == (4, 0)


def test_centres_that_were_kept_give_the_same_words():
  rows, _ = clustered(width=10)
  has = everywhere(rows)
  has[5] = False
  settings = {'seed': 0, 'slice_count': 3, 'centre_count': 3}
  whole = slice_words(rows, has, **settings)
  centres = slice_centres(rows[has], **settings)
  assert centres.shape == (3, 10)
  some = words_of_slices(rows[3:9], has[3:9], centres, slice_count=3)
  np.testing.assert_array_equal(some.toarray(), whole[3:9].toarray())
  video = np.arange(60) // 2
  whole = frame_words(rows, video, video_count=30, seed=0, centre_count=4)
  centres = frame_centres(rows, seed=0, centre_count=4)
  some = words_of_frames(rows[20:26], video[:6], centres, video_count=3)
  np.testing.assert_array_equal(some.toarray(), whole[10:13].toarray())
