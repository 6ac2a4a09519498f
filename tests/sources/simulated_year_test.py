"""The builder: the same year from disk as from the simulation."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow_datasets as tfds
from records_digest import digest
from simulated_years import simulate_year

from dynrec_jax.sources import record_files, simulated_year, simulation

tfds.disable_progress_bar()


def prepared(part, data_dir, **arguments):
  builder = simulated_year.SimulatedYear(
    config=part, data_dir=data_dir, **arguments
  )
  builder.download_and_prepare()
  return builder


def test_disk_equals_memory(tmp_path):
  arguments = {'world': 'tiny:no_trends', 'seed': 3}
  videos, users = (
    prepared(part, tmp_path, **arguments).as_data_source(record_files.SPLIT)
    for part in record_files.PARTS
  )
  authors = record_files.users_from_blocks(users)
  expected = simulate_year(
    simulation.world_from_name('tiny:no_trends'), 3
  ).records
  got = expected._replace(
    user_ids=authors.user_ids,
    watches=authors.watches,
    tweets=authors.tweets,
    profiles=authors.profiles,
    videos=record_files.videos_from_blocks(videos),
  )
  assert got.videos.visual.dtype == np.float16
  assert digest(got) == digest(expected)


def test_prepared_copy_is_used_again(tmp_path, monkeypatch):
  prepared('videos', tmp_path, world='tiny')

  def refuse(*_):
    raise AssertionError('simulated a second time')

  monkeypatch.setattr(simulation, 'simulate_videos', refuse)
  prepared('videos', tmp_path, world='tiny:drift=1')
  with pytest.raises(AssertionError, match='a second time'):
    prepared('videos', tmp_path, world='tiny', seed=1)


def test_worlds_never_share_a_copy():
  names = ['tiny', 'small', 'paper', 'tiny:drift=0.5']
  names += [f'tiny:{name}' for name in simulation.KNOCK_OUTS]
  digests = {
    simulated_year.world_digest(simulation.world_from_name(name), seed)
    for name in names
    for seed in (0, 1)
  }
  assert len(digests) == 2 * len(names)


def test_default_is_small(tmp_path):
  builder = simulated_year.SimulatedYear(config='users', data_dir=tmp_path)
  assert builder.world == simulation.world_from_name('small')
  assert builder.seed == simulation.DEFAULT_SEED


@pytest.mark.parametrize(
  ('arguments', 'message'),
  [
    ({'world': 'huge'}, "unknown preset 'huge'"),
    ({'world': 'tiny', 'seed': -2}, 'seed is -2; expected'),
  ],
)
def test_bad_arguments_are_refused(tmp_path, arguments, message):
  with pytest.raises(ValueError, match=message):
    simulated_year.SimulatedYear(config='users', data_dir=tmp_path, **arguments)


def test_import_loads_no_tensorflow():
  code = (
    'import sys; import dynrec_jax.sources.simulated_year; '
    "sys.exit('tensorflow' in sys.modules or 'torch' in sys.modules)"
  )
  assert (
    subprocess.run([sys.executable, '-c', code], check=False).returncode == 0
  )
