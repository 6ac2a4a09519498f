"""The training loop: resuming, stopping, and what is saved and logged."""

import functools

import numpy as np
import pytest
from loop_runs import (
  LOOP,
  CountingStep,
  fit,
  latest,
  open_saver,
  records,
  small_state,
)

from dynrec_jax.step_watch import NonFiniteLossError

pytestmark = pytest.mark.usefixtures('quick_compile')


def scores_in_turn(values, likelihoods=None):
  """A validation that finds one value after the other."""
  left = iter(values)
  if likelihoods is None:
    return lambda params: {'f_score': next(left)}
  both = iter(likelihoods)
  return lambda params: {'f_score': next(left), 'log_likelihood': next(both)}


def test_training_stops_after_epochs_without_a_better_score(
  short_study, tmp_path
):
  step = CountingStep()
  scores = [0.1, 0.3, 0.3, 0.2, 0.9]  # equal is not better; 0.9 is not seen
  settings = LOOP._replace(max_epochs=9, patience=2)
  run = functools.partial(
    fit, step, small_state(), short_study, tmp_path, settings
  )
  assert run(validate=scores_in_turn(scores))
  assert step.calls == list(range(1, 17))
  found = latest(tmp_path, short_study, small_state())
  assert found.step == 16
  assert found.position == {'epoch': 4, 'best_score': 0.3, 'best_epoch': 2}
  with open_saver(tmp_path, short_study) as saver:
    assert saver.best_step == 8
  # The same again trains no more.
  assert run(validate=scores_in_turn([]))
  assert step.calls == list(range(1, 17))


def test_training_stops_at_the_last_epoch(short_study, tmp_path):
  step = CountingStep()
  settings = LOOP._replace(max_epochs=2, patience=1)
  assert fit(
    step,
    small_state(),
    short_study,
    tmp_path,
    settings,
    validate=scores_in_turn([0.0, 0.1]),
  )
  assert step.calls == list(range(1, 9))


@pytest.mark.parametrize(
  ('score', 'epochs', 'best', 'best_score'),
  [('f_score', 3, 1, 0.3), ('log_likelihood', 5, 3, -6.5)],
)
def test_the_named_score_stops_and_ranks(
  score, epochs, best, best_score, short_study, tmp_path
):
  """It may be below 0 and -1; the other one is logged beside it."""
  scores = [0.3, 0.2, 0.1, 0.0, 0.25]
  likelihoods = [-9.0, -7.0, -6.5, -6.5, -8.0]
  assert fit(
    CountingStep(),
    small_state(),
    short_study,
    tmp_path,
    LOOP._replace(max_epochs=9, patience=2, score=score),
    validate=scores_in_turn(scores, likelihoods),
  )
  found = latest(tmp_path, short_study, small_state())
  assert found.position == {
    'epoch': epochs,
    'best_score': best_score,
    'best_epoch': best,
  }
  with open_saver(tmp_path, short_study) as saver:
    assert saver.best_step == 4 * best
  valid = [r for r in records(tmp_path) if 'valid/f_score' in r]
  assert [r['valid/f_score'] for r in valid] == scores[:epochs]
  assert [r['valid/log_likelihood'] for r in valid] == likelihoods[:epochs]


def test_a_stop_before_the_first_score_is_gone_on_from(short_study, tmp_path):
  """Nothing is the best so far, and any score is better."""
  settings = LOOP._replace(score='log_likelihood')
  run = functools.partial(
    fit, CountingStep(), small_state(), short_study, tmp_path, settings
  )
  assert not run(stop_requested=lambda step: step == 2)
  position = latest(tmp_path, short_study, small_state()).position
  assert position == {'epoch': 0, 'best_score': None, 'best_epoch': 0}
  assert run(validate=scores_in_turn([0.1], [-50.0]))
  assert latest(tmp_path, short_study, small_state()).score == -50.0


def test_without_a_validation_all_epochs_run_and_the_last_is_kept(
  short_study, tmp_path
):
  settings = LOOP._replace(max_epochs=3, patience=1, score='log_likelihood')
  step = CountingStep()
  run = functools.partial(
    fit, step, small_state(), short_study, tmp_path, settings, validate=None
  )
  assert run()
  assert step.calls == list(range(1, 13))
  with open_saver(tmp_path, short_study) as saver:
    assert saver.best_step == 12
  position = latest(tmp_path, short_study, small_state()).position
  assert position == {'epoch': 3, 'best_score': None, 'best_epoch': 3}


def test_a_score_that_is_no_number_stops_the_run(short_study, tmp_path):
  settings = LOOP._replace(max_epochs=3, score='log_likelihood')
  with pytest.raises(
    NonFiniteLossError,
    match=r'validation log_likelihood of epoch 2',
  ):
    fit(
      CountingStep(),
      small_state(),
      short_study,
      tmp_path,
      settings,
      validate=scores_in_turn([0.1, 0.2], [-7.0, np.nan]),
    )
  assert latest(tmp_path, short_study, small_state()).step == 4


@pytest.mark.parametrize('value', [np.nan, np.inf])
def test_a_loss_that_is_no_number_stops_the_run(value, short_study, tmp_path):
  step = CountingStep({6: value})
  settings = LOOP._replace(max_epochs=3, save_every_steps=5)
  with pytest.raises(NonFiniteLossError, match=r'steps 6 and 6: loss='):
    fit(step, small_state(), short_study, tmp_path, settings)
  assert step.calls[-1] <= 7  # one step late at most
  found = latest(tmp_path, short_study, small_state())
  assert found.step == 5
  assert found.position['epoch'] == 1


def test_a_state_that_is_no_number_is_not_saved(short_study, tmp_path):
  """Neither in an epoch, nor at its end, nor on request."""
  for bad, stop in ((3, None), (4, None), (2, 2)):
    directory = tmp_path / f'{bad}_{stop}'
    settings = LOOP._replace(save_every_steps=3)
    with pytest.raises(NonFiniteLossError):
      fit(
        CountingStep({bad: np.nan}),
        small_state(),
        short_study,
        directory,
        settings,
        stop_requested=lambda step, stop=stop: step == stop,
      )
    found = latest(directory, short_study, small_state())
    assert (found and found.step) == (3 if bad == 4 else None)


def test_a_run_cut_off_goes_on_from_the_last_save(short_study, tmp_path):
  def stop(step):
    if step == 7:
      raise KeyboardInterrupt
    return False

  settings = LOOP._replace(save_every_steps=5, max_epochs=2)
  step = CountingStep()
  run = functools.partial(
    fit, step, small_state(), short_study, tmp_path, settings
  )
  with pytest.raises(KeyboardInterrupt):
    run(stop_requested=stop)
  assert records(tmp_path)[-1]['step'] == 6
  assert latest(tmp_path, short_study, small_state()).step == 5
  assert run()
  assert step.calls == [1, 2, 3, 4, 5, 6, 7, 6, 7, 8]
  # What is done twice is logged once; steps 4 and 8 end epochs.
  logged = [(r['step'], 'valid/f_score' in r) for r in records(tmp_path)]
  ends = {4, 8}
  assert logged == [
    (step, valid)
    for step in range(1, 9)
    for valid in ((False, True) if step in ends else (False,))
  ]


def test_a_request_before_the_first_step_saves_it(short_study, tmp_path):
  step = CountingStep()
  done = fit(
    step,
    small_state(),
    short_study,
    tmp_path,
    stop_requested=lambda step: True,
  )
  assert done is False
  assert step.calls == []
  assert latest(tmp_path, short_study, small_state()).step == 0
