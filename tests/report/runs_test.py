"""Runs' folders: what is read of them, and what is refused."""

import json
import pathlib

import numpy as np
import pytest

from dynrec_jax.report import runs, table, user_lists
from dynrec_jax.report.user_lists import UserLists

FACTS = {'seed': 3, 'decode': {'k': 5}, 'catalogue': {'users': 4}}
# Two splits of the long mode, one of the short mode.
LISTS = {
  ('long', 'random'): [
    UserLists(['a', 'b'], [['x', 'y'], []], np.array([1, 0]), np.array([2, 1])),
    UserLists(['c'], [['z']], np.array([0]), np.array([3])),
  ],
  ('long', 'model'): [
    UserLists(['a', 'b'], [['y'], ['x']], np.array([1, 1]), np.array([2, 1])),
    UserLists(['c'], [['y']], np.array([1]), np.array([3])),
  ],
  ('short', 'model'): [
    UserLists(['d', 'a'], [['z'], []], np.array([1, 0]), np.array([1, 0])),
  ],
}


def write_run(folder: pathlib.Path, **more) -> pathlib.Path:
  """A run as the library leaves it, lists by hand."""
  for (mode, method), splits in LISTS.items():
    for number, lists in enumerate(splits):
      path = folder / f'split_{number}' / 'lists' / mode / f'{method}.jsonl'
      path.parent.mkdir(parents=True, exist_ok=True)
      rows = [
        {'user': user, 'videos': videos, 'hits': int(hits), 'truth': int(truth)}
        for user, videos, hits, truth in zip(*lists, strict=True)
      ]
      path.write_text(''.join(json.dumps(row) + '\n' for row in rows))
  rows = table.make_rows(LISTS, k=5)
  (folder / 'results.json').write_text(
    table.as_json(rows, {'config': FACTS} | more)
  )
  return folder


def check(found, wanted):
  assert len(found) == len(wanted)
  for one, other in zip(found, wanted, strict=True):
    assert (one.users, one.videos) == (other.users, other.videos)
    np.testing.assert_array_equal(one.hits, other.hits)
    np.testing.assert_array_equal(one.truth, other.truth)


def test_a_run(tmp_path):
  run = runs.read_run(write_run(tmp_path / 'base'))
  assert run.name == 'base'
  assert run.facts == FACTS
  assert run.modes == ['long', 'short']
  assert list(run.lists) == list(LISTS)
  for key, splits in LISTS.items():
    check(run.lists[key], splits)


def test_a_run_of_an_earlier_version_skips_nothing(tmp_path):
  run = runs.read_run(write_run(tmp_path))
  assert list(run.skipped) == []
  assert run.labels == {}
  assert run.label('model') == 'model'


def test_what_was_skipped_and_labels(tmp_path):
  run = runs.read_run(
    write_run(
      tmp_path,
      skipped=[{'mode': 'long', 'method': 'fpmc', 'why': 'no order'}],
      labels={'model': 'dynrec', 'fpmc': 'FPMC'},
    )
  )
  assert run.skipped == [table.Skipped('long', 'fpmc', 'no order')]
  assert [run.label(x) for x in ('model', 'fpmc', 'random')] == [
    'dynrec',
    'FPMC',
    'random',
  ]


@pytest.mark.parametrize(
  'more',
  [
    {'skipped': 3},
    {'skipped': [{'mode': 'long', 'method': 'fpmc'}]},
    {'skipped': [{'mode': 'long', 'method': 'x', 'why': '', 'also': 1}]},
    {'skipped': ['fpmc']},
    {'labels': 3},
    {'labels': ['model']},
  ],
)
def test_damaged_facts_of_methods_are_named(tmp_path, more):
  write_run(tmp_path, **more)
  with pytest.raises(ValueError, match=r'results\.json: found .*; right: what'):
    runs.read_run(tmp_path)


def test_the_name_is_the_folder_s_however_it_is_named(tmp_path, monkeypatch):
  write_run(tmp_path / 'base')
  monkeypatch.chdir(tmp_path / 'base')
  assert runs.read_run('.').name == 'base'
  assert runs.read_run(f'{tmp_path}/base/').name == 'base'


def test_splits(tmp_path):
  write_run(tmp_path)
  directories = [runs.split_directory(tmp_path, number) for number in (1, 0)]
  found = runs.read_splits(directories, 'long', 'model')
  check(found, LISTS['long', 'model'][::-1])
  assert runs.read_splits([], 'long', 'model') == []


def test_a_split_s_directory():
  assert runs.split_directory('runs/a', 12) == 'runs/a/split_12'


def test_a_split_without_lists_is_named(tmp_path):
  write_run(tmp_path)
  path = pathlib.Path(
    user_lists.path_of(runs.split_directory(tmp_path, 1), 'long', 'random')
  )
  path.unlink()
  message = r'split_1/lists/long/random\.jsonl: no such file; right: '
  with pytest.raises(ValueError, match=message):
    runs.read_run(tmp_path)
  directories = [runs.split_directory(tmp_path, number) for number in (0, 1)]
  with pytest.raises(ValueError, match=message):
    runs.read_splits(directories, 'long', 'random')


def test_a_damaged_line_is_named(tmp_path):
  write_run(tmp_path)
  path = tmp_path / 'split_0' / 'lists' / 'short' / 'model.jsonl'
  path.write_text(path.read_text() + '{\n')
  with pytest.raises(ValueError, match=r'short/model\.jsonl line 3: found '):
    runs.read_run(tmp_path)


def test_a_run_that_did_not_end_is_refused(tmp_path):
  with pytest.raises(ValueError, match=r'none/results\.json: no such file; ri'):
    runs.read_run(tmp_path / 'none')


@pytest.mark.parametrize(
  'content',
  [
    '{',
    '[1]',
    '3',
    '{"rows": [{}]}',
    '{"rows": [], "configuration": {}}',
    '{"config": {}}',
    '{"config": {}, "rows": [{"mode": "long", "method": "model"}]}',
    '{"config": {}, "rows": [{"mode": "a", "method": "b", "f_score": 0.5}]}',
    '{"config": {}, "rows": [3]}',
  ],
)
def test_a_damaged_file_is_named(tmp_path, content):
  (tmp_path / 'results.json').write_text(content)
  with pytest.raises(ValueError, match=r'results\.json: found .*; right: what'):
    runs.read_run(tmp_path)
