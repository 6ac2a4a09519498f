"""Documents as rows of word ids, in batches of few lengths; labels as targets.

All loops over documents are here, on the host, once: batches are arrays.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from absl import logging

from dynrec_jax.features.word_vectors import WordVectors, find_row, tokenize

_FEWEST_WORDS = 512  # the batches' smallest count of different words


class EncodedDocuments(NamedTuple):
  """Documents as ids of the words that have a vector.

  Attributes:
    ids: [n] int32, all documents behind each other; rows of `table`, never 0.
    starts: [V + 1] int64, where each document's ids start.
    table: [1 + W, D] float32, the vectors of the words that occur; row 0 is
      the padding, all zeros.
    scale: what the vectors were divided by.
  """

  ids: np.ndarray
  starts: np.ndarray
  table: np.ndarray
  scale: float

  @property
  def lengths(self) -> np.ndarray:
    """[V] known words of each document."""
    return np.diff(self.starts)


class Batch(NamedTuple):
  """Some documents, padded to one length.

  Attributes:
    ids: [B, T] int32, positions in `used`; 0 behind the end of a text and in
      rows that are left.
    used: [U] int32, rows of `EncodedDocuments.table`: the padding, then each
      word that occurs; 0 behind the last.
    rows: [B] int32, the documents; -1 in rows that are left.
  """

  ids: np.ndarray
  used: np.ndarray
  rows: np.ndarray


class Targets(NamedTuple):
  """What the videos' labels ask of a classifier.

  Attributes:
    classes: the labels that count, most widespread first, then by name.
    shares: [V, C] float32: 1 / n for each of a video's n classes, so a row's
      sum is 1, or 0 for a video without any.
  """

  classes: tuple[str, ...]
  shares: np.ndarray


def encode_documents(
  documents: Sequence[str],
  vectors: WordVectors,
  *,
  most_words: int,
  scale: float | None = None,
) -> EncodedDocuments:
  """The documents' known words; unknown ones are left out, as if not written.

  Args:
    documents: [V] texts.
    vectors: of the words that are known.
    most_words: known words of a document that count; the rest is cut.
    scale: what vectors are divided by; None is their root mean square.

  Returns:
    Ids and the vectors they name. The vectors are scaled, all by one factor,
    to a root mean square of 1 per number: files differ in scale, which would
    otherwise decide how fast the network learns.
  """
  unknown, rows_of, rows, lengths = Counter(), {}, [], []
  cut = 0
  for text in documents:
    found = []
    for word in tokenize(text):
      row = rows_of.get(word)
      if row is None:
        row = rows_of[word] = find_row(vectors, word)
      if row < 0:
        unknown[word] += 1
      else:
        found.append(row)
    cut += len(found) > most_words
    rows += found[:most_words]
    lengths.append(min(len(found), most_words))
  _report(unknown, len(rows), cut, most_words)
  used, ids = np.unique(np.array(rows, np.int64), return_inverse=True)
  table = np.zeros((1 + len(used), vectors.vectors.shape[1]), np.float32)
  table[1:] = vectors.vectors[used]
  if scale is None:
    square = np.mean(np.square(table[1:], dtype=np.float64)) if len(used) else 0
    scale = np.sqrt(square) or 1
  table /= scale
  starts = np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)])
  return EncodedDocuments(1 + ids.astype(np.int32), starts, table, float(scale))


def _report(unknown, known_count, cut_count, most_words):
  """Logs what does not count."""
  unknown_count = sum(unknown.values())
  logging.debug(
    'text: %d words have a vector, %d (%d different) have none; often: %s',
    known_count,
    unknown_count,
    len(unknown),
    ', '.join(word for word, _ in unknown.most_common(8)) or 'none',
  )
  if cut_count:
    logging.warning(
      'text: %d documents are cut after %d words', cut_count, most_words
    )


def label_targets(
  labels: Sequence[Sequence[str]],
  *,
  least_videos: int,
  most_classes: int,
) -> Targets:
  """The labels that enough videos have, as distributions to learn.

  Args:
    labels: [V] the labels of each video, any number, also none.
    least_videos: how many videos must have a label for it to be a class.
    most_classes: the most widespread so many are classes.

  Returns:
    Classes and targets; a label named twice for one video counts once.
  """
  labels = [set(names) for names in labels]
  counts = Counter(name for names in labels for name in names)
  classes = sorted(
    (name for name, count in counts.items() if count >= least_videos),
    key=lambda name: (-counts[name], name),
  )[:most_classes]
  column = {name: i for i, name in enumerate(classes)}
  shares = np.zeros((len(labels), len(classes)), np.float32)
  for row, names in enumerate(labels):
    shares[row, [column[name] for name in names if name in column]] = 1
  shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1)
  return Targets(tuple(classes), shares)


def length_batches(
  documents: EncodedDocuments,
  chosen: np.ndarray,
  *,
  batch_size: int,
  rng: np.random.Generator | None = None,
) -> Iterator[Batch]:
  """Batches of documents of like length.

  All batches have the shape of the longest document, behind which a reader can
  stop at the batch's longest; counts of different words are rounded up to 512,
  1024, ..., so few shapes are compiled.

  Args:
    documents: encoded.
    chosen: [n] int, the documents to pass, each with a word or more.
    batch_size: B.
    rng: shuffles the batches, and documents of like length (within a quarter)
      among them; None passes the documents in order of length.

  Yields:
    Batches that hold every document once.
  """
  lengths = documents.lengths[chosen].astype(np.float64)
  if rng is not None:
    lengths *= rng.uniform(1, 1.25, len(lengths))
  ordered = chosen[np.argsort(lengths, kind='stable')]
  starts = np.arange(0, len(ordered), batch_size)
  for start in starts if rng is None else rng.permutation(starts):
    yield _batch(documents, ordered[start : start + batch_size], batch_size)


def _rounded(count, least):
  """The next power of two, at least `least`, which is one."""
  return max(least, 1 << (int(count) - 1).bit_length())


def _batch(documents, group, batch_size):
  """Some documents as a batch."""
  rows = np.full(batch_size, -1, np.int32)
  rows[: len(group)] = group
  position = np.arange(documents.lengths.max())
  where = position < documents.lengths[group][:, None]
  sources = documents.starts[group][:, None] + position
  found, ids_of = np.unique(documents.ids[sources[where]], return_inverse=True)
  used = np.zeros(_rounded(1 + len(found), _FEWEST_WORDS), np.int32)
  used[1 : 1 + len(found)] = found
  ids = np.zeros((batch_size, len(position)), np.int32)
  ids[: len(group)][where] = 1 + ids_of
  return Batch(ids, used, rows)
