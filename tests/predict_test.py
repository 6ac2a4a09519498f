"""Lists of the model against a step-by-step run in NumPy (SPEC Sec 5)."""

import dataclasses

import jax
import numpy as np
import plain_model
import pytest
import worlds
from bag_network import BagNetwork

from dynrec_jax import predict

pytestmark = pytest.mark.usefixtures('quick_compile')
K = 5
LONG, SHORT = 9, 3  # sessions of 12
MODES = {
  'topic_only': {},
  'topic_then_history': {'seq.max_target_len': 3, 'model.softmax_bias': True},
  'session_chain': {
    'interest.norm': 'count',
    'model.embed_norm': 'loss_only',
    'model.gru_bias': True,
  },
}


@dataclasses.dataclass
class Case:
  """A study, a predictor with random parameters, and the same in NumPy."""

  study: worlds.Study
  predictor: predict.Predictor
  params: dict
  plain: plain_model.PlainModel

  def lists(self, queries, *, k=K):
    return self.predictor.recommender(self.params)(queries, k)


def make_case(study):
  params = worlds.random_params(study.network)
  plain = plain_model.PlainModel(study, params)
  return Case(study, study.parts.predictor, params, plain)


make_queries = worlds.make_queries


@pytest.fixture(scope='module', params=MODES)
def case(request, tiny_settings, quick_compile):
  del quick_compile
  changes = MODES[request.param] | {'model.history_mode': request.param}
  return make_case(worlds.Study(worlds.tiny_config(tiny_settings | changes)))


@pytest.fixture(scope='module')
def base(study, quick_compile):
  del quick_compile
  return make_case(study)


def check_lists(case, users, session, found, *, k=K, **plain_settings):
  ids, scores = found
  for user, row, row_scores in zip(users, ids, scores, strict=True):
    videos, log_p = case.plain.generate(user, session, k, **plain_settings)
    assert row[: len(videos)].tolist() == videos
    np.testing.assert_allclose(row_scores[: len(videos)], log_p, atol=2e-4)
    np.testing.assert_array_equal(row[len(videos) :], -1)


@pytest.mark.parametrize('session', [SHORT, LONG])
def test_lists_equal_a_run_step_by_step(case, session):
  users = range(worlds.USERS)
  queries = make_queries(case.study, users, session)
  assert np.diff(queries.watches.offsets).max() > 3  # more than is read
  found = case.lists(queries)
  check_lists(case, users, session, found)
  for user, row in enumerate(found[0]):
    known = {v for _, v in case.plain.known(user, session)}
    assert len(set(row)) == K
    assert not known & set(row.tolist())


def test_known_videos_may_be_allowed(base):
  users = range(worlds.USERS)
  found = base.lists(make_queries(base.study, users, LONG, mask_known=False))
  check_lists(base, users, LONG, found, mask_known=False)
  # Random parameters like some of them: the mask has an effect.
  masked = base.lists(make_queries(base.study, users, LONG))
  assert not np.array_equal(found[0], masked[0])


def test_the_first_state_s_best(base, tiny_settings):
  config = worlds.tiny_config(tiny_settings, decode__method='topk_first')
  case = make_case(worlds.Study(config, base.study.prepared))
  users = range(0, worlds.USERS, 2)
  queries = make_queries(case.study, users, LONG)
  found = case.lists(queries)
  check_lists(case, users, LONG, found, feed=False)
  assert not np.array_equal(found[0], base.lists(queries)[0])


def test_lists_end_where_no_video_is_left(base):
  users = [3, 4]
  found = base.lists(make_queries(base.study, users, LONG), k=worlds.VIDEOS)
  check_lists(base, users, LONG, found, k=worlds.VIDEOS)
  assert np.all(found[0][:, -1] == -1)
  assert np.all(np.isneginf(found[1][:, -1]))


def edited(watches, borders, session):
  """The histories with every watch from the session's end on replaced."""
  later = watches.time >= borders[session]
  rng = np.random.default_rng(0)
  item = rng.integers(worlds.VIDEOS, size=len(later)).astype(np.int32)
  return watches._replace(item=np.where(later, item, watches.item)), later


def test_what_comes_after_is_not_read(case):
  sessions = case.study.prepared.sessions
  other, later = edited(case.study.prepared.watches, sessions.borders, SHORT)
  assert later.any()
  users = range(worlds.USERS)
  want = case.lists(make_queries(case.study, users, SHORT))
  found = case.lists(make_queries(case.study, users, SHORT, watches=other))
  np.testing.assert_array_equal(found[0], want[0])
  np.testing.assert_array_equal(found[1], want[1])
  # What comes before is.
  found = case.lists(make_queries(case.study, users, LONG, watches=other))
  want = case.lists(make_queries(case.study, users, LONG))
  assert not np.array_equal(found[0], want[0])


def test_order_and_number_of_rows_do_not_matter(case):
  """Neither within a block of rows, nor over its border."""
  users = np.arange(worlds.USERS)
  ids, scores = case.lists(make_queries(case.study, users, LONG))
  many = np.random.default_rng(1).permutation(np.tile(users, 3))
  many_ids, many_scores = case.lists(make_queries(case.study, many, LONG))
  np.testing.assert_array_equal(many_ids, ids[many])
  np.testing.assert_allclose(many_scores, scores[many], atol=1e-5)
  one_ids, _ = case.lists(make_queries(case.study, [7], LONG))
  np.testing.assert_array_equal(one_ids, ids[[7]])


def test_nobody_gets_no_list(base):
  found = base.lists(make_queries(base.study, [], LONG))
  assert found.ids.shape == found.scores.shape == (0, K)


def test_a_user_without_any_watch_gets_a_list(base):
  """u is 0, and so is h_1: all videos are equal, the first ones are taken."""
  user = int(
    np.argmax(
      base.study.prepared.watches.time[base.study.prepared.watches.offsets[:-1]]
    )
  )
  queries = make_queries(base.study, [user], 1)
  assert queries.watches.offsets[-1] == 0
  ids, scores = base.lists(queries)
  assert ids[0, 0] == 0
  np.testing.assert_allclose(scores[0, 0], -np.log(worlds.VIDEOS), rtol=1e-5)
  check_lists(base, [user], 1, (ids, scores))


@pytest.mark.parametrize(
  ('change', 'message'),
  [
    ({'method': 'beam'}, "'beam'; valid are greedy_seq, topk_first"),
    ({'history_mode': 'all'}, "'all'; valid are topic_only, "),
  ],
)
def test_unknown_choices_are_errors(change, message, base):
  study = base.study
  settings = base.predictor.settings
  if 'method' in change:
    settings = settings._replace(**change)
  else:
    settings = settings._replace(inputs=settings.inputs._replace(**change))
  with pytest.raises(ValueError, match=message):
    predict.Predictor(study.network, study.features, settings)


@pytest.mark.parametrize('count', [3, 150])
def test_a_network_may_read_the_history(study, count):
  """As bags of the block's table, whoever else is in it."""
  network = BagNetwork(worlds.VIDEOS, study.prepared.sessions.count)
  params = network.init(jax.random.key(2))
  params['calendar'] += np.log1p(np.arange(worlds.VIDEOS)[:, None] % 5)
  settings = study.parts.predictor.settings._replace(method='topk_first')
  recommend = predict.Predictor(network, study.features, settings)
  users = np.arange(count) % worlds.USERS
  session = 3 + np.arange(count) % 8
  queries = make_queries(study, users, session)
  ids, scores = recommend.recommender(params)(queries, K)
  plain = {name: np.asarray(x, np.float64) for name, x in params.items()}
  offsets, watches = queries.watches.offsets, queries.watches
  for row in range(count):
    own = slice(offsets[row], offsets[row + 1])
    ages = (queries.time[row] - watches.time[own]) / settings.inputs.unit_secs
    bag = np.zeros(worlds.VIDEOS)
    np.add.at(bag, watches.item[own], np.exp(-settings.inputs.decay * ages))
    logits = plain['output'] @ np.tanh(bag @ plain['input'])
    logits += plain['calendar'][:, session[row] - 1]
    log_p = logits - np.log(np.sum(np.exp(logits)))
    log_p[watches.item[own]] = -np.inf
    best = np.argsort(-log_p, kind='stable')[:K]
    np.testing.assert_array_equal(ids[row], best)
    np.testing.assert_allclose(scores[row], log_p[best], rtol=1e-5)


@pytest.mark.parametrize('method', predict.METHODS)
def test_parts_of_scores_add_up_to_them(case, method):
  """Less the mean over the catalogue, which a list of all videos tells."""
  queries = make_queries(case.study, range(5), LONG, mask_known=False)
  settings = case.predictor.settings._replace(method=method)
  predictor = predict.Predictor(
    case.study.network, case.study.features, settings
  )
  ids, scores = predictor.recommender(case.params)(queries, K)
  parts = predictor.score_parts(case.params, queries, ids)
  first = predict.Predictor(
    case.study.network,
    case.study.features,
    settings._replace(method='topk_first'),
  )
  every = first.recommender(case.params)(queries, worlds.VIDEOS).scores
  total = sum(parts.values())
  wanted = scores - every.mean(axis=1, keepdims=True)
  places = slice(None) if method == 'topk_first' else slice(1)
  np.testing.assert_allclose(total[:, places], wanted[:, places], atol=2e-4)
  assert ('list' in parts) == (method == 'greedy_seq')
  alone = predictor.score_parts(case.params, queries.take([3]), ids[3:4])
  for name, values in parts.items():
    np.testing.assert_array_equal(alone[name][0], values[3])


def test_a_place_without_a_video_has_no_parts(base):
  queries = make_queries(base.study, [2, 5], LONG)
  ids = np.array([[4, 1, -1], [0, 3, 2]])
  parts = base.predictor.score_parts(base.params, queries, ids)
  for values in parts.values():
    assert values[0, 2] == 0
  whole = base.predictor.score_parts(base.params, queries, np.maximum(ids, 0))
  for name, values in whole.items():
    np.testing.assert_array_equal(parts[name][1], values[1])
    np.testing.assert_array_equal(parts[name][0, :2], values[0, :2])
