"""The config of one method: what makes it a variant, and what was tuned."""

from collections.abc import Mapping
from typing import Any

import ml_collections

from dynrec_jax.study import methods

# method -> dotted key -> value, as `mode=tune` chose it.
Tuned = Mapping[str, Mapping[str, Any]]


def of_method(
  config: ml_collections.ConfigDict, name: str, tuned: Tuned
) -> ml_collections.ConfigDict:
  """The run's config as the method reads it.

  Args:
    config: of the run.
    name: one of `methods.METHODS`.
    tuned: what was chosen for methods; others keep the run's values.
  """
  changes = dict(tuned.get(name, {})) | dict(methods.METHODS[name].changes)
  return changed(config, changes)


def changed(
  config: ml_collections.ConfigDict, changes: Mapping[str, Any]
) -> ml_collections.ConfigDict:
  """A copy of a config with other values, by dotted key."""
  copy = config.copy_and_resolve_references()
  copy.update_from_flattened_dict(dict(changes))
  return copy
