"""The command that puts finished runs side by side."""

import json
import subprocess
import sys

import pytest

from dynrec_jax.report import compare
from dynrec_jax.study import identity


def write_run(folder, facts) -> str:
  """What a run with these facts leaves, of one split."""
  folder.mkdir()
  row = {'mode': 'long', 'method': 'model', 'f_score': [0.25]}
  results = {'rows': [row], 'config': facts}
  (folder / 'results.json').write_text(json.dumps(results))
  return str(folder)


def run(*arguments):
  command = [sys.executable, '-m', 'dynrec_jax.study.compare', *arguments]
  return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_command(study, tmp_path):
  facts = identity.saved_config(study.config, study.prepared)
  base = write_run(tmp_path / 'base', facts)
  done = run(base, base)
  assert done.returncode == 0, done.stderr
  assert done.stdout.count('| base | 0.2500 |') == 2
  assert run(base).returncode == 1
  missing = run(base, str(tmp_path / 'none'))
  assert missing.returncode == 1
  want = f'{tmp_path}/none/results.json: no such file; right: the workdir of a '
  assert missing.stderr == f'{want}run that ended\n'


@pytest.mark.parametrize('name', identity.COMPARISON)
def test_what_runs_save_is_compared(name, study, tmp_path):
  """Every key is there, and one that is missing is refused."""
  facts = identity.saved_config(study.config, study.prepared)
  runs = [
    compare.read_run(write_run(tmp_path / name, facts))
    for name in ('base', 'other')
  ]
  compare.comparison(runs, identity.COMPARISON)
  section, _, last = name.rpartition('.')
  for this in runs:
    del (this.facts[section] if section else this.facts)[last]
  with pytest.raises(ValueError, match=rf'^other has {name} = None'):
    compare.comparison(runs, identity.COMPARISON)
