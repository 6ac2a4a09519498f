"""The config's keys, each declared once, in the order of the config.

A new key is one entry in the file of its section, and its use. Its default,
its check, who must share its value (`identity`) and its row in docs/config.md
(`config_page`) come from the entry.
"""

from collections.abc import Mapping
from typing import Any

import ml_collections

from dynrec_jax.study.keys import (
  of_baselines,
  of_content,
  of_data,
  of_model,
  of_parallel,
  of_plus,
  of_serving,
  of_use,
)
from dynrec_jax.study.keys.declared import Key, Of, Path, Paths, fault
from dynrec_jax.study.keys.of_model import PRESETS, STOP_BY
from dynrec_jax.study.keys.of_parallel import CUT_NETWORKS
from dynrec_jax.study.keys.of_use import OF_WORLDS, STUDIES

__all__ = [
  'CUT_NETWORKS',
  'KEYS',
  'OF_WORLDS',
  'PRESETS',
  'SECTIONS',
  'STOP_BY',
  'STUDIES',
  'Key',
  'Of',
  'Path',
  'Paths',
  'default_config',
  'fault',
  'section',
  'value',
]

# What each section is about; '' is the top.
SECTIONS: Mapping[str, str] = {
  **of_data.SECTIONS,
  **of_content.SECTIONS,
  **of_model.SECTIONS,
  **of_plus.SECTIONS,
  **of_parallel.SECTIONS,
  **of_use.SECTIONS,
  **of_serving.SECTIONS,
  **of_baselines.SECTIONS,
}
# By dotted name.
KEYS: Mapping[str, Key] = {
  **of_data.KEYS,
  **of_content.KEYS,
  **of_model.KEYS,
  **of_plus.KEYS,
  **of_parallel.KEYS,
  **of_use.KEYS,
  **of_serving.KEYS,
  **of_baselines.KEYS,
}


def default_config() -> ml_collections.ConfigDict:
  """A config of all keys at their defaults."""
  config = ml_collections.ConfigDict()
  for name, key in KEYS.items():
    place, _, last = name.rpartition('.')
    if place and place not in config:
      config[place] = ml_collections.ConfigDict()
    (config[place] if place else config)[last] = key.default
  return config


def value(config: ml_collections.ConfigDict, name: str) -> Any:
  """The config's value of a dotted name."""
  for part in name.split('.'):
    config = config[part]
  return config


def section(name: str) -> str:
  """The section that a dotted name stands in; '' is the top."""
  return name.rpartition('.')[0]
