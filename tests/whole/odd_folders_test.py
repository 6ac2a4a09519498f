"""Odd and wrong folders: the right records, or a line that says what is."""

import re

import numpy as np
import odd_folders
import pytest
import sound_folders

from dynrec_jax.sources import load

SEEDS = range(5)


def read(folder, root):
  return load.load_source('files', data_dir=root / 'cache', manual_dir=folder)


def check(case, seed, root, caplog):
  """Ends as the case says, freshly prepared and from the copy."""
  tables = sound_folders.sound_tables(seed)
  sound_folders.write_sound(root / 'sound', tables)
  sound_folders.write_sound(root / 'odd', tables)
  case.change(root / 'odd', tables, np.random.default_rng(seed))
  if case.refused:
    with pytest.raises(ValueError, match=case.refused) as error:
      read(root / 'odd', root)
    text = str(error.value)
    assert '\n' not in text
    assert str(root / 'odd') in text
    assert len(text) < 800
    return
  sound = sound_folders.facts(read(root / 'sound', root))
  for _ in range(2):
    caplog.clear()
    found = sound_folders.facts(read(root / 'odd', root))
    told = [r.getMessage() for r in caplog.records if r.levelname == 'WARNING']
    assert bool(told) == bool(case.warned), told
    assert not case.warned or re.search(case.warned, '\n'.join(told))
    assert found == sound


@pytest.mark.parametrize('case', odd_folders.CASES, ids=lambda case: case.kind)
def test_an_odd_folder_ends_well_or_with_a_line(case, tmp_path, caplog):
  check(case, 1, tmp_path, caplog)


@pytest.mark.slow
@pytest.mark.parametrize('seed', SEEDS)
@pytest.mark.parametrize('case', odd_folders.CASES, ids=lambda case: case.kind)
def test_whatever_the_seed(case, seed, tmp_path, caplog):
  check(case, seed, tmp_path, caplog)


def test_there_are_enough_of_them():
  names = [case.kind for case in odd_folders.CASES]
  assert len(set(names)) == len(names) >= 60
