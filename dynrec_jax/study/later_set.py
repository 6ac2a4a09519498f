"""What an update learns from, see `update`."""

from typing import NamedTuple

import ml_collections
import numpy as np

from dynrec_jax.data import sequences
from dynrec_jax.data.records import Records
from dynrec_jax.data.streamed_set import Log
from dynrec_jax.data.training_set import TrainingSet
from dynrec_jax.study import training_data
from dynrec_jax.study.kept import Growth
from dynrec_jax.study.prepare import Prepared
from dynrec_jax.study.splits import Split


class LaterSet(NamedTuple):
  """The sequences of an update.

  Attributes:
    data: all of them.
    new_count: how many are there for what they predict that is new.
    share: of all samples that there are.
  """

  data: TrainingSet
  new_count: int
  share: float


def make_later_set(
  config: ml_collections.ConfigDict, prepared: Prepared, this: Split
) -> LaterSet:
  """Samples of what is new, as many as an epoch of it is worth.

  Watches are new that came since, and all of users and of videos that joined.
  A sample is there with a probability that is the share of its targets that is
  new: from the moment that an update begins with on it is 1, before it a sample
  whose target has grown from 9 watches to 10 is there every tenth time. So the
  updates of a long time read each sample about as often as one training of as
  many epochs, and nothing is learned by heart (A50).

  Args:
    config: of the run; `updates.replay` says how many others stand beside.
    prepared: the grown study, and from what it has grown.
    this: whose `users.train` are learned from.
  """
  since = prepared.growth.kept.until
  log = training_data.log_of(config, prepared, this, this.users.train, None)
  later = log.samples_at(sequences.moments_from(log.clock, since))
  early = log.samples_at(sequences.moments_until(log.clock, since))
  everything = sequences.joined(later, early)
  share = sequences.target_share(
    everything, _is_new(log, prepared.records, prepared.growth)
  )
  rng = np.random.default_rng((this.seed, since))
  drawn = rng.random(len(share)) < share
  new = everything.take(np.flatnonzero(drawn))
  old = everything.take(np.flatnonzero(~drawn))
  samples = sequences.with_some(new, old, config.updates.replay, rng)
  data = training_data.sequences_of(config, prepared, log, samples)
  return LaterSet(
    training_data.with_losses(data, config, prepared),
    len(new.user),
    len(samples.user) / max(len(everything.user), 1),
  )


def _is_new(log: Log, records: Records, growth: Growth) -> np.ndarray:
  """[n] bool, the watches that were not in the study before it grew.

  Those since, and all earlier ones of users and of videos that have joined.
  """
  users, videos = growth.known(records)
  watches = log.watches
  user = np.repeat(np.arange(watches.user_count), np.diff(watches.offsets))
  known = users[user] & videos[watches.item]
  return ~known | (watches.time >= growth.kept.until)
