import pytest
from layout_folders import read, write

from dynrec_jax.data import records as records_lib
from dynrec_jax.sources.asked import Asked

HEAD = (
  'user_id,video_id,play_duration,video_duration,time,date,timestamp,'
  'watch_ratio\n'
)
BIG = (
  HEAD
  + '0,30,13838,10867,2020-07-05 00:08:23.4,20200705,1593878903.438,1.273397\n'
  + '0,8,100,10867,2020-07-05 00:08:24.0,20200705,1593878904.0,0.0092\n'
  + '14,8,9000,9000,,,,1.0\n'
  + '14,8,9000,9000,2020-07-05 00:08:26.0,20200705,1593878906.0,1.0\n'
)
CAPTIONS = (
  'video_id,manual_cover_text,caption,topic_tag,first_level_category_id,'
  'first_level_category_name,second_level_category_id,'
  'second_level_category_name,third_level_category_id,'
  'third_level_category_name\n'
  '8,UNKNOWN,精神小伙路难走 程哥你狗粮慢点撒,"[一起拍,搞笑]",8,颜值,'
  '673,颜值随拍,-124,UNKNOWN\n'
  '30,五爱街,,[],27,高新数码,-124,UNKNOWN,-124,UNKNOWN\n'
  '5,UNKNOWN,first line\n'
  'second line,[],28,摄影,1,x,2,y\n'
)
FILES = {
  'big_matrix.csv': BIG,
  'small_matrix.csv': 'not,read\n',
  'item_categories.csv': 'video_id,feat\n30,"[27, 9]"\n8,[8]\n5,[]\n',
  'kuairec_caption_category.csv': CAPTIONS,
  'item_daily_features.csv': (
    'video_id,date,author_id,video_type,upload_dt\n'
    '8,20200705,3,NORMAL,2020-03-30\n8,20200706,3,NORMAL,2020-03-30\n'
    '77,20200706,3,NORMAL,2020-03-31\n'
  ),
  'user_features.csv': (
    'user_id,user_active_degree,is_lowactive_period,is_live_streamer,'
    'is_video_author,follow_user_num_range,fans_user_num_range,'
    'friend_user_num_range,register_days_range\n'
    '14,high_active,0,0,1,500+,0,250+,730+\n'
  ),
}


@pytest.mark.parametrize('below', ['', 'data/'])
def test_the_folder_or_its_data_makes_records(tmp_path, below):
  folder = write(tmp_path, {below + name: FILES[name] for name in FILES})
  found = read('kuairec', folder)
  assert found.watches() == [
    ('0', '30', 1_593_878_903),
    ('14', '8', 1_593_878_906),
  ]
  assert found.unlisted['unlisted_count'] == 0
  videos = found.videos
  assert videos.id.tolist() == ['5', '8', '30']
  assert videos.title.tolist() == ['', '精神小伙路难走 程哥你狗粮慢点撒', '']
  assert videos.description.tolist() == ['', '', '五爱街']
  assert videos.tags.tolist() == [(), ('一起拍', '搞笑'), ()]
  assert videos.categories.tolist() == [(), ('颜值', '颜值随拍'), ('高新数码',)]
  missing = records_lib.MISSING_TIME
  assert videos.upload_time.tolist() == [missing, 18_351 * 86_400, missing]
  assert found.users.profiles.tolist() == [
    '',
    'activity high_active, streams 0, uploads 1, follows 500+, fans 0, friends '
    '250+, days 730+',
  ]


def test_what_is_left_out_is_told(tmp_path):
  told = read('kuairec', write(tmp_path, FILES)).told
  assert 'big_matrix.csv: 3 of 4 rows count as watches (watch_ratio>=1)' in told
  assert 'big_matrix.csv: 1 watches have no time: left out' in told
  (torn,) = (line for line in told if 'torn' in line)
  assert torn.startswith('kuairec_caption_category.csv: 2 lines are torn')
  assert torn.endswith('the first is line 4')


def test_numbers_stand_for_categories_without_names(tmp_path):
  files = {n: FILES[n] for n in ('big_matrix.csv', 'item_categories.csv')}
  found = read('kuairec', write(tmp_path, files))
  assert found.videos.categories.tolist() == [
    (),
    ('category8',),
    ('category27', 'category9'),
  ]


def test_ids_alone_suffice_and_a_small_matrix_that_lies_alone(tmp_path):
  found = read('kuairec', write(tmp_path, {'small_matrix.csv': BIG}))
  assert found.videos.id.tolist() == ['8', '30']
  assert len(found.watches()) == 2


def test_what_counts_can_be_chosen(tmp_path):
  folder = write(tmp_path, FILES)
  assert len(read('kuairec', folder, Asked(watched='all')).watches()) == 3
  found = read('kuairec', folder, Asked(watched='watch_ratio>=1.2'))
  assert found.watches() == [('0', '30', 1_593_878_903)]


@pytest.mark.parametrize(
  ('name', 'old', 'new', 'message'),
  [
    ('big_matrix.csv', '1593878904.0', 'July', "row 2, column 'timestamp': f"),
    ('big_matrix.csv', '0.0092', '', "row 2, column 'watch_ratio': found ''"),
    ('big_matrix.csv', 'timestamp', 'ts', "no column 'timestamp' "),
    ('big_matrix.csv', '14,8,', '14,,', "row 3, column 'video_id': found ''"),
    ('item_categories.csv', '[8]', '[x]', "row 2, column 'feat': found '"),
    ('item_categories.csv', ',', ';', "no column 'video_id' .columns: video"),
    ('kuairec_caption_category.csv', '\n30,', '\n8,', "found '8' again"),
    ('kuairec_caption_category.csv', 'caption,', 'words,', "column 'caption'"),
    ('item_daily_features.csv', '2020-03-31', '31.3.', 'row 3, .*a date as in'),
  ],
)
def test_damages_are_named(tmp_path, name, old, new, message):
  files = FILES | {name: FILES[name].replace(old, new)}
  with pytest.raises(ValueError, match=message):
    read('kuairec', write(tmp_path, files))


def test_a_matrix_is_asked_for(tmp_path):
  with pytest.raises(ValueError, match=r'manual_dir: .*its big_matrix\.csv or'):
    read('kuairec', tmp_path)
