"""A network trained on a split: kept, stopped, scored at every border."""

import pathlib

import jax
import numpy as np
import pytest

from dynrec_jax import metric_log
from dynrec_jax.study import split_run, splits, training_data

pytestmark = pytest.mark.usefixtures('quick_compile')


@pytest.fixture(scope='module')
def trained(study, tmp_path_factory, quick_compile):
  """A config, its parts and a split that was trained."""
  del quick_compile
  config = study.config.copy_and_resolve_references()
  config.workdir = str(tmp_path_factory.mktemp('split_run'))
  this = splits.make_split(config, study.prepared, 0)
  assert split_run.train_split(config, study.parts, this, lambda step: False)
  return config, study.parts, this


def test_what_is_trained_is_left_alone(trained):
  config, parts, this = trained
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


def test_validation_looks_at_every_border(trained):
  """Its F is the mean of those of the long and the short mode (A3)."""
  config, parts, this = trained
  found = split_run.load_params(config, parts, this)
  recommend = parts.predictor.recommender(found.state)
  each = []
  for mode, session in (('long', 9), ('short', 3)):
    questions = training_data.make_questions(
      config, parts.prepared, this, this.users.valid, session
    )
    scored = split_run.score(config, recommend, questions)
    of_mode = split_run.measures(config, scored)
    each.append(of_mode['f_score'])
    for name, value in of_mode.items():
      assert found.metrics[f'{mode}/{name}'] == value
  assert each[0] != each[1]
  assert found.score == pytest.approx(sum(each) / 2, abs=1e-12)
  records = metric_log.read_metrics(f'{this.directory}/metrics.jsonl')
  logged = [r['valid/f_score'] for r in records if 'valid/f_score' in r]
  assert found.score == max(logged)


def test_splits_share_a_compiled_step(trained, tmp_path):
  """With other weights too, as a search has them; equal to one's own step."""
  config, parts, this = trained
  step = split_run.make_step(config, parts)
  ends = []
  for number, weight in enumerate((0.2, 0.7)):
    own = config.copy_and_resolve_references()
    own.loss.semantic_weight = weight
    for shared in (step, None):
      at = this._replace(directory=str(tmp_path / f'{number}_{shared is None}'))
      assert split_run.stop_early(own, parts, at, lambda step: False, shared)
      ends.append(split_run.load_params(own, parts, at).state)
  for one, two in (ends[:2], ends[2:]):
    jax.tree.map(np.testing.assert_array_equal, one, two)
  leaves = [
    np.concatenate([x.ravel() for x in jax.tree.leaves(e)]) for e in ends
  ]
  assert not np.array_equal(leaves[0], leaves[2])
