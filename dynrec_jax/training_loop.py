"""The training loop: steps, validation, early stopping, checkpoints.

One loop serves one and many devices, a fresh start and a resume: step s of a
run is a function of the config, the seed and s alone.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from absl import logging

from dynrec_jax import early_stopping, metric_log
from dynrec_jax.data import batches
from dynrec_jax.data.ahead import Ahead
from dynrec_jax.data.batch_spec import BatchSpec
from dynrec_jax.data.streamed_set import AnySet
from dynrec_jax.early_stopping import Position
from dynrec_jax.features.catalogue import Features
from dynrec_jax.parallel import devices, hosts
from dynrec_jax.parallel.exchange import Exchange
from dynrec_jax.step_watch import NonFiniteLossError, StepWatch
from dynrec_jax.train import TrainState

if TYPE_CHECKING:  # Orbax is slow to import
  from dynrec_jax import checkpoint


class LoopSettings(NamedTuple):
  """When the loop validates, saves, logs and stops.

  Attributes:
    max_epochs: most epochs.
    patience: epochs without a better score after which it stops.
    save_every_steps: steps between checkpoints inside an epoch.
    log_every_steps: steps between records.
    score: which of the validation's scores stops and ranks; higher is better.
  """

  max_epochs: int
  patience: int
  save_every_steps: int
  log_every_steps: int
  score: str = 'f_score'


def fit(
  step_fn: Callable,
  state: TrainState,
  data: AnySet,
  spec: BatchSpec,
  features: Features,
  settings: LoopSettings,
  *,
  validate: Callable[[Any], dict[str, float]] | None,
  saver: 'checkpoint.Checkpointer',
  log_dir: str,
  stop_requested: Callable[[int], bool],
  place: Callable[[Any], Any] = devices.replicate,
  first_step: int = 0,
) -> bool:
  """Trains until early stopping, the last epoch or a request to stop.

  Args:
    step_fn: see `train.balanced`.
    state: a fresh state; the latest checkpoint replaces it if there is one.
    data: what is learned from.
    spec: how batches are made.
    features: placed as the state is.
    settings: when to stop, save and log.
    validate: parameters -> scores on validation users, `settings.score` among
      them; None trains for all epochs and keeps the last.
    saver: keeps the latest and the best state.
    log_dir: where metrics are written.
    stop_requested: polled before every step; True saves and returns.
    place: puts a state where the steps want it: on every device, or cut.
    first_step: the updates that a fresh state has behind it, in other fits.

  Returns:
    Whether training is complete, and was not stopped on request.

  Raises:
    NonFiniteLossError: names the steps, or the epoch whose score is no
      number; earlier checkpoints are kept.
  """
  # From the first step on as the step gives it back: compiled once, not twice.
  state, position = _resume(saver, place(state))
  per_epoch = batches.steps_per_epoch(data, spec)
  done = int(state.step)
  # Made while the devices work: index arrays, and what the next epoch draws.
  exchange = Exchange()
  most = exchange.most if hosts.count() > 1 else None
  ahead = Ahead(batches.batches(data, spec, done - first_step, most))
  with metric_log.MetricLog(log_dir) as log, ahead as stream, exchange:
    log.resume(done)
    watch = StepWatch(log, settings.log_every_steps, spec.batch_size)
    while not early_stopping.finished(
      position, max_epochs=settings.max_epochs, patience=settings.patience
    ):
      label = f'epoch {position.epoch + 1}'
      start = (done - first_step) % per_epoch
      with metric_log.progress(per_epoch, label, start=start) as bar:
        for step in range(start + 1, per_epoch + 1):
          if stop_requested(done):
            watch.flush()
            saver.save(done, state, position._asdict())
            saver.wait()
            return False
          state, metrics = step_fn(state, features, next(stream))
          done += 1
          watch.add(done, metrics)
          bar.set_postfix(watch.latest, refresh=False)
          bar.update()
          if done % settings.save_every_steps == 0 and step < per_epoch:
            watch.flush()  # a state that is no number is not saved
            saver.save(done, state, position._asdict())
        watch.flush()
      position, scores = _validated(position, state, validate, settings.score)
      log.write(done, {f'valid/{k}': v for k, v in scores.items()})
      saver.save(
        done,
        state,
        position._asdict(),
        metrics=scores,
        score=scores.get(settings.score, float(position.epoch)),
      )
  saver.wait()
  return True


def _resume(
  saver: 'checkpoint.Checkpointer', state: TrainState
) -> tuple[TrainState, Position]:
  """The latest checkpoint's state, or the fresh one."""
  found = saver.restore_latest(state)
  if found is None:
    return state, Position()
  logging.info('resuming from step %d', found.step)
  return found.state, Position(**found.position)


def _validated(
  position: Position, state: TrainState, validate: Callable | None, name: str
) -> tuple[Position, dict[str, float]]:
  """One epoch later, and what it scored; nothing where nobody validates."""
  if validate is None:
    logging.info('epoch %d', position.epoch + 1)
    return early_stopping.advance(position, None), {}
  scores = validate(state.read)
  if not np.isfinite(scores[name]):
    raise NonFiniteLossError(
      f'the validation {name} of epoch {position.epoch + 1} is '
      f'{scores[name]:g}; the last checkpoint is from before. Try a lower '
      'learning_rate'
    )
  position = early_stopping.advance(position, scores[name])
  logging.info(
    'epoch %d: validation %s %.4f (best %.4f in epoch %d)',
    position.epoch,
    name,
    scores[name],
    position.best_score,
    position.best_epoch,
  )
  return position, scores
