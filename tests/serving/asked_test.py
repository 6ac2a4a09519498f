"""Requests as bytes: what is right, and one reason for all that is not."""

import json

import pytest

from dynrec_jax.data.records import MISSING_TIME
from dynrec_jax.serving import asked
from dynrec_jax.serving.asked import Asked, BadRequest, Limits, NewVideo

WATCHES = Limits('watches', 4, 10, 2)
TWEETS = Limits('tweets', 4, 10)
NOBODY = Limits('', 4, 10)


def body(**fields):
  return json.dumps(fields).encode()


def test_a_user_of_the_data():
  assert asked.parse_asked(body(user='u1'), WATCHES) == Asked('u1', (), 10)
  assert asked.parse_asked(body(user='ü', k=3), NOBODY) == Asked('ü', (), 3)


def test_somebody_new():
  watches = [{'video': 'v1', 'time': 0}, {'time': 7, 'video': 'v2'}]
  found = asked.parse_asked(body(watches=watches), WATCHES)
  assert found == Asked('', (('v1', 0), ('v2', 7)), 10)
  assert asked.parse_asked(body(watches=[]), WATCHES) == Asked('', (), 10)
  tweets = [{'text': '', 'time': 32_503_679_999}]
  found = asked.parse_asked(body(tweets=tweets), TWEETS)
  assert found.history == (('', 32_503_679_999),)


def watch(**fields):
  return body(watches=[{'video': 'v1', 'time': 1} | fields])


@pytest.mark.parametrize(
  ('text', 'limits', 'message'),
  [
    (b'', WATCHES, 'the body is not JSON: Expecting value'),
    (b'{"user": "u1"', WATCHES, 'the body is not JSON'),
    (b'\xff\xfe\xfa', WATCHES, 'the body is not JSON'),
    (b'{"user": "u\x00"}', WATCHES, 'the body is not JSON'),
    (b'[' * 200_000, WATCHES, 'nested too deeply'),
    (b'{"k":' * 200_000, WATCHES, 'nested too deeply'),
    (b'{"k": ' + b'9' * 5000 + b'}', WATCHES, 'the body is not JSON: Exceeds'),
    (b'{"k": NaN}', WATCHES, 'NaN is no number of JSON'),
    (b'{"k": -Infinity}', WATCHES, '-Infinity is no number'),
    (b'"user"', WATCHES, "the body: found 'user'; right: an object"),
    (b'[]', WATCHES, r'the body: found \[\]; right: an object'),
    (body(), WATCHES, r'found \[\]; right: one of the fields user or watches'),
    (body(), NOBODY, 'right: one of the fields user$'),
    (body(user='a', watches=[]), WATCHES, r"\['user', 'watches'\]; right: one"),
    (body(user='a', tweets=[]), WATCHES, "'tweets'; right: the fields user, k"),
    (body(watches=[]), NOBODY, "found 'watches'; right: the fields user, k$"),
    (body(user=''), WATCHES, "user: found ''; right: text that is not empty"),
    (body(user=None), WATCHES, 'user: found None; right: text'),
    (body(user=['u1']), WATCHES, r"user: found \['u1'\]; right: text"),
    (body(user={'a': 'b' * 999}), WATCHES, r'user: found .{60}\.\.\.; right'),
    (body(user='u', k=0), WATCHES, 'k: found 0; right: a whole number from'),
    (body(user='u', k=11), WATCHES, 'from 1 to 10$'),
    (body(user='u', k=True), WATCHES, 'k: found True'),
    (body(user='u', k=2.0), WATCHES, r'k: found 2\.0'),
    (body(user='u', k='2'), WATCHES, "k: found '2'"),
    (body(watches={}), WATCHES, 'watches: found {}; right: a list'),
    (body(watches=['v1']), WATCHES, r"watches\[0\]: found 'v1'; right: an ob"),
    (body(watches=[{}]), WATCHES, r'watches\[0\]\.video: found None'),
    (watch(video=7), WATCHES, r'watches\[0\]\.video: found 7; right: text'),
    (watch(time=None), WATCHES, r'\.time: found None; right: a whole num'),
    (watch(time=1.5), WATCHES, r'\.time: found 1\.5'),
    (watch(time=True), WATCHES, r'\.time: found True'),
    (watch(time='1'), WATCHES, r"\.time: found '1'"),
    (watch(time=-1), WATCHES, r'\.time: found -1'),
    (watch(time=1_700_000_000_000), WATCHES, 'years 1970 to 2999'),
    (b'{"watches":[{"video":"v","time":1e999}]}', WATCHES, 'found inf; right'),
    (b'{"watches":[{"video":"v","time":NaN}]}', WATCHES, 'NaN is no number'),
    (watch(rating=5), WATCHES, r"watches\[0\]: found 'rating'; right: the fie"),
  ],
)
def test_what_is_wrong_is_told(text, limits, message):
  with pytest.raises(BadRequest, match=message) as caught:
    asked.parse_asked(text, limits)
  assert caught.value.status == 400
  assert len(str(caught.value)) < 400


def test_a_long_history_is_too_long():
  rows = [{'video': 'v1', 'time': 1}] * 5
  with pytest.raises(BadRequest, match='5 entries; right: 4 at') as caught:
    asked.parse_asked(body(watches=rows), WATCHES)
  assert caught.value.status == 413


def test_new_videos():
  rows = [
    {'id': 'n1'},
    {
      'id': 'n2',
      'title': 'A title',
      'description': '',
      'tags': ['x', 'y'],
      'categories': ['z'],
      'upload_time': -5,
      'visual': [1, 0.5],
    },
  ]
  found = asked.parse_videos(body(videos=rows), WATCHES)
  assert found == [
    NewVideo('n1', '', '', (), (), MISSING_TIME, ()),
    NewVideo('n2', 'A title', '', ('x', 'y'), ('z',), -5, (1.0, 0.5)),
  ]


@pytest.mark.parametrize(
  ('rows', 'limits', 'message'),
  [
    (None, WATCHES, 'videos: found None; right: a list'),
    ([], WATCHES, r'videos: found \[\]; right: one video or more'),
    ([{'id': 'n'}] * 5, WATCHES, 'found 5 entries'),
    ([{}], WATCHES, r'videos\[0\]\.id: found None'),
    ([{'id': 'n'}, {'id': 'n'}], WATCHES, r'videos\[1\]\.id: .*every id once'),
    ([{'id': 'n', 'tag': 'x'}], WATCHES, r"videos\[0\]: found 'tag'; right"),
    ([{'id': 'n', 'tags': 'x'}], WATCHES, r"\.tags: found 'x'; right: a list"),
    ([{'id': 'n', 'tags': ['']}], WATCHES, r"\.tags\[0\]: found ''"),
    ([{'id': 'n', 'title': 3}], WATCHES, r'\.title: found 3; right: text$'),
    ([{'id': 'n', 'upload_time': 0.5}], WATCHES, r'\.upload_time: found 0\.5'),
    ([{'id': 'n', 'visual': [1]}], WATCHES, '1 numbers.; right: 2 finite num'),
    ([{'id': 'n', 'visual': [1, '2']}], WATCHES, r"visual\[1\]: found '2'"),
    ([{'id': 'n', 'visual': [1, True]}], WATCHES, r'visual\[1\]: found True'),
    ([{'id': 'n', 'visual': [1, 1e300]}], WATCHES, r'visual\[1\]: found 1e\+3'),
    ([{'id': 'n', 'visual': [1]}], TWEETS, 'right: nothing: videos here have'),
  ],
)
def test_a_wrong_new_video_is_told(rows, limits, message):
  with pytest.raises(BadRequest, match=message):
    asked.parse_videos(body(videos=rows), limits)
