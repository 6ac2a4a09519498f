"""The processes of a run: who this one is, and waiting for the others.

A run has one process per host, and a process on its own is the first of one.
All compute the same; only the first writes what people read: logs and results.
What is waited for or gathered must be asked for by all of them.
"""

import jax
import numpy as np
from jax.experimental import multihost_utils


def index() -> int:
  """Which process this is, from 0."""
  return jax.process_index()


def count() -> int:
  """Processes of the run."""
  return jax.process_count()


def is_writer() -> bool:
  """Whether this process writes logs and results: the first one does."""
  return index() == 0


def wait_for_all(name: str) -> None:
  """Returns when every process has come here.

  Args:
    name: of the place, the same on all of them.
  """
  if count() > 1:
    multihost_utils.sync_global_devices(name)


def gather(values: np.ndarray) -> np.ndarray:
  """Every process's values, to all of them.

  Args:
    values: of one shape and a dtype of JAX (no 64 bits) on all processes.

  Returns:
    The same with a first axis of processes.
  """
  values = np.asarray(values)
  if count() == 1:
    return values[None]
  return np.asarray(multihost_utils.process_allgather(values))


def any_of_all(flag: bool) -> bool:
  """Whether any process says so."""
  return bool(gather(np.array(flag, np.int32)).any())
