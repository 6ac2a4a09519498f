"""What a run was of and made with."""

import pathlib
import subprocess

import worlds

from dynrec_jax.report import runs
from dynrec_jax.study import about


def test_facts_are_those_of_the_data(study, tmp_path):
  config = study.config.copy_and_resolve_references()
  config.workdir = str(tmp_path)
  about.write_about(config, study.prepared)
  found = runs.read_about(tmp_path)
  data = found['data']
  assert (data['users'], data['videos']) == (worlds.USERS, worlds.VIDEOS)
  assert data['watches'] == len(worlds.watches())
  assert data['tweets'] == 0
  no_visual = set(worlds.NO_VISUAL)
  assert data['videos with a visual feature'] == worlds.VIDEOS - len(no_visual)
  assert data['videos with a text feature'] == (
    worlds.VIDEOS - len(worlds.NO_TEXT)
  )
  assert (data['sessions'], data['from'], data['until']) == (
    12,
    '2023-01-01',
    '2024-01-01',
  )
  made = found['made']
  root = pathlib.Path(about.__file__).parent
  head = subprocess.run(
    ['git', '-C', root, 'rev-parse', '--short=10', 'HEAD'],
    capture_output=True,
    text=True,
    check=False,
  ).stdout.strip()
  assert made['commit'].rstrip('+') == (head or 'unknown')
  assert {'jax', 'flax', 'numpy', 'python', 'date'} <= set(made)


def test_without_git_the_commit_is_unknown(monkeypatch):
  def no_git(*args, **kwargs):
    raise FileNotFoundError('git')

  monkeypatch.setattr(subprocess, 'run', no_git)
  assert about.made_with()['commit'] == 'unknown'
