"""Tweets of a study: who may be read when, and what is fitted only once."""

import numpy as np
import pytest

from dynrec_jax.data.records import Tweets, object_array, text_tweets
from dynrec_jax.topics import border_fit, incremental
from dynrec_jax.topics.border_fit import FitSettings
from dynrec_jax.topics.incremental import Schedule, fit_stream
from dynrec_jax.topics.tweet_blocks import NO_TOPIC
from dynrec_jax.topics.twitter_lda import Hyperparameters

pytestmark = pytest.mark.usefixtures('quick_compile')

DAY = 86_400
START = 1_400_000_000  # not midnight
USERS = 6
HYPER = Hyperparameters(3, 0.5, 0.01, 20.0)
SCHEDULE = Schedule(3, 1, 8, 4, 3, 1.0)
SETTINGS = FitSettings(HYPER, SCHEDULE, 2, 5, None)
WORDS = ['apple', 'berry', 'cello', 'drums', 'euler', 'field', 'goose', 'heron']


def make_tweets(seed=0, count=90, days=12) -> Tweets:
  """Tweets of a few words, some of none, in order of (user, time)."""
  rng = np.random.default_rng(seed)
  user = np.sort(rng.integers(0, USERS, count)).astype(np.int32)
  time = START + rng.integers(0, days * DAY, count)
  time[0] = START
  order = np.lexsort((time, user))
  texts = [
    ' '.join(rng.choice(WORDS, rng.integers(0, 5)).tolist())
    for _ in range(count)
  ]
  return text_tweets(user[order], time[order], object_array(texts))


TWEETS = make_tweets()
BORDER = START + 8 * DAY
TRAIN = np.array([0, 2, 5])


def fit(
  tweets=TWEETS, border=BORDER, users=TRAIN, settings=SETTINGS, start=START
):
  known = border_fit.fit_known(
    tweets, start, border, settings, user_count=USERS
  )
  return known, border_fit.fit_later(known, users)


def edited(rows):
  """The same tweets with other words at the rows."""
  text = TWEETS.text.copy()
  text[rows] = [f'goose heron heron {t}' for t in TWEETS.text[rows]]
  return TWEETS._replace(text=text)


def assert_same_state(one, two):
  assert one.next_day == two.next_day
  for a, b in zip(one.counts, two.counts, strict=True):
    np.testing.assert_array_equal(a, b)


def test_what_has_a_topic():
  known, later = fit()
  has_words = np.diff(known.corpus.offsets) > 0
  before = TWEETS.time < BORDER
  readable = before | np.isin(TWEETS.user, TRAIN)
  np.testing.assert_array_equal(known.topic != NO_TOPIC, has_words & before)
  np.testing.assert_array_equal(later.topic != NO_TOPIC, has_words & readable)
  np.testing.assert_array_equal(later.topic[before], known.topic[before])
  assert (has_words & ~readable).any()
  assert (has_words & readable & ~before).any()


def test_held_out_users_later_tweets_are_not_read():
  rows = np.flatnonzero((TWEETS.time >= BORDER) & ~np.isin(TWEETS.user, TRAIN))
  for one, two in zip(fit(), fit(edited(rows)), strict=True):
    assert one.vocabulary == two.vocabulary
    np.testing.assert_array_equal(one.topic, two.topic)
    assert_same_state(one.state, two.state)


def test_later_tweets_move_no_earlier_topic():
  rows = np.flatnonzero(TWEETS.time >= BORDER)
  (one, first), (two, second) = fit(), fit(edited(rows))
  assert one.vocabulary == two.vocabulary
  np.testing.assert_array_equal(one.topic, two.topic)
  assert_same_state(one.state, two.state)
  assert (first.topic != second.topic).any()  # the edit is real


def test_all_users_and_a_border_between_days_make_one_stream():
  everyone = np.arange(USERS)
  _, later = fit(users=everyone)
  assert ((TWEETS.time - START) // DAY >= 8).any()
  whole = fit_stream(
    later.corpus,
    HYPER,
    SCHEDULE,
    word_count=len(later.vocabulary),
    user_count=USERS,
    seed=5,
  )
  np.testing.assert_array_equal(later.topic, whole.topic)
  assert_same_state(later.state, whole.state)


def test_a_border_inside_a_day_begins_a_new_one():
  border = int(BORDER + DAY // 3)
  known, later = fit(border=border)
  assert known.state.next_day == 9
  days = int((TWEETS.time[np.isin(TWEETS.user, TRAIN)].max() - border) // DAY)
  assert later.state.next_day == 10 + days


def test_states_are_read_back_from_the_disk(tmp_path):
  settings = SETTINGS._replace(directory=str(tmp_path / 'new'))
  one, first = fit(settings=settings)
  files = sorted(path.name for path in (tmp_path / 'new').iterdir())
  assert len(files) == 2
  two, second = fit(settings=settings)
  assert sorted(p.name for p in (tmp_path / 'new').iterdir()) == files
  for a, b in ((one, two), (first, second), (fit()[1], first)):
    np.testing.assert_array_equal(a.topic, b.topic)
    assert_same_state(a.state, b.state)
  border_fit.fit_later(one, np.array([1]))  # other users, another state
  assert len(list((tmp_path / 'new').iterdir())) == 3


def days_fitted(monkeypatch):
  """The first day of every step from now on."""
  days, add = [], incremental.add_days

  def noted(state, *args, **settings):
    days.append(state.next_day)
    return add(state, *args, **settings)

  monkeypatch.setattr(incremental, 'add_days', noted)
  return days


def test_only_a_new_day_is_fitted(tmp_path, monkeypatch):
  settings = SETTINGS._replace(directory=str(tmp_path))
  keep = TWEETS.time < START + 11 * DAY
  part = TWEETS._replace(
    user=TWEETS.user[keep],
    time=TWEETS.time[keep],
    text=TWEETS.text[keep],
    topics=TWEETS.topics[keep],
  )
  _, shorter = fit(tweets=part, settings=settings)
  days = days_fitted(monkeypatch)
  _, grown = fit(settings=settings)
  assert days == [11]
  monkeypatch.undo()
  _, fresh = fit()
  np.testing.assert_array_equal(grown.topic, fresh.topic)
  np.testing.assert_array_equal(grown.topic[keep], shorter.topic)
  assert_same_state(grown.state, fresh.state)


def test_other_tweets_or_damage_are_fitted_anew(tmp_path, caplog):
  settings = SETTINGS._replace(directory=str(tmp_path))
  fit(settings=settings)
  rows = np.flatnonzero((TWEETS.time >= BORDER) & np.isin(TWEETS.user, TRAIN))
  _, other = fit(tweets=edited(rows), settings=settings)
  assert 'was made from other tweets' in caplog.text
  np.testing.assert_array_equal(other.topic, fit(tweets=edited(rows))[1].topic)
  for path in tmp_path.iterdir():
    path.write_bytes(b'damaged')
  _, again = fit(settings=settings)
  assert caplog.text.count('is no whole topic checkpoint') == 2
  np.testing.assert_array_equal(again.topic, fit()[1].topic)


def test_tweets_before_the_first_session_are_of_day_0(caplog):
  """A date of 1970 must not leave the first days with one tweet."""
  caplog.set_level('INFO')
  time = TWEETS.time.copy()
  time[0] = 0
  known, later = fit(tweets=TWEETS._replace(time=time))
  assert '1 tweets are from before the first session' in caplog.text
  assert TWEETS.time[0] == START
  np.testing.assert_array_equal(known.topic, fit()[0].topic)
  np.testing.assert_array_equal(later.topic, fit()[1].topic)


def test_no_word_is_an_error():
  with pytest.raises(ValueError, match='no word stands in 99 of the 55 tweets'):
    fit(settings=SETTINGS._replace(least_tweets=99))
