"""Users by their tweets, against loops and by hand."""

import numpy as np
import pytest
import scipy.sparse
import small_world
import tweeters

from dynrec_jax.baselines import tweet_profiles
from dynrec_jax.recommender import CannotFit


def rows_of(tweets):
  return small_world.table([list(enumerate(row)) for row in tweets])


def test_means_are_those_of_plain_loops():
  tweets, topics = tweeters.random_tweeters(0, 12, 5)
  found = tweet_profiles.mean_topics(rows_of(tweets), topics)
  expected = tweeters.expected_means(tweets, topics)
  np.testing.assert_allclose(found.toarray(), expected, atol=1e-6)
  assert found.dtype == np.float64
  assert found[2].nnz == found[3].nnz == 0
  np.testing.assert_allclose(found[0].sum(), 1, atol=1e-6)


def test_means_by_hand():
  """Row 2 says nothing, and is no part of the mean."""
  topics = np.array([[1, 0], [0, 1], [0, 0]], np.float32)
  found = tweet_profiles.mean_topics(rows_of([[0, 1, 0, 2, 0]]), topics)
  np.testing.assert_array_equal(found.toarray(), [[0.75, 0.25]])


def test_when_a_tweet_was_written_does_not_matter():
  topics = np.array([[1, 0], [0, 1]], np.float32)
  table = small_world.table([[(0, 0), (10**9, 1)], [(7, 1), (7, 0)]])
  found = tweet_profiles.mean_topics(table, topics)
  np.testing.assert_array_equal(found.toarray(), [[0.5, 0.5]] * 2)


def test_rows_at_unit_length():
  rows = scipy.sparse.csr_matrix([[3.0, 0, -4], [0, 0, 0], [0, 1e-30, 0]])
  found = tweet_profiles.unit_rows(rows).toarray()
  expected = [[0.6, 0, -0.8], [0, 0, 0], [0, 1, 0]]
  np.testing.assert_allclose(found, expected, rtol=1e-12)
  nobody = scipy.sparse.csr_matrix((0, 3))
  assert tweet_profiles.unit_rows(nobody).shape == (0, 3)


def test_documents_are_the_rows_texts():
  texts = tweeters.flat_texts([['one two', 'three'], [], ['four']])
  found = tweet_profiles.tweet_documents(rows_of([[0, 0], [], [0]]), texts)
  assert found == ['one two\nthree', '', 'four']


def test_words_are_weighed_as_written():
  """(1 + log count) * (1 + log((1 + n) / (1 + df))), at unit length."""
  texts = ['Tide tide tide harp', 'harp kazoo', 'tide', 'once', 'harp the']
  words = tweet_profiles.fit_words(texts)
  assert sorted(words.get_feature_names_out()) == ['harp', 'tide']
  row = words.transform(['tide TIDE harp once']).toarray()[0]
  harp, tide = 1 + np.log(6 / 4), (1 + np.log(2)) * (1 + np.log(6 / 3))
  np.testing.assert_allclose(row, np.array([harp, tide]) / np.hypot(harp, tide))


def test_no_word_that_counts_cannot_be_fitted():
  with pytest.raises(CannotFit, match='none of the 3 documents has a word'):
    tweet_profiles.fit_words(['one', 'and the', ''])
  with pytest.raises(CannotFit, match='none of the 2 documents has a word'):
    tweet_profiles.fit_words(['kazoo', 'harp'])


def test_what_lacks_is_told():
  topics = np.array([[0, 0], [0, 1]], np.float32)
  seen = tweeters.seen_of([[0]], [[0, 0]], topics, video_count=2)
  with pytest.raises(CannotFit, match='none of the 2 tweets has a topic'):
    tweet_profiles.require_topics(seen)
  tweet_profiles.require_topics(
    tweeters.seen_of([[0]], [[0, 1]], topics, video_count=2)
  )
  for texts in (None, [['', ' ']]):
    seen = tweeters.seen_of([[0]], [[0, 1]], topics, video_count=2, texts=texts)
    with pytest.raises(CannotFit, match='no tweet has a text'):
      tweet_profiles.require_texts(seen)
  tweet_profiles.require_texts(seen._replace(texts=np.array(['', 'a'], object)))
