"""Where what studies share lies: computed content, programs, vectors."""

import pathlib

import ml_collections

from dynrec_jax.sources import load


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
