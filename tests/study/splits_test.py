"""Who trains, stops and is tested in each split."""

import numpy as np
import pytest
import worlds

from dynrec_jax.study import splits, studied_users


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
    # 12 and 5 are expected, sd 3 and 2.
    assert 4 <= len(this.users.test) <= 24
    assert 1 <= len(this.users.valid) <= 12
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


@pytest.mark.parametrize(
  ('changes', 'expected'),
  [
    ({}, {'long': 9, 'short': 3}),
    ({'sessions__L': 52}, {'long': 39, 'short': 13}),
    ({'sessions__L': 5}, {'long': 4, 'short': 1}),
    ({'scenario': 'cross'}, {'cross': 9}),
    ({'split__by': 'time', 'split__cut': 6}, {'time': 6}),
    ({'split__by': 'time', 'scenario': 'cross'}, {'time': 9}),
  ],
)
def test_sessions_known_in_each_mode(changes, expected, tiny_settings):
  config = worlds.tiny_config(tiny_settings, **changes)
  assert splits.modes(config) == expected


def test_how_much_is_known_in_each_mode():
  assert studied_users.MODES == {
    'single': {'long': 3 / 4, 'short': 1 / 4},
    'cross': {'cross': 3 / 4},
  }


@pytest.fixture(scope='module')
def by_time(tmp_path_factory):
  """The tiny study, cut at the end of June."""
  root = tmp_path_factory.mktemp('time')
  folder = worlds.write_folder(root / 'folder', worlds.cut_watches())
  settings = worlds.tiny_settings(folder, root) | worlds.BY_TIME
  return worlds.Study(worlds.tiny_config(settings))


def with_changes(study, **changes):
  config = study.config.copy_and_resolve_references()
  config.update_from_flattened_dict(
    {key.replace('__', '.'): value for key, value in changes.items()}
  )
  return config


def test_a_date_leaves_the_same_people_on_both_sides(by_time):
  config, prepared = by_time.config, by_time.prepared
  every = [splits.make_split(config, prepared, number) for number in range(3)]
  count = len(prepared.records.user_ids)
  assert 0 < count < worlds.USERS
  for number, this in enumerate(every):
    assert this.users.train.tolist() == list(range(count))
    assert this.users.test.tolist() == list(range(count))
    assert not len(this.users.valid)
    assert (this.train_until, this.truth_until) == (6, None)
    assert (this.number, this.seed) == (number, number)
    assert splits.borders(config, this) == splits.modes(config) == {'time': 6}
  assert len({this.directory for this in every}) == 3


@pytest.mark.parametrize(
  ('cut', 'sessions', 'earlier'),
  [(6, 0, 4), (6, 1, 5), (6, 4, 2), (9, 0, 7), (3, 0, 2), (11, 0, 8)],
)
def test_epochs_are_chosen_at_an_earlier_date(by_time, cut, sessions, earlier):
  """Of the same people with a history by then, up to the cut alone."""
  config = with_changes(by_time, split__valid_sessions=sessions)
  prepared = by_time.prepared
  final = splits.make_split(config, prepared, 1)._replace(train_until=cut)
  this = splits.earlier_split(config, prepared, final)
  assert (this.train_until, this.truth_until) == (earlier, cut)
  assert (this.seed, this.number) == (1, 1)
  assert this.directory == f'{final.directory}/earlier'
  assert splits.borders(config, this) == {'time': earlier}
  np.testing.assert_array_equal(this.users.train, final.users.train)
  assert not len(this.users.test)
  end = prepared.sessions.end(earlier)
  ids = prepared.records.user_ids
  kept = set(prepared.records.videos.id)
  known = {
    f'u{u}' for u, v, t in worlds.cut_watches() if t < end and f'v{v}' in kept
  }
  assert set(ids[this.users.valid]) == known & set(ids)


def test_too_early_a_date_is_an_error(by_time):
  prepared = by_time.prepared
  final = splits.make_split(by_time.config, prepared, 0)
  config = with_changes(by_time, split__valid_sessions=5)
  message = r'^split.cut is 6 and split.valid_sessions 5: .* session 1, and tra'
  with pytest.raises(ValueError, match=message):
    splits.earlier_split(config, prepared, final)
  with pytest.raises(
    ValueError, match=r'^split.cut is 2 and .* raise split.cut'
  ):
    splits.earlier_split(
      by_time.config, prepared, final._replace(train_until=2)
    )


def test_people_without_a_history_are_not_asked(by_time):
  """Where behaviours are tweets, some who watched have none by then."""
  prepared = by_time.prepared
  end = prepared.sessions.end(6)
  events = prepared.watches
  mute = np.flatnonzero(np.diff(events.offsets))[:2]
  owner = np.repeat(np.arange(events.user_count), np.diff(events.offsets))
  later = np.where(np.isin(owner, mute), end, events.time)
  made_of = prepared.behaviours._replace(histories=events._replace(time=later))
  this = splits.make_split(
    by_time.config, prepared._replace(behaviours=made_of), 0
  )
  everyone = np.arange(events.user_count)
  np.testing.assert_array_equal(this.users.train, everyone)
  np.testing.assert_array_equal(this.users.test, np.setdiff1d(everyone, mute))
  nobody = made_of._replace(histories=events._replace(time=later * 0 + end))
  with pytest.raises(
    ValueError, match=r'^split\.cut is 6, before whose end nob'
  ):
    splits.make_split(by_time.config, prepared._replace(behaviours=nobody), 0)


def test_validation_users_train_in_a_refit(study):
  this = study.split
  first, refit = splits.refit_splits(this)
  assert first == this._replace(directory=f'{this.directory}/first_fit')
  assert refit.directory == this.directory
  train, valid, test = this.users
  np.testing.assert_array_equal(
    refit.users.train, sorted({*train.tolist(), *valid.tolist()})
  )
  assert refit.users.train.dtype == train.dtype
  assert len(refit.users.valid) == 0
  np.testing.assert_array_equal(refit.users.test, test)
  assert refit._replace(users=this.users) == this
