"""What is proposed after a table can be run."""

import importlib
import pathlib
import re

import pytest

from dynrec_jax.study import check, next_steps

ROOT = pathlib.Path(__file__).parents[2]


def config_of(page, variant):
  module = importlib.import_module(f'configs.{page}')
  return module.get_config(variant)


def commands(text):
  """(config page, variant, whether it asks for a folder) of each command."""
  found = re.findall(r'--config=configs/(\w+)\.py:?([\w,]*)(.*)', text)
  return [
    (page, variant, 'manual_dir=FOLDER' in rest)
    for page, variant, rest in found
  ]


@pytest.mark.parametrize('page', ['single', 'cross'])
@pytest.mark.parametrize('variant', ['', 'movietweetings', 'files'])
def test_each_command_names_a_config(page, variant):
  text = next_steps.next_steps(config_of(page, variant))
  found = commands(text)
  assert len(found) >= 2
  for its_page, its_variant, folder in found:
    assert (ROOT / 'configs' / f'{its_page}.py').exists()
    config = config_of(its_page, its_variant)
    if config.text.word_vectors in ('', 'googlenews'):
      check.check_config(config)
    if config.data.name in ('files', 'movietweetings_streams'):
      assert folder


def test_simulated_users_lead_to_real_ones():
  text = next_steps.next_steps(config_of('single', ''))
  assert [command[:2] for command in commands(text)] == [
    ('single', 'movietweetings'),
    ('single', 'files'),
    ('report', ''),
  ]
  assert not commands(text)[0][2]  # is downloaded
  assert commands(next_steps.next_steps(config_of('cross', '')))[0][2]


def test_plus_is_not_proposed_to_who_has_it():
  found = commands(next_steps.next_steps(config_of('single', 'files')))
  assert found[0] == ('single', 'files,plus', True)
  found = commands(next_steps.next_steps(config_of('single', 'files,plus')))
  assert [command[1] for command in found] == ['files']
