"""What `plus` is told of the catalogue, by hand and by loops."""

import math

import numpy as np
import pytest
import small_world
from numpy.testing import assert_allclose, assert_array_equal

from dynrec_jax.data import sequences, video_facts

WORLD = small_world.make_world(video_count=65)
BORDERS = WORLD.sessions.borders
V = 65


def columns_of_categories(categories, known):
  names = video_facts.category_names(categories, known)
  return video_facts.category_columns(categories, names)


def leading_columns(features, learned, described, count):
  found = video_facts.leading(features, learned, count)
  return found.columns(features, described)


def categories_of(*rows):
  found = np.empty(len(rows), object)
  found[:] = [tuple(row) for row in rows]
  return found


def test_categories_by_hand():
  """The commonest first, of equal ones the first by name."""
  rows = categories_of('ba', 'ca', '', 'bc', 'd', 'bb')
  found = columns_of_categories(rows, np.ones(6, bool))
  # b is of 3 videos (twice named in the last), a and c of 2, d of 1.
  want = [
    [1, 1, 0, 0],
    [0, 1, 1, 0],
    [0, 0, 0, 0],
    [1, 0, 1, 0],
    [0, 0, 0, 1],
    [1, 0, 0, 0],
  ]
  assert_array_equal(found, want)
  assert found.dtype == np.float32


def test_categories_are_counted_of_known_videos_alone():
  """Others are described by what is left."""
  rows = categories_of('a', 'b', 'cb', 'cb', 'c')
  known = np.array([True, True, False, False, False])
  found = columns_of_categories(rows, known)
  assert_array_equal(found, [[1, 0], [0, 1], [0, 1], [0, 1], [0, 0]])


def test_64_categories_at_most():
  names = [f'n{i:02d}' for i in range(70)]
  rows = categories_of(*[[name] for name in names], names[6:])
  found = columns_of_categories(rows, np.ones(71, bool))
  assert found.shape == (71, 64)
  assert_array_equal(found[6:70], np.eye(64))
  assert not found[:6].any()
  assert found[70].all()


def test_no_categories():
  found = columns_of_categories(categories_of('', ''), np.ones(2, bool))
  assert found.shape == (2, 0)


AGES = [-9, 0, 6, 12, 24, 60, 120, 240, 500]


def test_ages_by_hand():
  found = video_facts.age_columns(
    np.array([0.0, 9.0, -9.0, 500.0, -1e6, 1e6, np.nan, 42.0])
  )
  assert found.shape == (8, 9)
  assert found.dtype == np.float32
  want = np.zeros((8, 9))
  want[0, 1] = 1
  want[1, [2, 3]] = 0.5
  want[[2, 4], 0] = 1  # what lies beyond counts as the outer one
  want[[3, 5], 8] = 1
  want[7, [4, 5]] = 0.5
  assert_allclose(found, want, atol=1e-6)


def test_ages_add_up_to_one_and_mean_the_age():
  ages = np.random.default_rng(0).uniform(-9, 500, 50)
  found = video_facts.age_columns(ages)
  assert_allclose(found.sum(axis=1), 1, rtol=1e-6)
  assert_allclose(found @ np.array(AGES), ages, rtol=1e-4)
  assert ((found > 0).sum(axis=1) <= 2).all()


def features(seed=0, count=30, size=6):
  rng = np.random.default_rng(seed)
  return rng.normal(size=(count, size)) * np.arange(1, size + 1) + 5


def test_leading_components_of_what_is_learned_from():
  x = features()
  learned = np.arange(30) < 20
  described = np.arange(30) != 25
  found = leading_columns(x, learned, described, 3)
  assert found.shape == (30, 3)
  assert found.dtype == np.float32
  own = found[learned].astype(np.float64)
  assert_allclose(own.mean(axis=0), 0, atol=1e-5)
  # Each of deviation 1, none like another.
  assert_allclose(own.T @ own / 20, np.eye(3), atol=1e-5)
  # An independent way: singular vectors, the largest first.
  mean = x[learned].mean(axis=0)
  _, values, vectors = np.linalg.svd(x[learned] - mean)
  for i in range(3):
    vector = vectors[i] * np.sign(vectors[i][np.abs(vectors[i]).argmax()])
    want = (x - mean) @ vector / (values[i] / np.sqrt(20))
    assert_allclose(found[described, i], want[described], atol=1e-4)
  assert not found[25].any()


def test_components_are_learned_of_known_videos_alone():
  x, learned = features(), np.arange(30) < 20
  everyone = np.ones(30, bool)
  other = x.copy()
  other[20:] = 99 - 3 * x[20:]
  one, two = (leading_columns(y, learned, everyone, 4) for y in (x, other))
  assert_array_equal(one[:20], two[:20])
  assert not np.allclose(one[20:], two[20:])


def test_a_feature_mirrored_in_0_has_the_same_components():
  """An eigenvector's sign is fixed: by itself it could be any."""
  x = features()
  everyone = np.ones(30, bool)
  one = leading_columns(x, everyone, everyone, 4)
  two = leading_columns(-x, everyone, everyone, 4)
  assert_allclose(one, -two, atol=1e-5)


def test_fewer_components_than_were_asked_for():
  """Three columns of which one is a sum; half precision, as files have it."""
  x = features(size=2)
  x = np.concatenate([x, x.sum(axis=1, keepdims=True)], axis=1)
  everyone = np.ones(30, bool)
  found = leading_columns(x, everyone, everyone, 16)
  assert found.shape == (30, 16)
  assert found[:, :2].any(axis=0).all()
  assert not found[:, 2:].any()
  half = leading_columns(
    features(size=3).astype(np.float16), everyone, everyone, 16
  )
  assert half.shape == (30, 16)
  assert half[:, :3].any(axis=0).all()
  assert not half[:, 3:].any()
  assert half.dtype == np.float32


@pytest.mark.parametrize('count', [0, 1])
def test_one_video_has_no_components(count):
  learned = np.arange(30) < count
  found = leading_columns(features(), learned, ~learned, 4)
  np.testing.assert_array_equal(found, np.zeros((30, 4)))


def test_equal_videos_and_no_features_have_no_components():
  everyone = np.ones(5, bool)
  for x in (np.full((5, 3), 2.0), np.zeros((5, 3)), np.zeros((5, 0))):
    found = leading_columns(x, everyone, everyone, 4)
    np.testing.assert_array_equal(found, np.zeros((5, 4)))


BAGS = {
  'decay': small_world.DECAY,
  'unit_secs': small_world.UNIT_SECS,
  'max_count': 1000,
}


def test_the_mean_bag_equals_a_loop():
  users = np.array([0, 11, 3, 7, 20])
  samples = sequences.virtual_sequences(
    WORLD.watches, WORLD.watches, WORLD.sessions, users
  )
  found = video_facts.mean_bag(samples, WORLD.watches, V, **BAGS)
  assert found.dtype == np.float32
  total = np.zeros(V)
  for user, session in zip(samples.user, samples.session, strict=True):
    bag = np.zeros(V)
    for time, video in WORLD.events[user]:
      if time < BORDERS[session]:
        age = (BORDERS[session] - time) / small_world.UNIT_SECS
        bag[video] += math.exp(-small_world.DECAY * age)
    total += bag / math.sqrt(bag.sum())
  assert len(samples.user) > 10
  assert_allclose(found, total / len(samples.user), rtol=1e-5, atol=1e-7)


def test_bags_without_a_watch_count_as_samples():
  """As of users whose watches are hidden; without a sample all is 0."""
  users, session = np.array([11, 3]), np.array([9, 2])
  samples = sequences.samples_at(WORLD.watches, users, session, WORLD.sessions)
  assert samples.history_count.tolist()[1] == 0 < samples.history_count[0]
  both, one = (
    video_facts.mean_bag(x, WORLD.watches, V, **BAGS)
    for x in (samples, samples.take(slice(1)))
  )
  assert_allclose(both, one / 2, rtol=1e-6)
  none = video_facts.mean_bag(samples.take(slice(0)), WORLD.watches, V, **BAGS)
  assert_array_equal(none, np.zeros(V))


@pytest.mark.parametrize('session', [1, 4, 9])
def test_the_share_unseen_equals_a_loop(session):
  users = np.array([0, 11, 3, 7, 20])
  own = sequences.samples_at(WORLD.watches, users, session, WORLD.sessions)
  found = video_facts.log_share_unseen(own, WORLD.watches, V)
  assert found.dtype == np.float32
  want = np.zeros(V)
  for video in range(V):
    known = 0
    for user in users:
      known += any(
        own_video == video and time < BORDERS[session]
        for time, own_video in WORLD.events[user]
      )
    want[video] = math.log((len(users) - known + 0.5) / (len(users) + 0.5))
  assert_allclose(found, want, rtol=1e-5, atol=1e-7)
  assert (found < -0.1).any()
  assert (found == 0).any()


def test_what_everybody_has_watched_stays_finite():
  """And without a sample nobody knows anything."""
  users, session = np.array([11, 11]), np.array([9, 9])
  samples = sequences.samples_at(WORLD.watches, users, session, WORLD.sessions)
  found = video_facts.log_share_unseen(samples, WORLD.watches, V)
  assert found.min() == np.float32(math.log(0.5 / 2.5))
  none = video_facts.log_share_unseen(samples.take(slice(0)), WORLD.watches, V)
  assert_array_equal(none, np.zeros(V))


def test_who_has_watched_a_video_twice_knows_it_once():
  users, session = np.array([11]), np.array([9])
  samples = sequences.samples_at(WORLD.watches, users, session, WORLD.sessions)
  assert samples.history_count[0] > 2
  same = WORLD.watches._replace(item=np.full_like(WORLD.watches.item, 7))
  found = video_facts.log_share_unseen(samples, same, V)
  assert_allclose(found[7], math.log(0.5 / 1.5), rtol=1e-6)
  assert np.count_nonzero(found) == 1


@pytest.mark.parametrize('until', [2, 5, 7])
def test_the_calendar_of_counts_equals_a_loop(until):
  counts = np.random.default_rng(0).integers(4, size=(5, 7)).astype(np.float32)
  found = video_facts.calendar_of_counts(counts, until)
  assert found.shape == (5, until - 1)
  assert found.dtype == np.float32
  for video in range(5):
    for session in range(1, until):
      # Session s is column s - 1; those after `session`, up to `until`.
      later = sum(counts[video, s - 1] for s in range(session + 1, until + 1))
      assert found[video, session - 1] == np.float32(np.log(0.5 + later))


def test_the_calendar_reads_nothing_after_its_end():
  counts = np.random.default_rng(0).integers(4, size=(5, 7)).astype(np.float32)
  other = counts.copy()
  other[:, 4:] = 99
  assert_array_equal(
    video_facts.calendar_of_counts(counts, 4),
    video_facts.calendar_of_counts(other, 4),
  )


def test_components_of_wide_features_are_the_same(monkeypatch):
  """Where not all of them are made: to the sign, too."""
  rng = np.random.default_rng(4)
  features = rng.normal(size=(30, 12)) * np.arange(1, 13)
  everyone = np.ones(30, bool)
  want = leading_columns(features, everyone, everyone, 5)
  monkeypatch.setattr(video_facts, '_WIDE', 6)
  found = leading_columns(features, everyone, everyone, 5)
  assert found.shape == (30, 5)
  np.testing.assert_allclose(found, want, rtol=1e-4, atol=1e-5)
