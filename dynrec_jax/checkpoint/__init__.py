"""Checkpoints: saving, finding the latest and the best, stopping on request."""

from dynrec_jax.checkpoint.files import Checkpoint, load_for_inference
from dynrec_jax.checkpoint.manager import Checkpointer
from dynrec_jax.checkpoint.preemption import REQUEUE_EXIT_CODE, StopRequest
from dynrec_jax.checkpoint.same_config import refuse_other_config

__all__ = [
  'REQUEUE_EXIT_CODE',
  'Checkpoint',
  'Checkpointer',
  'StopRequest',
  'load_for_inference',
  'refuse_other_config',
]
