"""The scripts: start again on 75 and only on 75; which runs are compared.

slurm_test.py runs one on a real Slurm.
"""

import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

import jsonschema
import kubernetes_validate
import pytest
import yaml
from config_lines import parse

from dynrec_jax.study import check

ROOT = pathlib.Path(__file__).parents[2]
LAUNCH = ROOT / 'launch'
SCRIPT = LAUNCH / 'requeue.sh'
SCRIPTS = sorted([*LAUNCH.glob('*.sh'), *LAUNCH.glob('*.sbatch')])
TOOLS = pathlib.Path(sys.executable).parent  # linters lie beside Python


def run(tmp_path, codes):
  """Runs a command that exits with each code in turn; counts its runs."""
  counter = tmp_path / 'runs'
  counter.write_text('')
  command = (
    f'printf x >> {counter}; set -- {" ".join(map(str, codes))}; '
    f'shift $(($(wc -c < {counter}) - 1)); exit $1'
  )
  done = subprocess.run([SCRIPT, 'bash', '-c', command], capture_output=True)
  return done.returncode, len(counter.read_text())


def test_runs_again_while_asked_to(tmp_path):
  assert run(tmp_path, [75, 75, 0]) == (0, 3)


def test_an_error_is_not_tried_again(tmp_path):
  assert run(tmp_path, [75, 1, 0]) == (1, 2)


def test_no_command_is_an_error():
  done = subprocess.run([SCRIPT], capture_output=True, text=True)
  assert done.returncode == 2
  assert 'usage' in done.stderr


def compare_content(tmp_path, *runs):
  """Runs the script with a `python` that only notes what it was asked for."""
  python = tmp_path / 'bin' / 'python'
  python.parent.mkdir(exist_ok=True)
  log = tmp_path / 'log'
  python.write_text(
    f'#!/usr/bin/env bash\necho "$@" >> {log}\n'
    'for a in "$@"; do case $a in --config.workdir=*)\n'
    '  mkdir -p "${a#*=}"; touch "${a#*=}/results.json";; esac; done\n'
  )
  python.chmod(0o755)
  done = subprocess.run(
    [SCRIPT.parent / 'compare_content.sh', *runs],
    cwd=tmp_path,
    env={'PATH': f'{python.parent}:/usr/bin:/bin'},
    capture_output=True,
    text=True,
  )
  return done, log.read_text().splitlines() if log.exists() else []


def test_all_content_is_compared_once_all_runs_have_ended(tmp_path):
  done, lines = compare_content(tmp_path, '/data', 'kim_mm_lda', 'tfidf')
  assert done.returncode == 0, done.stderr
  assert len(lines) == 2
  assert 'encoder' not in lines[0]
  assert lines[1].endswith(
    '--config.data.manual_dir=/data --config.workdir=runs/content/tfidf '
    '--config.text.encoder=tfidf_svd'
  )
  done, lines = compare_content(
    tmp_path, '/data', 'text_lda', 'corr_lda', 'no_visual'
  )
  assert done.returncode == 0, done.stderr
  runs = ('kim_mm_lda', 'tfidf', 'text_lda', 'corr_lda', 'no_visual')
  named = ' '.join(f"'runs/content/{run}'," for run in runs)
  assert lines[-1] == (
    '-m dynrec_jax.main --config=configs/single.py:movietweetings '
    f'--config.mode=compare --config.compare.runs=({named})'
  )
  config = parse(
    '--config.mode=compare',
    f'--config.compare.runs=({named})',
    path='configs/single.py:movietweetings',
  )
  assert config.compare.runs == tuple(f'runs/content/{run}' for run in runs)
  assert len(lines) == 6


def test_an_unknown_run_starts_nothing(tmp_path):
  done, lines = compare_content(tmp_path, '/data', 'tfidf', 'bert')
  assert done.returncode == 2
  assert done.stderr.startswith("unknown run 'bert'; valid are kim_mm_lda, ")
  assert not lines


def test_every_run_is_of_a_config_that_can_be(tmp_path):
  """The flags of the script, as the command line reads them."""
  _, lines = compare_content(tmp_path, '/data')
  different = set()
  for line in lines[:-1]:
    arguments = [word for word in line.split() if word.startswith('--config.')]
    config = parse(*arguments, path='configs/single.py:movietweetings')
    check.check_config(config)
    different.add(
      (config.text.encoder, config.topics.yt, config.visual.encoder)
    )
  assert len(different) == 5


def fake(folder, name, script):
  """A program of this name, to be found before the real one."""
  path = folder / 'bin' / name
  path.parent.mkdir(exist_ok=True)
  path.write_text(f'#!/usr/bin/env bash\n{script}\n')
  path.chmod(0o755)
  return {'PATH': f'{path.parent}:/usr/bin:/bin'}


def queued(tmp_path, code):
  """Exit code of the Slurm script whose processes end so; what it asked for."""
  log = tmp_path / 'log'
  log.write_text('')
  fake(tmp_path, 'srun', f'printf "%s|" srun "$@" >> {log}; exit {code}')
  env = fake(tmp_path, 'scontrol', f'printf "%s|" scontrol "$@" >> {log}')
  done = subprocess.run(
    ['bash', LAUNCH / 'slurm.sbatch', '--config=a b'],
    env=env | {'SLURM_JOB_ID': '7'},
    capture_output=True,
  )
  return done.returncode, log.read_text()


def test_a_slurm_job_that_saved_is_queued_again(tmp_path):
  run = 'srun|--kill-on-bad-exit=1|python|-m|dynrec_jax.main|--config=a b|'
  assert queued(tmp_path, 75) == (75, f'{run}scontrol|requeue|7|')
  assert queued(tmp_path, 1) == (1, run)
  assert queued(tmp_path, 0) == (0, run)


def test_a_tpu_vm_reads_the_arguments_as_they_were_given(tmp_path):
  log = tmp_path / 'log'
  env = fake(
    tmp_path,
    'gcloud',
    'for a in "$@"; do case $a in --command=*) '
    f'printf "%s" "${{a#*=}}" > {log};; esac; done',
  )
  subprocess.run(
    [LAUNCH / 'tpu_vm.sh', 'vm', 'zone', "--config.eval.methods=('a', 'b')"],
    env=env,
    check=True,
  )
  words = log.read_text().replace('exec venv/bin/python', 'printf "%s|"')
  _, asked = words.split('printf', 1)
  said = subprocess.check_output(['bash', '-c', f'printf{asked}'], text=True)
  assert said == "-m|dynrec_jax.main|--config.eval.methods=('a', 'b')|"


@pytest.mark.parametrize('path', SCRIPTS, ids=lambda path: path.name)
def test_a_script_is_sound_and_says_how_it_is_used(path):
  subprocess.run([TOOLS / 'shellcheck', path], check=True)
  assert f'launch/{path.name}' in path.read_text()


@pytest.mark.skipif(
  shutil.which('hadolint', path=str(TOOLS)) is None, reason='no hadolint here'
)
def test_the_image_is_made_by_the_rules():
  subprocess.run([TOOLS / 'hadolint', LAUNCH / 'Dockerfile'], check=True)


def job_set():
  """What a Kubernetes cluster is asked for."""
  return yaml.safe_load((LAUNCH / 'gke_jobset.yaml').read_text('utf-8'))


# Of JobSet's API v1alpha2, what we use; a Job inside has a schema of its own.
JOB_SET = {
  'type': 'object',
  'additionalProperties': False,
  'required': ['apiVersion', 'kind', 'metadata', 'spec'],
  'properties': {
    'apiVersion': {'const': 'jobset.x-k8s.io/v1alpha2'},
    'kind': {'const': 'JobSet'},
    'metadata': {'type': 'object', 'required': ['name']},
    'spec': {
      'type': 'object',
      'additionalProperties': False,
      'properties': {
        'failurePolicy': {
          'type': 'object',
          'additionalProperties': False,
          'properties': {
            'maxRestarts': {'type': 'integer', 'minimum': 0},
            'rules': {
              'type': 'array',
              'items': {
                'type': 'object',
                'additionalProperties': False,
                'required': ['action', 'name'],
                'properties': {
                  'name': {
                    'pattern': '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$'
                  },
                  'action': {
                    'enum': [
                      'FailJobSet',
                      'RestartJobSet',
                      'RestartJobSetAndIgnoreMaxRestarts',
                    ]
                  },
                  'onJobFailureReasons': {
                    'type': 'array',
                    'items': {
                      'enum': [
                        'BackoffLimitExceeded',
                        'DeadlineExceeded',
                        'FailedIndexes',
                        'MaxFailedIndexesExceeded',
                        'PodFailurePolicy',
                      ]
                    },
                  },
                  'targetReplicatedJobs': {'type': 'array'},
                },
              },
            },
          },
        },
        'replicatedJobs': {
          'type': 'array',
          'items': {
            'type': 'object',
            'additionalProperties': False,
            'required': ['name', 'template'],
            'properties': {
              'name': {'type': 'string'},
              'replicas': {'type': 'integer', 'minimum': 1},
              'template': {'type': 'object'},
            },
          },
        },
      },
    },
  },
}


def test_the_job_set_is_one_by_its_schema():
  found = job_set()
  jsonschema.validate(found, JOB_SET)
  (job,) = found['spec']['replicatedJobs']
  whole = {'apiVersion': 'batch/v1', 'kind': 'Job', **job['template']}
  whole['metadata'] = {'name': 'dynrec'}
  kubernetes_validate.validate(whole, '1.33', strict=True)


def test_the_hosts_of_a_job_set_are_those_of_its_slice():
  (job,) = job_set()['spec']['replicatedJobs']
  spec = job['template']['spec']
  pod = spec['template']['spec']
  (container,) = pod['containers']
  topology = pod['nodeSelector']['cloud.google.com/gke-tpu-topology']
  rows, columns = map(int, topology.split('x'))
  chips = container['resources']['limits']['google.com/tpu']
  assert spec['parallelism'] == spec['completions'] == rows * columns / chips
  assert json.dumps([75]) in json.dumps(spec['podFailurePolicy'])
  path, *rest = container['args']
  config = parse(*rest, path=path.removeprefix('--config='))
  check.check_config(config)
  assert config.workdir.startswith('/shared')
  assert config.data.data_dir.startswith('/shared')


LOCAL = LAUNCH / 'local.sh'


def local(count, command, **env):
  done = subprocess.run(
    [LOCAL, str(count), 'bash', '-c', command],
    capture_output=True,
    text=True,
    timeout=30,
    env=os.environ | env,
  )
  return done.returncode, done.stdout, done.stderr


def test_every_host_is_told_who_it_is_and_where_the_first_is():
  code, out, _ = local(
    3,
    'echo $DYNREC_HOST_INDEX of $DYNREC_HOST_COUNT at $DYNREC_COORDINATOR',
  )
  assert code == 0
  lines = sorted(out.splitlines())
  (address,) = {line.split()[-1] for line in lines}
  assert re.fullmatch(r'127\.0\.0\.1:\d+', address)
  assert lines == [f'[{i}] {i} of 3 at {address}' for i in range(3)]


def test_logs_in_files_of_their_own(tmp_path):
  command = 'echo out; echo err >&2'
  code, out, errors = local(2, command, LOG_DIR=str(tmp_path / 'logs'))
  assert (code, out, errors) == (0, '', '')
  for index in range(2):
    log = tmp_path / 'logs' / f'host_{index}.log'
    assert log.read_text() == 'out\nerr\n'


@pytest.mark.parametrize(
  ('commands', 'code'),
  [
    (('exit 0', 'exit 0'), 0),
    (('exit 75', 'exit 75'), 75),
    (('exit 75', 'exit 1'), 1),  # an error is not tried again
    (('sleep 0.2; exit 1', 'exit 75'), 1),
    (('sleep 0.2; exit 75', 'kill -9 $$'), 75),  # a death is
    (('exit 0', 'kill -9 $$'), 137),
  ],
)
def test_the_gravest_code_is_the_run_s(commands, code):
  first, second = commands
  found, _, errors = local(
    2, f'if ((DYNREC_HOST_INDEX)); then {second}; else {first}; fi'
  )
  assert found == code, errors


def test_hosts_that_end_while_others_begin_are_not_waited_for_forever():
  """Side by side, so that the first is gone before the shell looks for it."""
  command = 'if ((DYNREC_HOST_INDEX)); then kill -9 $$; else exit 0; fi'
  with concurrent.futures.ThreadPoolExecutor(6) as pool:
    ends = list(pool.map(lambda _: local(2, command), range(30)))
  assert {code for code, *_ in ends} == {137}


@pytest.mark.parametrize('number', [signal.SIGINT, signal.SIGTERM])
def test_signals_reach_every_host_once(number):
  command = (
    'trap "echo told; exit 75" INT TERM; echo up; '
    'for i in {1..100}; do sleep 0.1; done'
  )
  process = subprocess.Popen(
    [LOCAL, '2', 'bash', '-c', command],
    stdout=subprocess.PIPE,
    stderr=subprocess.PIPE,
    text=True,
    start_new_session=True,
  )
  up = sorted(process.stdout.readline() for _ in range(2))
  assert up == ['[0] up\n', '[1] up\n']
  os.killpg(process.pid, number)  # as a terminal does, or a scheduler
  out, errors = process.communicate(timeout=30)
  assert process.returncode == 75, errors
  assert sorted(out.splitlines()) == ['[0] told', '[1] told']


def test_no_number_of_hosts_is_an_error():
  done = subprocess.run([LOCAL, 'python'], capture_output=True, text=True)
  assert done.returncode == 2
  assert 'launch/local.sh N [COMMAND ...]' in done.stderr
