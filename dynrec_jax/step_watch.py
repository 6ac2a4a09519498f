"""What steps tell while training goes on, read without making them wait."""

import time

import numpy as np


class NonFiniteLossError(ValueError):
  """Loss or score are no numbers any more; the last checkpoint is older."""


class StepWatch:
  """Reads the metrics of steps one step late, so that the device never waits.

  Attributes:
    latest: the newest metrics read, for the progress bar.
  """

  def __init__(self, log, every_steps: int, samples_per_step: int):
    self._log = log
    self._every_steps = every_steps
    self._samples_per_step = samples_per_step
    self._pending: tuple[int, dict] | None = None
    self._read_step = None
    self._logged = (None, time.monotonic())
    self.latest: dict[str, float] = {}

  def add(self, step: int, metrics: dict) -> None:
    """Takes a step's metrics and reads those of the step before."""
    self.flush()
    self._pending = (step, metrics)

  def flush(self) -> None:
    """Reads what is pending; a loss that is no number stops the run."""
    if self._pending is None:
      return
    (step, metrics), self._pending = self._pending, None
    values = {name: float(value) for name, value in metrics.items()}
    if not all(np.isfinite(list(values.values()))):
      last = step - 1 if self._read_step is None else self._read_step
      raise NonFiniteLossError(
        f'not finite between steps {last + 1} and {step}: '
        + ', '.join(f'{k}={v:g}' for k, v in values.items())
        + '; the last checkpoint is from before. Try a lower '
        'learning_rate or another reduction'
      )
    self._read_step = step
    self.latest = {'loss': values['loss']}
    if step % self._every_steps == 0:
      self._write(step, values)

  def _write(self, step: int, values: dict[str, float]) -> None:
    """One record, with the rate since the record before."""
    before, then = self._logged
    now = time.monotonic()
    self._logged = (step, now)
    if before is not None:
      steps = step - before
      values['examples_per_sec'] = steps * self._samples_per_step / (now - then)
    self._log.write(step, {f'train/{k}': v for k, v in values.items()})
