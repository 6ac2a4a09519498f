"""Lists from a checkpoint, against the step-by-step model in NumPy."""

import json

import numpy as np
import plain_model
import pytest
import worlds
from saved_runs import Saved

from dynrec_jax.study import identity, prepare, recommend, split_run

pytestmark = pytest.mark.usefixtures('quick_compile')


@pytest.fixture(scope='module')
def saved(tiny_settings, tmp_path_factory, quick_compile):
  del quick_compile
  return Saved(tiny_settings, tmp_path_factory.mktemp('recommend'))


def past_of(user):
  """(video, time) of a user's watches."""
  return [(f'v{v}', at) for u, v, at in worlds.watches() if u == user]


def check_row(saved, row, user, **plain_settings):
  """A line has the list of the user (by position) at the end of the data."""
  videos, log_p = saved.plain.generate(user, 12, 5, **plain_settings)
  assert row['videos'] == [f'v{v}' for v in videos]
  assert row['scores'] == pytest.approx(log_p, abs=2e-4)
  assert set(row) == {'user', 'videos', 'scores'}


def test_everyone_at_the_end_of_the_data(saved):
  rows = saved.lists('all')
  assert [row['user'] for row in rows] == [f'u{i}' for i in range(60)]
  for user, row in enumerate(rows):
    check_row(saved, row, user)


def test_lists_are_no_longer_than_the_catalogue_allows(saved, caplog):
  caplog.set_level('INFO')
  rows = saved.lists('long', decode__k=99)
  lengths = {len(row['videos']) for row in rows}
  told = [r.getMessage() for r in caplog.records][-2:]
  said = f'60 lists of {min(lengths)} to {max(lengths)} videos in '
  assert told[0].startswith(said)
  assert told[1].startswith('decode.k is 99; a list has no more videos than')


def test_an_end_of_the_span_hides_nothing_known(tiny_settings, tmp_path):
  """What was watched after `sessions.end` is read, and not recommended."""
  settings = tiny_settings | {'sessions.end': '2023-09-01'}
  saved = Saved(settings, tmp_path)
  everyone = saved.lists('all')
  late = worlds.START + 243 * worlds.DAY
  assert saved.study.prepared.watches.time.max() < late
  watched_late = []
  for row in everyone:
    user = int(row['user'][1:])
    seen = {video for video, _ in past_of(user)}
    if any(time >= late for _, time in past_of(user)):
      watched_late.append(user)
    assert not seen & set(row['videos'])
  assert len(watched_late) > 20
  # The same past, brought in a file, gives the same lists: it enters u as well.
  past = [(f'u{user}', *w) for user in watched_late for w in past_of(user)]
  path = saved.history('past', past)
  found = saved.lists('past', recommend__history=path)
  lists = {row['user']: row['videos'] for row in everyone}
  assert len(found) == len(watched_late)
  for row in found:
    assert row['videos'] == lists[row['user']]
  # Without what lies outside, they would not.
  nothing = saved.study.prepared.outside.watches
  nothing = type(nothing)(*(column[:0] for column in nothing))
  prepared = saved.study.prepared._replace(
    outside=saved.study.prepared.outside._replace(watches=nothing)
  )
  saved.study.prepared = prepared
  assert saved.lists('inside') != everyone


def test_the_output_lies_in_the_workdir_if_not_named(saved):
  path = recommend.recommend(saved.config(), saved.study.prepared)
  assert path == str(saved.folder / 'run' / 'recommendations.jsonl')


def test_chosen_users_in_the_order_asked(saved):
  rows = saved.lists('chosen', recommend__users=('u41', 'u7'))
  assert [row['user'] for row in rows] == ['u41', 'u7']
  check_row(saved, rows[0], 41)
  check_row(saved, rows[1], 7)


def test_known_videos_may_come_again(saved):
  rows = saved.lists('again', eval__mask_history=False)
  for user, row in enumerate(rows):
    check_row(saved, row, user, mask_known=False)


def test_new_users_get_what_known_ones_with_the_same_past_get(saved):
  """In any order of rows; a repeated watch and unknown videos count not."""
  rows = [('x', *w) for w in reversed(past_of(12))]
  rows += [('y', *w) for w in past_of(3)]
  rows += [('y', past_of(3)[0][0], past_of(3)[-1][1] + 1)]
  rows += [('y', 'elsewhere', 5), ('z', 'elsewhere', 6)]
  path = saved.history('twins', rows)
  found = saved.lists('twins', recommend__history=path)
  assert [row['user'] for row in found] == ['x', 'y', 'z']
  check_row(saved, found[0], 12)
  check_row(saved, found[1], 3)
  # Of z nothing is known: h_1 is 0 and all first videos are alike.
  assert found[2]['videos'][0] == 'v0'
  assert len(set(found[2]['videos'])) == 5


def test_some_of_the_new_users(saved):
  rows = [(name, *w) for name in ('x', 'u3') for w in past_of(12)]
  path = saved.history('some', rows)
  (row,) = saved.lists(
    'some', recommend__history=path, recommend__users=('u3',)
  )
  assert row['user'] == 'u3'  # the file's, not the data's
  check_row(saved, row, 12)


def test_new_users_may_come_after_the_data_s_end(saved):
  """Then the present is a second after their last watch."""
  later = worlds.START + 500 * worlds.DAY
  earlier = later - 400 * worlds.DAY
  rows = [('x', 'v1', later), ('x', 'v21', earlier)]
  path = saved.history('later', rows)
  (row,) = saved.lists('later', recommend__history=path)
  plain = plain_model.PlainModel(
    saved.study, saved.params, ([0, 0], [21, 1], [earlier, later])
  )
  # The unit of age stays the session that it was in training.
  unit_secs = (plain.borders[-1] - plain.borders[0]) / 12
  ages = np.array([400 * worlds.DAY + 1, 1]) / unit_secs
  weights = np.exp(-0.1 * ages)
  u = weights @ saved.study.prepared.behaviours.topics[[21, 1]] / weights.sum()
  plain.borders[-1] = later + 1
  plain.interest = lambda user, session: u
  videos, log_p = plain.generate(0, 12, 5)
  assert row['videos'] == [f'v{v}' for v in videos]
  assert row['scores'] == pytest.approx(log_p, abs=2e-4)


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    (
      {'recommend__users': ('u1', 'u99')},
      r"users names 'u99', who is not among the 60 .*, such as 'u0', 'u1'; for "
      r'somebody who came after it .* in a file, recommend\.history$',
    ),
    ({'recommend__history': '/no/file.csv'}, r'/no/file.csv: found no such fi'),
    ({'recommend__split': 4}, r'split_4.*no checkpoint to load'),
    ({'seed': 5}, r'another config: .*; seed: saved 0, now 5'),
  ],
)
def test_what_cannot_be_done_is_an_error(changes, message, saved):
  with pytest.raises(ValueError, match=message):
    saved.lists('bad', **changes)
  assert not (saved.folder / 'new' / 'folders' / 'bad.jsonl').exists()


def grown(saved, folder, rows, **changes):
  """The config and the study of the data with other watches."""
  worlds.write_folder(folder, rows)
  config = saved.config(
    data__manual_dir=str(folder),
    recommend__output=str(folder / 'lists.jsonl'),
    **changes,
  )
  return config, prepare.prepare(config)


def test_users_who_came_after_the_training_come_in_a_file(saved, tmp_path):
  """A checkpoint is of the users that it was trained with."""
  rows = [*worlds.watches(), *((60, v, t) for _, v, t in worlds.watches()[:9])]
  at = grown(saved, tmp_path / 'grown', rows, recommend__users=('u60',))
  with pytest.raises(
    ValueError,
    match=r'other data; since then: users: 1 user new\. Right: the users as '
    r'they were for the training.*recommend\.history$',
  ):
    recommend.recommend(*at)


def test_known_users_go_on_watching(saved, tmp_path, caplog):
  """What they did in the span since is read, and told; others' lists stay."""
  late = worlds.START + 364 * worlds.DAY
  seen = {video for user, video, _ in worlds.watches() if user == 6}
  more = [(6, video, late) for video in range(20, 30) if video not in seen]
  at = grown(saved, tmp_path / 'grown', [*worlds.watches(), *more])
  with caplog.at_level('INFO', 'absl'):
    recommend.recommend(*at)
  count = len(more)
  assert (
    f'since the training: watches: {count} new of 1 known user; what is new is '
    'only read'
  ) in caplog.text
  path = tmp_path / 'grown' / 'lists.jsonl'
  found = [json.loads(line) for line in path.read_text().splitlines()]
  before = saved.lists('before')
  assert [row['user'] for row in found] == [row['user'] for row in before]
  for old, new in zip(before, found, strict=True):
    if old['user'] != 'u6':
      assert new == old
  assert not {f'v{video}' for _, video, _ in more} & set(found[6]['videos'])


def test_a_checkpoint_alone_knows_what_it_is_of(saved, tmp_path):
  """Its own config refuses, where no file of the folder could."""
  late = worlds.START + 364 * worlds.DAY
  rows = worlds.watches()
  seen = {video for user, video, _ in rows if user == 6}
  new = next(video for video in range(worlds.VIDEOS) if video not in seen)
  at = grown(saved, tmp_path / 'grown', [*rows, (6, new, late)])
  parts = saved.study.parts._replace(prepared=at[1])
  of = at[0], parts, saved.study.split
  with pytest.raises(ValueError, match=r'catalogue\.data\.watches: saved "'):
    split_run.load_params(*of)
  assert split_run.load_params(*of, identity.SERVING)
  users = saved.study.split.users
  swapped = users._replace(train=users.test, test=users.train)
  other = saved.study.split._replace(users=swapped)
  with pytest.raises(ValueError, match=r'catalogue\.split: saved "'):
    split_run.load_params(at[0], parts, other, identity.SERVING)


def test_a_video_that_means_another_is_refused_in_words(saved, tmp_path):
  """As many videos, one of them renamed: positions are not what they were."""
  folder = worlds.write_folder(tmp_path / 'renamed')
  for path in folder.glob('*.csv'):
    text = path.read_text().replace('v39', 'v100')
    path.write_text(text)
  with np.load(folder / 'visual.npz') as stored:
    arrays = dict(stored)
  arrays['id'] = np.where(arrays['id'] == 'v39', 'v100', arrays['id'])
  np.savez(folder / 'visual.npz', **arrays)
  config = saved.config(data__manual_dir=str(folder))
  with pytest.raises(
    ValueError,
    match=r'catalogue\.fingerprint: saved.*Since that run: .*videos: 1 new, 1 ',
  ):
    recommend.recommend(config, prepare.prepare(config))


def test_lists_do_not_depend_on_the_order_of_a_history(saved):
  """Nor on how a user is called; two watches are of one moment."""
  rows = [('x', 'v1', 500), ('x', 'v3', 500), ('x', 'v25', 500)]
  rows += [('y', *row[1:]) for row in rows] + [('w', 'v7', 3)]
  found = []
  for number, mixed in enumerate((rows, rows[::-1])):
    path = saved.history(f'mixed{number}', mixed)
    found.append(saved.lists(f'mixed{number}', recommend__history=path))
  assert found[0] == found[1]
  w, x, y = found[0]
  assert (w['user'], x['user'], y['user']) == ('w', 'x', 'y')
  assert (x['videos'], x['scores']) == (y['videos'], y['scores'])


def test_a_bad_history_names_its_row(saved):
  path = saved.history('bad', [('x', 'v1', 5), ('x', 'v2', 'soon')])
  with pytest.raises(ValueError, match=r"bad.csv, row 2, column 'time'"):
    saved.lists('bad', recommend__history=path)


def test_other_content_of_the_same_shape_is_refused(saved):
  """A checkpoint's parameters mean nothing beside other topics."""
  prepared = saved.study.prepared
  other = prepared._replace(fingerprint='0' * 16)
  with pytest.raises(ValueError, match=r'catalogue.fingerprint: saved'):
    recommend.recommend(saved.config(), other)


def test_a_study_by_time_serves_who_trained_it(tmp_path):
  """From its final split; new videos may be recommended, too."""
  folder = worlds.write_folder(tmp_path / 'folder', worlds.cut_watches())
  settings = worlds.tiny_settings(folder, tmp_path) | worlds.BY_TIME
  saved = Saved(settings, tmp_path)
  rows = saved.lists('everyone', decode__k=12)
  records = saved.study.prepared.records
  assert [row['user'] for row in rows] == list(records.user_ids)
  watched = [set() for _ in rows]
  for user, video in zip(*records.watches[:2], strict=True):
    watched[user].add(records.videos.id[video])
  listed = [set(row['videos']) for row in rows]
  assert all(len(videos) == 12 for videos in listed)
  # What they watched after the cut is known by now.
  assert not any(a & b for a, b in zip(watched, listed, strict=True))
  new = set(records.videos.id[~saved.study.prepared.known_videos])
  assert new & set.union(*listed)
