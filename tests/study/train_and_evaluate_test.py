"""The table of all splits follows from the lists that they left."""

import json
import pathlib

import pytest
import worlds

from dynrec_jax.report import runs, table, user_lists
from dynrec_jax.step_watch import NonFiniteLossError
from dynrec_jax.study import split_lists, split_run, splits
from dynrec_jax.study.parts import make_parts
from dynrec_jax.study.train_and_evaluate import train_and_evaluate

METHODS = ('random', 'popularity', 'model')
pytestmark = pytest.mark.usefixtures('quick_compile')


def never(step):
  return False


@pytest.fixture(scope='module')
def whole(study, tmp_path_factory, quick_compile):
  """A config of two splits, and what its run gave."""
  del quick_compile
  config = study.config.copy_and_resolve_references()
  config.workdir = str(tmp_path_factory.mktemp('whole'))
  config.split.seeds, config.train.max_epochs = 2, 1
  return config, train_and_evaluate(config, study.prepared, never)


def test_results_follow_from_the_lists(whole):
  config, text = whole
  folder = pathlib.Path(config.workdir)
  run = runs.read_run(folder)
  assert list(run.lists) == [
    (mode, method) for mode in ('long', 'short') for method in METHODS
  ]
  rows = table.make_rows(run.lists, k=config.decode.k)
  found = json.loads((folder / 'results.json').read_text())
  assert found == json.loads(
    table.as_json(rows, {k: v for k, v in found.items() if k != 'rows'})
  )
  saved = (folder / 'results.md').read_text()
  assert text.startswith(saved)
  assert 'In short mode dynrec (practical) is number ' in saved
  assert text[len(saved) :].startswith('\nNext:\n- ')
  assert '| long | dynrec (practical) |' in text
  assert all(len(row['f_score']) == 2 for row in found['rows'])


def test_other_lists_give_another_table(whole, study):
  """`evaluate` makes lists and table again, trained or not."""
  config, text = whole
  path = pathlib.Path(
    user_lists.path_of(f'{config.workdir}/split_1', 'long', 'model')
  )
  before = path.read_text()
  path.unlink()
  with pytest.raises(ValueError, match=r'model\.jsonl: no such file'):
    runs.read_run(config.workdir)
  again = train_and_evaluate(config, study.prepared, never, train=False)
  assert again == text
  assert path.read_text() == before


def test_results_of_other_lists_are_told(whole, study):
  """As a test that was interrupted would leave them, at another k."""
  config, text = whole
  folder = pathlib.Path(config.workdir)
  other = config.copy_and_resolve_references()
  other.decode.k = 3
  parts = make_parts(other, study.prepared)
  before = (folder / 'results.json').read_text()
  worlds.write_lists(other, parts, splits.make_split(other, study.prepared, 1))
  with pytest.raises(ValueError, match=r'results\.json: not made from the lis'):
    runs.read_run(folder)
  again = train_and_evaluate(config, study.prepared, never, train=False)
  assert again == text
  assert (folder / 'results.json').read_text() == before


def test_a_test_that_is_cut_off_leaves_no_results(whole, study, monkeypatch):
  config, _ = whole
  real = split_lists.test_split

  def cut_off(config, contenders, this, **how):
    if this.number == 1:
      raise KeyboardInterrupt
    return real(config, contenders, this, **how)

  with monkeypatch.context() as patch:
    patch.setattr(split_lists, 'test_split', cut_off)
    with pytest.raises(KeyboardInterrupt):
      train_and_evaluate(config, study.prepared, never, train=False)
  with pytest.raises(ValueError, match=r'results\.json: no such file'):
    runs.read_run(config.workdir)
  assert train_and_evaluate(config, study.prepared, never, train=False)
  assert runs.read_run(config.workdir).modes == ['long', 'short']


def test_a_stop_leaves_no_table(study, tmp_path):
  config = study.config.copy_and_resolve_references()
  config.workdir = str(tmp_path)
  assert train_and_evaluate(config, study.prepared, lambda step: True) is None
  assert not (tmp_path / 'results.json').exists()


def test_a_split_without_users_is_told_before_any_is_trained(study, tmp_path):
  config = study.config.copy_and_resolve_references()
  config.workdir = str(tmp_path / 'none')
  config.split.test_frac = 0.001
  with pytest.raises(ValueError, match=r'split\.test_frac of 60 users'):
    train_and_evaluate(config, study.prepared, never)
  assert not (tmp_path / 'none').exists()
  assert worlds.USERS == 60


def test_a_network_that_diverges_is_left_out(study, tmp_path, monkeypatch):
  """The others go on; it alone ends the run."""
  config = study.config.copy_and_resolve_references()
  config.workdir, config.train.max_epochs = str(tmp_path), 1
  config.eval.methods = ('popularity', 'rnn_norel', 'model')
  real = split_run.train_split

  def diverge(own, *of):
    if own.loss.relevance_weight == 0:
      raise NonFiniteLossError('not finite')
    return real(own, *of)

  monkeypatch.setattr(split_run, 'train_split', diverge)
  text = train_and_evaluate(config, study.prepared, never)
  assert '| long | RNN-noRel | not run: diverged: not finite' in text
  run = runs.read_run(tmp_path)
  assert {method for _, method in run.lists} == {'popularity', 'model'}
  assert {of.method for of in run.skipped} == {'rnn_norel'}
  config.eval.methods = ('rnn_norel',)
  with pytest.raises(NonFiniteLossError):
    train_and_evaluate(config, study.prepared, never)


def test_fewer_videos_than_a_list_has_are_told(study, tmp_path):
  config = study.config.copy_and_resolve_references()
  config.workdir, config.decode.k = str(tmp_path), 41
  config.eval.methods = ('popularity',)
  text = train_and_evaluate(config, study.prepared, never)
  assert 'not run: 40 videos, fewer than decode.k=41' in text
