"""Each test file stands where its module does, under the module's name."""

import pathlib

import pytest

TESTS = pathlib.Path(__file__).parents[1]
ROOT = TESTS.parent / 'dynrec_jax'

# Files that test several modules, or one more thing about one: what they test.
OTHERS = {
  'checkpoint/manager_failure': ('checkpoint/manager',),
  'features/networks': (
    'features/c3d',
    'features/efficientnet_lite0',
    'features/vgg19',
  ),
  'sources/simulation/calibration': ('sources/simulation',),
  'sources/simulation/knockout': ('sources/simulation',),
}

# What has no file of its own: types, and what is tested through its reader.
THROUGH = (
  'checkpoint/files',
  'checkpoint/leaves',
  'data/assemble',
  'data/batch',
  'data/batch_spec',
  'data/records',
  'data/semantic_rows',
  'data/training_set',
  'features/text_convolution',
  'features/weights',
  'preparation/catalogue',
  'preparation/files',
  'preparation/range_tasks',
  'preparation/rounds',
  'preparation/shards',
  'preparation/shared',
  'preparation/stages',
  'preparation/stored',
  'preparation/tasks',
  'serving/service',
  'sources/asked',
  'sources/checked_tables',
  'sources/folder_files',
  'sources/layouts/catalogue',
  'sources/layouts/kuai_users',
  'sources/layouts/layout',
  'sources/layouts/layout_files',
  'sources/layouts/log',
  'sources/record_files',
  'sources/simulation/text',
  'sources/simulation/topics',
  'sources/simulation/tweets',
  'sources/simulation/users',
  'sources/simulation/videos',
  'sources/simulation/visual',
  'sources/simulation/words',
  'sources/table_files',
  'study/config_page',
  'study/keys/declared',
  'study/keys/of_baselines',
  'study/keys/of_content',
  'study/keys/of_data',
  'study/keys/of_model',
  'study/keys/of_parallel',
  'study/keys/of_plus',
  'study/keys/of_serving',
  'study/keys/of_use',
  'study/later_set',
  'study/text_content',
  'topics/blocked_gibbs',
  'topics/held_out',
  'topics/stop_words',
  'topics/topic_state',
  'topics/word_counts',
  'typed',
)


def modules(root) -> set[str]:
  """Every module and package, without its ending."""
  paths = (path.relative_to(root) for path in root.rglob('*.py'))
  return {
    (
      path.parent if path.stem == '__init__' else path.with_suffix('')
    ).as_posix()
    for path in paths
  }


def names(tests) -> list[str]:
  """What each test file is named after; those of `whole` test everything."""
  paths = sorted(path.relative_to(tests) for path in tests.rglob('*_test.py'))
  return [
    path.as_posix().removesuffix('_test.py')
    for path in paths
    if path.parts[0] != 'whole'
  ]


def strays(found, there, others) -> list[str]:
  """Test files without a module, and lines of the table without a use."""
  known = {name: others.get(name, (name,)) for name in found}
  wrong = {
    name for name, tested in known.items() if not there.issuperset(tested)
  }
  wrong |= {name for name in others if name not in found or name in there}
  return sorted(wrong)


def test_each_test_file_has_its_module():
  assert strays(names(TESTS), modules(ROOT), OTHERS) == []


def test_each_module_has_its_test_file():
  """Or is tested through what reads it; a new module is none of those."""
  tested = {
    module for name in names(TESTS) for module in OTHERS.get(name, (name,))
  }
  rest = modules(ROOT) - tested
  assert {x for x in rest if (ROOT / f'{x}.py').exists()} == set(THROUGH)


@pytest.mark.parametrize(
  ('found', 'wrong'),
  [
    (['gru', 'data', 'data/split', 'pair'], []),
    (['gru', 'split', 'pair'], ['split']),
    (['data/gru', 'pair'], ['data/gru']),
    (['gru'], ['pair']),
  ],
)
def test_strays_are_found(found, wrong):
  there = {'.', 'gru', 'data', 'data/split'}
  others = {'pair': ('gru', 'data/split')}
  assert strays(found, there, others) == wrong
  assert strays(['pair'], there, {'pair': ('gru', 'lstm')}) == ['pair']
  assert strays(['gru'], there, {'gru': ('data',)}) == ['gru']
