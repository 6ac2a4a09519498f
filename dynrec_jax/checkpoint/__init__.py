"""Checkpoints: saving, finding the latest and the best, stopping on request."""

from dynrec_jax.checkpoint.files import (
  Checkpoint,
  load_for_inference,
  load_leaves,
)
from dynrec_jax.checkpoint.leaves import fill, flatten
from dynrec_jax.checkpoint.manager import Checkpointer
from dynrec_jax.checkpoint.preemption import REQUEUE_EXIT_CODE, StopRequest
from dynrec_jax.checkpoint.same_config import refuse_other_config

__all__ = [
  'REQUEUE_EXIT_CODE',
  'Checkpoint',
  'Checkpointer',
  'StopRequest',
  'fill',
  'flatten',
  'load_for_inference',
  'load_leaves',
  'refuse_other_config',
]
