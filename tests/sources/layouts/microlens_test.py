import io

import numpy as np
import pytest
from layout_folders import read, write

from dynrec_jax.sources.asked import Asked

FEATURES = np.arange(12, dtype=np.float32).reshape(4, 3)
PAIRS = (
  'user,item,timestamp\n'
  '9,4,1583378629999\n'
  '10,2,1583378630000\n'
  '9,2,1583378600001\n'
  '9,77,1583378600001\n'
)


def npy(array):
  file = io.BytesIO()
  np.save(file, array)
  return file.getvalue()


FILES = {
  'MicroLens-50k_pairs.csv': PAIRS,
  'MicroLens-50k_pairs.tsv': '9\t4 2\n10\t2\n',
  'MicroLens-50k_titles.csv': 'item,title\n4,"One, two"\n2,Drei\n',
  'MicroLens-50k_likes_and_views.txt': '2\t5\t70\n3\t1\t8\n4\t0\t90\n',
  'tags_to_summary.csv': '2,Music\n3,Food\n',
  'MicroLens-50k_image_features_CLIPRN50.npy': npy(FEATURES + 100),
  'extracted_modality_features/MicroLens-50k_video_features_VideoMAE.npy': npy(
    FEATURES
  ),
}


def test_all_files_make_records(tmp_path):
  found = read('microlens', write(tmp_path, FILES))
  assert found.watches() == [
    ('9', '2', 1_583_378_600),
    ('9', '4', 1_583_378_629),  # rounded down
    ('10', '2', 1_583_378_630),
  ]
  assert found.unlisted == {
    'unlisted_count': 1,
    'first_unlisted': (
      "MicroLens-50k_pairs.csv, row 4, column 'item': found '77'"
    ),
  }
  videos = found.videos
  assert videos.id.tolist() == ['2', '4']
  assert videos.title.tolist() == ['Drei', 'One, two']
  assert videos.view_count.tolist() == [70, 90]
  assert videos.categories.tolist() == [('Music',), ()]
  assert videos.visual.tolist() == [[3, 4, 5], [9, 10, 11]]  # row i: item i + 1
  assert videos.has_visual.all()
  assert found.users.profiles.tolist() == ['', '']
  told = ' '.join(found.told)
  assert 'MicroLens-50k_video_features_VideoMAE.npy: the visual' in told


def test_the_100k_as_its_readme_spells_it(tmp_path):
  """Other names of columns; titles without a heading, not quoted."""
  files = {
    'MicroLens-100k_pairs.csv': (
      'userID,videoID,timestamp\n1,2,5000\n1,3,9000\n'
    ),
    'MicroLens-100k_title_en.csv': '\ufeff2,Hello, you\n3,Say "yes" now\n',
    'MicroLens-100k_image_features_CLIPRN50.npy': npy(FEATURES),
  }
  found = read('microlens', write(tmp_path, files))
  assert found.watches() == [('1', '2', 5), ('1', '3', 9)]
  assert found.videos.title.tolist() == ['Hello, you', 'Say "yes" now']
  assert found.videos.visual.tolist() == [[3, 4, 5], [6, 7, 8]]


@pytest.mark.parametrize('rest', [(), ('MicroLens-50k_likes_and_views.txt',)])
def test_ids_alone_suffice(tmp_path, rest):
  """Of the log, or of the table of views."""
  names = ['MicroLens-50k_pairs.csv', *rest]
  found = read('microlens', write(tmp_path, {n: FILES[n] for n in names}))
  wanted = ['2', '3', '4'] if rest else ['2', '4', '77']
  assert found.videos.id.tolist() == wanted
  assert set(found.videos.title) == {''}
  assert found.unlisted['unlisted_count'] == len(rest)


def test_titles_of_several_lines_are_told(tmp_path):
  titles = 'item,title\n4,"One\n5,Five"\n2,Two\n'
  folder = write(tmp_path, FILES | {'MicroLens-50k_titles.csv': titles})
  assert '1 titles are of several lines' in read('microlens', folder).warned[0]


@pytest.mark.parametrize(
  ('name', 'content', 'message'),
  [
    (
      '_pairs.csv',
      None,
      r'^manual_dir: .*one MicroLens-50k_pairs\.csv.*tells '
      'no times',
    ),
    (
      '_pairs.csv',
      PAIRS.replace(',', ';'),
      r"no column 'user' \(columns: "
      r'user;item;timestamp\); right: user, item, timestamp',
    ),
    ('_pairs.csv', PAIRS.replace('item', 'thing'), "no column 'item'"),
    (
      '_pairs.csv',
      PAIRS.replace('1583378600001', 'now', 1),
      "row 3, column 'timestamp': found 'now'",
    ),
    (
      '_pairs.csv',
      PAIRS.replace('1583378600001', '3e16', 1),
      'row 3, .*milliseconds',
    ),
    ('_pairs.csv', '', r'pairs\.csv: found no heading'),
    ('_titles.csv', 'item,title\n4,a\nx,b\n', "line 3: found 'x,b'; right: it"),
    ('_titles.csv', '4,a\n4,b\n', "row 2, column 'item': found '4' again"),
    ('_titles.csv', 'item,title\n', 'found no row; right: one per item'),
    ('_titles.csv', '4,caf\xe9\n'.encode('latin-1'), 'line 1: .*UTF-8 text'),
    ('_titles.csv', '400,a\n2,b\n', "4 rows, and none for the item '400'"),
    ('_titles.csv', '1,a\n3,b\n', 'and no id of the log is of a listed video'),
    ('_likes_and_views.txt', '2\t1\tmany\n', "column 'views': found 'many'"),
    ('_likes_and_views.txt', '2\t1\t1.5\n', 'right: a whole number'),
    ('_likes_and_views.txt', '2,1,5\n', 'row 1: found 1 values.*right: 3'),
  ],
)
def test_damages_are_named(tmp_path, name, content, message):
  name = f'MicroLens-50k{name}'
  files = {k: v for k, v in FILES.items() if k != name}
  if content is not None:
    files[name] = content
  with pytest.raises(ValueError, match=message):
    read('microlens', write(tmp_path, files))


def test_all_comments_are_watches_unless_asked_otherwise(tmp_path):
  folder = write(tmp_path, FILES)
  asked = Asked(watched='timestamp>=1583378610000')
  assert len(read('microlens', folder, asked).watches()) == 2
  assert len(read('microlens', folder, Asked(watched='all')).watches()) == 3
