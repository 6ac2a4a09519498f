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
from dynrec_jax.models.network import split_params
from dynrec_jax.recommender import CannotFit, Lists, Queries, Seen
from dynrec_jax.study import (
  keys,
  method_config,
  methods,
  parts,
  settings,
  split_run,
  splits,
  studied_users,
  training_data,
)

pytestmark = pytest.mark.usefixtures('quick_compile')
K = 5
# They learn from what train users watch after n_f.
OF_THE_NEXT_PERIOD = ('next_popularity', 'co_occurrence', 'ridge')
CASES = [
  (scenario, mode, name)
  for scenario, modes in studied_users.MODES.items()
  for mode in modes
  for name, method in methods.METHODS.items()
  if scenario in method.scenarios
]
NETWORKS = [name for name in methods.METHODS if methods.is_network(name)]


@dataclasses.dataclass
class World:
  """A study, random parameters, and what its methods see in a mode.

  Attributes:
    networks: of each method that is one, its parts and parameters.
  """

  study: worlds.Study
  networks: dict[str, tuple[parts.Parts, Any]]

  def fit(self, name: str, session: int, *, seen=None, untrained=False):
    """Of a network with parameters of 0, if `untrained`."""
    if seen is None:
      seen = self.seen(session)
    config = method_config.of_method(self.study.config, name, {})
    network = None
    if name in self.networks:
      of, params = self.networks[name]
      if untrained:
        params = jax.tree.map(lambda x: 0 * x, params)
      network = of.predictor.recommender(params)
    return methods.fit(name, config, seen, network)

  def seen(self, session: int) -> Seen:
    study = self.study
    return training_data.make_seen(
      study.config, study.prepared, study.split, session
    )

  def queries(self, session: int) -> Queries:
    study = self.study
    users = study.split.users.test
    return training_data.make_questions(
      study.config, study.prepared, study.split, users, session
    )[0]

  def lists(self, name: str, session: int, k: int = K, **fit) -> Lists:
    return self.fit(name, session, **fit)(self.queries(session), k)


def world_of(study):
  """The study, and every network of random parameters."""
  made = {}
  for name in NETWORKS:
    config = method_config.of_method(study.config, name, {})
    of = parts.make_parts(config, study.prepared)
    made[name] = of, worlds.random_params(of.network)
  return World(study, made)


def cross_study(root, rows=None, tweets=None):
  folder = worlds.write_tweets(
    worlds.write_folder(root / 'folder', rows), tweets
  )
  settings = worlds.tiny_settings(folder, root) | worlds.CROSS
  settings['eval.methods'] = ()  # all: videos have topics too
  return worlds.Study(worlds.tiny_config(settings))


@pytest.fixture(scope='module')
def made(study, tmp_path_factory, quick_compile):
  """A world of each scenario."""
  del quick_compile
  found = {
    'single': study,
    'cross': cross_study(tmp_path_factory.mktemp('cross')),
  }
  return {scenario: world_of(of) for scenario, of in found.items()}


@pytest.fixture(params=CASES, ids='-'.join)
def case(request, made):
  """A method in a mode: (world, its name, n_f)."""
  scenario, mode, name = request.param
  world = made[scenario]
  return world, name, splits.modes(world.study.config)[mode]


def forbidden(queries):
  ids, where = queries.forbidden_videos()
  return [set(row[w].tolist()) for row, w in zip(ids, where, strict=True)]


def test_lists_of_k_distinct_allowed_videos(case):
  world, name, session = case
  lists = world.lists(name, session)
  queries = world.queries(session)
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
  world, name, session = case
  k = worlds.VIDEOS + 3
  lists = world.lists(name, session, k)
  queries = world.queries(session)
  for place, banned in enumerate(forbidden(queries)):
    left = worlds.VIDEOS - len(banned)
    row = lists.ids[place]
    assert set(row[:left].tolist()) == set(range(worlds.VIDEOS)) - banned
    assert np.all(row[left:] == -1)
    if lists.scores is not None:
      assert np.all(np.isneginf(lists.scores[place, left:]))


def test_nothing_known_gives_a_list_and_everything_known_none(case):
  world, name, session = case
  queries = world.queries(session)
  none = queries._replace(
    **{
      part: histories.no_events(queries.count)
      for part in ('watches', 'behaviours')
    },
    texts=None if queries.texts is None else queries.texts[:0],
  )
  recommend = world.fit(name, session)
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
  """Without a watch to learn from, or with parameters of 0, all are equal.

  So are they for what compares texts, if theirs are all the same.
  """
  world, name, session = case
  seen = world.seen(session)._replace(
    train_users=np.zeros(0, np.int32),
    watches=histories.no_events(worlds.USERS),
    video_texts=['tide harp'] * worlds.VIDEOS,
  )
  nothing = {'seen': seen, 'untrained': True}
  if name in OF_THE_NEXT_PERIOD:
    with pytest.raises(CannotFit, match='no watch of a train user after the'):
      world.lists(name, session, **nothing)
    return
  lists = world.lists(name, session, **nothing)
  if lists.scores is None:
    assert name == 'random'  # without scores there are no ties
    return
  for row, banned in zip(
    lists.ids, forbidden(world.queries(session)), strict=True
  ):
    left = [v for v in range(worlds.VIDEOS) if v not in banned]
    assert row.tolist() == left[:K]


def test_what_nobody_watches_after_n_f_is_told(case):
  """Train users' watches all end before the border, as at the end of a log."""
  world, name, session = case
  if name not in OF_THE_NEXT_PERIOD:
    return
  seen = world.seen(session)
  users = np.arange(worlds.USERS)
  border = np.full(worlds.USERS, seen.clock.end(seen.session))
  before, _ = histories.rows_before(seen.watches, users, border)
  with pytest.raises(CannotFit, match='no watch of a train user after the'):
    world.lists(name, session, seen=seen._replace(watches=before))


def test_a_query_gets_the_list_that_it_gets_alone(case):
  world, name, session = case
  recommend, queries = world.fit(name, session), world.queries(session)
  # More than a block, in any order, some of them several times.
  order = np.random.default_rng(0).integers(queries.count, size=140)
  together = recommend(queries.take(order), K)
  for row in range(queries.count):
    alone = recommend(queries.take(np.array([row])), K)
    for place in np.flatnonzero(order == row):
      np.testing.assert_array_equal(alone.ids[0], together.ids[place])
      if name != 'random':
        np.testing.assert_array_equal(alone.scores[0], together.scores[place])


def test_the_same_for_the_same_seed(case):
  world, name, session = case
  one, two = (world.lists(name, session) for _ in range(2))
  np.testing.assert_array_equal(one.ids, two.ids)
  if one.scores is not None:
    np.testing.assert_array_equal(one.scores, two.scores)
  else:
    seen = world.seen(session)
    other = world.lists(name, session, seen=seen._replace(seed=99))
    assert not np.array_equal(one.ids, other.ids)


@pytest.fixture(scope='module')
def edited(made, tmp_path_factory):
  """(scenario, n_f) -> the world after held-out users did other things.

  After n_f they watch other videos (the cross network: all their watches are
  others) and write other tweets.
  """
  found = {}
  single, cross = made['single'], made['cross']
  for session in splits.modes(single.study.config).values():
    study = with_other_watches(single.study, session)
    found['single', session] = world_of(study)
  (session,) = splits.modes(cross.study.config).values()
  border = cross.study.prepared.sessions.end(9)
  held_out = held_out_of(cross.study)
  tweets = [
    (user, time, 'tide tide' if user in held_out and time >= border else text)
    for user, time, text in worlds.tweets()
  ]
  assert tweets != worlds.tweets()
  study = cross_study(tmp_path_factory.mktemp('edited'), tweets=tweets)
  found['cross', session] = world_of(with_other_watches(study, None))
  return found


def held_out_of(study):
  return set(range(worlds.USERS)) - set(study.split.users.train.tolist())


def with_other_watches(study, session):
  """Held-out users' watches from n_f on (None: all) are others.

  Of other videos, at other times, and more of some users, fewer of others.
  """
  prepared = study.prepared
  clock, held_out = prepared.sessions, held_out_of(study)
  border = 0 if session is None else clock.end(session)
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
  if session is not None:
    made_of = made_of._replace(histories=watches)
  prepared = prepared._replace(
    watches=watches,
    behaviours=made_of,
    records=prepared.records._replace(watches=table),
  )
  return worlds.Study(study.config, prepared)


def test_what_held_out_users_do_after_n_f_changes_no_list(case, edited):
  world, name, session = case
  scenario = world.study.config.scenario
  other = edited[scenario, session]
  np.testing.assert_array_equal(
    world.study.split.users.test, other.study.split.users.test
  )
  one, two = world.lists(name, session), other.lists(name, session)
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
  for session in splits.modes(made[scenario].study.config).values():
    pairs = [
      (one.seen(session), one.queries(session))
      for one in (made[scenario], edited[scenario, session])
    ]
    one, two = (jax.tree.leaves(pair) for pair in pairs)
    assert len(one) == len(two)
    for a, b in zip(one, two, strict=True):
      np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_methods_find_what_they_need(made):
  """Time, the last basket, tweets, topics and texts stand in the contract."""
  seen = made['cross'].seen(9)
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
  single = made['single'].queries(3)
  basket = single.watches.items_of(3)[-1]
  assert single.watches.time[single.watches.offsets[4] - 1] < single.time[3]
  assert basket == single.behaviours.items_of(3)[-1]
  assert single.topics.shape[0] == worlds.VIDEOS


@pytest.mark.slow
@pytest.mark.parametrize('scenario', ['single', 'cross'])
@pytest.mark.parametrize('name', NETWORKS)
def test_the_training_loop_fits_every_network(name, scenario, made, tmp_path):
  """To the end, on one prepared study, with scores on the test users."""
  base = made[scenario].study
  config = method_config.of_method(base.config, name, {})
  config.train.max_epochs = base.config.train.max_epochs  # few, of `plus` too
  study = worlds.Study(config, base.prepared)
  this = study.split._replace(directory=str(tmp_path))
  assert split_run.train_split(config, study.parts, this, lambda step: False)
  params = split_run.load_params(config, study.parts, this).state
  start = study.network.init(jax.random.key(this.seed))
  learned, frozen = split_params(study.network, params)
  moved = {
    name: jax.tree.map(lambda a, b: np.any(a != b), learned[name], start[name])
    for name in learned
  }
  assert all(jax.tree.leaves(moved))
  assert set(frozen) == study.network.frozen
  questions = training_data.make_questions(
    config, study.prepared, this, this.users.test, 9
  )
  recommend = study.parts.predictor.recommender(params)
  found = split_run.score(config, recommend, questions)
  assert 0 <= split_run.measures(config, found)['f_score'] <= 1
  weights = settings.loss_weights(config)
  assert (weights.relevance > 0) == (name in ('static_dnn', 'model'))
  assert (weights.interest > 0) == (
    name in ('static_dnn', 'rnn_norel', 'model')
  )
  assert (weights.semantic > 0) == (name not in ('rnn', 'plus'))


def test_an_unknown_method_is_an_error(made):
  with pytest.raises(ValueError, match="no method 'magic'; valid are random, "):
    methods.fit('magic', made['single'].study.config, None, None)


def test_what_a_method_lacks_is_told_with_its_key(made):
  world = made['single']
  seen = world.seen(9)
  videos = seen.videos._replace(view_count=-1 + 0 * seen.videos.view_count)
  config = world.study.config.copy_and_resolve_references()
  config.pop.source = 'view_count'
  with pytest.raises(ValueError, match=r'^pop\.source is view_count, which no'):
    methods.fit('popularity', config, seen._replace(videos=videos), None)


def test_every_method_s_keys_stand_in_its_section():
  """What it tunes lies there, or is the networks'; so does what makes it."""
  for name, method in methods.METHODS.items():
    section = methods.section(name)
    own = [*method.tuned, *method.changes]
    if methods.is_network(name):
      assert section == ''
      assert not any(keys.KEYS[key].of is keys.Of.BASELINES for key in own)
    else:
      assert all(keys.section(key) == section for key in own)
    assert all(keys.KEYS[key].grid for key in method.tuned)
    for key in method.tuned:
      grid = keys.KEYS[key].grid
      assert len(set(grid)) == len(grid) > 1
      assert not any(keys.fault(key, keys.KEYS[key], x) for x in grid)
