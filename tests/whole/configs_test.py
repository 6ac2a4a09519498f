"""Every config file, as the command line reads it."""

import pytest
from config_lines import ROOT, keys, parse

from configs import default
from dynrec_jax.sources import simulation
from dynrec_jax.study import check, methods, span
from dynrec_jax.study import keys as declared_keys

FILES = sorted(
  path
  for path in (ROOT / 'configs').glob('*.py')
  if path.stem not in ('__init__', 'variants')
)


def variants():
  """Each file alone, and with each variant it offers."""
  for path in FILES:
    name = f'configs/{path.name}'
    yield name
    module = __import__(f'configs.{path.stem}', fromlist=['x'])
    yield from (f'{name}:{v}' for v in getattr(module, 'VARIANTS', ()))


def test_there_are_variants():
  assert 'configs/single.py:paper' in set(variants())


@pytest.mark.parametrize('path', list(variants()))
def test_each_config_has_the_default_s_keys(path):
  config = parse(path=path)
  assert config.is_locked
  assert keys(config) == keys(default.get_config())
  if path != 'configs/default.py':  # which names no source
    check.check_config(config)


@pytest.mark.parametrize(
  ('variant', 'key', 'value'),
  [
    ('paper', 'opt.preset', 'paper'),
    ('practical', 'opt.preset', 'practical'),
    ('no_relevance', 'loss.relevance_weight', 0.0),
    ('files', 'data.name', 'files'),
    ('simulated', 'data.world', 'small'),
    ('simulated_paper', 'data.world', 'paper'),
    ('simulated_no_drift', 'data.world', 'small:no_drift'),
    ('movietweetings', 'data.name', 'movietweetings'),
    ('movietweetings', 'text.encoder', 'kim_cnn'),
    ('movietweetings', 'text.word_vectors', 'googlenews'),
    ('movietweetings', 'topics.yt', 'mm_lda'),
    ('movietweetings', 'opt.learning_rate', 4e-3),
    ('movietweetings,paper', 'opt.learning_rate', 1e-3),
    ('plus', 'model.network', 'plus'),
    ('plus', 'opt.preset', 'practical'),
    ('movietweetings,plus', 'data.name', 'movietweetings'),
    ('movietweetings,plus', 'opt.learning_rate', 2e-3),
    ('simulated_tiny,plus', 'train.max_epochs', 30),
  ],
)
def test_what_a_variant_changes(variant, key, value):
  section, name = key.split('.')
  config = parse(path=f'configs/single.py:{variant}')
  assert config[section][name] == value
  assert config.workdir == f'runs/single_{variant.replace(",", "_")}'


# What the paper prints, and where it is silent what its preset is.
PAPER = {
  'filter.mode': 'single_pass',
  'filter.min_videos_per_user': 11,
  'filter.min_users_per_video': 3,
  'sessions.L': 12,
  'split.by': 'users',
  'split.test_frac': 0.2,
  'split.seeds': 5,
  'seq.horizon': 'all_after',
  'seq.max_target_len': 50,
  'seq.max_bag': 2000,
  'seq.weight': 'watch',
  'seq.next_count': 5,
  'text.fields': ('title', 'description', 'tags'),
  'text.encoder': 'kim_cnn',
  'text.label': 'categories',
  'text.size': 300,
  'visual.after_relu': True,
  'features.l2': True,
  'topics.yt': 'mm_lda',
  'topics.count': 70,
  'topics.tweet_count': 100,
  'interest.decay': 0.1,
  'interest.time_unit': 'session',
  'interest.norm': 'sum_weights',
  'model.network': 'dynamic',
  'model.embed_size': 300,
  'model.D_h': 300,
  'model.history_mode': 'topic_only',
  'model.embed_norm': 'everywhere',
  'model.gru_bias': False,
  'model.softmax_bias': False,
  'model.product_dtype': 'float32',
  'loss.semantic_weight': 0.2,
  'loss.interest_weight': 0.4,
  'loss.relevance_weight': 0.2,
  'loss.weight_decay': 1e-4,
  'loss.semantic_margin': 0.3,
  'loss.relevance_margin': 0.5,
  'loss.mask_known': False,
  'loss.reduction': 'preset',
  'sem.negative': 'uniform',
  'sem.n_neg': 1,
  'sem.batch_size': 256,
  'rel.positive': 'topk10',
  'rel.negative': 'zero_overlap',
  'opt.preset': 'paper',
  'opt.name': 'preset',
  'opt.learning_rate': 1e-3,
  'opt.average': 0.0,
  'rel.partners': 'drawn',
  'train.batch_size': 64,
  'train.max_epochs': 200,
  'train.patience': 10,
  'train.val_frac': 0.1,
  'train.stop_by': 'f_score',
  'train.refit': True,
  'decode.method': 'greedy_seq',
  'decode.k': 5,
  'eval.mask_history': True,
  'pop.source': 'train',
  'variants.cross_first': 'tweet_text',
  'static.loss': 'softmax',
  'static.n_neg': 5,
  'static.keep_aux': True,
  'sca.variant': 'joint_mf',
  'cv.grid': 'full',
  'cv.split': 0,
}
# What a source or a scenario says, and no preset.
OF_SOURCE = {
  *('data.name', 'data.world', 'sessions.start', 'sessions.end'),
  *('text.word_vectors', 'filter.min_tweets_per_user', 'scenario', 'workdir'),
  'eval.methods',
}
SOURCES = ('simulated', 'simulated_tiny', 'simulated_paper', 'movietweetings')


@pytest.mark.parametrize('scenario', ['single', 'cross'])
@pytest.mark.parametrize(
  'source', [*SOURCES, 'files', 'simulated_no_drift', '']
)
def test_paper_is_the_paper_s_everything(source, scenario):
  """On every source, whatever the order of the words."""
  config = parse(
    path=f'configs/{scenario}.py:{source},paper'.replace(':,', ':')
  )
  check.check_config(config)
  for name, value in PAPER.items():
    assert declared_keys.value(config, name) == value, name
  for name, key in declared_keys.KEYS.items():
    if name not in OF_SOURCE | set(PAPER):
      assert declared_keys.value(config, name) == key.default, name
  turned = parse(path=f'configs/{scenario}.py:paper,{source}'.rstrip(','))
  for name in set(declared_keys.KEYS) - {'workdir'}:
    one, two = (declared_keys.value(c, name) for c in (config, turned))
    assert one == two, name


def test_every_choice_of_a_reading_is_in_the_paper_s_preset():
  """Of the second protocol and of `plus` the paper knows nothing."""
  assert {
    name
    for name, key in declared_keys.KEYS.items()
    if key.decision is not None and key.decision <= 40
  } <= set(PAPER)


def test_a_report_by_the_paper_is_the_paper_s_too():
  from configs import report

  config = report.get_config('files,paper')
  for name, value in PAPER.items():
    assert declared_keys.value(config, name) == value, name
  differ = {text.partition('=')[0] for text in config.report.cross}
  assert differ == {'filter.min_tweets_per_user'}


@pytest.mark.parametrize(
  ('source', 'encoder', 'fields', 'rate', 'patience', 'epochs', 'seeds'),
  [
    ('simulated', 'tfidf_svd', 3, 1e-3, 2, 10, 1),
    ('simulated_paper', 'tfidf_svd', 3, 1e-3, 10, 200, 5),
    ('movietweetings', 'kim_cnn', 4, 4e-3, 3, 200, 5),
    ('files', 'tfidf_svd', 4, 1e-3, 10, 200, 5),
  ],
)
def test_practical_differs_where_it_says_so(
  source, encoder, fields, rate, patience, epochs, seeds
):
  """`_set_practical` of the variants; nothing else of the paper's changes."""
  config = parse(path=f'configs/single.py:{source},practical')
  own = {
    'opt.preset': 'practical',
    'train.refit': False,
    'text.encoder': encoder,
    'text.fields': ('title', 'description', 'tags', 'categories')[:fields],
    'opt.learning_rate': rate,
    'train.patience': patience,
    'train.max_epochs': epochs,
    'split.seeds': seeds,
    'rel.partners': 'in_batch' if source == 'simulated' else 'drawn',
  }
  for name, value in (PAPER | own).items():
    assert declared_keys.value(config, name) == value, name


@pytest.mark.parametrize('scenario', ['single', 'cross'])
def test_every_source_but_own_logs_has_its_span(scenario):
  """A simulated year begins with its clock, and has 365 days."""
  config = parse(path=f'configs/{scenario}.py:simulated_tiny')
  borders = span.make_clock(config).borders
  start = simulation.world.START_TIME
  assert (borders[0], borders[-1]) == (start, start + 365 * 86_400)
  config = parse(path=f'configs/{scenario}.py:movietweetings')
  dates = (config.sessions.start, config.sessions.end)
  assert dates == ('2013-02-28', '2013-09-01')
  config = parse(path=f'configs/{scenario}.py:files')
  assert (config.sessions.start, config.sessions.end) == ('', '')


@pytest.mark.parametrize('scenario', ['single', 'cross'])
def test_the_default_is_simulated(scenario):
  config = parse(path=f'configs/{scenario}.py')
  assert config.scenario == scenario
  assert (config.data.name, config.data.world) == ('simulated_year', 'small')
  assert config.workdir == f'runs/{scenario}_simulated'
  assert config == parse(path=f'configs/{scenario}.py:simulated')


def test_names_can_be_joined():
  config = parse(path='configs/cross.py:movietweetings,paper,no_relevance')
  assert config.data.name == 'movietweetings_streams'
  assert config.opt.preset == 'paper'
  assert config.loss.relevance_weight == 0
  assert config.workdir == 'runs/cross_movietweetings_paper_no_relevance'


@pytest.mark.parametrize('scenario', ['single', 'cross'])
@pytest.mark.parametrize('data', ['movietweetings', 'files', 'simulated'])
def test_plus_is_the_method_of_its_name(data, scenario):
  """All that makes it, whatever the data, and nothing else."""
  config = parse(path=f'configs/{scenario}.py:{data},plus')
  check.check_config(config)
  for name, value in methods.PLUS.items():
    assert declared_keys.value(config, name) == value, name
  plain = parse(path=f'configs/{scenario}.py:{data}')
  others = set(declared_keys.KEYS) - set(methods.PLUS) - {'workdir'}
  for name in others:
    want = declared_keys.value(plain, name)
    assert declared_keys.value(config, name) == want, name


@pytest.mark.parametrize(
  'names',
  ['files,simulated', 'paper,practical', 'plus,paper', 'plus,practical'],
)
def test_two_of_a_kind_are_an_error(names):
  with pytest.raises(Exception, match=f"variant '{names}' names two of"):
    parse(path=f'configs/single.py:{names}')


@pytest.mark.parametrize('name', simulation.KNOCK_OUTS)
def test_every_mechanism_can_be_knocked_out(name):
  config = parse(path=f'configs/cross.py:simulated_{name}')
  strengths = simulation.world_from_name(config.data.world).strengths()
  assert strengths[name.removeprefix('no_')] == 0
  assert sum(strengths.values()) == len(strengths) - 1


def test_the_seed_is_the_simulation_s_own():
  assert default.get_config().data.world_seed == simulation.DEFAULT_SEED


def test_unknown_variant_is_an_error():
  with pytest.raises(Exception, match=r"unknown variant 'best'; valid are sim"):
    parse(path='configs/single.py:best')


def test_no_key_can_be_added():
  with pytest.raises(AttributeError, match='learning_rat'):
    parse('--config.opt.learning_rat=1.0')


@pytest.mark.parametrize('data', ['', 'simulated_tiny,', 'simulated_no_drift,'])
def test_doses_are_asked_for_with_the_methods_of_their_claims(data):
  config = parse(path=f'configs/report.py:{data}doses')
  plain = parse(path=f'configs/report.py:{data}'.rstrip(',:'))
  assert config.report.studies == ('single', 'cross', 'doses')
  assert set(config.eval.methods) > {'model', 'fpmc'}
  assert 'plus' not in config.eval.methods
  assert config.data == plain.data
  assert config.workdir == f'{plain.workdir}_doses'
  assert plain.eval.methods == ()
  assert not any('eval.methods' in text for text in plain.report.cross)


@pytest.mark.parametrize('data', ['movietweetings', 'files'])
def test_real_data_have_no_doses(data):
  config = parse(path=f'configs/report.py:{data},doses')
  with pytest.raises(
    ValueError, match=f'doses, which .*; data.name is {data};'
  ):
    check.check_config(config)


def test_a_report_has_plus_as_a_method_whatever_its_preset():
  """No study of it trains the paper's variants by plus's rules."""
  from configs import report

  named = report.get_config('simulated,plus')
  assert named == report.get_config('simulated')
  assert named.model.network == 'dynamic'
  assert 'plus' in methods.chosen(named)
