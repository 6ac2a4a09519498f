"""Every method, the model included, through the one contract.

What `recommender` promises is asked of each of them in each scenario.
"""

import dataclasses
from typing import Any

import jax
import numpy as np
import pytest
import worlds

from dynrec_jax.data import histories
from dynrec_jax.recommender import Lists, Queries, Seen
from dynrec_jax.study import methods, splits, training_data

pytestmark = pytest.mark.usefixtures('quick_compile')
K = 5
CASES = [
  (scenario, mode, name)
  for scenario, modes in splits.MODES.items()
  for mode in modes
  for name in methods.NAMES
]


@dataclasses.dataclass
class World:
  """A study, random parameters, and what its methods see in a mode."""

  study: worlds.Study
  params: Any

  def fit(self, name: str, fraction: float, *, seen=None, params=None):
    study = self.study
    if seen is None:
      seen = self.seen(fraction)
    params = self.params if params is None else params
    model = study.parts.predictor.recommender(params)
    return methods.fit(name, study.config, seen, model)

  def seen(self, fraction: float) -> Seen:
    study = self.study
    return training_data.make_seen(
      study.config, study.prepared, study.split, fraction
    )

  def queries(self, fraction: float) -> Queries:
    study = self.study
    users = study.split.users.test
    return training_data.make_questions(
      study.config, study.prepared, study.split, users, fraction
    )[0]

  def lists(self, name: str, fraction: float, k: int = K, **fit) -> Lists:
    return self.fit(name, fraction, **fit)(self.queries(fraction), k)


def cross_study(root, rows=None, tweets=None):
  folder = worlds.write_tweets(
    worlds.write_folder(root / 'folder', rows), tweets
  )
  settings = worlds.tiny_settings(folder, root) | worlds.CROSS
  return worlds.Study(worlds.tiny_config(settings))


@pytest.fixture(scope='module')
def made(study, tmp_path_factory, quick_compile):
  """A world of each scenario."""
  del quick_compile
  found = {
    'single': study,
    'cross': cross_study(tmp_path_factory.mktemp('cross')),
  }
  return {
    scenario: World(of, worlds.random_params(of.network))
    for scenario, of in found.items()
  }


@pytest.fixture(params=CASES, ids='-'.join)
def case(request, made):
  """A method in a mode: (world, its name, n_f as a share of the span)."""
  scenario, mode, name = request.param
  return made[scenario], name, splits.MODES[scenario][mode]


def forbidden(queries):
  ids, where = queries.forbidden_videos()
  return [set(row[w].tolist()) for row, w in zip(ids, where, strict=True)]


def test_lists_of_k_distinct_allowed_videos(case):
  world, name, fraction = case
  lists = world.lists(name, fraction)
  queries = world.queries(fraction)
  assert lists.ids.shape == (queries.count, K)
  assert lists.ids.dtype == np.int32
  for row, banned in zip(lists.ids, forbidden(queries), strict=True):
    assert len(set(row.tolist())) == K
    assert not set(row.tolist()) & banned
    assert set(row.tolist()) <= set(range(worlds.VIDEOS))
  if lists.scores is not None:
    assert lists.scores.shape == lists.ids.shape
    assert lists.scores.dtype == np.float32
    assert np.all(np.isfinite(lists.scores))


def test_lists_end_with_none_where_no_video_is_left(case):
  world, name, fraction = case
  k = worlds.VIDEOS + 3
  lists = world.lists(name, fraction, k)
  queries = world.queries(fraction)
  for place, banned in enumerate(forbidden(queries)):
    left = worlds.VIDEOS - len(banned)
    row = lists.ids[place]
    assert set(row[:left].tolist()) == set(range(worlds.VIDEOS)) - banned
    assert np.all(row[left:] == -1)
    if lists.scores is not None:
      assert np.all(np.isneginf(lists.scores[place, left:]))


def test_nothing_known_gives_a_list_and_everything_known_none(case):
  world, name, fraction = case
  queries = world.queries(fraction)
  none = queries._replace(
    **{
      part: histories.no_events(queries.count)
      for part in ('watches', 'behaviours')
    },
    texts=None if queries.texts is None else queries.texts[:0],
  )
  recommend = world.fit(name, fraction)
  for row in recommend(none, K).ids:
    assert len(set(row.tolist()) - {-1}) == K
  everything = histories.Histories(
    np.arange(queries.count + 1) * worlds.VIDEOS,
    np.tile(np.arange(worlds.VIDEOS, dtype=np.int32), queries.count),
    np.repeat(queries.time - 1, worlds.VIDEOS),
  )
  lists = recommend(queries._replace(watches=everything), K)
  assert np.all(lists.ids == -1)
  allowed = queries._replace(watches=everything, mask_known=False)
  assert np.all(recommend(allowed, K).ids >= 0)


def test_ties_go_to_the_lower_id(case):
  """Without a train user, or with parameters of 0, all videos are equal."""
  world, name, fraction = case
  lists = world.lists(
    name,
    fraction,
    seen=world.seen(fraction)._replace(train_users=np.zeros(0, np.int32)),
    params=jax.tree.map(lambda x: 0 * x, world.params),
  )
  if lists.scores is None:
    assert name == 'random'  # without scores there are no ties
    return
  for row, banned in zip(
    lists.ids, forbidden(world.queries(fraction)), strict=True
  ):
    left = [v for v in range(worlds.VIDEOS) if v not in banned]
    assert row.tolist() == left[:K]


def test_the_same_for_the_same_seed(case):
  world, name, fraction = case
  one, two = (world.lists(name, fraction) for _ in range(2))
  np.testing.assert_array_equal(one.ids, two.ids)
  if one.scores is not None:
    np.testing.assert_array_equal(one.scores, two.scores)
  else:
    seen = world.seen(fraction)
    other = world.lists(name, fraction, seen=seen._replace(seed=99))
    assert not np.array_equal(one.ids, other.ids)


@pytest.fixture(scope='module')
def edited(made, tmp_path_factory):
  """(scenario, n_f) -> the world after held-out users did other things.

  After n_f they watch other videos (the cross network: all their watches are
  others) and write other tweets.
  """
  found = {}
  single, cross = made['single'], made['cross']
  for fraction in splits.MODES['single'].values():
    study = with_other_watches(single.study, fraction)
    found['single', fraction] = World(study, single.params)
  (fraction,) = splits.MODES['cross'].values()
  border = cross.study.prepared.sessions.end(9)
  held_out = held_out_of(cross.study)
  tweets = [
    (user, time, 'tide tide' if user in held_out and time >= border else text)
    for user, time, text in worlds.tweets()
  ]
  assert tweets != worlds.tweets()
  study = cross_study(tmp_path_factory.mktemp('edited'), tweets=tweets)
  found['cross', fraction] = World(
    with_other_watches(study, None), cross.params
  )
  return found


def held_out_of(study):
  return set(range(worlds.USERS)) - set(study.split.users.train.tolist())


def with_other_watches(study, fraction):
  """Held-out users' watches from n_f on (None: all) are others.

  Of other videos, at other times, and more of some users, fewer of others.
  """
  prepared = study.prepared
  clock, held_out = prepared.sessions, held_out_of(study)
  border = 0 if fraction is None else clock.end(round(12 * fraction))
  rng = np.random.default_rng(5)
  rows = []
  for user in range(worlds.USERS):
    start, end = prepared.watches.offsets[user : user + 2]
    own = list(
      zip(
        prepared.watches.time[start:end].tolist(),
        prepared.watches.item[start:end].tolist(),
        strict=True,
      )
    )
    if user in held_out:
      own = [event for event in own if event[0] < border]
      times = rng.integers(
        max(border, clock.borders[0]), clock.borders[-1], size=user % 6
      )
      videos = rng.integers(worlds.VIDEOS, size=len(times))
      own += sorted(zip(times.tolist(), videos.tolist(), strict=True))
    rows.append(own)
  table = worlds.as_watches(rows)
  watches = histories.watch_histories(table, worlds.USERS)
  assert len(watches.item) != len(prepared.watches.item)
  made_of = prepared.behaviours
  if fraction is not None:
    made_of = made_of._replace(histories=watches)
  prepared = prepared._replace(
    watches=watches,
    behaviours=made_of,
    records=prepared.records._replace(watches=table),
  )
  return worlds.Study(study.config, prepared)


def test_what_held_out_users_do_after_n_f_changes_no_list(case, edited):
  world, name, fraction = case
  scenario = world.study.config.scenario
  other = edited[scenario, fraction]
  np.testing.assert_array_equal(
    world.study.split.users.test, other.study.split.users.test
  )
  one, two = world.lists(name, fraction), other.lists(name, fraction)
  np.testing.assert_array_equal(one.ids, two.ids)
  if one.scores is not None:
    np.testing.assert_array_equal(one.scores, two.scores)


@pytest.mark.parametrize('scenario', ['single', 'cross'])
def test_nothing_that_a_method_is_handed_tells_what_is_after_n_f(
  scenario, made, edited
):
  """The edit leaves no trace in `Seen` and `Queries`: no method could read it.

  The catalogue and its content are what all users share (A6).
  """
  for fraction in splits.MODES[scenario].values():
    pairs = [
      (one.seen(fraction), one.queries(fraction))
      for one in (made[scenario], edited[scenario, fraction])
    ]
    one, two = (jax.tree.leaves(pair) for pair in pairs)
    assert len(one) == len(two)
    for a, b in zip(one, two, strict=True):
      np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_methods_find_what_they_need(made):
  """Time, the last basket, tweets, topics and texts stand in the contract."""
  seen = made['cross'].seen(0.75)
  trains = set(seen.train_users.tolist())
  for user in range(worlds.USERS):
    told = seen.behaviours.items_of(user)
    start, end = seen.behaviours.offsets[user : user + 2]
    assert len(told) == len(seen.texts[start:end])
    assert (len(seen.watches.items_of(user)) > 0) == (user in trains)
  rows = {(user, text) for user, _, text in worlds.tweets()}
  owner = np.repeat(np.arange(worlds.USERS), np.diff(seen.behaviours.offsets))
  assert set(zip(owner.tolist(), seen.texts, strict=True)) <= rows
  assert len(seen.video_texts) == seen.video_count == worlds.VIDEOS
  late = seen.behaviours.time >= seen.clock.end(9)
  assert set(owner[late]) <= trains
  assert set(owner[late])
  single = made['single'].queries(0.25)
  basket = single.watches.items_of(3)[-1]
  assert single.watches.time[single.watches.offsets[4] - 1] < single.time[3]
  assert basket == single.behaviours.items_of(3)[-1]
  assert single.topics.shape[0] == worlds.VIDEOS


def test_an_unknown_method_is_an_error(made):
  with pytest.raises(ValueError, match="no method 'magic'; valid are random, "):
    made['single'].fit('magic', 0.75)


def test_what_a_method_lacks_is_told_with_its_key(made):
  world = made['single']
  seen = world.seen(0.75)
  videos = seen.videos._replace(view_count=-1 + 0 * seen.videos.view_count)
  config = world.study.config.copy_and_resolve_references()
  config.pop.source = 'view_count'
  with pytest.raises(ValueError, match=r'^pop\.source is view_count, which no'):
    methods.fit('popularity', config, seen._replace(videos=videos), None)
