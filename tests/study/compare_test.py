"""`mode=compare`: runs that a person made, side by side."""

import json
import pathlib

import numpy as np
import pytest
import worlds

from dynrec_jax.recommender import Lists
from dynrec_jax.report import runs, table, user_lists
from dynrec_jax.study import compare, identity

METHODS = ('popularity', 'model')
USERS = [f'u{i}' for i in range(6)]
VIDEO_IDS = np.array([f'v{i}' for i in range(9)], object)


def write_run(folder: pathlib.Path, facts, hits) -> str:
  """What a run of one split leaves, of given hits per method."""
  truth = np.array([2, 1, 3, 0, 4, 1])
  for method in METHODS:
    rows = user_lists.as_rows(
      USERS,
      VIDEO_IDS,
      Lists(np.tile(np.arange(5), (6, 1)), None),
      hits=np.array(hits[method]),
      truth=truth,
    )
    path = user_lists.path_of(str(folder / 'split_0'), 'long', method)
    user_lists.write_lists(path, rows)
  lists = {
    ('long', method): runs.read_splits([folder / 'split_0'], 'long', method)
    for method in METHODS
  }
  rows = table.make_rows(lists, k=5)
  results = table.as_json(rows, {'config': facts})
  (folder / runs.RESULTS).write_text(results)
  return str(folder)


@pytest.fixture
def facts(study):
  """As a run saves them, for one to change."""
  saved = identity.saved_config(study.config, study.prepared)
  return json.loads(json.dumps(saved))


HITS = {'popularity': [0, 0, 1, 0, 0, 0], 'model': [2, 1, 1, 0, 2, 0]}
OTHER = {'popularity': [0, 0, 1, 0, 0, 0], 'model': [2, 1, 2, 0, 3, 1]}


def config_of(tiny_settings, **changes):
  return worlds.tiny_config(tiny_settings, mode='compare', **changes)


def test_two_runs(facts, tiny_settings, tmp_path):
  named = tuple(
    write_run(tmp_path / name, facts, hits)
    for name, hits in (('base', HITS), ('other', OTHER))
  )
  text = compare.compare(config_of(tiny_settings, compare__runs=named))
  head, _, first, second = text.splitlines()
  assert head == '| run | method | long F@5 | change |'
  assert first.startswith('| base | model | ')
  assert second.startswith('| other | model | ')
  # Users 0, 1, 2, 4, 5 have a truth: F of P = hits / 25 and R's mean.
  f = {}
  for name, hits in (('base', HITS), ('other', OTHER)):
    mine = np.array(hits['model'])[[0, 1, 2, 4, 5]]
    p, r = mine.mean() / 5, (mine / [2, 1, 3, 4, 1]).mean()
    f[name] = 2 * p * r / (p + r)
  assert f' {f["base"]:.4f} [' in first
  assert f'{f["other"] - f["base"]:+.4f}' in second
  assert second.endswith('(1 of 1) |')
  assert not list(tmp_path.glob('**/comparison.md'))


def test_folders_of_one_name_are_told_apart(facts, tiny_settings, tmp_path):
  named = tuple(
    write_run(tmp_path / name / 'run', facts, HITS) for name in ('a', 'b')
  )
  text = compare.compare(config_of(tiny_settings, compare__runs=named))
  rows = [line.split(' | ')[0] for line in text.splitlines()[2:]]
  assert rows == [f'| {path}' for path in named]


def test_the_methods_of_this_run(facts, tiny_settings, tmp_path):
  write_run(tmp_path / 'own', facts, HITS)
  config = config_of(
    tiny_settings, workdir=str(tmp_path / 'own'), compare__methods=()
  )
  text = compare.compare(config)
  assert [line.split(' | ')[1] for line in text.splitlines()[2:]] == [
    'model',
    'popularity',
  ]
  assert (tmp_path / 'own' / 'comparison.md').read_text() == f'{text}\n'
  config.compare.methods = ('model',)
  with pytest.raises(ValueError, match='one row, own model: nothing to comp'):
    compare.compare(config)
  config.compare.methods = ('model', 'popularity', 'model')
  with pytest.raises(ValueError, match=r"compare\.methods names 'model' twice"):
    compare.compare(config)
  config.compare.methods = ('model', 'magic')
  with pytest.raises(ValueError, match="no method 'magic'; it has popularity"):
    compare.compare(config)


def test_a_run_that_did_not_end_is_named(tiny_settings, tmp_path):
  config = config_of(tiny_settings, compare__runs=(str(tmp_path / 'none'),))
  message = 'none/results.json: no such file; right: the workdir of a run that'
  with pytest.raises(ValueError, match=message):
    compare.compare(config)


@pytest.mark.parametrize('name', identity.COMPARISON)
def test_what_runs_save_is_compared(name, facts, tiny_settings, tmp_path):
  """Every key is there, and one that is missing is refused."""
  base = write_run(tmp_path / 'base', facts, HITS)
  *sections, last = name.split('.')
  inner = facts
  for section in sections:
    inner = inner[section]
  del inner[last]
  other = write_run(tmp_path / 'other', facts, HITS)
  config = config_of(tiny_settings, compare__runs=(base, other))
  message = rf'^other has {name} = None'
  if name == 'decode.k':  # nothing can be measured without
    message = r"other/results\.json: found KeyError\('k'\)"
  with pytest.raises(ValueError, match=message):
    compare.compare(config)
