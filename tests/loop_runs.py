"""Runs of the training loop, and what they leave."""

import json

import jax.numpy as jnp

from dynrec_jax import checkpoint, train, training_loop

LOOP = training_loop.LoopSettings(
  max_epochs=1, patience=3, save_every_steps=100, log_every_steps=1
)


def open_saver(directory, study):
  return checkpoint.Checkpointer(
    directory / 'checkpoints',
    config=study.config.to_dict(),
    must_match=('model',),
  )


def fit(step_fn, state, study, directory, settings=LOOP, **replace):
  """training_loop.fit with a validation that always finds the same."""
  parts = {
    'validate': lambda params: {'f_score': 0.25},
    'stop_requested': lambda step: False,
  } | replace
  with open_saver(directory, study) as saver:
    return training_loop.fit(
      step_fn,
      state,
      study.data,
      study.spec,
      study.features,
      settings,
      saver=saver,
      log_dir=str(directory),
      **parts,
    )


def records(directory, *, timed=False):
  """What was logged, without what a clock says."""
  lines = (directory / 'metrics.jsonl').read_text().splitlines()
  drop = () if timed else ('time', 'train/examples_per_sec')
  return [
    {k: v for k, v in json.loads(line).items() if k not in drop}
    for line in lines
  ]


def latest(directory, study, template):
  with open_saver(directory, study) as saver:
    return saver.restore_latest(template)


class CountingStep:
  """A step without a network: counts, and gives the losses it is told."""

  def __init__(self, losses_by_step=None):
    self.losses = losses_by_step or {}
    self.calls = []

  def __call__(self, state, features, batch):
    del features, batch
    step = int(state.step) + 1
    self.calls.append(step)
    return state.replace(step=state.step + 1), {
      'loss': jnp.float32(self.losses.get(step, 1.0))
    }


def small_state():
  return train.TrainState(jnp.zeros((), jnp.int32), {'x': jnp.ones(3)}, ())
