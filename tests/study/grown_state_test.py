"""The state before an update's first step: all that was learned, and room."""

import shutil

import numpy as np
import pytest
from service import NEW_VIDEO, Service

from dynrec_jax import checkpoint
from dynrec_jax.study import update

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures('quick_compile')]


def test_old_rows_stand_where_their_videos_do(tmp_path, monkeypatch):
  """New ones are the mean of all, and the optimiser knows nothing of them."""
  run = Service(tmp_path)
  seen = {}

  def fit(config, new, state, *rest):
    seen.update(checkpoint.flatten(state), videos=new.prepared.records.videos)
    return False

  monkeypatch.setattr(update, '_fit', fit)
  run.write(310)
  assert run.update(310) is None
  old = checkpoint.flatten(run.state)
  ids = list(seen.pop('videos').id)
  rows = [ids.index(name) for name in run.study.prepared.records.videos.id]
  new = ids.index(f'v{NEW_VIDEO}')
  assert seen.keys() == old.keys()
  assert len([name for name in seen if 'output_kernel' in name]) == 3
  for name, array in seen.items():
    if 'output_kernel' not in name:
      np.testing.assert_array_equal(array, old[name])
      continue
    np.testing.assert_array_equal(array[np.array(rows)], old[name])
    start = 0 if name.startswith('opt_state') else old[name].mean(axis=0)
    np.testing.assert_allclose(array[new], np.broadcast_to(start, 8), rtol=1e-5)
  # Asked to stop, it left the old state.
  assert run.current() == run.config().workdir


def test_another_config_or_content_is_refused(tmp_path):
  run = Service(tmp_path)
  run.write(310)
  told = r'opt\.learning_rate: saved 0\.01, now 0\.5'
  with pytest.raises(ValueError, match=told):
    run.update(310, opt__learning_rate=0.5)


def test_content_that_is_not_the_trainings_is_refused(tmp_path):
  run = Service(tmp_path)
  folder = run.study.split.checkpoints
  shutil.rmtree(folder)
  other = run.study.prepared._replace(fingerprint='another')
  run.study.parts = run.study.parts._replace(prepared=other)
  run.save(run.state)
  run.write(310)
  with pytest.raises(ValueError, match='on other features or topics'):
    run.update(310)
