"""Trials in a folder: kept, claimed by one process each, refused of others."""

import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys

import pytest

from dynrec_jax.study.trials import Trials

SETTINGS = {'a.x': 1, 'b.y': 'z'}
POINT = {'c.one': 0.5, 'c.two': 'w'}


def files(folder):
  return sorted(
    path.suffix for path in folder.glob('[!.]*.*') if path.is_file()
  )


def test_a_result_is_found_again_by_its_point(tmp_path):
  trials = Trials(tmp_path / 'm', SETTINGS)
  assert trials.result(POINT) is None
  trials.keep(POINT, {'f_score': 0.25})
  again = Trials(tmp_path / 'm', dict(reversed(SETTINGS.items())))
  assert again.result(dict(reversed(POINT.items()))) == {'f_score': 0.25}
  assert again.result(POINT | {'c.one': 0.25}) is None
  assert again.directory(POINT) != again.directory({'c.one': 0.5})


def test_other_settings_are_refused_by_name(tmp_path):
  Trials(tmp_path, SETTINGS)
  with pytest.raises(
    ValueError, match=r'settings\.json .*: a\.x: saved 1, now 2'
  ):
    Trials(tmp_path, SETTINGS | {'a.x': 2})


def test_a_damaged_file_is_named(tmp_path):
  trials = Trials(tmp_path, SETTINGS)
  trials.keep(POINT, {'f_score': 0.25})
  (path,) = (p for p in tmp_path.iterdir() if p.name != 'settings.json')
  path.write_text(path.read_text()[:-9])
  with pytest.raises(
    ValueError, match=rf'{path.name}: damaged; right: move it'
  ):
    trials.result(POINT)


def test_one_at_a_time(tmp_path):
  trials, other = Trials(tmp_path, SETTINGS), Trials(tmp_path, SETTINGS)
  with trials.claim(POINT) as mine:
    assert mine
    with other.claim(POINT) as taken:
      assert not taken
    assert f'process {os.getpid()} of ' in other.holder(POINT)
    with other.claim({'c.one': 0.25}) as free:
      assert free
  assert other.holder(POINT) == ''
  with other.claim(POINT) as free:
    assert free
  with pytest.raises(KeyboardInterrupt), trials.claim(POINT):
    raise KeyboardInterrupt
  assert files(tmp_path) == ['.json']


def test_a_claim_of_a_process_that_has_ended_is_void(tmp_path):
  code = (
    'import os, sys\n'
    'from dynrec_jax.study.trials import Trials\n'
    f'trials = Trials(sys.argv[1], {SETTINGS!r})\n'
    f'claim = trials.claim({POINT!r})\n'
    'assert claim.__enter__()\n'
    'os._exit(9)\n'
  )
  root = pathlib.Path(__file__).parents[2]
  run = subprocess.run(
    [sys.executable, '-c', code, str(tmp_path)], cwd=root, check=False
  )
  assert run.returncode == 9
  assert '.claim' in files(tmp_path)
  trials = Trials(tmp_path, SETTINGS)
  with trials.claim(POINT) as mine:
    assert mine
  assert files(tmp_path) == ['.json']


def test_a_claim_that_nobody_holds_is_void(tmp_path):
  """Whoever signed it: this process before it began anew, or nobody yet."""
  trials = Trials(tmp_path, SETTINGS)
  with trials.claim(POINT):
    (path,) = tmp_path.glob('*.claim')
    own = path.read_text()
  for left in (own, 'elsewhere 1', ''):
    path.write_text(left)
    with trials.claim(POINT) as mine:
      assert mine
      assert path.read_text() == own
    assert not path.exists()


def test_many_claim_a_trial_and_one_gets_it(tmp_path):
  trials = Trials(tmp_path, SETTINGS)
  for number in range(20):
    if number % 2:
      with trials.claim(POINT):
        (path,) = tmp_path.glob('*.claim')
      path.write_text('elsewhere 1')
    claims = [trials.claim(POINT) for _ in range(4)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
      mine = list(pool.map(lambda claim: claim.__enter__(), claims))
    assert sum(mine) == 1
    for claim in claims:
      claim.__exit__(None, None, None)
    assert not list(tmp_path.glob('*.claim'))
  assert json.loads((tmp_path / 'settings.json').read_text()) == SETTINGS
