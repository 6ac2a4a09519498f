"""Trains, evaluates, compares, recommends, chooses the weights of Eq (9).

python -m dynrec_jax.main --config=configs/single.py
python -m dynrec_jax.main --config=configs/single.py --config.mode=recommend
"""

import functools
import logging as logging_lib
import os
import signal
import sys
from collections.abc import Callable, Mapping
from typing import NoReturn

from absl import app, flags, logging
from ml_collections import config_flags

from dynrec_jax import checkpoint
from dynrec_jax.study import (
  check,
  compare,
  cross_validate,
  process,
  recommend,
  report,
  reproduce,
  text_content,
  topics,
  tune,
)
from dynrec_jax.study.prepare import prepare
from dynrec_jax.study.train_and_evaluate import train_and_evaluate

_CONFIG = config_flags.DEFINE_config_file(
  'config', None, 'The study: a file of configs/.', lock_config=True
)
flags.mark_flag_as_required('config')


def main(argv: list[str]) -> None:
  """Runs the mode that the config names."""
  if len(argv) > 1:
    raise app.UsageError(f'unknown argument {argv[1]!r}')
  config = _CONFIG.value
  _tell_plainly()
  # Until training takes the signals, a stop only ends what is being prepared:
  # all that was finished of it is stored.
  signal.signal(signal.SIGTERM, signal.default_int_handler)
  try:
    check.check_config(config)
    run(config)
  except KeyboardInterrupt:
    _exit_to_requeue()
  except (ValueError, OSError, ImportError) as error:
    logging.debug('where it happened', exc_info=True)
    logging.error('%s', error)
    sys.exit(1)


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


def run(config) -> None:
  """The whole job, for a checked config."""
  process.set_up(config)
  if config.text.encoder == 'kim_cnn':  # results keep what was found
    config.text.word_vectors = text_content.word_vectors_file(config)
  print(_DOORS[config.mode](config) or _exit_to_requeue())


def _until_stopped(door: Callable[..., str | None]) -> Callable:
  """A prepared study's door that saves and gives None when told to stop."""

  def enter(config) -> str | None:
    prepared = prepare(config)
    with checkpoint.StopRequest() as stop:
      return door(config, prepared, stop.requested)

  return enter


# What each mode does: config -> what to print; None if it was stopped.
_DOORS: Mapping[str, Callable[..., str | None]] = {
  'train_and_evaluate': _until_stopped(train_and_evaluate),
  'evaluate': _until_stopped(
    functools.partial(train_and_evaluate, train=False)
  ),
  'tune': _until_stopped(tune.tune),
  'cross_validate': _until_stopped(cross_validate.cross_validate),
  'prepare': lambda config: topics.describe(config, prepare(config)),
  'choose_topics': topics.choose_topics,
  'recommend': lambda config: recommend.recommend(config, prepare(config)),
  'compare': compare.compare,
  'reproduce': reproduce.reproduce,
  'report': report.report,
}


def _exit_to_requeue() -> NoReturn:
  """Ends a run that was asked to stop and has saved."""
  logging.warning('stopped on request; the same command goes on')
  sys.exit(checkpoint.REQUEUE_EXIT_CODE)


def _parse(argv: list[str]) -> list[str]:
  """absl's parsing, with one line for a config that cannot be read."""
  try:
    rest = flags.FLAGS(argv)
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
