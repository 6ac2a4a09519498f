"""Documents as word ids, labels as targets, and batches of like length."""

import numpy as np
import pytest

from dynrec_jax.features.text_batches import (
  encode_documents,
  label_targets,
  length_batches,
)
from dynrec_jax.features.word_vectors import WordVectors

VECTORS = WordVectors(
  {'the': 0, 'shark': 1, 'Paris': 2, 'unread': 3},
  np.array([[1, 2], [3, 4], [-5, 6], [70, 80]], np.float32),
)


def words_of(documents, row):
  """The word vectors [n, D] of one document."""
  start, end = documents.starts[row : row + 2]
  return documents.table[documents.ids[start:end]]


def test_known_words_in_order_unknown_left_out():
  texts = ['The SHARK; xyz shark', '', 'xyz', 'paris the']
  found = encode_documents(texts, VECTORS, most_words=9)
  np.testing.assert_array_equal(found.lengths, [3, 0, 0, 2])
  scale = np.sqrt((1 + 4 + 9 + 16 + 25 + 36) / 6)  # 'unread' does not occur
  the, shark, paris = np.array([[1, 2], [3, 4], [-5, 6]]) / scale
  np.testing.assert_allclose(words_of(found, 0), [the, shark, shark], 1e-6)
  np.testing.assert_allclose(words_of(found, 3), [paris, the], 1e-6)
  np.testing.assert_array_equal(found.table[0], 0)
  assert found.table.shape == (4, 2)
  assert found.ids.min() > 0


def test_scale_of_the_file_does_not_count():
  texts = ['the shark', 'Paris']
  one = encode_documents(texts, VECTORS, most_words=9)
  other = encode_documents(
    texts, VECTORS._replace(vectors=VECTORS.vectors * 40), most_words=9
  )
  np.testing.assert_allclose(one.table, other.table, rtol=1e-6)


def test_long_documents_are_cut_and_counted(caplog):
  texts = ['the shark x Paris', 'the', 'the the the', 'x y the x y Paris']
  with caplog.at_level('DEBUG', logger='absl'):
    found = encode_documents(texts, VECTORS, most_words=2)
  np.testing.assert_array_equal(found.lengths, [2, 1, 2, 2])
  assert '2 documents are cut after 2 words' in caplog.text
  assert '7 words have a vector, 5 (2 different) have none' in caplog.text
  assert 'often: x, y' in caplog.text


def test_no_known_word_at_all():
  found = encode_documents(['x', ''], VECTORS, most_words=2)
  np.testing.assert_array_equal(found.lengths, [0, 0])
  np.testing.assert_array_equal(found.table, np.zeros((1, 2)))


def test_targets_are_uniform_over_a_videos_classes():
  labels = [('b', 'a'), ('b',), (), ('rare',), ('a', 'rare', 'b', 'b'), ('c',)]
  labels += [('c',), ('a', 'c')]
  found = label_targets(labels, least_videos=3, most_classes=9)
  assert found.classes == ('a', 'b', 'c')  # three videos each: by name
  np.testing.assert_allclose(
    found.shares,
    [
      [1 / 2, 1 / 2, 0],
      [0, 1, 0],
      [0, 0, 0],
      [0, 0, 0],
      [1 / 2, 1 / 2, 0],
      [0, 0, 1],
      [0, 0, 1],
      [1 / 2, 0, 1 / 2],
    ],
    rtol=1e-6,
  )
  few = label_targets([*labels, ('c',)], least_videos=2, most_classes=1)
  assert few.classes == ('c',)
  np.testing.assert_array_equal(few.shares[:, 0], [0, 0, 0, 0, 0, 1, 1, 1, 1])


def many_documents(count=230):
  rng = np.random.default_rng(0)
  return encode_documents(
    [' '.join(['the', 'shark'] * n) for n in rng.integers(1, 60, count)],
    VECTORS,
    most_words=99,
  )


@pytest.mark.parametrize('rng', [None, np.random.default_rng(5)])
def test_batches_hold_every_chosen_document_once(rng):
  documents = many_documents()
  chosen = np.arange(3, 230, 2)
  rows, waste = [], 0
  for batch in length_batches(documents, chosen, batch_size=20, rng=rng):
    assert batch.ids.shape == (20, documents.lengths.max())
    assert batch.used.shape == (512,)
    for ids, row in zip(batch.ids, batch.rows, strict=True):
      length = documents.lengths[row] if row >= 0 else 0
      np.testing.assert_array_equal(ids[length:], 0)
      if row >= 0:
        vectors = documents.table[batch.used[ids[:length]]]
        np.testing.assert_array_equal(vectors, words_of(documents, row))
        assert ids[:length].min() > 0
    real = batch.rows[batch.rows >= 0]
    rows += real.tolist()
    longest = documents.lengths[real].max()
    waste += (longest - documents.lengths[real]).sum()
  assert sorted(rows) == chosen.tolist()
  assert waste < 0.2 * documents.lengths[chosen].sum()


def test_batches_are_shuffled_by_the_generator_alone():
  documents = many_documents()

  def order(seed):
    rng = np.random.default_rng(seed)
    batches = length_batches(documents, np.arange(230), batch_size=20, rng=rng)
    return np.concatenate([batch.rows for batch in batches])

  np.testing.assert_array_equal(order(1), order(1))
  assert not np.array_equal(order(1), order(2))
  # Not the batches alone: neighbours change as well.
  first = next(r for r in np.split(order(1)[:220], 11) if r[0] >= 0)
  assert not any(set(first) == set(r) for r in np.split(order(2)[:220], 11))


def test_many_different_words_enlarge_the_list_in_powers_of_two():
  words = [f'w{i}' for i in range(700)]
  vectors = WordVectors(
    {w: i for i, w in enumerate(words)}, np.ones((700, 2), np.float32)
  )
  documents = encode_documents([' '.join(words)], vectors, most_words=700)
  [batch] = length_batches(documents, np.arange(1), batch_size=3)
  assert batch.used.shape == (1024,)
  np.testing.assert_array_equal(batch.used[:701], np.arange(701))
  np.testing.assert_array_equal(batch.used[701:], 0)
