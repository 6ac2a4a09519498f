"""Word vectors: words of a text, and one number row for each word.

They come from a file (word2vec .bin, word2vec .txt, GloVe .txt) or are trained
on the documents at hand; either way they are one `WordVectors`.

A word is a run of letters and digits of any script, with its inner
apostrophes ("don't"); a possessive 's goes, everything else separates. Its
case stays, for some vectors tell cases apart: a word is looked up as written,
then in lower case, then capitalised, so that 'SHARK' finds 'shark' and 'paris'
finds 'Paris'. Phrases with underscores, as GoogleNews has them, are never
looked up: Kim (2014) reads words.
"""

import gzip
import math
import os
import pathlib
import re
import unicodedata
import zlib
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from absl import logging

from dynrec_jax.data.records import NoWordsError

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_POSSESSIVE = re.compile(r"(?<=\w)'s\b", re.IGNORECASE)
_MOST_HEADER_BYTES = 80


class WordVectors(NamedTuple):
  """Words with their vectors.

  Attributes:
    rows: the row of every word.
    vectors: [W, D] float32, finite.
  """

  rows: dict[str, int]
  vectors: np.ndarray


def tokenize(text: str) -> list[str]:
  """The words of a text in order, by the rules at the top of this module."""
  if not text.isascii():
    text = unicodedata.normalize('NFKC', text).replace('\u2019', "'")
  return _WORD.findall(_POSSESSIVE.sub('', text))


def find_row(vectors: WordVectors, word: str) -> int:
  """The row of a word: as written, lower case, capitalised; -1 if unknown."""
  rows = vectors.rows
  for spelling in (word, word.lower(), word.capitalize()):
    if spelling in rows:
      return rows[spelling]
  return -1


def train_word_vectors(
  documents: Iterable[str],
  *,
  size: int = 300,
  seed: int,
  min_count: int = 2,
  epoch_count: int = 20,
) -> WordVectors:
  """Word2vec (skip-gram) vectors of the lower-case words of the documents.

  The same documents and seed give the same numbers, in every process: one
  thread, and no hash that Python salts.

  Args:
    documents: texts.
    size: numbers per word.
    seed: not negative.
    min_count: how often a word must occur to get a vector.
    epoch_count: passes over the documents; few texts need many.

  Returns:
    The vectors, most frequent word first.

  Raises:
    ValueError: no word occurs `min_count` times.
  """
  from gensim.models import Word2Vec  # two seconds, which files don't need

  sentences = [tokenize(text.lower()) for text in documents]
  model = Word2Vec(
    vector_size=size,
    min_count=min_count,
    sg=1,
    workers=1,
    seed=seed,
    hashfxn=_stable_hash,
    epochs=epoch_count,
  )
  model.build_vocab(sentences)
  words = model.wv.index_to_key
  if not words:
    raise NoWordsError(
      f'none of the {len(sentences)} documents has a word for word vectors:'
      f' expected words that occur at least {min_count} times'
    )
  model.train(sentences, total_examples=model.corpus_count, epochs=model.epochs)
  return WordVectors(
    {word: row for row, word in enumerate(words)},
    np.array(model.wv.vectors, np.float32),
  )


def load_word_vectors(
  path: str | os.PathLike, *, most_words: int | None = None
) -> WordVectors:
  """The word vectors of a file, whatever made it.

  A name that ends in .bin is word2vec's binary format; any other file is text,
  one word with its numbers a line, behind word2vec's line 'count size' or, as
  GloVe writes it, without. Either may be compressed (.gz). The first of
  several vectors of one word counts; how many more there are is logged.

  Args:
    path: the file.
    most_words: reads only so many words from the front, which in the public
      files are the most frequent ones; None reads all. The whole of GoogleNews
      is 3 million words, 3.6 GB.

  Raises:
    ValueError: the file is missing, cut off or malformed, or holds a number
      that is not finite; the message names the file, and the line or word.
  """
  path = pathlib.Path(path)
  if most_words is not None and most_words < 1:
    raise ValueError(f'most_words is {most_words}; right: 1 or more, or None')
  if not path.is_file():
    raise ValueError(
      f'{path}: no such file; right: word vectors as word2vec .bin or .txt, or'
      ' GloVe .txt'
    )
  is_binary = path.name.removesuffix('.gz').endswith('.bin')
  read = _read_binary if is_binary else _read_text
  try:
    found = read(path, most_words)
  except (EOFError, OSError, zlib.error) as error:
    raise ValueError(
      f'{path}: cut off or damaged ({error}); right: the whole file'
    ) from error
  logging.debug(
    '%s: %d words, %d numbers each', path.name, *found.vectors.shape
  )
  return found


def _stable_hash(word):
  """A hash of a word that is the same in every process."""
  return zlib.crc32(word.encode())


def _open(path):
  return gzip.open(path, 'rb') if path.suffix == '.gz' else path.open('rb')


def _read_binary(path, most_words):
  from gensim.models import KeyedVectors

  with _open(path) as file:
    header = file.readline(_MOST_HEADER_BYTES)
  count, size = _header(header) or (0, 0)
  if not (count and size):
    raise ValueError(
      f'{path}: starts with {header[:20]!r}; right for word2vec .bin: a line'
      ' "count size", both positive, then words with their float32 numbers'
    )
  try:
    found = KeyedVectors.load_word2vec_format(
      str(path), binary=True, limit=most_words
    )
  except UnicodeDecodeError as error:
    raise ValueError(
      f'{path}: a word is no UTF-8 ({error}); right: {count} words with {size}'
      ' numbers each, as the header says'
    ) from error
  # With repeated words, gensim leaves empty places behind the last.
  words = [word for word in found.index_to_key if word is not None]
  vectors = found.vectors[: len(words)]
  _report_repeated(path, min(count, most_words or count) - len(words))
  _check_finite(path, words, vectors)
  if most_words is None and path.suffix != '.gz' and len(words) == count:
    _check_length(path, len(header), words, size)
  return WordVectors({word: row for row, word in enumerate(words)}, vectors)


def _check_length(path, header_bytes, words, size):
  """Refuses a binary file with other bytes than its words and vectors."""
  least = header_bytes + sum(
    len(word.encode()) + 1 + 4 * size for word in words
  )
  # A line break may follow each vector.
  most, found = least + len(words), path.stat().st_size
  if not least <= found <= most:
    raise ValueError(
      f'{path}: {found} bytes; right: {least} to {most} for {len(words)} words'
      f' with {size} numbers each, as the header says'
    )


def _read_text(path, most_words):
  rows, vectors, repeated = {}, [], 0
  with _open(path) as file:
    first = file.readline()
    header = _header(first)
    size = header[1] if header else len(first.split()) - 1
    if size < 1:
      raise ValueError(
        f'{path}: line 1 is {first[:40]!r}; right: "count size", or a word and'
        ' its numbers'
      )
    if not header:
      file.seek(0)
    start = 2 if header else 1
    line_count = 0
    for number, line in enumerate(file, start):
      if line_count == (most_words or math.inf):
        break
      line_count += 1
      word, vector = _parse_line(path, number, line, size)
      if word in rows:
        repeated += 1
        continue
      rows[word] = len(vectors)
      vectors.append(vector)
  if not most_words or line_count < most_words:
    _check_count(path, header, line_count)
  _report_repeated(path, repeated)
  return WordVectors(rows, np.stack(vectors))


def _header(line):
  """(count, size) of word2vec's first line, None if it is none."""
  parts = line.split()
  if len(parts) == 2 and all(part.isdigit() for part in parts):
    return int(parts[0]), int(parts[1])
  return None


def _parse_line(path, number, line, size):
  """(word, [size] float32) of a line; a word may hold spaces, as in GloVe."""
  try:
    word, *values = line.decode().rstrip().rsplit(' ', size)
    if not word or len(values) != size:
      raise ValueError(f'{len(line.split()) - 1} numbers')
    # GloVe's few words with spaces; else a number too many.
    if ' ' in word and _is_number(word.rsplit(' ', 1)[1]):
      raise ValueError(f'{len(line.split()) - 1} numbers')
    vector = np.array(values, np.float32)
  except ValueError as error:
    raise ValueError(
      f'{path}, line {number}: {error}; right: a word and {size} numbers,'
      ' one space between'
    ) from error
  if not np.isfinite(vector).all():
    raise ValueError(
      f'{path}, line {number}: the vector of {word!r} holds a number that is'
      ' not finite; right: finite ones'
    )
  return word, vector


def _is_number(text):
  try:
    float(text)
  except ValueError:
    return False
  return True


def _check_count(path, header, line_count):
  if not line_count:
    raise ValueError(f'{path}: no words; right: a word and its numbers a line')
  if header and line_count != header[0]:
    raise ValueError(
      f'{path}: {line_count} words, cut off or damaged; right: {header[0]},'
      ' as line 1 says'
    )


def _check_finite(path, words: Sequence[str], vectors):
  bad = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
  if bad.size:
    raise ValueError(
      f'{path}, word {bad[0] + 1} ({words[bad[0]]!r}): holds a number that is'
      ' not finite; right: finite ones'
    )


def _report_repeated(path, count):
  if count:
    logging.warning(
      '%s: %d words stand there again; their first vectors count', path, count
    )
