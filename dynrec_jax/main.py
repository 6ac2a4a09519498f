"""Trains, evaluates, compares, recommends, chooses the weights of Eq (9).

python -m dynrec_jax.main --config=configs/single.py
python -m dynrec_jax.main --config=configs/single.py --config.mode=recommend
"""

# Before all other imports: while they last, a stop ends the job with one line.
import atexit
import os
import signal
import sys

_REQUEUE_EXIT_CODE = 75  # `checkpoint.REQUEUE_EXIT_CODE`, not imported yet


def _leave_at_once(number: int, frame: object) -> None:
  """Ends a run that has begun nothing; exceptions get lost in imports."""
  del number, frame
  os.write(2, b'warning: stopped on request; the same command goes on\n')
  os._exit(_REQUEUE_EXIT_CODE)


def _end_in_peace() -> None:
  """Lets nothing stop the last moments of a process that has done its work.

  Python takes its own handlers away before it ends, but not these.
  """
  for number in (signal.SIGINT, signal.SIGTERM):
    signal.signal(number, signal.SIG_IGN)


if __name__ == '__main__':
  atexit.register(_end_in_peace)  # as the first, which is called as the last
  signal.signal(signal.SIGINT, _leave_at_once)
  signal.signal(signal.SIGTERM, _leave_at_once)

import contextlib
import functools
import importlib.util
import io
import logging as logging_lib
import pathlib
import threading
import types
from collections.abc import Callable
from typing import NoReturn

from absl import app, flags, logging
from ml_collections import config_flags

_ROOT = pathlib.Path(__file__).resolve().parents[1]
_STOPS = (signal.SIGINT, signal.SIGTERM)
_PATIENCE_SECS = 20.0  # with a stop that was asked for
_CONFIG_FLAGS = ('--config', '-config')
# Config -> what to print; None if it was stopped.
Door = Callable[..., str | None]
_CONFIG = config_flags.DEFINE_config_file(
  'config', None, 'The study: a file of configs/.', lock_config=True
)
flags.mark_flag_as_required('config')


def main(argv: list[str]) -> None:
  """Runs the mode that the config names."""
  _write_anywhere()
  if len(argv) > 1:
    raise app.UsageError(f'unknown argument {argv[1]!r}')
  config = _CONFIG.value
  _tell_plainly()
  try:
    check_config(config)
    door = door_of(config.mode)
    # Until training takes the signals, a stop only ends what is being
    # prepared: all that was finished of it is stored.
    for number in _STOPS:
      signal.signal(number, _interrupt)
    run(config, door)
  except KeyboardInterrupt:
    _exit_to_requeue()
  except (ValueError, OSError, ImportError) as error:
    logging.debug('where it happened', exc_info=True)
    logging.error('%s', error)
    sys.exit(1)
  finally:
    for number in _STOPS:  # nothing is left to lose, and no trace to show
      signal.signal(number, _leave_at_once)


def _interrupt(number: int, frame: types.FrameType | None) -> NoReturn:
  """Ends what is being prepared, so that it leaves nothing half done.

  Exceptions get lost in imports, which come up to the end, and in callbacks of
  libraries: then the process is left as it is, as a kill leaves it.
  """
  while frame is not None:
    if frame.f_code.co_filename.startswith('<frozen importlib'):
      _leave_at_once(number, frame)
    frame = frame.f_back
  timer = threading.Timer(_PATIENCE_SECS, _leave_at_once, (number, None))
  timer.daemon = True
  timer.start()
  raise KeyboardInterrupt


def _write_anywhere() -> None:
  """What a stream cannot spell (ASCII has no ±) is escaped, not an error."""
  for stream in (sys.stdout, sys.stderr):
    if isinstance(stream, io.TextIOWrapper):
      stream.reconfigure(errors='backslashreplace')


def _tell_plainly() -> None:
  """A log that reads as a story; `--v=1` tells all, and where it was told."""
  handler = logging.get_absl_handler()
  handler.addFilter(_for_user)
  if logging.get_verbosity() < logging.DEBUG:
    handler.setFormatter(_Plain())


class _Plain(logging_lib.Formatter):
  """What is told and, of warnings and errors, how grave it is."""

  def format(self, record: logging_lib.LogRecord) -> str:
    text = record.getMessage()
    if record.levelno < logging_lib.WARNING:
      return text
    return f'{record.levelname.lower()}: {text}'


def _for_user(record: logging_lib.LogRecord) -> bool:
  """Whether to show a record: libraries tell every rename, only warn here."""
  own = os.path.dirname(__file__)
  return record.levelno >= logging_lib.WARNING or record.pathname.startswith(
    own
  )


def check_config(config) -> None:
  """Raises one error for the first value that cannot be used."""
  from dynrec_jax.study import check, places

  places.expand_user(config)
  check.check_config(config)


def run(config, door: Door) -> None:
  """The whole job, for a checked config and the door of its mode."""
  from dynrec_jax.study import process, text_content, workdir

  with contextlib.ExitStack() as held:
    held.enter_context(process.set_up(config))
    workdir.refuse_untrained(config)
    held.enter_context(workdir.alone(config))
    if config.text.encoder == 'kim_cnn':  # results keep what was found
      config.text.word_vectors = text_content.word_vectors_file(config)
    text = door(config)
    if text is None:
      _exit_to_requeue()
    process.tell(text)


def door_of(mode: str) -> Door:
  """What a mode does; its modules are imported when it is asked for."""
  match mode:
    case 'train_and_evaluate' | 'evaluate':
      from dynrec_jax.study.train_and_evaluate import train_and_evaluate

      train = mode == 'train_and_evaluate'
      return _until_stopped(functools.partial(train_and_evaluate, train=train))
    case 'tune':
      from dynrec_jax.study.tune import tune

      return _until_stopped(tune)
    case 'cross_validate':
      from dynrec_jax.study.cross_validate import cross_validate

      return _until_stopped(cross_validate)
    case 'prepare':
      from dynrec_jax.study.topics import describe

      return _prepared(describe)
    case 'prepare_at_scale':
      from dynrec_jax.study.at_scale import prepare_at_scale as door
    case 'choose_topics':
      from dynrec_jax.study.topics import choose_topics as door
    case 'recommend':
      from dynrec_jax.study.recommend import recommend

      return _prepared(recommend)
    case 'explain':
      from dynrec_jax.study.explain import explain

      return _prepared(explain)
    case 'export':
      from dynrec_jax.study.export import export

      return _prepared(export)
    case 'serve':
      from dynrec_jax.study.serve import serve as door
    case 'update':
      from dynrec_jax.study.update import update as door
    case 'compare':
      from dynrec_jax.study.compare import compare as door
    case 'reproduce':
      from dynrec_jax.study.reproduce import reproduce as door
    case 'report':
      from dynrec_jax.study.report import report as door
    case _:
      raise ValueError(f'mode is {mode!r}, which has no door')
  return door


def _prepared(door: Door) -> Door:
  """A door that is given a prepared study."""
  from dynrec_jax.study.shared_study import prepare

  return lambda config: door(config, prepare(config))


def _until_stopped(door: Door) -> Door:
  """A prepared study's door that saves and gives None when told to stop."""
  from dynrec_jax.checkpoint import StopRequest
  from dynrec_jax.study.shared_study import prepare

  def enter(config) -> str | None:
    prepared = prepare(config)
    with StopRequest() as stop:
      return door(config, prepared, stop.requested)

  return enter


def _exit_to_requeue() -> NoReturn:
  """Ends a run that was asked to stop and has saved."""
  logging.warning('stopped on request; the same command goes on')
  sys.exit(_REQUEUE_EXIT_CODE)


def _bring_configs() -> None:
  """Makes `configs` the package that lies beside this one.

  A folder, package or module of that name in the working directory would stand
  before it; what is in such a folder alone is found there.
  """
  own = _ROOT / 'configs'
  path = own / '__init__.py'
  if 'configs' in sys.modules or not path.is_file():
    return
  spec = importlib.util.spec_from_file_location(
    'configs', path, submodule_search_locations=[str(own), 'configs']
  )
  module = sys.modules['configs'] = importlib.util.module_from_spec(spec)
  spec.loader.exec_module(module)


def _find_configs(argv: list[str]) -> list[str]:
  """The arguments; `--config=configs/...` is ours where the folder has none."""
  found, before = [], ''
  for argument in argv:
    name, sign, value = argument.rpartition('=')
    if (sign and name in _CONFIG_FLAGS) or before in _CONFIG_FLAGS:
      path, *variant = value.split(':', 1)
      path = os.path.expanduser(path)
      if not os.path.exists(path) and (_ROOT / path).is_file():
        path = str(_ROOT / path)
      argument = f'{name}{sign}{":".join([path, *variant])}'
    found.append(argument)
    before = argument
  return found


def _parse(argv: list[str]) -> list[str]:
  """absl's parsing, with one line for a config that cannot be read."""
  _write_anywhere()
  _bring_configs()
  try:
    rest = flags.FLAGS(_find_configs(argv))
    _ = _CONFIG.value.mode  # a missing file fails here
    return rest
  except (AttributeError, KeyError) as error:
    # "'name'", or the same and `Did you mean ...`, escaped by its own str.
    text = str(error.args[0]).replace('\\n', '\n').replace('\\', '')
    name, _, hint = text.partition('\n')
    name, hint = name.strip('"\''), hint.rstrip("'")
    why = f'unknown key {name!r}' + (f'. {hint}' if hint else '')
  except (TypeError, ValueError, OSError) as error:
    why = str(error)
  except flags.Error as error:
    why = str(error).strip().splitlines()[-1]  # above it, a file's traceback
  sys.exit(f'error in --config: {" ".join(why.split())}')


if __name__ == '__main__':
  app.run(main, flags_parser=_parse)
