"""Runs side by side, from the files that runs write."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest

from dynrec_jax.report import compare, table
from dynrec_jax.study import settings

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
  text = compare.comparison([compare.read_run(x) for x in (base, other)])
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
  text = compare.comparison([compare.read_run(x) for x in (base, other)])
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
    ({'split': {'seeds': 5}}, r"^other has split = \{'seeds': 5\}; right: "),
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
    compare.comparison([compare.read_run(x) for x in (base, other)])


@pytest.mark.parametrize('content', ['{', '{"rows": [{}]}', '[1]'])
def test_a_damaged_file_is_named(tmp_path, content):
  (tmp_path / 'results.json').write_text(content)
  with pytest.raises(ValueError, match=r'results\.json: found '):
    compare.read_run(tmp_path)


def test_a_run_without_a_model_is_refused(tmp_path):
  (tmp_path / 'results.json').write_text('{"rows": [], "config": {}}')
  with pytest.raises(ValueError, match=r'results\.json: no row of the model'):
    compare.read_run(tmp_path)


def run(*arguments):
  command = [sys.executable, '-m', 'dynrec_jax.report.compare', *arguments]
  return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command(tmp_path):
  base = write_run(tmp_path / 'base', [0.1, 0.2], [0.2, 0.2])
  done = run(base, base)
  assert done.returncode == 0, done.stderr
  assert done.stdout.count('| base |') == 2
  assert run(base).returncode == 1
  missing = run(base, str(tmp_path / 'none'))
  assert missing.returncode == 1
  want = f'{tmp_path}/none/results.json: no such file; right: the workdir of a '
  assert missing.stderr == f'{want}run that ended\n'


def test_what_runs_save_is_compared(study, tmp_path):
  """Every key is there, and one that is missing is refused."""
  facts = settings.saved_config(study.config, study.prepared)
  runs = [
    compare.read_run(write_run(tmp_path / name, [0.1], [0.2], **facts))
    for name in ('base', 'other')
  ]
  compare.comparison(runs)
  for key in compare.SAME:
    section, *name = key.split('.')
    for run_ in runs:
      whole = run_.facts.pop(section)
      rest = {k: v for k, v in whole.items() if k not in name} if name else None
      run_.facts[section] = rest
      run_.facts['whole'] = whole
    with pytest.raises(ValueError, match=rf'^other has {key} = None'):
      compare.comparison(runs)
    for run_ in runs:
      run_.facts[section] = run_.facts.pop('whole')
