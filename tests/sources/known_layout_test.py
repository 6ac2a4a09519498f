"""Data sets as they lie, from folder to prepared copy, and what is asked."""

import logging

import pytest
from layout_folders import read, write
from loaded_folder import assert_same

from dynrec_jax.sources import known_layout, load, prepared
from dynrec_jax.sources.asked import Asked

RECBOLE = {
  'a.inter': (
    'user_id:token\titem_id:token\ttimestamp:float\nu\tx\t5\nv\tz\t6\n'
  ),
  'a.item': 'item_id:token\ttitle:token_seq\nx\tOne\ny\tTwo\n',
}
MOVIELENS = {'ratings.dat': '1::2::3::5\n1::3::5::6\n'}


def loaded(name, tmp_path, **asked):
  return load.load_source(
    name, data_dir=tmp_path / 'data', manual_dir=tmp_path / 'in', **asked
  )


def copies(tmp_path):
  return {path.name for path in (tmp_path / 'data').iterdir()}


def test_a_copy_is_what_was_read_and_is_made_once(
  tmp_path, caplog, monkeypatch
):
  folder = write(tmp_path / 'in', RECBOLE | {'readme.csv': ''})
  found = read('recbole', folder)
  with caplog.at_level(logging.INFO):
    records = loaded('recbole', tmp_path)
  assert_same(records.videos, found.videos)
  assert_same(records.watches, found.users.watches)
  assert records.user_ids.tolist() == ['u', 'v']
  for told in (found.told[0], 'readme.csv', "row 2, column 'item_id:token'"):
    assert told in caplog.text
  monkeypatch.setattr(known_layout, 'videos', None)  # nobody calls it again
  caplog.clear()
  with caplog.at_level(logging.INFO):
    assert_same(loaded('recbole', tmp_path), records)
  assert found.told[0] in caplog.text  # told at every reading


def test_strictly_every_video_is_listed(tmp_path):
  write(tmp_path / 'in', RECBOLE)
  with pytest.raises(ValueError, match=r"'z', and 0 more such rows; .*strict="):
    loaded('recbole', tmp_path, strict=True)


def test_what_is_asked_and_the_layout_make_copies_of_their_own(tmp_path):
  """The same bytes under other readings are other records."""
  write(tmp_path / 'in', MOVIELENS)
  assert len(loaded('movielens', tmp_path).watches.user) == 2
  one = copies(tmp_path)
  found = loaded('movielens', tmp_path, watched='rating>=4')
  assert len(found.watches.user) == 1
  two = copies(tmp_path)
  assert one < two
  loaded('movielens', tmp_path, watched='rating>=4')
  assert copies(tmp_path) == two


@pytest.mark.parametrize('name', load.LAYOUTS)
def test_a_folder_is_asked_for(tmp_path, name):
  for folder in (None, tmp_path / 'nowhere'):
    with pytest.raises(ValueError, match=r'^manual_dir: found '):
      load.load_source(name, data_dir=tmp_path / 'data', manual_dir=folder)
  (tmp_path / 'in').mkdir()
  with pytest.raises(ValueError, match=r'right: '):
    loaded(name, tmp_path)
  assert not (tmp_path / 'data').exists()


@pytest.mark.parametrize(
  ('name', 'asked', 'message'),
  [
    (
      'kuairand',
      {'column_names': 'user=x'},
      "^column_names: found 'user=x' "
      'with the source kuairand; right: nothing, or .*files, recbole, crossosn',
    ),
    ('files', {'watched': 'all'}, "^watched: found 'all' with the source file"),
    ('crossosn', {'watched': 'all'}, '^watched: found'),
    (
      'recbole',
      {'topics_time': 0},
      '^topics_time: found 0 with the source ',
    ),
    (
      'recbole',
      {'column_names': 'tweets.user=x'},
      "found 'tweets.user'; ",
    ),
    ('recbole', {'watched': 'rating'}, r"^watched: found 'rating'; right: all"),
  ],
)
def test_what_a_source_cannot_be_asked_is_refused(
  tmp_path, name, asked, message
):
  with pytest.raises(ValueError, match=message):
    loaded(name, tmp_path, **asked)


def test_nothing_asked_is_told_as_nothing():
  """Copies of earlier versions stay those of their files."""
  assert Asked().told() == {}
  assert Asked('a=b', topics_time=0).told() == {
    'column_names': 'a=b',
    'topics_time': '0',
  }


def test_what_is_not_read_is_told_wherever_the_data_lie(tmp_path, caplog):
  folder = write(
    tmp_path,
    {
      'data/log_standard_1_pure.csv': 'user_id\n',
      'data/log_random_1_pure.csv': '',
      'load_data_pure.py': '',
    },
  )
  with caplog.at_level(logging.INFO):
    prepared.of_files('kuairand', tmp_path / 'cache', folder, Asked())
  told = [line.partition('features: ')[2] for line in caplog.messages]
  assert told == ['load_data_pure.py', 'log_random_1_pure.csv']
