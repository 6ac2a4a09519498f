"""What a run was of and made with: facts that its report shows."""

import datetime
import json
import os
import platform
import subprocess
from importlib import metadata
from typing import Any

import jax
import ml_collections

from dynrec_jax.report import runs
from dynrec_jax.study import workdir
from dynrec_jax.study.prepare import Prepared

_LIBRARIES = ('jax', 'jaxlib', 'flax', 'optax', 'numpy', 'implicit')


def write_about(config: ml_collections.ConfigDict, prepared: Prepared) -> None:
  """Writes the facts into the run's folder."""
  facts = {'made': made_with(), 'data': data_facts(config, prepared)}
  workdir.write_text(config, runs.ABOUT, json.dumps(facts, indent=2))


def made_with() -> dict[str, str]:
  """Date, commit, versions and machine."""
  device = jax.devices()[0]
  return {
    'date': datetime.datetime.now(datetime.UTC).strftime('%Y-%m-%d %H:%M UTC'),
    'dynrec_jax': version(),
    'commit': _commit(),
    'python': platform.python_version(),
    **{name: metadata.version(name) for name in _LIBRARIES},
    'devices': f'{jax.device_count()} x {device.device_kind}',
    'processors': str(os.cpu_count()),
  }


def data_facts(
  config: ml_collections.ConfigDict, prepared: Prepared
) -> dict[str, Any]:
  """What the study is of, after the filters."""
  records, features = prepared.records, prepared.features
  borders = prepared.sessions.borders[[0, -1]]
  facts = {
    'source': config.data.name,
    'users': len(records.user_ids),
    'videos': len(records.videos.id),
    'watches': len(records.watches.user),
    'tweets': len(records.tweets.user),
    'videos with a visual feature': int(features.has_visual.sum()),
    'videos with a text feature': int(features.has_text.sum()),
    'topics': int(prepared.behaviours.topics.shape[1]),
    'sessions': prepared.sessions.count,
    'from': _day(borders[0]),
    'until': _day(borders[1]),
  }
  if config.data.name == 'simulated_year':
    world = f'{config.data.world}, seed {config.data.world_seed}'
    facts['source'] = f'simulated year ({world})'
  return facts


def version() -> str:
  """The package's; 'unknown' where it is not installed."""
  try:
    return metadata.version('dynrec_jax')
  except metadata.PackageNotFoundError:
    return 'unknown'


def _day(secs: int) -> str:
  """An ISO date (UTC)."""
  moment = datetime.datetime.fromtimestamp(int(secs), datetime.UTC)
  return moment.strftime('%Y-%m-%d')


def _commit() -> str:
  """The package's commit, with + where files differ; 'unknown' outside git."""
  folder = os.path.dirname(os.path.abspath(__file__))

  def git(*words: str) -> str:
    return subprocess.run(
      ['git', '-C', folder, *words], capture_output=True, text=True, check=True
    ).stdout.strip()

  try:
    tracked = git('ls-files', os.path.basename(__file__))
    if not tracked:  # installed inside of another repository
      return 'unknown'
    return git('rev-parse', '--short=10', 'HEAD') + (
      '+' if git('status', '--porcelain', '-uno') else ''
    )
  except (OSError, subprocess.CalledProcessError):
    return 'unknown'
