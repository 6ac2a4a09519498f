import pytest
from layout_folders import read, write

from dynrec_jax.data import records as records_lib
from dynrec_jax.sources import text_tables
from dynrec_jax.sources.asked import Asked

HEAD = (
  'user_id,video_id,date,hourmin,time_ms,is_click,is_like,is_follow,is_comment,'
  'is_forward,is_hate,long_view,play_time_ms,duration_ms,profile_stay_time,'
  'comment_stay_time,is_profile_enter,is_rand,tab\n'
)


def row(user, video, time_ms, *, click, long_view=0):
  return (
    f'{user},{video},20220421,400,{time_ms},{click},0,0,0,0,0,{long_view},1510,'
    '9000,0,0,0,0,1\n'
  )


FIRST = (
  HEAD
  + row(7, 20, 1650485801301, click=1, long_view=1)
  + row(7, 3, 1650485701301, click=0)
  + row(12, 3, 1650485601999, click=1)
)
SECOND = HEAD + row(12, 999, 1650485901000, click=1)
VIDEOS = (
  'video_id,author_id,video_type,upload_dt,upload_type,visible_status,'
  'video_duration,server_width,server_height,music_id,music_type,tag\n'
  '20,441,NORMAL,2020-07-08,ShortImport,1,17200.0,720,1280,9,4,"12,65"\n'
  '3,441,NORMAL,,ShortImport,1,17200.0,720,1280,9,4,\n'
  '4,441,AD,2020-07-09,ShortImport,1,,720,1280,9,4,8\n'
)
USERS = (
  'user_id,user_active_degree,is_lowactive_period,is_live_streamer,'
  'is_video_author,follow_user_num,follow_user_num_range,fans_user_num,'
  'fans_user_num_range,friend_user_num,friend_user_num_range,register_days,'
  'register_days_range,onehot_feat0\n'
  '7,full_active,0,0,1,5,"(0,10]",312,"[100,1k)",0,0,3624,730+,1\n'
)
FILES = {
  'log_standard_4_08_to_4_21_pure.csv': FIRST,
  'log_standard_4_22_to_5_08_pure.csv': SECOND,
  'log_random_4_22_to_5_08_pure.csv': HEAD + row(1, 4, 1, click=1),
  'video_features_basic_pure.csv': VIDEOS,
  'video_features_statistic_pure.csv': 'not,read\n',
  'user_features_pure.csv': USERS,
}


@pytest.mark.parametrize('below', ['', 'data/'])
def test_the_folder_or_its_data_makes_records(tmp_path, below):
  folder = write(tmp_path, {below + name: FILES[name] for name in FILES})
  found = read('kuairand', folder)
  assert found.watches() == [
    ('7', '20', 1_650_485_801),
    ('12', '3', 1_650_485_601),
  ]
  assert found.unlisted == {
    'unlisted_count': 1,
    'first_unlisted': (
      'log_standard_4_22_to_5_08_pure.csv, row 1, column '
      "'video_id': found '999'"
    ),
  }
  videos = found.videos
  assert videos.id.tolist() == ['3', '4', '20']
  assert videos.categories.tolist() == [
    (),
    ('category8',),
    ('category12', 'category65'),
  ]
  day = 86_400
  assert videos.upload_time.tolist() == [
    records_lib.MISSING_TIME,
    18_452 * day,  # 2020-07-09
    18_451 * day,
  ]
  assert found.users.profiles.tolist() == [
    'activity full_active, streams 0, uploads 1, follows (0,10], fans [100,1k),'
    ' friends 0, days 730+',
    '',
  ]
  assert (
    'log_standard_4_08_to_4_21_pure.csv: 2 of 3 rows count as watches '
    '(is_click>=1)' in found.told
  )


@pytest.mark.parametrize(
  ('watched', 'videos'),
  [
    ('all', {'20', '3'}),
    ('long_view>=1', {'20'}),
    ('play_time_ms >= 1510', {'20', '3'}),
    ('play_time_ms>=1510.5', set()),
  ],
)
def test_what_counts_can_be_chosen(tmp_path, watched, videos):
  folder = write(tmp_path, FILES)
  if not videos:
    with pytest.raises(ValueError, match='no row that counts as a watch'):
      read('kuairand', folder, Asked(watched=watched))
    return
  found = read('kuairand', folder, Asked(watched=watched)).watches()
  assert {video for _, video, _ in found} == videos
  assert len(found) == {'all': 3}.get(watched, len(found))


def test_ids_alone_suffice(tmp_path):
  names = [name for name in FILES if name.startswith('log_standard')]
  found = read('kuairand', write(tmp_path, {n: FILES[n] for n in names}))
  assert found.videos.id.tolist() == ['3', '20', '999']
  assert len(found.watches()) == 3


def test_pieces_of_a_file_are_one_log(tmp_path, monkeypatch):
  """Rows keep their numbers beyond the first piece."""
  rows = [row(i % 7, 3 + 17 * (i % 2), 1000 * i, click=1) for i in range(90)]
  log = HEAD + ''.join(rows)
  name = 'log_standard_4_08_to_4_21_pure.csv'
  folder = write(tmp_path, FILES | {name: log})
  whole = read('kuairand', folder)
  monkeypatch.setattr(text_tables, 'BLOCK_BYTES', 500)
  assert read('kuairand', folder).watches() == whole.watches()
  assert len(whole.watches()) == 90
  write(tmp_path, {name: log + row(1, '', 5, click=1)})
  with pytest.raises(ValueError, match="row 91, column 'video_id': found ''"):
    read('kuairand', folder)
  write(tmp_path, {name: log + '1,2\n'})
  with pytest.raises(ValueError, match=r'row 91: found 2 values .*right: 19'):
    read('kuairand', folder)


@pytest.mark.parametrize(
  ('name', 'old', 'new', 'message'),
  [
    (
      'log_standard_4_08_to_4_21_pure.csv',
      'time_ms,is',
      'when,is',
      r"no column 'time_ms' \(columns: user_id, video_id, date, hourmin, when",
    ),
    (
      'log_standard_4_08_to_4_21_pure.csv',
      'is_click',
      'click',
      r"^watched: found 'is_click>=1', and no such column .*right: user_id, ",
    ),
    (
      'log_standard_4_08_to_4_21_pure.csv',
      '1650485601999',
      '16504856x',
      "row 3, column 'time_ms': found '16504856x'; right: a number",
    ),
    (
      'log_standard_4_08_to_4_21_pure.csv',
      '1650485601999',
      '1650485601999000',
      'row 3, .*right: milliseconds since 1970',
    ),
    (
      'video_features_basic_pure.csv',
      '2020-07-09',
      '9.7.2020',
      "row 3, column 'upload_dt': found '9.7.2020'; right: a date as in",
    ),
    (
      'video_features_basic_pure.csv',
      '"12,65"',
      'music',
      "row 1, column 'tag': found 'music'; right: numbers of categories",
    ),
    ('video_features_basic_pure.csv', '\n3,', '\n20,', "'20' again"),
    ('user_features_pure.csv', 'user_id', 'uid', "no column 'user_id'"),
  ],
)
def test_damages_are_named(tmp_path, name, old, new, message):
  files = FILES | {name: FILES[name].replace(old, new)}
  with pytest.raises(ValueError, match=message):
    read('kuairand', write(tmp_path, files))


def test_one_size_is_asked_for(tmp_path):
  with pytest.raises(ValueError, match=r'found no log_standard_\*\.csv in'):
    read('kuairand', tmp_path)
  files = FILES | {'log_standard_4_08_to_4_21_1k.csv': FIRST}
  with pytest.raises(ValueError, match=r'^manual_dir: .*of one size'):
    read('kuairand', write(tmp_path, files))


def test_parts_of_a_log_are_read_together(tmp_path):
  names = [f'log_standard_4_08_to_4_21_27k_part{n}.csv' for n in (1, 2)]
  files = dict(zip(names, (FIRST, SECOND), strict=True))
  assert len(read('kuairand', write(tmp_path, files)).watches()) == 3
