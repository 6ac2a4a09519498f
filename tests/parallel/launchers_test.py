"""Who is told of others: tasks that a launcher started, and nobody else."""

import pytest

from dynrec_jax.parallel import launchers

# What `srun -n 4 -N 2` sets, as far as it matters; the job has four tasks.
SLURM = {
  'SLURM_JOB_ID': '7',
  'SLURM_NTASKS': '4',
  'SLURM_PROCID': '2',
  'SLURM_LOCALID': '0',
  'SLURM_STEP_NODELIST': 'n[1-2]',
  'SLURM_STEP_NUM_TASKS': '4',
  'SLURM_STEP_TASKS_PER_NODE': '2(x2)',
}
POD = {'KUBERNETES_SERVICE_HOST': '10.0.0.1', 'JOB_COMPLETION_INDEX': '3'}


@pytest.mark.parametrize(
  'environment',
  [
    {},
    # A batch script knows of its job's tasks, but is no step of it.
    {'SLURM_JOB_ID': '7', 'SLURM_NTASKS': '4', 'SLURM_PROCID': '0'},
    # A shell by `salloc`: a step of one task in a job of four.
    SLURM | {'SLURM_STEP_NUM_TASKS': '1'},
    SLURM | {'SLURM_STEP_NUM_TASKS': '1', 'SLURM_NTASKS': '1'},
    # A notebook, or a Job of one pod that has no number.
    {'KUBERNETES_SERVICE_HOST': '10.0.0.1'},
    {'JOB_COMPLETION_INDEX': '3'},
    # A TPU that is one machine's.
    {'TPU_WORKER_HOSTNAMES': 'localhost'},
    {'TPU_WORKER_HOSTNAMES': 'a,b', 'JAX_PLATFORMS': 'cpu'},
    {'DYNREC_HOST_COUNT': '1', 'DYNREC_HOST_INDEX': '0'},
  ],
)
def test_a_process_on_its_own(environment, monkeypatch, tmp_path):
  monkeypatch.setattr(launchers, '_DMI', tmp_path / 'none')
  assert launchers.told(environment) is None


@pytest.mark.parametrize(
  ('environment', 'how'),
  [
    (SLURM, {}),
    # Alone on its node: all of the node's devices, not one.
    (SLURM | {'SLURM_STEP_TASKS_PER_NODE': '1(x4)'}, {'local_device_ids': []}),
    (SLURM | {'SLURM_STEP_TASKS_PER_NODE': '1'}, {'local_device_ids': []}),
    (SLURM | {'SLURM_STEP_TASKS_PER_NODE': '1(x2),2'}, {}),
    (SLURM | {'SLURM_STEP_TASKS_PER_NODE': '12'}, {}),
    (POD, {}),
    ({'TPU_WORKER_HOSTNAMES': 'a,b'}, {}),
    ({'TPU_WORKER_HOSTNAMES': 'a', 'MEGASCALE_NUM_SLICES': '2'}, {}),
  ],
)
def test_one_of_several(environment, how):
  assert launchers.told(environment) == how


def test_a_tpu_machine_asks_what_it_belongs_to(monkeypatch, tmp_path):
  """Only on Google's own machines: elsewhere nobody would answer."""
  (tmp_path / 'product_name').write_text('Google Compute Engine\n')
  (tmp_path / 'dev' / 'vfio').mkdir(parents=True)
  (tmp_path / 'dev' / 'vfio' / '0').touch()
  monkeypatch.setattr(launchers, '_DMI', tmp_path / 'product_name')
  monkeypatch.setattr(launchers, '_DEVICES', tmp_path / 'dev')
  monkeypatch.setattr(launchers.importlib.util, 'find_spec', lambda name: name)
  assert launchers.told({}) == {}
  assert launchers.told({'TPU_SKIP_MDS_QUERY': '1'}) is None
  assert launchers.told({'JAX_PLATFORMS': 'cuda'}) is None
  (tmp_path / 'product_name').write_text('Standard PC\n')
  assert launchers.told({}) is None


def test_by_the_variables_of_local_sh():
  environment = {
    'DYNREC_COORDINATOR': '[::1]:70',
    'DYNREC_HOST_COUNT': '3',
    'DYNREC_HOST_INDEX': '2',
  }
  assert launchers.told(environment | SLURM) == {
    'coordinator_address': '[::1]:70',
    'num_processes': 3,
    'process_id': 2,
    'cluster_detection_method': 'deactivate',
  }
  del environment['DYNREC_HOST_INDEX']
  with pytest.raises(ValueError, match=r"DYNREC_HOST_INDEX='';.*whole numbers"):
    launchers.told(environment)


@pytest.mark.parametrize(
  ('arguments', 'fault'),
  [
    (('', 2, 0), r"^coordinator is ''; right: HOST:PORT"),
    (('host', 2, 0), r"^coordinator is 'host'; "),
    (('host:x', 2, 0), r"^coordinator is 'host:x'; "),
    (('host:1', 2, 2), r'^index is 2 of count=2; right: from 0 to 1'),
    (('host:1', 2, -1), r'^index is -1 of count=2; '),
  ],
)
def test_what_makes_no_sense_by_hand(arguments, fault):
  with pytest.raises(ValueError, match=fault):
    launchers.by_hand(*arguments)
