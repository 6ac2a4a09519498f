"""What an update keeps: as it was written, of the folder that counts."""

import json
import pathlib

import numpy as np
import pytest
import worlds

from dynrec_jax.study import kept, workdir
from dynrec_jax.study.kept import Growth, Kept, KeptTweets, KeptVideos
from dynrec_jax.topics.topic_state import TopicState
from dynrec_jax.topics.twitter_lda import TopicCounts
from dynrec_jax.topics.word_counts import KeptTopics


def numbers(*shape):
  return np.arange(np.prod(shape), dtype=np.float32).reshape(shape)


def a_kept(study, *, full=True) -> Kept:
  """Of the tiny study; without a model of topics or tweets if not full."""
  model = KeptTopics(
    np.array('one\ntwo'),
    numbers(2, 3),
    numbers(0, 3),
    np.array('mm_lda'),
    0.2,
    0.02,
    1.5,
  )
  counts = TopicCounts(numbers(2, 3), numbers(2), numbers(4, 3))
  videos = KeptVideos(
    text=numbers(2, 5),
    has_text=np.array([True, False]),
    text_model={'words': np.array('a\nb'), 'size': np.array(5)},
    topics=numbers(2, 3),
    top_words=np.array([['x'], ['y'], ['']]),
    topic_model=model if full else None,
    centres=numbers(0, 0),
    of_frames=np.array(False),
    basis=numbers(4, 2),
    columns={'categories': np.array('["k"]')} if full else {},
  )
  tweets = KeptTweets(
    77, 9, ['straße', 'b'], np.array([1, -1], np.int16), TopicState(12, counts)
  )
  return Kept(
    123, 2, 'abc', study.prepared.summary, videos, tweets if full else None
  )


def same(one, other):
  if isinstance(one, tuple | list) and not isinstance(one, str):
    assert len(one) == len(other)
    for pair in zip(one, other, strict=True):
      same(*pair)
  elif isinstance(one, dict):
    assert one.keys() == other.keys()
    for name in one:
      same(one[name], other[name])
  else:
    np.testing.assert_array_equal(one, other)
    assert np.asarray(one).dtype == np.asarray(other).dtype


@pytest.mark.parametrize('full', [True, False])
def test_it_is_read_as_it_was_written(full, study, tmp_path, tiny_settings):
  config = worlds.tiny_config(tiny_settings, workdir=str(tmp_path))
  assert kept.read(config) is None
  assert kept.of_folder(config) is None
  before = a_kept(study, full=full)
  kept.write(tmp_path, before)
  same(kept.read(config), before)
  growth = kept.of_folder(config)
  assert (growth.until, growth.joins) == (123, False)


def test_one_file_says_which_folder_counts(study, tmp_path, tiny_settings):
  config = worlds.tiny_config(tiny_settings, workdir=str(tmp_path))
  kept.refuse_updated(config, measures=False)
  kept.write(tmp_path / 'updates' / 'new', a_kept(study))
  assert kept.read(config) is None
  path = tmp_path / workdir.CURRENT
  path.write_text(json.dumps({'folder': 'updates/new'}))
  assert kept.read(config).until == 123
  for measures in (True, False):
    with pytest.raises(ValueError, match='another workdir, or to measure it'):
      kept.refuse_updated(config, measures=measures)
  config.workdir = str(tmp_path / 'updates' / 'new')
  kept.refuse_updated(config, measures=True)
  with pytest.raises(ValueError, match='gone on with'):
    kept.refuse_updated(config, measures=False)
  path.write_text('{')
  config.workdir = str(tmp_path)
  with pytest.raises(ValueError, match=r'current\.json: damaged'):
    kept.read(config)


def test_a_damaged_file_is_told(study, tmp_path, tiny_settings):
  config = worlds.tiny_config(tiny_settings, workdir=str(tmp_path))
  kept.write(tmp_path, a_kept(study))
  path = pathlib.Path(tmp_path, 'kept.npz')
  path.write_bytes(path.read_bytes()[:-200])
  with pytest.raises(ValueError, match=r'kept\.npz cannot be read'):
    kept.read(config)
  np.savez(path, until=np.array(1))
  with pytest.raises(ValueError, match=r'kept\.npz lacks'):
    kept.read(config)


def test_where_the_kept_ones_stand(study):
  records = study.prepared.records
  growth = Growth(a_kept(study), 0, False)
  users, videos = growth.places(records)
  np.testing.assert_array_equal(users, np.arange(len(records.user_ids)))
  for found in growth.known(records):
    assert found.all()
  turned = records._replace(user_ids=records.user_ids[::-1])
  users, _ = growth.places(turned)
  np.testing.assert_array_equal(users, np.arange(len(users))[::-1])
  fewer = records._replace(user_ids=records.user_ids[2:])
  with pytest.raises(ValueError, match=r'^2 users of the study gone from'):
    growth.places(fewer)
  assert videos.tolist() == list(range(len(records.videos.id)))
