"""A Slurm of one node on this machine, of processes of one's own."""

import contextlib
import os
import pathlib
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator

PROGRAMS = ('munged', 'slurmctld', 'slurmd', 'sbatch', 'srun', 'scontrol')
_PATHS = f'{os.environ["PATH"]}:/usr/sbin:/sbin'
_CONFIG = """
ClusterName=tests
SlurmctldHost=localhost(127.0.0.1)
SlurmUser=root
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={root}/munge.socket
CredType=cred/munge
StateSaveLocation={root}/state
SlurmdSpoolDir={root}/spool
SlurmctldPidFile={root}/slurmctld.pid
SlurmdPidFile={root}/slurmd.pid
SlurmctldLogFile={root}/slurmctld.log
SlurmdLogFile={root}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
ReturnToService=2
SchedulerParameters=sched_interval=2,batch_sched_delay=0
MpiDefault=none
NodeName=localhost NodeAddr=127.0.0.1 CPUs={cores}
PartitionName=all Nodes=localhost Default=YES MaxTime=INFINITE
"""


def lacks() -> str:
  """Why no Slurm can be started here; '' where one can."""
  missing = [x for x in PROGRAMS if shutil.which(x, path=_PATHS) is None]
  if missing:
    return f'no {missing[0]} here'
  return '' if os.geteuid() == 0 else 'wants to be root'


class Slurm:
  """What jobs are given to and asked of."""

  def __init__(self, root: pathlib.Path):
    self.env = os.environ | {
      'PATH': _PATHS,
      'SLURM_CONF': str(root / 'slurm.conf'),
    }

  def run(self, *command: object) -> str:
    """What a command of Slurm prints."""
    done = subprocess.run(
      list(map(str, command)), env=self.env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout

  def state(self, job: str) -> str:
    """The job's state, and how often it was queued again."""
    told = self.run('scontrol', 'show', 'job', job)
    state = re.search(r'JobState=(\S+)', told)[1]
    return f'{state} {re.search("Restarts=([0-9]+)", told)[1]}'

  def wait(self, job: str, state: str, secs: float = 120) -> None:
    """Returns when the job is in a state."""
    _until(lambda: self.state(job) == state, secs, lambda: self.state(job))


@contextlib.contextmanager
def started(root: pathlib.Path) -> Iterator[Slurm]:
  """A Slurm whose files lie in a folder; it ends with the block."""
  for name in ('state', 'spool'):
    (root / name).mkdir()
  os.chmod(root, 0o755)
  key = root / 'munge.key'
  key.write_bytes(os.urandom(128))
  key.chmod(0o400)
  ports = _free_ports(2)
  (root / 'slurm.conf').write_text(
    _CONFIG.format(
      root=root,
      controller_port=ports[0],
      node_port=ports[1],
      cores=max(2, os.cpu_count()),
    )
  )
  slurm = Slurm(root)
  at = str(root / 'munge')
  daemons = [
    [
      *('munged', '-F', '--force', f'--key-file={key}'),
      *(f'--socket={at}.socket', f'--pid-file={at}.pid'),
      *(f'--log-file={at}.log', f'--seed-file={at}.seed'),
    ],
    ['slurmctld', '-D', '-f', root / 'slurm.conf'],
    ['slurmd', '-D', '-N', 'localhost', '-f', root / 'slurm.conf'],
  ]
  with contextlib.ExitStack() as stack:
    for command in daemons:
      stack.enter_context(_daemon(command, slurm.env, root))
      if command[0] == 'munged':
        _until((root / 'munge.socket').exists, 20, lambda: 'no munge')

    def is_idle() -> bool:
      done = subprocess.run(
        ['sinfo', '-h', '-o', '%T'],
        env=slurm.env,
        capture_output=True,
        text=True,
      )
      return done.stdout.strip() == 'idle'

    _until(is_idle, 60, lambda: _tails(root))
    yield slurm


@contextlib.contextmanager
def _daemon(command, env, root: pathlib.Path) -> Iterator[None]:
  """A program that runs for the block."""
  with open(root / f'{command[0]}.out', 'wb') as out:
    process = subprocess.Popen(command, env=env, stdout=out, stderr=out)
    try:
      yield
    finally:
      process.terminate()
      try:
        process.wait(20)
      except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_ports(count: int) -> list[int]:
  """Ports that nobody listens at."""
  with contextlib.ExitStack() as stack:
    sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
    for one in sockets:
      one.bind(('127.0.0.1', 0))
    return [one.getsockname()[1] for one in sockets]


def _until(holds, secs: float, tell) -> None:
  """Waits; says what there is instead when it has taken too long."""
  end = time.monotonic() + secs
  while not holds():
    assert time.monotonic() < end, tell()
    time.sleep(0.5)


def _tails(root: pathlib.Path) -> str:
  """The last lines of all logs."""
  return '\n'.join(
    f'{path.name}: {path.read_text(errors="replace")[-600:]}'
    for path in [*root.glob('*.out'), *root.glob('*.log')]
  )
