"""What several test files share; made once per session.

JAX and the modules are imported by the fixtures, not here: the process that
hands out the tests to the workers needs none of them.
"""

import importlib.metadata
import os
import pathlib
import tempfile

import pytest

# For the workers and the processes that tests start, as well as for this one.
# A program is compiled once for all of them; who names a folder keeps it, and
# compiles nothing the next time.
if 'JAX_COMPILATION_CACHE_DIR' not in os.environ:
  _PROGRAMS = tempfile.TemporaryDirectory(prefix='dynrec-jax-programs-')
  os.environ['JAX_COMPILATION_CACHE_DIR'] = _PROGRAMS.name
os.environ.setdefault('JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS', '0')
os.environ.setdefault('JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES', '-1')

# The longest files, which begin, so that the workers end together.
LONGEST = (
  'main_test.py',
  'train_test.py',
  'sources/simulation/knockout_test.py',
  'losses_test.py',
  'features/text_cnn_test.py',
  'gru_test.py',
  'topics/variational_topics_test.py',
  'study/behaviours_test.py',
  'topics/twitter_lda_test.py',
  'sources/simulation/year_test.py',
)


# Compiling is most of the time. Where XLA still knows the older of its two ways
# to write a fused operation's code, that takes half as long: jaxlib 0.10, the
# last for Python 3.11, does. The slow tests compile as users do.
QUICK_FUSIONS = '--xla_cpu_use_fusion_emitters=false'


def pytest_configure(config):
  """Before JAX is asked for anything."""
  knows = importlib.metadata.version('jaxlib').startswith('0.10.')
  if knows and config.option.markexpr == 'not slow':
    os.environ.setdefault('XLA_FLAGS', QUICK_FUSIONS)


def pytest_collection_modifyitems(items):
  """The longest files first; within a file nothing moves."""
  here = pathlib.Path(__file__).parent
  place = {here / name: i for i, name in enumerate(LONGEST)}
  items.sort(key=lambda item: place.get(item.path, len(place)))


@pytest.fixture(scope='module', autouse=True)
def own_programs():
  """Programs live as long as the file that compiled them.

  All files together would use up the process's memory mappings, see
  `host_memory.drop_programs`; dropped more often, they would be compiled again.
  """
  from dynrec_jax.parallel import host_memory

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
  import jax

  from dynrec_jax import packed_gru

  before = packed_gru._TIERS
  jax.config.update('jax_disable_most_optimizations', True)
  packed_gru._TIERS = 2
  yield
  packed_gru._TIERS = before
  jax.config.update('jax_disable_most_optimizations', False)


@pytest.fixture(scope='session')
def tiny_root(tmp_path_factory):
  """Where the tiny study lies: `folder`, `cache` and `run`."""
  import worlds

  root = tmp_path_factory.mktemp('tiny')
  worlds.write_folder(root / 'folder')
  return root


@pytest.fixture(scope='session')
def tiny_settings(tiny_root):
  """Config values of the tiny study, by dotted key."""
  import worlds

  return worlds.tiny_settings(tiny_root / 'folder', tiny_root)


@pytest.fixture(scope='session')
def study(tiny_settings):
  """The tiny study, prepared, as the default config has it."""
  import worlds

  return worlds.Study(worlds.tiny_config(tiny_settings))


@pytest.fixture(scope='session')
def short_study(study):
  """The same sizes, but so few users that an epoch has 4 steps."""
  import worlds

  from dynrec_jax.data import batches

  users = study.split.users.train[:3]
  found = worlds.Study(study.config, study.prepared, users)
  assert batches.steps_per_epoch(found.data, found.spec) == 4
  assert found.data.sequence_len == study.data.sequence_len
  return found
