"""The studies of one reproduction: each a run with a config and a folder.

The paper's Section 4 has two, the single and the cross network; each comes in
both protocols (`split.by`), and a simulated world once more without each of
its mechanisms, or at several strengths of them.
"""

import ast
import os
from collections.abc import Mapping, Sequence
from typing import Any

import ml_collections

from dynrec_jax.report import knock_outs as claims
from dynrec_jax.report.knock_outs import KnockOut
from dynrec_jax.sources import simulation
from dynrec_jax.study import keys, method_config


def studies(
  config: ml_collections.ConfigDict,
) -> dict[str, ml_collections.ConfigDict]:
  """Every study that the config asks for, by name, in the report's order.

  Raises:
    ValueError: `report.cross` has no KEY=VALUE of the config; names it.
  """
  cross = _base(config, 'cross')
  found: dict[str, Mapping[str, Any]] = {}
  for name in (of for of in keys.STUDIES if of in config.report.studies):
    base = cross if name.startswith('cross') else {}
    if name == 'knock_outs':
      found |= knock_outs(config)
    elif name == 'doses':
      found |= doses(config)
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


def knock_outs(config: ml_collections.ConfigDict) -> dict[str, dict[str, Any]]:
  """What differs in the worlds without a mechanism; none if not asked for.

  The world that has all of them is that of the studies `single` and `cross`.
  Each runs the methods alone that its claims are about.
  """
  asked = 'knock_outs' in config.report.studies
  return _worlds(config, [0.0]) if asked else {}


def doses(config: ml_collections.ConfigDict) -> dict[str, dict[str, Any]]:
  """What differs in the worlds of other strengths; none if not asked for.

  As `knock_outs`, with which it shares the worlds of strength 0.
  """
  asked = 'doses' in config.report.studies
  return _worlds(config, config.report.strengths) if asked else {}


def study_at(
  config: ml_collections.ConfigDict, of: KnockOut, strength: float
) -> str:
  """The study whose world has a claim's mechanism at a strength.

  The scenario's own, where its world is of that strength.
  """
  world = simulation.world_from_name(_world(config, of.scenario))
  if world.strengths()[of.mechanism] == strength:
    return of.scenario
  if not strength:
    return f'{of.scenario}_{of.world}'
  return f'{of.scenario}_{of.mechanism}_{strength:.10g}'


def claimed(scenario: str) -> tuple[str, ...]:
  """The methods that the claims about a scenario name, each once."""
  return tuple(
    dict.fromkeys(
      method
      for of in claims.KNOCK_OUTS
      if of.scenario == scenario
      for method in of.methods
    )
  )


def _worlds(
  config: ml_collections.ConfigDict, strengths: Sequence[float]
) -> dict[str, dict[str, Any]]:
  """What differs where the claims' mechanisms have other strengths."""
  found: dict[str, dict[str, Any]] = {}
  for of in claims.KNOCK_OUTS:
    world = _world(config, of.scenario)
    also = ',' if ':' in world else ':'
    for strength in strengths:
      name = study_at(config, of, strength)
      if name == of.scenario:
        continue
      # What stands last holds.
      change = f'{of.mechanism}={strength:.10g}' if strength else of.world
      own = found.setdefault(
        name,
        _base(config, of.scenario) | {'data.world': f'{world}{also}{change}'},
      )
      asked = own.get('eval.methods', ())
      new = (method for method in of.methods if method not in asked)
      own['eval.methods'] = (*asked, *new)
  return found


def _world(config: ml_collections.ConfigDict, scenario: str) -> str:
  """The world of a scenario's own study."""
  return _base(config, scenario).get('data.world', config.data.world)


def _base(config: ml_collections.ConfigDict, scenario: str) -> dict[str, Any]:
  """What differs in all studies of a scenario."""
  if scenario != 'cross':
    return {}
  return {'scenario': 'cross'} | _changes(config.report.cross)


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
