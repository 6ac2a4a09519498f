import numpy as np
import pytest
from layout_folders import read, write

from dynrec_jax.sources.asked import Asked

TOPICS = 'bea\t0.25\t0.75\t0\ndan 0.5 0.25 0.25\nann,1,0,0\n'
FILES = {
  'watches.csv': 'user,video,time\nbea,v2,30\nann,v1,20\nbea,v1,40\n',
  'videos.csv': 'id,title\nv1,One\nv2,Two\n',
  'profiles.jsonl': '{"user": "cem", "text": "hi"}\n',
  'user_topics.txt': TOPICS,
}


def test_a_distribution_is_a_tweet_of_its_user(tmp_path):
  found = read('crossosn', write(tmp_path, FILES))
  users = found.users
  assert users.user_ids.tolist() == ['ann', 'bea', 'cem', 'dan']
  assert found.watches() == [
    ('ann', 'v1', 20),
    ('bea', 'v2', 30),
    ('bea', 'v1', 40),
  ]
  assert users.profiles.tolist() == ['', '', 'hi', '']
  assert users.tweets.user.tolist() == [0, 1, 3]
  assert users.tweets.time.tolist() == [20, 20, 20]  # the first watch of all
  assert users.tweets.text.tolist() == ['', '', '']
  assert users.tweets.topics.dtype == np.float32
  assert users.tweets.topics.tolist() == [
    [1, 0, 0],
    [0.25, 0.75, 0],
    [0.5, 0.25, 0.25],
  ]
  told = ' '.join(found.told)
  assert 'user_topics.txt: topics of 3 users without a time stand at' in told
  assert '2 users in both, 1 only in user_topics.txt' in told


def test_the_date_of_the_topics_can_be_told(tmp_path):
  found = read('crossosn', write(tmp_path, FILES), Asked(topics_time=35))
  assert found.users.tweets.time.tolist() == [35, 35, 35]
  assert 'without a time' not in ' '.join(found.told)


def test_columns_may_have_other_names(tmp_path):
  watches = 'uid,vid,when,client\nbea,v2,30000,x\nann,v1,20000,y\n'
  folder = write(tmp_path, FILES | {'watches.csv': watches})
  asked = Asked(column_names='user=uid,video=vid,time=when:ms')
  assert read('crossosn', folder, asked).watches() == [
    ('ann', 'v1', 20),
    ('bea', 'v2', 30),
  ]


@pytest.mark.parametrize(
  ('content', 'message'),
  [
    ('', 'found no line; right: one per user'),
    ('bea 0.5 0.4\n', 'line 1: .*that add up to 1'),
    ('bea 1\n', 'line 1: .*2 topics or more'),
    ('bea 1.5 -0.5\n', 'line 1: .*0 to 1 each'),
    ('bea nan 1\n', 'line 1'),
    ('bea 0.5 0.5\nann 0.5 0.25 0.25\n', 'line 2: .*a user and 2 shares of'),
    ('bea 0.5 0.5\nann half half\n', "line 2: found 'ann half half'"),
    ('bea 0.5 0.5\nbea 0.5 0.5\n', "line 2: found 'bea' again"),
    ('bea 0.5 0.5\n\nann 0.5 0.5\n', "line 2: found ''"),
    ('zo\xeb 0.5 0.5\n'.encode('latin-1'), 'line 1: .*UTF-8 text'),
  ],
)
def test_damages_are_named(tmp_path, content, message):
  folder = write(tmp_path, FILES | {'user_topics.txt': content})
  with pytest.raises(ValueError, match=rf'user_topics\.txt.*{message}'):
    read('crossosn', folder)


def test_rounded_shares_are_a_distribution(tmp_path):
  content = '\ufeffbea 0.333 0.333 0.333\r\nann 0.3 0.3 0.4\r\n'
  folder = write(tmp_path, FILES | {'user_topics.txt': content})
  assert len(read('crossosn', folder).users.tweets.user) == 2


def test_the_topics_are_asked_for_and_no_tweets(tmp_path):
  files = {n: t for n, t in FILES.items() if n != 'user_topics.txt'}
  folder = write(tmp_path, files)
  with pytest.raises(
    ValueError, match=r'^manual_dir: .*one of user_topics\.txt'
  ):
    read('crossosn', folder)
  write(folder, {'user_topics.csv': 'bea,1,0\n', 'user_topics.tsv': 'x'})
  with pytest.raises(
    ValueError, match=r'user_topics\.tsv and user_topics\.csv'
  ):
    read('crossosn', folder)
  write(folder, {'tweets.csv': 'user,time,text\n'})
  with pytest.raises(
    ValueError, match=r'found tweets\.csv; right: user_topics'
  ):
    read('crossosn', folder)
