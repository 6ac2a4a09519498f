"""Tweets as text features: each text once, and only when asked for."""

import numpy as np
import pytest

from dynrec_jax.data.histories import Histories
from dynrec_jax.recommender import CannotFit
from dynrec_jax.study.tweet_features import TweetFeatures

KNOWN = np.array(['sea', 'boat', 'sea', ''], object)


class Encoder:
  """The number of letters and of a's; keeps what it was asked for."""

  def __init__(self):
    self.seen = []

  def __call__(self, texts):
    self.seen.append(list(texts))
    rows = [[len(text), text.count('a')] for text in texts]
    return np.array(rows, np.float32).reshape(-1, 2)


def tweets(*counts):
  """Users' tweets about anything."""
  total = sum(counts)
  return Histories(
    np.cumsum([0, *counts]), np.full(total, 9, np.int32), np.arange(total)
  )


def told(features, events, texts):
  """Per event, the vector that it is about."""
  found, table = features.described(events, np.array(texts, object))
  np.testing.assert_array_equal(found.offsets, events.offsets)
  np.testing.assert_array_equal(found.time, events.time)
  assert found.item.dtype == np.int32
  return table[found.item].tolist()


def test_nothing_is_encoded_before_it_is_asked_for():
  encoder = Encoder()
  features = TweetFeatures(encoder, KNOWN)
  assert encoder.seen == []
  features.require()
  features.require()
  assert encoder.seen == [['sea', 'boat', '']]


def test_each_event_is_about_its_text():
  encoder = Encoder()
  features = TweetFeatures(encoder, KNOWN)
  rows = told(features, tweets(3, 1), ['boat', 'sea', '', 'boat'])
  assert rows == [[4, 1], [3, 1], [0, 0], [4, 1]]
  assert len(encoder.seen) == 1
  assert told(features, tweets(0), []) == []
  assert told(features, tweets(1, 0), ['sea']) == [[3, 1]]
  assert len(encoder.seen) == 1


def test_new_texts_are_added_once():
  encoder = Encoder()
  features = TweetFeatures(encoder, KNOWN)
  rows = told(features, tweets(2, 2), ['anew', 'sea', 'banana', 'anew'])
  assert rows == [[4, 1], [3, 1], [6, 3], [4, 1]]
  assert told(features, tweets(2), ['banana', 'boat']) == [[6, 3], [4, 1]]
  assert encoder.seen == [['sea', 'boat', ''], ['anew', 'banana']]


@pytest.mark.parametrize('known', [['', ''], []])
def test_tweets_without_a_word_are_refused(known):
  features = TweetFeatures(Encoder(), known)
  for _ in range(2):
    with pytest.raises(CannotFit, match=f'none of the {len(known)} tweets has'):
      features.require()
