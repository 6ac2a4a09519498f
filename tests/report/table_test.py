"""Tables from hand-made metrics."""

import json

import numpy as np
import pytest

from dynrec_jax.report import table

NAMES = {'model': 'dynrec'}


def scores(step, mode, method, precision, recall, f_score, users):
  values = {
    'precision': precision,
    'recall': recall,
    'f_score': f_score,
    'mean_f': 0.5,
    'users': users,
  }
  named = {f'test_{mode}/{method}/{k}': v for k, v in values.items()}
  return {'step': step, 'time': 1.5} | named


def write(directory, *lines):
  directory.mkdir()
  text = ''.join(json.dumps(line) + '\n' for line in lines)
  (directory / 'metrics.jsonl').write_text(text)
  return str(directory)


@pytest.fixture
def two_splits(tmp_path):
  first = write(
    tmp_path / 'split_0',
    {'step': 3, 'time': 1.0, 'train/loss': 2.5},
    {'step': 4, 'time': 1.0, 'valid/f_score': 0.9, 'valid/precision': 0.9},
    # An earlier evaluation of the same split counts no more.
    scores(4, 'long', 'popularity', 0.9, 0.9, 0.9, 99),
    scores(4, 'long', 'popularity', 0.01, 0.02, 0.0133, 10),
    scores(4, 'long', 'model', 0.04, 0.06, 0.048, 10),
    scores(4, 'short', 'model', 0.125, 0.0625, 0.08333, 12),
  )
  second = write(
    tmp_path / 'split_1',
    scores(8, 'long', 'popularity', 0.03, 0.04, 0.0343, 13),
    scores(8, 'long', 'model', 0.05, 0.09, 0.0643, 13),
    scores(8, 'short', 'model', 0.125, 0.0625, 0.08333, 15),
  )
  return [first, second]


def test_the_table_of_two_splits(two_splits):
  """Means, and sample standard deviations: |a - b| / sqrt(2) of a pair."""
  rows = table.read_rows(two_splits)
  assert table.as_markdown(rows, k=5, names=NAMES) == '\n'.join(
    [
      '| mode | method | P@5 | R@5 | F@5 | users | splits |',
      '|---|---|---|---|---|---|---|',
      '| long | popularity | 0.0200 ± 0.0141 | 0.0300 ± 0.0141 '
      '| 0.0238 ± 0.0148 | 12 | 2 |',
      '| long | dynrec | 0.0450 ± 0.0071 | 0.0750 ± 0.0212 '
      '| 0.0561 ± 0.0115 | 12 | 2 |',
      '| short | dynrec | 0.1250 ± 0.0000 | 0.0625 ± 0.0000 '
      '| 0.0833 ± 0.0000 | 14 | 2 |',
    ]
  )


def test_one_split_has_no_spread(two_splits):
  rows = table.read_rows(two_splits[1:])
  lines = table.as_markdown(rows, k=3, names={}).splitlines()
  assert lines[0] == '| mode | method | P@3 | R@3 | F@3 | users | splits |'
  assert lines[3] == '| long | model | 0.0500 | 0.0900 | 0.0643 | 13 | 1 |'


def test_results_are_saved_whole(two_splits, tmp_path):
  path = tmp_path / 'results.json'
  path.write_text('something older and longer' * 1000)
  rows = table.read_rows(two_splits)
  table.write_results(str(path), rows, {'config': {'seed': 3}})
  found = json.loads(path.read_text())
  assert found['config'] == {'seed': 3}
  assert found['rows'][0] == {
    'mode': 'long',
    'method': 'popularity',
    'precision': [0.01, 0.03],
    'recall': [0.02, 0.04],
    'f_score': [0.0133, 0.0343],
    'mean_f': [0.5, 0.5],
    'users': [10, 13],
  }
  assert len(found['rows']) == 3
  assert sorted(p.name for p in tmp_path.iterdir() if p.is_file()) == [
    'results.json'
  ]


def test_rows_hold_one_value_per_split(two_splits):
  row = table.read_rows(two_splits)[1]
  assert (row.mode, row.method) == ('long', 'model')
  np.testing.assert_array_equal(row.scores['recall'], [0.06, 0.09])


def test_a_split_without_test_scores_is_an_error(two_splits, tmp_path):
  bare = write(tmp_path / 'bare', {'step': 1, 'time': 1.0, 'train/loss': 2.0})
  with pytest.raises(ValueError, match=r'bare.metrics.jsonl holds no test'):
    table.read_rows([*two_splits, bare])
