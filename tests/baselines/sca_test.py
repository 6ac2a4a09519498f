"""SCA against closed forms in loops, and on a planted map."""

import numpy as np
import pytest
import tweeters

from dynrec_jax.baselines import joint_mf, matrices, sca
from dynrec_jax.baselines.sca import Settings
from dynrec_jax.recommender import CannotFit

RIDGE = Settings('topic_ridge')
JOINT = Settings(factors=4, negatives=5.0, regularization=0.05)


def world(seed=0, users=20, videos=13):
  """Tweets, topics, watches; user 5 watched nothing."""
  rng = np.random.default_rng(seed)
  tweets, topics = tweeters.random_tweeters(seed, users, 6)
  watched_ = [rng.integers(videos, size=6).tolist() for _ in range(users)]
  watched_[5] = []
  video_topics = rng.dirichlet(np.ones(4), size=videos).astype(np.float32)
  video_topics[7] = 0  # a video without a topic
  return watched_, tweets, topics, video_topics


def seen_of(seed=0, **changes):
  watched_, tweets, topics, video_topics = world(seed)
  return tweeters.seen_of(
    watched_,
    tweets,
    topics,
    video_count=13,
    video_topics=video_topics,
    **changes,
  )


def asked():
  tweets, topics = world()[1:3]
  return tweeters.queries_of([*tweets[::-3], [], [8]], topics)


def expected_ridge_scores(ridge):
  """W = (T'T + ridge I)^-1 T'Y; cos(t W, theta_v), by loops."""
  watched_, tweets, topics, theta = world()
  theta = theta.astype(np.float64)
  about = tweeters.expected_means(tweets, topics)
  square, right = ridge * np.eye(6), np.zeros((6, 4))
  for user, videos in enumerate(watched_):
    known = [theta[v] for v in set(videos) if theta[v].any()]
    if known and about[user].any():
      square += np.outer(about[user], about[user])
      right += np.outer(about[user], sum(known) / len(known))
  wanted = tweeters.expected_means([*tweets[::-3], [], [8]], topics)
  wanted = wanted @ np.linalg.inv(square) @ right
  out = np.zeros((len(wanted), len(theta)))
  for row, w in enumerate(wanted):
    for video, t in enumerate(theta):
      lengths = np.linalg.norm(w) * np.linalg.norm(t)
      out[row, video] = w @ t / lengths if lengths else 0
  return out


@pytest.mark.parametrize('ridge', [0.01, 3.0])
def test_topic_ridge_is_that_of_plain_loops(ridge):
  lists = sca.fit(seen_of(), RIDGE._replace(ridge=ridge))(asked(), 13)
  expected = expected_ridge_scores(ridge)
  for row, ids in enumerate(lists.ids):
    assert sorted(ids) == list(range(13))
    np.testing.assert_allclose(lists.scores[row], expected[row, ids], atol=1e-6)
  assert np.all(np.diff(lists.scores, axis=1) <= 0)
  np.testing.assert_array_equal(lists.scores[-2:], np.zeros((2, 13)))
  np.testing.assert_array_equal(lists.ids[-1], np.arange(13))


def test_the_ridge_map_has_no_slope_and_leaves_out_who_says_nothing():
  rng = np.random.default_rng(2)
  inputs, outputs = rng.normal(size=(9, 3)), rng.normal(size=(9, 2))
  inputs[4], outputs[6] = 0, 0
  w = sca.ridge_map(inputs, outputs, 0.7)
  rest = [i for i in range(9) if i not in (4, 6)]
  slope = inputs[rest].T @ (inputs[rest] @ w - outputs[rest]) + 0.7 * w
  np.testing.assert_allclose(slope, np.zeros((3, 2)), atol=1e-12)
  assert w.shape == (3, 2)


def test_joint_mf_ranks_by_the_product():
  seen = seen_of(seed=3)
  tweets, topics = world(3)[1:3]
  queries = tweeters.queries_of(tweets, topics)
  lists = sca.fit(seen, JOINT)(queries, 13)
  about = tweeters.expected_means(tweets, topics)
  w, q = joint_mf.joint_mf(
    about,
    matrices.of_train_users(seen),
    factors=4,
    negatives=5.0,
    regularization=0.05,
    seed=0,
  )
  expected = about @ np.asarray(w, np.float64) @ np.asarray(q, np.float64).T
  for row, ids in enumerate(lists.ids):
    np.testing.assert_allclose(lists.scores[row], expected[row, ids], atol=1e-3)
  np.testing.assert_array_equal(lists.ids[2:4], [np.arange(13)] * 2)
  np.testing.assert_array_equal(lists.scores[2:4], np.zeros((2, 13)))


@pytest.mark.parametrize('settings', [JOINT, RIDGE._replace(ridge=0.1)])
def test_a_planted_map_is_found(settings):
  """Who tweets about topic k watches the videos of taste 2 - k."""
  topics = np.eye(3, dtype=np.float32)
  rng = np.random.default_rng(0)
  tweets, watches = [], []
  for user in range(60):
    taste = user % 3
    tweets.append([taste] * 8 + rng.integers(3, size=2).tolist())
    own = 4 * (2 - taste) + rng.permutation(4)[:3]
    watches.append([*own.tolist(), int(rng.integers(12))])
  seen = tweeters.seen_of(
    watches,
    tweets,
    topics,
    video_count=12,
    video_topics=np.eye(3, dtype=np.float32).repeat(4, axis=0),
  )
  queries = tweeters.queries_of([[0], [1, 1], [2]], topics)
  ids = sca.fit(seen, settings)(queries, 4).ids
  for row, first in zip(ids, (8, 4, 0), strict=True):
    assert set(row.tolist()) == set(range(first, first + 4))


@pytest.mark.parametrize('settings', [JOINT, RIDGE])
def test_held_out_users_teach_nothing(settings):
  trains = list(range(12))
  watched_, tweets, topics, video_topics = world()
  one = sca.fit(seen_of(train_users=trains), settings)(asked(), 13)
  changed = [*tweets[:12], *[[0, 1]] * 8]
  other = tweeters.seen_of(
    watched_,
    changed,
    topics,
    video_count=13,
    video_topics=video_topics,
    train_users=trains,
  )
  two = sca.fit(other, settings)(asked(), 13)
  np.testing.assert_array_equal(one.ids, two.ids)
  np.testing.assert_array_equal(one.scores, two.scores)


@pytest.mark.parametrize('settings', [JOINT, RIDGE])
def test_a_list_does_not_depend_on_who_else_asks(settings):
  tweeters.check_alone(sca.fit(seen_of(), settings), asked(), 13)


@pytest.mark.parametrize('settings', [JOINT, RIDGE])
def test_no_train_user_leaves_zeros(settings):
  lists = sca.fit(seen_of(train_users=[]), settings)(asked(), 4)
  np.testing.assert_array_equal(lists.ids, [np.arange(4)] * asked().count)
  np.testing.assert_array_equal(lists.scores, 0 * lists.scores)


def test_what_lacks_or_is_wrong_is_told():
  seen = seen_of()
  with pytest.raises(ValueError, match="variant is 'x'; valid are joint_mf, t"):
    sca.fit(seen, Settings('x'))
  for nothing in (None, 0 * seen.video_topics):
    with pytest.raises(CannotFit, match='none of the 13 videos has a topic'):
      sca.fit(seen._replace(video_topics=nothing), RIDGE)
  sca.fit(seen._replace(video_topics=None), JOINT)
  with pytest.raises(CannotFit, match='tweets has a topic'):
    sca.fit(seen._replace(topics=0 * seen.topics), JOINT)
