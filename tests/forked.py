"""Runs of `dynrec_jax.main` that share its imports, which take seconds.

Each is a process of its own: one that has imported everything and done nothing
with it is split for each run. What a fresh process alone shows needs one.
"""

import multiprocessing
import os
import pathlib
import signal
import sys
import tempfile

_CONTEXT = multiprocessing.get_context('forkserver')


class Run:
  """What `subprocess.Popen` of the command line would be, as far as needed."""

  def __init__(self, arguments: list[str], folder: pathlib.Path):
    _CONTEXT.set_forkserver_preload(['dynrec_jax.main'])
    self._written = tempfile.TemporaryDirectory()
    self._texts = [pathlib.Path(self._written.name, x) for x in ('out', 'err')]
    self._process = _CONTEXT.Process(
      target=_main, args=(arguments, str(folder), *map(str, self._texts))
    )
    self._process.start()

  @property
  def returncode(self) -> int | None:
    return self._process.exitcode

  def poll(self) -> int | None:
    return self._process.exitcode

  def send_signal(self, number: int) -> None:
    os.kill(self._process.pid, number)

  def communicate(self, timeout: float | None = None) -> list[str]:
    """Standard output and error, once the process has ended."""
    self._process.join(timeout)
    if self._process.exitcode is None:
      self._process.kill()
      raise TimeoutError(f'it runs for more than {timeout} s')
    return [path.read_text() for path in self._texts]


def _main(arguments, folder, out, err) -> None:
  """`python -m dynrec_jax.main ARGUMENTS`, quickly compiled, into two files."""
  os.chdir(folder)
  sys.path.insert(0, folder)
  for number, path in ((1, out), (2, err)):
    file = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.dup2(file, number)
    os.close(file)
  sys.argv = ['main.py', *arguments]
  signal.signal(signal.SIGINT, signal.default_int_handler)
  import jax

  from dynrec_jax import main

  jax.config.update('jax_disable_most_optimizations', True)
  main.app.run(main.main, flags_parser=main._parse)
