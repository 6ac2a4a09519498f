import numpy as np
import pytest
from layout_folders import read, write

from dynrec_jax.data import records as records_lib
from dynrec_jax.sources.asked import Asked

INTER = (
  'user_id:token\titem_id:token\trating:float\ttimestamp:float\n'
  'bea\ti10\t3\t978300760.9\n'
  'ann\ti2\t5\t40.0\n'
  'bea\ti2\t1\t50\n'
  'bea\tgone\t4\t60\n'
)
ITEM = (
  'item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq'
  '\tpicture:float_seq\n'
  'i10\t"Great" Two\t1996\tComedy Drama\t0.5 -1\n'
  'i2\tOne\t1995\t\t\n'
)
USER = 'user_id:token\tage:token\tbalance:float\nbea\t24\t1.5\ncem\t30\t0\n'
FILES = {'ml.inter': INTER, 'ml.item': ITEM, 'ml.user': USER}


def test_three_files_make_records(tmp_path):
  found = read('recbole', write(tmp_path, FILES | {'other.item': 'x'}))
  assert found.watches() == [
    ('ann', 'i2', 40),
    ('bea', 'i2', 50),
    ('bea', 'i10', 978_300_760),
  ]
  assert found.unlisted == {
    'unlisted_count': 1,
    'first_unlisted': ("ml.inter, row 4, column 'item_id:token': found 'gone'"),
  }
  videos = found.videos
  assert videos.id.tolist() == ['i2', 'i10']
  assert videos.title.tolist() == ['One', '"Great" Two']
  assert videos.categories.tolist() == [(), ('Comedy', 'Drama')]
  assert videos.tags.tolist() == [(), ()]
  assert videos.description.tolist() == ['', '']
  assert (videos.upload_time == records_lib.MISSING_TIME).all()
  assert (videos.view_count == records_lib.MISSING_COUNT).all()
  assert videos.has_visual.tolist() == [False, True]
  assert videos.visual.dtype == np.float32
  assert videos.visual.tolist() == [[0, 0], [0.5, -1]]
  assert found.users.user_ids.tolist() == ['ann', 'bea', 'cem']
  assert found.users.profiles.tolist() == ['', 'age 24', 'age 30']
  assert not len(found.users.tweets.user)


def test_what_is_read_of_the_items_is_told(tmp_path):
  found = read('recbole', write(tmp_path, FILES))
  assert found.told[0] == (
    'ml.item: item_id:token is the id, movie_title:token_seq is the title, '
    'class:token_seq is the categories, picture:float_seq is the visual; not '
    'read: release_year:token'
  )
  assert 'the log and the catalogue: 2 videos in both, 1 only in' in (
    ' '.join(found.told)
  )


def test_ids_alone_suffice(tmp_path):
  found = read('recbole', write(tmp_path, {'ml.inter': INTER}))
  assert found.videos.id.tolist() == ['i2', 'i10', 'gone']
  assert found.videos.visual.shape == (3, 0)
  assert ('bea', 'gone', 60) in found.watches()
  assert found.unlisted['unlisted_count'] == 0


def test_other_names_and_another_unit(tmp_path):
  files = {
    'm.inter': 'u:token\ttracks_id:token\tts:float\na\tx\t5500\nb\ty\t7000\n',
    'm.item': 'tracks_id:token\tone:token_seq\ttwo:token\nx\tA b\tc d\ny\t\t\n',
  }
  names = 'user=u, video=tracks_id, time=ts:ms, videos.id=tracks_id'
  names += ',videos.title=one,videos.tags=two'
  found = read('recbole', write(tmp_path, files), Asked(column_names=names))
  assert found.watches() == [('a', 'x', 5), ('b', 'y', 7)]
  assert found.videos.title.tolist() == ['A b', '']
  assert found.videos.tags.tolist() == [('c d',), ()]  # a token is one word


def test_ratings_that_count_can_be_chosen(tmp_path):
  found = read('recbole', write(tmp_path, FILES), Asked(watched='rating>=3'))
  assert [video for _, video, _ in found.watches()] == ['i2', 'i10']
  assert 'ml.inter: 3 of 4 rows count as watches (rating:float>=3)' in (
    found.told
  )


@pytest.mark.parametrize(
  ('name', 'old', 'new', 'message'),
  [
    (
      'ml.inter',
      'item_id:token',
      'item:token',
      r'ml\.inter: found no column '
      r"'item_id' \(columns: user_id, item, rating, timestamp\); right: "
      r'video=NAME in column_names',
    ),
    ('ml.inter', 'rating:float', 'rating', "ml.inter, heading: found 'rating'"),
    ('ml.inter', 'rating:float', 'rating:int', 'right: NAME:TYPE'),
    ('ml.inter', '\t', ',', 'ml.inter, heading: found .*between tabs'),
    (
      'ml.inter',
      '\t50\n',
      '\tx\n',
      r'ml\.inter, row 3, column '
      r"'timestamp:float': found 'x'; right: a number",
    ),
    ('ml.inter', '\t50\n', '\t\n', "row 3, .*: found ''; right: a number"),
    ('ml.inter', '\t50\n', '\t5e13\n', 'row 3, .*right: seconds since 1970'),
    ('ml.inter', '\t50\n', '\t-1\n', 'row 3, .*right: seconds since 1970'),
    ('ml.inter', '\t50\n', '\n', r'row 3: found 3 values in .*; right: 4'),
    (
      'ml.inter',
      'ann',
      '',
      "row 2, column 'user_id:token': found ''; right: an id",
    ),
    (
      'ml.item',
      'i10\t',
      'i2\t',
      r"ml\.item, row 2, column 'item_id:token': "
      r"found 'i2' again \(first in row 1\)",
    ),
    ('ml.item', '0.5 -1', '0.5 inf', r'row 1, .*: found .*right: finite'),
    ('ml.item', '\t\n', '\t1 2 3\n', r'row 2, .*right: .*, 2 of them'),
    ('ml.user', 'cem', 'bea', r"ml\.user, row 2, .*found 'bea' again"),
    ('ml.inter', INTER, INTER.splitlines()[0] + '\n', 'no row that counts'),
    ('ml.inter', INTER, '', r'ml\.inter: found no heading'),
    ('ml.inter', 'ann', 'Zoë', 'right: UTF-8 text'),
  ],
)
def test_damages_are_named(tmp_path, name, old, new, message):
  data = FILES[name].replace(old, new).encode('latin-1')
  folder = write(tmp_path, FILES | {name: data})
  with pytest.raises(ValueError, match=message):
    read('recbole', folder)


@pytest.mark.parametrize('bad', ['two', 'none'])
def test_one_log_is_asked_for(tmp_path, bad):
  files = {'a.inter': INTER, 'b.inter': INTER} if bad == 'two' else {'a': ''}
  with pytest.raises(ValueError, match=r'^manual_dir: found .*one NAME\.inter'):
    read('recbole', write(tmp_path, files))


def test_a_byte_order_mark_and_line_ends_of_windows_do_no_harm(tmp_path):
  plain = read('recbole', write(tmp_path / 'a', FILES))
  files = {n: '\ufeff' + t.replace('\n', '\r\n') for n, t in FILES.items()}
  other = read('recbole', write(tmp_path / 'b', files))
  assert plain.watches() == other.watches()
  assert plain.videos.title.tolist() == other.videos.title.tolist()
  assert plain.users.profiles.tolist() == other.users.profiles.tolist()


def test_names_that_are_not_there_are_named(tmp_path):
  folder = write(tmp_path, FILES)
  asked = Asked(column_names='videos.tags=words')
  with pytest.raises(ValueError, match=r"'words' \(columns: item_id, movie_"):
    read('recbole', folder, asked)
  with pytest.raises(ValueError, match=r"^watched: found 'stars>=2', and no "):
    read('recbole', folder, Asked(watched='stars>=2'))


def test_two_vectors_are_not_guessed_between(tmp_path):
  item = 'item_id:token\ta:float_seq\tb:float_seq\ni2\t1\t2 3\ni10\t4\t5 6\n'
  folder = write(tmp_path, FILES | {'ml.item': item})
  found = read('recbole', folder)
  assert not found.videos.has_visual.any()
  assert 'not read: a:float_seq, b:float_seq' in ' '.join(found.told)
  found = read('recbole', folder, Asked(column_names='videos.visual=b'))
  assert found.videos.visual.tolist() == [[2, 3], [5, 6]]
