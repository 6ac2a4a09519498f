"""Tables from hand-made lists and measures."""

import json

import numpy as np
import pytest

from dynrec_jax.report import table
from dynrec_jax.report.user_lists import UserLists

NAMES = {'model': 'dynrec'}


def lists_of(hits, truth) -> UserLists:
  users = [f'u{i}' for i in range(len(hits))]
  videos = [['v']] * len(hits)
  return UserLists(users, videos, np.array(hits), np.array(truth))


def row_of(mode, method, precision, recall, f_score, users):
  scores = {
    'precision': precision,
    'recall': recall,
    'f_score': f_score,
    'mean_f': [0.5] * len(users),
    'users': users,
  }
  arrays = {name: np.array(values) for name, values in scores.items()}
  return table.Row(mode, method, arrays)


TWO_SPLITS = [
  row_of(
    'long', 'popularity', [0.01, 0.03], [0.02, 0.04], [0.0133, 0.0343], [10, 13]
  ),
  row_of(
    'long', 'model', [0.04, 0.05], [0.06, 0.09], [0.048, 0.0643], [10, 13]
  ),
  row_of('short', 'model', [0.125] * 2, [0.0625] * 2, [0.08333] * 2, [12, 15]),
]


LISTS = {
  ('long', 'random'): [
    # Precision 2/4, 0, 1/4; recall 2/5, 0, 1; the last has no truth.
    lists_of([2, 0, 1, 0], [5, 1, 1, 0]),
    # One user: 1/4 and 1/2.
    lists_of([1], [2]),
  ],
  ('long', 'model'): [
    lists_of([0, 0, 0, 0], [5, 1, 1, 0]),
    lists_of([2], [2]),
  ],
  ('short', 'model'): [lists_of([3, 1], [4, 8])],
}


class TestMakeRows:
  def test_by_hand(self):
    rows = table.make_rows(LISTS, k=4)
    assert [(row.mode, row.method) for row in rows] == list(LISTS)
    random, model, short = (row.scores for row in rows)
    p, r = 0.75 / 3, 1.4 / 3
    f = [2 * p * r / (p + r), 2 * 0.25 * 0.5 / 0.75]
    np.testing.assert_allclose(random['precision'], [p, 0.25], rtol=1e-6)
    np.testing.assert_allclose(random['recall'], [r, 0.5], rtol=1e-6)
    np.testing.assert_allclose(random['f_score'], f, rtol=1e-6)
    # Own F: 0.4 / 0.9, 0, 0.5 / 1.25.
    mean_f = (0.4 / 0.9 + 0.4) / 3
    np.testing.assert_allclose(random['mean_f'], [mean_f, f[1]], rtol=1e-6)
    np.testing.assert_array_equal(random['users'], [3, 1])
    np.testing.assert_array_equal(random['users_without_truth'], [1, 0])
    np.testing.assert_allclose(model['f_score'], [0, 2 / 3], rtol=1e-6)
    # (3 + 1) / 8 and (3 / 4 + 1 / 8) / 2.
    np.testing.assert_allclose(short['precision'], [0.5], rtol=1e-6)
    np.testing.assert_allclose(short['recall'], [0.4375], rtol=1e-6)

  def test_k_is_what_precision_is_divided_by(self):
    four, eight = (table.make_rows(LISTS, k=k)[0].scores for k in (4, 8))
    np.testing.assert_allclose(eight['precision'], four['precision'] / 2)
    np.testing.assert_array_equal(eight['recall'], four['recall'])

  def test_they_make_a_table(self):
    rows = table.make_rows(LISTS, k=4)
    lines = table.as_markdown(rows, k=4, names=NAMES).splitlines()
    assert lines[3:] == [
      '| long | dynrec | 0.2500 ± 0.3536 | 0.5000 ± 0.7071 '
      '| 0.3333 ± 0.4714 | 2 | 2 |',
      '| short | dynrec | 0.5000 | 0.4375 | 0.4667 | 2 | 1 |',
    ]

  def test_no_method(self):
    assert table.make_rows({}, k=5) == []


def test_the_table_of_two_splits():
  """Means, and sample standard deviations: |a - b| / sqrt(2) of a pair."""
  assert table.as_markdown(TWO_SPLITS, k=5, names=NAMES) == '\n'.join(
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


def test_methods_that_did_not_run_stand_below_their_mode():
  skipped = [
    table.Skipped('short', 'fpmc', 'no order\n of a|b'),
    table.Skipped('long', 'model', 'no text'),
    table.Skipped('cross', 'sca', 'no tweets'),
  ]
  lines = table.as_markdown(
    [TWO_SPLITS[0], TWO_SPLITS[2]], k=5, names=NAMES, skipped=skipped
  ).splitlines()[2:]
  assert [line.split(' | ')[:2] for line in lines] == [
    ['| long', 'popularity'],
    ['| long', 'dynrec'],
    ['| short', 'dynrec'],
    ['| short', 'fpmc'],
    ['| cross', 'sca'],
  ]
  assert lines[1] == '| long | dynrec | not run: no text |  |  |  |  |'
  assert lines[3] == r'| short | fpmc | not run: no order of a\|b |  |  |  |  |'


def test_one_split_has_no_spread():
  row = row_of('long', 'model', [0.05], [0.09], [0.0643], [13])
  lines = table.as_markdown([row], k=3, names={}).splitlines()
  assert lines[0] == '| mode | method | P@3 | R@3 | F@3 | users | splits |'
  assert lines[2:] == ['| long | model | 0.0500 | 0.0900 | 0.0643 | 13 | 1 |']


def test_results_are_saved_whole(tmp_path):
  path = tmp_path / 'results.json'
  path.write_text('something older and longer' * 1000)
  text = table.as_json(TWO_SPLITS, {'config': {'seed': 3}})
  path.write_text(text)
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
  assert [file.name for file in tmp_path.iterdir()] == ['results.json']


@pytest.mark.parametrize(
  ('values', 'text'),
  [
    ([0.25], '0.2500'),
    # Mean 3, deviations -2, -1, 3: the variance is 14 / 2.
    ([1.0, 2.0, 6.0], '3.0000 ± 2.6458'),
    ([0.1, 0.1], '0.1000 ± 0.0000'),
  ],
)
def test_spread(values, text):
  assert table.spread(np.array(values)) == text


def test_headings():
  assert table.headings(7) == ['P@7', 'R@7', 'F@7']
