import datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from layout_folders import write

from dynrec_jax.data.spread import Event
from dynrec_jax.sources import columns, event_places, load, own_folder
from dynrec_jax.sources.columns import Named


def test_names_are_read_by_table():
  text = ' user=uid, time=ts:ms,videos.id=item_id,tweets.time=at:iso,'
  assert columns.parse(text) == {
    'watches': {'user': Named('uid'), 'time': Named('ts', 'ms')},
    'videos': {'id': Named('item_id')},
    'tweets': {'time': Named('at', 'iso')},
  }
  assert columns.parse('') == {}
  # A colon may be of the name itself.
  assert columns.parse('user=a:b')['watches']['user'] == Named('a:b')


@pytest.mark.parametrize(
  ('text', 'message'),
  [
    ('user', "^column_names: found 'user'; right: such as user=uid,"),
    ('user=', "found 'user='; right: such as"),
    ('users=uid', "found 'users'; right: watches.user, watches.video, watches"),
    ('films.id=x', "found 'films.id'; right: watches.user"),
    ('id=x', "found 'id'; right: .*videos.id"),
    ('user=a,watches.user=b', "found 'watches.user' twice"),
    ('user=uid:ms', "found 'user=uid:ms'; right: a unit behind time or upload"),
    ('user=a,video=a', "'a' as watches.user and watches.video; right: each"),
  ],
)
def test_what_names_nothing_is_refused(text, message):
  with pytest.raises(ValueError, match=message):
    columns.parse(text)


def test_the_tables_are_those_of_own_folders():
  """Whose columns a module without heavy libraries must know."""
  for table, names in columns.NAMES.items():
    assert tuple(own_folder.EVENTS.get(table, names)) == names
  specs = own_folder.SPECS
  assert {name: tuple(spec) for name, spec in specs.items()} == columns.NAMES


NAMES = (
  'user=uid,video=item,time=ts:ms,videos.id=item,videos.title=name,'
  'videos.upload_time=up:iso,tweets.user=who,tweets.time=at:iso,tweets.text=says'
)
FILES = {
  'watches.csv': (
    'ts,item,extra,uid\n2500,v1,x,bea\n999,v2,y,ann\n1e3,v2,,bea\n'
  ),
  'videos.jsonl': (
    '{"item": "v1", "name": "One", "up": "1970-01-02", "id": 7}\n'
    '{"item": "v2", "name": null, "up": null}\n'
  ),
  'tweets.csv': 'who,at,says\nbea,1970-01-01T02:00:00+01:00,hi\n',
}


def loaded(tmp_path, files=FILES, names=NAMES):
  folder = write(tmp_path / 'in', files)
  return load.load_source(
    'files', data_dir=tmp_path / 'data', manual_dir=folder, column_names=names
  )


def test_other_names_and_units_are_the_same_records(tmp_path):
  found = loaded(tmp_path)
  assert found.user_ids.tolist() == ['ann', 'bea']
  assert found.watches.user.tolist() == [0, 1, 1]
  assert found.watches.video.tolist() == [1, 1, 0]
  assert found.watches.time.tolist() == [0, 1, 2]
  assert found.videos.id.tolist() == ['v1', 'v2']
  assert found.videos.title.tolist() == ['One', '']
  assert found.videos.upload_time[0] == 86_400
  assert found.tweets.time.tolist() == [3600]
  places = event_places.of_files(
    tmp_path / 'in', [Event('watches', 'ann', 'v2', 0)], NAMES
  )
  assert places == ['watches.csv, row 2']
  with pytest.raises(ValueError, match="the unknown column 'item'"):
    loaded(tmp_path, names='')  # a copy of its own, not the one just made


def test_parquet_has_names_and_times_of_its_own(tmp_path):
  moments = [datetime.datetime(1970, 1, 1, 0, 0, s) for s in (5, 6)]
  table = pa.table({'u': ['a', 'b'], 'v': [1, 2], 'at': moments, 'w': [0, 0]})
  folder = write(tmp_path / 'in', {'videos.csv': 'id\n1\n2\n'})
  pa.parquet.write_table(table, folder / 'watches.parquet')
  found = loaded(tmp_path, {}, 'user=u,video=v,time=at')
  assert found.watches.time.tolist() == [5, 6]
  np.testing.assert_array_equal(found.videos.id, ['1', '2'])


@pytest.mark.parametrize(
  ('names', 'message'),
  [
    (
      'user=nobody,videos.id=item',
      r"watches\.csv: found no column 'nobody' \(columns: ts, "
      r'item, extra, uid\); right: user=NAME in column_names, NAME one of',
    ),
    (
      'user=uid,time=ts,videos.id=item',
      r"no column 'video' \(columns: ts, item, extra, uid",
    ),
    (NAMES + ',videos.tags=words', r"'words' \(.*right: videos\.tags=NAME in"),
    (NAMES.replace('item,time', 'uid2,time'), "no column 'uid2'"),
    (
      NAMES.replace('ts:ms', 'ts:iso'),
      "row 1, column 'ts': found '2500'; right: a time as in",
    ),
    (
      NAMES.replace('ts:ms', 'ts'),
      "row 3, column 'ts': found '1e3'; right: a whole number of seconds",
    ),
    (NAMES.replace('ts:ms', 'extra:s'), "row 1, column 'extra': found 'x'"),
    (NAMES.replace('at:iso', 'at:ms'), "tweets.csv, row 1, column 'at'"),
  ],
)
def test_names_that_are_not_there_are_named(tmp_path, names, message):
  with pytest.raises(ValueError, match=message):
    loaded(tmp_path, names=names)
