"""A folder's files, whole or not at all."""

import json

import numpy as np
import pytest
from folder_contents import WORDS, contents
from safetensors.numpy import load_file

from dynrec_jax.serving import folder
from dynrec_jax.storage import digests


def test_a_folder_says_what_is_in_it(tmp_path):
  place = tmp_path / 'new' / 'export'
  folder.write(place, contents())
  manifest = json.loads((place / 'manifest.json').read_text())
  names = {path.name for path in place.iterdir()} - {'manifest.json'}
  assert set(manifest['files']) == names
  for name, told in manifest['files'].items():
    path = place / name
    assert told['bytes'] == path.stat().st_size
    assert told['sha256'] == digests.file_sha256(path)
  assert (manifest['format'], manifest['videos']) == (1, 2)
  assert manifest['weights'] == {'0.x': [[2, 3], 'float32']}
  assert (manifest['network'], manifest['reading']['of']) == ('plus', 'watches')
  assert (place / 'lists.stablehlo').read_bytes() == b'code'
  found = load_file(place / 'weights.safetensors')['0.x']
  np.testing.assert_array_equal(found, [[0, 2, 4], [1, 3, 5]])
  tables = load_file(place / 'tables.safetensors')
  np.testing.assert_array_equal(tables['ties'], digests.numbers(['v1', 'ü']))
  assert json.loads((place / 'videos.json').read_text('utf-8')) == ['v1', 'ü']
  assert [path.name for path in place.parent.iterdir()] == ['export']


def test_tweets_bring_their_modules(tmp_path):
  folder.write(tmp_path / 'x', contents(words=WORDS))
  for name in ('histories', 'tweet_reader', 'tweet_words', 'stop_words'):
    text = (tmp_path / 'x' / f'{name}.py').read_text('utf-8')
    assert 'import dynrec_jax' not in text
    assert 'from dynrec_jax' not in text
  assert 'from stop_words import' in (tmp_path / 'x/tweet_words.py').read_text()
  words = json.loads((tmp_path / 'x' / 'words.json').read_text('utf-8'))
  assert words == ['ö', 'b']


def test_an_older_export_is_replaced_whole(tmp_path, monkeypatch):
  place = tmp_path / 'export'
  folder.write(place, contents(words=WORDS))
  folder.write(place, contents(b'other'))
  assert (place / 'lists.stablehlo').read_bytes() == b'other'
  assert not (place / 'words.json').exists()

  def full(*_):
    raise OSError(28, 'No space left on device')

  monkeypatch.setattr(folder.digests, 'file_sha256', full)
  with pytest.raises(OSError, match='No space'):
    folder.write(place, contents(b'third'))
  assert (place / 'lists.stablehlo').read_bytes() == b'other'
  assert list(tmp_path.iterdir()) == [place]


def test_what_is_no_export_is_left_alone(tmp_path):
  (tmp_path / 'mine').mkdir()
  folder.write(tmp_path / 'mine', contents())  # empty: nothing is lost
  other = tmp_path / 'other'
  other.mkdir()
  (other / 'manifest.json').write_text('{"mine": 1}')
  for place in (other, other / 'manifest.json'):
    with pytest.raises(ValueError, match=r'holds no manifest\.json of an exp'):
      folder.write(place, contents())
  assert (other / 'manifest.json').read_text() == '{"mine": 1}'
