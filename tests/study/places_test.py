"""Where what studies share lies."""

import pathlib

import worlds

from dynrec_jax.study import places


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
