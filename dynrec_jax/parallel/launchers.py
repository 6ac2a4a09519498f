"""What the launcher of a cluster tells a process: whom to join, or nobody.

Looked for is what says that there are several processes, so that a login shell,
a notebook or a single task of a cluster is a run of its own at once.
"""

import importlib.util
import pathlib
from collections.abc import Mapping
from typing import Any

# What `launch/local.sh` sets, and who starts processes by hand may.
_ADDRESS, _COUNT, _INDEX = (
  'DYNREC_COORDINATOR',
  'DYNREC_HOST_COUNT',
  'DYNREC_HOST_INDEX',
)
_DMI = pathlib.Path('/sys/class/dmi/id/product_name')  # whose machine it is
_DEVICES = pathlib.Path('/dev')


def told(environment: Mapping[str, str]) -> dict[str, Any] | None:
  """What to give `jax.distributed.initialize`; None to a process on its own.

  What is not given JAX finds in the environment itself, or asks the cluster.

  Args:
    environment: of the process.

  Raises:
    ValueError: variables that make no sense together; names them.
  """
  if _ADDRESS in environment or _COUNT in environment:
    return _by_hand(environment)
  if _slurm_tasks(environment) > 1:
    return _of_slurm(environment)
  if _is_tpu_worker(environment) or _is_indexed_pod(environment):
    return {}
  return None


def by_hand(coordinator: str, count: int, index: int) -> dict[str, Any]:
  """What to give `initialize` where nothing is to be found.

  Args:
    coordinator: HOST:PORT of the first process.
    count: processes.
    index: which one this is, from 0.

  Raises:
    ValueError: the numbers make no sense together.
  """
  host, _, port = coordinator.rpartition(':')
  if not host or not port.isdecimal():
    raise ValueError(
      f'coordinator is {coordinator!r}; right: HOST:PORT of the first host'
    )
  if not 0 <= index < count:
    raise ValueError(
      f'index is {index} of count={count}; right: from 0 to {count - 1}, each '
      'host another'
    )
  return {
    'coordinator_address': coordinator,
    'num_processes': count,
    'process_id': index,
    'cluster_detection_method': 'deactivate',
  }


def _by_hand(environment: Mapping[str, str]) -> dict[str, Any] | None:
  """Of the variables that `launch/local.sh` sets."""
  values = [environment.get(name, '') for name in (_COUNT, _INDEX)]
  if not all(value.isdecimal() for value in values):
    raise ValueError(
      f'the environment has {_COUNT}={values[0]!r} and {_INDEX}={values[1]!r}; '
      f'right: two whole numbers, beside {_ADDRESS}=HOST:PORT'
    )
  count, index = map(int, values)
  if count == 1:
    return None
  return by_hand(environment.get(_ADDRESS, ''), count, index)


def _slurm_tasks(environment: Mapping[str, str]) -> int:
  """Tasks of the step that `srun` started; 0 if it did not start this.

  A batch script, and a shell that `salloc` gives, know of the job's tasks
  (SLURM_NTASKS), but are one task themselves, or of no step.
  """
  tasks = environment.get('SLURM_STEP_NUM_TASKS', '')
  if environment.get('SLURM_NTASKS') != tasks or not tasks.isdecimal():
    return 0
  return int(tasks)


def _of_slurm(environment: Mapping[str, str]) -> dict[str, Any]:
  """A task that is alone on its node has all that the node has."""
  per_node = environment.get('SLURM_STEP_TASKS_PER_NODE', '')
  if per_node.partition('(')[0] != '1' or ',' in per_node:
    return {}  # JAX gives each task the one device of its local number
  return {'local_device_ids': []}


def _is_indexed_pod(environment: Mapping[str, str]) -> bool:
  """Whether Kubernetes started this as one of a Job's numbered pods."""
  return {'KUBERNETES_SERVICE_HOST', 'JOB_COMPLETION_INDEX'} <= set(environment)


def _is_tpu_worker(environment: Mapping[str, str]) -> bool:
  """Whether this is a machine of a Cloud TPU that may have several.

  On GKE the environment says how many; a TPU VM is asked for its metadata.
  """
  if environment.get('JAX_PLATFORMS', 'tpu').split(',')[0] != 'tpu':
    return False
  slices = environment.get('MEGASCALE_NUM_SLICES', '1')
  names = environment.get(
    'TPU_PROCESS_ADDRESSES', environment.get('TPU_WORKER_HOSTNAMES')
  )
  if names is not None:
    return ',' in names or slices != '1'
  chips = (_DEVICES.glob(at) for at in ('accel[0-9]*', 'vfio/[0-9]*'))
  has_chips = any(map(any, chips))
  return (
    has_chips
    and 'TPU_SKIP_MDS_QUERY' not in environment
    and importlib.util.find_spec('libtpu') is not None
    and _DMI.is_file()
    and _DMI.read_text().strip() == 'Google Compute Engine'
  )
