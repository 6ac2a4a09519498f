import datetime

import pytest
from layout_folders import read, write

from dynrec_jax.data import records as records_lib
from dynrec_jax.sources.asked import Asked


def secs(*date):
  return int(datetime.datetime(*date, tzinfo=datetime.UTC).timestamp())


def flags(*on):
  return '|'.join('1' if place in on else '0' for place in range(19))


SMALL = {
  'u.data': '22\t242\t3\t881250949\n186\t30\t1\t891717742\n22\t30\t5\t5\n',
  'u.item': (
    f'242|Café (1995)|01-Jan-1995||http://x|{flags(1, 5)}\n'
    f'30|unknown||||{flags(0)}\n'
  ).encode('latin-1'),
  'u.user': '22|24|M|writer|85711\n7|53|F|other|94043\n',
  'u1.base': 'not read',
}
MIDDLE = {
  'ratings.dat': '1::1193::5::978300760\n1::661::3::978302109\n',
  'movies.dat': (
    "661::Les Misérables: a film (1995)::Animation|Children's\n"
    '1193::Two (1996)::(no genres listed)\n'
  ).encode('latin-1'),
  'users.dat': '1::F::25::10::48067\n',
}
LATEST = {
  'ratings.csv': (
    'userId,movieId,rating,timestamp\n1,1,4.0,964982703\n2,3,0.5,964981247\n'
  ),
  'movies.csv': (
    'movieId,title,genres\n1,Toy Story (1995),Adventure|Fantasy\n'
    '3,"Café, ""the"" (1996)",(no genres listed)\n'
  ),
  'tags.csv': (
    'userId,movieId,tag,timestamp\n2,1,Pixar,9\n2,1,fun,10\n1,1,  pixar ,11\n'
    '1,3,"a, b",12\n1,55,other,13\n'
  ),
  'links.csv': 'movieId,imdbId,tmdbId\n',
}


def test_the_100k(tmp_path):
  found = read('movielens', write(tmp_path, SMALL))
  assert found.watches() == [
    ('22', '30', 5),
    ('22', '242', 881_250_949),
    ('186', '30', 891_717_742),
  ]
  videos = found.videos
  assert videos.id.tolist() == ['30', '242']
  assert videos.title.tolist() == ['unknown', 'Café (1995)']
  assert videos.categories.tolist() == [(), ('Action', 'Comedy')]
  assert videos.upload_time.tolist() == [
    records_lib.MISSING_TIME,
    secs(1995, 1, 1),
  ]
  assert found.users.user_ids.tolist() == ['7', '22', '186']
  assert found.users.profiles.tolist() == [
    'age 53, gender F, occupation other',
    'age 24, gender M, occupation writer',
    '',
  ]


def test_the_1m(tmp_path):
  found = read('movielens', write(tmp_path, MIDDLE))
  assert found.watches() == [
    ('1', '1193', 978_300_760),
    ('1', '661', 978_302_109),
  ]
  assert found.videos.title.tolist() == [
    'Les Misérables: a film (1995)',
    'Two (1996)',
  ]
  assert found.videos.categories.tolist() == [('Animation', "Children's"), ()]
  assert found.users.profiles.tolist() == ['age 25, gender F, occupation 10']


def test_the_10m_is_utf_8_with_half_stars_and_tags(tmp_path):
  files = {
    'ratings.dat': '1::122::4.5::838985046\n',
    'movies.dat': '122::Léon (1994)::Crime\n',
    'tags.dat': '15::122::excellent!::1215184630\n',
  }
  found = read('movielens', write(tmp_path, files))
  assert found.videos.title.tolist() == ['Léon (1994)']
  assert found.videos.tags.tolist() == [('excellent!',)]
  assert found.watches() == [('1', '122', 838_985_046)]


def test_the_latest(tmp_path):
  found = read('movielens', write(tmp_path, LATEST))
  assert found.watches() == [('1', '1', 964_982_703), ('2', '3', 964_981_247)]
  assert found.videos.title.tolist() == [
    'Toy Story (1995)',
    'Café, "the" (1996)',
  ]
  assert found.videos.categories.tolist() == [('Adventure', 'Fantasy'), ()]
  assert found.videos.tags.tolist() == [('pixar', 'fun'), ('a, b',)]
  assert 'tags.csv: 1 tags of other films: left out' in found.told


@pytest.mark.parametrize('files', [SMALL, MIDDLE, LATEST])
def test_ids_alone_suffice(tmp_path, files):
  name = next(iter(files))
  found = read('movielens', write(tmp_path, {name: files[name]}))
  assert len(found.videos.id) == 2
  assert set(found.videos.title) == {''}
  assert set(found.users.profiles) == {''}


def test_ratings_that_count_can_be_chosen(tmp_path):
  found = read('movielens', write(tmp_path, LATEST), Asked(watched='rating>=4'))
  assert found.watches() == [('1', '1', 964_982_703)]


@pytest.mark.parametrize(
  ('files', 'name', 'old', 'new', 'message'),
  [
    (SMALL, 'u.data', '\t', ',', r'u\.data, row 1: found 1 values.*right: 4'),
    (
      SMALL,
      'u.data',
      '\t5\t5\n',
      '\t6\t5\n',
      "row 3, column 'rating': found '6'; right: a number from 0.5 to 5",
    ),
    (SMALL, 'u.item', b'Jan', b'Foo', "row 1, column 'release': found '01-Foo"),
    (SMALL, 'u.item', b'|0|', b'|2|', 'right: a number from 0 to 1'),
    (SMALL, 'u.item', b'30|', b'242|', "row 2, .*found '242' again"),
    (
      MIDDLE,
      'ratings.dat',
      '::',
      ':',
      "row 1: found 1 values in '1:1193:5:978300760'; right: 4, with '::'",
    ),
    (
      MIDDLE,
      'ratings.dat',
      '3::978302109',
      '3::::978302109',
      "row 2: found 5 values in '1::661::3::::978302109'",
    ),
    (MIDDLE, 'ratings.dat', '978302109', '', "row 2, .*'timestamp': found ''"),
    (MIDDLE, 'ratings.dat', '::3::', '::9::', 'from 0.5 to 5'),
    (LATEST, 'ratings.csv', 'movieId', 'item', "no column 'movieId' .columns"),
    (LATEST, 'ratings.csv', ',', ';', "no column 'userId' .columns: userId;mo"),
    (LATEST, 'movies.csv', 'genres', 'kinds', "no column 'genres'"),
    (LATEST, 'movies.csv', '3,"', ',"', "row 2, column 'movieId': found ''"),
  ],
)
def test_damages_are_named(tmp_path, files, name, old, new, message):
  folder = write(tmp_path, files | {name: files[name].replace(old, new)})
  with pytest.raises(ValueError, match=message):
    read('movielens', folder)


def test_an_empty_file_and_another_encoding_are_named(tmp_path):
  folder = write(tmp_path, LATEST | {'ratings.csv': ''})
  with pytest.raises(ValueError, match='no heading'):
    read('movielens', folder)
  movies = LATEST['movies.csv'].encode('cp1252')
  folder = write(tmp_path, LATEST | {'movies.csv': movies})
  with pytest.raises(
    ValueError, match=r'movies\.csv, line 3: found the bytes '
  ):
    read('movielens', folder)
  with pytest.raises(ValueError, match=r'u\.data: found no row'):
    read('movielens', write(tmp_path / 'empty', {'u.data': ''}))


def test_one_size_is_asked_for(tmp_path):
  with pytest.raises(ValueError, match=r'^manual_dir: found no such file in'):
    read('movielens', tmp_path)
  with pytest.raises(ValueError, match=r'found u\.data and ratings\.csv in'):
    read('movielens', write(tmp_path, SMALL | LATEST))


def test_marks_and_line_ends_of_windows_do_no_harm(tmp_path):
  for number, files in enumerate((SMALL, MIDDLE, LATEST)):
    plain = read('movielens', write(tmp_path / f'{number}', files))
    windows = {
      name: (
        content.decode('latin-1') if isinstance(content, bytes) else content
      )
      for name, content in files.items()
    }
    windows = {
      n: '\ufeff' + t.replace('\n', '\r\n') for n, t in windows.items()
    }
    other = read('movielens', write(tmp_path / f'{number}w', windows))
    assert plain.watches() == other.watches()
    assert plain.videos.title.tolist() == other.videos.title.tolist()
