"""Digests keep the values that files and checkpoints on disk go by."""

import hashlib
import os
import pathlib
import subprocess
import sys
import types

import numpy as np
import pytest

from dynrec_jax.objective import Features
from dynrec_jax.sources import simulated_year, simulation
from dynrec_jax.storage import digests
from dynrec_jax.study import behaviours, prepare
from dynrec_jax.topics import border_fit, incremental, topic_state
from dynrec_jax.topics.topic_state import TopicState
from dynrec_jax.topics.tweet_blocks import TweetCorpus
from dynrec_jax.topics.twitter_lda import Hyperparameters, TopicCounts

CORPUS = TweetCorpus(
  user=np.array([0, 2], np.int32),
  day=np.array([0, 1], np.int32),
  offsets=np.array([0, 2, 3], np.int64),
  words=np.array([1, 0, 1], np.int32),
)
STATE = TopicState(
  next_day=2,
  counts=TopicCounts(
    topic_word=np.arange(4, dtype=np.float32).reshape(2, 2),
    background=np.array([1, 2], np.float32),
    user_topic=np.ones((3, 2), np.float32),
  ),
)


# The values below were computed before the digests had a module of their own.
# They must not change: they name what lies on users' disks.


def test_content_hash_keeps_its_value():
  array = np.arange(6, dtype=np.int32).reshape(2, 3)
  assert digests.content_hash([array, ('é', 1.5, None), b'x', True, 7]) == (
    'bba7f26a0aa9f5549eff36140ac53926316f13fc1449aea28e7bfb14366450a6'
  )


def test_digests_of_files_keep_their_values(tmp_path):
  (tmp_path / 'file').write_bytes(b'abc\0' * 9)
  assert digests.file_sha256(tmp_path / 'file') == (
    'a851816285d28683bf849f2476fc75d6d6d746506e64ad269bde19ce8624b463'
  )
  assert digests.files_digest({'b': '22', 'a': '11'}) == '286ac3fb2fd8d1438239'


def test_simulated_worlds_keep_their_names():
  world = simulation.world_from_name('small')
  assert simulated_year.world_digest(world, 3) == '5b1ff76cbc4afc328105'


def test_topic_states_keep_their_names_and_digests():
  assert topic_state.source_digest('settings é', CORPUS) == (
    '0d712902d29b8d70697fe4744230434505580833b6d5b98b0585e65663320ae9'
  )
  assert topic_state.state_digest(STATE) == (
    '57f0d751ccde1070f48c156b2e04e2e8629344b8fc7e43f140b5a7e6cf29d68c'
  )
  settings = border_fit.FitSettings(
    Hyperparameters(1, 2, 3, 4),
    incremental.Schedule(1, 2, 3, 4, 5, 6),
    least_tweets=1,
    seed=3,
    directory='folder',
  )
  path = border_fit._state_path(CORPUS, ['ab', 'ä'], STATE, settings)
  assert path == 'folder/twitter_lda-739f3d709f5d30c0075a0114211a02c8.npz'


def test_the_fingerprint_in_checkpoints_keeps_its_value():
  ids = np.array(['v1', 'ü2'], object)
  records = types.SimpleNamespace(videos=types.SimpleNamespace(id=ids))
  features = Features(
    visual=np.arange(6, dtype=np.float32).reshape(2, 3),
    text=np.ones((2, 2), np.float16),
    has_visual=np.array([True, False]),
    has_text=np.array([True, True]),
  )
  made_of = behaviours.Behaviours(np.eye(2, dtype=np.float32), None, None)
  known = types.SimpleNamespace(topic=np.array([0, -1], np.int16))
  found = [
    prepare._fingerprint(records, features, made_of),
    prepare._fingerprint(records, features, made_of._replace(known=known)),
  ]
  assert found == ['8882ec067095137c', '7a9e8ba7eede45ac']


def test_joined_parts_are_their_bytes_one_after_the_other():
  array = np.array([[97, 98], [99, 100]], np.uint8)
  assert digests.joined_sha256('ä', array) == digests.joined_sha256('äabcd')
  assert digests.joined_sha256(array.T) == digests.joined_sha256('acbd')
  assert digests.fingerprint('ab', 'c') == digests.fingerprint('abc')
  assert len(digests.fingerprint()) == 16


def test_what_has_no_content_is_refused():
  with pytest.raises(ValueError, match=r'cannot hash a \w*Path'):
    digests.content_hash(pathlib.Path())


DIFFERENT = [
  [1, 2],
  [[1], 2],
  [[1, 2]],
  [12],
  ['1', '2'],
  ['12'],
  ['1', '', '2'],
  [b'12'],
  [1.0, 2],
  [True, 2],
  [None, 2],
  [np.array([1, 2])],
  [np.array([[1, 2]])],
  [np.array([[1], [2]])],
  [np.array([1, 2], np.int32)],
  [np.array(['1', '2'])],
  [np.array(12)],
  [np.zeros((0, 2))],
  [np.zeros((2, 0))],
  [],
]


def test_hash_tells_apart():
  hashes = [digests.content_hash(value) for value in DIFFERENT]
  assert len(set(hashes)) == len(hashes)


def test_hash_does_not_see_memory_layout():
  x = np.arange(6, dtype=np.float32).reshape(2, 3)
  assert digests.content_hash(x) == digests.content_hash(np.asfortranarray(x))
  assert digests.content_hash(x) != digests.content_hash(x.T)
  words = np.array(['a', 'ä', ''], dtype=object)
  assert digests.content_hash(list(words)) == digests.content_hash(words)
  assert digests.content_hash([x[0, 1]]) == digests.content_hash(
    [np.array(x[0, 1])]
  )


def test_hash_is_the_same_in_another_process():
  code = (
    'from dynrec_jax.storage import digests; import numpy as np;'
    'print(digests.content_hash([np.arange(3), ("é", 1.5, None)]))'
  )
  hashes = {
    subprocess.run(
      [sys.executable, '-c', code],
      env={**os.environ, 'PYTHONHASHSEED': seed},
      capture_output=True,
      text=True,
      check=True,
    ).stdout.strip()
    for seed in ('1', '2')
  }
  assert hashes == {digests.content_hash([np.arange(3), ('é', 1.5, None)])}


def test_drawn_numbers_follow_from_name_and_purpose_alone():
  names = [f'u{i}' for i in range(2000)]
  drawn = digests.drawn_numbers(names, 3, 'test')
  assert drawn.dtype == np.float64
  assert drawn.min() >= 0
  assert drawn.max() < 1
  some = digests.drawn_numbers(names[::-7], 3, 'test')
  np.testing.assert_array_equal(some, drawn[::-7])
  others = [
    digests.drawn_numbers(names, 3, 'valid'),
    digests.drawn_numbers(names, 4, 'test'),
    digests.drawn_numbers(names, 3, 'test', 0),
    digests.drawn_numbers([f'{name} ' for name in names], 3, 'test'),
  ]
  for other in others:
    # Uncorrelated, to four standard errors.
    assert abs(np.corrcoef(drawn, other)[0, 1]) < 4 / np.sqrt(2000)
  assert len(digests.drawn_numbers([], 3)) == 0


def test_drawn_numbers_are_uniform():
  drawn = digests.drawn_numbers(map(str, range(40_000)), 'x')
  counts, _ = np.histogram(drawn, 20, (0, 1))
  # Chi-squared of 19 degrees of freedom: below 43.8 but once in 1,000.
  assert ((counts - 2000) ** 2 / 2000).sum() < 43.8
  assert digests.drawn_numbers(['é', '\ud800'], 1).tolist() == [
    0.5920352030617112,
    0.8331858197803467,
  ]


def test_numbers_tell_names_apart():
  names = [f'u{i}' for i in range(5000)]
  found = digests.numbers(names)
  assert found.dtype == np.uint64
  assert len(set(found.tolist())) == 5000
  np.testing.assert_array_equal(digests.numbers(names[::-3]), found[::-3])
  assert digests.numbers(['é']) == digests.numbers(['é'.encode()])
  # blake2b of 8 bytes, of nothing and of "a", as other programs give it.
  wanted = [
    int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), 'little')
    for text in (b'', b'a')
  ]
  assert digests.numbers(['', 'a']).tolist() == wanted
  assert len(digests.numbers([])) == 0


def mixed_by_hand(*row):
  """SplitMix64 with a word taken in at each step, in whole numbers."""
  state, mask = 0, 2**64 - 1
  for word in row:
    state = (state + 0x9E3779B97F4A7C15 + word) & mask
    state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & mask
    state = (state ^ state >> 27) * 0x94D049BB133111EB & mask
    state ^= state >> 31
  return state


def test_mixed_numbers_are_those_of_their_rows():
  rng = np.random.default_rng(0)
  one = rng.integers(0, 2**64, 50, dtype=np.uint64)
  two = rng.integers(-(2**62), 2**62, 50)
  assert digests.mixed(one, two).tolist() == [
    mixed_by_hand(a, b % 2**64)
    for a, b in zip(one.tolist(), two.tolist(), strict=True)
  ]
  assert mixed_by_hand(0) == 0xE220A8397B1DCDAF  # SplitMix64's first of seed 0
  small = np.arange(3000)
  pairs = digests.mixed(*(x.ravel() for x in np.meshgrid(small[:50], small)))
  assert len(set(pairs.tolist())) == 150_000
  assert len(digests.mixed(small[:0])) == 0
