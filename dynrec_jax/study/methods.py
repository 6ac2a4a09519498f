"""The methods that a study compares, by name: the model and the baselines."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import ml_collections

from dynrec_jax.baselines import (
  biased_factors,
  co_occurrence,
  content_based,
  ease,
  fpmc,
  gru4rec,
  item_knn,
  lfm,
  mknn,
  next_popularity,
  popularity,
  random,
  ridge,
  sasrec,
  sca,
)
from dynrec_jax.recommender import Recommender, Seen
from dynrec_jax.study.naming import naming

_SINGLE, _CROSS, _BOTH = ('single',), ('cross',), ('single', 'cross')


class Method(NamedTuple):
  """What is said of a method, once.

  Attributes:
    label: as a reader calls it.
    scenarios: where it stands in the tables.
    kind: the method that it is a variant of; '' is itself. Of kind 'model' are
      the networks, which the training loop fits.
    changes: what makes it the variant, by dotted key.
    tuned: the keys that `mode=tune` chooses, each from its grid.
  """

  label: str
  scenarios: tuple[str, ...]
  kind: str = ''
  changes: Mapping[str, Any] = {}
  tuned: tuple[str, ...] = ()


# What takes a term out of the objective.
_NO_INTEREST = {'loss.interest_weight': 0.0, 'loss.relevance_weight': 0.0}
_NO_TERM = _NO_INTEREST | {'loss.semantic_weight': 0.0}
# The preset `plus`: its network, and how that is learned.
PLUS: Mapping[str, Any] = _NO_TERM | {
  'model.network': 'plus',
  'plus.calendar': 'rates',
  'plus.mean': 'border',
  'model.history_mode': 'topic_only',
  'interest.decay': 0.1,
  'interest.time_unit': 'session',
  'seq.horizon': 'all_after',
  'seq.weight': 'measure',
  'loss.coherence': 'softmax',
  'loss.mask_known': True,
  'loss.reduction': 'mean',
  'loss.weight_decay': 0.01,
  'opt.name': 'adamw',
  'opt.learning_rate': 2e-3,
  'opt.average': 0.99,
  'train.batch_size': 128,
  'train.max_epochs': 30,
  'train.patience': 3,
  'train.stop_by': 'likelihood',
  'train.refit': True,
  'decode.method': 'topk_first',
}
# What the networks tune.
_RATE = ('opt.learning_rate',)
# What both forms of FPMC tune.
_FPMC_TUNED = ('fpmc.learning_rate', 'fpmc.reg', 'fpmc.epochs')

# As results name them, in the order of the tables.
METHODS: Mapping[str, Method] = {
  'random': Method('Random', _BOTH),
  'popularity': Method('Popularity', _BOTH),
  'recent_popularity': Method(
    'Popularity of late',
    _BOTH,
    kind='popularity',
    changes={'pop.source': 'train', 'pop.window': 0.5},
  ),
  'lfm': Method(
    'LFM',
    _SINGLE,
    tuned=('lfm.factors', 'lfm.regularization', 'lfm.confidence'),
  ),
  'lfm_sgd': Method(
    'LFM (biased, SGD)',
    _SINGLE,
    'lfm',
    {'lfm.variant': 'biased_sgd'},
    tuned=('lfm.factors', 'lfm.sgd_regularization', 'lfm.sgd_epochs'),
  ),
  'item_knn': Method('Item KNN', _SINGLE, tuned=('item_knn.neighbours',)),
  'fpmc': Method('FPMC', _SINGLE, tuned=_FPMC_TUNED),
  'fpmc_session': Method(
    'FPMC, session',
    _SINGLE,
    kind='fpmc',
    changes={'fpmc.basket': 'session'},
    tuned=_FPMC_TUNED,
  ),
  'mknn': Method('MKNN', _CROSS, tuned=('mknn.neighbours',)),
  'content_based': Method('CB', _CROSS),
  'sca': Method(
    'SCA',
    _CROSS,
    tuned=('sca.factors', 'sca.negatives', 'sca.regularization'),
  ),
  'sca_topic_ridge': Method(
    'SCA (ridge)',
    _CROSS,
    kind='sca',
    changes={'sca.variant': 'topic_ridge'},
    tuned=('sca.ridge',),
  ),
  'ease': Method('EASE', _SINGLE, tuned=('ease.regularization',)),
  'gru4rec': Method(
    'GRU4Rec',
    _SINGLE,
    tuned=('gru4rec.dropout', 'gru4rec.learning_rate', 'gru4rec.epochs'),
  ),
  'sasrec': Method(
    'SASRec',
    _SINGLE,
    tuned=('sasrec.dropout', 'sasrec.learning_rate', 'sasrec.epochs'),
  ),
  'next_popularity': Method('Popularity of the next period', _BOTH),
  'co_occurrence': Method(
    'Co-occurrence', _SINGLE, tuned=('co_occurrence.shrinkage',)
  ),
  'ridge': Method('Ridge', _SINGLE, tuned=('ridge.regularization',)),
  'rnn': Method(
    'RNN',
    _BOTH,
    kind='model',
    changes={'model.network': 'rnn', 'interest.decay': 0.0} | _NO_TERM,
    tuned=_RATE,
  ),
  'rnn_sem': Method(
    'RNN-Sem',
    _BOTH,
    kind='model',
    changes={'model.network': 'rnn_sem', 'interest.decay': 0.0} | _NO_INTEREST,
    tuned=_RATE,
  ),
  'rnn_norel': Method(
    'RNN-noRel',
    _BOTH,
    kind='model',
    changes={'loss.relevance_weight': 0.0},
    tuned=_RATE,
  ),
  'static_dnn': Method(
    'Static-DNN',
    _BOTH,
    kind='model',
    changes={
      'model.network': 'static_dnn',
      'interest.decay': 0.0,
      'decode.method': 'topk_first',
    },
    tuned=_RATE,
  ),
  'model': Method('dynrec', _BOTH, tuned=_RATE),
  'plus': Method('dynrec plus', _BOTH, kind='model', changes=PLUS),
}


def chosen(config: ml_collections.ConfigDict) -> list[str]:
  """The methods that the config names and its scenario has, in order."""
  names = tuple(config.eval.methods) or tuple(METHODS)
  return [
    name
    for name, method in METHODS.items()
    if name in names and config.scenario in method.scenarios
  ]


def kind(name: str) -> str:
  """What a method is a variant of, or itself."""
  return METHODS[name].kind or name


def section(name: str) -> str:
  """Where the keys of a baseline stand; '' of the networks."""
  if is_network(name):
    return ''
  return {'popularity': 'pop'}.get(kind(name), kind(name))


def is_network(name: str) -> bool:
  """Whether the training loop fits the method."""
  return kind(name) == 'model'


@naming(
  source='pop.source',
  window='pop.window',
  basket='fpmc.basket',
  heads='sasrec.heads',
)
def fit(
  name: str,
  config: ml_collections.ConfigDict,
  seen: Seen,
  network: Recommender | None,
) -> Recommender:
  """A method, fitted on what may be seen.

  Args:
    name: one of METHODS.
    config: of the method, see `method_config.of_method`.
    seen: what may be read.
    network: the trained network, of a method that is one.

  Returns:
    The recommender.

  Raises:
    ValueError: for an unknown name.
    CannotFit: the method cannot use the data.
  """
  if name not in METHODS:
    raise ValueError(f'no method {name!r}; valid are {", ".join(METHODS)}')
  match kind(name):
    case 'random':
      return random.fit(seen)
    case 'popularity':
      return popularity.fit(seen, popularity.Settings(**config.pop))
    case 'lfm':
      return lfm.fit(seen, _lfm_settings(config.lfm))
    case 'item_knn':
      return item_knn.fit(seen, item_knn.Settings(**config.item_knn))
    case 'ease':
      return ease.fit(seen, ease.Settings(**config.ease))
    case 'next_popularity':
      return next_popularity.fit(seen)
    case 'co_occurrence':
      settings = co_occurrence.Settings(**config.co_occurrence)
      return co_occurrence.fit(seen, settings)
    case 'ridge':
      return ridge.fit(seen, ridge.Settings(**config.ridge))
    case 'mknn':
      return mknn.fit(seen, mknn.Settings(**config.mknn))
    case 'content_based':
      return content_based.fit(seen)
    case 'sca':
      return sca.fit(seen, sca.Settings(**config.sca))
    case 'fpmc':
      return fpmc.fit(seen, fpmc.Settings(**config.fpmc))
    case 'gru4rec':
      return gru4rec.fit(seen, gru4rec.Settings(**config.gru4rec))
    case 'sasrec':
      return sasrec.fit(seen, sasrec.Settings(**config.sasrec))
    case 'model':
      return network


def _lfm_settings(of: ml_collections.ConfigDict) -> lfm.Settings:
  """The config's section as the method takes it."""
  return lfm.Settings(
    of.variant,
    of.factors,
    of.regularization,
    of.confidence,
    of.rounds,
    biased_factors.Settings(
      of.sgd_regularization, of.sgd_learning_rate, of.sgd_epochs, of.sgd_zeros
    ),
  )
