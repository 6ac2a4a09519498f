"""A study over a catalogue that is cut is that over a whole one."""

import cut_checks
import pytest

pytestmark = pytest.mark.slow


def run(code, root, tmp_path, **where):
  code = f'ROOT = {str(root)!r}\nimport cut_training\ncut_training.{code}'
  cut_checks.on_devices(code, tmp_path, **where)


def test_steps_of_many_states_and_of_one_on_3_devices(tiny_root, tmp_path):
  """40 videos over 3 devices: two rows are no video's."""
  methods = [
    {'rel__partners': 'in_batch', 'sem__negative': 'in_batch'},
    {'model__network': 'static_dnn'},
  ]
  run(f'compare_steps(ROOT, {methods})', tiny_root, tmp_path, devices=3)


def test_a_whole_training_and_other_devices(tiny_root, tmp_path):
  """Of all four losses, and gone on with as the other kind."""
  study = tmp_path / 'study'
  study.mkdir()
  (study / 'folder').symlink_to(tiny_root / 'folder')
  run('train_both(ROOT)', study, tmp_path, devices=3)
  run('serve(ROOT)', study, tmp_path, devices=4)


def test_two_processes(tiny_root, tmp_path):
  """2 processes with 2 devices each, then all of it by one."""
  saved = repr(str(tmp_path / 'saved'))
  run('prepare(ROOT)', tiny_root, tmp_path, devices=1)  # once, for both
  run(f'save_steps(ROOT, {saved})', tiny_root, tmp_path, devices=2, processes=2)
  run(f'check_steps(ROOT, {saved})', tiny_root, tmp_path, devices=4)
