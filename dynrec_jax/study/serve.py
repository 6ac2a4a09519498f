"""A server of lists, from a checkpoint, until it is told to stop."""

import ml_collections
from absl import logging

from dynrec_jax.parallel import hosts
from dynrec_jax.predict import ROWS
from dynrec_jax.serving.asked import BadRequest
from dynrec_jax.serving.folder_service import FolderService
from dynrec_jax.serving.service import Service
from dynrec_jax.study import new_videos, recommend, splits
from dynrec_jax.study.list_service import ListService
from dynrec_jax.study.naming import naming
from dynrec_jax.study.parts import make_parts, with_whole_catalogue
from dynrec_jax.study.prepare import Prepared, prepare

_EXTRA_CONNECTIONS = 256  # for health and metrics, while requests wait


def serve(config: ml_collections.ConfigDict) -> str:
  """Answers requests until SIGTERM or SIGINT, then what it has begun.

  Returns:
    A line that says so.

  Raises:
    ValueError: no fitting checkpoint, or the address cannot be had.
    ImportError: names the extra that is missing.
  """
  try:
    from dynrec_jax.serving import app, server
  except ImportError as error:
    raise ImportError(
      f'mode=serve: {error}; right: pip install dynrec_jax[serve]'
    ) from error
  from dynrec_jax.serving.batching import BatchSettings

  if hosts.count() > 1:
    raise ValueError(
      f'mode is serve in a run of {hosts.count()} hosts; right: a server on '
      'each of one host, behind a balancer'
    )
  of = config.serve
  with naming(host='serve.host', port='serve.port'):
    bound = server.bind(of.host, of.port)
  with bound:
    service = _service(config)
    batches = BatchSettings(ROWS, of.wait_ms / 1000, of.max_waiting)
    settings = app.AppSettings(batches, of.timeout_secs, of.max_body_bytes)
    server.run(
      app.make_app(service, settings),
      bound,
      drain_secs=of.drain_secs,
      most_connections=of.max_waiting + _EXTRA_CONNECTIONS,
      started=lambda address: logging.info('serving at %s', address),
    )
  return 'stopped on request; every request that was taken is answered'


def _service(config: ml_collections.ConfigDict) -> Service:
  """Of an exported folder, if one is named, or of the run's checkpoint."""
  if config.serve.folder:
    return FolderService(config.serve.folder, config.serve.max_events)
  return make_service(config, prepare(config))


def make_service(
  config: ml_collections.ConfigDict, prepared: Prepared
) -> ListService:
  """What makes the lists, with everything compiled.

  Raises:
    ValueError: no fitting checkpoint.
  """
  this = splits.make_split(config, prepared, config.recommend.split)
  recommend.refuse_other_users(config, prepared)
  config = with_whole_catalogue(config)
  parts = make_parts(config, prepared)
  params = recommend.load_params(config, parts, this)
  describe = new_videos.why_not(config)
  if not describe:
    try:
      describe = new_videos.make_describer(config, prepared, this, params)
    except BadRequest as error:
      describe = str(error)
      logging.warning('no video can be added: %s', describe)
  served = parts.served(config, params)
  return ListService(config, prepared, this, served, describe)
