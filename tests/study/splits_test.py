"""Who trains, stops and is tested in each split."""

import numpy as np
import pytest
import worlds

from dynrec_jax.study import splits


@pytest.fixture(scope='module')
def every(study):
  return [
    splits.make_split(study.config, study.prepared, number)
    for number in range(4)
  ]


def test_everybody_has_one_part(every):
  for this in every:
    parts = np.concatenate(this.users)
    assert sorted(parts.tolist()) == list(range(worlds.USERS))
    assert len(this.users.test) == 12  # 20 %
    assert len(this.users.valid) == 5  # 10 % of the others
    for part in this.users:
      assert np.all(np.diff(part) > 0)


def test_splits_differ_and_come_again(every, study):
  tests = [tuple(this.users.test.tolist()) for this in every]
  assert len(set(tests)) == 4
  again = splits.make_split(study.config, study.prepared, 2)
  assert tuple(again.users.test.tolist()) == tests[2]
  assert [this.seed for this in every] == [0, 1, 2, 3]
  assert [this.number for this in every] == [0, 1, 2, 3]


def test_a_seed_is_a_first_split(study, tiny_settings, every):
  """Seed 2's split 0 is seed 0's split 2: seeds are counted on."""
  config = worlds.tiny_config(tiny_settings, seed=2)
  this = splits.make_split(config, study.prepared, 0)
  np.testing.assert_array_equal(this.users.test, every[2].users.test)


def test_folders_of_their_own(every, study):
  assert [this.directory for this in every] == [
    f'{study.config.workdir}/split_{number}' for number in range(4)
  ]
  assert every[1].checkpoints == f'{every[1].directory}/checkpoints'


def test_watches_are_everybody_s_behaviours_in_a_single_network(every, study):
  for this in every:
    assert this.behaviours is study.prepared.watches


@pytest.mark.parametrize('key', ['split.test_frac', 'train.val_frac'])
def test_nobody_in_a_part_is_an_error(key, study, tiny_settings):
  config = worlds.tiny_config(tiny_settings | {key: 0.001})
  with pytest.raises(ValueError, match=f'^{key} of 60 users is nobody; raise'):
    splits.make_split(config, study.prepared, 0)


def test_how_much_is_known_in_each_mode():
  assert splits.MODES == {
    'single': {'long': 3 / 4, 'short': 1 / 4},
    'cross': {'cross': 3 / 4},
  }
