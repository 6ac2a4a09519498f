import shutil

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from saved_states import (
  CONFIG,
  Weights,
  assert_same,
  make_state,
  make_template,
  open_in,
  run_python,
  save_run,
  snapshot,
  steps_in,
)

from dynrec_jax import checkpoint


class TestRoundTrip:
  def test_returns_what_was_saved_bit_for_bit(self, tmp_path):
    position = {'epoch': 2, 'batch': 17, 'best': 0.1 + 0.2, 'since_best': 1}
    with open_in(tmp_path) as checkpointer:
      saved = checkpointer.save(
        7, make_state(7), position, metrics={'valid/f_score': 1 / 3}, score=0.25
      )
    with open_in(tmp_path) as checkpointer:
      found = checkpointer.restore_latest(make_template())
    assert saved
    assert_same(found.state, make_state(7))
    assert isinstance(found.state.params['gru'], Weights)
    assert found.state.optimizer[2].shape == (0, 7)
    assert (found.step, found.score) == (7, 0.25)
    assert found.position == position
    assert found.metrics == {'valid/f_score': 1 / 3}
    assert found.config['model']['gates'] == [1, 2]

  def test_nothing_saved_is_none_and_has_no_best(self, tmp_path):
    with open_in(tmp_path / 'new' / 'run') as checkpointer:
      assert checkpointer.directory == str(tmp_path / 'new' / 'run')
      assert checkpointer.restore_latest(make_template()) is None
      assert checkpointer.best_step is None

  def test_it_tells_whether_anything_was_ever_saved(self, tmp_path):
    """Damaged or not: what is there is not begun anew."""
    with open_in(tmp_path) as checkpointer:
      assert not checkpointer.has_saved
      checkpointer.save(3, make_state(), {})
      assert checkpointer.has_saved  # and waits for the save under way
    with open_in(tmp_path) as checkpointer:
      assert checkpointer.has_saved
    (file, *_) = (x for x in (tmp_path / '3').rglob('*') if x.is_file())
    file.write_bytes(b'')
    with open_in(tmp_path) as checkpointer:
      assert checkpointer.has_saved

  def test_host_leaves_stay_on_the_host(self, tmp_path):
    state = {'rate': 0.5, 'count': 3, 'mask': np.array([True, False])}
    with open_in(tmp_path) as checkpointer:
      checkpointer.save(1, state, {})
      found = checkpointer.restore_latest(state).state
    assert (found['rate'], found['count']) == (0.5, 3)
    assert isinstance(found['mask'], np.ndarray)

  def test_buffers_may_be_donated_while_the_save_runs(self, tmp_path):
    @jax.jit
    def fresh():
      return {'w': jnp.arange(400_000.0), 'n': jnp.int32(0)}

    def update(state):
      return {'w': state['w'] * 1.5 + 1.0, 'n': state['n'] + 1}

    step = jax.jit(update, donate_argnums=0)
    state = fresh()
    template = jax.eval_shape(fresh)
    with open_in(tmp_path, keep_latest=3) as checkpointer:
      for number in range(1, 4):
        before = state
        state = step(state)
        assert before['w'].is_deleted()  # Donation does take place.
        checkpointer.save(number, state, {})
    expected = [fresh()]
    for _ in range(3):
      expected.append(jax.jit(update)(expected[-1]))
    for number in (3, 2, 1):
      with open_in(tmp_path) as checkpointer:
        found = checkpointer.restore_latest(template)
      assert_same(found.state, expected[number])
      shutil.rmtree(tmp_path / str(number))

  def test_a_resumed_run_repeats_the_uninterrupted_one(self, tmp_path):
    def update(state):
      w = state['w'] - 0.1 * jnp.sin(state['w'] * 3)
      return {'w': w, 'n': state['n'] + 1}

    step = jax.jit(update, donate_argnums=0)
    start = {'w': jnp.linspace(-1, 2, 1000), 'n': jnp.int32(0)}
    plain = jax.tree.map(jnp.copy, start)
    for _ in range(4):
      plain = step(plain)
    template = jax.eval_shape(lambda: start)
    half = step(step(start))
    with open_in(tmp_path) as checkpointer:
      checkpointer.save(2, half, {})
    with open_in(tmp_path) as checkpointer:
      resumed = checkpointer.restore_latest(template).state
    assert_same(step(step(resumed)), plain)

  @pytest.mark.slow
  def test_restores_on_another_number_of_devices(self, tmp_path):
    run_python(
      """
      import jax, jax.numpy as jnp, numpy as np
      from dynrec_jax import checkpoint
      assert jax.local_device_count() == 4
      double = jax.pmap(
        lambda s, x: {'w': s['w'] * 2 + jax.lax.psum(x.sum(), 'd')},
        axis_name='d', in_axes=(None, 0), out_axes=None)
      state = double({'w': jnp.arange(6.0).reshape(2, 3)}, jnp.ones((4, 2)))
      assert len(state['w'].sharding.device_set) == 4
      with checkpoint.Checkpointer(
          DIRECTORY, config={'model': 1}, must_match=['model']) as c:
        c.save(1, state, {})
      """,
      tmp_path,
      devices=4,
    )
    expected = np.arange(6.0).reshape(2, 3) * 2 + 8
    np.save(tmp_path / 'expected.npy', expected.astype(np.float32))
    run_python(
      """
      import jax, jax.numpy as jnp, numpy as np
      from jax.sharding import NamedSharding, PartitionSpec as P
      from dynrec_jax import checkpoint
      mesh = jax.sharding.Mesh(np.array(jax.devices()), ('d',))
      expected = np.load(DIRECTORY + '/expected.npy')
      with checkpoint.Checkpointer(
          DIRECTORY, config={'model': 1}, must_match=['model']) as c:
        for spec in (P(), P('d')):
          like = jax.ShapeDtypeStruct(
            (2, 3), jnp.float32, sharding=NamedSharding(mesh, spec))
          w = c.restore_latest({'w': like}).state['w']
          assert w.sharding.spec == spec and len(w.devices()) == 2
          np.testing.assert_array_equal(w, expected)
      """,
      tmp_path,
      devices=2,
    )
    with checkpoint.Checkpointer(
      tmp_path, config={'model': 1}, must_match=['model']
    ) as checkpointer:
      found = checkpointer.restore_latest({'w': jnp.zeros((2, 3))}).state['w']
    np.testing.assert_array_equal(found, expected)


class TestRetention:
  @pytest.mark.parametrize(
    ('scores', 'kept', 'best'),
    [
      ([0.1, 0.2, 0.3, 0.4], [3, 4], 4),
      ([0.5, 0.4, 0.3, 0.2], [1, 3, 4], 1),
      ([0.1, 0.5, 0.5, 0.2], [2, 3, 4], 2),  # A tie: the earliest.
      ([0.3, 0.1, 0.1, 0.9], [1, 3, 4], 4),  # 1 is the best up to 3.
      ([0.3, None, None, None], [1, 3, 4], 1),
      ([None, None, None, None], [3, 4], None),
      ([-0.5, -0.9, None, None], [1, 3, 4], 1),
    ],
  )
  def test_keeps_the_newest_and_their_best(self, tmp_path, scores, kept, best):
    save_run(tmp_path, scores)
    assert steps_in(tmp_path) == kept
    with open_in(tmp_path) as checkpointer:
      assert checkpointer.best_step == best
    if best is not None:
      found = checkpoint.load_for_inference(tmp_path, make_template().params)
      assert (found.step, found.score) == (best, scores[best - 1])
      assert_same(found.state, make_state(best).params)

  def test_a_best_of_an_earlier_run_outlives_newer_saves(self, tmp_path):
    save_run(tmp_path, [0.9, 0.1])
    with open_in(tmp_path) as checkpointer:
      for step in range(3, 8):
        checkpointer.save(step, make_state(step), {}, score=0.2)
    assert steps_in(tmp_path) == [1, 6, 7]

  def test_saving_a_step_again(self, tmp_path):
    with open_in(tmp_path) as checkpointer:
      assert checkpointer.save(3, make_state(3), {'evaluated': False})
      assert not checkpointer.save(3, make_state(3), {'evaluated': False})
      # The evaluation at the same step: now the step counts as best.
      assert checkpointer.save(3, make_state(3), {'evaluated': True}, score=0.5)
      assert not checkpointer.save(3, make_state(3), {'evaluated': 0})
      assert not checkpointer.save(3, make_state(3), {}, score=0.5)
    with open_in(tmp_path) as checkpointer:
      assert not checkpointer.save(3, make_state(3), {}, score=0.5)
      assert checkpointer.best_step == 3
      found = checkpointer.restore_latest(make_template())
    assert found.position == {'evaluated': True}
    assert_same(found.state, make_state(3))

  def test_refuses_what_cannot_be_ranked_or_resumed(self, tmp_path):
    with open_in(tmp_path) as checkpointer:
      checkpointer.save(5, make_state(5), {})
      with pytest.raises(ValueError, match='score of step 6 is nan'):
        checkpointer.save(6, make_state(6), {}, score=float('nan'))
      with pytest.raises(ValueError, match=r'older than .* step 5'):
        checkpointer.save(4, make_state(4), {})
      with pytest.raises(ValueError, match=r'position cannot be .* json'):
        checkpointer.save(6, make_state(6), {'rng': np.arange(3)})
    assert steps_in(tmp_path) == [5]

  def test_refuses_settings_that_mean_nothing(self, tmp_path):
    with pytest.raises(ValueError, match='keep_latest is 0'):
      open_in(tmp_path, keep_latest=0)
    with pytest.raises(ValueError, match="'optimiser', which config lacks"):
      checkpoint.Checkpointer(tmp_path, config=CONFIG, must_match=['optimiser'])


class TestMismatch:
  def restore(self, directory, template=None, config=None):
    with open_in(directory, config=config) as checkpointer:
      return checkpointer.restore_latest(template or make_template())

  def test_another_shape_names_the_leaf_and_both_shapes(self, tmp_path):
    save_run(tmp_path, [None])
    with pytest.raises(ValueError, match='does not fit') as caught:
      self.restore(tmp_path, make_template(width=4))
    assert (
      'params/gru/kernel: saved float32[2,3], this run needs float32[2,4]'
      in str(caught.value)
    )
    assert 'topic' not in str(caught.value)

  def test_another_tree_or_dtype_names_the_leaf(self, tmp_path):
    save_run(tmp_path, [None])
    template = make_template()
    params = {
      'gru': template.params['gru']._replace(
        bias=jax.ShapeDtypeStruct((5,), jnp.float32)
      ),
      'extra': jax.ShapeDtypeStruct((2,), jnp.float32),
    }
    with pytest.raises(ValueError, match='does not fit') as caught:
      self.restore(tmp_path, template._replace(params=params))
    for line in (
      'params/extra: saved nothing, this run needs float32[2]',
      'params/topic: saved float32[4,1], this run needs nothing',
      'params/gru/bias: saved bfloat16[5], this run needs float32[5]',
    ):
      assert line in str(caught.value)

  def test_another_model_config_is_refused_with_both_values(self, tmp_path):
    save_run(tmp_path, [None])
    config = {
      'model': {'hidden': 8, 'gates': (1, 2), 'gru': {'norm': 'l2'}},
      'loss': {'margin': 0.25, 'weight': 3},
      'train': {'total_steps': 10},
    }
    with pytest.raises(ValueError, match='another config') as caught:
      self.restore(tmp_path, config=config)
    for line in (
      'model.hidden: saved 4, now 8',
      'model.gru.bias: saved false, now nothing',
      'model.gru.norm: saved nothing, now "l2"',
      'loss.margin: saved 0.5, now 0.25',
    ):
      assert line in str(caught.value)
    assert 'loss.weight' not in str(caught.value)
    assert 'gates' not in str(caught.value)

  def test_other_settings_may_change(self, tmp_path):
    save_run(tmp_path, [None])
    config = {**CONFIG, 'train': {'total_steps': 99}}
    found = self.restore(tmp_path, config=config)
    assert found.config['train'] == {'total_steps': 10}


class TestInference:
  def test_loads_the_best_weights_with_and_without_a_template(self, tmp_path):
    save_run(tmp_path, [0.1, 0.8, 0.3, 0.2])
    before = snapshot(tmp_path)
    plain = checkpoint.load_for_inference(tmp_path)
    typed = checkpoint.load_for_inference(tmp_path, make_template().params)
    assert snapshot(tmp_path) == before
    expected = make_state(2).params
    assert (plain.step, plain.score) == (2, 0.8)
    assert plain.position == {'epoch': 2, 'batch': 0}
    assert plain.config['model']['hidden'] == 4
    assert set(plain.state) == {'gru', 'topic'}
    np.testing.assert_array_equal(
      plain.state['gru']['kernel'], expected['gru'].kernel
    )
    assert_same(typed.state, expected)

  def test_who_loads_may_refuse_before_anything_is_read(self, tmp_path):
    save_run(tmp_path, [0.1, 0.8])

    def refuse(found):
      assert (found.step, found.state) == (2, None)
      assert found.config['model']['hidden'] == 4
      raise ValueError('of another run')

    with pytest.raises(ValueError, match='of another run'):
      checkpoint.load_for_inference(tmp_path, subtree='weights', check=refuse)
    found = checkpoint.load_for_inference(tmp_path, check=lambda _: None)
    assert found.step == 2

  def test_the_whole_best_state_by_name(self, tmp_path):
    save_run(tmp_path, [0.1, 0.8, 0.3])
    before = snapshot(tmp_path)
    asked = []
    found = checkpoint.load_leaves(tmp_path, asked.append)
    assert snapshot(tmp_path) == before
    assert [of.step for of in asked] == [2]
    want = checkpoint.flatten(make_state(2))
    assert found.state.keys() == want.keys()
    for name, leaf in want.items():
      np.testing.assert_array_equal(found.state[name], leaf)
    with pytest.raises(ValueError, match='absent is not a directory'):
      checkpoint.load_leaves(tmp_path / 'absent', asked.append)

  def test_without_scores_it_is_the_newest(self, tmp_path):
    save_run(tmp_path, [None, None, None])
    assert checkpoint.load_for_inference(tmp_path).step == 3

  def test_step_zero_can_be_the_best(self, tmp_path):
    with open_in(tmp_path) as checkpointer:
      checkpointer.save(0, make_state(0), {}, score=0.7)
      checkpointer.save(1, make_state(1), {}, score=0.1)
    assert checkpoint.load_for_inference(tmp_path).step == 0

  def test_clear_errors(self, tmp_path):
    with pytest.raises(ValueError, match='absent is not a directory'):
      checkpoint.load_for_inference(tmp_path / 'absent')
    with pytest.raises(ValueError, match='holds no sound checkpoint'):
      checkpoint.load_for_inference(tmp_path)
    save_run(tmp_path, [None])
    with pytest.raises(ValueError, match=r"no field 'weights'.*'params'"):
      checkpoint.load_for_inference(tmp_path, subtree='weights')
    with pytest.raises(ValueError, match=r'params/gru/kernel: .*\[2,4\]'):
      checkpoint.load_for_inference(tmp_path, make_template(width=4).params)
