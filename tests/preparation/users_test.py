"""Rounds over ranges leave what `data/filters` leaves of the whole."""

import itertools

import numpy as np
import pytest

from dynrec_jax.data import canonical, filters, records
from dynrec_jax.data.records import Watches
from dynrec_jax.preparation import users
from dynrec_jax.preparation.rules import Rules
from dynrec_jax.storage import digests

USERS, VIDEOS = 40, 25
IDS = records.object_array(f'v{n}' for n in range(VIDEOS))


def rules_of(**changes):
  plain = Rules((10, 50, 90), None, 0, 4, 3, 'single_pass', False, (), ())
  return plain._replace(**changes)


def log(seed, count=600):
  """Watches in no order, many at the same second, some out of the span."""
  rng = np.random.default_rng(seed)
  return Watches(
    (USERS * rng.random(count) ** 2).astype(np.int32),
    (VIDEOS * rng.random(count) ** 2).astype(np.int32),
    rng.integers(0, 100, count),
  )


def ranges_of(watches, starts, rules):
  """The ranges of users between the starts."""
  borders = [0, *starts, USERS]
  found = []
  for low, high in itertools.pairwise(borders):
    rows = (watches.user >= low) & (watches.user < high)
    own = Watches(*(column[rows] for column in watches))
    found.append(
      users.user_range(
        own._replace(user=own.user - np.int32(low)),
        records.no_tweets(),
        high - low,
        lambda some: digests.numbers(IDS[some]),
        rules,
      )
    )
  return found


def left_of(found, rules):
  """What the rounds leave of all ranges: [n] bool of each."""
  start = [list(users.begun(one, rules, None))[-1][1] for one in found]
  before = np.ones(VIDEOS, bool)
  watches = sum(rows.sum() for rows in start)
  while True:
    counts = np.zeros(3 * 10, int)
    for one, rows in zip(found, start, strict=True):
      own = rows & before[one.watches.video]
      own = users.active(one, own, rules.min_videos_per_user)
      for block, some in users.video_counts(one, own, 10):
        counts[10 * block : 10 * (block + 1)] += some
    now = before & (counts[:VIDEOS] >= rules.min_users_per_video)
    rows = counts[:VIDEOS][now].sum()
    if rules.mode == 'single_pass' or rows == watches:
      break
    before, watches = now, rows
  return [
    users.active(
      one,
      users.passed(one, rules, rows, before, now),
      rules.min_watches_left,
    )
    for one, rows in zip(found, start, strict=True)
  ]


@pytest.mark.parametrize('mode', filters.MODES)
@pytest.mark.parametrize('cut', [None, 60])
@pytest.mark.parametrize('seed', range(3))
def test_rounds_are_the_filters(seed, cut, mode):
  rules, watches = rules_of(mode=mode, cut=cut), log(seed)
  whole = canonical.watches_in_order(watches, IDS)
  inside = (whole.time >= 10) & (whole.time < 90)
  first = filters.first_watches(Watches(*(x[inside] for x in whole)))
  if cut:
    first = Watches(*(x[first.time < cut] for x in first))
  wanted, _ = filters.filter_watches(
    first,
    min_videos_per_user=4,
    min_users_per_video=3,
    mode=mode,
    min_watches_left=rules.min_watches_left,
  )
  assert 0 < len(wanted.user) < len(first.user)
  starts = [1, 5, 30]
  found = ranges_of(watches, starts, rules)
  pieces = [
    Watches(
      one.watches.user[rows] + np.int32(start),
      one.watches.video[rows],
      one.watches.time[rows],
    )
    for one, rows, start in zip(
      found, left_of(found, rules), [0, *starts], strict=True
    )
  ]
  for column, other in zip(zip(*pieces, strict=True), wanted, strict=True):
    np.testing.assert_array_equal(np.concatenate(column), other)


def test_the_first_watch_of_the_span_counts():
  """Before the span and after it nothing is first, nor is a second watch."""
  watches = Watches(
    np.array([0, 0, 0, 0, 1], np.int32),
    np.array([7, 7, 7, 7, 7], np.int32),
    np.array([90, 40, 9, 10, 89]),
  )
  (found,) = ranges_of(watches, [], rules_of())
  assert found.watches.time.tolist() == [9, 10, 40, 90, 89]
  assert found.first.tolist() == [False, True, False, False, True]


def test_tweets_count_in_the_span_and_before_the_cut():
  tweets = records.text_tweets(
    np.array([0, 0, 0, 1, 1, 1], np.int32),
    np.array([9, 10, 60, 59, 89, 90]),
    records.object_array('abcdef'),
  )
  for cut, counts in ((None, [2, 2, 0]), (60, [1, 1, 0])):
    rules = rules_of(cut=cut, min_tweets_per_user=1)
    watches = Watches(
      *(np.array([n], x) for n, x in ((2, 'i4'), (0, 'i4'), (20, 'i8')))
    )
    found = users.user_range(
      watches, tweets, 3, lambda some: some.astype(np.uint64), rules
    )
    assert found.tweet_count.tolist() == counts
    steps = dict(users.begun(found, rules, np.zeros(VIDEOS, bool)))
    assert list(steps) == ['before', 'complete', 'tweets']
    assert steps['before'].tolist() == [True]
    assert not steps['complete'].any()
    assert not steps['tweets'].any()


def test_nothing_has_no_counts():
  (found,) = ranges_of(log(0), [], rules_of())
  none = np.zeros(len(found.first), bool)
  assert list(users.video_counts(found, none, 8)) == []
