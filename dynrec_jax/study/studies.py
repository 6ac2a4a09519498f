"""The studies of one reproduction: each a run with a config and a folder.

The paper's Section 4 has two, the single and the cross network; each comes in
both protocols (`split.by`), and a simulated world once more without each of
its mechanisms.
"""

import ast
import os
from collections.abc import Mapping
from typing import Any

import ml_collections

from dynrec_jax.report import knock_outs as claims
from dynrec_jax.study import keys, method_config


def studies(
  config: ml_collections.ConfigDict,
) -> dict[str, ml_collections.ConfigDict]:
  """Every study that the config asks for, by name, in the report's order.

  Raises:
    ValueError: `report.cross` has no KEY=VALUE of the config; names it.
  """
  cross = {'scenario': 'cross'} | _changes(config.report.cross)
  found: dict[str, Mapping[str, Any]] = {}
  for name in (of for of in keys.STUDIES if of in config.report.studies):
    base = cross if name.startswith('cross') else {}
    if name == 'knock_outs':
      found |= knock_outs(config, cross)
    elif name.endswith('_time'):
      cuts = config.report.cuts
      # Tweets alone are known at n_f = 9 of 12 in the paper.
      for cut in cuts[-1:] if base else cuts:
        found[f'{name}_{cut}'] = base | {'split.by': 'time', 'split.cut': cut}
    else:
      found[name] = base
  return {
    name: _study(config, name, changes) for name, changes in found.items()
  }


def _study(
  config: ml_collections.ConfigDict, name: str, changes: Mapping[str, Any]
) -> ml_collections.ConfigDict:
  """The config of one study, in a folder of its own."""
  folder = os.path.join(config.workdir, name)
  return method_config.changed(
    config, {'mode': 'train_and_evaluate', 'workdir': folder, **changes}
  )


def knock_out_name(scenario: str, world: str) -> str:
  """The study of a scenario in a world that lacks a mechanism."""
  return f'{scenario}_{world}'


def knock_outs(
  config: ml_collections.ConfigDict, cross: Mapping[str, Any] = {}
) -> dict[str, dict[str, Any]]:
  """What differs in the worlds without a mechanism; none of real data.

  The world that has all of them is that of the studies `single` and `cross`.
  Each runs the methods alone that its claims are about.

  Args:
    config: of the reproduction.
    cross: what differs in the cross-network studies.
  """
  if 'knock_outs' not in config.report.studies:
    return {}
  found: dict[str, dict[str, Any]] = {}
  for of in claims.KNOCK_OUTS:
    scenario = 'cross' if of.mode == 'cross' else 'single'
    base = dict(cross) if scenario == 'cross' else {}
    name = knock_out_name(scenario, of.world)
    world = base.get('data.world', config.data.world)
    also = ',' if ':' in world else ':'
    own = found.setdefault(
      name, base | {'data.world': f'{world}{also}{of.world}'}
    )
    asked = own.get('eval.methods', ())
    new = (m for m in (of.method, of.reference) if m not in asked)
    own['eval.methods'] = (*asked, *new)
  return found


def _changes(texts: tuple[str, ...]) -> dict[str, Any]:
  """KEY=VALUE texts as values of the keys' types."""
  found = {}
  for text in texts:
    name, equals, value = text.partition('=')
    key = keys.KEYS.get(name)
    if not equals or key is None:
      raise ValueError(
        f'report.cross holds {text!r}; right: KEY=VALUE of a key of the config'
      )
    if not isinstance(key.default, str):
      try:
        value = type(key.default)(ast.literal_eval(value))
      except (ValueError, SyntaxError, TypeError):
        kind = type(key.default).__name__
        raise ValueError(
          f'report.cross holds {text!r}; right: a {kind}'
        ) from None
    found[name] = value
  return found
