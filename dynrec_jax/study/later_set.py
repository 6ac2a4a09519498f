"""What an update learns from, see `update`."""

import ml_collections
import numpy as np

from dynrec_jax.data import sequences
from dynrec_jax.data.training_set import TrainingSet
from dynrec_jax.study import training_data
from dynrec_jax.study.prepare import Prepared
from dynrec_jax.study.splits import Split


def make_later_set(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  this: Split,
  since: int,
) -> tuple[TrainingSet, int]:
  """What an update learns from: what users watched from a moment on.

  Samples are of that moment and of later borders, so that all that they predict
  is new; and beside them, drawn at random, of borders before it, which keep
  what was learned (A50).

  Args:
    config: of the run; `updates.replay` says how many of the others.
    prepared: the grown study.
    this: whose `users.train` are learned from.
    since: seconds, the end of what was learned before.

  Returns:
    The sequences, and how many of them are of the moment or later.
  """
  log = training_data.log_of(config, prepared, this, this.users.train, None)
  new = log.samples_at(sequences.moments_from(log.clock, since))
  old = log.samples_at(sequences.moments_until(log.clock, since))
  rng = np.random.default_rng((this.seed, since))
  samples = sequences.with_some(new, old, config.updates.replay, rng)
  data = training_data.sequences_of(config, prepared, log, samples)
  return training_data.with_losses(data, config, prepared), len(new.user)
