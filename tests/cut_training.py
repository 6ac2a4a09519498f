"""Trainings over a cut and over a whole catalogue, to be compared.

As `cut_checks`, run in processes of their own.
"""

import os
import pathlib
import shutil

import cut_checks
import jax
import numpy as np
import worlds

from dynrec_jax import packed_gru, train
from dynrec_jax.checkpoint import Checkpointer
from dynrec_jax.data import batches
from dynrec_jax.losses import LossTerms
from dynrec_jax.study import split_run

packed_gru._TIERS = 2


def config_of(root, where, **changes):
  """The tiny study's, with batches that 3 and 4 devices can share."""
  root = pathlib.Path(root)
  return worlds.tiny_config(
    worlds.tiny_settings(root / 'folder', root),
    parallel__catalogue=where,
    train__batch_size=12,
    sem__batch_size=12,
    model__softmax_bias=True,
    **changes,
  )


def whole(tree, video_count=worlds.VIDEOS):
  """A tree's arrays by their names, without the rows of zeros."""
  out = {}
  for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
    name = jax.tree_util.keystr(path)
    if name.endswith(("'output_kernel']", "'output_bias']")):
      assert not np.asarray(leaf)[video_count:].any()
      leaf = leaf[:video_count]
    out[name] = np.asarray(leaf)
  return out


def assert_close(found, want, tolerance=1e-5):
  assert set(found) == set(want)
  for name in found:
    np.testing.assert_allclose(
      found[name], want[name], rtol=tolerance, atol=tolerance, err_msg=name
    )


def prepare(root):
  """Fills the cache that later processes read."""
  worlds.Study(config_of(root, 'replicated'))


def some_steps(study, count):
  """The state after some steps, and every step's metrics.

  Each of several processes hands in what its own devices are to do.
  """
  settings = study.settings._replace(cut=study.parts.cut)
  optimizer = train.make_optimizer(
    'adam', learning_rate=0.01, weight_decay=0.002
  )
  step = train.make_train_step(
    study.network, optimizer, settings, reduction='mean', average=0.5
  )
  step = train.balanced(step, study.balance, 5)
  state = study.parts.place(
    train.init_state(study.network, optimizer, 5, averaged=True)
  )
  spec = study.spec._replace(device_count=jax.device_count(), own_devices=None)
  stream, seen = batches.batches(study.data, spec), []
  for _ in range(count):
    batch = jax.tree.map(cut_checks.stacked, next(stream))
    state, metrics = step(state, study.features, batch)
    seen.append({name: float(value) for name, value in metrics.items()})
  return state, seen


def compare_steps(root, methods):
  """Steps of several networks over a cut catalogue and over a whole one."""
  prepared = None
  for changes in methods:
    both, states = [], []
    for where in ('replicated', 'sharded'):
      study = worlds.Study(config_of(root, where, **changes), prepared)
      prepared = study.prepared
      assert (study.parts.cut is None) == (where == 'replicated')
      both.append(some_steps(study, 3))
      states.append((study, both[-1][0].read))
    (state, seen), (cut_state, cut_seen) = both
    lists = [lists_of(of.config, of, of.split, read) for of, read in states]
    np.testing.assert_array_equal(lists[1].ids, lists[0].ids)
    np.testing.assert_allclose(lists[1].scores, lists[0].scores, rtol=1e-5)
    for row, cut_row in zip(seen, cut_seen, strict=True):
      assert_close(cut_row, row)
    assert_close(whole(cut_state), whole(state))
    if study.config.model.network == 'dynamic':  # nothing of it is trivial
      for name in LossTerms._fields:
        assert sum(row[f'loss_{name}'] for row in seen) > 0


def train_both(root):
  """A whole training, of either kind, and of one kind after the other."""
  root = pathlib.Path(root)
  prepared, found = None, {}
  for name, where in {
    'whole': 'replicated',
    'cut': 'sharded',
    'whole, cut': 'sharded',
  }.items():
    if name == 'whole, cut':  # goes on from the first epoch
      shutil.copytree(root / 'whole', root / name)
      first, last = sorted(map(int, os.listdir(root / name / 'checkpoints')))
      shutil.rmtree(root / name / 'checkpoints' / str(last))
    config = config_of(
      root, where, opt__average=0.5, train__stop_by='likelihood'
    )
    study = worlds.Study(config, prepared)
    prepared = study.prepared
    split = study.split._replace(directory=str(root / name))
    asked = []
    assert split_run.train_split(
      config, study.parts, split, lambda step, asked=asked: asked.append(step)
    )
    assert asked[0] == (first if name == 'whole, cut' else 0)
    best = split_run.load_params(config, study.parts, split)
    found[name] = (best, lists_of(config, study, split, best.state))
  best, lists = found.pop('whole')
  for name, (other, others) in found.items():
    print(name)
    assert other.step == best.step
    assert_close(other.metrics, best.metrics, 1e-4)
    assert_close(whole(other.state), whole(best.state), 1e-4)
    np.testing.assert_array_equal(others.ids, lists.ids)
    np.testing.assert_allclose(others.scores, lists.scores, rtol=1e-4)
  np.savez(root / 'best.npz', **whole(best.state), ids=lists.ids)


def lists_of(config, study, split, params):
  questions = split_run.questions_at_borders(
    config, study.parts, split, split.users.test
  )
  ask = study.parts.serving(config, params)
  return ask(next(iter(questions.values()))[0], 5)


def serve(root):
  """What was trained over other devices, or whole, read over these."""
  want = dict(np.load(pathlib.Path(root) / 'best.npz'))
  ids = want.pop('ids')
  for where in ('sharded', 'replicated'):
    config = config_of(
      root, where, opt__average=0.5, train__stop_by='likelihood'
    )
    study = worlds.Study(config)
    for name in ('cut', 'whole'):
      split = study.split._replace(directory=str(pathlib.Path(root, name)))
      best = split_run.load_params(config, study.parts, split)
      assert_close(whole(best.state), want, 1e-4)
      lists = lists_of(config, study, split, best.state)
      np.testing.assert_array_equal(lists.ids, ids)


def save_steps(root, directory):
  """Three steps over all processes' devices, and what is left of them."""
  study = worlds.Study(config_of(root, 'sharded'))
  state, seen = some_steps(study, 3)
  with open_in(directory) as saver:
    lists = lists_of(study.config, study, study.split, state.read)
    saver.save(3, state, {'seen': seen, 'ids': lists.ids.tolist()})
  with open_in(directory) as saver:
    again = saver.restore_latest(state).state
  for x, y in zip(*map(jax.tree.leaves, (again, state)), strict=True):
    for own, other in zip(
      x.addressable_shards, y.addressable_shards, strict=True
    ):
      np.testing.assert_array_equal(own.data, other.data)


def check_steps(root, directory):
  """The same by this process alone, over a whole catalogue."""
  study = worlds.Study(config_of(root, 'replicated'))
  state, seen = some_steps(study, 3)
  with open_in(directory) as saver:
    found = saver.restore_latest(state)
  assert_close(whole(found.state), whole(state))
  for row, other in zip(seen, found.position['seen'], strict=True):
    assert_close(other, row)
  lists = lists_of(study.config, study, study.split, state.read)
  assert found.position['ids'] == lists.ids.tolist()


def open_in(directory):
  return Checkpointer(
    directory, config={'model': 1}, must_match=['model'], cut_rows=worlds.VIDEOS
  )
