"""The scripts: start again on 75 and only on 75; which runs are compared."""

import pathlib
import subprocess

from config_lines import parse

from dynrec_jax.study import check

SCRIPT = pathlib.Path(__file__).parents[2] / 'launch' / 'requeue.sh'


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
