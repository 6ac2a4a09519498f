"""Lists in files: what is written, what is read, and what is refused."""

import json
import math

import numpy as np
import pytest

from dynrec_jax.data.records import object_array
from dynrec_jax.recommender import Lists
from dynrec_jax.report import user_lists

VIDEO_IDS = object_array(['a', 'b', 'c', 'd', 'e'])
LISTS = Lists(
  ids=np.array([[4, 0, 2], [1, -1, -1], [-1, -1, -1]], np.int32),
  scores=np.array(
    [
      [-1.23456789e-6, -1.5, -2.0],
      [0.25, -math.inf, -math.inf],
      [-math.inf] * 3,
    ],
    np.float32,
  ),
)
USERS = ['u7', 'u3', 'u5']
HITS, TRUTH = np.array([2, 0, 0], np.int32), np.array([3, 1, 0], np.int32)


def rows_of(lists=LISTS, users=USERS, **counts):
  return list(user_lists.as_rows(users, VIDEO_IDS, lists, **counts))


def line(**changes):
  row = {'user': 'u', 'videos': ['a'], 'hits': 1, 'truth': 2} | changes
  return json.dumps({key: x for key, x in row.items() if x is not None})


def test_path():
  path = user_lists.path_of('runs/split_3', 'long', 'model')
  assert path == 'runs/split_3/lists/long/model.jsonl'


class TestAsRows:
  def test_by_hand(self):
    """Scores have five decimals; places without a video are left out."""
    assert rows_of(hits=HITS, truth=TRUTH) == [
      {
        'user': 'u7',
        'videos': ['e', 'a', 'c'],
        'scores': [-1.23457e-6, -1.5, -2.0],
        'hits': 2,
        'truth': 3,
      },
      {'user': 'u3', 'videos': ['b'], 'scores': [0.25], 'hits': 0, 'truth': 1},
      {'user': 'u5', 'videos': [], 'scores': [], 'hits': 0, 'truth': 0},
    ]

  def test_without_scores_and_counts(self):
    assert rows_of(LISTS._replace(scores=None)) == [
      {'user': 'u7', 'videos': ['e', 'a', 'c']},
      {'user': 'u3', 'videos': ['b']},
      {'user': 'u5', 'videos': []},
    ]

  def test_another_number_of_users_is_refused(self):
    with pytest.raises(ValueError, match='longer'):
      rows_of(users=USERS[:2])


class TestFiles:
  def test_what_is_written_is_read(self, tmp_path):
    path = user_lists.path_of(str(tmp_path / 'new'), 'short', 'random')
    user_lists.write_lists(path, iter(rows_of(hits=HITS, truth=TRUTH)))
    found = user_lists.read_lists(path)
    assert found.users == USERS
    assert found.videos == [['e', 'a', 'c'], ['b'], []]
    assert found.hits.tolist() == [2, 0, 0]
    assert found.truth.tolist() == [3, 1, 0]
    assert found.hits.dtype == found.truth.dtype == np.int64

  def test_a_line_is_json_and_readable(self, tmp_path):
    path = tmp_path / 'x.jsonl'
    rows = rows_of(users=['ü 7', 'u3', 'u5'], hits=HITS)
    user_lists.write_lists(path, iter(rows))
    lines = path.read_text('utf-8').split('\n')
    assert lines[3:] == ['']
    assert [json.loads(x) for x in lines[:3]] == rows
    assert lines[0].startswith('{"user": "ü 7", "videos": ["e", "a", "c"]')

  def test_an_older_file_is_replaced(self, tmp_path):
    path = tmp_path / 'x.jsonl'
    path.write_text('something older and longer\n' * 100)
    user_lists.write_lists(path, iter(rows_of(hits=HITS, truth=TRUTH)))
    assert user_lists.read_lists(path).users == USERS
    assert [file.name for file in tmp_path.iterdir()] == ['x.jsonl']

  def test_a_failure_leaves_the_older_file(self, tmp_path):
    path = tmp_path / 'x.jsonl'
    user_lists.write_lists(path, iter(rows_of(hits=HITS, truth=TRUTH)))

    def broken():
      yield {'user': 'only'}
      raise RuntimeError('stopped')

    with pytest.raises(RuntimeError, match='stopped'):
      user_lists.write_lists(path, broken())
    assert user_lists.read_lists(path).users == USERS

  def test_no_line(self, tmp_path):
    path = tmp_path / 'x.jsonl'
    user_lists.write_lists(path, iter([]))
    found = user_lists.read_lists(path)
    assert (found.users, found.videos) == ([], [])
    assert found.hits.shape == found.truth.shape == (0,)

  def test_line_ends_within_ids(self, tmp_path):
    """Unicode has more of them than JSON lines."""
    path = tmp_path / 'x.jsonl'
    users = ['a\u2028b', 'c\x85d', 'e\nf\r\x0b\x1c']
    user_lists.write_lists(
      path, iter(rows_of(users=users, hits=HITS, truth=TRUTH))
    )
    assert user_lists.read_lists(path).users == users

  def test_a_missing_file_is_named(self, tmp_path):
    with pytest.raises(ValueError, match=r'none\.jsonl: no such file; right: '):
      user_lists.read_lists(tmp_path / 'none.jsonl')

  @pytest.mark.parametrize(
    'wrong',
    [
      '{"user": ',
      '[1, 2]',
      '3',
      '',
      line(user=None),
      line(videos=None),
      line(hits=None),
      line(truth=None),
      line(hits='many'),
      line(truth=[2]),
    ],
  )
  def test_a_damaged_line_is_named(self, tmp_path, wrong):
    path = tmp_path / 'x.jsonl'
    path.write_text('\n'.join([line(), line(), wrong, line()]) + '\n')
    with pytest.raises(ValueError, match=r'x\.jsonl line 3: found .*; right: '):
      user_lists.read_lists(path)

  def test_another_encoding_is_named(self, tmp_path):
    path = tmp_path / 'x.jsonl'
    path.write_bytes(line().encode() + b'\xff\n')
    with pytest.raises(ValueError, match=r'x\.jsonl: found .*; right: UTF-8$'):
      user_lists.read_lists(path)
