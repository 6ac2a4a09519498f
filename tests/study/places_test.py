"""Where what studies share lies."""

import pathlib

import worlds

from dynrec_jax.study import keys, places


def test_computed_content_may_lie_apart(tiny_settings):
  config = worlds.tiny_config(tiny_settings, data__data_dir='/data')
  assert places.cache_dir(config) == '/data'
  assert places.programs_dir(config) == '/data/xla'
  assert places.word_vectors_dir(config) == pathlib.Path('/data/word_vectors')
  config.data.cache_dir = '/fast'
  assert places.cache_dir(config) == '/fast'
  assert places.programs_dir(config) == '/data/xla'


def test_else_it_is_the_user_s_cache(tiny_settings, monkeypatch):
  config = worlds.tiny_config(tiny_settings, data__data_dir='')
  monkeypatch.setenv('XDG_CACHE_HOME', '/mine')
  assert places.cache_dir(config) == '/mine/dynrec_jax'
  monkeypatch.delenv('XDG_CACHE_HOME')
  monkeypatch.setenv('HOME', '/home/me')
  assert places.cache_dir(config) == '/home/me/.cache/dynrec_jax'


def test_every_path_knows_the_user_s_home(tiny_settings, monkeypatch):
  monkeypatch.setenv('HOME', '/home/ann')
  config = worlds.tiny_config(
    tiny_settings,
    workdir='~/run',
    data__manual_dir='~/in',
    recommend__output='lists~',
    compare__runs=('~/a', 'b'),
    report__runs=('single=~/c',),
    eval__methods=('random',),
  )
  for name, key in keys.KEYS.items():
    if isinstance(key.values, keys.Path) and name != 'recommend.output':
      config.update_from_flattened_dict({name: f'~/{name}'})
  places.expand_user(config)
  for name, key in keys.KEYS.items():
    if isinstance(key.values, keys.Path) and name != 'recommend.output':
      assert keys.value(config, name) == f'/home/ann/{name}'
  assert config.recommend.output == 'lists~'
  assert config.compare.runs == ('/home/ann/a', 'b')
  assert config.report.runs == ('single=/home/ann/c',)


def test_every_key_of_a_file_or_folder_is_a_path():
  words = ('folder', 'file')
  for name, key in keys.KEYS.items():
    kind = getattr(key.values, 'kind', '')
    if any(word in kind for word in words):
      assert isinstance(key.values, keys.Path | keys.Paths), name
