"""How probable a network holds what users watched: a score to stop by.

Steadier than the few hits in lists of five, and of the measure that training
descends on (A3).
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax.numpy as jnp

from dynrec_jax import objective
from dynrec_jax.data.batch import Batch
from dynrec_jax.features.catalogue import Features
from dynrec_jax.losses import LossWeights
from dynrec_jax.models.network import Network
from dynrec_jax.objective import ObjectiveSettings
from dynrec_jax.parallel import catalogue, devices


def mean_log_likelihood(
  network: Network,
  settings: ObjectiveSettings,
  params: Any,
  features: Features,
  batches: Sequence[Batch],
) -> float:
  """The mean of log P over all targets of some batches.

  Paper: Eq. (8), the sum of -log softmax(T_p h_t)[v_t], by the very pass that
  training takes, over the number of its terms: every watch counts the same, so
  a user counts by what there is to predict of it, as in the loss. Where the
  loss weighs targets, so does the mean.
  Differs: where a loss of sampled negatives stands in the place of Eq (8)
  (A28), the softmax over all videos is read all the same.

  Args:
    network: any.
    settings: of Eq (9); what it computes beside Eq (8) is left out.
    params: theta, on one device or all; of a cut catalogue, as it is cut.
    features: of the whole catalogue, on every device; or as it is cut.
    batches: of one shape, stacked over devices; one target at least.

  Returns:
    The mean, in nats; never above 0.
  """
  program = _program(
    network,
    settings._replace(
      wanted=LossWeights(False, False, False), coherence='softmax'
    ),
  )
  found = [program(params, features, batch) for batch in batches]
  # On the host, in double precision: float32 would forget the small ones.
  total = sum(float(log_p) for log_p, _ in found)
  return total / sum(float(weight) for _, weight in found)


@functools.lru_cache(maxsize=8)
def _program(network: Network, settings: ObjectiveSettings) -> Callable:
  """Sum of log P and of targets' weights of a batch; one for all fits."""

  def sums(params: Any, features: Features, batch: Batch):
    terms, _ = objective.loss_terms(network, params, features, batch, settings)
    targets = batch.targets
    weights = targets.where.astype(jnp.float32)
    if targets.weights is not None:
      weights *= targets.weights
    return devices.sum_over_devices((-terms.coherence, jnp.sum(weights)))

  return catalogue.data_parallel(sums, settings.cut, split=(False, False, True))
