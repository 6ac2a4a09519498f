"""Runs side by side, from the files that runs write."""

import pathlib

import numpy as np
import pytest

from dynrec_jax.report import compare, table

# What these runs must share.
KEYS = (
  'catalogue.users',
  'catalogue.videos',
  'scenario',
  'seed',
  'data.name',
  'filter.mode',
  'sessions.L',
  'split.seeds',
  'decode.k',
  'eval.mask_history',
)
DATA = {
  'name': 'files',
  'world': '',
  'world_seed': 0,
  'require_visual': False,
}
FACTS = {
  'scenario': 'single',
  'seed': 0,
  'decode': {'k': 5},
  'split': {'seeds': 3},
  'filter': {'mode': 'fixpoint'},
  'sessions': {'L': 12},
  'eval': {'mask_history': True},
  'catalogue': {'users': 20, 'videos': 30, 'fingerprint': 'a'},
  'data': DATA | {'manual_dir': '/here'},
}


def write_run(folder: pathlib.Path, long, short, **facts) -> str:
  """A run's results, beside rows of a baseline that must not be read."""
  folder.mkdir()
  rows = [
    table.Row(mode, method, {'f_score': np.array(scores)})
    for mode, own in (('long', long), ('short', short))
    for method, scores in (('popularity', [0.9] * len(own)), ('model', own))
  ]
  table.write_results(
    str(folder / 'results.json'), rows, {'config': FACTS | facts}
  )
  return str(folder)


def test_changes_are_taken_within_a_split(tmp_path):
  """Splits differ by 0.1, the runs by 0.01 to 0.03 within each."""
  base = write_run(tmp_path / 'base', [0.1, 0.2, 0.3], [0.5, 0.6, 0.7])
  other = write_run(
    tmp_path / 'other',
    [0.11, 0.22, 0.33],
    [0.5, 0.59, 0.71],
    # What a comparison is about may differ.
    text={'encoder': 'kim_cnn'},
    catalogue={'users': 20, 'videos': 30, 'fingerprint': 'b'},
    data=DATA | {'manual_dir': '/there'},
  )
  text = compare.comparison([compare.read_run(x) for x in (base, other)], KEYS)
  assert text.splitlines() == [
    '| run | long F@5 | change | short F@5 | change |',
    '|---|---|---|---|---|',
    '| base | 0.2000 ± 0.1000 |  | 0.6000 ± 0.1000 |  |',
    '| other | 0.2200 ± 0.1100 | +0.0200 ± 0.0100 (3 of 3) '
    '| 0.6000 ± 0.1054 | +0.0000 ± 0.0100 (1 of 3) |',
  ]


def test_one_split_has_no_spread(tmp_path):
  base = write_run(tmp_path / 'base', [0.1], [0.2])
  other = write_run(tmp_path / 'other', [0.05], [0.25])
  text = compare.comparison([compare.read_run(x) for x in (base, other)], KEYS)
  row = '| other | 0.0500 | -0.0500 (0 of 1) | 0.2500 | +0.0500 (1 of 1) |'
  assert text.splitlines()[-1] == row


@pytest.mark.parametrize(
  ('facts', 'message'),
  [
    ({'seed': 1}, '^other has seed = 1; right: 0, as base$'),
    (
      {'catalogue': {'users': 20, 'videos': 31}},
      r'^other has catalogue\.videos = 31; right: 30',
    ),
    ({'split': {'seeds': 5}}, r'^other has split\.seeds = 5; right: 3'),
    ({'seed': None}, '^other has seed = None; right: 0, as base$'),
    (
      {'data': DATA | {'name': 'movietweetings'}},
      r'^other has data\.name = movietw',
    ),
  ],
)
def test_runs_of_other_users_are_refused(tmp_path, facts, message):
  base = write_run(tmp_path / 'base', [0.1], [0.2])
  other = write_run(tmp_path / 'other', [0.1], [0.2], **facts)
  with pytest.raises(ValueError, match=message):
    compare.comparison([compare.read_run(x) for x in (base, other)], KEYS)


@pytest.mark.parametrize('content', ['{', '{"rows": [{}]}', '[1]'])
def test_a_damaged_file_is_named(tmp_path, content):
  (tmp_path / 'results.json').write_text(content)
  with pytest.raises(ValueError, match=r'results\.json: found '):
    compare.read_run(tmp_path)


def test_a_run_without_a_model_is_refused(tmp_path):
  (tmp_path / 'results.json').write_text('{"rows": [], "config": {}}')
  with pytest.raises(ValueError, match=r'results\.json: no row of the model'):
    compare.read_run(tmp_path)


def test_the_command_needs_two(tmp_path):
  base = write_run(tmp_path / 'base', [0.1], [0.2])
  with pytest.raises(SystemExit, match=r'^two or more folders'):
    compare.main([base], KEYS)
