"""What a study asks of the process that it runs in, and of the run's others."""

import contextlib
import logging as logging_lib
from collections.abc import Iterator

import jax
import ml_collections
from absl import logging

from dynrec_jax.parallel import host_memory, hosts
from dynrec_jax.study import places
from dynrec_jax.study.naming import naming


@contextlib.contextmanager
def set_up(config: ml_collections.ConfigDict) -> Iterator[None]:
  """A process for the block: with the run's other hosts, if there are any.

  Keeps freed memory, and compiled programs for the next run. Hosts end
  together, see `hosts.together`.

  Raises:
    ValueError: see `hosts.start`.
    OSError: see `hosts.start`.
  """
  host_memory.keep_freed_memory()
  with naming(**{key: f'hosts.{key}' for key in config.hosts}):
    hosts.start(**config.hosts)
  jax.config.update('jax_compilation_cache_dir', places.programs_dir(config))
  if not hosts.is_writer():
    logging.get_absl_handler().addFilter(_of_another_host)
  with hosts.together():
    yield


def tell(text: str) -> None:
  """Prints what a run has found, once."""
  if hosts.is_writer():
    print(text)


def _of_another_host(record: logging_lib.LogRecord) -> bool:
  """Whether to show a record: of hosts that compute the same, errors alone."""
  record.msg = f'{hosts.in_words()}: {record.msg}'
  return record.levelno >= logging_lib.ERROR or (
    logging.get_verbosity() >= logging.DEBUG
  )
