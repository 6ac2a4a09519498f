"""Cross-validation, whole: who takes part, what is left, killed and resumed."""

import contextlib
import io
import json
import os
import pathlib
import re
import signal

import jax
import numpy as np
import pytest
import worlds

from dynrec_jax import checkpoint, main
from dynrec_jax.parallel import host_memory
from dynrec_jax.step_watch import NonFiniteLossError
from dynrec_jax.study import (
  check,
  cross_validate,
  fold_results,
  prepare,
  split_run,
  splits,
)

CHANGES = {
  'mode': 'cross_validate',
  'cv.semantic_weight': (0.2, 0.8),
  'cv.interest_weight': (0.4,),
  'cv.relevance_weight': (0.2,),
  'train.max_epochs': 1,
  'train.save_every_steps': 5,
}
# Whole trainings, some dozen.
pytestmark = pytest.mark.slow
POINTS = [(0.2, 0.4, 0.2), (0.8, 0.4, 0.2)]


@pytest.fixture(scope='module', autouse=True)
def quick(quick_compile):
  """As main does it, but compiled quickly and never twice."""
  del quick_compile
  names = (
    'jax_compilation_cache_dir',
    'jax_persistent_cache_min_compile_time_secs',
  )
  before = [getattr(jax.config, name) for name in names]
  jax.config.update(names[1], 0)
  with pytest.MonkeyPatch.context() as patch:
    patch.setattr(host_memory, 'keep_freed_memory', lambda: True)
    patch.setattr(jax, 'clear_caches', lambda: None)  # few fits: not needed
    yield
  for name, value in zip(names, before, strict=True):
    jax.config.update(name, value)


@pytest.fixture(scope='module')
def config_of(tmp_path_factory):
  """A config whose results lie in a folder of that name."""
  root = tmp_path_factory.mktemp('cv')
  folder = worlds.write_folder(root / 'folder')

  def make(name, **changes):
    settings = worlds.tiny_settings(folder, root) | CHANGES
    settings['workdir'] = str(root / name)
    config = worlds.tiny_config(settings, **changes)
    check.check_config(config)
    return config

  return make


def run(config):
  """What a run prints."""
  with contextlib.redirect_stdout(io.StringIO()) as out:
    main.run(config, main.door_of(config.mode))
  return out.getvalue()


def read(config, name='cross_validation.jsonl'):
  return (pathlib.Path(config.workdir) / name).read_text()


class Seen:
  """The users whom each fit of a run learns from and asks about."""

  def __init__(self):
    self.learned, self.at = [], []

  @property
  def asked(self):
    """At one border; at the other they are the same."""
    long, short = (
      [users for session, users in self.at if session == border]
      for border in (9, 3)
    )
    assert long == short
    assert len(long) + len(short) == len(self.at)
    return long

  def watch(self, patch):
    make_set = split_run.make_training_set
    make_questions = split_run.make_questions

    def training_set(*args):
      data = make_set(*args)
      self.learned.append(set(data.samples.user.tolist()))
      if data.relevance is not None:
        assert set(data.relevance.users.tolist()) == self.learned[-1]
      return data

    def questions(config, prepared, this, users, session):
      out = make_questions(config, prepared, this, users, session)
      self.at.append((session, set(out[0].users.tolist())))
      return out

    patch.setattr(split_run, 'make_training_set', training_set)
    patch.setattr(split_run, 'make_questions', questions)


@pytest.fixture(scope='module')
def whole(config_of):
  """An uninterrupted run: its config, what it printed, whom it saw."""
  config, seen = config_of('whole'), Seen()
  with pytest.MonkeyPatch.context() as patch:
    seen.watch(patch)
    text = run(config)
  return config, text, seen


@pytest.fixture(scope='module')
def users(whole):
  """The normal split, and the folds."""
  config, _, _ = whole
  prepared = prepare.prepare(config)
  split = splits.make_split(config, prepared, 0).users
  return split, cross_validate.make_folds(config, prepared)


def test_no_tested_user_takes_part(whole, users):
  _, _, seen = whole
  tested = set(users[0].test.tolist())
  assert len(tested) == 12
  assert len(seen.learned) == 6
  for took_part in seen.learned + seen.asked:
    assert took_part
    assert not took_part & tested


def test_each_fit_trains_stops_and_is_scored_on_its_own_users(whole, users):
  _, _, seen = whole
  asked = zip(seen.asked[::2], seen.asked[1::2], strict=True)
  fits = zip(seen.learned, asked, [*users[1], *users[1]], strict=True)
  for learned, (stopped, scored), fold in fits:
    assert learned <= set(fold.train.tolist())  # who has a sequence
    assert len(learned) > 20
    assert stopped == set(fold.valid.tolist())
    assert scored == set(fold.test.tolist())
  everyone = set().union(*seen.asked[1::2])
  assert everyone == {*users[0].train.tolist(), *users[0].valid.tolist()}


def test_what_a_search_leaves(whole):
  config, text, _ = whole
  assert read(config, 'cross_validation.md') == text
  head, *records = map(json.loads, read(config).splitlines())
  assert head['settings']['model.D_h'] == 8
  assert head['settings']['train.max_epochs'] == 1
  assert 'loss.semantic_weight' not in head['settings']
  names = ('semantic_weight', 'interest_weight', 'relevance_weight')
  found = [(*(r[n] for n in names), r['fold']) for r in records]
  assert found == [(*p, fold) for p in POINTS for fold in (1, 2, 3)]
  means = []
  for three in (records[:3], records[3:]):
    for mode in ('long', 'short'):
      counts = (f'{mode}/users', f'{mode}/users_without_truth')
      assert sum(r[name] for r in three for name in counts) == 48
    means.append(np.mean([r['f_score'] for r in three]))
  assert len({r['f_score'] for r in records}) > 2
  lines = text.splitlines()
  order = [0, 1] if means[0] >= means[1] else [1, 0]
  for line, point in zip(lines[2:4], order, strict=True):
    weights = ' | '.join(map(str, POINTS[point]))
    assert line.startswith(f'| {weights} | ')
    assert f'{means[point]:.4f} ± ' in line
  best = POINTS[order[0]]
  assert lines[-1] == 'chosen: ' + ' '.join(
    f'--config.loss.{name}={weight}'
    for name, weight in zip(names, best, strict=True)
  )
  folder = pathlib.Path(config.workdir) / 'cv' / 'split_0'
  assert len(list(folder.glob('*_fold_*/metrics.jsonl'))) == 6
  assert not list(folder.glob('*/checkpoints'))


class KilledError(BaseException):
  """Nothing after it runs, as after SIGKILL."""


def kill_after_first_result(patch):
  add = fold_results.FoldResults.add

  def add_and_die(self, fit, scores):
    add(self, fit, scores)
    raise KilledError

  patch.setattr(fold_results.FoldResults, 'add', add_and_die)


def ask_to_stop_after_first_save(patch):
  save = checkpoint.Checkpointer.save

  def save_and_ask(self, *args, **kwargs):
    os.kill(os.getpid(), signal.SIGTERM)
    return save(self, *args, **kwargs)

  patch.setattr(checkpoint.Checkpointer, 'save', save_and_ask)


def test_killed_and_stopped_it_ends_with_the_same_file(
  whole, config_of, caplog
):
  config = config_of('killed')
  first = ''.join(read(whole[0]).splitlines(keepends=True)[:2])
  with pytest.MonkeyPatch.context() as patch:
    kill_after_first_result(patch)
    with pytest.raises(KilledError):
      run(config)
  assert read(config) == first
  with pytest.MonkeyPatch.context() as patch:
    ask_to_stop_after_first_save(patch)
    with pytest.raises(SystemExit) as stopped:
      run(config)
  assert stopped.value.code == checkpoint.REQUEUE_EXIT_CODE
  assert read(config) == first
  with caplog.at_level('INFO'):
    assert run(config) == whole[1]
  assert read(config) == read(whole[0])
  logged = caplog.messages
  assert 'resuming from step 5' in logged
  starts = [m for m in logged if re.search(r'fold \d of 3$', m)]
  assert (
    starts
    == [
      f'point {number} of 2 {point}, fold {fold} of 3'
      for number, point in enumerate(POINTS, start=1)
      for fold in (1, 2, 3)
    ][1:]
  )
  folder = pathlib.Path(config.workdir) / 'cv'
  assert not list(folder.rglob('checkpoints'))


def refuse_to_train(*args):
  raise AssertionError('trained')


def test_points_that_are_there_are_not_fitted_again(
  whole, config_of, monkeypatch
):
  """Neither by the same command nor by the other grid."""
  monkeypatch.setattr(split_run, 'stop_early', refuse_to_train)
  assert run(config_of('whole')) == whole[1]
  assert run(config_of('whole', cv__grid='coarse')) == whole[1]
  # A fold is stopped early and not fitted again, whatever a split is.
  assert run(config_of('whole', train__refit=True)) == whole[1]
  with pytest.raises(AssertionError, match='trained'):
    run(config_of('whole', cv__semantic_weight=(0.2, 0.4)))


@pytest.mark.parametrize(
  ('changes', 'message'),
  [
    ({'model__D_h': 4}, r'model\.D_h: saved 8, now 4'),
    ({'train__max_epochs': 2}, r'train\.max_epochs: saved 1, now 2'),
    ({'cv__split': 1}, r'cv\.split: saved 0, now 1'),
    ({'train__stop_by': 'likelihood'}, r'train\.stop_by: saved "f_score", now'),
    ({'loss__weight_decay': 0.5}, r'loss\.weight_decay: saved 0\.0001, now'),
  ],
)
def test_results_of_other_settings_are_refused(
  changes, message, whole, config_of
):
  before = read(whole[0])
  with pytest.raises(ValueError, match=f'cross_validation.jsonl.*{message}'):
    run(config_of('whole', **changes))
  assert read(whole[0]) == before


def test_results_of_other_users_are_refused_in_words(whole, config_of):
  before = read(whole[0])
  message = r'min_videos_per_user was 4, is 7\. Right: .*another workdir'
  with pytest.raises(ValueError, match=message):
    run(config_of('whole', filter__min_videos_per_user=7))
  assert read(whole[0]) == before


def test_what_tested_users_watch_changes_nothing(whole, users, config_of):
  """Bit for bit, in training, stopping and scoring."""
  config = config_of('altered', cv__semantic_weight=(0.8,))
  prepared = prepare.prepare(config)
  item = prepared.watches.item.copy()
  for user in users[0].test:
    mine = slice(*prepared.watches.offsets[user : user + 2])
    item[mine] = (item[mine] + 13) % worlds.VIDEOS
  watches = prepared.watches._replace(item=item)
  made_of = prepared.behaviours._replace(histories=watches)
  altered = prepared._replace(watches=watches, behaviours=made_of)
  assert cross_validate.cross_validate(config, altered, lambda step: False)
  assert read(config).splitlines()[1:] == read(whole[0]).splitlines()[4:]


def test_a_loss_that_is_no_number_names_the_point(config_of, monkeypatch):
  def diverge(*args):
    raise NonFiniteLossError('not finite between steps 1 and 2')

  monkeypatch.setattr(split_run, 'stop_early', diverge)
  message = (
    r'^point 1 of 2 \(0\.2, 0\.4, 0\.2\), fold 1 of 3: not finite between '
    r'steps 1 and 2, or leave these weights out of cv$'
  )
  with pytest.raises(ValueError, match=message):
    run(config_of('diverged'))
