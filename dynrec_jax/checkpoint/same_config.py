"""Whether two configs agree where they must."""

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any


def refuse_other_config(
  saved: Mapping[str, Any],
  current: Mapping[str, Any],
  keys: Sequence[str],
  place: str,
  absent: Mapping[str, Any] = MappingProxyType({}),
) -> None:
  """Raises unless two configs agree where they must.

  Args:
    saved: nested dicts, of the checkpoint.
    current: nested dicts, of this run.
    keys: sections or dotted keys such as `model` or `loss.margin`.
    place: names the checkpoint in the message.
    absent: dotted key -> what a config says that lacks it, of keys younger
      than some checkpoints.

  Raises:
    ValueError: listing every key that differs with both values.
  """
  young = select(absent, keys)
  old, new = young | select(saved, keys), young | select(current, keys)
  differing = [
    f'{key}: saved {_show(old, key)}, now {_show(new, key)}'
    for key in sorted(old.keys() | new.keys())
    if _show(old, key) != _show(new, key)
  ]
  if differing:
    raise ValueError(
      f'{place} was made with another config: {"; ".join(differing)}. Use '
      'the saved values or another directory'
    )


def select(config: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
  """Gives the values under some sections, by their dotted names.

  Args:
    config: nested dicts.
    keys: sections or dotted keys.
  """
  chosen = {}
  for name, value in _dotted(config).items():
    if any(name == key or name.startswith(f'{key}.') for key in keys):
      chosen[name] = value
  return chosen


def _dotted(config: Mapping[str, Any], prefix: str = '') -> dict[str, Any]:
  flat = {}
  for key, value in config.items():
    if isinstance(value, Mapping) and value:
      flat |= _dotted(value, f'{prefix}{key}.')
    else:
      flat[f'{prefix}{key}'] = value
  return flat


def _show(values: Mapping[str, Any], key: str) -> str:
  return json.dumps(values[key]) if key in values else 'nothing'
