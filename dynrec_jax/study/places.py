"""Where what studies share lies: computed content, programs, vectors."""

import pathlib

import ml_collections

from dynrec_jax.sources import load
from dynrec_jax.study import keys


def expand_user(config: ml_collections.ConfigDict) -> None:
  """Puts the user's home for `~` in every path of the config."""
  for name, key in keys.KEYS.items():
    value = keys.value(config, name)
    if not isinstance(key.values, keys.Path | keys.Paths):
      continue
    if '~' in ''.join(map(str, value)):
      *sections, last = name.split('.')
      place = config
      for section in sections:
        place = place[section]
      place[last] = key.values.expanded(value)


def cache_dir(config: ml_collections.ConfigDict) -> str:
  """Where computed content lies."""
  return str(
    load.data_root(config.data.cache_dir or config.data.data_dir or None)
  )


def programs_dir(config: ml_collections.ConfigDict) -> str:
  """Where compiled programs lie."""
  return str(load.data_root(config.data.data_dir or None) / 'xla')


def word_vectors_dir(config: ml_collections.ConfigDict) -> pathlib.Path:
  """Where word vectors are looked for, beside the source's own folder."""
  return load.data_root(config.data.data_dir or None) / 'word_vectors'
