"""Config files as the command line reads them."""

import pathlib

import ml_collections
from absl import flags
from ml_collections import config_flags

ROOT = pathlib.Path(__file__).parents[1]


def parse(*arguments, path='configs/single.py:files'):
  """The config of a command line."""
  values = flags.FlagValues()
  line = ['main', f'--config={ROOT / path}', *arguments]
  holder = config_flags.DEFINE_config_file(
    'config', lock_config=True, flag_values=values, sys_argv=line
  )
  values(line)
  return holder.value


def keys(config, prefix=''):
  """Dotted names of all values, and their types."""
  found = {}
  for key, value in config.items():
    if isinstance(value, ml_collections.ConfigDict):
      found |= keys(value, f'{prefix}{key}.')
    else:
      found[f'{prefix}{key}'] = type(value)
  return found
