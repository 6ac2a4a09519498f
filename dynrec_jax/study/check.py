"""Every config value checked once, before anything is read or computed."""

import os

import ml_collections

from dynrec_jax.features import c3d, efficientnet_lite0, text_cnn, vgg19
from dynrec_jax.sources import load, simulation
from dynrec_jax.study import (
  content,
  first_inputs,
  keys,
  source,
  span,
  text_content,
)

# Whose weights a visual encoder needs, and how the key of them begins.
_WEIGHTS = (
  ('vgg19_c3d', 'vgg19', vgg19),
  ('vgg19_c3d', 'c3d', c3d),
  ('efficientnet_lite0', 'efficientnet_lite0', efficientnet_lite0),
)


def check_config(config: ml_collections.ConfigDict) -> None:
  """Raises one error for the first value that cannot be used.

  Raises:
    ValueError: names the key, what was found and what is right.
  """
  for name, key in keys.KEYS.items():
    fault = keys.fault(name, key, keys.value(config, name))
    if fault:
      raise ValueError(fault)
  _check_studies(config)
  _check_source(config)
  _check_visual(config.visual)
  _check_kim_cnn(config)
  _check_text_features(config.text)
  _check_scenario(config)
  _check_prepared(config)
  _check_time_split(config)
  _check_target_weights(config)
  _check_stopping(config)
  _check_sampled_softmax(config)
  _check_streamed(config)
  _check_catalogue(config)


def _check_studies(config: ml_collections.ConfigDict) -> None:
  """Only a simulated world has mechanisms to take out or make stronger."""
  asked = [of for of in keys.OF_WORLDS if of in config.report.studies]
  if asked and config.data.name not in load.SIMULATED:
    raise ValueError(
      f'report.studies asks for {", ".join(asked)}, which are of simulated '
      f'worlds; data.name is {config.data.name}; right there: '
      f'{", ".join(load.SIMULATED)}'
    )


def _check_source(config: ml_collections.ConfigDict) -> None:
  """What is asked of the source, and what a scenario asks of it."""
  name = config.data.name
  with source.naming_keys():
    load.check_asked(name, source.asked(config))
  if config.scenario == 'cross' and name in load.WITHOUT_TWEETS:
    raise ValueError(
      f'data.name is {name}, a data set of one network; scenario=cross reads '
      'tweets; right there: scenario=single'
    )


def _check_visual(visual: ml_collections.ConfigDict) -> None:
  """What an encoder of video files asks for."""
  if visual.encoder in content.OF_SOURCE:
    return
  if not os.path.isdir(visual.folder):
    raise ValueError(
      f'visual.folder is {visual.folder!r}, no such folder; '
      f'visual.encoder={visual.encoder} reads video files named by video id'
    )
  for encoder, name, module in _WEIGHTS:
    key = f'{name}_weights'
    # EfficientNet's come with a package, if no other file is named.
    unnamed = encoder == 'efficientnet_lite0' and not visual[key]
    if visual.encoder != encoder or unnamed:
      continue
    if not os.path.isfile(visual[key]):
      raise ValueError(
        f'visual.{key} is {visual[key]!r}, no such file; right: '
        f'{module.WEIGHTS.described()}'
      )


def _check_kim_cnn(config: ml_collections.ConfigDict) -> None:
  """What the text CNN asks of its fields, size and file."""
  if config.text.encoder != 'kim_cnn':
    return
  if tuple(config.text.fields) == (config.text.label,):
    raise ValueError(
      f'text.fields is {tuple(config.text.fields)}; kim_cnn learns to name '
      f'text.label={config.text.label} and must read another field'
    )
  width_count = len(text_cnn.WIDTHS)
  if config.text.size % width_count:
    raise ValueError(
      f'text.size is {config.text.size}; of kim_cnn it must be a multiple of '
      f'{width_count}'
    )
  path = config.text.word_vectors
  if path not in ('', text_content.GOOGLE_NEWS) and not os.path.isfile(path):
    raise ValueError(
      f"text.word_vectors is {path!r}, no such file; right: '', "
      f'{text_content.GOOGLE_NEWS} or a file of word2vec or GloVe vectors'
    )


def _check_text_features(text: ml_collections.ConfigDict) -> None:
  """What text features from a file ask for."""
  if text.encoder == 'given' and not os.path.isfile(text.features):
    raise ValueError(
      f'text.features is {text.features!r}, no such file; text.encoder=given '
      'reads one with the arrays id [n] and feature [n, D] (numpy.savez)'
    )


def _check_scenario(config: ml_collections.ConfigDict) -> None:
  """What a source's world, the clock and the cross network ask for."""
  try:
    simulation.world_from_name(config.data.world)
  except ValueError as error:
    raise ValueError(f'data.world: {error}') from error
  span.check_dates(config)
  if config.updates.until:
    span.date_secs(config.updates.until, 'updates.until')
  if config.scenario != 'cross':
    return
  if config.model.history_mode == 'topic_then_history':
    raise ValueError(
      'model.history_mode is topic_then_history, which reads watches; '
      'scenario=cross hides them: valid are topic_only, session_chain'
    )
  first_inputs.reads_tweet_texts(config)  # or says why it cannot
  if config.topics.mode_count > min(
    config.topics.first_sweeps, config.topics.day_sweeps
  ):
    raise ValueError(
      f'topics.mode_count is {config.topics.mode_count}; it must be at most '
      'topics.first_sweeps and topics.day_sweeps'
    )


def _check_prepared(config: ml_collections.ConfigDict) -> None:
  """What a study asks for whose records are prepared at scale."""
  data = config.data
  if config.mode == 'prepare_at_scale' and not data.prepared_dir:
    raise ValueError(
      "data.prepared_dir is ''; mode=prepare_at_scale puts the study's records "
      'there; right: a new folder'
    )
  if config.mode == 'prepare_at_scale' and not data.manual_dir:
    raise ValueError(
      "data.manual_dir is ''; mode=prepare_at_scale reads tables there; right: "
      'the folder of watches.parquet, videos.parquet and so on'
    )
  if not data.prepared_dir:
    return
  if data.name != 'files':
    raise ValueError(
      f'data.prepared_dir is {data.prepared_dir!r} and data.name {data.name}; '
      'right there: files'
    )
  if config.mode == 'update':
    raise ValueError(
      f'data.prepared_dir is {data.prepared_dir!r}; mode=update reads the log '
      "itself, which has grown; right there: ''"
    )
  if data.columns:
    raise ValueError(
      f'data.columns is {data.columns!r} and data.prepared_dir '
      f"{data.prepared_dir!r}; right there: '', and tables whose columns have "
      'the names of files'
    )
  if config.visual.encoder not in content.OF_SOURCE and (
    data.require_visual
    or (config.split.by == 'time' and 'visual' in config.split.new_videos)
  ):
    raise ValueError(
      f'visual.encoder is {config.visual.encoder}, and what it finds tells '
      'which videos stay; right with data.prepared_dir: given, its features in '
      'visual.npz beside the tables'
    )


def _check_time_split(config: ml_collections.ConfigDict) -> None:
  """What one date that cuts the log asks for."""
  split = config.split
  if split.by != 'time':
    return
  if config.mode == 'cross_validate':
    raise ValueError(
      'mode is cross_validate, whose folds are of users; split.by is time; '
      'right there: users'
    )
  if split.cut >= config.sessions.L:
    raise ValueError(
      f'split.cut is {split.cut}; of sessions.L={config.sessions.L} it must be '
      f'at most {config.sessions.L - 1}, so that a session is left to test'
    )
  if split.valid_sessions >= split.cut:
    raise ValueError(
      f'split.valid_sessions is {split.valid_sessions}; it must be less than '
      f'split.cut={split.cut}'
    )
  if config.pop.source == 'view_count':
    raise ValueError(
      'pop.source is view_count, which counts views after the cut of '
      'split.by=time too; right there: train'
    )


def _check_target_weights(config: ml_collections.ConfigDict) -> None:
  """The softmax alone weighs targets and leaves out what no list has."""
  if config.loss.mask_known and not config.eval.mask_history:
    raise ValueError(
      'loss.mask_known is True, so known videos are never learned about, and '
      'eval.mask_history is False, so lists may hold them; right: both or none'
    )
  if config.seq.weight != 'watch' and config.static.loss != 'softmax':
    raise ValueError(
      f'seq.weight is {config.seq.weight}, which weighs what a softmax '
      f'predicts; static.loss is {config.static.loss}; right there: watch'
    )


def _check_stopping(config: ml_collections.ConfigDict) -> None:
  """What stopping by a likelihood asks for: a loss that is one."""
  if config.train.stop_by == 'likelihood' and config.static.loss != 'softmax':
    raise ValueError(
      f'static.loss is {config.static.loss}, which makes no probability; '
      'train.stop_by=likelihood reads one: right is softmax, or '
      'train.stop_by=f_score'
    )


def _check_sampled_softmax(config: ml_collections.ConfigDict) -> None:
  """What a softmax over a sample of the videos cannot stand beside."""
  if config.loss.coherence != 'sampled_softmax':
    return
  if config.model.network == 'plus':
    raise ValueError(
      'loss.coherence is sampled_softmax; model.network=plus has a calendar of '
      'all videos, which each step reads; right there: softmax'
    )
  if config.opt.average:
    raise ValueError(
      f'opt.average is {config.opt.average}, of all parameters at every step; '
      'loss.coherence=sampled_softmax steps on a few rows; right there: 0'
    )
  if config.loss.in_batch and config.rel.partners == 'in_batch':
    raise ValueError(
      'loss.in_batch is True, which takes batches to be random; '
      'rel.partners=in_batch composes them; right there: False'
    )


def _check_streamed(config: ml_collections.ConfigDict) -> None:
  """What asks for all samples at once."""
  if not config.train.streamed:
    return
  for key, value, right in (
    ('loss.relevance_weight', config.loss.relevance_weight, 0.0),
    ('seq.weight', config.seq.weight, 'watch'),
    ('static.loss', config.static.loss, 'softmax'),
  ):
    if value != right:
      raise ValueError(
        f'{key} is {value}, which asks for all samples at once; '
        f'train.streamed=True holds none; right there: {right}'
      )
  if config.model.network == 'plus':
    raise ValueError(
      'model.network is plus, whose calendar and means are of all samples; '
      'train.streamed=True holds none; right there: False'
    )


def _check_catalogue(config: ml_collections.ConfigDict) -> None:
  """What a catalogue that is cut over devices asks for."""
  if config.parallel.catalogue != 'sharded':
    return
  network = config.model.network
  right = 'right there: parallel.catalogue=replicated'
  if network not in keys.CUT_NETWORKS:
    raise ValueError(
      f'parallel.catalogue is sharded, which is of model.network='
      f'{", ".join(keys.CUT_NETWORKS)}; it is {network}; {right}'
    )
  if network == 'static_dnn' and config.static.loss != 'softmax':
    raise ValueError(
      'parallel.catalogue is sharded, whose loss is the full softmax; '
      f'static.loss is {config.static.loss}; {right}, or static.loss=softmax'
    )
