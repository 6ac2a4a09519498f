"""The source `movietweetings`, on lines written here and on the real data."""

import hashlib
import json
import os
import pathlib
import shutil
import threading

import numpy as np
import pytest
import requests

from dynrec_jax.data import records
from dynrec_jax.sources import load, movietweetings

MOVIES = (
  '0000012::À l’été (1913)::Drama|Short\n'
  '0000007::Two: A Tale (1990)::\n'
  '0000345::Three (2012)::Comedy\n'
)
RATINGS = '10::0000345::0::1365000000\n2::12::10::1366000000\n'
CONTENT = {
  'imdb': 7,
  'overview': 'An overview.',
  'tagline': '',
  'keywords': ['sea', 'ship'],
  'release_date': '1969-12-31',
}

real_data = pytest.mark.skipif(
  'MOVIETWEETINGS_DIR' not in os.environ,
  reason='MOVIETWEETINGS_DIR does not name a folder of the real data',
)


def write_folder(folder: pathlib.Path, *, movies=MOVIES, ratings=RATINGS):
  folder.mkdir()
  (folder / 'movies.dat').write_text(movies, encoding='utf-8')
  (folder / 'ratings.dat').write_text(ratings, encoding='utf-8')
  return folder


def write_content(folder: pathlib.Path, *rows: dict) -> None:
  lines = ''.join(json.dumps(row) + '\n' for row in rows)
  (folder / 'content.jsonl').write_text(lines, encoding='utf-8')


def loaded(folder, tmp_path) -> records.Records:
  return load.load_source(
    'movietweetings', data_dir=tmp_path / 'data', manual_dir=folder
  )


def test_two_files_alone_give_records(tmp_path):
  found = loaded(write_folder(tmp_path / 'in'), tmp_path)
  assert found.user_ids.tolist() == ['2', '10']  # by number, not by letter
  assert found.watches.user.tolist() == [0, 1]
  assert found.watches.video.tolist() == [1, 2]
  assert found.watches.time.tolist() == [1366000000, 1365000000]
  assert found.videos.id.tolist() == ['0000007', '0000012', '0000345']
  assert found.videos.title[1] == 'À l’été (1913)'
  assert found.videos.categories.tolist() == [
    (),
    ('Drama', 'Short'),
    ('Comedy',),
  ]
  assert set(found.videos.upload_time.tolist()) == {records.MISSING_TIME}
  assert set(found.videos.view_count.tolist()) == {records.MISSING_COUNT}
  assert found.videos.visual.shape == (3, 0)
  assert not found.videos.has_visual.any()
  assert len(found.tweets.user) == 0
  assert found.profiles.tolist() == ['', '']


def test_texts_and_features_join_where_the_folder_has_them(tmp_path):
  folder = write_folder(tmp_path / 'in')
  both = {'imdb': 345, 'tagline': 'Tag.', 'keywords': [], 'release_date': None}
  write_content(folder, CONTENT, {**CONTENT, **both})
  feature = np.array([[1, 2], [3, 4]], np.float16)
  np.savez(folder / 'visual.npz', imdb=np.array([345, 12]), feature=feature)
  videos = loaded(folder, tmp_path).videos
  assert videos.description.tolist() == [
    'An overview.',
    '',
    'An overview. Tag.',
  ]
  assert videos.tags.tolist() == [('sea', 'ship'), (), ()]
  # The last day before 1970 is not mistaken for an unknown date.
  assert videos.upload_time.tolist() == [
    -86400,
    records.MISSING_TIME,
    records.MISSING_TIME,
  ]
  assert videos.visual.dtype == np.float16
  assert videos.visual.tolist() == [[0, 0], [3, 4], [1, 2]]
  assert videos.has_visual.tolist() == [False, True, True]


@pytest.mark.parametrize(
  ('line', 'right'),
  [
    ('1::12::11::1365000000', 'a rating from 0 to 10'),
    ('1::12::-1::1365000000', 'user::film::rating::unix seconds'),
    ('1::12::7', 'user::film::rating::unix seconds'),
    ('1::12::7::1365000000::', 'user::film::rating::unix seconds'),
    ('1::12::7.5::1365000000', 'user::film::rating::unix seconds'),
    ('', 'user::film::rating::unix seconds'),
    ('x::12::7::1365000000', 'user::film::rating::unix seconds'),
    ('1::13::7::1365000000', 'a film that movies.dat lists'),
    ('1::12::7::1365000000000', 'a time in seconds, before year 3000'),
  ],
)
def test_a_malformed_rating_is_named(tmp_path, line, right):
  ratings = f'{RATINGS}{line}\n{RATINGS}'
  folder = write_folder(tmp_path / 'in', ratings=ratings)
  with pytest.raises(ValueError, match='line 3') as error:
    loaded(folder, tmp_path)
  path = folder / 'ratings.dat'
  assert str(error.value) == f'{path}, line 3: found {line!r}; right: {right}'


@pytest.mark.parametrize(
  ('line', 'right'),
  [
    ('0000001::One (2000)', 'id::title (year)::Genre|Genre'),
    ('tt1::One (2000)::Drama', 'id::title (year)::Genre|Genre'),
    ('0000001::::Drama', 'id::title (year)::Genre|Genre'),
    ('0000001::One (2000)::Drama||War', 'id::title (year)::Genre|Genre'),
    ('12::Again (2000)::Drama', 'every film once (first in line 1)'),
  ],
)
def test_a_malformed_film_is_named(tmp_path, line, right):
  folder = write_folder(tmp_path / 'in', movies=f'{MOVIES}{line}\n')
  with pytest.raises(ValueError, match=r'movies\.dat, line 4: found ') as error:
    loaded(folder, tmp_path)
  assert str(error.value).endswith(f'; right: {right}')


def test_text_that_is_not_utf8_is_named(tmp_path):
  folder = write_folder(tmp_path / 'in')
  (folder / 'movies.dat').write_bytes(MOVIES.encode() + b'1::\xff::Drama\n')
  with pytest.raises(
    ValueError, match=r'movies\.dat, line 4: found .*xff.*UTF'
  ):
    loaded(folder, tmp_path)


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'imdb': 8}, "line 2: found '8'; right: a film that movies.dat lists"),
    ({'imdb': '7'}, "line 2: found '7'; right: .* each film once"),
    ({'imdb': 12.5}, "row 2, column 'imdb': found 12.5; right: a string"),
    ({'overview': None}, "row 2, column 'overview': found nothing .null.; ri"),
    ({'keywords': 'sea'}, "row 2, column 'keywords': found 'sea'; right: a li"),
    ({'release_date': '1990'}, "line 2: found '1990'; right: release_date nul"),
    ({'rating': 3}, "row 2: found the unknown column 'rating'; right: imdb,"),
  ],
)
def test_a_wrong_content_row_is_named(tmp_path, change, message):
  folder = write_folder(tmp_path / 'in')
  write_content(folder, CONTENT, {**CONTENT, 'imdb': 345, **change})
  with pytest.raises(ValueError, match=rf'content\.jsonl, {message}'):
    loaded(folder, tmp_path)


def test_a_feature_of_an_unknown_film_is_named(tmp_path):
  folder = write_folder(tmp_path / 'in')
  feature = np.ones((2, 3), np.float16)
  np.savez(folder / 'visual.npz', imdb=np.array([12, 99]), feature=feature)
  with pytest.raises(ValueError, match=r"array 'imdb', row 2: found 99; right"):
    loaded(folder, tmp_path)


def test_a_folder_without_the_films_is_refused(tmp_path):
  folder = write_folder(tmp_path / 'in')
  (folder / 'movies.dat').unlink()
  with pytest.raises(ValueError, match=r'^manual_dir: found no movies\.dat'):
    loaded(folder, tmp_path)


class FakeResponse:
  """What a server gives."""

  status_code = 200
  headers: dict = {}  # noqa: RUF012

  def __init__(self, url: str, content: bytes):
    self.url = url
    self.content = content

  def __enter__(self):
    return self

  def __exit__(self, *_):
    pass

  def iter_content(self, chunk_size):
    return iter([self.content])


def serve(monkeypatch, content_of) -> list[str]:
  """Lets `content_of(name)` answer for the net; gives the URLs asked for."""
  urls = []

  def get(self, url, **_):
    urls.append(url)
    return FakeResponse(url, content_of(url.rsplit('/')[-1]))

  monkeypatch.setattr(requests.Session, 'get', get)
  return urls


def no_net(name):
  raise requests.exceptions.ConnectionError('no route to host')


@pytest.mark.parametrize(
  ('answer', 'reason'),
  [(no_net, 'no route to host'), (lambda name: b'not it', 'wrong checksum')],
)
def test_a_failed_download_says_what_to_do(
  tmp_path, monkeypatch, answer, reason
):
  asked = threading.Semaphore(0)

  def answered(name):
    asked.release()
    return answer(name)

  serve(monkeypatch, answered)
  with pytest.raises(
    ValueError, match=r'set config\.data\.manual_dir'
  ) as error:
    loaded(None, tmp_path)
  # The other file is asked for by a thread, which must not find the real net.
  for _ in movietweetings.URLS:
    assert asked.acquire(timeout=60)
  assert reason in str(error.value)
  assert all(url in str(error.value) for url in movietweetings.URLS.values())


@real_data
def test_the_download_is_the_registered_snapshot(tmp_path, monkeypatch):
  real = pathlib.Path(os.environ['MOVIETWEETINGS_DIR'])
  urls = serve(monkeypatch, lambda name: (real / name).read_bytes())
  downloaded = loaded(None, tmp_path)
  assert sorted(urls) == sorted(movietweetings.URLS.values())
  # The same two files in a folder are the same source: nothing new is written.
  folder = tmp_path / 'in'
  folder.mkdir()
  for name in movietweetings.URLS:
    shutil.copy(real / name, folder)
  before = sorted(tmp_path.glob('data/*'))
  again = loaded(folder, tmp_path)
  assert sorted(tmp_path.glob('data/*')) == before
  assert len(downloaded.watches.user) == 100_000
  np.testing.assert_array_equal(again.watches.time, downloaded.watches.time)


@real_data
def test_the_real_data_are_what_their_readme_says(tmp_path):
  folder = pathlib.Path(os.environ['MOVIETWEETINGS_DIR'])
  found = loaded(folder, tmp_path)
  user, video, time = found.watches
  assert (len(user), len(found.user_ids)) == (100_000, 16_554)
  assert len(found.videos.id) == len(np.unique(video)) == 10_506
  days = np.array([time.min(), time.max()]).astype('datetime64[s]')
  assert days.astype('datetime64[D]').astype(str).tolist() == [
    '2013-02-28',
    '2013-09-01',
  ]
  # More than 10 films a user, then at least 3 users a film, once.
  rows = np.bincount(user)[user] > 10
  rows[rows] = np.bincount(video[rows])[video[rows]] >= 3
  assert rows.sum() == 57_730
  assert len(np.unique(user[rows])) == 2_353
  assert len(np.unique(video[rows])) == 3_313
  assert np.all(np.diff(found.user_ids.astype(int)) > 0)
  assert np.all(np.lexsort((time, user)) == np.arange(len(user)))


@real_data
def test_the_real_texts_and_features_join(tmp_path):
  folder = pathlib.Path(os.environ['MOVIETWEETINGS_DIR'])
  if not (folder / 'visual.npz').is_file():
    pytest.skip('the folder of MOVIETWEETINGS_DIR has no visual.npz')
  videos = loaded(folder, tmp_path).videos
  assert videos.visual.shape == (10_506, 1280)
  assert videos.has_visual.sum() == 1_741
  with np.load(folder / 'visual.npz') as arrays:
    films, feature = arrays['imdb'], arrays['feature']
  row_of = {int(film): row for row, film in enumerate(videos.id)}
  rows = [row_of[film] for film in films.tolist()]
  np.testing.assert_array_equal(videos.visual[rows], feature)
  with open(folder / 'content.jsonl', encoding='utf-8') as file:
    content = {row['imdb']: row for row in map(json.loads, file)}
  for film, row in row_of.items():
    wanted = content.get(film, {'overview': '', 'keywords': []})
    assert videos.description[row].startswith(wanted['overview'])
    assert videos.tags[row] == tuple(wanted['keywords'])
  known = videos.upload_time != records.MISSING_TIME
  assert known.sum() == 3_099
  assert (videos.upload_time[known] < 0).any()


class Downloads:
  """Files by URL, damaged until one is taken away."""

  def __init__(self, folder, contents):
    self.folder, self.contents, self.fetched = folder, contents, []

  def download(self, urls):
    paths = {name: self.folder / name for name in urls}
    for name, path in paths.items():
      if not path.exists():
        path.write_text(self.contents[name])
        self.fetched.append(name)
    return paths


def test_a_damaged_download_is_fetched_again(tmp_path, monkeypatch, caplog):
  contents = {'ratings.dat': 'ratings', 'movies.dat': 'movies'}
  registered = {
    name: hashlib.sha256(text.encode()).hexdigest()
    for name, text in contents.items()
  }
  monkeypatch.setattr(movietweetings, 'snapshot_sha256', lambda: registered)
  (tmp_path / 'ratings.dat').write_text('rat')
  (tmp_path / 'movies.dat').write_text('movies')
  source = Downloads(tmp_path, contents)
  paths = movietweetings._downloaded(source)
  assert {name: path.read_text() for name, path in paths.items()} == contents
  assert source.fetched == ['ratings.dat']
  assert caplog.text.count('is not whole: fetching it again') == 1
