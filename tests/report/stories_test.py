"""Stories in files: shares by hand, what is read, and what is refused."""

import json

import numpy as np
import pytest

from dynrec_jax.report import stories
from dynrec_jax.report.stories import Story

STORY = Story(
  user='ü 7',
  history=[(1, 'v\u2028'), (2, 'v2'), (2, 'v1')],
  behaviours=[1, 2],
  topics=[{3: 0.75, 0: 0.25}, {}],
  interest=[{3: 1.0}, {0: 0.5, 3: 0.5}],
  truth=['v9'],
)


def line(**changes):
  row = STORY._asdict() | changes
  return json.dumps({key: x for key, x in row.items() if x is not None})


class TestShares:
  def test_by_hand(self):
    rows = stories.shares(np.array([[1, 0, 3, 4], [0, 0, 0, 0]]))
    assert rows == [{3: 0.5, 2: 0.375, 0: 0.125}, {}]
    assert list(rows[0]) == [3, 2, 0]

  def test_eight_are_kept_and_ties_go_to_the_lower_number(self):
    (row,) = stories.shares(np.ones((1, 10)))
    assert row == dict.fromkeys(range(8), 0.1)

  def test_what_rounds_to_nothing_is_left_out(self):
    (row,) = stories.shares(np.array([[0.9997, 0.0003]]))
    assert row == {0: 1.0}

  def test_below_zero_is_none(self):
    (row,) = stories.shares(np.array([[-2.0, 1.0, 3.0]]))
    assert row == {2: 0.75, 1: 0.25}

  def test_no_topic_at_all(self):
    assert stories.shares(np.zeros((2, 0))) == [{}, {}]


class TestFiles:
  def test_what_is_written_is_read(self, tmp_path):
    one = STORY._replace(user='x', history=[], truth=[])
    stories.write_stories(str(tmp_path), 'long', [STORY, one])
    assert stories.read_stories(str(tmp_path), 'long') == [STORY, one]
    path = tmp_path / 'stories' / 'long.jsonl'
    assert stories.path_of(str(tmp_path), 'long') == str(path)
    assert [p.name for p in path.parent.iterdir()] == ['long.jsonl']

  def test_nobody(self, tmp_path):
    stories.write_stories(str(tmp_path), 'long', [])
    assert stories.read_stories(str(tmp_path), 'long') == []

  def test_a_failure_leaves_the_older_file(self, tmp_path):
    stories.write_stories(str(tmp_path), 'long', [STORY])

    def broken():
      yield STORY._replace(user='only')
      raise RuntimeError('stopped')

    with pytest.raises(RuntimeError, match='stopped'):
      stories.write_stories(str(tmp_path), 'long', broken())
    assert stories.read_stories(str(tmp_path), 'long') == [STORY]

  def test_names(self, tmp_path):
    words = np.array([['sea', 'ship'], ['war', '']])
    stories.write_names(str(tmp_path), {'v1': 'Ä', 'v2': ''}, words)
    assert stories.read_titles(str(tmp_path)) == {'v1': 'Ä', 'v2': ''}
    found = stories.read_topic_words(str(tmp_path))
    assert found == [['sea', 'ship'], ['war']]

  @pytest.mark.parametrize(
    'wrong',
    [
      '{"user": ',
      '[1]',
      '',
      line(user=None),
      line(user=3),
      line(history=None),
      line(history=[[1]]),
      line(history=[[3, 'v1']]),
      line(history=[[0, 'v1']]),
      line(history=[[1, 2]]),
      line(behaviours=[1]),
      line(behaviours=['many', 2]),
      line(topics=[{}]),
      line(topics=[{'a': 1}, {}]),
      line(topics=[[1], []]),
      line(interest=[{}, {}, {}]),
      line(truth=[1]),
      line(truth=None),
    ],
  )
  def test_a_damaged_line_is_named(self, tmp_path, wrong):
    path = tmp_path / 'stories' / 'short.jsonl'
    path.parent.mkdir()
    path.write_text('\n'.join([line(), line(), wrong, line()]) + '\n')
    with pytest.raises(
      ValueError, match=r'short\.jsonl line 3: found .*; right: '
    ):
      stories.read_stories(str(tmp_path), 'short')

  def test_missing_files_are_named(self, tmp_path):
    with pytest.raises(ValueError, match=r'long\.jsonl: no such file; right'):
      stories.read_stories(str(tmp_path), 'long')
    with pytest.raises(ValueError, match=r'titles\.json: no such file'):
      stories.read_titles(str(tmp_path))
    with pytest.raises(ValueError, match=r'topic_words\.json: no such file'):
      stories.read_topic_words(str(tmp_path))

  @pytest.mark.parametrize('wrong', ['{', '3', '["a"]', '{"v": 3}', '[[1]]'])
  def test_damaged_names(self, tmp_path, wrong):
    stories.write_names(str(tmp_path), {}, ())
    for name, read in (
      ('titles', stories.read_titles),
      ('topic_words', stories.read_topic_words),
    ):
      (tmp_path / 'stories' / f'{name}.json').write_text(wrong)
      with pytest.raises(ValueError, match=rf'{name}\.json: .*right: '):
        read(str(tmp_path))
