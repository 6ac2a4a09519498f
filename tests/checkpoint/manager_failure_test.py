"""What a disk, a bit or a kill can do to a checkpoint directory."""

import logging
import os
import random
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
from saved_states import (
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


def flip_byte(step_directory, part='state', where=0.5):
  """Alters one byte of the largest file of an item: its content."""
  files = [p for p in (step_directory / part).rglob('*') if p.is_file()]
  path = max(files, key=lambda p: p.stat().st_size)
  content = bytearray(path.read_bytes())
  content[int(len(content) * where)] ^= 0x55
  path.write_bytes(bytes(content))


class TestDamage:
  @pytest.mark.parametrize('where', [0.05, 0.35, 0.65, 0.95])
  @pytest.mark.parametrize('part', ['state', 'note'])
  def test_a_flipped_byte_sends_the_run_one_step_back(
    self, tmp_path, caplog, part, where
  ):
    rng = np.random.default_rng(1)
    states = [{'w': rng.standard_normal(20_000)} for _ in range(3)]
    with open_in(tmp_path) as checkpointer:
      for step, state in enumerate(states):
        checkpointer.save(step, state, {'n': step})
    flip_byte(tmp_path / '2', part, where)
    with (
      caplog.at_level(logging.WARNING, 'dynrec_jax'),
      open_in(tmp_path) as checkpointer,
    ):
      found = checkpointer.restore_latest(states[0])
      assert (found.step, found.position) == (1, {'n': 1})
      assert_same(found.state, states[1])
      assert f'step 2 in {tmp_path}' in caplog.text
      # The number is free for the resumed run, the evidence is kept.
      assert checkpointer.save(2, states[2], {})
      found = checkpointer.restore_latest(states[0])
      assert_same(found.state, states[2])
    assert (tmp_path / 'damaged-2').is_dir()

  def test_orbax_alone_misses_a_byte_that_we_find(self, tmp_path):
    """An altered note about intact bytes: only our checksum can tell."""
    save_run(tmp_path, [None])
    other = tmp_path / 'other'
    with open_in(other) as checkpointer:
      checkpointer.save(1, make_state(2), {})
    shutil.rmtree(tmp_path / '1' / 'state')
    shutil.copytree(other / '1' / 'state', tmp_path / '1' / 'state')
    with (
      open_in(tmp_path) as checkpointer,
      pytest.raises(ValueError, match=r'not the bytes .*params/gru/kernel'),
    ):
      checkpointer.restore_latest(make_template())

  def test_walks_back_over_empty_and_cut_off_steps(self, tmp_path, caplog):
    save_run(tmp_path, [None] * 4, keep_latest=4)
    for path in (tmp_path / '4').rglob('*'):
      if path.is_file():
        os.truncate(path, path.stat().st_size // 2)
    shutil.rmtree(tmp_path / '3' / 'state')
    (tmp_path / '9').mkdir()
    with open_in(tmp_path) as checkpointer:
      found = checkpointer.restore_latest(make_template())
    assert found.step == 2
    assert_same(found.state, make_state(2))
    for step in (3, 4, 9):
      assert f'skipping a damaged checkpoint: step {step} in' in caplog.text
    assert steps_in(tmp_path) == [1, 2]

  def test_nothing_sound_is_one_error_and_changes_nothing(self, tmp_path):
    save_run(tmp_path, [None, None])
    flip_byte(tmp_path / '1')
    flip_byte(tmp_path / '2', 'note')
    before = snapshot(tmp_path)
    with (
      open_in(tmp_path) as checkpointer,
      pytest.raises(ValueError, match=r'no checkpoint .* read') as caught,
    ):
      checkpointer.restore_latest(make_template())
    assert 'step 1 in' in str(caught.value)
    assert 'step 2 in' in str(caught.value)
    assert snapshot(tmp_path) == before

  def test_a_damaged_best_is_not_quietly_replaced(self, tmp_path, caplog):
    save_run(tmp_path, [0.9, 0.1, 0.2])
    flip_byte(tmp_path / '1')
    with (
      open_in(tmp_path) as checkpointer,
      pytest.raises(ValueError, match=r'best checkpoint is damaged.* 1'),
    ):
      checkpointer.restore_latest(make_template())
    with pytest.raises(ValueError, match='to load is damaged: step 1'):
      checkpoint.load_for_inference(tmp_path)
    shutil.rmtree(tmp_path / '1')
    with open_in(tmp_path) as checkpointer:
      assert checkpointer.restore_latest(make_template()).step == 3
    assert 'the best checkpoint, step 1, is gone' in caplog.text


class TestFailingDisk:
  @pytest.fixture
  def small_disk(self, tmp_path):
    disk = tmp_path / 'disk'
    disk.mkdir()
    command = ['mount', '-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', str(disk)]
    if subprocess.run(command, capture_output=True).returncode:
      pytest.skip('needs the right to mount a small file system')
    yield disk
    subprocess.run(['umount', '-l', str(disk)], check=True)

  @pytest.mark.parametrize('free_space_is_known', [True, False])
  def test_a_full_disk_is_one_error_and_loses_nothing(
    self, small_disk, monkeypatch, free_space_is_known
  ):
    rng = np.random.default_rng(0)  # Random bits do not compress.
    state = {'w': rng.standard_normal(120_000)}  # 0.92 MiB
    large = {'w': rng.standard_normal(400_000)}  # 3.1 MiB
    if not free_space_is_known:  # As under a quota.
      usage = shutil.disk_usage('/')._replace(free=10**12)
      monkeypatch.setattr(shutil, 'disk_usage', lambda _: usage)
    checkpointer = open_in(small_disk)
    checkpointer.save(1, state, {'n': 1}, score=0.5)

    def save_too_much():
      checkpointer.save(2, large, {'n': 2}, score=0.6)
      checkpointer.wait()

    with pytest.raises(OSError, match='checkpoint of step 2') as caught:
      save_too_much()
    assert 'intact: steps [1]' in str(caught.value)
    assert '\n' not in str(caught.value)
    found = checkpointer.restore_latest(state)
    np.testing.assert_array_equal(found.state['w'], state['w'])
    assert checkpointer.best_step == 1
    checkpointer.close()
    with open_in(small_disk) as checkpointer:  # Clears the aborted save.
      assert checkpointer.restore_latest(state).position == {'n': 1}
      assert checkpointer.best_step == 1
      assert checkpointer.save(2, {'w': np.arange(9.0)}, {})
    assert steps_in(small_disk) == [1, 2]

  def test_an_error_of_a_background_save_is_raised_by_the_next(
    self, tmp_path, monkeypatch
  ):
    checkpointer = open_in(tmp_path)
    checkpointer.save(1, make_state(1), {})
    checkpointer.wait()

    def fail():
      raise RuntimeError('the cable\nwas pulled')

    manager = checkpointer._manager
    with monkeypatch.context() as patch:
      patch.setattr(manager, 'wait_until_finished', fail)
      checkpointer._pending = 2
      with pytest.raises(OSError, match=r'step 2 could .* the cable;'):
        checkpointer.save(3, make_state(3), {})
    assert checkpointer.save(3, make_state(3), {})
    checkpointer.close()
    assert steps_in(tmp_path) == [1, 3]

  def test_a_directory_that_cannot_be_made(self, tmp_path):
    (tmp_path / 'file').write_text('in the way')
    with pytest.raises(OSError, match=r'cannot use .*file/run'):
      open_in(tmp_path / 'file' / 'run')


# The state of step n is n everywhere; step n scores the n-th digit below.
SAVING_LOOP = """
import numpy as np
from dynrec_jax import checkpoint
DIGITS = '3141592653589793238462643383279502884197169399375105820974944592'
with checkpoint.Checkpointer(
    DIRECTORY, config={'model': 1}, must_match=['model']) as c:
  like = {'params': {'w': np.zeros((300, 301), np.float32)}}
  found = c.restore_latest(like)
  step = 0 if found is None else found.step
  print('started', step, flush=True)
  while step < 1000:
    step += 1
    state = {'params': {'w': np.full((300, 301), step, np.float32)}}
    c.save(step, state, {'step': step}, score=int(DIGITS[step % 64]))
    print('saved', step, flush=True)
"""


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on_from_a_sound_step(tmp_path):
  rng = random.Random(0)
  last = 0
  for _ in range(4):
    process = run_python(SAVING_LOOP, tmp_path, wait=False)
    # A kill within a deletion leaves half a step, of which Orbax warns here.
    seen = 0
    while seen < last + 2:
      word, *rest = process.stdout.readline().split() or ['']
      assert word, 'the saving process ended by itself'
      seen = int(rest[0]) if word == 'saved' else seen
    time.sleep(rng.uniform(0, 0.15))
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    with checkpoint.Checkpointer(
      tmp_path, config={'model': 1}, must_match=['model']
    ) as checkpointer:
      like = {'w': np.zeros((300, 301), np.float32)}
      found = checkpointer.restore_latest({'params': like})
    best = checkpoint.load_for_inference(tmp_path, like)
    assert found.step > last
    digits = '3141592653589793238462643383279502884197169399375105820974944592'
    scores = [int(digits[step % 64]) for step in range(1, found.step + 1)]
    assert best.step == 1 + scores.index(max(scores))
    for item, weights in ((found, found.state['params']), (best, best.state)):
      assert item.position == {'step': item.step}
      np.testing.assert_array_equal(weights['w'], item.step)
    last = found.step
  assert not [d for d in os.listdir(tmp_path) if d.startswith('damaged')]
