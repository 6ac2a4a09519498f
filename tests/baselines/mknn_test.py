"""MKNN against plain loops, by hand, and on planted tastes."""

import numpy as np
import pytest
import tweeters

from dynrec_jax.baselines import mknn
from dynrec_jax.baselines.mknn import Settings
from dynrec_jax.recommender import CannotFit

TOPICS = np.eye(3, dtype=np.float32)


def cosine(a, b):
  lengths = np.sqrt(np.sum(a * a)) * np.sqrt(np.sum(b * b))
  return np.sum(a * b) / lengths if lengths else 0.0


def expected_scores(tweets, watched, asked, topics, count, video_count):
  """score(v) = sum over the nearest n of cos * 1[n watched v], by loops."""
  trains = tweeters.expected_means(tweets, topics)
  out = np.zeros((len(asked), video_count))
  for row, mean in enumerate(tweeters.expected_means(asked, topics)):
    alike = [cosine(mean, other) for other in trains]
    order = sorted(range(len(trains)), key=lambda n: (-alike[n], n))
    for n in order[:count]:
      for video in set(watched[n]):
        out[row, video] += alike[n]
  return out


@pytest.mark.parametrize('count', [1, 4, 100])
def test_scores_are_those_of_plain_loops(count):
  rng = np.random.default_rng(3)
  tweets, topics = tweeters.random_tweeters(1, 15, 6)
  watched = [rng.integers(11, size=rng.integers(6)).tolist() for _ in tweets]
  asked, _ = tweeters.random_tweeters(2, 7, 6)
  seen = tweeters.seen_of(watched, tweets, topics, video_count=11)
  lists = mknn.fit(seen, Settings(count))(
    tweeters.queries_of(asked, topics), 11
  )
  expected = expected_scores(tweets, watched, asked, topics, count, 11)
  for row, (ids, scores) in enumerate(
    zip(lists.ids, lists.scores, strict=True)
  ):
    assert sorted(ids) == list(range(11))
    np.testing.assert_allclose(scores, expected[row, ids], atol=1e-5)
  assert expected[0].any()
  assert np.all(np.diff(lists.scores, axis=1) <= 0)


def test_by_hand():
  """Query (1, 0, 0): users 0 at cosine 1, 1 at 0.8, 2 at 0; two are near."""
  tweets = [[0], [0, 0, 0, 0, 1, 1, 1], [2]]
  seen = tweeters.seen_of(
    [[4, 1], [1, 3, 3], [0]], tweets, TOPICS, video_count=5
  )
  queries = tweeters.queries_of([[0, 0]], TOPICS)
  lists = mknn.fit(seen, Settings(2))(queries, 5)
  np.testing.assert_array_equal(lists.ids, [[1, 4, 3, 0, 2]])
  np.testing.assert_allclose(lists.scores, [[1.8, 1, 0.8, 0, 0]], atol=1e-6)


def test_of_users_equally_near_the_first_ones_count():
  seen = tweeters.seen_of(
    [[4], [3], [2], [1]], [[1], [0], [0], [0]], TOPICS, video_count=5
  )
  queries = tweeters.queries_of([[0]], TOPICS)
  lists = mknn.fit(seen, Settings(2))(queries, 5)
  np.testing.assert_array_equal(lists.scores, [[1, 1, 0, 0, 0]])
  np.testing.assert_array_equal(lists.ids, [[2, 3, 0, 1, 4]])


def test_rounding_makes_no_one_nearer():
  """The same shares from more and fewer tweets; the first two are taken."""
  tweets = [[0, 1, 2, 1, 0, 0, 1] * n for n in (3, 7, 1, 5, 2)]
  seen = tweeters.seen_of(
    [[4], [3], [2], [1], [0]], tweets, TOPICS, video_count=5
  )
  for asked in ([0], [1, 2], [0, 1, 1, 0, 2, 2, 2]):
    queries = tweeters.queries_of([asked], TOPICS)
    lists = mknn.fit(seen, Settings(2))(queries, 2)
    np.testing.assert_array_equal(lists.ids, [[3, 4]])
    assert lists.scores[0, 0] == lists.scores[0, 1] > 0


@pytest.mark.parametrize('profile', mknn.PROFILES)
def test_users_of_a_taste_find_its_videos(profile):
  words = ['harp kazoo lute', 'tide river yacht', 'proof query maths']
  tweets = [[n % 3] * (1 + n % 4) for n in range(30)]
  texts = [[words[topic] for topic in row] for row in tweets]
  watched = [[3 * (n % 3) + i for i in range(3)] for n in range(30)]
  seen = tweeters.seen_of(watched, tweets, TOPICS, video_count=9, texts=texts)
  asked = [[1], [2, 2], [0]]
  queries = tweeters.queries_of(
    asked, TOPICS, texts=[[words[t] for t in row] for row in asked]
  )
  lists = mknn.fit(seen, Settings(10, profile))(queries, 3)
  np.testing.assert_array_equal(lists.ids, [[3, 4, 5], [6, 7, 8], [0, 1, 2]])
  np.testing.assert_allclose(lists.scores, np.full((3, 3), 10), rtol=1e-6)


def test_words_tell_users_apart_where_topics_do_not():
  tweets = [[0], [0], [0]]
  texts = [['harp solo'], ['tide comes'], ['tide harp']]
  seen = tweeters.seen_of(
    [[0], [1], [2]], tweets, TOPICS, video_count=3, texts=texts
  )
  queries = tweeters.queries_of([[0], [0]], TOPICS, texts=[['tide'], ['harp']])
  lists = mknn.fit(seen, Settings(1, 'tfidf'))(queries, 1)
  np.testing.assert_array_equal(lists.ids, [[1], [0]])


@pytest.mark.parametrize('profile', mknn.PROFILES)
def test_a_list_does_not_depend_on_who_else_asks(profile):
  rng = np.random.default_rng(5)
  tweets, topics = tweeters.random_tweeters(4, 30, 7)
  watched = [rng.integers(20, size=5).tolist() for _ in tweets]
  words = ['harp', 'kazoo', 'tide', 'river']

  def texts(rows):
    return [[' '.join(rng.choice(words, 3)) for _ in row] for row in rows]

  seen = tweeters.seen_of(
    watched, tweets, topics, video_count=20, texts=texts(tweets)
  )
  asked, _ = tweeters.random_tweeters(6, 9, 7)
  queries = tweeters.queries_of(asked, topics, texts=texts(asked))
  tweeters.check_alone(mknn.fit(seen, Settings(6, profile)), queries, 20)


def test_only_train_users_are_near():
  seen = tweeters.seen_of(
    [[4], [3], [2]], [[0], [1], [0]], TOPICS, video_count=5, train_users=[1, 2]
  )
  queries = tweeters.queries_of([[0], []], TOPICS)
  lists = mknn.fit(seen, Settings())(queries, 5)
  np.testing.assert_array_equal(lists.ids, [[2, 0, 1, 3, 4], [0, 1, 2, 3, 4]])
  np.testing.assert_array_equal(lists.scores[1], np.zeros(5))


def test_no_train_user_leaves_zeros():
  seen = tweeters.seen_of([[4]], [[0]], TOPICS, video_count=5, train_users=[])
  lists = mknn.fit(seen, Settings())(tweeters.queries_of([[0]], TOPICS), 3)
  np.testing.assert_array_equal(lists.ids, [[0, 1, 2]])


def test_what_lacks_or_is_wrong_is_told():
  seen = tweeters.seen_of([[1]], [[0]], TOPICS, video_count=2)
  with pytest.raises(CannotFit, match='no tweet has a text'):
    mknn.fit(seen, Settings(profile='tfidf'))
  with pytest.raises(ValueError, match="profile is 'x'; valid are topics, tf"):
    mknn.fit(seen, Settings(profile='x'))
  with pytest.raises(ValueError, match='neighbours is 0; it must be 1 or more'):
    mknn.fit(seen, Settings(0))
  with pytest.raises(CannotFit, match='none of the 1 tweets has a topic'):
    mknn.fit(seen._replace(topics=0 * TOPICS), Settings())
