"""An average of the parameters on their way: steadier than where they are.

Not in the paper: Polyak's average with weights that fall off exponentially. Of
steps 1 to t, parameters theta_i weigh decay^(t - i), all divided by the sum of
these weights, so that the initial ones weigh nothing from the first step on.
"""

import math
from typing import Any

import jax
import jax.numpy as jnp


def updated(average: Any, params: Any, step: jax.Array, *, decay: float) -> Any:
  """The average one step later.

  With w_t = 1 + decay + ... + decay^(t - 1), a_t = a_(t-1) + (theta_t -
  a_(t-1)) / w_t: the average itself is kept, not a sum that has yet to be
  divided, so whoever reads a state needs no step count.

  Args:
    average: a_(t-1), a pytree; None stays None, as nobody keeps one.
    params: theta_t, the same pytree.
    step: int32, t, from 1 on.
    decay: what a step leaves of the weights before it, in [0, 1).

  Returns:
    a_t; theta_t itself at step 1, and at every step if the decay is 0.
  """
  if average is None:
    return None
  log_decay = jnp.float32(math.log(decay) if decay else -math.inf)
  # 1 / w_t without a difference of numbers that are nearly equal.
  share = jnp.expm1(log_decay) / jnp.expm1(step * log_decay)
  share = jnp.where(step == 1, 1, share)  # to the bit
  return jax.tree.map(
    lambda mean, now: (1 - share) * mean + share * now, average, params
  )
