"""What several test files share; made once per session."""

import jax
import pytest
import worlds

from dynrec_jax import packed_gru
from dynrec_jax.parallel import host_memory


@pytest.fixture(scope='module', autouse=True)
def own_programs():
  """Programs live as long as the file that compiled them.

  All files together would use up the process's memory mappings, see
  `host_memory.drop_programs`; dropped more often, they would be compiled again.
  """
  drop = host_memory.drop_programs
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(host_memory, 'drop_programs', lambda: None)
    yield
  drop()


@pytest.fixture(scope='module')
def quick_compile():
  """For tests that compile much and compute little.

  A packed scan has three branches instead of nine; packed_gru_test has all.
  """
  before = packed_gru._TIERS
  jax.config.update('jax_disable_most_optimizations', True)
  packed_gru._TIERS = 2
  yield
  packed_gru._TIERS = before
  jax.config.update('jax_disable_most_optimizations', False)


@pytest.fixture(scope='session')
def tiny_root(tmp_path_factory):
  """Where the tiny study lies: `folder`, `cache` and `run`."""
  root = tmp_path_factory.mktemp('tiny')
  worlds.write_folder(root / 'folder')
  return root


@pytest.fixture(scope='session')
def tiny_settings(tiny_root):
  """Config values of the tiny study, by dotted key."""
  return worlds.tiny_settings(tiny_root / 'folder', tiny_root)


@pytest.fixture(scope='session')
def study(tiny_settings):
  """The tiny study, prepared, as the default config has it."""
  return worlds.Study(worlds.tiny_config(tiny_settings))
