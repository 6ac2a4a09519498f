"""A user's list is the same to the last bit, whoever else is in the file.

Of every network and history mode, compiled as for users, at sizes that are no
multiple of anything, alone and beside users of long ago, of far ahead, of very
many watches and of none.
"""

import json

import numpy as np
import pytest
import worlds

from dynrec_jax import checkpoint, train
from dynrec_jax.data import histories
from dynrec_jax.study import (
  identity,
  method_config,
  recommend,
  same_data,
  split_run,
)
from dynrec_jax.study.training_data import Known, make_queries

K = 6
NETWORKS = {
  'dynamic': ('model', {}),
  'dynamic, first': ('model', {'decode.method': 'topk_first'}),
  'dynamic, history': ('model', {'model.history_mode': 'topic_then_history'}),
  'dynamic, chain': ('model', {'model.history_mode': 'session_chain'}),
  'dynamic, count': ('model', {'interest.norm': 'count'}),
  'rnn': ('rnn', {}),
  'rnn_sem': ('rnn_sem', {}),
  'static_dnn': ('static_dnn', {'interest.norm': 'l2'}),
  'plus': ('plus', {}),
  'plus, interest': ('plus', {'plus.interest': True}),
}
WIDE = {'model.D_h': 71, 'model.embed_size': 37, 'seq.max_target_len': 5}
# Seconds; the first is of 1970, the last of 2100.
TIMES = (0, worlds.START + 100 * worlds.DAY, 4_102_444_800)


def past_of(user):
  return [(v, at) for u, v, at in worlds.watches() if u == user]


# Who is asked about, and in whose company.
ASKED = [past_of(3), past_of(12)[:1], past_of(40), []]
COMPANY = [
  [],
  [(1, TIMES[0])],
  [(5, TIMES[2])],
  [(7, TIMES[0]), (9, TIMES[1]), (2, TIMES[2])],
  [(v, TIMES[1] + v) for v in range(worlds.VIDEOS - K)],
  *(past_of(user) for user in range(45)),
]


def queries_of(study, rows):
  """Each row's user, now: as `recommend` asks."""
  flat = [(user, v, t) for user, row in enumerate(rows) for v, t in row]
  user, video, time = np.array(flat, np.int64).reshape(-1, 3).T
  order = np.lexsort([time, user])
  counts = np.bincount(user, minlength=len(rows))
  watches = histories.Histories(
    np.concatenate([[0], np.cumsum(counts)]),
    video[order].astype(np.int32),
    time[order],
  )
  clock = study.prepared.sessions
  profiles = np.full(len(rows), '', object)
  known = Known(watches, watches, None, profiles, clock)
  return make_queries(
    known,
    study.prepared.behaviours.topics,
    np.arange(len(rows), dtype=np.int32),
    clock.count,
    mask_known=True,
    until=recommend.ends_of(known),
  )


@pytest.fixture(scope='module', params=NETWORKS)
def asked(request, study, tiny_settings):
  """A network of random parameters, and the study."""
  method, changes = NETWORKS[request.param]
  config = worlds.tiny_config(tiny_settings)
  config = method_config.of_method(config, method, {})
  config = method_config.changed(config, WIDE | changes)
  own = worlds.Study(config, study.prepared)
  params = worlds.random_params(own.network)
  return own.parts.predictor.recommender(params), own


def test_a_list_does_not_depend_on_the_company(asked):
  lists, study = asked
  alone = [lists(queries_of(study, [row]), K) for row in ASKED]
  rng = np.random.default_rng(2)
  for count in (1, 2, 31, 50):
    rows = [*ASKED, *COMPANY[:count]]
    place = rng.permutation(len(rows))
    found = lists(queries_of(study, [rows[i] for i in place]), K)
    assert np.isfinite(found.scores[found.ids >= 0]).all()
    for user, own in enumerate(alone):
      at = int(np.flatnonzero(place == user)[0])
      np.testing.assert_array_equal(found.ids[at], own.ids[0])
      np.testing.assert_array_equal(found.scores[at], own.scores[0])


def test_the_lists_tell_users_apart(asked):
  """Else nothing above says anything; of users who watched, different ones."""
  lists, study = asked
  found = lists(queries_of(study, ASKED), K)
  assert len({tuple(row) for row in found.scores.tolist()}) >= 3


def test_a_far_off_time_says_as_much_as_any_other(asked):
  """Where N_u cancels how long ago it was: one watch is one watch."""
  lists, study = asked
  if study.config.interest.norm == 'count' or study.network.reads_history:
    return
  rows = [[(9, time)] for time in TIMES]
  found = lists(queries_of(study, rows), K)
  first = found.scores[0].tolist()
  if study.config.model.history_mode == 'session_chain':
    return  # whose earlier links knew nothing yet
  assert found.scores.tolist() == [first] * 3
  assert first != lists(queries_of(study, [[]]), K).scores[0].tolist()


@pytest.fixture(scope='module')
def saved(tiny_settings, tmp_path_factory):
  """A study with a checkpoint of random parameters."""
  folder = tmp_path_factory.mktemp('company')
  config = worlds.tiny_config(
    tiny_settings, workdir=str(folder / 'run'), mode='recommend'
  )
  own = worlds.Study(config)
  same_data.hold(config, own.prepared)
  state = train.TrainState(np.int32(7), worlds.random_params(own.network), ())
  with checkpoint.Checkpointer(
    own.split.checkpoints,
    config=split_run.saved_config(config, own.parts, own.split),
    must_match=identity.CHECKPOINT,
  ) as saver:
    saver.save(7, state, {}, score=0.5)
  return own, folder


def lines_of(saved, rows=None, **changes):
  """User -> the line of its list; of a file of the rows, or of the data."""
  study, folder = saved
  config = study.config.copy_and_resolve_references()
  config.recommend.output = str(folder / 'lists.jsonl')
  if rows is not None:
    path = folder / 'history.csv'
    lines = [f'{name},v{v},{t}\n' for name, of in rows.items() for v, t in of]
    path.write_text('user,video,time\n' + ''.join(lines))
    config.recommend.history = str(path)
  for key, value in changes.items():
    config.recommend[key] = value
  path = recommend.recommend(config, study.prepared)
  with open(path, encoding='utf-8') as file:
    return {json.loads(line)['user']: line for line in file}


def test_users_of_a_file(saved):
  rows = {f'asked{i}': row for i, row in enumerate(ASKED) if row}
  crowd = {f'crowd{i}': row for i, row in enumerate(COMPANY) if row}
  alone = {}
  for name, row in rows.items():
    alone |= lines_of(saved, {name: row})
  together = lines_of(saved, crowd | rows)
  assert set(alone) < set(together)
  assert {name: together[name] for name in alone} == alone


def test_users_of_the_data(saved):
  """Whoever is named with them, and whenever others were last seen."""
  study, _ = saved
  everyone = lines_of(saved)
  assert len(everyone) == worlds.USERS
  for users in (('u7',), ('u41', 'u7', 'u3')):
    found = lines_of(saved, users=users)
    assert found == {user: everyone[user] for user in users}
  # One of them watches on, far behind the span.
  watches = study.prepared.outside.watches
  later = watches._replace(
    user=np.array([50], np.int32),
    video=np.array([39], np.int32),
    time=np.array([TIMES[2]]),
  )
  outside = study.prepared.outside._replace(watches=later)
  own = study.prepared
  study.prepared = own._replace(outside=outside)
  try:
    found = lines_of(saved)
  finally:
    study.prepared = own
  changed = {user for user in everyone if found[user] != everyone[user]}
  assert changed == {'u50'}
