"""Users who tweet and watch, as the cross-network baselines are told of them.

A row per user: the topic rows (or the words) of the tweets, the videos.
"""

import numpy as np
import small_world

from dynrec_jax.data import histories
from dynrec_jax.data.records import object_array
from dynrec_jax.recommender import Queries, Seen


def flat_texts(texts) -> np.ndarray:
  """The texts of all rows in one column."""
  return object_array([text for row in texts for text in row])


def seen_of(
  watched,
  tweets,
  topics,
  *,
  video_count: int,
  texts=None,
  profiles=None,
  video_texts=None,
  video_topics=None,
  train_users=None,
  seed: int = 0,
) -> Seen:
  """What may be read when held-out users' watches are hidden."""
  if train_users is None:
    train_users = range(len(watched))
  rows = [row if u in train_users else [] for u, row in enumerate(watched)]
  watches = small_world.table([list(enumerate(row)) for row in rows])
  seen = small_world.seen_of(
    watches, video_count=video_count, train_users=train_users, seed=seed
  )
  return seen._replace(
    behaviours=small_world.table([list(enumerate(row)) for row in tweets]),
    topics=np.asarray(topics, np.float32),
    texts=None if texts is None else flat_texts(texts),
    profiles=object_array(profiles or [''] * len(tweets)),
    video_texts=seen.video_texts if video_texts is None else video_texts,
    video_topics=video_topics,
  )


def queries_of(tweets, topics, *, texts=None, profiles=None) -> Queries:
  """Users of whom nothing but tweets and self-descriptions is known."""
  queries = small_world.queries_knowing([[]] * len(tweets))
  behaviours = small_world.table([list(enumerate(row)) for row in tweets])
  return queries._replace(
    watches=histories.no_events(len(tweets)),
    behaviours=behaviours,
    topics=np.asarray(topics, np.float32),
    texts=None if texts is None else flat_texts(texts),
    profiles=object_array(profiles or [''] * len(tweets)),
  )


def check_alone(recommend, queries, k: int) -> None:
  """Each query gets the list, and the scores, that it gets alone."""
  together = recommend(queries, k)
  for row in range(queries.count):
    alone = recommend(queries.take(np.array([row])), k)
    np.testing.assert_array_equal(alone.ids[0], together.ids[row])
    np.testing.assert_array_equal(alone.scores[0], together.scores[row])


def random_tweeters(seed: int, user_count: int, topic_count: int):
  """Tweets about rows of random topics, the last row says nothing.

  User 2 has no tweet, user 3 only tweets that say nothing.
  """
  rng = np.random.default_rng(seed)
  topics = rng.dirichlet(np.ones(topic_count), size=9).astype(np.float32)
  topics[-1] = 0
  tweets = [
    rng.integers(9, size=rng.integers(1, 8)).tolist() for _ in range(user_count)
  ]
  tweets[2], tweets[3] = [], [8, 8]
  return tweets, topics


def expected_means(tweets, topics) -> np.ndarray:
  """[U, K] float64 mean topic vectors, by loops."""
  out = np.zeros((len(tweets), topics.shape[1]))
  for user, row in enumerate(tweets):
    told = [topics[i].astype(np.float64) for i in row if topics[i].any()]
    if told:
      out[user] = sum(told) / len(told)
  return out
