"""What cannot be studied is told before anything is computed."""

import pytest
import worlds

from dynrec_jax.data.records import LacksDataError
from dynrec_jax.study import content, filtered, prepare, splits, studied_users


@pytest.fixture(autouse=True)
def nothing_computed(monkeypatch):
  """Features and topics are out of reach."""

  def refuse(*_, **__):
    raise AssertionError('something was computed')

  monkeypatch.setattr(content, 'video_features', refuse)
  monkeypatch.setattr(content, 'video_topics', refuse)


def config_of(tmp_path, rows=None, **changes):
  folder = worlds.write_folder(tmp_path / 'folder', rows)
  return worlds.tiny_config(worlds.tiny_settings(folder, tmp_path), **changes)


def refusal(config):
  with pytest.raises(ValueError, match=r'.') as told:
    prepare.prepare(config)
  assert told.type in (ValueError, LacksDataError)
  return str(told.value)


@pytest.mark.parametrize(
  ('changes', 'line'),
  [
    ({'split__test_frac': 0.001}, 'split.test_frac of 60 users is nobody; rai'),
    ({'train__val_frac': 0.001}, 'train.val_frac of 60 users is nobody; raise'),
  ],
)
def test_a_part_with_nobody(changes, line, tmp_path):
  assert line in refusal(config_of(tmp_path, split__seeds=9, **changes))


def test_every_split_of_the_run_is_looked_at(tmp_path, monkeypatch):
  """Or the one that makes lists."""
  asked = []
  parts = studied_users.parts_of

  def watch(config, ids, number):
    asked.append(number)
    return parts(config, ids, number)

  monkeypatch.setattr(studied_users, 'parts_of', watch)
  config = config_of(tmp_path, split__seeds=3)
  studied = filtered.study_records(config)
  studied_users.check(studied.records, studied.sessions, config)
  config.mode, config.recommend.split = 'recommend', 7
  studied_users.check(studied.records, studied.sessions, config)
  assert asked == [0, 1, 2, 7]


def test_a_span_after_whose_n_f_nothing_is(tmp_path):
  """As of one watch in the year 2100, and a span that holds it."""
  config = config_of(tmp_path, sessions__end='2100-01-01')
  line = refusal(config)
  assert line.startswith('none of the ')
  assert 'train users has a watch before and a watch after any border of the 12'
  assert line.endswith(
    'right: sessions.start and sessions.end that hold their events, or more '
    'sessions.L'
  )


def test_nobody_who_is_asked_has_a_truth(tmp_path):
  """All but the first sessions are empty, at the border of `long`."""
  config = config_of(tmp_path, sessions__end='2025-01-01')
  assert refusal(config) == (
    'split 0: none of the '
    f'{len(studied_users.parts_of(config, ids(60), 0).valid)} users that stop '
    'training it has a watch after session 9 of 12, which ends on 2024-07-02: '
    'there is no truth to ask for; right: sessions.start and sessions.end that '
    'hold events on both sides'
  )


def ids(count):
  return [f'u{user}' for user in range(count)]


def test_watches_all_in_one_session(tmp_path):
  rows = [(u, v, worlds.START + v) for u, v, _ in worlds.watches()]
  assert 'there is nothing to train on' in refusal(config_of(tmp_path, rows))


def test_a_cut_after_which_nothing_is(tmp_path):
  rows = [row for row in worlds.watches() if row[2] < worlds.CUT]
  config = config_of(tmp_path, rows)
  config.update_from_flattened_dict(worlds.BY_TIME)
  config.filter.min_videos_per_user = 1
  line = refusal(config)
  assert line.startswith('split.cut is 6; none of the ')
  assert 'known by then has a watch after session 6 of 12, which ends on 2023-0'


def test_who_only_looks_is_not_refused(tmp_path):
  config = config_of(tmp_path, split__test_frac=0.001, mode='prepare')
  studied = filtered.study_records(config)
  studied_users.check(studied.records, studied.sessions, config)


def test_the_modes_of_a_study(study):
  config = study.config
  assert studied_users.modes(config) == {'long': 9, 'short': 3}
  this = splits.make_split(config, study.prepared, 2)
  parts = studied_users.parts_of(config, study.prepared.records.user_ids, 2)
  for one, other in zip(this.users, parts, strict=True):
    assert one.tolist() == other.tolist()
