"""Every config value checked once, before anything is read or computed."""

import math
import os
from collections.abc import Mapping, Sequence

import ml_collections

from dynrec_jax import objective, predict, train
from dynrec_jax.data import filters, inputs, relevance, sequences, sessions
from dynrec_jax.features import c3d, documents, efficientnet_lite0, vgg19
from dynrec_jax.interest import NORMS
from dynrec_jax.models import theta
from dynrec_jax.sources import load, simulation
from dynrec_jax.study import (
  behaviours,
  content,
  prepare,
  settings,
  weight_search,
)

RUN_MODES = (
  'train_and_evaluate',
  'prepare',
  'choose_topics',
  'cross_validate',
  'evaluate',
  'recommend',
)

# Keys that name one of several choices.
CHOICES: Mapping[str, Sequence[str]] = {
  'mode': RUN_MODES,
  'scenario': behaviours.SCENARIOS,
  'data.name': load.NAMES,
  'filter.mode': filters.MODES,
  'seq.horizon': sequences.HORIZONS,
  'visual.encoder': content.VISUAL_ENCODERS,
  'text.encoder': content.ENCODERS,
  'text.label': content.LABELS,
  'topics.yt': content.TOPIC_MODELS,
  'interest.time_unit': sessions.TIME_UNITS,
  'interest.norm': NORMS,
  'model.history_mode': inputs.HISTORY_MODES,
  'model.embed_norm': theta.EMBED_NORMS,
  'model.product_dtype': tuple(settings.PRODUCT_DTYPES),
  'loss.reduction': ('preset', *objective.REDUCTIONS),
  'sem.negative': ('uniform', 'in_batch'),
  'rel.positive': relevance.POSITIVES,
  'rel.negative': relevance.NEGATIVES,
  'opt.preset': tuple(settings.PRESETS),
  'opt.name': ('preset', *train.OPTIMIZERS),
  'decode.method': predict.METHODS,
  'pop.source': ('train', 'view_count'),
  'cv.grid': weight_search.GRIDS,
}

# Keys that hold a number, with the least and the largest it may be.
RANGES: Mapping[str, tuple[float, float]] = {
  'seed': (0, 2**31 - 1000),
  'data.world_seed': (0, 2**31 - 1),
  'filter.min_tweets_per_user': (0, math.inf),
  'filter.min_videos_per_user': (1, math.inf),
  'filter.min_users_per_video': (1, math.inf),
  'sessions.L': (4, 100_000),
  'split.seeds': (1, 1000),
  'split.test_frac': (0, 0.99),
  'seq.max_target_len': (1, 10_000),
  'seq.next_count': (1, 10_000),
  'text.size': (1, 100_000),
  'text.word_size': (1, 100_000),
  'topics.count': (2, 100_000),
  'topics.visual_slices': (1, 100_000),
  'topics.tweet_count': (2, 30_000),
  'topics.least_tweets': (1, math.inf),
  'topics.first_days': (1, 100_000),
  'topics.first_sweeps': (1, 100_000),
  'topics.day_sweeps': (1, 100_000),
  'topics.mode_count': (1, 100_000),
  'topics.retention': (0.001, 1),
  'interest.decay': (0, 1e6),
  'model.embed_size': (1, 100_000),
  'model.D_h': (1, 100_000),
  'loss.semantic_weight': (0, 1e6),
  'loss.interest_weight': (0, 1e6),
  'loss.relevance_weight': (0, 1e6),
  'loss.weight_decay': (0, 1e6),
  'loss.semantic_margin': (0, 2),
  'loss.relevance_margin': (0, 2),
  'sem.n_neg': (1, 10_000),
  'sem.batch_size': (1, 10**6),
  'opt.learning_rate': (0, 1e6),
  'train.batch_size': (1, 10**6),
  'train.max_epochs': (1, 10**6),
  'train.patience': (1, 10**6),
  'train.val_frac': (0.001, 0.99),
  'train.save_every_steps': (1, math.inf),
  'train.log_every_steps': (1, math.inf),
  'decode.k': (1, 1000),
  'recommend.split': (0, 999),
  'cv.split': (0, 999),
}

# Keys that hold values to try, for the key whose range they must lie in.
TRIED: Mapping[str, str] = {
  f'cv.{name}': f'loss.{name}'
  for name in ('semantic_weight', 'interest_weight', 'relevance_weight')
}


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
  for key, valid in CHOICES.items():
    value = _get(config, key)
    if value not in valid:
      raise ValueError(f'{key} is {value!r}; valid are {", ".join(valid)}')
  for key, (low, high) in RANGES.items():
    value = _get(config, key)
    if not (math.isfinite(value) and low <= value <= high):
      raise ValueError(f'{key} is {value}; it must lie in [{low}, {high}]')
  unknown = set(config.text.fields) - set(documents.FIELDS)
  if unknown or not config.text.fields:
    raise ValueError(
      f'text.fields is {tuple(config.text.fields)}; valid are some of '
      f'{", ".join(documents.FIELDS)}'
    )
  _check_counts(config.topics.counts)
  _check_visual(config.visual)
  _check_kim_cnn(config)
  _check_text_features(config.text)
  _check_scenario(config)
  for key, tried in TRIED.items():
    _check_tried(key, _get(config, key), RANGES[tried])
  if not config.workdir:
    raise ValueError('workdir is empty; it must name a folder for results')


def _check_counts(counts: Sequence[int]) -> None:
  """Raises unless the numbers of topics to try are such."""
  if not counts or not all(type(k) is int and k > 1 for k in counts):
    raise ValueError(
      f'topics.counts is {tuple(counts)}; it must be one or more whole numbers '
      'of 2 or more'
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
  if config.text.size % 3:
    raise ValueError(
      f'text.size is {config.text.size}; of kim_cnn it must be a multiple of 3'
    )
  path = config.text.word_vectors
  if path not in ('', content.GOOGLE_NEWS) and not os.path.isfile(path):
    raise ValueError(
      f"text.word_vectors is {path!r}, no such file; right: '', "
      f'{content.GOOGLE_NEWS} or a file of word2vec or GloVe vectors'
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
  for key in ('start', 'end'):
    if config.sessions[key]:
      prepare.date_secs(config.sessions[key], f'sessions.{key}')
  if config.scenario != 'cross':
    return
  if config.model.history_mode == 'topic_then_history':
    raise ValueError(
      'model.history_mode is topic_then_history, which reads watches; '
      'scenario=cross hides them: valid are topic_only, session_chain'
    )
  if config.topics.mode_count > min(
    config.topics.first_sweeps, config.topics.day_sweeps
  ):
    raise ValueError(
      f'topics.mode_count is {config.topics.mode_count}; it must be at most '
      'topics.first_sweeps and topics.day_sweeps'
    )


def _check_tried(key: str, values, bounds: tuple[float, float]) -> None:
  """Raises unless the values are numbers, distinct and within the bounds."""
  low, high = bounds
  numbers = all(
    type(x) in (int, float) and math.isfinite(x) and low <= x <= high
    for x in values
  )
  if not (len(values) and numbers and len(set(values)) == len(values)):
    raise ValueError(
      f'{key} is {tuple(values)}; it must be one or more different numbers in '
      f'[{low}, {high}]'
    )


def _get(config: ml_collections.ConfigDict, key: str):
  """The value under a dotted key."""
  value = config
  for part in key.split('.'):
    value = value[part]
  return value
