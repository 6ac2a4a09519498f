"""What a study was made of: equal only if it is, and changes told in words."""

import numpy as np
import pytest

from dynrec_jax.data import canonical, records, summary
from dynrec_jax.data.records import Records, Tweets, Videos, Watches

WATCHES = [(0, 1, 10), (0, 2, 20), (1, 0, 15), (1, 2, 15), (2, 0, 5)]
TWEETS = [(0, 3, 'sea', (1.0,)), (0, 4, 'sky', (0.5,)), (2, 3, 'sea', (1.0,))]


def make(
  *,
  users=('ann', 'bea', 'cem'),
  videos=('a', 'b', 'c'),
  watches=WATCHES,
  tweets=TWEETS,
  **changes,
):
  """A study of three users and three videos, with other columns."""
  user, video, time = np.array(watches, np.int64).T
  who, when, text, topics = zip(*tweets, strict=True)
  count = len(videos)
  columns = {
    'title': records.object_array([f'title {v}' for v in videos]),
    'description': records.object_array([''] * count),
    'tags': records.object_array([('x', 'y')] * count),
    'categories': records.object_array([()] * count),
    'upload_time': np.arange(count),
    'view_count': np.arange(count) * 10,
    'visual': np.arange(count * 2, dtype=np.float32).reshape(count, 2),
    'has_visual': np.ones(count, bool),
  }
  profiles = changes.pop('profiles', [f'of {user}' for user in users])
  return Records(
    records.object_array(users),
    Watches(user.astype(np.int32), video.astype(np.int32), time),
    Videos(id=records.object_array(videos), **(columns | changes)),
    Tweets(
      np.array(who, np.int32),
      np.array(when, np.int64),
      records.object_array(text),
      np.array(topics, np.float32),
    ),
    records.object_array(profiles),
  )


def summarise(study):
  return summary.summarise(study, study.videos.visual)


def changes(study, tables=summary.TABLES, before=None):
  return summary.changes(summarise(before or make()), summarise(study), tables)


def other(name, place, value):
  """A column of the videos with another value."""
  column = getattr(make().videos, name).copy()
  column[place] = value
  return {name: column}


def test_the_same_is_the_same():
  one, two = summarise(make()), summarise(make())
  for a, b in zip(one, two, strict=True):
    np.testing.assert_array_equal(a, b)
  assert summary.changes(one, two, summary.TABLES) == []
  found = summary.table_digests(one)
  assert tuple(found) == summary.TABLES
  assert found == summary.table_digests(two)
  assert all(len(digest) == 16 for digest in found.values())


CHANGES = {
  'a watch of a known user': (
    {'watches': [*WATCHES[:2], (0, 0, 30), *WATCHES[2:]]},
    ['watches: 1 new of 1 known user'],
  ),
  'a watch less': (
    {'watches': WATCHES[1:]},
    ['watches: 1 gone of 1 known user'],
  ),
  'two watches whose times changed places': (
    {'watches': [(0, 2, 10), (0, 1, 20), *WATCHES[2:]]},
    ['watches: others of 1 known user'],
  ),
  'a watch at another second': (
    {'watches': [*WATCHES[:-1], (2, 0, 6)]},
    ['watches: others of 1 known user'],
  ),
  'one more tweet': (
    {'tweets': [*TWEETS, (2, 9, '', (0.0,))]},
    ['tweets: 1 new of 1 known user'],
  ),
  'another word': (
    {'tweets': [(0, 3, 'seal', (1.0,)), *TWEETS[1:]]},
    ['tweets: others of 1 known user'],
  ),
  'another topic of a tweet': (
    {'tweets': [(0, 3, 'sea', (0.75,)), *TWEETS[1:]]},
    ['tweets: others of 1 known user'],
  ),
  'another profile': (
    {'profiles': ['of ann', '', 'of cem']},
    ['profiles: others of 1 known user'],
  ),
  'a renamed user': (
    {'users': ('ann', 'bob', 'cem'), 'profiles': ['of ann', 'x', 'of cem']},
    ['watches: 1 user new, 1 gone'],
  ),
  'a renamed video': (
    {'videos': ('a', 'b', 'd'), **other('title', 2, 'title c')},
    ['watches: others of 2 known users', 'videos: 1 new, 1 gone'],
  ),
  'another title': (
    other('title', 1, 'B'),
    ['videos: 1 with another text'],
  ),
  'tags that are cut elsewhere': (
    other('tags', 1, ('x,y',)),
    ['videos: 1 with another text'],
  ),
  'a tag that is a category': (
    other('tags', 1, ('x',)) | other('categories', 1, ('y',)),
    ['videos: 1 with another text'],
  ),
  'views and an upload': (
    other('view_count', slice(None), 7) | other('upload_time', 2, 5),
    ['videos: 1 with another upload time, 3 with another view count'],
  ),
  'a feature': (
    other('visual', (2, 1), np.nextafter(np.float32(5), np.float32(6))),
    ['features: others of 1 known video'],
  ),
  'features of another width': (
    {'visual': np.zeros((3, 0), np.float32)},
    ['features: others of 3 known videos'],
  ),
  'features of another kind of number': (
    {'visual': make().videos.visual.astype(np.float16)},
    ['features: others of 3 known videos'],
  ),
  'users in another order': (
    {
      'users': ('bea', 'ann', 'cem'),
      'watches': [(0, 0, 15), (0, 2, 15), (1, 1, 10), (1, 2, 20), (2, 0, 5)],
      'tweets': [(1, *row[1:]) if row[0] == 0 else row for row in TWEETS],
    },
    [
      'watches: in another order',
      'tweets: in another order',
      'profiles: in another order',
    ],
  ),
}


@pytest.mark.parametrize('name', CHANGES)
def test_changes_are_told_in_words(name):
  changed, words = CHANGES[name]
  assert changes(make(**changed)) == words


def test_a_grown_log_is_told_as_a_person_would():
  grown = make(
    users=('ann', 'bea', 'dan', 'eva', 'fay'),
    watches=[
      *WATCHES[:2],
      *((0, video, 40) for video in range(3)),
      *WATCHES[2:4],
      (1, 1, 50),
      (2, 0, 60),
      (3, 0, 61),
      (4, 0, 62),
    ],
    tweets=TWEETS[:2],
  )
  assert changes(grown) == [
    'watches: 4 new of 2 known users, 3 users new, 1 gone'
  ]
  assert changes(grown, ['users']) == ['users: 3 users new, 1 gone']
  assert changes(make(), before=grown) == [
    'watches: 4 gone of 2 known users, 1 user new, 3 gone'
  ]
  fewer = make(users=('ann', 'bea'), watches=WATCHES[:4], tweets=TWEETS[:2])
  assert changes(fewer) == ['watches: 1 user gone']
  assert changes(make(), before=fewer) == ['watches: 1 user new']


def test_the_order_of_equal_rows_does_not_count():
  """What a user did is summed; positions are not."""
  rng = np.random.default_rng(3)
  ids = records.object_array(f'v{i}' for i in range(9))
  rows = rng.integers(0, (4, 9, 3), (60, 3))
  sums = []
  for _ in range(2):
    user, video, time = rng.permutation(rows).T
    table = canonical.watches_in_order(
      Watches(user.astype(np.int32), video.astype(np.int32), time), ids
    )
    users = [f'u{i}' for i in range(4)]
    study = make(
      users=users,
      videos=ids,
      watches=list(zip(*table, strict=True)),
    )
    sums.append(summarise(study).watches)
  np.testing.assert_array_equal(*sums)


def test_users_without_events_and_sources_without_tweets():
  study = make(watches=[(1, 0, 3)])._replace(tweets=records.no_tweets())
  found = summarise(study)
  assert found.watch_count.tolist() == [0, 1, 0]
  assert (found.watches == 0).tolist() == [True, False, True]
  assert found.tweet_count.tolist() == [0, 0, 0]
  assert not found.tweets.any()


def test_features_beside_the_source_count():
  study = make()
  has = study.videos.has_visual[:, None]
  one = summary.summarise(study, study.videos.visual, has)
  without = has.copy()
  without[1] = False
  two = summary.summarise(study, study.videos.visual, without)
  assert (one.feature != two.feature).tolist() == [False, True, False]
