"""CB against plain loops over words, by hand, and what it may not read."""

import collections
import math
import re

import numpy as np
import pytest
import tweeters

from dynrec_jax.baselines import content_based
from dynrec_jax.recommender import CannotFit

TOPICS = np.eye(2, dtype=np.float32)
VIDEOS = ['tide river', 'harp kazoo harp', 'river', '', 'lute harp']
TEXTS = [['river river', 'harp'], ['kazoo tide'], [], ['lute lute tide']]
PROFILES = ['', 'harp', 'lute', '']


def seen_of(videos=VIDEOS, texts=TEXTS, profiles=PROFILES, **changes):
  return tweeters.seen_of(
    [[0]] * len(texts),
    [[0] * len(row) for row in texts],
    TOPICS,
    video_count=len(videos),
    texts=texts,
    profiles=profiles,
    video_texts=videos,
    **changes,
  )


def queries_of(texts, profiles=None):
  return tweeters.queries_of(
    [[0] * len(row) for row in texts], TOPICS, texts=texts, profiles=profiles
  )


def words_of(text):
  return re.findall(r'[a-z]{2,}', text.lower())


def expected_scores(videos, documents, asked):
  """Cosines of (1 + log count) * idf, by loops."""
  corpus = [*videos, *documents]
  df = collections.Counter(w for text in corpus for w in set(words_of(text)))

  def weights(text):
    return {
      word: (1 + math.log(count)) * (1 + math.log((1 + len(corpus)) / (1 + n)))
      for word, count in collections.Counter(words_of(text)).items()
      if (n := df[word]) >= 2
    }

  def cosine(a, b):
    dot = sum(a[word] * b[word] for word in a if word in b)
    lengths = [math.sqrt(sum(x * x for x in y.values())) for y in (a, b)]
    return dot / math.prod(lengths) if all(lengths) else 0.0

  return np.array(
    [[cosine(weights(a), weights(v)) for v in videos] for a in asked]
  )


def test_scores_are_those_of_plain_loops():
  asked = [['harp river', 'tide tide tide'], ['lute'], [], ['unknown']]
  profiles = ['harp', '', 'kazoo river', '']
  lists = content_based.fit(seen_of())(queries_of(asked, profiles), 5)
  expected = expected_scores(
    VIDEOS,
    [' '.join([*row, p]) for row, p in zip(TEXTS, PROFILES, strict=True)],
    [' '.join([*row, p]) for row, p in zip(asked, profiles, strict=True)],
  )
  for row, ids in enumerate(lists.ids):
    np.testing.assert_allclose(lists.scores[row], expected[row, ids], atol=1e-6)
    order = sorted(range(5), key=lambda v: (-round(expected[row, v], 9), v))
    assert ids.tolist() == order
  assert (expected[:3] > 0).sum(axis=1).tolist() == [4, 1, 3]


def test_who_says_nothing_scores_nothing():
  lists = content_based.fit(seen_of())(queries_of([[], ['unknown']]), 3)
  np.testing.assert_array_equal(lists.ids, [[0, 1, 2]] * 2)
  np.testing.assert_array_equal(lists.scores, np.zeros((2, 3)))


def test_self_descriptions_are_read():
  queries = queries_of([[], []], ['river', 'lute'])
  lists = content_based.fit(seen_of())(queries, 1)
  np.testing.assert_array_equal(lists.ids, [[2], [4]])


def test_equal_texts_go_to_the_lower_id():
  videos = ['harp tide', 'tide', 'harp tide', 'tide']
  lists = content_based.fit(seen_of(videos))(queries_of([['tide harp']]), 4)
  np.testing.assert_array_equal(lists.ids, [[0, 2, 1, 3]])


def test_watches_and_held_out_users_change_nothing():
  """Held-out users' words neither count nor weigh."""
  queries = queries_of([['harp river'], ['tide lute']])
  trains = {'train_users': [0, 1]}
  one = content_based.fit(seen_of(**trains))(queries, 5)
  edited = [*TEXTS[:2], ['harp harp'], ['harp', 'tide', 'river', 'word word']]
  other = seen_of(texts=edited, profiles=['', 'harp', 'x', 'y'], **trains)
  two = content_based.fit(other)(queries, 5)
  np.testing.assert_array_equal(one.ids, two.ids)
  np.testing.assert_array_equal(one.scores, two.scores)
  nobody = other._replace(
    watches=tweeters.seen_of([[]] * 4, [[]] * 4, TOPICS, video_count=5).watches
  )
  three = content_based.fit(nobody)(queries, 5)
  np.testing.assert_array_equal(one.scores, three.scores)
  trained = content_based.fit(seen_of(texts=edited))(queries, 5)
  assert not np.array_equal(one.scores, trained.scores)


def test_a_list_does_not_depend_on_who_else_asks():
  texts = [['harp river'], ['tide'], [], ['lute kazoo', 'harp']]
  tweeters.check_alone(content_based.fit(seen_of()), queries_of(texts), 5)


def test_what_lacks_is_told():
  with pytest.raises(CannotFit, match='no tweet has a text'):
    content_based.fit(seen_of(texts=[[''], ['']], profiles=['a', 'b']))
  with pytest.raises(CannotFit, match='no tweet has a text'):
    content_based.fit(seen_of()._replace(texts=None))
  with pytest.raises(CannotFit, match='none of the 2 videos has a text'):
    content_based.fit(seen_of(videos=['', ' ']))
  with pytest.raises(CannotFit, match='has a word that stands in 2'):
    content_based.fit(
      seen_of(videos=['one'], texts=[['two']], profiles=['three'])
    )
