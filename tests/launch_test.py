"""The requeue loop: again on 75, and only on 75."""

import pathlib
import subprocess

SCRIPT = pathlib.Path(__file__).parent.parent / 'launch' / 'requeue.sh'


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
