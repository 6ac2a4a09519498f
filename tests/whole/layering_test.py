"""Who may import what: the layers of the package, checked on its sources."""

import ast
import functools
import pathlib
import re
import sys

import pytest

from dynrec_jax.study import keys

ROOT = pathlib.Path(__file__).parents[2] / 'dynrec_jax'

# Lowest level first. Within a level a group imports only from the groups left
# of it; within a group nothing imports anything (a package's own files do).
# A new module needs a place here; a cycle is a fault anywhere.
LEVELS = (
  # 0 maths
  (
    ('typed',),
    ('losses',),
    ('gru', 'softmax', 'sampled_softmax', 'interest', 'metrics'),
    ('packed_gru',),
  ),
  # 1 parts
  (
    ('storage', 'parallel'),
    ('checkpoint', 'metric_log', 'data'),
    ('sources', 'topics', 'features'),
    ('preparation', 'recommender'),
    ('host_shares',),
  ),
  # 2 networks and loops
  (
    ('averaging', 'early_stopping', 'step_watch'),
    ('models',),
    ('objective', 'decode'),
    ('predict', 'evaluate', 'likelihood', 'row_updates'),
    ('train', 'serving'),
    ('training_loop',),
    ('baselines',),
  ),
  # 3 report
  (('report',),),
  # 4 doors
  (('study',), ('main',)),
)
# Within a package: files that stand in an order. Others stand beside them, and
# only must not form a cycle.
ORDERED_FILES = {'data': ('records', 'filters', 'sessions', 'batches')}

# Libraries beside the standard one, by dotted prefix; `=` for that name alone.
EVERYWHERE = ('jax', 'numpy', 'jaxtyping')
ABOVE_LEVEL_0 = ('absl.logging',)
CONFIG_DICT = (
  '=ml_collections',
  'ml_collections.ConfigDict',
  'ml_collections.config_dict',
)
LIBRARIES = {
  'typed': ('beartype',),
  'data': ('scipy.sparse',),
  'sources': ('tensorflow_datasets', 'pyarrow', 'scipy.sparse'),
  'topics': ('sklearn', 'scipy.sparse', 'scipy.special', 'threadpoolctl'),
  'preparation': ('apache_beam', 'pyarrow', 'tensorflow_datasets'),
  'features': (
    'av',
    'flax',
    'gensim',
    'optax',
    'safetensors',
    'scipy.special',
    'sklearn',
  ),
  'models': ('flax', 'optax'),
  'checkpoint': ('orbax',),
  'metric_log': ('tensorboardX', 'tqdm'),
  'train': ('flax.struct', 'optax'),
  'serving': ('prometheus_client', 'safetensors', 'starlette', 'uvicorn'),
  'baselines': ('optax', 'implicit', 'scipy', 'sklearn', 'threadpoolctl'),
  'study': (
    *CONFIG_DICT,
    'flatbuffers',
    'optax',
    'safetensors',
    'scipy.sparse',
  ),
  'report': ('jinja2', 'matplotlib', 'plotly'),
  'main': ('absl', 'ml_collections'),
}
# Level 0 has no file, clock, global state or logger.
LEVEL_0_STANDARD = frozenset(
  ('collections', 'dataclasses', 'functools', 'itertools', 'math', 'typing')
)

# Only `parallel` names these: devices, and who of the hosts this one is.
DEVICE_NAMES = frozenset(
  (
    'AbstractMesh',
    'Mesh',
    'NamedSharding',
    'PartitionSpec',
    'all_gather',
    'all_to_all',
    'axis_index',
    'create_device_mesh',
    'local_device_count',
    'local_devices',
    'make_mesh',
    'pmap',
    'pmax',
    'pmean',
    'pmin',
    'ppermute',
    'process_allgather',
    'process_count',
    'process_index',
    'psum',
    'psum_scatter',
    'shard_map',
    'sync_global_devices',
  )
)

# The config's keys that no other name can be mistaken for.
DOTTED = [name for name in keys.KEYS if '.' in name]

# Arrows that the levels would allow, and that must not come back: who must not
# know whom. A name stands for all that lies below it.
FORBIDDEN = (
  # One network or another, the loops must not tell.
  ('objective', 'models', 'models.network'),
  ('decode', 'models', 'models.network'),
  ('predict', 'models', 'models.network'),
  ('evaluate', 'models', None),
  ('likelihood', 'models', 'models.network'),
  ('train', 'models', 'models.network'),
  ('training_loop', 'models', None),
  ('serving', 'models', 'models.network'),
  # Recommending needs no loss and no truth.
  ('predict', 'objective', None),
  ('predict', 'evaluate', None),
  ('baselines', 'models', None),
  ('baselines', 'objective', None),
  ('baselines', 'evaluate', None),
  ('baselines', 'predict', None),
  # Figures are made from what lies in files and arrays.
  ('report', 'topics', None),
  ('report', 'models', None),
  ('report', 'train', None),
  ('report', 'training_loop', None),
  # In the study: what is prepared knows no loop, what recommends no truth.
  ('study.content', 'objective', None),
  ('study.prepare', 'objective', None),
  ('study.recommend', 'evaluate', None),
  ('study.behaviours', 'study.content', None),
  # The door of all doors has modes, nothing else.
  ('main', 'objective', None),
  ('main', 'parallel', None),
  ('main', 'models', None),
)

# Libraries that one module alone imports.
OWNERS = {
  'hashlib': 'storage.digests',
  'tempfile': 'storage.whole_files',
  'uuid': 'storage.whole_files',
}

PLACES = {
  part: (level, group)
  for level, groups in enumerate(LEVELS)
  for group, parts in enumerate(groups)
  for part in parts
}


@functools.cache
def sources():
  """Module names (dotted, without the package's) and their texts."""
  out = {}
  for path in sorted(ROOT.rglob('*.py')):
    parts = path.relative_to(ROOT).with_suffix('').parts
    out['.'.join(p for p in parts if p != '__init__')] = path.read_text()
  return out


def imported(source):
  """(line, dotted name) of all that a source imports, wherever it does."""
  for node in ast.walk(ast.parse(source)):
    if isinstance(node, ast.Import):
      for alias in node.names:
        yield node.lineno, alias.name
    elif isinstance(node, ast.ImportFrom):
      for alias in node.names:
        dots = '.' * node.level
        yield node.lineno, f'{dots}{node.module or ""}.{alias.name}'


def starts_with(name, prefixes):
  return any(
    name == p.removeprefix('=') or name.startswith(p + '.') for p in prefixes
  )


def may_use_library(module, name):
  part = module.split('.')[0]
  if part not in PLACES:
    return False
  top = name.split('.')[0]
  if OWNERS.get(top, module) != module:
    return False
  level = PLACES[part][0]
  if top in sys.stdlib_module_names:
    return level > 0 or top in LEVEL_0_STANDARD
  allowed = EVERYWHERE + LIBRARIES.get(part, ())
  return starts_with(name, allowed + (ABOVE_LEVEL_0 if level > 0 else ()))


def may_use_module(module, name):
  """Whether `module` may import `name`, both without the package's name."""
  part, other = module.split('.')[0], name.split('.')[0]
  if part not in PLACES or other not in PLACES:
    return False
  if part != other:
    return PLACES[other] < PLACES[part]
  order = ORDERED_FILES.get(part, ())
  here, there = (f'{x}.'.split('.')[1] for x in (module, name))
  if here not in order or there not in order:
    return True
  return order.index(there) < order.index(here)


def import_faults(module, source):
  for line, name in imported(source):
    if name.split('.')[0] == 'dynrec_jax':
      inner = name.removeprefix('dynrec_jax').removeprefix('.')
      allowed = may_use_module(module, inner)
    else:
      allowed = may_use_library(module, name)
    if not allowed:
      yield f'{module}, line {line}: may not import {name}'


def forbidden_faults(module, source):
  """Imports along an arrow that must not be."""
  for line, name in imported(source):
    name = name.removeprefix('dynrec_jax.')
    for part, other, but in FORBIDDEN:
      below = [
        f'{x}.'.startswith(f'{y}.') for x, y in ((module, part), (name, other))
      ]
      if all(below) and not (but and f'{name}.'.startswith(f'{but}.')):
        yield f'{module}, line {line}: must not know {name}'


def device_faults(module, source):
  if module.startswith('parallel.'):
    return
  for node in ast.walk(ast.parse(source)):
    names = []
    if isinstance(node, ast.Attribute):
      names = [node.attr]
    elif isinstance(node, ast.Name):
      names = [node.id]
    elif isinstance(node, ast.ImportFrom | ast.Import):
      names = [alias.name.split('.')[-1] for alias in node.names]
    for name in DEVICE_NAMES.intersection(names):
      yield f'{module}, line {node.lineno}: {name} belongs in parallel'


def key_faults(module, source, names):
  """Strings that spell a key of the config, where no config is known."""
  if PLACES.get(module.split('.')[0], (0,))[0] == len(LEVELS) - 1:
    return
  key = re.compile(
    r'(?<![\w./])(?:' + '|'.join(map(re.escape, names)) + r')(?!\w)'
  )
  for node in ast.walk(ast.parse(source)):
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
      for found in key.findall(node.value):
        yield f'{module}, line {node.lineno}: {found} is for study to tell'


def cycles(texts):
  """Modules that import themselves by way of others."""
  edges = {}
  for module, source in texts.items():
    names = {
      name.removeprefix('dynrec_jax.')
      for _, name in imported(source)
      if name.startswith('dynrec_jax.')
    }
    # `from m import f` and `from package import m` look alike.
    names = {n if n in texts else n.rpartition('.')[0] for n in names}
    edges[module] = names & set(texts) - {''}

  def reach(module):
    seen, todo = set(), [module]
    while todo:
      fresh = edges[todo.pop()] - seen
      seen |= fresh
      todo += fresh
    return seen

  return sorted(module for module in texts if module in reach(module))


@pytest.mark.parametrize('module', [m for m in sources() if m])
def test_module_keeps_to_its_layer(module):
  assert module.split('.')[0] in PLACES, f'give {module} a place in LEVELS'
  assert list(import_faults(module, sources()[module])) == []


@pytest.mark.parametrize('module', [m for m in sources() if m])
def test_only_parallel_names_devices(module):
  assert list(device_faults(module, sources()[module])) == []


@pytest.mark.parametrize('module', [m for m in sources() if m])
def test_only_study_names_keys(module):
  assert list(key_faults(module, sources()[module], DOTTED)) == []


@pytest.mark.parametrize(
  'source',
  [
    "raise ValueError(f'seq.horizon is {horizon!r}')",
    "x = 'Try a lower opt.learning_rate'",
    'def f():\n  """As loss.reduction says."""',
    "SAME = ('data.name',)",
  ],
)
def test_keys_are_found(source):
  assert len(list(key_faults('train', source, DOTTED))) == 1
  assert list(key_faults('study.prepare', source, DOTTED)) == []
  assert list(key_faults('main', source, DOTTED)) == []


@pytest.mark.parametrize(
  'source',
  [
    'x = records.text.size',
    "x = 'horizon is 3'",
    "x = 'the file my.text.size'",
    "x = 'model.D_hidden'",
  ],
)
def test_what_is_no_key(source):
  assert list(key_faults('train', source, DOTTED)) == []


@pytest.mark.parametrize('module', [m for m in sources() if m])
def test_forbidden_arrows_stay_away(module):
  assert list(forbidden_faults(module, sources()[module])) == []


@pytest.mark.parametrize(
  ('module', 'source', 'count'),
  [
    ('train', 'from dynrec_jax.models.theta import Theta', 1),
    ('train', 'from dynrec_jax.models import dynamic', 1),
    ('train', 'from dynrec_jax.models.network import Network', 0),
    ('study.recommend', 'from dynrec_jax import evaluate, predict', 1),
    ('study.recommend', 'from dynrec_jax.study import splits', 0),
    ('report.topic_report', 'from dynrec_jax.topics.choose_count import X', 1),
    ('main', 'from dynrec_jax.parallel import devices', 1),
    ('mainly', 'from dynrec_jax.parallel import devices', 0),
    ('study.behaviours', 'from dynrec_jax.study.content import x', 1),
    ('study.behaviours', 'from dynrec_jax.study.contents import x', 0),
  ],
)
def test_forbidden_arrows_are_found(module, source, count):
  assert len(list(forbidden_faults(module, source))) == count


def test_every_forbidden_arrow_is_between_rooms_that_are():
  """A room that has moved takes its arrows along."""
  there = set(sources()) | {m.split('.')[0] for m in sources()}
  named = {x for row in FORBIDDEN for x in row if x}
  assert named <= there


def test_no_cycles():
  assert cycles(sources()) == []


def test_package_itself_imports_nothing():
  assert list(imported(sources()[''])) == []


@pytest.mark.parametrize(
  ('module', 'source'),
  [
    ('losses', 'from dynrec_jax.typed import typed'),
    ('interest', 'from dynrec_jax.losses import unit'),
    ('losses', 'import math\nfrom jaxtyping import Float\nimport jax.numpy'),
    ('topics.text_lda', 'from sklearn.decomposition import PCA'),
    ('topics.dirichlet', 'from scipy.special import psi'),
    ('report.topic_report', 'from matplotlib.figure import Figure'),
    ('features.documents', 'from dynrec_jax.data.records import Videos'),
    ('data.batches', 'from dynrec_jax.data import filters, records'),
    ('sources.movietweetings', 'import dynrec_jax.data.batches'),
    (
      'sources.simulation.world',
      'import dynrec_jax.sources.simulation.streams',
    ),
    ('sources.load', 'import tensorflow_datasets as tfds\nimport pyarrow.csv'),
    ('storage.cache', 'from absl import logging\nimport os'),
    ('storage.digests', 'import hashlib'),
    ('train', 'from flax import struct\nimport optax'),
    ('train', 'from dynrec_jax import evaluate, losses, models'),
    ('baselines.top_k', 'from dynrec_jax.recommender import Seen'),
    ('recommender', 'from dynrec_jax.features.catalogue import Features'),
    ('decode', 'from dynrec_jax.models.network import DecodeTables'),
    ('main', 'from absl import app, flags, logging'),
    ('main', 'from ml_collections import config_flags'),
    ('study.prepare', 'from ml_collections import config_dict'),
    ('study.prepare', 'import ml_collections'),
  ],
)
def test_allowed(module, source):
  assert list(import_faults(module, source)) == []


@pytest.mark.parametrize(
  ('module', 'source'),
  [
    ('losses', 'from dynrec_jax.metrics import f_score'),  # right
    ('typed', 'import dynrec_jax.losses'),  # right
    ('metrics', 'from dynrec_jax import interest'),  # beside
    ('interest', 'from dynrec_jax.data import records'),  # up
    ('models.theta', 'from dynrec_jax.train import step'),  # up
    ('evaluate', 'from dynrec_jax.baselines.random import fit'),  # right
    ('features.tfidf', 'from dynrec_jax.recommender import Seen'),  # right
    ('models.plus', 'from dynrec_jax.decode import greedy_decode'),  # right
    ('data.queries', 'from dynrec_jax.sources import load'),  # right
    ('report.runs', 'from dynrec_jax.study import keys'),  # up
    ('data.records', 'from dynrec_jax.data.batches import pad'),  # right
    ('data.split', 'from dynrec_jax.topics import text_lda'),  # right
    ('train', 'from dynrec_jax.newcomer import x'),  # no place
    ('newcomer', 'import numpy'),  # no place
    ('losses', 'import os'),
    ('study.prepare', 'import hashlib'),
    ('storage.cache', 'from tempfile import mkstemp'),
    ('losses', 'from absl import logging'),
    ('losses', 'import numpy as np\nimport sklearn'),
    ('models.theta', 'def f():\n  import torch'),
    ('train', 'from flax import linen'),
    ('train', 'import flax'),
    ('train', 'from absl import flags'),
    ('decode', 'from ml_collections import config_dict'),
    ('study.prepare', 'from ml_collections import config_flags'),
    ('features.text', 'import tensorflow as tf'),
    ('models.theta', 'import jaxtyping_more'),
    ('topics.dirichlet', 'from scipy import optimize'),
    ('topics.dirichlet', 'import matplotlib'),
    ('train', 'from . import evaluate'),
    ('train', 'from .evaluate import run'),
    ('train', 'import dynrec_jax'),
  ],
)
def test_refused(module, source):
  assert len(list(import_faults(module, source))) == 1


@pytest.mark.parametrize(
  'source',
  [
    'x = jax.pmap(f)',
    'from jax.lax import psum',
    'import jax\ny = jax.lax.pmean(x, "i")',
    'from jax.sharding import Mesh as M',
    'shard_map(f)',
    'first = jax.process_index() == 0',
    'from jax.experimental.multihost_utils import sync_global_devices',
  ],
)
def test_device_names_are_found(source):
  assert len(list(device_faults('train', source))) == 1
  for module in ('parallel.devices', 'parallel.hosts'):
    assert list(device_faults(module, source)) == []


def test_cycles_are_found():
  texts = {
    'a': 'import dynrec_jax.p.b',
    'p.b': 'from dynrec_jax import c',
    'c': 'from dynrec_jax.a import f',
    'd': 'from dynrec_jax.c import g',
  }
  assert cycles(texts) == ['a', 'c', 'p.b']
