"""What a folder is of: the same data go on, of others is told what changed."""

import json
import pathlib

import numpy as np
import pytest
import worlds

from dynrec_jax.data import summary
from dynrec_jax.study import (
  cross_validate,
  prepare,
  same_data,
  splits,
  tune,
)
from dynrec_jax.study.train_and_evaluate import train_and_evaluate

ROWS = worlds.watches()
pytestmark = pytest.mark.usefixtures('quick_compile')


def never(step):
  return False


def at(study, folder, **changes):
  """The study's config with another folder."""
  config = study.config.copy_and_resolve_references()
  config.workdir = str(folder)
  changes = {key.replace('__', '.'): value for key, value in changes.items()}
  config.update_from_flattened_dict(changes)
  return config


def changed(prepared, field, value=1):
  """The study with another number of its second user or video."""
  column = getattr(prepared.summary, field).copy()
  column[1] += np.asarray(value, column.dtype)
  new = prepared.summary._replace(**{field: column})
  return prepared._replace(summary=new)


def prepared_from(folder, root, rows=None, **changes):
  """A study of a folder that is written here."""
  if rows is not None:
    worlds.write_folder(folder, rows)
  settings = worlds.tiny_settings(folder, root)
  return prepare.prepare(worlds.tiny_config(settings, **changes))


def test_a_folder_keeps_what_it_is_of(study, tmp_path):
  config = at(study, tmp_path / 'run')
  same_data.refuse_other(config, study.prepared)  # nothing lies there
  assert not (tmp_path / 'run').exists()
  same_data.hold(config, study.prepared)
  facts = json.loads((tmp_path / 'run' / 'data.json').read_text())
  assert facts['digests'] == summary.table_digests(study.prepared.summary)
  assert facts['keys']['filter.min_videos_per_user'] == 4
  before = {p.name: p.stat().st_mtime_ns for p in (tmp_path / 'run').iterdir()}
  assert sorted(before) == ['data.json', 'data.npz']
  same_data.hold(config, study.prepared)
  after = {p.name: p.stat().st_mtime_ns for p in (tmp_path / 'run').iterdir()}
  assert after == before
  assert same_data.since(config, study.prepared) == ''


@pytest.mark.parametrize(
  ('field', 'told'),
  [
    ('user', 'watches: 1 user new, 1 gone'),
    ('watch_count', 'watches: 1 new of 1 known user'),
    ('watches', 'watches: others of 1 known user'),
    ('tweets', 'tweets: others of 1 known user'),
    ('profile', 'profiles: others of 1 known user'),
    ('video', 'videos: 1 new, 1 gone'),
    ('texts', 'videos: 1 with another text'),
    ('feature', 'features: others of 1 known video'),
  ],
)
def test_other_data_are_refused_in_words(field, told, study, tmp_path):
  config = at(study, tmp_path)
  same_data.hold(config, study.prepared)
  with pytest.raises(ValueError, match='of other data') as error:
    same_data.hold(config, changed(study.prepared, field))
  assert str(error.value) == (
    f'{tmp_path} holds a run of other data; since then: {told}. Right: '
    'mode=update, where rows were added; another workdir, or the data as they '
    'were'
  )
  same_data.hold(config, study.prepared)


def test_tables_that_need_not_be_the_same_may_differ(study, tmp_path):
  config = at(study, tmp_path)
  same_data.hold(config, study.prepared)
  other = changed(study.prepared, 'watches')
  same_data.refuse_other(config, other, ('users', 'videos'))
  assert same_data.since(config, other, ('users',)) == ''
  assert same_data.since(config, other) == 'watches: others of 1 known user'


def test_every_mode_that_goes_on_refuses(study, tmp_path):
  """Before anything is trained, fitted or written."""
  other = changed(study.prepared, 'watch_count')
  for number, door in enumerate(
    (
      train_and_evaluate,
      lambda *of: train_and_evaluate(*of, train=False),
      tune.tune,
      cross_validate.cross_validate,
    )
  ):
    config = at(study, tmp_path / str(number), eval__methods=('popularity',))
    same_data.hold(config, study.prepared)
    before = sorted(path.name for path in (tmp_path / str(number)).iterdir())
    with pytest.raises(ValueError, match=r'watches: 1 new of 1 known user\. R'):
      door(config, other, never)
    after = sorted(path.name for path in (tmp_path / str(number)).iterdir())
    assert after == before


def test_every_mode_says_what_it_is_of(study, tmp_path):
  doors = (train_and_evaluate, tune.tune)
  for number, door in enumerate(doors):
    config = at(study, tmp_path / str(number), eval__methods=('popularity',))
    assert door(config, study.prepared, never) is not None
    assert same_data.since(config, changed(study.prepared, 'watches'))


def test_keys_that_chose_other_users_are_told_too(study, tmp_path, tiny_root):
  config = at(study, tmp_path)
  same_data.hold(config, study.prepared)
  fewer = at(study, tmp_path, filter__min_videos_per_user=8)
  with pytest.raises(
    ValueError, match=r'gone.*; filter\.min_videos_per_user was 4, is 8\. Ri'
  ):
    same_data.hold(fewer, prepare.prepare(fewer))


@pytest.mark.parametrize('left', ['split_0', 'tuning', 'results.json'])
def test_a_run_of_an_earlier_version_is_one_line(left, study, tmp_path):
  """It has checkpoints or results, and does not say of what."""
  (tmp_path / left).mkdir()
  config = at(study, tmp_path)
  with pytest.raises(ValueError, match='Right: another workdir') as error:
    same_data.hold(config, study.prepared)
  assert '\n' not in str(error.value)
  assert f'holds {"split_*" if "split" in left else left} and no data.json' in (
    str(error.value)
  )
  assert not (tmp_path / 'data.json').exists()


@pytest.mark.parametrize('text', ['', '{', '[]', '{"digests": {}}', 'null'])
def test_damaged_facts_are_one_line(text, study, tmp_path):
  config = at(study, tmp_path)
  same_data.hold(config, study.prepared)
  (tmp_path / 'data.json').write_text(text)
  with pytest.raises(ValueError, match=r'data\.json: damaged, .* another work'):
    same_data.hold(config, study.prepared)


@pytest.mark.parametrize(
  'damage', ['cut', 'empty', 'gone', 'no zip', 'flipped']
)
def test_lost_numbers_are_written_again(damage, study, tmp_path):
  """Digests still tell that data are others, if not by how much."""
  config = at(study, tmp_path)
  same_data.hold(config, study.prepared)
  path = tmp_path / 'data.npz'
  whole = path.read_bytes()
  flipped = bytearray(whole)
  flipped[len(whole) // 2] ^= 1
  if damage == 'gone':
    path.unlink()
  else:
    path.write_bytes(
      {
        'cut': whole[: len(whole) // 2],
        'empty': b'',
        'no zip': b'numbers',
        'flipped': bytes(flipped),
      }[damage]
    )
  with pytest.raises(
    ValueError, match=r'watches are others \(data\.npz, which knew, is lost\)'
  ):
    same_data.hold(config, changed(study.prepared, 'watches'))
  same_data.hold(config, study.prepared)
  told = same_data.since(config, changed(study.prepared, 'watches'))
  assert told == 'watches: others of 1 known user'


def test_a_log_that_has_grown_is_refused(study, tmp_path):
  """The example that was accepted: new watches of known users, in the span."""
  config = at(study, tmp_path / 'run')
  same_data.hold(config, study.prepared)
  late = worlds.START + 364 * worlds.DAY
  seen = {(user, video) for user, video, _ in ROWS}
  new = [(u, 7, late) for u in range(9) if (u, 7) not in seen]
  new += [(60, video, late + video) for video in range(8)]
  grown = prepared_from(tmp_path / 'grown', tmp_path, [*ROWS, *new])
  with pytest.raises(ValueError, match='of other data') as error:
    train_and_evaluate(config, grown, never)
  count = len(new) - 8
  assert f'watches: {count} new of {count} known users, 1 user new' in str(
    error.value
  )
  less = [row for row in ROWS if row[0] != 3]
  fewer = prepared_from(tmp_path / 'less', tmp_path, less)
  with pytest.raises(ValueError, match='then: watches: 1 user gone'):
    train_and_evaluate(config, fewer, never)


def test_rows_that_the_study_does_not_read_do_not_count(study, tmp_path):
  """Outside the span, of users below the filter, of unlisted videos."""
  config = at(study, tmp_path / 'run')
  same_data.hold(config, study.prepared)
  end = worlds.START + 365 * worlds.DAY
  rows = [
    *ROWS,
    *((user, 3, end + user) for user in range(20)),
    *((70, video, worlds.START + video) for video in range(3)),
    (71, 99, worlds.START),
  ]
  same_data.hold(config, prepared_from(tmp_path / 'more', tmp_path, rows))


def test_rows_in_another_order_are_the_same_run(tmp_path):
  """The same digests, splits and lists, bit for bit; many equal times."""
  rows = [(u, v, t - t % (30 * worlds.DAY) + 3600) for u, v, t in ROWS]
  found = []
  for number in range(2):
    folder, root = tmp_path / f'in{number}', tmp_path / f'root{number}'
    worlds.write_tweets(worlds.write_folder(folder, rows))
    if number:
      rng = np.random.default_rng(9)
      for path in folder.glob('*.csv'):
        head, *lines = path.read_text().splitlines()
        mixed = [head, *rng.permutation(lines)]
        path.write_text('\n'.join(mixed) + '\n')
      with np.load(folder / 'visual.npz') as stored:
        order = rng.permutation(len(stored['id']))
        arrays = {name: stored[name][order] for name in stored.files}
      np.savez(folder / 'visual.npz', **arrays)
    config = worlds.tiny_config(
      worlds.tiny_settings(folder, root),
      eval__methods=('popularity', 'fpmc', 'lfm_sgd', 'model'),
      train__max_epochs=1,
    )
    prepared = prepare.prepare(config)
    assert train_and_evaluate(config, prepared, never)
    this = splits.make_split(config, prepared, 0)
    lists = {
      path.relative_to(root): path.read_bytes()
      for path in sorted(pathlib.Path(config.workdir).rglob('*.jsonl'))
      if 'lists' in path.parts
    }
    found.append((prepared, this.users, lists))
  (one, users, lists), (two, same_users, same_lists) = found
  assert summary.table_digests(one.summary) == summary.table_digests(
    two.summary
  )
  assert one.fingerprint == two.fingerprint
  for a, b in zip(users, same_users, strict=True):
    np.testing.assert_array_equal(a, b)
  assert len(lists) == 8
  assert lists == same_lists


def test_features_that_another_key_chose_are_told_with_it(study, tmp_path):
  config = at(study, tmp_path, text__encoder='given')
  same_data.hold(config, study.prepared)
  config.text.encoder = 'tfidf_svd'
  told = same_data.since(config, changed(study.prepared, 'feature'))
  assert told == (
    'features: others of 1 known video; text.encoder was given, is tfidf_svd'
  )
