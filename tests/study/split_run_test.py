"""One split, trained and tested: what it leaves, and what it follows from."""

import json
import pathlib

import jax
import numpy as np
import pytest
import worlds

from dynrec_jax import evaluate, metric_log
from dynrec_jax.report import user_lists
from dynrec_jax.study import methods, split_run, splits, training_data

pytestmark = pytest.mark.usefixtures('quick_compile')


@pytest.fixture(scope='module')
def tested(study, tmp_path_factory, quick_compile):
  """A config, its parts and a split that was trained and tested."""
  del quick_compile
  config = study.config.copy_and_resolve_references()
  config.workdir = str(tmp_path_factory.mktemp('split_run'))
  this = splits.make_split(config, study.prepared, 0)
  assert split_run.train_split(config, study.parts, this, lambda step: False)
  split_run.test_split(config, study.parts, this)
  return config, study.parts, this


def test_every_method_leaves_its_lists_in_every_mode(tested):
  config, parts, this = tested
  assert worlds.tested(this) == {
    (mode, method) for mode in ('long', 'short') for method in methods.NAMES
  }
  ids = parts.prepared.records.user_ids[this.users.test].tolist()
  for mode, method in worlds.tested(this):
    path = user_lists.path_of(this.directory, mode, method)
    found = user_lists.read_lists(path)
    assert found.users == ids
    assert all(len(videos) == config.decode.k for videos in found.videos)


def test_lists_hits_and_truth_are_those_of_the_watches(tested):
  """By hand, from the lines of the files and the watches themselves."""
  _, parts, this = tested
  hit_count = 0
  for mode, session in (('long', 9), ('short', 3)):
    end = parts.prepared.sessions.end(session)
    known, later = {}, {}
    for user, video, time in worlds.watches():
      of = later if time >= end else known
      of.setdefault(f'u{user}', set()).add(f'v{video}')
    for method in methods.NAMES:
      path = user_lists.path_of(this.directory, mode, method)
      for line in pathlib.Path(path).read_text().splitlines():
        row = json.loads(line)
        truth = later.get(row['user'], set()) - known.get(row['user'], set())
        assert row['truth'] == len(truth)
        assert row['hits'] == len(truth & set(row['videos']))
        hit_count += row['hits']
        assert ('scores' in row) == (method != 'random')
        if method != 'random':
          assert len(row['scores']) == len(row['videos'])
  assert hit_count > 10


def test_measures_in_the_metrics_follow_from_the_lists(tested):
  config, _, this = tested
  logged = {}
  for record in metric_log.read_metrics(f'{this.directory}/metrics.jsonl'):
    logged |= record
  for mode, method in worlds.tested(this):
    path = user_lists.path_of(this.directory, mode, method)
    lists = user_lists.read_lists(path)
    want = evaluate.summarise(lists.hits, lists.truth, config.decode.k)
    for name, value in want.items():
      assert logged[f'test_{mode}/{method}/{name}'] == value


def test_the_model_s_lists_are_of_the_best_checkpoint(tested):
  config, parts, this = tested
  found = split_run.load_params(config, parts, this)
  assert found.score == max(
    record['valid/f_score']
    for record in metric_log.read_metrics(f'{this.directory}/metrics.jsonl')
    if 'valid/f_score' in record
  )
  questions = training_data.make_questions(
    config, parts.prepared, this, this.users.test, 0.75
  )
  recommend = parts.predictor.recommender(found.state)
  scored = split_run.score(config, recommend, questions)
  path = user_lists.path_of(this.directory, 'long', 'model')
  lists = user_lists.read_lists(path)
  np.testing.assert_array_equal(scored.hits, lists.hits)
  ids = parts.prepared.records.videos.id
  assert [ids[row].tolist() for row in scored.lists.ids] == lists.videos


def test_methods_are_fitted_on_what_was_known_when_they_are_asked(
  tested, monkeypatch, tmp_path
):
  """In every mode: nothing of a held-out user after that mode's n_f."""
  config, parts, this = tested
  this = this._replace(directory=str(tmp_path))
  found = split_run.load_params(config, parts, tested[2])
  monkeypatch.setattr(split_run, 'load_params', lambda *_: found)
  asked, real = [], methods.fit

  def spy(name, config, seen, model):
    recommend = real(name, config, seen, model)

    def call(queries, k):
      asked.append((seen, queries))
      return recommend(queries, k)

    return call

  monkeypatch.setattr(methods, 'fit', spy)
  split_run.test_split(config, parts, this)
  assert len(asked) == 2 * len(methods.NAMES)
  assert {seen.session for seen, _ in asked} == {3, 9}
  trains = set(this.users.train.tolist())
  for seen, queries in asked:
    assert set(queries.session) == {seen.session}
    np.testing.assert_array_equal(queries.users, this.users.test)
    for events in (seen.watches, seen.behaviours):
      owner = np.repeat(np.arange(worlds.USERS), np.diff(events.offsets))
      late = set(owner[events.time >= queries.time[0]].tolist())
      assert late
      assert late <= trains


def test_what_is_trained_is_left_alone(tested):
  config, parts, this = tested
  before = split_run.load_params(config, parts, this)
  lines = pathlib.Path(this.directory, 'metrics.jsonl').read_text()

  def stop(step):
    raise AssertionError('trained again')

  assert split_run.train_split(config, parts, this, stop)
  after = split_run.load_params(config, parts, this)
  assert after.step == before.step
  jax.tree.map(np.testing.assert_array_equal, after.state, before.state)
  assert pathlib.Path(this.directory, 'metrics.jsonl').read_text() == lines


def test_a_stop_is_told(study, tmp_path):
  config = study.config.copy_and_resolve_references()
  config.workdir = str(tmp_path)
  this = splits.make_split(config, study.prepared, 0)
  stopped = split_run.train_split(
    config, study.parts, this, lambda step: step == 2
  )
  assert stopped is False
  config.model.embed_norm = 'loss_only'
  with pytest.raises(ValueError, match='another config: model'):
    split_run.train_split(config, study.parts, this, lambda step: True)
