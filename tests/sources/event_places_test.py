"""Rows of events in the files that they came from."""

import json

import pytest

from dynrec_jax.data.spread import Event
from dynrec_jax.sources import event_places


@pytest.fixture
def folder(tmp_path):
  rows = [('ann', 'v1', 70), (7, 'v2', 50), ('ann', 'v1', 70), ('ann', 'v2', 5)]
  lines = [f'{user},{video},{time}\n' for user, video, time in rows]
  (tmp_path / 'watches.csv').write_text('user,video,time\n' + ''.join(lines))
  (tmp_path / 'videos.csv').write_text('id\nv1\nv2\n')
  tweets = [{'user': 'bob', 'time': t, 'text': 'x'} for t in (9, 8, 8)]
  (tmp_path / 'tweets.jsonl').write_text('\n'.join(map(json.dumps, tweets)))
  return str(tmp_path)


def test_the_row_of_each_event(folder):
  events = [
    Event('watches', 'ann', 'v2', 5),
    Event('tweets', 'bob', '', 8),
    Event('watches', '7', 'v2', 50),
    Event('watches', 'ann', 'v1', 70),  # twice: the first
  ]
  assert event_places.of_files(folder, events) == [
    'watches.csv, row 4',
    'tweets.jsonl, row 2',
    'watches.csv, row 2',
    'watches.csv, row 1',
  ]
  assert event_places.of_files(folder, []) == []


def test_tweets_whose_topics_are_given_need_no_text(folder, tmp_path):
  (tmp_path / 'tweets.jsonl').write_text('{"user": "bob", "time": 3}')
  (event,) = [Event('tweets', 'bob', '', 3)]
  assert event_places.of_files(folder, [event]) == ['tweets.jsonl, row 1']
