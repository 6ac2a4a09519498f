"""From a checkpoint to a folder that others serve, without package or data."""

import os
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections
import numpy as np
from absl import logging

from dynrec_jax.parallel import hosts
from dynrec_jax.predict import Predictor
from dynrec_jax.serving import exported, folder
from dynrec_jax.serving.folder import Contents, Words
from dynrec_jax.study import about, behaviours, first_inputs, recommend, splits
from dynrec_jax.study.parts import make_parts, with_whole_catalogue
from dynrec_jax.study.prepare import Prepared
from dynrec_jax.study.splits import Split
from dynrec_jax.topics import tweet_topics


def export(config: ml_collections.ConfigDict, prepared: Prepared) -> str:
  """Writes a folder that makes the lists of `mode=recommend` on its own.

  Returns:
    The path of the folder.

  Raises:
    ValueError: no fitting checkpoint, or something else lies at the path.
    ImportError: names the extra that is missing.
  """
  _check_libraries()
  this = splits.make_split(config, prepared, config.recommend.split)
  recommend.refuse_other_users(config, prepared)
  config = with_whole_catalogue(config)
  parts = make_parts(config, prepared)
  params = recommend.load_params(config, parts, this)
  contents = _contents(config, prepared, this, *parts.served(config, params))
  path = config.export.folder or os.path.join(config.workdir, 'export')
  if hosts.is_writer():
    folder.write(path, contents)
  logging.info(
    'exported: %s videos, lists of %d, for %s',
    f'{len(contents.video_ids):,}',
    config.decode.k,
    ', '.join(contents.lists.platforms),
  )
  return path


def _check_libraries() -> None:
  """Raises ImportError if what only this mode needs is not there."""
  try:
    import flatbuffers  # noqa: F401, of jax.export
    import safetensors  # noqa: F401
  except ImportError as error:
    raise ImportError(
      f'mode=export: {error}; right: pip install dynrec_jax[export]'
    ) from error


def _contents(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  this: Split,
  predictor: Predictor,
  params: Any,
) -> Contents:
  """All that the folder holds."""
  made_of, topics, words = prepared.behaviours, None, None
  of = history_kind(config, prepared)
  size = made_of.topics.shape[1]
  if of == 'vectors':
    size = _vector_size(config, prepared)
  else:
    topics = np.asarray(made_of.topics)
  if of == 'tweets':
    words = _words(made_of, this)
  count = prepared.sessions.count
  lists = exported.export_lists(
    predictor,
    params,
    config.decode.k,
    session_count=count,
    interest_size=size,
  )
  facts = {
    'dynrec_jax': about.version(),
    'network': config.model.network,
    'scenario': config.scenario,
    'method': config.decode.method,
    'k': config.decode.k,
    'catalogue': prepared.fingerprint,
  }
  reading = _reading(config, prepared, predictor, of, size)
  ids = list(prepared.records.videos.id)
  return Contents(lists, reading, ids, topics, words, facts)


def history_kind(config: ml_collections.ConfigDict, prepared: Prepared) -> str:
  """What histories of new users are of: 'watches', 'tweets' or 'vectors'.

  Vectors are those of tweets whose source brings topics, or which a network
  reads by text features: without the encoder, texts mean nothing.
  """
  if config.scenario == 'single':
    return 'watches'
  if first_inputs.description(config, prepared) is not None:
    return 'vectors'
  return 'vectors' if prepared.behaviours.known is None else 'tweets'


def _vector_size(config: ml_collections.ConfigDict, prepared: Prepared) -> int:
  """Of a tweet's vector."""
  if first_inputs.description(config, prepared) is not None:
    return prepared.features.text.shape[1]
  return prepared.behaviours.topics.shape[1]


def _reading(
  config: ml_collections.ConfigDict,
  prepared: Prepared,
  predictor: Predictor,
  of: str,
  interest_size: int,
) -> dict[str, Any]:
  """How histories are read, see `serving.histories`."""
  clock, own = prepared.sessions, predictor.settings.inputs
  read = exported.reading_of(predictor, clock.count, interest_size)
  # Of a chain of sessions: their ends, but for the last, which is now.
  borders = clock.borders[1 : read.interests].tolist()
  return {
    'of': of,
    'end': clock.end(clock.count),
    'borders': borders,
    'decay': float(own.decay),
    'unit_secs': float(own.unit_secs),
    'norm': own.norm,
    'max_len': read.max_len,
    'max_bag': read.max_bag,
    'interest_size': interest_size,
    'mask_known': config.eval.mask_history,
  }


def _words(made_of: behaviours.Behaviours, this: Split) -> Words:
  """What tweets of new users are read with."""
  from jax import export as jax_export

  known = behaviours.fitted(made_of, this.users.train)
  hyper = known.settings.hyper

  def topics_of(likelihood):
    nobody = jnp.zeros(likelihood.shape[0], jnp.int32)
    return tweet_topics.most_probable(
      likelihood, nobody, jnp.float32(hyper.alpha), user_count=1
    )

  shape = jax_export.symbolic_shape(f'n, {hyper.topic_count}')
  spec = jax.ShapeDtypeStruct(shape, np.float32)
  found = jax_export.export(jax.jit(topics_of), platforms=exported.PLATFORMS)(
    spec
  )
  return Words(
    known.vocabulary, behaviours.log_mixture(known), bytes(found.serialize())
  )
