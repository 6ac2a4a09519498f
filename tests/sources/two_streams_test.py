"""Films with a picture and films without, as two networks."""

import os
import pathlib

import numpy as np
import pytest

from dynrec_jax.data import filters, records
from dynrec_jax.sources import load, two_streams


def object_rows(*rows):
  return records.object_array(rows)


VIDEOS = records.Videos(
  id=object_rows('a', 'b', 'c'),
  title=object_rows('Alien (1979)', 'Brazil (1985)', ''),
  description=object_rows('In space', '', 'Nobody knows'),
  tags=object_rows((), ('ducts',), ()),
  categories=object_rows(('Horror',), ('Comedy', 'Drama'), ()),
  upload_time=np.zeros(3, np.int64),
  view_count=np.zeros(3, np.int64),
  visual=np.eye(3, 2, dtype=np.float32),
  has_visual=np.array([True, False, False]),
)
RECORDS = records.Records(
  object_rows('x', 'y'),
  records.Watches(
    np.array([0, 0, 0, 1, 1], np.int32),
    np.array([1, 0, 2, 0, 1], np.int32),
    np.array([5, 6, 7, 3, 9]),
  ),
  VIDEOS,
  records.no_tweets(),
  object_rows('', ''),
)


def test_each_film_is_in_one_stream():
  found = two_streams.two_streams(RECORDS)
  assert [c.tolist() for c in found.watches] == [[0, 1], [0, 0], [6, 3]]
  tweets = found.tweets
  assert tweets.user.tolist() == [0, 0, 1]
  assert tweets.time.tolist() == [5, 7, 9]
  brazil = 'Brazil (1985) Comedy Drama'
  assert tweets.text.tolist() == [brazil, 'Nobody knows', brazil]
  assert tweets.topics.shape == (3, 0)


@pytest.mark.parametrize('has', [True, False])
def test_one_stream_alone_is_an_error(has):
  videos = VIDEOS._replace(has_visual=np.full(3, has))
  count = 3 if has else 0
  with pytest.raises(ValueError, match=f'features of {count} of 3 films'):
    two_streams.two_streams(RECORDS._replace(videos=videos))


@pytest.mark.skipif(
  not os.environ.get('MOVIETWEETINGS_DIR'), reason='needs MOVIETWEETINGS_DIR'
)
def test_the_real_streams_have_the_counts_of_their_readme(tmp_path):
  found = load.load_source(
    'movietweetings_streams',
    data_dir=tmp_path,
    manual_dir=pathlib.Path(os.environ['MOVIETWEETINGS_DIR']),
  )
  watches, _ = filters.filter_watches(found.watches, mode='fixpoint')
  kept = filters.compact(found, watches)
  assert len(kept.watches.user) == 33_545
  assert (len(kept.user_ids), len(kept.videos.id)) == (1504, 1741)
  assert len(kept.tweets.user) == 18_698
  assert len(np.unique(kept.tweets.user)) == 1477
