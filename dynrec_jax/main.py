"""Trains, evaluates, recommends, and chooses the weights of Eq (9).

python -m dynrec_jax.main --config=configs/single.py
python -m dynrec_jax.main --config=configs/single.py --config.mode=recommend
"""

import logging as logging_lib
import os
import signal
import sys
from typing import NoReturn

import jax
from absl import app, flags, logging
from ml_collections import config_flags

from dynrec_jax import checkpoint, objective
from dynrec_jax.parallel import devices, host_memory, hosts
from dynrec_jax.report import table
from dynrec_jax.sources import load
from dynrec_jax.storage import whole_files
from dynrec_jax.study import (
  check,
  content,
  cross_validate,
  identity,
  recommend,
  settings,
  split_run,
  topics,
)
from dynrec_jax.study.prepare import Prepared, prepare

_CONFIG = config_flags.DEFINE_config_file(
  'config', None, 'The study: a file of configs/.', lock_config=True
)
flags.mark_flag_as_required('config')


def main(argv: list[str]) -> None:
  """Runs the mode that the config names."""
  if len(argv) > 1:
    raise app.UsageError(f'unknown argument {argv[1]!r}')
  config = _CONFIG.value
  logging.get_absl_handler().addFilter(_for_user)
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


def _for_user(record: logging_lib.LogRecord) -> bool:
  """Whether to show a record: libraries tell every rename, only warn here."""
  own = os.path.dirname(__file__)
  return record.levelno >= logging_lib.WARNING or record.pathname.startswith(
    own
  )


def run(config) -> None:
  """The whole job, for a checked config."""
  host_memory.keep_freed_memory()
  jax.config.update(
    'jax_compilation_cache_dir',
    str(load.data_root(config.data.data_dir or None) / 'xla'),
  )
  if config.text.encoder == 'kim_cnn':  # results keep what was found
    config.text.word_vectors = content.word_vectors_file(config)
  if config.mode == 'choose_topics':
    print(topics.choose_topics(config))
    return
  prepared = prepare(config)
  if config.mode == 'prepare':
    print(topics.describe(config, prepared))
    return
  if config.mode == 'recommend':
    print(recommend.recommend(config, prepared))
    return
  if config.mode == 'cross_validate':
    with checkpoint.StopRequest() as stop:
      text = cross_validate.cross_validate(config, prepared, stop.requested)
    print(text or _exit_to_requeue())
    return
  splits = [
    split_run.make_split(config, prepared, number)
    for number in range(config.split.seeds)
  ]
  model = split_run.make_model(config, prepared)
  features = devices.replicate(objective.padded(prepared.features))
  predictor = split_run.make_predictor(config, prepared, model, features)
  with checkpoint.StopRequest() as stop:
    for this in splits:
      logging.info('split %d of %d', this.number, len(splits))
      if config.mode == 'train_and_evaluate':
        done = split_run.train_split(
          config, prepared, model, predictor, features, this, stop.requested
        )
        if not done:
          _exit_to_requeue()
      split_run.test_split(config, prepared, model, predictor, this)
  _report(config, prepared, splits)


def _exit_to_requeue() -> NoReturn:
  """Ends a run that was asked to stop and has saved."""
  logging.warning('stopped on request; the same command goes on')
  sys.exit(checkpoint.REQUEUE_EXIT_CODE)


def _report(config, prepared: Prepared, splits) -> None:
  """Prints the table and saves it."""
  rows = table.read_rows([this.directory for this in splits])
  names = {
    'random': 'Random',
    'popularity': 'Popularity',
    'model': f'dynrec ({config.opt.preset})',
  }
  text = table.as_markdown(rows, k=config.decode.k, names=names)
  text += settings.origin_note(config)
  facts = identity.saved_config(config, prepared)
  if hosts.is_writer():
    table.write_results(
      os.path.join(config.workdir, 'results.json'), rows, {'config': facts}
    )
    whole_files.write_text(os.path.join(config.workdir, 'results.md'), text)
  print(text)


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
