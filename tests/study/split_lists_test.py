"""A tested split: what it leaves, what that follows from, what is kept."""

import json
import pathlib

import jax
import numpy as np
import pytest
import worlds

from dynrec_jax import evaluate, metric_log
from dynrec_jax.report import user_lists
from dynrec_jax.study import methods, split_run, splits, training_data

METHODS = ('random', 'popularity', 'model')
pytestmark = pytest.mark.usefixtures('quick_compile')


@pytest.fixture(scope='module')
def tested(study, tmp_path_factory, quick_compile):
  """A config, its parts and a split that was trained and tested."""
  del quick_compile
  config = study.config.copy_and_resolve_references()
  config.workdir = str(tmp_path_factory.mktemp('split_run'))
  this = splits.make_split(config, study.prepared, 0)
  assert split_run.train_split(config, study.parts, this, lambda step: False)
  worlds.write_lists(config, study.parts, this)
  return config, study.parts, this


def test_every_method_leaves_its_lists_in_every_mode(tested):
  config, parts, this = tested
  assert worlds.tested(this) == {
    (mode, method) for mode in ('long', 'short') for method in METHODS
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
    for method in METHODS:
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
    config, parts.prepared, this, this.users.test, 9
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
  worlds.write_lists(config, parts, this)
  assert len(asked) == 2 * len(METHODS)
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


def test_lists_are_kept_while_they_follow_from_the_same(
  study, tested, monkeypatch, tmp_path
):
  """Another k, other data or a damaged note: they are made again."""
  config, parts, this = tested
  found = split_run.load_params(config, parts, this)
  monkeypatch.setattr(split_run, 'load_params', lambda *_: found)
  this = this._replace(directory=str(tmp_path))
  fitted, real = [], methods.fit

  def spy(name, config, seen, network):
    fitted.append(name)
    return real(name, config, seen, network)

  monkeypatch.setattr(methods, 'fit', spy)

  def made(config=config, parts=parts, *, anew=False):
    fitted.clear()
    worlds.write_lists(config, parts, this, anew=anew)
    return sorted(fitted)

  every = sorted(2 * METHODS)
  assert made() == every
  path = pathlib.Path(user_lists.path_of(this.directory, 'long', 'popularity'))
  before = path.read_text()
  assert made() == []
  assert made(anew=True) == every
  path.unlink()
  assert made() == ['popularity']
  assert path.read_text() == before
  for damaged in ('', before[:99], ''.join(before.splitlines(True)[:-1])):
    path.write_text(damaged)
    assert made() == ['popularity']
    assert path.read_text() == before
  note = pathlib.Path(this.directory, 'made', 'short', 'model.json')
  note.write_text('{')
  assert made() == ['model']
  other = config.copy_and_resolve_references()
  other.decode.k = 3
  assert made(other) == every
  assert made() == every
  prepared = study.prepared
  watches = prepared.watches._replace(time=prepared.watches.time + 1)
  moved = prepared._replace(watches=watches)
  assert made(parts=parts._replace(prepared=moved)) == every
  other = jax.tree.map(lambda x: x + 1, found.state)
  assert made() == every
  found = found._replace(state=other)
  assert made() == 2 * ['model']


def test_a_method_that_cannot_use_the_data_is_left_out(tested, tmp_path):
  """It is told, its row is remembered, and the others go on."""
  config, parts, this = tested
  config = config.copy_and_resolve_references()
  config.eval.methods = ('popularity', 'random')
  config.pop.source = 'view_count'
  videos = parts.prepared.records.videos
  records = parts.prepared.records._replace(
    videos=videos._replace(view_count=-1 + 0 * videos.view_count)
  )
  parts = parts._replace(prepared=parts.prepared._replace(records=records))
  this = this._replace(directory=str(tmp_path))
  stale = pathlib.Path(user_lists.path_of(str(tmp_path), 'long', 'popularity'))
  stale.parent.mkdir(parents=True)
  stale.write_text('of other data')
  for _ in range(2):  # the second time from the note
    skipped = worlds.write_lists(config, parts, this, anew=False)
    assert [(mode, method) for mode, method, _ in skipped] == [
      ('long', 'popularity'),
      ('short', 'popularity'),
    ]
    assert all('which none of the 40' in why for _, _, why in skipped)
    assert worlds.tested(this) == {('long', 'random'), ('short', 'random')}
